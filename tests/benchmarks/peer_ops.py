"""The operator cases of lib/Profiling/Engine/OperatorCases.cs in Python's torch.

peer_ops.py THREADS: prints `ready`, then answers each line `CALLS CASE` with nanoseconds a call. `lab bench ops` starts it and alternates.
"""
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(7)
four, square, rows = torch.randn(4), torch.randn(64, 64), torch.randn(256, 512)
table, weight, scores = torch.randn(2000, 512), torch.randn(2048, 512), torch.randn(8, 256, 256)
hidden, big, line = torch.randn(256, 2048), torch.randn(4096, 3072), torch.randn(8192)
rows16, weight16 = rows.bfloat16(), weight.bfloat16()
ids, leaf = torch.randint(0, 2000, (256,)), torch.randn(512).requires_grad_()


def root_mean_square(x):
    return x * (x.pow(2).mean(-1, keepdim=True) + 1e-5).rsqrt()


def backward(x):
    with torch.enable_grad():
        (x * x).sum().backward()
    x.grad = None


cases = {
    "add [4]": lambda: four + four,
    "mul scalar [4]": lambda: four * 1.5,
    "softmax [4]": lambda: four.softmax(-1),
    "transpose [64,64] (view)": lambda: square.transpose(0, 1),
    "view [64,64] as [8,8,64]": lambda: square.view(8, 8, 64),
    "select row of [64,64]": lambda: square.select(0, 3),
    "narrow [64,64] to 16 rows": lambda: square.narrow(0, 8, 16),
    "cat two of [4]": lambda: torch.cat([four, four]),
    "matmul [64,64]": lambda: square.matmul(square),
    "index_select 256 of [2000,512]": lambda: table.index_select(0, ids),
    "mean square rsqrt [256,512]": lambda: root_mean_square(rows),
    "silu [256,2048]": lambda: F.silu(hidden),
    "softmax [8,256,256]": lambda: scores.softmax(-1),
    "topk 64 of [8192]": lambda: line.topk(64),
    "linear [256,512]x[2048,512]": lambda: F.linear(rows, weight),
    "linear bf16 [256,512]x[2048,512]": lambda: F.linear(rows16, weight16),
    "add [4096,3072] (48 MB)": lambda: big + big,
    "backward of (x*x).sum() [512]": lambda: backward(leaf),
}

torch.set_grad_enabled(False)
print("ready", flush=True)
for request in sys.stdin:
    calls, name = request.rstrip("\n").split(" ", 1)
    call, count = cases[name], range(int(calls))
    start = time.perf_counter_ns()
    for _ in count:
        call()
    print((time.perf_counter_ns() - start) / len(count), flush=True)
