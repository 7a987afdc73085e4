"""Token tables → logits: rows of a table, gathered by index and added up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from support_intent.features import FloatArray, Vocabulary, near_pairs
from support_intent.hashing import IntArray
from support_intent.rows import MAX_ROWS, RowTable, Weights
from support_intent.tokens import TokenTable

_OWN = ("_lock", "_table", "_known_pairs")  # of a process
_TINY = np.float32(1e-9)
_FEW_MESSAGES = 8  # which are summed one after the other
_MAX_STEP = 63  # of a weight to either side of zero: 127 change one answer in a thousand and make the file 7 % larger


def quantize(weights: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """Round each row of weights to 127 steps between minus and plus its largest.

    Parameters
    ----------
    weights : ndarray of float32, shape (n_rows, n_intents)

    Returns
    -------
    steps : ndarray of int8, shape (n_rows, n_intents)
    size : ndarray of float32, shape (n_rows,)
        ``steps * size[:, None]`` is the rounded matrix.
    """
    size = np.abs(weights).max(axis=1, initial=0.0).astype(np.float32) / np.float32(_MAX_STEP)
    safe = np.where(size > 0, size, np.float32(1))
    return np.rint(weights / safe[:, None]).astype(np.int8), size


class Contributions(NamedTuple):
    """What each token of one message adds to the logits."""

    tokens: FloatArray  # (n_tokens, n_intents), pairs shared equally between their two tokens
    intercept: FloatArray  # (n_intents,)


class Scorer:
    """Scores token tables with a vocabulary and weights.

    The table of token rows fills as messages come; one lock makes it safe to share between threads.

    Parameters
    ----------
    vocabulary : Vocabulary
    weights : Weights
    """

    def __init__(self, vocabulary: Vocabulary, weights: Weights) -> None:
        self.vocabulary = vocabulary
        self.weights = weights
        scale = vocabulary.pair_scale
        self._pairs = np.empty((len(scale), len(weights.intercept) + 1), np.float32)
        self._pairs[:, :-1] = weights.pairs * (weights.pair_steps * scale)[:, None]
        self._pairs[:, -1] = scale * scale
        self._start()

    def _start(self) -> None:
        self._lock = Lock()
        self._table = RowTable(self.vocabulary, self.weights)
        self._known_pairs: dict[int, int] = {}  # two lemmas → column, -1 for a pair that is not kept

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the lock and the table, which another process makes for itself; share the rest by memory map."""
        return {name: value for name, value in vars(self).items() if name not in _OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was learned."""
        vars(self).update(state)
        self._start()

    def logits(self, table: TokenTable) -> FloatArray:
        """Score a block of messages.

        Parameters
        ----------
        table : TokenTable

        Returns
        -------
        ndarray of float32, shape (n_messages, n_intents)
        """
        with self._lock:
            positions, lemmas = self._table.look_up(table)
            sums = _gather(positions, table.indptr, self._table.rows)  # (n_messages, n_intents + 1)
        _, seconds, columns = self.vocabulary.pairs(lemmas, table.indptr)
        if len(columns):
            starts = np.searchsorted(seconds, table.indptr).astype(np.int32)  # (n_messages + 1,)
            sums += _gather(columns, starts, self._pairs)
        norms: FloatArray = np.sqrt(np.maximum(sums[:, -1:], _TINY))  # (n_messages, 1)
        logits: FloatArray = sums[:, :-1] / norms + self.weights.intercept
        return logits

    def logits_one(self, sentences: Sequence[Sequence[bytes]]) -> FloatArray:
        """Score a single message, the same sums in the same order as `logits` makes, by dictionaries.

        Arrays pay for many messages; for one, most of the time would go into their making.

        Parameters
        ----------
        sentences : sequence of sequence of bytes, at least one
            As `support_intent.tokens.split` gives them.

        Returns
        -------
        ndarray of float32, shape (1, n_intents)
        """
        with self._lock:
            positions, lemmas = self._table.look_up_one(sentences)
            sums = np.add.reduce(self._table.rows.take(positions, axis=0), axis=0)  # (n_intents + 1,)
            columns = self._pair_columns(lemmas)
        if columns:
            sums += np.add.reduce(self._pairs.take(columns, axis=0), axis=0)
        norm = np.sqrt(max(sums[-1], _TINY))
        logits: FloatArray = (sums[:-1] / norm + self.weights.intercept)[None]
        return logits

    def contributions(self, table: TokenTable) -> Contributions:
        """Split the logits of one message into what each token adds; they sum up exactly.

        Parameters
        ----------
        table : TokenTable
            Of a single message.
        """
        with self._lock:
            positions, lemmas = self._table.look_up(table)
            parts = self._table.rows[positions]  # (n_tokens, n_intents + 1)
        firsts, seconds, columns = self.vocabulary.pairs(lemmas, table.indptr)
        halves = self._pairs[columns] / 2
        np.add.at(parts, seconds, halves)
        np.add.at(parts, firsts, halves)
        norm = np.sqrt(np.maximum(parts[:, -1].sum(), _TINY))
        return Contributions(parts[:, :-1] / norm, self.weights.intercept)

    def _pair_columns(self, lemmas: Sequence[int]) -> list[int]:
        """Return the columns of the kept pairs of one message."""
        keys, known = near_pairs(lemmas), self._known_pairs
        try:
            columns = [known[key] for key in keys]
        except KeyError:
            if len(known) + len(keys) > MAX_ROWS:
                known.clear()
            columns = self.vocabulary.pair_columns(np.array(keys, np.uint64)).tolist()
            known.update(zip(keys, columns, strict=True))
        return [column for column in columns if column >= 0]


def _gather(columns: IntArray, indptr: IntArray, rows: FloatArray) -> FloatArray:
    """Add up the rows that each message names: shape (n_messages, n_columns)."""
    n_messages = len(indptr) - 1
    if n_messages <= _FEW_MESSAGES:  # the same sums in the same order
        bounds = indptr.tolist()
        parts = [rows[columns[start:end]].sum(axis=0) for start, end in pairwise(bounds)]
        return np.stack(parts) if parts else np.zeros((0, rows.shape[1]), np.float32)
    # a sixth of a second that neither importing nor a message alone pays
    from scipy.sparse import csr_matrix

    counts = csr_matrix((np.ones(len(columns), np.float32), columns, indptr), shape=(n_messages, len(rows)))
    sums: FloatArray = counts @ rows
    return sums
