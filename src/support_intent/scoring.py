"""Token tables → logits: every distinct token is analysed once, its score row is kept and gathered by index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from support_intent.features import FloatArray, TypeRows, Vocabulary, near_pairs
from support_intent.hashing import HashIndex, IntArray, KeyArray, hash_words
from support_intent.tokens import TokenTable

_OWN = ("_lock", "_types", "_rows", "_lemmas", "_known", "_known_pairs")  # of a process
MAX_TYPES = 100_000
"""Distinct tokens whose rows are kept; beyond that the table starts anew, so that no input can fill memory."""

_TINY = np.float32(1e-9)
_CHUNK_TYPES = 1_000  # whose weighted entries are held at a time
_FEW_MESSAGES = 8  # which are summed one after the other


class Weights(NamedTuple):
    """A linear model's learned weights, stored as whole numbers of a step for each row."""

    features: NDArray[np.int8]  # (n_features, n_intents)
    feature_steps: FloatArray  # (n_features,)
    pairs: NDArray[np.int8]  # (n_pairs, n_intents)
    pair_steps: FloatArray  # (n_pairs,)
    intercept: FloatArray  # (n_intents,)


def quantize(weights: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """Round each row of weights to 255 steps between minus and plus its largest.

    Parameters
    ----------
    weights : ndarray of float32, shape (n_rows, n_intents)

    Returns
    -------
    steps : ndarray of int8, shape (n_rows, n_intents)
    size : ndarray of float32, shape (n_rows,)
        ``steps * size[:, None]`` is the rounded matrix.
    """
    size = np.abs(weights).max(axis=1, initial=0.0).astype(np.float32) / np.float32(127)
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
        self.n_intents = len(weights.intercept)
        scale = vocabulary.pair_scale
        self._pairs = np.empty((len(scale), self.n_intents + 1), np.float32)
        self._pairs[:, :-1] = weights.pairs * (weights.pair_steps * scale)[:, None]
        self._pairs[:, -1] = scale * scale
        self._lock = Lock()
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the lock and the table, which another process makes for itself; share the rest by memory map."""
        return {name: value for name, value in vars(self).items() if name not in _OWN}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what was learned."""
        vars(self).update(state)
        self._lock = Lock()
        self._forget()

    def _forget(self) -> None:
        self._types = HashIndex()
        self._rows = np.empty((1024, self.n_intents + 1), np.float32)  # scores, then the squared length
        self._lemmas = np.empty(1024, np.int32)
        self._known: dict[bytes, tuple[int, int]] = {}  # token → row, lemma; of messages that came alone
        self._known_pairs: dict[int, int] = {}  # two lemmas → column, -1 for a pair that is not kept

    def logits(self, table: TokenTable) -> FloatArray:
        """Score a block of messages.

        Parameters
        ----------
        table : TokenTable

        Returns
        -------
        ndarray of float32, shape (n_messages, n_intents)
        """
        n_messages = len(table.indptr) - 1
        with self._lock:
            ids = self._type_ids(table.hashes, table.texts)  # (n_tokens,)
            sums = _gather(ids, table.indptr, self._rows)  # (n_messages, n_intents + 1)
            _, seconds, columns = self.vocabulary.pairs(self._lemmas[ids], table.indptr)
        if len(columns):
            starts = np.searchsorted(seconds, table.indptr).astype(np.int32)  # (n_messages + 1,)
            sums += _gather(columns, starts, self._pairs)
        norms: FloatArray = np.sqrt(np.maximum(sums[:, -1:], _TINY))  # (n_messages, 1)
        logits: FloatArray = sums[:, :-1] / norms + self.weights.intercept
        return logits.reshape(n_messages, self.n_intents)

    def logits_one(self, tokens: Sequence[bytes]) -> FloatArray:
        """Score a single message, the same sums in the same order as `logits` makes, by dictionaries.

        Arrays pay for many messages; for one, half of the time would go into their making.

        Parameters
        ----------
        tokens : sequence of bytes, at least one
            As `support_intent.tokens.split` gives them.

        Returns
        -------
        ndarray of float32, shape (1, n_intents)
        """
        with self._lock:
            known = self._known
            try:
                found = [known[token] for token in tokens]
            except KeyError:
                found = self._meet(tokens)
            sums = np.add.reduce(self._rows.take([row for row, _ in found], axis=0), axis=0)  # (n_intents + 1,)
            columns = self._pair_columns([lemma for _, lemma in found])
        if columns:
            sums += np.add.reduce(self._pairs.take(columns, axis=0), axis=0)
        norm = np.sqrt(max(sums[-1], _TINY))
        logits: FloatArray = (sums[:-1] / norm + self.weights.intercept)[None]
        return logits

    def _meet(self, tokens: Sequence[bytes]) -> list[tuple[int, int]]:
        """Look up tokens of which some have never come alone, and remember them."""
        ids = self._type_ids(hash_words(tokens), lambda positions: [tokens[i] for i in positions.tolist()])
        found = list(zip(ids.tolist(), self._lemmas[ids].tolist(), strict=True))
        self._known.update(zip(tokens, found, strict=True))
        return found

    def _pair_columns(self, lemmas: Sequence[int]) -> list[int]:
        """Return the columns of the kept pairs of one message."""
        keys, known = near_pairs(lemmas), self._known_pairs
        try:
            columns = [known[key] for key in keys]
        except KeyError:
            if len(known) + len(keys) > MAX_TYPES:
                known.clear()
            columns = self.vocabulary.pair_columns(np.array(keys, np.uint64)).tolist()
            known.update(zip(keys, columns, strict=True))
        return [column for column in columns if column >= 0]

    def contributions(self, table: TokenTable) -> Contributions:
        """Split the logits of one message into what each token adds; they sum up exactly.

        Parameters
        ----------
        table : TokenTable
            Of a single message.
        """
        with self._lock:
            ids = self._type_ids(table.hashes, table.texts)
            parts = self._rows[ids]  # (n_tokens, n_intents + 1)
            firsts, seconds, columns = self.vocabulary.pairs(self._lemmas[ids], table.indptr)
        halves = self._pairs[columns] / 2
        np.add.at(parts, seconds, halves)
        np.add.at(parts, firsts, halves)
        norm = np.sqrt(np.maximum(parts[:, -1].sum(), _TINY))
        return Contributions(parts[:, :-1] / norm, self.weights.intercept)

    def _type_ids(self, hashes: KeyArray, texts: Callable[[NDArray[np.intp]], list[bytes]]) -> IntArray:
        """Return the row of each token; `texts` spells out the tokens at some positions."""
        ids = self._types.lookup(hashes)
        missing = np.flatnonzero(ids < 0)
        if missing.size:
            if len(self._types) + len(missing) > MAX_TYPES:
                self._forget()
                missing = np.arange(len(ids))
            new, first = np.unique(hashes[missing], return_index=True)
            self._add(new, texts(missing[first]))
            ids[missing] = self._types.lookup(hashes[missing])
        return ids

    def _add(self, hashes: NDArray[np.uint64], types: list[bytes]) -> None:
        known, total = len(self._types), len(self._types) + len(hashes)
        if total > len(self._lemmas):
            room = max(total, 2 * len(self._lemmas))
            self._rows = np.concatenate((self._rows[:known], np.empty((room - known, self.n_intents + 1), np.float32)))
            self._lemmas = np.concatenate((self._lemmas[:known], np.empty(room - known, np.int32)))
        new = self.vocabulary.rows(hashes, types)
        self._rows[known:total, :-1] = _scores(new, self.weights)
        self._rows[known:total, -1] = new.squares
        self._lemmas[known:total] = new.lemmas
        self._types.extend(hashes)


def _scores(rows: TypeRows, weights: Weights) -> FloatArray:
    """Multiply the rows of token types by the weights: shape (n_types, n_intents)."""
    scores = np.zeros((len(rows.squares), len(weights.intercept)), np.float32)
    scale = rows.values * weights.feature_steps[rows.columns]  # (n_entries,)
    for start in range(0, len(scores), _CHUNK_TYPES):
        bounds = rows.bounds[start : start + _CHUNK_TYPES + 1]
        entries = slice(bounds[0], bounds[-1])
        weighted = weights.features[rows.columns[entries]] * scale[entries, None]  # (n_entries, n_intents)
        filled = np.flatnonzero(np.diff(bounds))
        if filled.size:
            scores[start + filled] = np.add.reduceat(weighted, bounds[filled] - bounds[0], axis=0)
    return scores


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
