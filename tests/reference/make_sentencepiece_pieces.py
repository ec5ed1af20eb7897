"""Writes tests/fixtures/tokenizers/sentencepiece-pieces.json: what the original SentencePiece library makes of small random BPE models
with user-defined and unused pieces, with and without byte fallback and dummy prefix.

Needs Debian's python3-sentencepiece.
Usage: /usr/bin/python3 tests/reference/make_sentencepiece_pieces.py > tests/fixtures/tokenizers/sentencepiece-pieces.json
"""
import base64, json, random, struct, sys
import sentencepiece

NORMAL, UNKNOWN, CONTROL, USER, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
BLANK = "\u2581"


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def piece(text, score, kind):
    return field(1, field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kind))


def model(pieces, fallback, prefix):
    trainer = b"\x18\x02" + (b"\x98\x02\x01" if fallback else b"")                    # model_type = BPE, byte_fallback
    normalizer = b"\x18" + bytes([prefix]) + b"\x20\x00" + b"\x28\x01"               # dummy prefix, no removal of blanks, escaped blanks
    return b"".join(piece(*p) for p in pieces) + field(2, trainer) + field(3, normalizer)


def vocabulary(rng, fallback):
    pieces = [("<unk>", 0, UNKNOWN), ("<s>", 0, CONTROL), ("</s>", 0, CONTROL)]
    if fallback:
        pieces += [(f"<0x{b:02X}>", 0, BYTE) for b in range(256)]
    letters = list("abcd") + [BLANK]
    made = {c: NORMAL for c in letters}
    for _ in range(rng.randrange(20, 45)):                                           # joined pieces, a third of them unused
        made.setdefault("".join(rng.choice(list(made)) for _ in range(2))[:8], UNUSED if rng.random() < 0.35 else NORMAL)
    if rng.random() < 0.5:
        made["b"] = UNUSED                                                           # a character by itself
    if rng.random() < 0.5:
        del made["d"]                                                                # a character that occurs in pieces without being one
    for _ in range(rng.randrange(2, 9)):
        text = "".join(rng.choice(letters + ["é", "<", ">", "字"]) for _ in range(rng.randrange(1, 5)))
        made[text] = USER
    scores = [-float(rng.randrange(12)) for _ in made]                               # many are equal
    return pieces + [(t, 0 if k == USER else s, k) for (t, k), s in zip(made.items(), scores)]


rng, result = random.Random(20), []
for index in range(16):
    fallback, prefix = index % 2 == 1, index % 4 < 2
    proto = model(vocabulary(rng, fallback), fallback, prefix)
    original = sentencepiece.SentencePieceProcessor(model_proto=proto)
    texts = ["", "a", "abcd", "  ", "\u2581a", "x\u00e9z"] + ["".join(rng.choice("aaabbbcccddd   é<>字x") for _ in range(rng.randrange(1, 40))) for _ in range(30)]
    result.append({"model": base64.b64encode(proto).decode(), "texts": [{"text": t, "ids": original.encode(t)} for t in texts]})
json.dump(result, sys.stdout, ensure_ascii=True, separators=(",", ":"))
print()
