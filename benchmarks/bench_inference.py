"""How fast messages are classified, and how long the start takes.

Messages are drawn from the test split, with every eighth word spelled anew, so that the table of known words keeps
meeting new ones. Prints medians and ratios of one run; machines are shared, so compare within a run only.

    python benchmarks/bench_inference.py --messages 200000
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from support_intent import classify_file, load_dataset, load_model

TEST = Path(__file__).resolve().parents[1] / "datasets" / "messages" / "test.csv"
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()

    repeated = make_messages(options.messages, 0.0, 0)
    fresh = make_messages(options.messages, 1 / 8, 1)
    figures: dict[str, list[float]] = {}

    def record(name: str, value: float) -> None:
        figures.setdefault(name, []).append(value)

    for _ in range(options.repeats):
        model = load_model()
        record("messages/s, words new, table empty", len(fresh) / seconds(model.predict, fresh))
        record("messages/s, words new, second pass", len(fresh) / seconds(model.predict, fresh))
        model = load_model()
        record("messages/s, words repeated, table empty", len(repeated) / seconds(model.predict, repeated))
        record("messages/s, words repeated, second pass", len(repeated) / seconds(model.predict, repeated))
        record("load_model, ms", 1e3 * seconds(load_model))
        singles = [1e6 * seconds(model.predict, [message]) for message in repeated[:2_000]]
        record("one message, known words, p50 µs", float(np.percentile(singles, 50)))
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "in.csv"
            source.write_text("text\n" + "".join('"' + m.replace('"', "'") + '"\n' for m in repeated), encoding="utf-8")
            took = seconds(
                lambda source=source, model=model: classify_file(source, source.with_name("out.csv"), model=model)
            )
            record("rows/s, CSV to CSV, in process", len(repeated) / took)
        record("explain, cold start, s", process_seconds("-m", "support_intent", "explain", "где моя посылка"))
        record("import, s", process_seconds("-c", "import support_intent"))

    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, numpy {np.__version__}")
    print(f"{options.messages} messages, {options.repeats} repeats: median (least – most)")
    for name, values in figures.items():
        print(f"{name:45} {statistics.median(values):>12,.1f} ({min(values):,.1f} – {max(values):,.1f})")
    print(json.dumps({name: statistics.median(values) for name, values in figures.items()}, ensure_ascii=False))


if __name__ == "__main__":
    main()
