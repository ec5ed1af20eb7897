#!/usr/bin/env python3
"""Scores of methods that look at keys and queries before RoPE, written a second time from their formulas, in loops over lists of doubles.

    python3 tests/reference/make_scores.py        writes scores.json beside this file

The test makes the same rows by the same rule and turns them by RoPE. The standard library is all it needs.
"""
import cmath
import json
import math
import os

KV, GROUP, N, D = 2, 2, 300, 4
FREQUENCIES = [0.5, 0.01]
SCALE = 0.5
SINKS, FUTURE = 4, 512


def row(seed, head, position):
    """Numbers from -1 to 1 that any language computes alike."""
    return [((head * 7919 + position * 104729 + i * 1299709 + seed * 15485863) % 2003) / 1001 - 1 for i in range(D)]


QUERIES = [[row(1, h, p) for p in range(N)] for h in range(KV * GROUP)]      # before RoPE
KEYS = [[row(2, h, p) for p in range(N)] for h in range(KV)]
VALUES = [[[x * (1 + p % 3) for x in row(3, h, p)] for p in range(N)] for h in range(KV)]


def pairs(x):
    return [complex(x[f], x[f + D // 2]) for f in range(D // 2)]


def flat(z):
    return [c.real for c in z] + [c.imag for c in z]


def turned(x, position):
    return flat([c * cmath.exp(1j * w * position) for c, w in zip(pairs(x), FREQUENCIES)])


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def length(a):
    return math.sqrt(dot(a, a))


def column(matrix, i):
    return [r[i] for r in matrix]


def times(a, b):
    return [[dot(r, column(b, j)) for j in range(len(b[0]))] for r in a]


def transposed(a):
    return [list(c) for c in zip(*a)]


def solve(a, b):
    """Gauss with pivots."""
    a = [r[:] + [y] for r, y in zip(a, b)]
    n = len(a)
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(a[r][i]))
        a[i], a[p] = a[p], a[i]
        for r in range(n):
            if r != i:
                f = a[r][i] / a[i][i]
                a[r] = [x - f * y for x, y in zip(a[r], a[i])]
    return [a[i][n] / a[i][i] for i in range(n)]


def softmax(z):
    top = max(z)
    e = [math.exp(x - top) for x in z]
    return [x / sum(e) for x in e]


ROTATED = [[turned(k, p) for p, k in enumerate(head)] for head in KEYS]


def mean_rotation():
    """Mean over the positions ahead, as a matrix over (left half, right half)."""
    r = [[0.0] * D for _ in range(D)]
    for p in range(N, N + FUTURE):
        for f, w in enumerate(FREQUENCIES):
            c, s, h = math.cos(w * p) / FUTURE, math.sin(w * p) / FUTURE, D // 2
            r[f][f] += c
            r[f][f + h] -= s
            r[f + h][f] += s
            r[f + h][f + h] += c
    return r


AHEAD = mean_rotation()


def mean(rows):
    return [sum(c) / len(rows) for c in zip(*rows)]


def group_mean(of_query_head):
    return [[sum(of_query_head[g * GROUP + i][p] for i in range(GROUP)) / GROUP for p in range(len(of_query_head[0]))] for g in range(KV)]


def protected(scores, first, last=0):
    """First and last positions are not compared: null."""
    return [[None] * first + head + [None] * last for head in scores]


def expected_attention(epsilon):
    scores = []
    for h, queries in enumerate(QUERIES):
        seen = queries[SINKS:]
        m = mean(seen)
        apart = [[x - y for x, y in zip(q, m)] for q in seen]
        covariance = [[sum(a[i] * a[j] for a in apart) / len(seen) for j in range(D)] for i in range(D)]
        m = [dot(r, m) for r in AHEAD]
        covariance = times(times(AHEAD, covariance), transposed(AHEAD))
        keys, values = ROTATED[h // GROUP][SINKS:], VALUES[h // GROUP][SINKS:]
        z = [dot(m, k) * SCALE + dot(k, [dot(r, k) for r in covariance]) * SCALE * SCALE / 2 for k in keys]
        scores.append([(p + epsilon) * length(v) for p, v in zip(softmax(z), values)])
    return protected(group_mean(scores), SINKS)


def cap():
    scores = []
    for h, queries in enumerate(QUERIES):
        anchor = [dot(r, mean(queries[SINKS:])) for r in AHEAD]
        keys, values = ROTATED[h // GROUP][SINKS:], VALUES[h // GROUP][SINKS:]
        cosines = [dot(k, anchor) / length(k) / length(anchor) for k in keys]
        w = [math.exp(5 * (c - max(cosines))) for c in cosines]
        a = [[(i == j) + sum(x * v[i] * v[j] for x, v in zip(w, values)) for j in range(D)] for i in range(D)]
        scores.append([x * dot(v, solve(a, v)) for x, v in zip(w, values)])
    return protected(group_mean(scores), SINKS)


def standardised(scores):
    all_of_them = [x for head in scores for x in head]
    m = sum(all_of_them) / len(all_of_them)
    s = math.sqrt(sum((x - m) ** 2 for x in all_of_them) / (len(all_of_them) - 1))
    return [[(x - m) / s for x in head] for head in scores]


def leverage(rows):
    m = mean(rows)
    x = [[a - b for a, b in zip(r, m)] for r in rows]
    g = [[sum(r[i] * r[j] for r in x) + (0.01 if i == j else 0) for j in range(D)] for i in range(D)]
    return [dot(r, solve(g, r)) for r in x]


def compactor(blend, first=8, last=4, chunk=256):
    end = N - last
    received = []
    for h, queries in enumerate(QUERIES):
        sums = [0.0] * (end - first)
        for start in range(first, end, chunk):
            inside = range(start, min(start + chunk, end))
            for q in inside:
                t = turned(queries[q], q)
                for p, weight in zip(inside, softmax([dot(t, ROTATED[h // GROUP][j]) for j in inside])):
                    sums[p - first] += weight
        received.append(sums)
    attention = []
    for g, sums in enumerate(group_mean(received)):
        s = [0.0] + [x * length(VALUES[g][first + j]) for j, x in enumerate(sums)] + [0.0]
        attention.append([(s[j] + s[j + 1] + s[j + 2]) / 3 for j in range(len(sums))])
    a, b = standardised(attention), standardised([leverage(head[first:end]) for head in KEYS])
    return protected([[x + blend * y for x, y in zip(p, q)] for p, q in zip(a, b)], first, last)


def filter_of(rows):
    """First right singular vector by power iteration, its sign that of most products."""
    g = [[sum(r[i] * r[j] for r in rows) for j in range(D)] for i in range(D)]
    v = [1.0] * D
    for _ in range(5000):
        v = [dot(r, v) for r in g]
        v = [x / length(v) for x in v]
    return v if sum(dot(r, v) > 0 for r in rows) * 2 > len(rows) else [-x for x in v]


def q_filters():
    """The queries of the prompt itself stand in for calibration texts."""
    filters = [filter_of([turned(q, p) for p, q in enumerate(head)]) for head in QUERIES]
    return group_mean([[dot(f, k) for k in ROTATED[h // GROUP]] for h, f in enumerate(filters)])


def tri_attention(farthest=4096):
    scores = []
    for h, head in enumerate(QUERIES):
        seen = [pairs(q) for q in head[SINKS:]]
        mean_query = [sum(q[f] for q in seen) / len(seen) for f in range(D // 2)]
        mean_size = [sum(abs(q[f]) for q in seen) / len(seen) for f in range(D // 2)]
        offsets = [2 ** i for i in range(farthest.bit_length())]
        raw = []
        for p, key in enumerate(KEYS[h // GROUP]):
            s = 0.0
            for f, w in enumerate(FREQUENCIES):
                k = pairs(key)[f]
                phase = cmath.phase(mean_query[f]) - cmath.phase(k)
                s += sum(abs(mean_query[f]) * abs(k) * math.cos((N - p + o) * w + phase) for o in offsets) / len(offsets)
                s += (mean_size[f] - abs(mean_query[f])) * abs(k)
            raw.append(s)
        m = sum(raw) / N
        deviation = math.sqrt(sum((x - m) ** 2 for x in raw) / N)
        scores.append([(x - m) / deviation for x in raw])
    return [[max(scores[g * GROUP + i][p] for i in range(GROUP)) for p in range(N)] for g in range(KV)]


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scores.json")
    scores = {"ExpectedAttention": expected_attention(0.01), "CapKV": cap(), "Compactor": compactor(0.7), "Q-Filters": q_filters(), "TriAttention": tri_attention()}
    with open(path, "w") as f:
        json.dump({name: [[None if x is None else float(f"{x:.7g}") for x in head] for head in heads] for name, heads in scores.items()}, f)
        f.write("\n")


main()
