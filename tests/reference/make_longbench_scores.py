"""Scores of predictions made from real LongBench records, by the definitions of make_metric_pairs.py.

make_longbench_scores.py DATA OUT: reads DATA/longbench/*.jsonl and writes {dataset: {"score": ..., "samples": [...]}}; no text of the data is written.
The prediction of a record, also made in RealDataTests: multi_news: the first eight lines of its context; multifieldqa_zh: the next record's answer, a comma, its own;
passage_retrieval_zh: its own answer, "或", the next record's.
"""
import json
import os
import sys
import tempfile

data, out = sys.argv[1:]
sys.argv = ["", os.path.join(tempfile.mkdtemp(), "pairs.json")]
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import make_metric_pairs as metrics  # noqa: E402

rules = {
    "multi_news": (lambda own, following: "\n".join(own["context"].split("\n")[:8]), metrics.rouge_l),
    "multifieldqa_zh": (lambda own, following: following["answers"][0] + "，" + own["answers"][0], metrics.qa_f1_zh_characters),
    "passage_retrieval_zh": (lambda own, following: own["answers"][0] + "或" + following["answers"][0], metrics.retrieval_zh),
}
result = {}
for name, (predict, score) in rules.items():
    with open(os.path.join(data, "longbench", name + ".jsonl"), encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    samples = []
    for i, record in enumerate(records):
        prediction = predict(record, records[(i + 1) % len(records)])
        samples.append(max(score(prediction, answer) for answer in record["answers"]))
    result[name] = {"score": round(100 * sum(samples) / len(samples), 2), "samples": samples}
with open(out, "w", encoding="ascii", newline="\n") as file:
    file.write(json.dumps(result) + "\n")
print({name: value["score"] for name, value in result.items()})
