#!/usr/bin/env python3
"""Writes small tokenizers of every supported shape, and the ids that Hugging Face's own JavaScript library gives with them.

    tests/fixtures/tokenizers/NAME.json        tokenizer.json files, their merges learned from the texts below
    tests/fixtures/tokenizers/expected.json    for each: text, ids with and without special ones, both decoded

    npm install @huggingface/tokenizers@0.2.0 && /usr/bin/python3 tests/reference/make_tokenizers.py [FOLDER/tokenizer.json ...]

Further arguments are real tokenizers, compared in the same way and recorded by file name only. The library is looked for in node_modules
of the current folder. Two places where it is known to differ from the original in Rust are left out: JavaScript takes U+FEFF for white space,
and its Digits knows only 0 to 9 (rows of other numbers are null).
"""
import collections
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "fixtures" / "tokenizers"

TEXTS = [
    "Hello, world! It's 12345 o'clock; they'LL say we'Ve done.",
    "  two  blanks   three\ttab\r\n\r\n  line \n\n\n end   ",
    "for (int i = 0; i < n; i++) { a[i] += b[i] * 0x1F; } // \u00fcn\u00efc\u00f6d\u00e9\n\tif (!x) return;",
    "def f(x):\n    return {'a': [1, 2.5e-3], \"b\": None}\n",
    "\U0001F600\U0001F469\u200D\U0001F469\u200D\U0001F467 \U0001F3F3\uFE0F\u200D\U0001F308 flags \U0001F1E9\U0001F1EA and \U0001F44D\U0001F3FD tones",
    "e\u0301 a\u0308o\u0302\u0323 \u0301 combining \u1100\u1161\u11A8 \u212B \uFB01 q\u0307\u0323",
    "\u4e2d\u6587\u5206\u8bcd\u6d4b\u8bd5\uff0c\u5317\u4eac2008\u5e74\u3002\u65e5\u672c\u8a9e\u30c6\u30b9\u30c8\u3001\ud55c\uad6d\uc5b4 \uc2dc\ud5d8\uc785\ub2c8\ub2e4.",
    "\U0001D400\U0001D401 \U0001D7CF\U0001D7D0\U0001D7D1\U0001D7CF \U00020000\U00020001 \U00010330 \u034F \u00AD\u200B\u2060",
    "\u05e2\u05d1\u05e8\u05d9\u05ea \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u0e44\u0e17\u0e22 \u0939\u093f\u0928\u094d\u0926\u0940 \u03b5\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u041a\u0438\u0440\u0438\u043b\u043b\u0438\u0446\u0430",
    "<|bos|> <s> </s> [INST] not <|special|> and <mark> x<mark>y <mark>",
    "<|bos|><|end|>the<|end|>the <|bos|>",
    "a strip  <pad>  b <pad>c<pad> \n<pad>",
    "\u2581lower one eighth block \u2581\u2581 twice",
    "\u0001\u007F\u0080\u00A0\u3000x",
    "https://example.org/a_b-c?d=e&f=%20#g  user@example.com",
    " ", "a", "\n", "", "   ", " the", "the the  the   the",
    "lone \ud800 high, \udc00 low, swapped \udc00\ud800 end \ud83d",
    "x" * 700 + " " * 90 + "y",
    "ab" * 300 + "\u5b57" * 150,
    "1 12 123 1234 12345 1,234.56 3\u00bd \u0663\u0664 1a2b",
]


def byte_alphabet():
    plain = [b for b in range(256) if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or b >= 0xAE]
    rest = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(rest)}}


def learn(words, count):
    """Plain byte-pair encoding over words given as lists of symbols."""
    counted = collections.Counter(tuple(word) for word in words)
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, n in counted.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        after = collections.Counter()
        for word, n in counted.items():
            joined, i = [], 0
            while i < len(word):
                if word[i:i + 2] == best:
                    joined.append(word[i] + word[i + 1])
                    i += 2
                else:
                    joined.append(word[i])
                    i += 1
            after[tuple(joined)] += n
        counted = after
    return merges


def clean(text):
    """Half characters, which Python's strings hold as such, as U+FFFD: neither the library nor UTF-8 knows them."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


def added(id, content, special=True, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special, "special": special, **flags}


def template(token, id):
    return {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}], "special_tokens": {token: {"id": token, "ids": [id], "tokens": [token]}}}


def byte_level(normalizer, steps, pairs, ignore_merges, post, more):
    alphabet = byte_alphabet()
    words = ["".join(alphabet[b] for b in ((" " if i else "") + word).encode()) for text in TEXTS if "<|" not in text and "<pad>" not in text for i, word in enumerate(clean(text).split(" "))]
    merges = learn([list(word) for word in words], 260)
    vocab = {c: i for i, c in enumerate(alphabet[b] for b in range(256))}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    if ignore_merges:
        vocab.setdefault("\u0120return", len(vocab))  # a word that no merges lead to
    tokens = [added(len(vocab) + i, **token) for i, token in enumerate(more)]
    bos = next((t["id"] for t in tokens if t["content"] == "<|bos|>"), None)
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer, "pre_tokenizer": steps,
            "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, template("<|bos|>", bos)]} if post else
            {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "" if pairs else None, "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "ignore_merges": ignore_merges, "vocab": vocab, "merges": [list(m) if pairs else " ".join(m) for m in merges]}}


def pieces(normalizer, pre_tokenizer, pairs, strip):
    words = ["\u2581" + word for text in TEXTS[:20] for word in clean(text).replace("\n", " ").split(" ") if word.isascii()]
    merges = [m for m in learn([list(word) for word in words], 200)]
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for b in range(256):
        vocab[f"<0x{b:02X}>"] = len(vocab)
    for c in sorted({c for word in words for c in word} | set("\u4e2d\u5b57\u2581")):
        vocab.setdefault(c, len(vocab))
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    decoders = [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}]
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [added(0, "<unk>"), added(1, "<s>"), added(2, "</s>")] + [added(len(vocab), "[INST]")],
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": template("<s>", 1),
            "decoder": {"type": "Sequence", "decoders": decoders + ([{"type": "Strip", "content": " ", "start": 1, "stop": 0}] if strip else [])},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True,
                      "ignore_merges": False, "vocab": vocab, "merges": [list(m) if pairs else " ".join(m) for m in merges]}}


def split(pattern):
    return {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
                                                  {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}]}


CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = [dict(content="<|bos|>"), dict(content="<|end|>")]
TOKENIZERS = {
    "llama3": lambda: byte_level(None, split(CONTRACTIONS + r"|\p{N}{1,3}" + REST), False, True, True, SPECIAL),
    "qwen": lambda: byte_level({"type": "NFC"}, split(CONTRACTIONS + r"|\p{N}" + REST), True, False, False, SPECIAL),
    "gpt2": lambda: byte_level(None, {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}, False, False, True, SPECIAL),
    "digits": lambda: byte_level(None, {"type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True},
                                 {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}, True, False, False,
                                 SPECIAL + [dict(content="<pad>", lstrip=True, rstrip=True), dict(content="<mark>", special=False, normalized=False)]),
    "llama2": lambda: pieces({"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]}, None, False, True),
    "metaspace": lambda: pieces(None, {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}, True, True),
}

SCRIPT = """
import { createRequire } from "module";
import { readFileSync, writeFileSync } from "fs";
const { Tokenizer } = createRequire(process.cwd() + "/")("@huggingface/tokenizers");
const { files, texts } = JSON.parse(readFileSync(process.argv[2], "utf8"));
const result = {};
for (const [name, file] of Object.entries(files)) {
  const tokenizer = new Tokenizer(JSON.parse(readFileSync(file, "utf8")), {});
  result[name] = texts.map(text => {
    const ids = [...tokenizer.encode(text).ids], plain = [...tokenizer.encode(text, { add_special_tokens: false }).ids];
    return { ids, plain, decoded: ids.length ? tokenizer.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false }) : "" };
  });
}
writeFileSync(process.argv[3], JSON.stringify(result));
"""


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, make in TOKENIZERS.items():
        files[name] = str(FOLDER / f"{name}.json")
        Path(files[name]).write_text(json.dumps(make(), ensure_ascii=False) + "\n", encoding="utf-8")
    for path in sys.argv[1:]:
        files[Path(path).name] = path
    with tempfile.TemporaryDirectory() as scratch:
        task, result, script = Path(scratch, "task.json"), Path(scratch, "result.json"), Path(scratch, "run.mjs")
        task.write_text(json.dumps({"files": files, "texts": [clean(text) for text in TEXTS]}))
        script.write_text(SCRIPT)
        subprocess.run(["node", str(script), str(task), str(result)], check=True)
        expected = json.loads(result.read_text(encoding="utf-8"))
    expected["digits"] = [None if any(c.isnumeric() and not c.isascii() for c in text) else row for text, row in zip(TEXTS, expected["digits"])]
    (FOLDER / "expected.json").write_text(json.dumps({"texts": TEXTS, **expected}, separators=(",", ":")) + "\n")
    print({name: sum(len(one["ids"]) for one in rows if one) for name, rows in expected.items()})


if __name__ == "__main__":
    main()
