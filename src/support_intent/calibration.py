"""Scores → probabilities that mean something, and the limits below which a person decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    also_threshold : float
        Probability from which a second topic is reported.
    target_precision : float
        The precision that `review_threshold` was chosen for.
    """

    temperature: float = 1.0
    review_threshold: float = 0.5
    also_threshold: float = 0.25
    target_precision: float = 0.98


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


def sum_by_topic(proba: FloatArray, topic_index: NDArray[np.intp], n_topics: int) -> FloatArray:
    """Add the probabilities of the intents of each topic.

    Parameters
    ----------
    proba : ndarray of float32, shape (n_messages, n_intents)
    topic_index : ndarray of intp, shape (n_intents,)
        The topic of each intent.
    n_topics : int

    Returns
    -------
    ndarray of float32, shape (n_messages, n_topics)
    """
    membership = np.zeros((len(topic_index), n_topics), np.float32)
    membership[np.arange(len(topic_index)), topic_index] = 1
    summed: FloatArray = proba @ membership
    return summed


def fit_temperature(logits: FloatArray, truth: NDArray[np.intp], topic_index: NDArray[np.intp], n_topics: int) -> float:
    """Choose the temperature that makes the topic probabilities likeliest.

    Parameters
    ----------
    logits : ndarray of float32, shape (n_messages, n_intents)
        Scores of messages that the model did not learn from.
    truth : ndarray of intp, shape (n_messages,)
        Their topics.
    topic_index : ndarray of intp, shape (n_intents,)
    n_topics : int

    Returns
    -------
    float
    """
    rows = np.arange(len(truth))

    def log_loss(temperature: float) -> float:
        proba = sum_by_topic(softmax(logits, temperature), topic_index, n_topics)
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


def fit_also_threshold(second: FloatArray, is_second_right: NDArray[np.bool_], n_wanted: int) -> float:
    """Choose the threshold for reporting a second topic by its F1.

    Parameters
    ----------
    second : ndarray of float32, shape (n_messages,)
        Probability of the second topic.
    is_second_right : ndarray of bool, shape (n_messages,)
        Whether that topic was requested too.
    n_wanted : int
        Messages that do request a second topic.

    Returns
    -------
    float
        Between 0.05 and 0.5.
    """
    if not n_wanted:
        return Calibration().also_threshold
    grid = np.linspace(0.05, 0.5, 46)
    hits = np.array([np.sum(is_second_right & (second >= limit)) for limit in grid])
    said = np.array([np.sum(second >= limit) for limit in grid])
    f1 = 2 * hits / np.maximum(said + n_wanted, 1)
    return float(grid[int(np.argmax(f1))])
