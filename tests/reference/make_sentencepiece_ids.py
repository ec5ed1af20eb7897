"""Writes tests/reference/sentencepiece-ids.json: what the original SentencePiece library makes of a corpus.

Needs Debian's python3-sentencepiece and the folder of validation data.
Usage: /usr/bin/python3 tests/reference/make_sentencepiece_ids.py ../shared/data > tests/reference/sentencepiece-ids.json
"""
import hashlib, json, struct, sys
import sentencepiece

TEXTS = [
    "Hello, world! It's 12345 o'clock; they'LL say we'Ve done.",
    "  two  blanks   three\ttab\r\n\r\n  line \n\n\n end   ",
    "for (int i = 0; i < n; i++) { a[i] += b[i] * 0x1F; } // ünïcödé\n\tif (!x) return;",
    "def f(x):\n    return {'a': [1, 2.5e-3], \"b\": None}\n",
    "😀👩‍👩‍👧‍👦🏳️‍🌈🇩🇪 flags and 👍🏽 tones",
    "e\u0301 a\u0308o\u0302\u0323 \u0301 combining",
    "中文分词测试，北京2008年。日本語テスト、한국어 시험입니다.",
    "𝐀𝐁𝐂 𝟏𝟐𝟑 𠀀𠀁 𐌰𐌱 ͏ \u00AD\u200B\uFEFF",
    "עברית العربية ไทย हिन्दी ελληνικά Кириллица",
    "▁lower one eighth block ▁▁ twice",
    "\u0001\u007F\u0080\u0085\u00A0\u2028\u3000",
    "https://example.org/a_b-c?d=e&f=%20#g  user@example.com",
    " ", "a", "\n", " a", "▁",
    "x" * 700 + " " * 300 + "y",
    "ab" * 300 + "字" * 200,
    " " * 5 + "a" + " " * 16 + "b" + " " * 17 + "c" + " " * 33,
]
FILES = ["haystack/r2-part0.txt", "haystack/retrieval-part1.txt", "longbench/multifieldqa_zh.jsonl"]
MODELS = ["llama2-sentencepiece.model", "mistral-v0.3-sentencepiece.model"]

data, result = sys.argv[1], {}
for name in MODELS:
    model = sentencepiece.SentencePieceProcessor(model_file=f"{data}/tokenizers/{name}")
    files = []
    for file in FILES:
        ids = model.encode(open(f"{data}/{file}", encoding="utf-8", errors="replace", newline="").read())
        files.append({"file": file, "count": len(ids), "sha256": hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()})
    result[name] = {"texts": [{"text": t, "ids": model.encode(t), "decoded": model.decode(model.encode(t))} for t in TEXTS], "files": files}
json.dump(result, sys.stdout, ensure_ascii=True, separators=(",", ":"))
print()
