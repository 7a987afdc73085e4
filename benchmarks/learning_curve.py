"""What more messages are worth: test macro-F1 against the number of messages learned.

Parts of the training messages (train and validation, as the shipped model learns), drawn at random from every intent
alike, teach a model each; all answer the same test split.

    python benchmarks/learning_curve.py --json benchmarks/results/learning_curve.json
"""

import argparse
import json
from pathlib import Path

import numpy as np

from quality import DATA, machine
from support_intent import IntentClassifier, evaluate, load_dataset

SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0)


def part(intents: np.ndarray, share: float) -> list[int]:
    """Rows of a share of every intent's messages."""
    generator = np.random.default_rng(0)
    rows: list[int] = []
    for intent in sorted(set(intents)):
        mine = generator.permutation(np.flatnonzero(intents == intent))
        rows += mine[: max(2, round(share * len(mine)))].tolist()
    return sorted(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    whole, test = (
        load_dataset(DATA / "train.csv") + load_dataset(DATA / "validation.csv"),
        load_dataset(DATA / "test.csv"),
    )
    rows = []
    for share in SHARES:
        some = whole.select(part(np.array(whole.intents), share))
        classifier = IntentClassifier(n_jobs=2, n_folds=3).fit(some.texts, some.intents, groups=some.writers)
        evaluation = evaluate(classifier.model_, test)
        f1, intents = evaluation["topic_macro_f1"], evaluation["intent_accuracy"]
        rows.append(
            {"n": len(some), "topic_macro_f1": f1.value, "low": f1.low, "high": f1.high, "intents": intents.value}
        )
        print(f"{len(some):6} messages: {f1}, {intents}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "n_test": len(test), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
