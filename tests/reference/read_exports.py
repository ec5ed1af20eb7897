"""Reads exported results as LongBench's eval.py and kvpress' scorers read their own, and scores them again by the definitions of make_metric_pairs.py.

read_exports.py FOLDER: prints {file of a stated score: {data set: [stated, scored again]}} for every result.json below pred and pred_e and every metrics.json.
"""
import ast
import csv
import json
import os
import sys
import tempfile

folder = sys.argv[1]
sys.argv = ["", os.path.join(tempfile.mkdtemp(), "pairs.json")]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.stdout, out = open(os.devnull, "w"), sys.stdout
import make_metric_pairs as metrics  # noqa: E402

dataset2metric = {
    "qasper": lambda p, t, c: metrics.qa_f1(p, t), "hotpotqa": lambda p, t, c: metrics.qa_f1(p, t), "triviaqa": lambda p, t, c: metrics.qa_f1(p, t),
    "multifieldqa_zh": lambda p, t, c: metrics.qa_f1_zh_characters(p, t), "multi_news": lambda p, t, c: metrics.rouge_l(p, t), "samsum": lambda p, t, c: metrics.rouge_l(p, t),
    "trec": lambda p, t, c: metrics.classification(p, t, c), "passage_count": lambda p, t, c: metrics.count(p, t), "passage_retrieval_en": lambda p, t, c: metrics.retrieval(p, t),
    "lcc": lambda p, t, c: metrics.code_sim_insert_delete(p, t),
}


def score(dataset, records, classes, by_length):
    samples = []
    for prediction, answers, length in records:
        if dataset in ["trec", "triviaqa", "samsum", "lsht"]:
            prediction = prediction.lstrip("\n").split("\n")[0]
        samples.append((max([0.0] + [dataset2metric[dataset](prediction, answer, classes) for answer in answers]), length))
    if not by_length:
        return round(100 * sum(s for s, _ in samples) / len(samples), 2)
    buckets = {"0-4k": [], "4-8k": [], "8k+": []}
    for s, length in samples:
        buckets["0-4k" if length < 4000 else "4-8k" if length < 8000 else "8k+"].append(s)
    return {name: round(100 * sum(b) / len(b), 2) for name, b in buckets.items() if b}


def read_longbench(path):
    found = {}
    for name in os.listdir(path):
        if not name.endswith("jsonl"):
            continue
        records = []
        with open(os.path.join(path, name), encoding="utf-8") as file:
            for line in file:
                data = json.loads(line)
                records.append((data["pred"], data["answers"], data["length"]))
                all_classes = data["all_classes"]
        found[name.split(".")[0]] = score(name.split(".")[0], records, all_classes, "pred_e" in path)
    return found


def read_kvpress(path, by_task, by_length):
    with open(os.path.join(path, "predictions.csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if by_task:     # RULER's string_match
        return {task: {"string_match": round(100 * sum(metrics.all_substrings(r["predicted_answer"], ast.literal_eval(r["answer"])) for r in rows if r["task"] == task)
                                             / sum(r["task"] == task for r in rows), 2)} for task in {r["task"] for r in rows}}
    classes = ast.literal_eval(rows[0]["all_classes"]) if rows[0]["all_classes"] else None
    return score(rows[0]["task"], [(r["predicted_answer"], ast.literal_eval(r["answers"]), int(r["length"])) for r in rows], classes, by_length)


result = {}
for path, _, files in os.walk(folder):
    if "result.json" in files:
        with open(os.path.join(path, "result.json"), encoding="utf-8") as file:
            stated = json.load(file)
        again = read_longbench(path)
        result[os.path.relpath(path, folder)] = {name: [stated.get(name), again.get(name)] for name in sorted(set(stated) | set(again))}
    if "metrics.json" in files:
        with open(os.path.join(path, "metrics.json"), encoding="utf-8") as file:
            stated = json.load(file)
        name = os.path.relpath(path, folder).split("__")[0]
        result[os.path.relpath(path, folder)] = {"metrics": [stated, read_kvpress(path, name == "ruler", name == "longbench-e")]}
json.dump(result, out)
