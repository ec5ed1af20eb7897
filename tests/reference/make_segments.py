"""Words of Chinese texts by a small dictionary and a small hidden Markov model, cut by jieba's published algorithm written anew.

make_segments.py FOLDER: writes a package folder in jieba's layout (invented words and frequencies) and segments.json: [{"text", "plain", "shapes"}, ...]; plain is without the model.
"""
import json
import math
import os
import random
import re
import sys

folder = sys.argv[1]
random.seed(7)
letters = "北京大学中国上海人民日报天气很好今明后雨雪山水清华我来到他说的了是在有不"
words = {"北京": 80, "大学": 60, "北京大学": 12, "中国": 90, "上海": 70, "人民": 50, "人民日报": 9, "日报": 5, "天气": 40, "今天": 55, "明天": 45, "清华": 8, "清华大学": 6, "来到": 30, "我": 200, "的": 900,
         "了": 400, "是": 500, "在": 300, "很": 100, "华大": 1, "好天": 1, "中": 20, "山水": 10, "国中": 2, "他说": 15, "有": 150, "不是": 33, "有没有": 3, "大": 25, "ab": 2, "他": 100, "们": 0}
start = {"B": -0.26, "E": -3.14e100, "M": -3.14e100, "S": -1.47}
trans = {"B": {"E": -0.51, "M": -0.92}, "E": {"B": -0.59, "S": -0.81}, "M": {"E": -0.33, "M": -1.26}, "S": {"B": -0.72, "S": -0.67}}
emit = {state: {c: round(random.uniform(-9, -2), 4) for c in letters if random.random() < 0.8} for state in "BMES"}

os.makedirs(os.path.join(folder, "finalseg"), exist_ok=True)
with open(os.path.join(folder, "dict.txt"), "w", encoding="utf-8", newline="\n") as file:
    file.writelines(f"{word} {count} n\n" for word, count in words.items())
for name, table in (("start", start), ("trans", trans), ("emit", emit)):
    with open(os.path.join(folder, "finalseg", f"prob_{name}.py"), "w", encoding="ascii", newline="\n") as file:
        file.write("from __future__ import unicode_literals\n\nP=" + ascii(table) + "\n")

frequency = {}
for word, count in words.items():
    frequency[word] = count
    for n in range(1, len(word)):
        frequency.setdefault(word[:n], 0)
total = math.log(sum(words.values()))


def viterbi(text):
    layers = [{y: (start[y] + emit[y].get(text[0], -3.14e100), [y]) for y in "BMES"}]
    before = {"B": "ES", "M": "MB", "S": "SE", "E": "BM"}
    for c in text[1:]:
        layer = {}
        for y in "BMES":
            score, source = max((layers[-1][s][0] + trans[s].get(y, -3.14e100) + emit[y].get(c, -3.14e100), s) for s in before[y])
            layer[y] = (score, layers[-1][source][1] + [y])
        layers.append(layer)
    return layers[-1][max((layers[-1][y][0], y) for y in "ES")[1]][1]


def shapes(run):
    for block in re.split("([\u4E00-\u9FD5]+)", run):
        if re.match("[\u4E00-\u9FD5]", block):
            states, begin, rest = viterbi(block), 0, 0
            for i, state in enumerate(states):
                if state == "B":
                    begin = i
                elif state == "E":
                    yield block[begin:i + 1]
                    rest = i + 1
                elif state == "S":
                    yield block[i]
                    rest = i + 1
            if rest < len(block):
                yield block[rest:]
        else:
            yield from filter(None, re.split(r"([a-zA-Z0-9]+(?:\.\d+)?%?)", block))


def latin(run):
    return re.findall("[a-zA-Z0-9]+|.", run)


def cut(text, known_shapes):
    for block in re.split(r"([\u4E00-\u9FD5a-zA-Z0-9+#&\._%\-]+)", text):
        if not re.match(r"[\u4E00-\u9FD5a-zA-Z0-9+#&\._%\-]", block):
            yield from block
            continue
        n = len(block)
        ends, route = {}, {n: (0, 0)}
        for k in range(n):
            ends[k], i = [], k
            while i < n and block[k:i + 1] in frequency:
                if frequency[block[k:i + 1]]:
                    ends[k].append(i)
                i += 1
            ends[k] = ends[k] or [k]
        for k in range(n - 1, -1, -1):
            route[k] = max((math.log(frequency.get(block[k:x + 1]) or 1) - total + route[x + 1][0], x) for x in ends[k])
        k, run = 0, ""
        pieces = []
        while k <= n:
            end = route[k][1] + 1 if k < n else n + 2
            if k < n and end - k == 1:
                run += block[k]
            else:
                if run:
                    pieces += known_shapes(run) if known_shapes is latin or not (len(run) == 1 or frequency.get(run)) else list(run)
                    run = ""
                if k < n:
                    pieces.append(block[k:end])
            k = end
        yield from pieces


texts = ["", "我来到北京清华大学", "今天天气很好。", "abc12北京，x", "价格3.5%上涨", "A-b_c+d", "人民日报 说\r\n他是😀山", "ab北ab", "有没有", "有没", "们们", "Ａ北京Ｂ"]
for _ in range(120):
    texts.append("".join(random.choice(letters + "，。 a1.") for _ in range(random.randrange(1, 30))))
with open(os.path.join(folder, "segments.json"), "w", encoding="ascii", newline="\n") as file:
    file.write("[\n" + ",\n".join(json.dumps({"text": t, "plain": list(cut(t, latin)), "shapes": list(cut(t, shapes))}) for t in texts) + "\n]\n")
