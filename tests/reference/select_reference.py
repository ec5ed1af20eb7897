"""Kept positions as the published code computes them, written a second time in torch from the description of the algorithms.

Writes into selection/: three tensor files (float32 random, bfloat16 skewed, float16 with ties), a head-score file, and cases.json. For every case and head
it lists how many positions are kept ("count"), those that must be among them because they score clearly above the last one kept ("must"), and those that
score like it and may be ("may"). Ties are thereby left open: the published order among equals is the library's.

    python3 tests/reference/select_reference.py
"""
import json
import math
import os
import struct

import torch

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "selection")
H, G, N, D, L = 8, 2, 110, 8, 3
R = H // G
TYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16"}


# ---- tensors ----

def random_layer():
    g = torch.Generator().manual_seed(11)
    return [torch.randn(h, N, D, generator=g) for h in (H, G, G)]


def skewed_layer():
    """Some heads attend to a few keys, others to nearly everything alike."""
    g = torch.Generator().manual_seed(12)
    q, k, v = [torch.randn(h, N, D, generator=g) for h in (H, G, G)]
    q = q * torch.logspace(-1.5, 0.8, H).view(H, 1, 1)
    k[:, ::13] *= 4
    return [x.to(torch.bfloat16) for x in (q, k, v)]


def tied_layer():
    """Keys repeat, so that many scores are equal to the last bit."""
    g = torch.Generator().manual_seed(13)
    q, v = torch.randn(H, N, D, generator=g), torch.randn(G, N, D, generator=g)
    k = torch.randn(G, 7, D, generator=g).repeat(1, N // 7 + 1, 1)[:, :N]
    return [x.to(torch.float16) for x in (q, k, v)]


def write_safetensors(path, named):
    header, body = {}, b""
    for name, x in named.items():
        raw = x.contiguous().view(torch.int16 if x.element_size() == 2 else torch.int32).numpy().tobytes()
        header[name] = {"dtype": TYPES[x.dtype], "shape": list(x.shape), "data_offsets": [len(body), len(body) + len(raw)]}
        body += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)


# ---- scores of positions before the window, [head, n - window] ----

def probabilities(q, k, rows):
    """Softmax of the last rows, with the lowest finite number above the diagonal; keys repeated for the query heads, as published."""
    k = k.repeat_interleave(R, 0)
    logits = q[:, -rows:] @ k.transpose(1, 2) / math.sqrt(D)
    mask = torch.full((rows, rows), torch.finfo(logits.dtype).min).triu(1)
    logits[:, :, -rows:] += mask
    return torch.softmax(logits, dim=-1, dtype=torch.float32)


def grouped(s, reduction, per_kv):
    if not per_kv:
        return s
    s = s.view(G, R, -1)
    return s.mean(1) if reduction == "mean" else s.max(1).values if reduction == "max" else s.sum(1)


def pooled(s, kernel, kind):
    s = s.unsqueeze(0)
    pool = torch.nn.functional.max_pool1d if kind == "max" else torch.nn.functional.avg_pool1d
    return pool(s, kernel_size=kernel, padding=kernel // 2, stride=1).squeeze(0)


def scores(c, q, k):
    w, per_kv = c["window"], c["granularity"] == "kv-head"
    heads = G if per_kv else H
    m = c["method"]
    if m == "StreamingLLM":
        s = torch.arange(N - w).float()
        s[:4] = 10 * N - s[:4]
        return s.expand(heads, -1)
    if m == "Knorm":
        s = -k.norm(dim=2)[:, :N - w]
        return s if per_kv else s.repeat_interleave(R, 0)
    if m == "TOVA":
        return probabilities(q, k, 1)[:, 0, :N - w].mean(0).expand(heads, -1)
    if m == "H2O":
        return grouped(probabilities(q, k, N).sum(1)[:, :N - w], c["reduction"], per_kv)
    attention = probabilities(q, k, w)[:, :, :N - w]
    s = attention.sum(1) if m in ("SnapKV", "PyramidKV") else attention.mean(1)
    return pooled(grouped(s, c["reduction"], per_kv), c["kernel"], c["pooling"])


# ---- entries of each head, window excluded ----

def head_scores():
    g = torch.Generator().manual_seed(14)
    s = torch.rand(L, H, 3, generator=g, dtype=torch.float64) ** 5
    return {f"{l}-{h}": [round(float(x), 6) for x in s[l, h]] for l in range(L) for h in range(H)}


def fill(wanted, claims, limit, total):
    """Clip, give what was clipped to the others by their claims, again and again, round by largest remainder, the later of equals first."""
    total = min(total, limit * len(wanted))
    level = [min(max(x, 0.0), limit) for x in wanted]
    if sum(level) > total:
        factor = total / sum(level)
        level = [x * factor for x in level]
    while total - sum(level) > 1e-9:
        rest = total - sum(level)
        room = [i for i, x in enumerate(level) if x < limit]
        share = sum(claims[i] for i in room)
        for i in room:
            level[i] = min(limit, level[i] + rest * (claims[i] / share if share > 0 else 1 / len(room)))
    whole = [int(x + 1e-9) for x in level]
    for i in sorted(range(len(level)), key=lambda i: (round(whole[i] - level[i], 6), -i))[:total - sum(whole)]:
        whole[i] += 1
    return whole


def entries(c, s):
    """(wanted, claims) of all heads in the allocator's scope, and which of them are this layer's."""
    w, per_kv = c["window"], c["granularity"] == "kv-head"
    heads = G if per_kv else H
    b = c["kv-size"] * G // heads if c["discipline"] == "equal-bytes" else c["kv-size"]
    base, room = b - w, N - w
    m, layer = c["method"], c["layer"]
    if m == "PyramidKV":
        lo = base // 20
        hi = 2 * base - lo
        if hi >= room:
            hi, lo = room, 2 * base - room
        step = (hi - lo) // (L - 1)
        wanted = [float(hi - l * step) for l in range(L) for _ in range(heads)]
        claims, first, layers = wanted, layer * heads, L
    elif m == "Ada-SnapKV":
        top = s.sort(1, descending=True).values
        weighed = s * (top[:, :base].sum(1) / s.sum(1)).unsqueeze(1)
        flat = weighed.reshape(-1)
        owner = flat.topk(heads * base).indices // room
        k = torch.bincount(owner, minlength=heads).tolist()
        wanted = [x * 0.8 + int(base * 0.2) for x in k]
        claims, first, layers = wanted, 0, 1
    elif m.startswith("HeadKV"):
        mean = [sum(v) / len(v) for v in HEADS.values()]
        share = [x / sum(mean) for x in mean]
        pool = base // c["beta"]
        wanted = [x * pool * L * H + (base - pool) for x in share]
        claims = share
        if per_kv:
            wanted = [sum(round(x) for x in wanted[i:i + R]) / R for i in range(0, L * H, R)]
            claims = [sum(share[i:i + R]) for i in range(0, L * H, R)]
        first, layers = layer * heads, L
    else:
        wanted, claims, first, layers = [float(base)] * heads, [1.0] * heads, 0, 1
    if c["discipline"] == "as-published":
        got = [min(round(x), room) for x in wanted]
    else:
        got = fill(wanted, claims, room, (c["kv-size"] * G - w * heads if c["discipline"] == "equal-bytes" else base * heads) * layers)
    return got[first:first + heads]


def kept(s, counts, window):
    result = []
    for row, count in zip(s, counts):
        row = row.double()
        if count == 0:
            must, may = [], []
        elif count >= len(row):
            must, may = list(range(len(row))), []
        else:
            last = row.sort(descending=True).values[count - 1].item()
            near = 1e-7 + 1e-5 * abs(last)
            must = [j for j in range(len(row)) if row[j] > last + near]
            may = [j for j in range(len(row)) if abs(row[j] - last) <= near]
        result.append({"count": count + window, "must": must + list(range(N - window, N)), "may": may})
    return result


def cases():
    for tensors in ("random", "skewed", "tied"):
        for discipline in ("as-published", "equal-entries", "equal-bytes"):
            for granularity in ("query-head", "kv-head"):
                common = dict(tensors=tensors, discipline=discipline, granularity=granularity, window=8, kernel=7, pooling="max", reduction="mean", layer=1, beta=1.01)
                size = 48 if discipline == "equal-bytes" else 28
                for method in ("SnapKV", "PyramidKV", "Ada-SnapKV", "HeadKV-R2", "H2O", "TOVA", "Knorm", "StreamingLLM"):
                    if tensors == "tied" and method == "Ada-SnapKV":
                        continue  # heads tie with each other: their counts are the library's
                    yield {**common, "method": method, "kv-size": size}
                if tensors == "tied" or discipline != "as-published":
                    continue
                for kernel, pooling in ((5, "avg"), (1, "max"), (3, "avg"), (5, "max")):
                    yield {**common, "method": "SnapKV", "kv-size": 20, "kernel": kernel, "pooling": pooling, "window": 4}
                for reduction in ("max", "sum"):
                    for method in ("SnapKV", "Ada-SnapKV", "HeadKV-R2", "H2O"):
                        yield {**common, "method": method, "kv-size": 24, "reduction": reduction, "layer": 2}
                for beta in (1.2, 2, 10):
                    yield {**common, "method": "HeadKV-R", "kv-size": 60, "beta": beta, "layer": 0, "window": 16, "pooling": "avg", "kernel": 5}
                yield {**common, "method": "PyramidKV", "kv-size": 80, "layer": 2}


if __name__ == "__main__":
    os.makedirs(HERE, exist_ok=True)
    HEADS = head_scores()
    with open(os.path.join(HERE, "heads.json"), "w") as f:
        json.dump(HEADS, f)
    layers = {"random": random_layer(), "skewed": skewed_layer(), "tied": tied_layer()}
    for name, (q, k, v) in layers.items():
        write_safetensors(os.path.join(HERE, name + ".safetensors"), {"query": q, "key": k, "value": v})
    out = []
    for c in cases():
        q, k, _ = [x.float() for x in layers[c["tensors"]]]
        s = scores(c, q, k)
        out.append({"case": c, "kept": kept(s, entries(c, s), c["window"])})
    with open(os.path.join(HERE, "cases.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(x, separators=(",", ":")) for x in out) + "\n]\n")
    print(len(out), "cases")
