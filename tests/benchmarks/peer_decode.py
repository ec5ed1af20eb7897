"""A Llama in Python's torch, as fast as its operators allow, beside which `lab bench decode` and `lab bench prefill` time this project's.

peer_decode.py THREADS FOLDER: loads config.json and model.safetensors, prints `ready`, then answers each line:
  decode LENGTH STEPS   nanoseconds a token of STEPS tokens, the cache holding LENGTH entries before the first
  prefill TOKENS CHUNK  nanoseconds of a prefill, queries in blocks of CHUNK rows
  use PRODUCT TYPE      one-row products by `mv` or by `linear`, which is what torch.nn.Linear calls; matrices in `float32` or `bfloat16`
  cache TYPE            keys and values, and the products over them, in `float32` or `bfloat16`
  greedy COUNT ID ID .. the ids of a greedy continuation, which must equal this project's
Keys and values are never repeated for query heads, and the cache is allocated beforehand.
"""
import json
import struct
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
torch.set_grad_enabled(False)
folder = sys.argv[2]
with open(f"{folder}/config.json") as file:
    config = json.load(file)
types = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
with open(f"{folder}/model.safetensors", "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = bytearray(file.read())
stored = {}
for name, entry in header.items():
    if name != "__metadata__":
        first, end = entry["data_offsets"]
        size = 4 if entry["dtype"] == "F32" else 2
        values = torch.frombuffer(data, dtype=types[entry["dtype"]], offset=first, count=(end - first) // size)
        stored[name] = values.reshape(entry["shape"])

layers, hidden = config["num_hidden_layers"], config["hidden_size"]
heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
dim, epsilon = config.get("head_dim") or hidden // heads, config["rms_norm_eps"]
group, scale = heads // kv_heads, dim ** -0.5
frequencies = config["rope_theta"] ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)


def by_mv(weight, x):
    return weight.mv(x)


def by_linear(weight, x):
    return F.linear(x.unsqueeze(0), weight)[0]


def use(product, name):
    global one_row, kind, weights, embedding, unembedding
    one_row, kind = product, getattr(torch, name)
    if kind not in loaded:
        loaded[kind] = {n: w.to(kind if w.dim() == 2 else torch.float32).clone() for n, w in stored.items()}
    weights = loaded[kind]
    embedding = weights["model.embed_tokens.weight"]
    unembedding = weights.get("lm_head.weight", embedding)
    return f"{product.__name__} {name}"


def cache_in(name):
    global entries, store
    entries, store = getattr(torch, name), None
    return name


def multiply(x, weight):
    y = one_row(weight, x.to(kind)) if x.dim() == 1 else F.linear(x.to(kind), weight)
    return y.float()


def norm(x, gain):
    return x * (x.pow(2).mean(-1, keepdim=True) + epsilon).rsqrt() * gain


def rotation(start, count):
    angles = torch.arange(start, start + count, dtype=torch.float64)[:, None] * frequencies
    return angles.cos().float(), angles.sin().float()


def rotate(x, cos, sin):
    a, b = x[..., : dim // 2], x[..., dim // 2:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Cache:
    def __init__(self, room):
        self.keys = [torch.empty(kv_heads, room, dim, dtype=entries) for _ in range(layers)]
        self.values = [torch.empty(kv_heads, room, dim, dtype=entries) for _ in range(layers)]
        self.length = 0


def step(token, cache):
    x, n = embedding[token].float(), cache.length
    cos, sin = rotation(n, 1)
    for l in range(layers):
        at = f"model.layers.{l}."
        y = norm(x, weights[at + "input_layernorm.weight"])
        q = rotate(multiply(y, weights[at + "self_attn.q_proj.weight"]).view(heads, dim), cos, sin)
        keys, values = cache.keys[l], cache.values[l]
        keys[:, n] = rotate(multiply(y, weights[at + "self_attn.k_proj.weight"]).view(kv_heads, dim), cos, sin)
        values[:, n] = multiply(y, weights[at + "self_attn.v_proj.weight"]).view(kv_heads, dim)
        logits = torch.bmm((q.view(kv_heads, group, dim) * scale).to(entries), keys[:, : n + 1].transpose(1, 2))
        mixed = torch.bmm(logits.softmax(-1), values[:, : n + 1]).view(-1).float()
        x = x + multiply(mixed, weights[at + "self_attn.o_proj.weight"])
        x = x + feed_forward(norm(x, weights[at + "post_attention_layernorm.weight"]), at)
    cache.length += 1
    return multiply(norm(x, weights["model.norm.weight"]), unembedding)


def feed_forward(y, at):
    gate = F.silu(multiply(y, weights[at + "mlp.gate_proj.weight"])) * multiply(y, weights[at + "mlp.up_proj.weight"])
    return multiply(gate, weights[at + "mlp.down_proj.weight"])


def prefill(ids, chunk):
    x, n = embedding[ids].float(), len(ids)
    cos, sin = rotation(0, n)
    for l in range(layers):
        at = f"model.layers.{l}."
        y = norm(x, weights[at + "input_layernorm.weight"])
        q = rotate(multiply(y, weights[at + "self_attn.q_proj.weight"]).view(n, heads, dim).transpose(0, 1), cos, sin) * scale
        k = rotate(multiply(y, weights[at + "self_attn.k_proj.weight"]).view(n, kv_heads, dim).transpose(0, 1), cos, sin)
        v = multiply(y, weights[at + "self_attn.v_proj.weight"]).view(n, kv_heads, dim).transpose(0, 1)
        mixed = torch.empty(heads, n, dim)
        for row in range(0, n, chunk):
            rows, end = min(chunk, n - row), min(row + chunk, n)
            block = q.view(kv_heads, group, n, dim)[:, :, row:end].reshape(kv_heads, group * rows, dim)
            logits = torch.bmm(block, k[:, :end].transpose(1, 2)).view(kv_heads, group, rows, end)
            logits[..., row:].masked_fill_(torch.ones(rows, rows, dtype=torch.bool).triu(1), float("-inf"))
            weight = logits.softmax(-1).view(kv_heads, group * rows, end)
            mixed[:, row:end] = torch.bmm(weight, v[:, :end]).view(heads, rows, dim)
        x = x + multiply(mixed.transpose(0, 1).reshape(n, heads * dim), weights[at + "self_attn.o_proj.weight"])
        x = x + feed_forward(norm(x, weights[at + "post_attention_layernorm.weight"]), at)
    return multiply(norm(x[-1], weights["model.norm.weight"]), unembedding)


def decode(length, steps):
    global store
    if store is None or store.keys[0].shape[1] < length + steps:
        store = Cache(length + steps)
        for tensor in store.keys + store.values:
            tensor.normal_()
    store.length = length
    start = time.perf_counter_ns()
    for i in range(steps):
        step(i % 100, store)
    return (time.perf_counter_ns() - start) / steps


def time_prefill(tokens, chunk):
    ids = torch.arange(tokens) % 100
    start = time.perf_counter_ns()
    prefill(ids, chunk)
    return time.perf_counter_ns() - start


def greedy(count, *ids):
    cache, answer = Cache(len(ids) + count), []
    for token in ids:
        logits = step(token, cache)
    for _ in range(count):
        answer.append(int(logits.argmax()))
        logits = step(answer[-1], cache)
    return " ".join(map(str, answer))


loaded, store, entries = {}, None, torch.float32
use(by_mv, "float32")
print("ready", flush=True)
for request in sys.stdin:
    word, *numbers = request.split()
    if word == "use":
        print(use({"mv": by_mv, "linear": by_linear}[numbers[0]], numbers[1]), flush=True)
    elif word == "cache":
        print(cache_in(numbers[0]), flush=True)
    else:
        print({"decode": decode, "prefill": time_prefill, "greedy": greedy}[word](*map(int, numbers)), flush=True)
