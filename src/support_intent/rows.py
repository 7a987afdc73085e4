"""The table of score rows: each distinct token is analysed once, and its row is found again by its hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from support_intent.features import FloatArray, Rows, Vocabulary
from support_intent.hashing import HashIndex, IntArray, KeyArray, hash_words
from support_intent.places import N_PLACES, PlaceArray

MAX_ROWS = 100_000
"""Rows after which the table starts anew with the next block, so that no input can fill memory."""

_ROOM = 1_024  # rows at the start; doubled when full
_FEW_ROWS = 64  # that are made without the weights as fractions, which take their time and 16 MB
_ANYWHERE = 0  # the place whose row every type has: what it scores wherever it stands


_Item = TypeVar("_Item", bound=np.generic)


class Weights(NamedTuple):
    """A linear model's learned weights, stored as whole numbers of a step for each row."""

    features: NDArray[np.int8]  # (n_features, n_intents)
    feature_steps: FloatArray  # (n_features,)
    placed: NDArray[np.int8]  # (n_placed, n_intents) lemmas and classes at a place
    placed_steps: FloatArray  # (n_placed,)
    pairs: NDArray[np.int8]  # (n_pairs, n_intents)
    pair_steps: FloatArray  # (n_pairs,)
    intercept: FloatArray  # (n_intents,)


class _Steps:
    """A matrix of weights stored as whole numbers of a step for each row."""

    def __init__(self, numbers: NDArray[np.int8], steps: FloatArray) -> None:
        self._numbers = numbers  # (n_features, n_intents)
        self._steps = steps  # (n_features,)

    @cached_property
    def _weights(self) -> FloatArray:
        return self._numbers * self._steps[:, None]

    def weigh(self, rows: Rows) -> FloatArray:
        """Multiply sparse rows by the weights: shape (n_rows, n_intents)."""
        if len(rows.squares) <= _FEW_ROWS:
            product = np.zeros((len(rows.squares), self._numbers.shape[1]), np.float32)
            scale = rows.values * self._steps[rows.columns]
            filled = np.flatnonzero(np.diff(rows.bounds))
            if filled.size:
                weighted = self._numbers[rows.columns] * scale[:, None]  # (n_entries, n_intents)
                product[filled] = np.add.reduceat(weighted, rows.bounds[filled], axis=0)
            return product
        # a tenth of a second that neither importing nor a message alone pays
        from scipy.sparse import csr_matrix

        shape = (len(rows.squares), len(self._numbers))
        weighed: FloatArray = csr_matrix((rows.values, rows.columns, rows.bounds), shape=shape) @ self._weights
        return weighed


class RowTable:
    """Score rows of token types at the places where they stand.

    Parameters
    ----------
    vocabulary : Vocabulary
    weights : Weights

    Attributes
    ----------
    rows : ndarray of float32, shape (n_room, n_intents + 1)
        Scores, then the squared length; `look_up` says which row is whose.
    """

    def __init__(self, vocabulary: Vocabulary, weights: Weights) -> None:
        self._vocabulary = vocabulary
        self._features = _Steps(weights.features, weights.feature_steps)
        self._placed = _Steps(weights.placed, weights.placed_steps)
        self._n_intents = len(weights.intercept)
        self._reset()

    def __len__(self) -> int:
        """Count the rows."""
        return self._n_rows

    def _reset(self) -> None:
        self._types = HashIndex()
        self._lemmas = np.empty(_ROOM, np.int32)  # of each type
        self._positions = np.empty((_ROOM, N_PLACES), np.int32)  # of each type's rows, -1 for none
        self.rows = np.empty((_ROOM, self._n_intents + 1), np.float32)
        self._n_rows = 0
        self._known: dict[tuple[bytes, int], tuple[int, int]] = {}  # token and places → row and lemma; came alone

    def look_up(
        self, hashes: KeyArray, places: PlaceArray, texts: Callable[[NDArray[np.intp]], list[bytes]]
    ) -> tuple[IntArray, IntArray]:
        """Find the rows of tokens, and make those that are missing.

        Parameters
        ----------
        hashes : ndarray of uint64, shape (n_tokens,)
        places : ndarray of uint8, shape (n_tokens,)
        texts : callable
            Spells out the tokens at some positions.

        Returns
        -------
        positions : ndarray of int32, shape (n_tokens,)
            In `rows`.
        lemmas : ndarray of int32, shape (n_tokens,)
        """
        if self._n_rows > MAX_ROWS:
            self._reset()
        types = self._types.lookup(hashes)
        unknown = np.flatnonzero(types < 0)
        if unknown.size:
            new, first = np.unique(hashes[unknown], return_index=True)
            self._add_types(new, texts(unknown[first]))
            types[unknown] = self._types.lookup(hashes[unknown])
        positions: IntArray = self._positions[types, places]
        missing = np.flatnonzero(positions < 0)
        if missing.size:
            cells = np.unique(types[missing].astype(np.int64) * N_PLACES + places[missing])
            self._add_places(cells // N_PLACES, (cells % N_PLACES).astype(np.uint8))
            positions[missing] = self._positions[types[missing], places[missing]]
        return positions, self._lemmas[types]

    def look_up_one(self, tokens: Sequence[bytes], places: Sequence[int]) -> list[tuple[int, int]]:
        """Find the row and the lemma of each token of one message, by a dictionary.

        Parameters
        ----------
        tokens : sequence of bytes
        places : sequence of int
            Of each token.
        """
        if self._n_rows > MAX_ROWS:
            self._reset()
        known, cells = self._known, list(zip(tokens, places, strict=True))
        try:
            return [known[cell] for cell in cells]
        except KeyError:
            positions, lemmas = self.look_up(
                hash_words(tokens), np.array(places, np.uint8), lambda some: [tokens[i] for i in some.tolist()]
            )
            found = list(zip(positions.tolist(), lemmas.tolist(), strict=True))
            self._known.update(zip(cells, found, strict=True))
            return found

    def _add_types(self, hashes: KeyArray, types: list[bytes]) -> None:
        known, total = len(self._types), len(self._types) + len(hashes)
        if total > len(self._lemmas):
            self._lemmas = _grown(self._lemmas, known, total)
            self._positions = _grown(self._positions, known, total)
        new = self._vocabulary.rows(hashes, types)
        self._lemmas[known:total] = new.lemmas
        self._positions[known:total] = -1
        self._positions[known:total, _ANYWHERE] = self._append(new, self._features)
        self._types.extend(hashes)

    def _add_places(self, types: NDArray[np.int64], places: PlaceArray) -> None:
        new = self._vocabulary.placed_rows(self._lemmas[types], places)
        positions = self._append(new, self._placed)
        self.rows[positions] += self.rows[self._positions[types, _ANYWHERE]]
        self._positions[types, places] = positions

    def _append(self, rows: Rows, weights: _Steps) -> IntArray:
        """Multiply sparse rows by weights, put the products behind the others and return where they are."""
        start, total = self._n_rows, self._n_rows + len(rows.squares)
        if total > len(self.rows):
            self.rows = _grown(self.rows, start, total)
        self.rows[start:total, :-1] = weights.weigh(rows)
        self.rows[start:total, -1] = rows.squares
        self._n_rows = total
        return np.arange(start, total, dtype=np.int32)


def _grown(array: NDArray[_Item], n_used: int, n_needed: int) -> NDArray[_Item]:
    """Return a longer array with the same beginning."""
    grown = np.empty((max(n_needed, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[:n_used] = array[:n_used]
    return grown
