"""Writes lib/Text/NfcTable.cs from Python's unicodedata: canonical decompositions and combining classes; with the argument
"compatible" lib/Text/NfkcTable.cs: compatibility decompositions, "code part part ..." (hex) a line.

Payload before deflate and base64: text lines "class start length" (hex) for runs of equal combining class, a line "-",
then "code first [second] [x]" (hex) for each canonical decomposition, x marking those NFC does not compose back.
Usage: python3 tests/reference/make_nfc_table.py > lib/Text/NfcTable.cs
       python3 tests/reference/make_nfc_table.py compatible > lib/Text/NfkcTable.cs
"""
import base64, sys, unicodedata as u, zlib

lines, start, kind = [], 0, 0
for code in range(0x110001):
    now = u.combining(chr(code)) if code < 0x110000 else -1
    if now != kind:
        if kind:
            lines.append(f"{kind:x} {start:x} {code - start:x}")
        start, kind = code, now
lines.append("-")
for code in range(0x110000):
    if 0xAC00 <= code <= 0xD7A3:
        continue
    parts = u.decomposition(chr(code))
    if parts and not parts.startswith("<"):
        hexes = " ".join(f"{int(p, 16):x}" for p in parts.split())
        lines.append(f"{code:x} {hexes}" + ("" if u.normalize("NFC", chr(code)) == chr(code) else " x"))
name = "NfcTable"
if sys.argv[1:] == ["compatible"]:
    name, lines = "NfkcTable", []
    for code in range(0x110000):
        parts = u.decomposition(chr(code))
        if parts.startswith("<"):
            lines.append(f"{code:x} " + " ".join(f"{int(p, 16):x}" for p in parts.split()[1:]))
pack = zlib.compressobj(9, zlib.DEFLATED, -15)
data = base64.b64encode(pack.compress("\n".join(lines).encode()) + pack.flush()).decode()
rows = [data[i:i + 160] for i in range(0, len(data), 160)]
out = [
    "namespace HeadKvLab.Text;",
    "",
    f"// Unicode {u.unidata_version}; written by tests/reference/make_nfc_table.py, not by hand.",
    f"internal static class {name}",
    "{",
    "    /// <summary>Deflated, base64: see the script for the lines inside.</summary>",
    "    public const string Data =",
]
out += [f'        "{row}"' + (" +" if i + 1 < len(rows) else ";") for i, row in enumerate(rows)]
out.append("}")
sys.stdout.write("\n".join(out) + "\n")
