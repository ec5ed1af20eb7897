"""Prints the SHA-256 of 4,000 pseudo-random strings in form C, which tests/Text/RandomTextTests.cs makes again.

Usage: python3 tests/reference/make_nfc_hash.py
"""
import hashlib, unicodedata

RANGES = [(0x41, 0x7A), (0xC0, 0x24F), (0x300, 0x345), (0x300, 0x36F), (0x900, 0xDDF), (0xF40, 0xFBC), (0x1100, 0x11FF), (0x1E00, 0x1FFF),
          (0x20D0, 0x20F0), (0x2126, 0x212B), (0x3040, 0x30FF), (0xAC00, 0xD7A3), (0xF900, 0xFAD9), (0x110A0, 0x110BA), (0x1D15E, 0x1D172), (0x2F800, 0x2FA1D)]
state, digest = 1, hashlib.sha256()


def draw(bound):
    global state
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    return (state >> 8) % bound


for _ in range(4000):
    text = ""
    for _ in range(1 + draw(12)):
        low, high = RANGES[draw(len(RANGES))]
        text += chr(low + draw(high - low + 1))
    digest.update(unicodedata.normalize("NFC", text).encode())
print(digest.hexdigest())
