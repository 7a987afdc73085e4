"""How fast messages are classified beside other tools, and how long the start takes.

Messages are halves of test messages joined at random, so that nearly half of them hold digits or Latin letters; in the
«new» ones every eighth word has a wrong letter, so that the table of known words keeps meeting strangers. All tools
answer the same messages in turn, run after run. Machines are shared: compare within a run only.
fastText as a peer: pip install fasttext-numpy2-wheel

    python benchmarks/bench_inference.py --messages 200000 --json benchmarks/results/speed.json
"""

import argparse
import csv
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from support_intent import classify_file, load_dataset, load_model

TEST = Path(__file__).resolve().parents[1] / "datasets" / "messages" / "test.csv"
WORD = re.compile(r"\w+")
LETTERS = "абвгдежзийклмнопрстуфхцчшщыьэюя"


def make_messages(n_messages: int, new_words: float, random_state: int) -> list[str]:
    """Mix halves of real messages and respell some of their words."""
    generator = random.Random(random_state)
    texts = [text for text in load_dataset(TEST).texts if text]

    def respell(word: str) -> str:
        if len(word) < 4 or generator.random() >= new_words:
            return word
        place = generator.randrange(len(word))
        return word[:place] + generator.choice(LETTERS) + word[place + 1 :]

    messages = []
    for _ in range(n_messages):
        one, two = generator.choice(texts).split(), generator.choice(texts).split()
        words = one[: len(one) // 2 + 1] + two[len(two) // 2 :]
        messages.append(" ".join(respell(word) for word in words[:40]))
    return messages


def seconds(function, *arguments) -> float:
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def process_seconds(*arguments: str) -> float:
    return seconds(lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True))


def fasttext_peers():
    """Models of fastText with words only and with subwords; none where it is not installed."""
    try:
        import fasttext
    except ImportError:
        return {}
    train = load_dataset(TEST.with_name("train.csv"))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for text, intent in zip(train.texts, train.intents, strict=True):
            file.write(f"__label__{intent} {' '.join(text.lower().split())}\n")
        file.flush()
        common = {"lr": 0.5, "epoch": 5, "dim": 100, "thread": 1, "verbose": 0}
        return {
            "fastText, words": fasttext.train_supervised(file.name, **common),
            "fastText, subwords": fasttext.train_supervised(file.name, minn=2, maxn=5, bucket=200_000, **common),
        }


def scikit_learn_peers():
    """The usual pipelines of TF-IDF and a linear learner, on words or on lemmas, remembered or found anew.

    They learn from every fourth train message, which changes their speed little.
    """
    from pymorphy3 import MorphAnalyzer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    analyzer = MorphAnalyzer()
    remembered = lru_cache(maxsize=None)(lambda word: analyzer.parse(word)[0].normal_form)

    def lemmas(text: str) -> list[str]:
        return [remembered(word) for word in WORD.findall(text.lower())]

    def lemmas_anew(text: str) -> list[str]:
        return [analyzer.parse(word)[0].normal_form for word in WORD.findall(text.lower())]

    def ngrams():
        return TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5))

    pipelines = {
        "words + char n-grams": make_pipeline(make_union(TfidfVectorizer(), ngrams()), LinearSVC()),
        "cached lemmas": make_pipeline(TfidfVectorizer(analyzer=lemmas), LogisticRegression()),
        "cached lemmas + char n-grams": make_pipeline(
            make_union(TfidfVectorizer(analyzer=lemmas), ngrams()), LinearSVC()
        ),
        "lemmas, no cache": make_pipeline(TfidfVectorizer(analyzer=lemmas_anew), LinearSVC()),
    }
    train = load_dataset(TEST.with_name("train.csv"))
    return {name: pipeline.fit(train.texts[::4], train.intents[::4]) for name, pipeline in pipelines.items()}


def copy_with_csv(source: Path) -> None:
    """Merely read and write a file: the limit for any tool that keeps every cell."""
    with (
        source.open(encoding="utf-8", newline="") as file,
        source.with_name("copy.csv").open("w", encoding="utf-8") as out,
    ):
        csv.writer(out).writerows(csv.reader(file))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()

    repeated = make_messages(options.messages, 0.0, 0)
    fresh = make_messages(options.messages, 1 / 8, 1)
    figures: dict[str, list[float]] = {}

    def record(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    peers, pipelines = fasttext_peers(), scikit_learn_peers()
    few = fresh[: max(len(fresh) // 20, 1)]  # scikit-learn's pipelines take their time

    for _ in range(options.repeats):
        model = load_model()
        record("messages/s, words new, table empty", len(fresh) / seconds(model.predict, fresh))
        record("messages/s, words new, second pass", len(fresh) / seconds(model.predict, fresh))
        model = load_model()
        record("messages/s, words repeated, table empty", len(repeated) / seconds(model.predict, repeated))
        record("messages/s, words repeated, second pass", len(repeated) / seconds(model.predict, repeated))
        lines = [" ".join(message.split()) for message in fresh]
        for name, peer in peers.items():
            record(f"messages/s, {name}", len(lines) / seconds(peer.predict, lines))
        for name, pipeline in pipelines.items():
            record(f"messages/s, scikit-learn, {name}", len(few) / seconds(pipeline.predict, few))
        record("load_model, ms", 1e3 * seconds(load_model))
        for message in repeated[:2_000]:
            model.predict([message])  # so that its words are known
        singles = [1e6 * seconds(model.predict, [message]) for message in repeated[:2_000]]
        record("one message, known words, p50 µs", float(np.percentile(singles, 50)))
        record("one message, known words, p99 µs", float(np.percentile(singles, 99)))
        strangers = [1e6 * seconds(model.predict, [message]) for message in fresh[:2_000]]
        record("one message, one word in eight new, p50 µs", float(np.percentile(strangers, 50)))
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "in.csv"
            source.write_text("text\n" + "".join('"' + m.replace('"', "'") + '"\n' for m in repeated), encoding="utf-8")
            took = seconds(
                lambda source=source, model=model: classify_file(source, source.with_name("out.csv"), model=model)
            )
            record("rows/s, CSV to CSV, in process", len(repeated) / took)
            record("rows/s, merely read and written by csv", len(repeated) / seconds(copy_with_csv, source))
        record("explain, cold start, s", process_seconds("-m", "support_intent", "explain", "где моя посылка"))
        record("import, s", process_seconds("-c", "import support_intent"))

    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}"
    )
    print(f"{machine}; {options.messages} messages, {options.repeats} repeats: median (least – most)")
    summary = {name: (statistics.median(values), min(values), max(values)) for name, values in figures.items()}
    for name, (median, least, most) in summary.items():
        print(f"{name:50} {median:>12,.1f} ({least:,.1f} – {most:,.1f})")
    if options.json:
        result = {"machine": machine, "n": options.messages, "repeats": options.repeats, "figures": summary}
        options.json.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
