"""Scores of tricky predictions by definitions written straight from the papers and Python's own string functions.

make_metric_pairs.py OUT: writes [{"metric", "prediction", "answers", "classes", "score"}, ...], the golden values of MetricTests.
"""
import ast
import difflib
import itertools
import json
import math
import random
import re
import string
import sys
from collections import Counter


def f1(prediction, truth):
    common = sum((Counter(prediction) & Counter(truth)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(prediction), common / len(truth)
    return 2 * precision * recall / (precision + recall)


def qa_f1(prediction, truth):
    def words(text):
        kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split()).split()
    return f1(words(prediction), words(truth))


def qa_f1_zh_characters(prediction, truth):
    marks = set(string.punctuation + "！？｡。＂＃＄％＆＇（）＊＋，－／：；＜＝＞＠［＼］＾＿｀｛｜｝～｟｠｢｣､、〃》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿–—‘’‛“”„‟…‧﹏.")

    def characters(text):
        return [c.lower() for c in text if not c.isspace() and c not in marks]
    return f1(characters(prediction), characters(truth))


def rouge_l(prediction, truth):
    def sentences(text):
        return [" ".join(piece.split()).split(" ") for piece in text.split(".") if piece]
    predicted, expected = sentences(prediction), sentences(truth)
    if not predicted or not expected:
        return 0.0
    union = set()
    for reference in expected:
        for sentence in predicted:
            table = [[0] * (len(sentence) + 1) for _ in range(len(reference) + 1)]
            for i, x in enumerate(reference, 1):
                for j, y in enumerate(sentence, 1):
                    table[i][j] = table[i - 1][j - 1] + 1 if x == y else max(table[i - 1][j], table[i][j - 1])
            i, j = len(reference), len(sentence)
            while i and j:
                if reference[i - 1] == sentence[j - 1]:
                    union.add(reference[i - 1])
                    i, j = i - 1, j - 1
                elif table[i - 1][j] > table[i][j - 1]:
                    i -= 1
                else:
                    j -= 1
    recall = len(union) / len(set(itertools.chain(*expected)))
    precision = len(union) / len(set(itertools.chain(*predicted)))
    return 2 * precision * recall / (precision + recall + 1e-8)


def rouge_l_recall(prediction, truth):
    f, expected = rouge_l(prediction or "None", truth), [w for p in truth.split(".") if p for w in " ".join(p.split()).split(" ")]
    if f == 0:
        return 0.0
    predicted = [w for p in (prediction or "None").split(".") if p for w in " ".join(p.split()).split(" ")]
    m, n = len(set(expected)), len(set(predicted))
    return round(f / (2 - f * 1e-8) * (m + n)) / m      # F of l/m and l/n is 2l/(m+n): l is a whole number


def bleu(prediction, truth, n):
    """Papineni et al. 2002 with all weight on n-grams of one length, no smoothing."""
    predicted, expected = (prediction or "None").split(), truth.split()

    def grams(words, k):
        return Counter(zip(*(words[i:] for i in range(k))))
    if not predicted or not grams(predicted, 1) & grams(expected, 1):
        return 0.0
    shared = sum((grams(predicted, n) & grams(expected, n)).values())
    precision = shared / max(1, len(predicted) - n + 1)
    return precision * (1 if len(predicted) > len(expected) else math.exp(1 - len(expected) / len(predicted)))


def rouge_recall(prediction, truth, n):
    def grams(text):
        words = list(itertools.chain(*(" ".join(piece.split()).split(" ") for piece in text.split(".") if piece)))
        return {tuple(words[i:i + n]) for i in range(len(words) - n + 1)}
    predicted, expected = grams(prediction or "None"), grams(truth)
    return len(predicted & expected) / len(expected) if expected else 0.0


def cloze(prediction, truth, same):
    try:
        filled = ast.literal_eval(prediction.strip())
    except (ValueError, SyntaxError):
        return 0.0
    wanted = ast.literal_eval(truth)
    return sum(k in filled and isinstance(filled[k], str) and bool(same(filled[k], v)) for k, v in wanted.items()) / len(wanted) if isinstance(filled, dict) else 0.0


def rouge_l_zh_characters(prediction, truth):
    return rouge_l(*(" ".join(c for c in text if not c.isspace()) for text in (prediction, truth)))


def all_substrings(prediction, truths):
    text = re.sub(r"[\x00-\x1f]", "\n", prediction).strip().lower()
    return sum(t.lower() in text for t in truths) / len(truths)


def babilong(prediction, target, question, labels):
    text = prediction.lower()
    for end in (".", "<context>", "<example>", "Question"):
        text = text.split(end)[0]
    found = {label.lower() for label in labels if label.lower() in text and label.lower() not in question.lower()}
    target = target.lower()
    return float(found == (set(target.split(",")) if "," in target and len(target) > 3 else {target}))


def code_line(prediction):
    for line in prediction.lstrip("\n").split("\n"):
        if "`" not in line and "#" not in line and "//" not in line:
            return line
    return ""


def rounded(a, b, ratio):
    if a == b:
        return 1.0
    return int(round(100 * ratio(a, b))) / 100 if a and b else 0.0


def code_sim_difflib(prediction, truth):
    return rounded(code_line(prediction), truth, lambda a, b: difflib.SequenceMatcher(None, a, b).ratio())


def code_sim_insert_delete(prediction, truth):
    def ratio(a, b):
        row = [0] * (len(b) + 1)
        for x in a:
            diagonal = 0
            for j, y in enumerate(b, 1):
                diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
        return 2 * row[-1] / (len(a) + len(b))
    return rounded(code_line(prediction), truth, ratio)


def classification(prediction, truth, classes):
    named = [c for c in classes if c in prediction]
    for one in named:
        if one in truth and one != truth:
            named.remove(one)
    return 1 / len(named) if truth in named else 0.0


def count(prediction, truth):
    numbers = re.findall(r"\d+", prediction)
    return sum(n == str(truth) for n in numbers) / len(numbers) if numbers else 0.0


def retrieval(prediction, truth):
    return count(prediction, re.findall(r"Paragraph (\d+)", truth)[0])


def retrieval_zh(prediction, truth):
    return count(prediction, re.findall(r"段落(\d+)", truth)[0])


texts = [
    "", "the", "The quick brown fox.", "a quick fox", "U.S.A", "usa", "Yes, in 1998-1999.", "1998", "an apple a day", "apple day", "don't stop", "dont stop", "...",
    "No. 5 is here", "a b c. d e f.", "a c e. b f", "one  two\nthree", "three two one", "x. y. z", "z y x", "   ", " . ", "État-major", "état major", "İstanbul", "ΣΑΣ", "σας",
    "theatre of the absurd", "a_an the_a", "naïve café", "“quoted” text", "tab\tand\u00a0space", "Paris; Paris! Paris", "paris", "the\u2028a", "³ cubes", "3 cubes", "𝒜lpha beta", "word" * 40,
]
chinese = ["", "北京是中国的首都。", "首都是北京", "中国，北京！", "abc北京 DEF", "ＡＢＣ", "上海 1998 年", "上海1998年", "「引用」", "引用"]
code = [
    "return x + 1", "return x+1", "\n\n# comment\nreturn x", "`x`\n// y", "tide", "diet", "", "foo(bar, baz)", "foo(baz, bar)", "    if (a) { b(); }\nnext", "    if (a) b();",
    "var s = \"é\";", "var s = \"e\";", "x" * 250, "xy" * 130, "ab" * 100 + "c", "the quick " * 25, "quick the " * 25 + "end", "a😀b", "ab😀", "int n = list.Count;", "var n = list.Count();",
]
classes = ["city", "country", "other city", "group", "Human", "individual", "number", "date", "other number", "num"]
named = ["city", "other city", "the city is a country", "other number", "number date", "", "City", "num number other number date city other city", "individual Human group"]
numbers = ["12", "There are 12.", "12 12 13", "3.5", "none", "", "Paragraph 7", "7 or 8", "段落7", "段落 7", "٣ and 3", "007"]

cases = []


def add(metric, score, prediction, answers, all_classes=(), question=""):
    cases.append({"metric": metric, "prediction": prediction, "answers": answers, "classes": list(all_classes), "question": question, "score": score})


for i, prediction in enumerate(texts):
    for j in (i, (i + 1) % len(texts), (i * 7 + 3) % len(texts)):
        add("qa_f1", qa_f1(prediction, texts[j]), prediction, [texts[j]])
        add("rouge_l", rouge_l(prediction, texts[j]), prediction, [texts[j]])
    several = [texts[(i + k * 5) % len(texts)] for k in range(3)]
    add("qa_f1", max(qa_f1(prediction, t) for t in several), prediction, several)
add("rouge_l", rouge_l("b a. b c", "a b"), "b a. b c", ["a b"])      # which of two longest common subsequences is taken decides
chance = random.Random(5)
for _ in range(60):
    one, other = (" ".join(chance.choice(["a", "b", "c", "d", "e.", "f."]) for _ in range(chance.randrange(2, 14))) for _ in range(2))
    add("rouge_l", rouge_l(one, other), one, [other])
for a, b in itertools.product(chinese, chinese):
    add("qa_f1_zh_characters", qa_f1_zh_characters(a, b), a, [b])
    add("rouge_l_zh_characters", rouge_l_zh_characters(a, b), a, [b])
places = ["kitchen", "office", "garden", "Bill", "milk"]
for prediction in ["kitchen", "The Kitchen. Or the garden.", "kitchen or office", "", "office<context>garden", "garden, kitchen", "BILL", "the milk is in the kitchen", "nowhere.kitchen", "Question: kitchen"]:
    for target, question in itertools.product(["kitchen", "garden,kitchen", "Bill", "a,b", "kitchen,office"], ["Where is Mary?", "Where was the milk before the Office?"]):
        add("babilong", babilong(prediction, target, question, places), prediction, [target], places, question)
for prediction, truths in itertools.product(["", "12 and 13", "12\x0013\tAb", " AB ", "İ ß", "1 2 3"], [["12"], ["12", "13", "14"], ["ab", "12"], ["i\u0307"], ["2", "3", "1", "4"]]):
    add("all_substrings", all_substrings(prediction, truths), prediction, truths)
for i, prediction in enumerate(code):
    for j in range(i - 3, i + 4):
        truth = code[j % len(code)]
        add("code_sim_difflib", code_sim_difflib(prediction, truth), prediction, [truth])
        add("code_sim_insert_delete", code_sim_insert_delete(prediction, truth), prediction, [truth])
for prediction, truth in itertools.product(named, classes):
    add("classification", classification(prediction, truth, classes), prediction, [truth], classes)
for prediction, truth in itertools.product(numbers, ("12", "7", "3")):
    add("count", count(prediction, truth), prediction, [truth])
    add("retrieval", retrieval(prediction, f"Paragraph {truth}"), prediction, [f"Paragraph {truth}"])
    add("retrieval_zh", retrieval_zh(prediction, f"段落{truth}"), prediction, [f"段落{truth}"])

sentences = ["the cat sat on the mat", "the cat sat on the mat today", "on the mat the cat sat", "a dog. the cat sat on. the mat", "the the the the", "cat", "", "None", " ", "...", "one\ntwo three four five", "one two three four five six", "The cat. Sat on the Mat."]
for prediction, truth in itertools.product(sentences, sentences):
    add("bleu_1", bleu(prediction, truth, 1), prediction, [truth])
    add("bleu_4", bleu(prediction, truth, 4), prediction, [truth])
    add("rouge_1_recall", rouge_recall(prediction, truth, 1), prediction, [truth])
    add("rouge_2_recall", rouge_recall(prediction, truth, 2), prediction, [truth])
    add("rouge_l_recall", rouge_l_recall(prediction, truth), prediction, [truth])
masks = ["{'<mask-0>': 'Ann Lee', '<mask-1>': \"O'Neil\"}", "{\"<mask-0>\": \"Ann Lee\", \"<mask-1>\": \"Bob\"}", "{'<mask-0>': 'ann lee'}"]
filled = masks + ["{'<mask-0>': 'Lee', '<mask-1>': 'Mr O\\'Neil'}", "{'<mask-1>': 'Ann Lee'}", "Ann Lee", "", "{'<mask-0>': 3}", "['Ann Lee']", " {'<mask-0>': 'Ann  Lee'} ", "{'<mask-0>': 'Ann Lee'} and so on", "__import__('os')"]
for prediction, truth in itertools.product(filled, masks):
    add("cloze_exact", cloze(prediction, truth, lambda a, b: a == b), prediction, [truth])
    add("cloze_partial", cloze(prediction, truth, lambda a, b: set(a.split()) & set(b.split())), prediction, [truth])

with open(sys.argv[1], "w", encoding="utf-8", newline="\n") as file:
    file.write("[\n" + ",\n".join(json.dumps(case, ensure_ascii=True) for case in cases) + "\n]\n")
print(len(cases), "cases", Counter(case["metric"] for case in cases))
