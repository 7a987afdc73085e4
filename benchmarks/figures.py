"""Write the measured figures into the READMEs, between their markers, and draw the charts of the data card.

Quality and robustness are measured here, on the shipped model; what takes longer is read from ``benchmarks/results``,
where the other scripts write it with ``--json``. Needs the extra ``plots``, and krippendorff.

    python benchmarks/figures.py
"""

import csv
import json
import re
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import krippendorff
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from quality import machine
from support_intent import evaluate, load_dataset, load_model, load_taxonomy

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "datasets"
RESULTS = ROOT / "benchmarks" / "results"
SPLITS = ("train", "validation", "test")

WHAT_IT_IS = {
    "topic_macro_f1": "topic macro-F1",
    "topic_accuracy": "topics right",
    "intent_accuracy": "intents right (of 49)",
    "ece": "expected calibration error",
    "log_loss": "log loss of topics",
    "coverage": "share decided automatically",
    "auto_precision": "topics right among those",
    "oos_recall": "out-of-scope recall",
    "oos_recall_near": "… near (app, jobs, other firms …)",
    "oos_recall_far": "… far (small talk, other subjects, noise)",
    "false_rejection": "in-scope messages called out of scope",
    "also_precision": "second topics reported that were asked for",
    "also_recall": "second topics asked for that were reported",
}


def write(path: Path, sections: dict[str, str]) -> None:
    text = path.read_text(encoding="utf-8")
    for name, content in sections.items():
        start, end = f"<!-- figures: {name} -->", "<!-- end of figures -->"
        pattern = re.compile(f"({re.escape(start)}\n).*?({re.escape(end)})", re.DOTALL)
        text, found = pattern.subn(lambda match, content=content: f"{match[1]}{content}\n{match[2]}", text)
        if found != 1:
            sys.exit(f"expected one place marked {start} in {path}, found {found}")
    path.write_text(text, encoding="utf-8")


def table(*rows: tuple) -> str:
    head, *body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def example(readme: str) -> str:
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    return f"```text\n{out}\n```"


def quality(evaluation) -> str:
    rows = [
        (f"`{m.name}`", f"{m.value:.3f}", f"{m.low:.3f} – {m.high:.3f}", WHAT_IT_IS[m.name], m.n)
        for m in evaluation.metrics
    ]
    return table(("metric", "value", "95 % interval", "what it is", "n"), *rows)


def peers() -> str:
    result = json.loads((RESULTS / "quality.json").read_text(encoding="utf-8"))
    rows = [
        (
            row["method"],
            f"{row['topic_macro_f1']:.3f}",
            f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]" if row["difference"] else "",
            f"{row['intent_accuracy']:.3f}",
        )
        for row in result["rows"]
    ]
    return table(("method", "topic macro-F1", "against ours, 95 % interval", "intents right"), *rows)


def public() -> str:
    result = json.loads((RESULTS / "public.json").read_text(encoding="utf-8"))
    rows = [
        (
            row["set"],
            row["n"],
            f"{row['accuracy']:.3f}",
            f"{row['words_and_ngrams_svm']:.3f}",
            f"{row['oos_auroc']:.3f}" if "oos_auroc" in row else "",
        )
        for row in result["rows"]
    ]
    return table(("set", "n", "accuracy", "words + char n-grams, LinearSVC", "out-of-scope AUROC"), *rows)


def speed() -> str:
    result = json.loads((RESULTS / "speed.json").read_text(encoding="utf-8"))
    rows = [(name, f"{m:,.1f}", f"{low:,.1f} – {high:,.1f}") for name, (m, low, high) in result["figures"].items()]
    about = f"{result['n']:,} messages, {result['repeats']} repeats; {result['machine']}."
    return table(("", "median", "least – most"), *rows) + "\n\n" + about


def files() -> str:
    measured = json.loads((RESULTS / "files.json").read_text(encoding="utf-8"))
    rows = [
        (
            f"{run['rows']:,}",
            run["megabytes"],
            run["jobs"],
            run["seconds"],
            f"{run['rows'] / run['seconds']:,.0f}",
            run["peak_mb"],
        )
        for run in measured["runs"]
    ]
    head = ("rows", "MB", "processes", "seconds", "rows/s", "peak MB, all processes")
    return f"{table(head, *rows)}\n\nMachine: {measured['machine']}."


def cluster() -> str:
    measured = json.loads((RESULTS / "files.json").read_text(encoding="utf-8"))["cluster"]
    plan, join, part = (measured[name] for name in ("plan_seconds", "join_seconds", "part_seconds"))
    speedups = ", ".join(f"{n} workers {times} ×" for n, times in measured["speedup"].items())
    return (
        f"For one file of {measured['rows']:,} rows, {plan} s go into cutting it and {join} s into joining it, both on "
        f"one machine, and {part} s into each of {measured['parts']} parts: {speedups} against one. The "
        f"{plan + join:.0f} s done on one machine, file after file, are what stops it: about ten workers are of use."
    )


def fuzzed() -> str:
    measured = json.loads((RESULTS / "fuzz.json").read_text(encoding="utf-8"))
    what = {"reader": "CSV reader, whole and in parts", "text": "normaliser, entities, redaction, model",
            "model": "model loader", "tables": "JSON lines, packed files"}  # fmt: skip
    rows = [(what[name], f"{n:,}") for name, n in measured["inputs"].items()]
    return table(("fuzzed by Atheris", f"inputs in {measured['seconds']} s, no fault"), *rows)


def robustness(model) -> str:
    sys.path.insert(0, str(ROOT))
    from tests.test_robustness import CHANGES

    test = load_dataset(DATA / "messages" / "test.csv")
    truth = np.array([model.taxonomy.topic_of(intent) for intent in test.intents])
    right = (model.predict(test.texts) == truth).mean()
    rows = []
    for name, (change, limit) in CHANGES.items():
        answers = model.predict([change(text) for text in test.texts])
        rows.append((name, f"{100 * (right - (answers == truth).mean()):+.1f}", limit))
    return table(("change of every message", "points of accuracy lost", "limit in the tests"), *rows)


def shares(splits) -> str:
    texts = [text for split in splits.values() for text in split.texts]
    lengths = [len(text.split()) for text in texts]
    styles = Counter(style for split in splits.values() for style in split.styles)
    also = np.mean([bool(also) for split in splits.values() for also in split.also])
    short, long = np.mean([n < 8 for n in lengths]), np.mean([n > 40 for n in lengths])
    lines = [f"- {name}: {len(split)} messages by {len(set(split.writers))} writers" for name, split in splits.items()]
    return "\n".join(
        [
            *lines,
            "",
            f"Lengths: median {statistics.median(lengths):g} words, {short:.0%} under 8, {long:.0%} above 40. "
            f"A second topic (`also`): {also:.1%}.",
            "Styles: " + ", ".join(f"{style} {count}" for style, count in styles.most_common()) + ".",
        ]
    )


def counts(splits) -> str:
    tallies = {name: Counter(split.intents) for name, split in splits.items()}
    rows = [(f"`{intent}`", *(tallies[name][intent] for name in SPLITS)) for intent in load_taxonomy().intent_ids]
    return table(("intent", *SPLITS), *rows)


def alpha(pairs: np.ndarray, n_resamples: int = 300) -> tuple[float, float, float]:
    """Krippendorff's alpha of two labellers, nominal, with a 95 % bootstrap interval over messages."""
    generator = np.random.default_rng(0)

    def of(rows: np.ndarray) -> float:
        return krippendorff.alpha(rows.T, level_of_measurement="nominal")

    spread = [of(pairs[generator.integers(0, len(pairs), len(pairs))]) for _ in range(n_resamples)]
    return of(pairs), *np.percentile(spread, (2.5, 97.5))


def agreement() -> str:
    path = DATA / "agreement.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    taxonomy = load_taxonomy()
    intents = np.array([[taxonomy.intent_ids.index(row[who]) for who in ("first", "second")] for row in rows])
    topics = taxonomy.topic_index[intents]
    lines = []
    for name, pairs in (("topic", topics), ("intent", intents)):
        value, low, high = alpha(pairs)
        share = (pairs[:, 0] == pairs[:, 1]).mean()
        lines.append((name, f"{share:.1%}", f"{value:.3f}", f"{low:.3f} – {high:.3f}", len(pairs)))
    each = [(f"`{topic}` or not", topics == i) for i, topic in enumerate(taxonomy.topic_ids)]
    each += [(f"`{intent}` or not", intents == i) for i, intent in enumerate(taxonomy.intent_ids)]
    for name, pairs in each:
        value, low, high = alpha(pairs.astype(int), 100)
        share = pairs.all(axis=1).sum() / pairs.any(axis=1).sum()  # of those that either called so
        lines.append((name, f"{share:.1%}", f"{value:.3f}", f"{low:.3f} – {high:.3f}", int(pairs.any(axis=1).sum())))
    return table(("label", "agreed", "Krippendorff's alpha", "95 % interval", "n"), *lines)


def curve() -> str:
    result = json.loads((RESULTS / "learning_curve.json").read_text(encoding="utf-8"))
    rows = result["rows"]
    n, f1 = [row["n"] for row in rows], [row["topic_macro_f1"] for row in rows]
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    low, high = ([abs(row["topic_macro_f1"] - row[end]) for row in rows] for end in ("low", "high"))
    axes.errorbar(n, f1, yerr=[low, high], marker="o", capsize=3)
    axes.set(xscale="log", xlabel="messages learned", ylabel="topic macro-F1 on the test split")
    axes.set_xticks(n, map(str, n), minor=False)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    save(figure, "learning-curve")
    gain = (f1[-1] - f1[-2]) * 100
    cells = [
        (row["n"], f"{row['topic_macro_f1']:.3f}", f"{row['low']:.3f} – {row['high']:.3f}", f"{row['intents']:.3f}")
        for row in rows
    ]
    head = ("messages learned", "topic macro-F1", "95 % interval", "intents right")
    return table(head, *cells) + f"\n\nThe last doubling was worth {gain:.1f} points of topic macro-F1."


def charts(splits) -> None:
    texts = [text for split in splits.values() for text in split.texts]
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.hist([min(len(text.split()), 120) for text in texts], bins=60)
    axes.set(xlabel="words in a message (120 stands for more)", ylabel="messages")
    save(figure, "lengths")
    styles = Counter(style for split in splits.values() for style in split.styles).most_common()
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.subplots()
    axes.barh([style for style, _ in styles][::-1], [count for _, count in styles][::-1])
    axes.set(xlabel="messages")
    save(figure, "styles")


def save(figure, name: str) -> None:
    folder = DATA / "charts"
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def main() -> None:
    mpl.rcParams["svg.hashsalt"] = "support_intent"  # the same picture is the same file
    model = load_model()
    readme = ROOT / "README.md"
    evaluation = evaluate(model, load_dataset(DATA / "messages" / "test.csv"))
    write(
        readme,
        {
            "example": example(readme.read_text(encoding="utf-8")),
            "quality": quality(evaluation),
            "peers": peers(),
            "public": public(),
            "robustness": robustness(model),
            "speed": speed(),
            "files": files(),
            "cluster": cluster(),
            "fuzz": fuzzed(),
        },
    )
    splits = {name: load_dataset(DATA / "messages" / f"{name}.csv") for name in SPLITS}
    charts(splits)
    sections = {"shares": shares(splits), "counts": counts(splits), "learning curve": curve(), "agreement": agreement()}
    write(DATA / "README.md", sections)
    print(f"figures written; {machine()}")


if __name__ == "__main__":
    main()
