"""Golden values of the engine's tests, from Python's torch: python3 tests/reference/engine.py > tests/Engine/fixtures/engine.json

Optimisers: parameters after each of five steps on given gradients, the learning rate halved before the fourth.
Losses: value and gradient for given inputs. All float32, all inputs written next to the results.
"""
import json

import torch
import torch.nn.functional as F

torch.manual_seed(20)


def numbers(t):
    return [float(x) for x in t.detach().reshape(-1)]


def optimiser(name, make, size=19, steps=5):
    start = torch.randn(size)
    gradients = [torch.randn(size) * (1 if s else 0.01) for s in range(steps)]
    parameter = torch.nn.Parameter(start.clone())
    chosen, after = make([parameter]), []
    for s, gradient in enumerate(gradients):
        if s == 3:
            for group in chosen.param_groups:
                group["lr"] *= 0.5
        parameter.grad = gradient.clone()
        chosen.step()
        after.append(numbers(parameter))
    return {"name": name, "start": numbers(start), "gradients": [numbers(g) for g in gradients], "after": after}


def loss(name, compute, *sizes):
    inputs = [torch.randn(s).requires_grad_() for s in sizes]
    value = compute(*inputs)
    value.backward()
    return {"name": name, "inputs": [numbers(i) for i in inputs], "value": float(value), "gradients": [numbers(i.grad) for i in inputs]}


target = torch.tensor([1, 0, -100, 4])
print(json.dumps({
    "optimisers": [
        optimiser("adamw", lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.0)),
        optimiser("adamw decay", lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)),
        optimiser("adamw amsgrad", lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.05, amsgrad=True)),
        optimiser("adamw maximize", lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.05, maximize=True)),
        optimiser("adam decay", lambda p: torch.optim.Adam(p, lr=0.02, weight_decay=0.1)),
        optimiser("sgd", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01)),
        optimiser("sgd nesterov", lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True)),
    ],
    "losses": [
        loss("cross entropy", lambda x: F.cross_entropy(x, target), (4, 5)),
        loss("cross entropy smoothed", lambda x: F.cross_entropy(x, target, label_smoothing=0.1, reduction="sum"), (4, 5)),
        loss("kl of logs", lambda x, y: F.kl_div(x.log_softmax(-1), y.log_softmax(-1), log_target=True, reduction="batchmean") * x.size(0), (3, 6), (3, 6)),
        loss("layer norm", lambda x, w, b: (F.layer_norm(x, (6,), w, b, 1e-5) ** 3).sum(), (3, 6), (6,), (6,)),
        loss("attention", lambda q, k, v: ((q @ k.T / 2).softmax(-1) @ v).pow(2).sum(), (3, 4), (5, 4), (5, 4)),
        loss("gelu silu", lambda x: (F.gelu(x) * F.silu(x)).sum(), (9,)),
    ],
}, separators=(",", ":")))
