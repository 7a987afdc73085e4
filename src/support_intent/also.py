"""Second topics: what a sentence of its own asks for beside the message's topic.

A topic that a sentence speaks for is weighed by a logistic regression over a handful of evidence: how probable the
topic is there, how probable the message's own topic is there and elsewhere, and how long the sentence is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_MIN_SENTENCE = 3  # tokens: «добрый день», «с уважением» ask for nothing
_LONG_SENTENCE = 12  # tokens from which a sentence is as good as any longer one
_LEAST = 1e-4  # probability below which differences say nothing
EVIDENCE = ("topic_there", "own_topic_there", "own_topic_best", "own_topic_message", "length")
"""What is weighed, in the order of `SecondTopic.weights`."""


@dataclass(frozen=True, slots=True)
class SecondTopic:
    """How evidence for a second topic is weighed.

    Parameters
    ----------
    weights : tuple of float, length n_evidence
        One for each of `EVIDENCE`; none where nothing was learned, and nothing is reported then.
    biases : tuple of float, length n_topics
    threshold : float
        Probability from which a second topic is reported.
    """

    weights: tuple[float, ...] = ()
    biases: tuple[float, ...] = ()
    threshold: float = 1.0


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of some messages, as evidence.

    Parameters
    ----------
    proba : ndarray of float32, shape (n_sentences, n_topics)
    owners : ndarray of intp, shape (n_sentences,)
        The message of each sentence, ascending.
    sizes : ndarray of intp, shape (n_sentences,)
        Tokens of each.
    """

    proba: FloatArray
    owners: NDArray[np.intp]
    sizes: NDArray[np.intp]


def is_counted(owners: NDArray[np.intp], sizes: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Tell which sentences can speak for a second topic: those of three tokens or more, where a message has several.

    Parameters
    ----------
    owners : ndarray of intp, shape (n_sentences,)
        The message of each sentence.
    sizes : ndarray of intp, shape (n_sentences,)
        Tokens of each.

    Returns
    -------
    ndarray of bool, shape (n_sentences,)

    Examples
    --------
    >>> is_counted(np.array([0, 0, 0, 1, 1]), np.array([4, 2, 3, 8, 1])).tolist()
    [True, False, True, False, False]
    """
    is_long = sizes >= _MIN_SENTENCE
    return is_long & (np.bincount(owners, is_long)[owners] >= 2)


def evidence(sentences: Sentences, topic_proba: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the evidence for each topic beside a message's own.

    Parameters
    ----------
    sentences : Sentences
    topic_proba : ndarray of float32, shape (n_messages, n_topics)
        Of the whole messages.

    Returns
    -------
    messages : ndarray of intp, shape (n_several,)
        Those with sentences that count (`is_counted`).
    evidence : ndarray of float32, shape (n_several, n_topics, n_evidence)
        From the sentence that speaks most clearly for each topic.

    Examples
    --------
    >>> proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32)
    >>> sentences = Sentences(proba, np.array([0, 0, 1]), np.array([4, 5, 6]))
    >>> messages, found = evidence(sentences, np.array([[0.7, 0.3], [0.6, 0.4]], np.float32))
    >>> messages.tolist(), round(float(np.exp(found[0, 1, 0])), 2)
    ([0], 0.8)
    """
    n_topics = topic_proba.shape[1]
    kept = is_counted(sentences.owners, sentences.sizes)
    proba, sizes = sentences.proba[kept], sentences.sizes[kept]  # (n_kept, n_topics), (n_kept,)
    messages, rows = np.unique(sentences.owners[kept], return_inverse=True)
    clearest = np.zeros((len(messages), n_topics), np.float32)
    np.maximum.at(clearest, rows, proba)
    where = np.zeros((len(messages), n_topics), np.intp)  # the sentence in which each topic is clearest
    at, topic = np.nonzero(proba == clearest[rows])
    where[rows[at], topic] = at
    own = topic_proba[messages].argmax(axis=1)  # (n_several,)
    each = np.arange(len(messages))
    found = np.empty((len(messages), n_topics, len(EVIDENCE)), np.float32)
    found[:, :, 0] = clearest
    found[:, :, 1] = proba[where, own[:, None]]
    found[:, :, 2] = clearest[each, own][:, None]
    found[:, :, 3] = topic_proba[messages, own][:, None]
    found[:, :, :4] = np.log(np.maximum(found[:, :, :4], _LEAST))
    found[:, :, 4] = np.minimum(sizes[where], _LONG_SENTENCE)
    return messages, found


def second_topics(second: SecondTopic, sentences: Sentences, topic_proba: FloatArray) -> NDArray[np.bool_]:
    """Tell which topics are reported beside each message's own; one at most.

    Parameters
    ----------
    second : SecondTopic
    sentences : Sentences
    topic_proba : ndarray of float32, shape (n_messages, n_topics)

    Returns
    -------
    ndarray of bool, shape (n_messages, n_topics)
    """
    is_also = np.zeros(topic_proba.shape, bool)
    if second.weights:
        messages, proba = second_proba(second, sentences, topic_proba)
        best = proba.argmax(axis=1)
        is_said = proba[np.arange(len(best)), best] >= second.threshold
        is_also[messages[is_said], best[is_said]] = True
    return is_also


def second_proba(
    second: SecondTopic, sentences: Sentences, topic_proba: FloatArray
) -> tuple[NDArray[np.intp], FloatArray]:
    """Return the probability that each topic is requested too, 0 for a message's own.

    Parameters
    ----------
    second : SecondTopic
    sentences : Sentences
    topic_proba : ndarray of float32, shape (n_messages, n_topics)

    Returns
    -------
    messages : ndarray of intp, shape (n_several,)
    proba : ndarray of float32, shape (n_several, n_topics)
    """
    messages, found = evidence(sentences, topic_proba)
    logits = found @ np.array(second.weights, np.float32) + np.array(second.biases, np.float32)
    proba: FloatArray = (1 / (1 + np.exp(-logits))).astype(np.float32)
    proba[np.arange(len(messages)), topic_proba[messages].argmax(axis=1)] = 0
    return messages, proba


def fit_threshold(proba: FloatArray, is_right: NDArray[np.bool_], n_wanted: int) -> float:
    """Choose the threshold for reporting a second topic by its F1.

    Parameters
    ----------
    proba : ndarray of float32, shape (n_messages,)
        Of the likeliest second topic of each message.
    is_right : ndarray of bool, shape (n_messages,)
        Whether that topic was requested too.
    n_wanted : int
        Messages that do request a second topic.

    Returns
    -------
    float
        1.0, so that none is reported, where none was requested.

    Examples
    --------
    >>> proba, is_right = np.array([0.9, 0.7, 0.2], np.float32), np.array([True, True, False])
    >>> round(fit_threshold(proba, is_right, 2), 2)
    0.7
    """
    if not (n_wanted and proba.size):
        return 1.0
    order = np.argsort(-proba, kind="stable")
    f1 = 2 * np.cumsum(is_right[order]) / (np.arange(1, len(order) + 1) + n_wanted)
    return float(proba[order[int(np.argmax(f1))]])
