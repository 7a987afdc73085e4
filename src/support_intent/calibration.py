"""Scores → probabilities that mean something, and the limits below which a person decides."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from support_intent.also import SecondTopic
from support_intent.errors import InputError

FloatArray = NDArray[np.float32]

_TEMPERATURES = np.geomspace(0.05, 20.0, 241)  # a grid of 2.5 % steps: finer than any sample of ours can tell apart


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a model turns scores into probabilities and decisions.

    Parameters
    ----------
    temperature : float
        Divides the logits (Guo et al. 2017, "On calibration of modern neural networks").
    review_threshold : float
        Topic probability below which the decision is ``review``.
    also : SecondTopic
        How second topics are told.
    target_precision : float
        The precision that `review_threshold` was chosen for.
    """

    temperature: float = 1.0
    review_threshold: float = 0.5
    also: SecondTopic = field(default_factory=SecondTopic)
    target_precision: float = 0.98


@dataclass(frozen=True, slots=True)
class Costs:
    """What answers cost: the decision then is the cheaper of acting on the likeliest topic and asking a person.

    Parameters
    ----------
    answers : ndarray of float32, shape (n_topics, n_topics)
        Price of each answer (column) for each truth (row), in any unit.
    person : ndarray of float32, shape (n_topics,)
        Price of a person's time for each truth.
    """

    answers: FloatArray
    person: FloatArray

    def is_review(self, topic_proba: FloatArray, topics: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Tell where a person is expected to cost less than the answer.

        Parameters
        ----------
        topic_proba : ndarray of float32, shape (n_messages, n_topics)
        topics : ndarray of intp, shape (n_messages,)
            The topics that would be acted on.

        Returns
        -------
        ndarray of bool, shape (n_messages,)

        Examples
        --------
        >>> costs = Costs(np.array([[0, 10], [1, 0]], np.float32), np.array([2, 2], np.float32))
        >>> costs.is_review(np.array([[0.9, 0.1], [0.5, 0.5]], np.float32), np.array([0, 1]))
        array([False,  True])
        """
        expected = np.take_along_axis(topic_proba @ self.answers, topics[:, None], axis=1)[:, 0]
        cheaper: NDArray[np.bool_] = topic_proba @ self.person < expected
        return cheaper


def load_costs(path: str | Path, topics: Sequence[str]) -> Costs:
    """Read what answers cost.

    Parameters
    ----------
    path : str or pathlib.Path
        CSV with the columns ``truth``, one for each topic, and ``person``; a row for each topic.
    topics : sequence of str
        The model's topics, in column order.

    Returns
    -------
    Costs

    Raises
    ------
    InputError
        If a topic or a column is missing or unknown, or a price is no number of at least 0.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise InputError(f"expected prices in {path}, found: {error.strerror}; check the path") from error
    wanted = ["truth", *topics, "person"]
    found = list(rows[0]) if rows else []
    if sorted(map(str, found)) != sorted(wanted):
        raise InputError(
            f"expected the columns {', '.join(wanted)} in {path}, found {', '.join(map(str, found)) or 'none'}"
        )
    by_truth = {row["truth"]: row for row in rows}
    if sorted(by_truth) != sorted(topics) or len(rows) != len(topics):
        truths = ", ".join(row["truth"] for row in rows)
        raise InputError(f"expected one row for each of {', '.join(topics)} in {path}, found {truths}")
    prices = np.array([[_price(by_truth[truth][name], truth, name, path) for name in wanted[1:]] for truth in topics])
    return Costs(prices[:, :-1].astype(np.float32), prices[:, -1].astype(np.float32))


def _price(text: str | None, truth: str, name: str, path: str | Path) -> float:
    try:
        price = float((text or "").replace(",", "."))
    except ValueError:
        price = -1.0
    if not 0 <= price < np.inf:
        raise InputError(f"expected a price of at least 0 for {name} in the row {truth} of {path}, found {text!r}")
    return price


def softmax(logits: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Turn logits into probabilities.

    Parameters
    ----------
    logits : ndarray of float32, shape (n_messages, n_intents)
    temperature : float, default 1.0

    Returns
    -------
    ndarray of float32, shape (n_messages, n_intents)
        Rows sum to one.

    Examples
    --------
    >>> softmax(np.zeros((1, 4), np.float32)).tolist()
    [[0.25, 0.25, 0.25, 0.25]]
    """
    proba: FloatArray = logits / np.float32(temperature)
    proba -= proba.max(axis=1, keepdims=True)
    np.exp(proba, out=proba)
    proba /= proba.sum(axis=1, keepdims=True)
    return proba


def sum_by_topic(proba: FloatArray, topic_members: FloatArray) -> FloatArray:
    """Add the probabilities of the intents of each topic.

    Parameters
    ----------
    proba : ndarray of float32, shape (n_messages, n_intents)
    topic_members : ndarray of float32, shape (n_intents, n_topics)
        As `support_intent.taxonomy.Taxonomy` has them.

    Returns
    -------
    ndarray of float32, shape (n_messages, n_topics)
        At most one, as rounding can lift a sum above it.
    """
    summed: FloatArray = np.minimum(proba @ topic_members, np.float32(1))
    return summed


def fit_temperature(logits: FloatArray, truth: NDArray[np.intp], topic_members: FloatArray) -> float:
    """Choose the temperature that makes the topic probabilities likeliest.

    Parameters
    ----------
    logits : ndarray of float32, shape (n_messages, n_intents)
        Scores of messages that the model did not learn from.
    truth : ndarray of intp, shape (n_messages,)
        Their topics.
    topic_members : ndarray of float32, shape (n_intents, n_topics)

    Returns
    -------
    float
    """
    rows = np.arange(len(truth))

    def log_loss(temperature: float) -> float:
        proba = sum_by_topic(softmax(logits, temperature), topic_members)
        return float(-np.log(np.maximum(proba[rows, truth], 1e-12)).mean())

    return float(min(_TEMPERATURES, key=log_loss))


def fit_review_threshold(confidence: FloatArray, is_right: NDArray[np.bool_], target_precision: float) -> float:
    """Choose the lowest threshold above which answers are right often enough.

    Parameters
    ----------
    confidence : ndarray of float32, shape (n_messages,)
    is_right : ndarray of bool, shape (n_messages,)
    target_precision : float
        Share of right answers wanted among those at or above the threshold.

    Returns
    -------
    float
        1.0 where no threshold reaches the target: everything then goes to a person.

    Examples
    --------
    >>> confidence = np.array([0.9, 0.8, 0.6, 0.4], np.float32)
    >>> threshold = fit_review_threshold(confidence, np.array([True, True, False, True]), 0.98)
    >>> round(threshold, 2)
    0.8
    """
    order = np.argsort(-confidence, kind="stable")
    precision = np.cumsum(is_right[order]) / np.arange(1, len(order) + 1)
    # messages of equal confidence stand or fall together
    is_last_of_equals = np.append(np.diff(confidence[order]) != 0, True)
    good = np.flatnonzero((precision >= target_precision) & is_last_of_equals)
    return float(confidence[order[good[-1]]]) if good.size else 1.0
