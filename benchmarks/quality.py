"""How right the answers are, beside other methods and without each of our own parts.

Every method learns from the same training messages and answers the same test messages, in one run; nothing is tuned on
the test split. Differences to the shipped configuration come with 95 % intervals of a paired bootstrap over messages.
Peers: pip install fasttext-numpy2-wheel spacy

    python benchmarks/quality.py --json quality.json
    python benchmarks/quality.py --public FOLDER    (BANKING77 and CLINC150 in Russian: *_train.csv and *_test.csv)
    python benchmarks/quality.py --folds 4 pair_weight=0.6 place_weight=0.9,C=2    (settings beside the shipped ones)
"""

import argparse
import csv
import json
import platform
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from support_intent import IntentClassifier, load_dataset, load_taxonomy

DATA = Path(__file__).resolve().parents[1] / "datasets" / "messages"
N_RESAMPLES = 1000


class Split(NamedTuple):
    """Messages and their labels."""

    texts: Sequence[str]
    labels: Sequence[str]
    writers: Sequence[str] | None


Method = Callable[[Split, Sequence[str]], np.ndarray]  # learns, and answers the messages: shape (n_messages,)

# The first pattern that is found decides: what an engineer writes in an afternoon.
KEYWORDS = (
    (r"жалоб|претензи|позор|безобраз|хам|груб|разби|потеря|украл|мошен|сколько можно|ужас|спасибо", "feedback"),
    (r"верн\w+ деньг|оплат|списал|плат[еи]ж|чек|перевод|пенси|налож|пошлин|квитанц|комисси", "how-to-pay"),
    (r"где |трек|отслед|статус|не приш|не получ|извещен|хран|забрать|достав|таможн|розыск", "where-is-item"),
    (r"отправ|послать|посылк|письм|индекс|конверт|упаков|сколько стоит|тариф|отделен|бандерол", "send-item"),
    (r"", "off-topic"),
)


def majority(train: Split, texts: Sequence[str]) -> np.ndarray:
    return np.full(len(texts), Counter(train.labels).most_common(1)[0][0])


def keywords(train: Split, texts: Sequence[str]) -> np.ndarray:
    return np.array([next(label for pattern, label in KEYWORDS if re.search(pattern, t.lower())) for t in texts])


def words_logistic(train: Split, texts: Sequence[str]) -> np.ndarray:
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=10, max_iter=300)
    )
    return model.fit(train.texts, train.labels).predict(texts)


def words_and_ngrams_svm(train: Split, texts: Sequence[str]) -> np.ndarray:
    features = make_union(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True),
    )
    return make_pipeline(features, LinearSVC(C=0.5, random_state=0)).fit(train.texts, train.labels).predict(texts)


def fasttext_subwords(train: Split, texts: Sequence[str]) -> np.ndarray:
    import fasttext

    labels = sorted(set(train.labels))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for text, label in zip(train.texts, train.labels, strict=True):
            file.write(f"__label__{labels.index(label)} {_one_line(text)}\n")
        file.flush()
        model = fasttext.train_supervised(
            file.name, lr=0.5, epoch=30, wordNgrams=2, minn=2, maxn=5, dim=100, bucket=200_000, thread=2, verbose=0
        )
    answers, _ = model.predict([_one_line(text) for text in texts])
    return np.array([labels[int(answer[0].removeprefix("__label__"))] if answer else labels[0] for answer in answers])


def spacy_bag_of_words(train: Split, texts: Sequence[str]) -> np.ndarray:
    import spacy
    from spacy.training import Example

    pipeline = spacy.blank("ru")
    architecture = {
        "@architectures": "spacy.TextCatBOW.v3",
        "exclusive_classes": True,
        "ngram_size": 1,
        "no_output_layer": False,
    }
    categorizer = pipeline.add_pipe("textcat", config={"model": architecture})
    labels = sorted(set(train.labels))
    for label in labels:
        categorizer.add_label(label)
    examples = [
        Example.from_dict(
            pipeline.make_doc(_one_line(text)), {"cats": {known: float(known == label) for known in labels}}
        )
        for text, label in zip(train.texts, train.labels, strict=True)
    ]
    optimizer = pipeline.initialize(lambda: examples[:200])
    for epoch in range(8):
        random.Random(epoch).shuffle(examples)
        for start in range(0, len(examples), 64):
            pipeline.update(examples[start : start + 64], sgd=optimizer)
    return np.array([max(doc.cats, key=doc.cats.__getitem__) for doc in pipeline.pipe(map(_one_line, texts))])


def _one_line(text: str) -> str:
    return " ".join(text.lower().split()) or "."


def ours(**parameters: float) -> Method:
    def method(train: Split, texts: Sequence[str]) -> np.ndarray:
        classifier = IntentClassifier(n_jobs=2, **parameters)
        return classifier.fit(train.texts, train.labels, groups=train.writers).predict(texts)

    return method


METHODS: dict[str, Method] = {
    "support_intent": ours(),
    "without the lexicon": ours(lexicon_weight=0.0),
    "without pairs of lemmas": ours(pair_weight=0.0),
    "without places in the message": ours(place_weight=0.0),
    "without character n-grams": ours(ngram_weight=0.0),
    "words + char n-grams, LinearSVC": words_and_ngrams_svm,
    "words and pairs, logistic regression": words_logistic,
    "fastText, pairs and subwords": fasttext_subwords,
    "spaCy, bag of words": spacy_bag_of_words,
    "keyword rules": keywords,
    "majority": majority,
}


def interval(difference: Callable[[np.ndarray], float], n_messages: int) -> tuple[float, float]:
    generator = np.random.default_rng(0)
    spread = [difference(generator.integers(0, n_messages, n_messages)) for _ in range(N_RESAMPLES)]
    return tuple(np.percentile(spread, (2.5, 97.5)))


def run_ours() -> list[dict]:
    """Train on train and validation, as the shipped model does; answer the test split."""
    parts = [load_dataset(DATA / f"{name}.csv") for name in ("train", "validation")]
    learned, test = parts[0] + parts[1], load_dataset(DATA / "test.csv")
    train = Split(learned.texts, learned.intents, learned.writers)
    topic_of = load_taxonomy().topic_of
    truth = np.array(test.intents)
    true_topics = np.array([topic_of(intent) for intent in truth])
    names = sorted(set(true_topics))
    print(f"{len(learned)} messages learned, {len(test)} answered; {machine()}\n")
    print(f"{'method':38} {'topic macro-F1':>14} {'against ours':>24} {'intents':>8} {'seconds':>8}")
    rows, reference = [], None
    for name, method in METHODS.items():
        start = time.perf_counter()
        try:
            answer = method(train, test.texts)
        except ImportError as error:
            print(f"{name:38} left out: {error}")
            continue
        took = time.perf_counter() - start
        topics = np.array([topic_of(intent) for intent in answer])
        reference = topics if reference is None else reference

        def f1(topics: np.ndarray, some: np.ndarray) -> float:
            return f1_score(true_topics[some], topics[some], labels=names, average="macro", zero_division=0)

        def difference(some: np.ndarray, topics: np.ndarray = topics, best: np.ndarray = reference) -> float:
            return f1(topics, some) - f1(best, some)

        everything = np.arange(len(truth))
        low, high = interval(difference, len(truth))
        row = {
            "method": name,
            "topic_macro_f1": f1(topics, everything),
            "difference": difference(everything),
            "low": low,
            "high": high,
            "intent_accuracy": float((answer == truth).mean()),
            "seconds": took,
        }
        rows.append(row)
        print(
            f"{name:38} {row['topic_macro_f1']:14.4f} {row['difference']:+8.4f} [{low:+.4f}, {high:+.4f}]"
            f" {row['intent_accuracy']:8.4f} {took:8.1f}",
            flush=True,
        )
    return rows


def run_folds(n_folds: int, variants: Sequence[str]) -> list[dict]:
    """Compare settings on train and validation: who answers a message has learned nothing of its writer.

    Ten times as many messages as the validation split alone tell apart what is worth a tenth of a point.
    """
    parts = [load_dataset(DATA / f"{name}.csv") for name in ("train", "validation")]
    everything = parts[0] + parts[1]
    texts, truth, writers = (np.array(column) for column in (everything.texts, everything.intents, everything.writers))
    topic_of = np.vectorize(load_taxonomy().topic_of)
    folds = list(GroupKFold(n_folds).split(texts, truth, writers))
    rows, reference = [], None
    for variant in ("", *variants):
        parameters = {name: float(value) for name, value in (pair.split("=") for pair in variant.split(",") if pair)}
        answer = np.empty_like(truth)
        for learned, held_out in folds:
            train = Split(texts[learned].tolist(), truth[learned], writers[learned].tolist())
            answer[held_out] = ours(n_folds=2, **parameters)(train, texts[held_out].tolist())
        is_right = topic_of(answer) == topic_of(truth)
        reference = is_right if reference is None else reference
        gain = is_right.astype(int) - reference
        low, high = interval(lambda some, gain=gain: float(gain[some].mean()), len(truth))
        row = {
            "settings": variant or "as shipped",
            "n": len(truth),
            "topic_macro_f1": f1_score(topic_of(truth), topic_of(answer), average="macro"),
            "topic_accuracy_gain": float(gain.mean()),
            "low": low,
            "high": high,
            "intent_accuracy": float((answer == truth).mean()),
        }
        rows.append(row)
        print(json.dumps(row, ensure_ascii=False), flush=True)
    return rows


def run_public(folder: Path) -> list[dict]:
    """Train and test on the public sets' own splits.

    CLINC150's out-of-scope class, unseen in training, is scored by the largest margin of any label (Hendrycks et al.
    2022, "Scaling out-of-distribution detection for real-world settings").
    """
    rows = []
    for name, out_of_scope in (("banking77_ru", None), ("clinc150_ru", ("oos", "42", "out_of_scope"))):
        train, test = (_public(folder / f"{name}_{part}.csv") for part in ("train", "test"))
        out = next((label for label in set(test.labels) if out_of_scope and label in out_of_scope), None)
        known = [i for i, label in enumerate(train.labels) if label != out]
        learned = Split([train.texts[i] for i in known], [train.labels[i] for i in known], None)
        classifier = IntentClassifier(n_jobs=2).fit(learned.texts, learned.labels)
        margins = classifier.decision_function(test.texts)
        truth = np.array(test.labels)
        inside = truth != out
        right = classifier.classes_[margins.argmax(axis=1)][inside] == truth[inside]
        row = {"set": name, "n": int(inside.sum()), "accuracy": float(right.mean())}
        if out:
            row["oos_auroc"] = float(roc_auc_score(inside, margins.max(axis=1)))
        peer = words_and_ngrams_svm(learned, [test.texts[i] for i in np.flatnonzero(inside)])
        row["words_and_ngrams_svm"] = float((peer == truth[inside]).mean())
        rows.append(row)
        print(json.dumps(row, ensure_ascii=False))
    return rows


def _public(path: Path) -> Split:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return Split([row[0] for row in rows], [row[1] for row in rows], None)


def machine() -> str:
    return f"{platform.machine()}, Python {platform.python_version()}, scikit-learn {version('scikit-learn')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--public", type=Path, metavar="FOLDER")
    parser.add_argument("--folds", type=int, metavar="N")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE[,NAME=VALUE…]")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.public:
        rows = run_public(options.public)
    elif options.folds:
        rows = run_folds(options.folds, options.settings)
    else:
        rows = run_ours()
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), "rows": rows}, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
