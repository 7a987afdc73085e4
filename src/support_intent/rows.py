"""The table of score rows: each distinct token is analysed once, and its row is found again by its hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from support_intent.features import FloatArray, Rows, Vocabulary
from support_intent.hashing import HashIndex, IntArray, KeyArray, hash_words
from support_intent.places import FRAME_WORD, N_PLACES, PlaceArray, kind_of, places_of, token_places
from support_intent.tokens import TokenTable

MAX_ROWS = 100_000
"""Rows after which the table starts anew with the next block, so that no input can fill memory."""

_MAX_TOKENS = 2 * MAX_ROWS  # that are told apart; most misspelt ones share the rows of a known word

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
        if len(rows.squares) <= _FEW_ROWS:  # the same products and sums in the same order
            weights = self._numbers[rows.columns] * self._steps[rows.columns][:, None]  # (n_entries, n_intents)
            weights *= rows.values[:, None]
            parts = [weights[start:end].sum(axis=0) for start, end in pairwise(rows.bounds.tolist())]
            return np.stack(parts)
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
        self._tokens = HashIndex()
        self._types = np.empty(_ROOM, np.int32)  # of each token; a misspelt one has that of the word it is read as
        self._n_types = 0
        self._lemmas = np.empty(_ROOM, np.int32)  # of each type
        self._positions = np.empty((_ROOM, N_PLACES), np.int32)  # of each type's rows, -1 for none
        self.rows = np.empty((_ROOM, self._n_intents + 1), np.float32)
        self._n_rows = 0
        self._known: dict[bytes, tuple[int, int, int]] = {}  # token → type, lemma, kind; of those that came alone

    def _keep_bounds(self) -> None:
        if self._n_rows > MAX_ROWS or len(self._tokens) > _MAX_TOKENS:
            self._reset()
        if len(self._known) > MAX_ROWS:
            self._known.clear()

    def look_up(self, table: TokenTable) -> tuple[IntArray, IntArray]:
        """Find the rows of a block's tokens, and make those that are missing.

        Parameters
        ----------
        table : TokenTable

        Returns
        -------
        positions : ndarray of int32, shape (n_tokens,)
            In `rows`.
        lemmas : ndarray of int32, shape (n_tokens,)
        """
        self._keep_bounds()
        types = self._look_up_types(table.hashes, table.texts)
        lemmas = self._lemmas[types]
        places = token_places(table, self._vocabulary.frame(lemmas, table.indptr))
        return self._look_up_places(types, places), lemmas

    def look_up_one(self, sentences: Sequence[Sequence[bytes]]) -> tuple[IntArray, list[int]]:
        """Find the rows and the lemmas of the tokens of one message as `look_up` does, by a dictionary.

        Parameters
        ----------
        sentences : sequence of sequence of bytes
            As `support_intent.tokens.split` gives them.
        """
        self._keep_bounds()
        known, tokens = self._known, list(chain.from_iterable(sentences))
        try:
            found = [known[token] for token in tokens]
        except KeyError:
            types = self._look_up_types(hash_words(tokens), lambda some: [tokens[i] for i in some.tolist()])
            lemmas = self._lemmas[types]
            kinds = map(kind_of, tokens, self._vocabulary.is_frame[lemmas].tolist())
            found = list(zip(types.tolist(), lemmas.tolist(), kinds, strict=True))
            known.update(zip(tokens, found, strict=True))
        of_types, of_lemmas, of_kinds = map(list, zip(*found, strict=True))
        if self._vocabulary.good in of_lemmas:
            for i in range(1, len(found)):
                if of_lemmas[i - 1] == self._vocabulary.good and of_lemmas[i] in self._vocabulary.day_parts:
                    of_kinds[i] = FRAME_WORD
        kind = iter(of_kinds)
        places = places_of([list(islice(kind, len(sentence))) for sentence in sentences])
        return self._look_up_places(np.array(of_types), np.array(places, np.uint8)), of_lemmas

    def _look_up_types(self, hashes: KeyArray, texts: Callable[[NDArray[np.intp]], list[bytes]]) -> IntArray:
        """Return the type of each token; `texts` spells out the tokens at some positions."""
        found = self._tokens.lookup(hashes)
        unknown = np.flatnonzero(found < 0)
        if unknown.size:
            new, first = np.unique(hashes[unknown], return_index=True)
            self._add_tokens(new, texts(unknown[first]))
            found[unknown] = self._tokens.lookup(hashes[unknown])
        return self._types[found]

    def _look_up_places(self, types: NDArray[Any], places: PlaceArray) -> IntArray:
        """Return the row of each token."""
        positions: IntArray = self._positions[types, places]
        if positions.min(initial=0) < 0:
            missing = np.flatnonzero(positions < 0)
            cells = np.unique(types[missing].astype(np.int64) * N_PLACES + places[missing])
            self._add_places(cells // N_PLACES, (cells % N_PLACES).astype(np.uint8))
            positions[missing] = self._positions[types[missing], places[missing]]
        return positions

    def _add_tokens(self, hashes: KeyArray, tokens: list[bytes]) -> None:
        read_as, words = self._vocabulary.mend(hashes, tokens)
        distinct, first, position = np.unique(read_as, return_index=True, return_inverse=True)
        types = self._tokens.lookup(distinct)
        types[types >= 0] = self._types[types[types >= 0]]
        new = np.flatnonzero(types < 0)
        if new.size:
            types[new] = self._add_types(distinct[new], [words[i] for i in first[new].tolist()])
        # a known word that is first met misspelt is a token as well
        unmet = new[~np.isin(distinct[new], hashes)]
        start, total = len(self._tokens), len(self._tokens) + len(hashes) + len(unmet)
        if total > len(self._types):
            self._types = _grown(self._types, start, total)
        self._types[start:total] = np.concatenate((types[position], types[unmet]))
        self._tokens.extend(np.concatenate((hashes, distinct[unmet])))

    def _add_types(self, hashes: KeyArray, words: list[bytes]) -> IntArray:
        start, total = self._n_types, self._n_types + len(hashes)
        if total > len(self._lemmas):
            self._lemmas = _grown(self._lemmas, start, total)
            self._positions = _grown(self._positions, start, total)
        new = self._vocabulary.rows(hashes, words)
        self._lemmas[start:total] = new.lemmas
        self._positions[start:total] = -1
        self._positions[start:total, _ANYWHERE] = self._append(new, self._features)
        self._n_types = total
        return np.arange(start, total, dtype=np.int32)

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
