"""Metrics with confidence intervals, and the comparison of two models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from support_intent.dataset import Dataset
from support_intent.model import IntentModel

OUT_OF_SCOPE = "out-of-scope"
NEAR_OUT_OF_SCOPE = (
    "app-or-account",
    "lost-notice",
    "legal-advice",
    "other-company",
    "jobs",
    "human-operator",
)
"""Out-of-scope intents that a postal customer plausibly asks for; the others are far from the line's subjects."""

_N_BINS = 15  # equal-width bins of the calibration error, as Guo et al. 2017 use
_INTERVAL = (2.5, 97.5)  # percentiles

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure with its interval.

    Parameters
    ----------
    name : str
    value : float
    low, high : float
        Bounds of the 95 % percentile bootstrap interval over messages (Efron 1979).
    n : int
        Messages that the figure rests on.
    """

    name: str
    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """Write the figure with its interval and n."""
        return f"{self.name} {self.value:.4f} [{self.low:.4f}, {self.high:.4f}] n={self.n}"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How a model does on labelled messages.

    Parameters
    ----------
    metrics : tuple of Metric
    topics, intents : tuple of str
    topic_confusion : ndarray of int, shape (n_topics, n_topics)
        Rows are the truth, columns the answer.
    intent_confusion : ndarray of int, shape (n_intents, n_intents)
    true_topic, topic, true_intent, intent : ndarray of intp, shape (n_messages,)
        Columns of the taxonomy.
    confidence : ndarray of float32, shape (n_messages,)
    is_review : ndarray of bool, shape (n_messages,)
    """

    metrics: tuple[Metric, ...]
    topics: tuple[str, ...]
    intents: tuple[str, ...]
    topic_confusion: NDArray[np.intp]
    intent_confusion: NDArray[np.intp]
    true_topic: IntArray
    topic: IntArray
    true_intent: IntArray
    intent: IntArray
    confidence: NDArray[np.float32]
    is_review: BoolArray

    def __getitem__(self, name: str) -> Metric:
        """Return a metric by its name."""
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(f"expected one of {', '.join(m.name for m in self.metrics)}, found {name!r}")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a new model is better than an old one on the same messages.

    Parameters
    ----------
    differences : tuple of Metric
        New minus old, with paired bootstrap intervals.
    n_mended, n_broken : int
        Messages whose topic only the new, or only the old model has right.
    is_better, is_worse : bool
        Whether the interval of the topic macro-F1 difference lies above, or below, zero.
    """

    differences: tuple[Metric, ...]
    n_mended: int
    n_broken: int
    is_better: bool
    is_worse: bool


def evaluate(model: IntentModel, dataset: Dataset, *, n_resamples: int = 1000, random_state: int = 0) -> Evaluation:
    """Measure a model on labelled messages.

    Parameters
    ----------
    model : IntentModel
    dataset : Dataset
        Its intents must be among the model's.
    n_resamples : int, default 1000
        Bootstrap resamples of the messages.
    random_state : int, default 0

    Returns
    -------
    Evaluation
        ``topic_macro_f1``, ``topic_accuracy``, ``intent_accuracy``, ``ece``, ``log_loss``, ``coverage`` (share decided
        automatically) and ``auto_precision``; where messages ask for a second topic, ``also_precision`` and
        ``also_recall``; with the postal taxonomy also ``oos_recall``, ``oos_recall_near``,
        ``oos_recall_far`` and ``false_rejection`` (share of in-scope messages called out of scope).

    Raises
    ------
    DatasetError
        If a label is not among the model's intents.
    """
    taxonomy = model.taxonomy
    true_intent = dataset.intent_index(taxonomy)
    true_topic = taxonomy.topic_index[true_intent]
    proba = model.predict_proba(dataset.texts)
    analyses = model.analyze(dataset.texts)
    numbers = {topic: number for number, topic in enumerate(taxonomy.topic_ids, 1)}
    answer = _Answers(
        topics=taxonomy.topic_ids,
        intents=taxonomy.intent_ids,
        true_topic=true_topic,
        topic=analyses.topic_index,
        true_intent=true_intent,
        intent=analyses.intent_index,
        confidence=analyses.confidence,
        loss=-np.log(np.maximum(proba[np.arange(len(true_topic)), true_topic], 1e-12)),
        is_auto=~analyses.is_review,
        also=analyses.is_also @ np.arange(1, len(taxonomy.topic_ids) + 1),
        true_also=np.array([numbers.get(topic, 0) for topic in dataset.also], np.intp),
    )
    samples = _resamples(len(true_topic), n_resamples, random_state)
    metrics = tuple(_measure(name, function, answer, samples) for name, function in _metric_functions(answer))
    n_topics, n_intents = len(taxonomy.topic_ids), len(taxonomy.intent_ids)
    return Evaluation(
        metrics=metrics,
        topics=taxonomy.topic_ids,
        intents=taxonomy.intent_ids,
        topic_confusion=_confusion(true_topic, answer.topic, n_topics),
        intent_confusion=_confusion(true_intent, answer.intent, n_intents),
        true_topic=true_topic,
        topic=answer.topic,
        true_intent=true_intent,
        intent=answer.intent,
        confidence=answer.confidence,
        is_review=analyses.is_review,
    )


def compare(
    old: IntentModel, new: IntentModel, dataset: Dataset, *, n_resamples: int = 2000, random_state: int = 0
) -> Comparison:
    """Compare two models on the same messages by a paired bootstrap.

    Parameters
    ----------
    old, new : IntentModel
        They must have the same topics.
    dataset : Dataset
    n_resamples : int, default 2000
    random_state : int, default 0

    Returns
    -------
    Comparison
    """
    before, after = evaluate(old, dataset, n_resamples=1), evaluate(new, dataset, n_resamples=1)
    samples = _resamples(len(before.topic), n_resamples, random_state)
    n_topics = len(before.topics)

    def macro_f1(answers: Evaluation, rows: IntArray) -> float:
        return _macro_f1(_confusion(answers.true_topic[rows], answers.topic[rows], n_topics))

    def topic_accuracy(answers: Evaluation, rows: IntArray) -> float:
        return float((answers.true_topic[rows] == answers.topic[rows]).mean())

    def intent_accuracy(answers: Evaluation, rows: IntArray) -> float:
        names, truth = np.array(answers.intents), np.array(answers.intents)[answers.true_intent[rows]]
        return float((names[answers.intent[rows]] == truth).mean())

    whole = np.arange(len(before.topic))
    differences = []
    for name, function in (
        ("topic_macro_f1", macro_f1),
        ("topic_accuracy", topic_accuracy),
        ("intent_accuracy", intent_accuracy),
    ):
        spread = [function(after, rows) - function(before, rows) for rows in samples]
        low, high = np.percentile(spread, _INTERVAL)
        value = function(after, whole) - function(before, whole)
        differences.append(Metric(name, value, float(low), float(high), len(whole)))
    was_right = before.topic == before.true_topic
    is_right = after.topic == after.true_topic
    return Comparison(
        differences=tuple(differences),
        n_mended=int((is_right & ~was_right).sum()),
        n_broken=int((was_right & ~is_right).sum()),
        is_better=differences[0].low > 0,
        is_worse=differences[0].high < 0,
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    topics: tuple[str, ...]
    intents: tuple[str, ...]
    true_topic: IntArray
    topic: IntArray
    true_intent: IntArray
    intent: IntArray
    confidence: NDArray[np.float32]
    loss: NDArray[np.floating]
    is_auto: BoolArray
    also: IntArray  # 1 + the second topic reported, 0 for none
    true_also: IntArray  # 1 + the second topic asked for, 0 for none

    def where(self, rows: IntArray) -> _Answers:
        """Return the answers to some of the messages."""
        return _Answers(
            self.topics, self.intents, self.true_topic[rows], self.topic[rows], self.true_intent[rows],
            self.intent[rows], self.confidence[rows], self.loss[rows], self.is_auto[rows],
            self.also[rows], self.true_also[rows],
        )  # fmt: skip


_MetricFunction = Callable[[_Answers], tuple[float, int]]  # value and the messages that it rests on


def _metric_functions(answer: _Answers) -> list[tuple[str, _MetricFunction]]:
    functions: list[tuple[str, _MetricFunction]] = [
        (
            "topic_macro_f1",
            lambda a: (_macro_f1(_confusion(a.true_topic, a.topic, len(a.topics))), len(a.topic)),
        ),
        ("topic_accuracy", lambda a: _share(a.topic == a.true_topic)),
        ("intent_accuracy", lambda a: _share(a.intent == a.true_intent)),
        ("ece", lambda a: (expected_calibration_error(a.confidence, a.topic == a.true_topic), len(a.topic))),
        ("log_loss", lambda a: (float(a.loss.mean()), len(a.topic))),
        ("coverage", lambda a: _share(a.is_auto)),
        ("auto_precision", lambda a: _share((a.topic == a.true_topic)[a.is_auto])),
    ]
    if answer.true_also.any():
        functions += [
            ("also_precision", lambda a: _share((a.also == a.true_also)[a.also > 0])),
            ("also_recall", lambda a: _share((a.also == a.true_also)[a.true_also > 0])),
        ]
    if OUT_OF_SCOPE not in answer.topics:
        return functions
    out = answer.topics.index(OUT_OF_SCOPE)
    near = [answer.intents.index(intent) for intent in NEAR_OUT_OF_SCOPE if intent in answer.intents]

    def recall(is_asked: Callable[[_Answers], BoolArray]) -> _MetricFunction:
        return lambda a: _share((a.topic == out)[is_asked(a)])

    return [
        *functions,
        ("oos_recall", recall(lambda a: a.true_topic == out)),
        ("oos_recall_near", recall(lambda a: np.isin(a.true_intent, near))),
        ("oos_recall_far", recall(lambda a: (a.true_topic == out) & ~np.isin(a.true_intent, near))),
        ("false_rejection", recall(lambda a: a.true_topic != out)),
    ]


def _measure(name: str, function: _MetricFunction, answer: _Answers, samples: Sequence[IntArray]) -> Metric:
    value, n = function(answer)
    low, high = np.nanpercentile([function(answer.where(rows))[0] for rows in samples], _INTERVAL)
    return Metric(name, value, float(low), float(high), n)


def _resamples(n_messages: int, n_resamples: int, random_state: int) -> list[IntArray]:
    generator = np.random.default_rng(random_state)
    return [generator.integers(0, n_messages, n_messages) for _ in range(n_resamples)]


def _share(flags: BoolArray) -> tuple[float, int]:
    return (float(flags.mean()) if len(flags) else 1.0), len(flags)


def _confusion(truth: IntArray, answer: IntArray, n: int) -> NDArray[np.intp]:
    return np.bincount(truth * n + answer, minlength=n * n).reshape(n, n)


def _macro_f1(confusion: NDArray[np.intp]) -> float:
    """Return the mean F1 of the topics that occur in the truth or among the answers."""
    hits = np.diag(confusion)
    total = confusion.sum(axis=0) + confusion.sum(axis=1)
    occurs = total > 0
    return float((2 * hits[occurs] / total[occurs]).mean()) if occurs.any() else 0.0


def expected_calibration_error(confidence: NDArray[np.float32], is_right: BoolArray) -> float:
    """Return how far confidence and the share of right answers lie apart, on average.

    Parameters
    ----------
    confidence : ndarray of float32, shape (n_messages,)
    is_right : ndarray of bool, shape (n_messages,)

    Returns
    -------
    float
        0 (perfect) to 1, over 15 bins of equal width (Guo et al. 2017, "On calibration of modern neural networks").

    Examples
    --------
    >>> sure = np.array([0.75, 0.75, 0.75, 0.75], np.float32)
    >>> expected_calibration_error(sure, np.array([True, True, True, False]))
    0.0
    """
    bins = np.minimum((confidence * _N_BINS).astype(np.intp), _N_BINS - 1)
    gaps = np.bincount(bins, confidence - is_right, minlength=_N_BINS)
    return float(np.abs(gaps).sum() / max(len(confidence), 1))
