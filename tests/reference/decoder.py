#!/usr/bin/env python3
"""An independent, naive decoder: the yardstick of the lab's own.

Writes tiny models with random weights in Hugging Face form and the logits they must give:

    tests/fixtures/models/NAME/config.json
    tests/fixtures/models/NAME/model.safetensors
    tests/fixtures/models/NAME/expected.safetensors    ids [token] int64, logits [token, vocabulary] float32

    /usr/bin/python3 tests/reference/decoder.py            write them again
    /usr/bin/python3 tests/reference/decoder.py --check    compute again and compare with the committed files

Written from the papers and from the config files' documentation, in float64, one head and one position at a time, with no cache,
so that it shares neither code nor order of computation with the lab. Needs python3-torch (1.13 is enough).
"""
import json
import math
import struct
import sys
from pathlib import Path

import torch

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures" / "models"
TOKENS = 40
LONG = 150  # more than two blocks of the lab's attention kernel, which takes head dimensions that are multiples of 16

BASE = dict(vocab_size=64, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            hidden_act="silu", max_position_embeddings=128, rms_norm_eps=1e-5, rope_theta=10000.0, tie_word_embeddings=False,
            bos_token_id=1, eos_token_id=2)

MODELS = {
    # tied embeddings, grouped queries, float32
    "llama": dict(architectures=["LlamaForCausalLM"], model_type="llama", tie_word_embeddings=True, rope_scaling=None, torch_dtype="float32"),
    # Llama 3.1's rope scaling: frequencies on both sides of and between the two thresholds; head_dim is not hidden / heads; shards of two files
    "llama3": dict(architectures=["LlamaForCausalLM"], model_type="llama", head_dim=16, rope_theta=500.0, eos_token_id=[2, 3], torch_dtype="bfloat16",
                   rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)),
    # every bias a Llama config can ask for, linear rope scaling under its old key
    "llama-biases": dict(architectures=["LlamaForCausalLM"], model_type="llama", attention_bias=True, mlp_bias=True, num_key_value_heads=4, torch_dtype="bfloat16",
                         rope_scaling=dict(type="linear", factor=2.0)),
    # sliding window shorter than the prompt, in every layer
    "mistral": dict(architectures=["MistralForCausalLM"], model_type="mistral", sliding_window=7, num_key_value_heads=1, torch_dtype="float16"),
    # biases on q, k, v; only the layers from 1 on slide
    "qwen2": dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", rope_theta=1000000.0, rms_norm_eps=1e-6, num_hidden_layers=3, use_sliding_window=True,
                  sliding_window=9, max_window_layers=1, torch_dtype="bfloat16"),
    # norms over q and k heads
    "qwen3": dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", head_dim=20, rope_theta=1000000.0, rms_norm_eps=1e-6, tie_word_embeddings=True,
                  use_sliding_window=False, sliding_window=None, max_window_layers=2, attention_bias=False, torch_dtype="bfloat16"),
    # prompts of several blocks: plain with four queries to a KV head, and a sliding window that begins within a block
    "llama-long": dict(architectures=["LlamaForCausalLM"], model_type="llama", head_dim=32, num_key_value_heads=1, max_position_embeddings=256, torch_dtype="bfloat16"),
    "mistral-long": dict(architectures=["MistralForCausalLM"], model_type="mistral", head_dim=16, sliding_window=37, max_position_embeddings=256, torch_dtype="float16"),
}


# ---------------------------------------------------------------- the decoder, naive

def rms_norm(x, gain, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def inverse_frequencies(config, dim):
    scaling = config.get("rope_scaling") or {}
    kind = scaling.get("rope_type", scaling.get("type"))
    result = []
    for i in range(dim // 2):
        f = config["rope_theta"] ** (-2.0 * i / dim)
        if kind == "linear":
            f /= scaling["factor"]
        elif kind == "llama3":
            wavelength = 2 * math.pi / f
            old = scaling["original_max_position_embeddings"]
            low, high = old / scaling["low_freq_factor"], old / scaling["high_freq_factor"]
            if wavelength > low:
                f /= scaling["factor"]
            elif wavelength >= high:
                smooth = (old / wavelength - scaling["low_freq_factor"]) / (scaling["high_freq_factor"] - scaling["low_freq_factor"])
                f = (1 - smooth) * f / scaling["factor"] + smooth * f
        result.append(f)
    return result


def rotate(x, position, frequencies):
    """x [dim] turned by its position; the pair of dimension i is i + dim / 2."""
    half = len(frequencies)
    y = x.clone()
    for i, f in enumerate(frequencies):
        c, s = math.cos(position * f), math.sin(position * f)
        y[i] = x[i] * c - x[i + half] * s
        y[i + half] = x[i + half] * c + x[i] * s
    return y


def window_of(config, layer):
    if config["model_type"] == "mistral":
        return config["sliding_window"]
    if config["model_type"] == "qwen2" and config["use_sliding_window"] and layer >= config["max_window_layers"]:
        return config["sliding_window"]
    return None


def logits_of(config, weights, ids):
    w = {name: value.double() for name, value in weights.items()}
    heads, kv_heads, eps = config["num_attention_heads"], config["num_key_value_heads"], config["rms_norm_eps"]
    dim = config.get("head_dim") or config["hidden_size"] // heads
    frequencies = inverse_frequencies(config, dim)

    def project(x, name):
        y = x @ w[name + ".weight"].T
        return y + w[name + ".bias"] if name + ".bias" in w else y

    x = w["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        h = rms_norm(x, w[at + "input_layernorm.weight"], eps)
        q = project(h, at + "self_attn.q_proj").view(len(ids), heads, dim)
        k = project(h, at + "self_attn.k_proj").view(len(ids), kv_heads, dim)
        v = project(h, at + "self_attn.v_proj").view(len(ids), kv_heads, dim)
        if at + "self_attn.q_norm.weight" in w:
            q = rms_norm(q, w[at + "self_attn.q_norm.weight"], eps)
            k = rms_norm(k, w[at + "self_attn.k_norm.weight"], eps)
        mixed = torch.zeros(len(ids), heads, dim, dtype=torch.float64)
        for head in range(heads):
            kv = head // (heads // kv_heads)
            keys = [rotate(k[p, kv], p, frequencies) for p in range(len(ids))]
            for p in range(len(ids)):
                first = 0 if window_of(config, layer) is None else max(0, p - window_of(config, layer) + 1)
                query = rotate(q[p, head], p, frequencies)
                scores = torch.stack([query @ keys[j] for j in range(first, p + 1)]) / math.sqrt(dim)
                shares = torch.exp(scores - scores.max())
                shares /= shares.sum()
                for share, j in zip(shares, range(first, p + 1)):
                    mixed[p, head] += share * v[j, kv]
        x = x + project(mixed.view(len(ids), heads * dim), at + "self_attn.o_proj")
        h = rms_norm(x, w[at + "post_attention_layernorm.weight"], eps)
        gate = project(h, at + "mlp.gate_proj")
        x = x + project(gate / (1 + torch.exp(-gate)) * project(h, at + "mlp.up_proj"), at + "mlp.down_proj")
    x = rms_norm(x, w["model.norm.weight"], eps)
    return (x @ w["model.embed_tokens.weight" if config["tie_word_embeddings"] else "lm_head.weight"].T).float()


# ---------------------------------------------------------------- random models, files

def random_weights(config, seed):
    generator = torch.Generator().manual_seed(seed)
    heads, kv_heads, hidden, inner = config["num_attention_heads"], config["num_key_value_heads"], config["hidden_size"], config["intermediate_size"]
    dim = config.get("head_dim") or hidden // heads
    stored = getattr(torch, config["torch_dtype"])

    def normal(*shape, scale=1.0, around=0.0):
        return (torch.randn(*shape, generator=generator) * scale + around).to(stored)

    def matrix(out, inp, gain=1.0):
        return normal(out, inp, scale=gain / math.sqrt(inp))

    w = {"model.embed_tokens.weight": normal(config["vocab_size"], hidden, scale=0.1 if config["tie_word_embeddings"] else 0.3)}
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        w[at + "input_layernorm.weight"] = normal(hidden, scale=0.2, around=1)
        w[at + "self_attn.q_proj.weight"] = matrix(heads * dim, hidden, 1.5)  # large enough that attention is far from even
        w[at + "self_attn.k_proj.weight"] = matrix(kv_heads * dim, hidden, 1.5)
        w[at + "self_attn.v_proj.weight"] = matrix(kv_heads * dim, hidden)
        w[at + "self_attn.o_proj.weight"] = matrix(hidden, heads * dim, 0.5)
        w[at + "post_attention_layernorm.weight"] = normal(hidden, scale=0.2, around=1)
        w[at + "mlp.gate_proj.weight"] = matrix(inner, hidden)
        w[at + "mlp.up_proj.weight"] = matrix(inner, hidden)
        w[at + "mlp.down_proj.weight"] = matrix(hidden, inner, 0.5)
        if config["model_type"] == "qwen2" or config.get("attention_bias"):
            for name, width in (("q", heads), ("k", kv_heads), ("v", kv_heads)):
                w[at + f"self_attn.{name}_proj.bias"] = normal(width * dim, scale=0.3)
        if config.get("attention_bias"):
            w[at + "self_attn.o_proj.bias"] = normal(hidden, scale=0.1)
        if config.get("mlp_bias"):
            for name, width in (("gate", inner), ("up", inner), ("down", hidden)):
                w[at + f"mlp.{name}_proj.bias"] = normal(width, scale=0.1)
        if config["model_type"] == "qwen3":
            w[at + "self_attn.q_norm.weight"] = normal(dim, scale=0.2, around=1.2)
            w[at + "self_attn.k_norm.weight"] = normal(dim, scale=0.2, around=1.2)
    w["model.norm.weight"] = normal(hidden, scale=0.05, around=0.3)
    if not config["tie_word_embeddings"]:
        w["lm_head.weight"] = matrix(config["vocab_size"], hidden)
    return w


DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, value in tensors.items():
        raw = value.contiguous()
        raw = raw.view(torch.int16) if raw.dtype == torch.bfloat16 else raw  # numpy has no bfloat16
        raw = raw.numpy().tobytes()
        header[name] = dict(dtype=DTYPES[value.dtype], shape=list(value.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_model(folder, config, weights, shards):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    if shards == 1:
        write_safetensors(folder / "model.safetensors", weights)
        return
    names, index = list(weights), {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = names[shard::shards]
        write_safetensors(folder / file, {name: weights[name] for name in part})
        index.update({name: file for name in part})
    (folder / "model.safetensors.index.json").write_text(json.dumps(dict(metadata={}, weight_map=index), indent=1) + "\n")


def main():
    check = "--check" in sys.argv
    for seed, (name, special) in enumerate(MODELS.items()):
        config = {**BASE, **special}
        weights = random_weights(config, 1000 + seed)
        ids = torch.randint(0, config["vocab_size"], (LONG if name.endswith("-long") else TOKENS,), generator=torch.Generator().manual_seed(seed))
        logits = logits_of(config, weights, ids)
        folder = FIXTURES / name
        if check:
            raw = (folder / "expected.safetensors").read_bytes()
            committed = torch.frombuffer(bytearray(raw[-4 * logits.numel():]), dtype=torch.float32).view_as(logits)
            print(f"{name:14} largest difference {float((logits - committed).abs().max()):.2e}")
            continue
        write_model(folder, config, weights, shards=2 if name == "llama3" else 1)
        write_safetensors(folder / "expected.safetensors", dict(ids=ids, logits=logits))
        print(f"{name:14} logits of size {float(logits.abs().max()):.2f}, spread {float(logits.std()):.2f}")


if __name__ == "__main__":
    main()
