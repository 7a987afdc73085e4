"""Misspelt words → the known word one slip away, whole arrays of words at a time.

Two words are one slip apart (a letter missed, doubled, swapped with its neighbour or mistaken) when dropping at
most one letter of each leaves the same (Garbe 2012, "Symmetric delete spelling correction"). What is left of
every known word is hashed once; a strange word then costs as many lookups as it has letters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from support_intent.hashing import HashIndex, IntArray, KeyArray

MIN_LETTERS = 4
"""Shorter words are one slip away from too many others."""

_MAX_LETTERS = 24
_FIRST_LETTER = 0xE0  # «а» in the code page of `support_intent.tokens`; all after it are lower-case Cyrillic
_MULTIPLIERS = np.random.default_rng(0).integers(0, 2**64 - 1, _MAX_LETTERS, np.uint64) | np.uint64(1)


class Speller:
    """Known words, and the nearest of them to a strange one.

    Parameters
    ----------
    words : sequence of bytes
        Known words in the code page, the most frequent first; of several that are as near, the first is taken.

    Examples
    --------
    >>> speller = Speller(["посылка".encode("cp1251"), "письмо".encode("cp1251")])
    >>> strange = ["псылка", "писмьо", "посылкка", "пасылка", "конверт"]
    >>> speller.nearest([word.encode("cp1251") for word in strange]).tolist()
    [0, 1, 0, 0, -1]
    """

    def __init__(self, words: Sequence[bytes]) -> None:
        self.words = tuple(words)
        rows, letters, lengths = _letters(self.words)
        keys, is_left = _leftovers(letters, lengths)
        owners, columns = np.nonzero(is_left)  # in order of the words, so that the first of equal keys is kept
        kept, first = np.unique(keys[is_left], return_index=True)
        self._index = HashIndex(kept)
        self._owners: IntArray = rows[owners[first]].astype(np.int32)
        self._dropped = _dropped(letters, owners[first], columns[first] - 1)

    def nearest(self, words: Sequence[bytes]) -> IntArray:
        """Return the position of the likeliest known word one slip away from each word.

        Parameters
        ----------
        words : sequence of bytes, length n_words

        Returns
        -------
        ndarray of int32, shape (n_words,)
            -1 where there is none.
        """
        nearest = np.full(len(words), -1, np.int32)
        rows, letters, lengths = _letters(words)
        keys, is_left = _leftovers(letters, lengths)
        owners, columns = np.nonzero(is_left)
        found = self._index.lookup(keys[is_left])
        hits = np.flatnonzero(found >= 0)
        owners, found = owners[hits], found[hits]
        ours = _dropped(letters, owners, columns[hits] - 1)
        theirs = self._dropped.take(found)
        gap = np.maximum(ours.first, theirs.first) - np.minimum(ours.last, theirs.last)
        is_same_place = gap <= 0
        is_swap = (gap == 1) & (ours.letter == theirs.letter)
        one_is_whole = (ours.letter == 0) != (theirs.letter == 0)
        # letters dropped at places farther apart are two slips
        is_slip = one_is_whole | ((ours.letter > 0) & (theirs.letter > 0) & (is_same_place | is_swap))
        best = np.full(len(rows), len(self.words), np.int64)
        np.minimum.at(best, owners[is_slip], self._owners[found[is_slip]])
        nearest[rows] = np.where(best < len(self.words), best, -1)
        return nearest


class _Dropped(NamedTuple):
    """The letters that were dropped; one of several alike in a row may be any of them."""

    first: IntArray
    last: IntArray
    letter: NDArray[np.uint8]  # 0 where none is dropped

    def take(self, rows: IntArray) -> _Dropped:
        return _Dropped(self.first[rows], self.last[rows], self.letter[rows])


def _dropped(letters: NDArray[np.uint8], rows: NDArray[np.intp], places: NDArray[np.intp]) -> _Dropped:
    """Describe the letter dropped from each of some words; place -1 is none."""
    size = np.arange(_MAX_LETTERS)
    is_first = np.ones(letters.shape, bool)
    is_first[:, 1:] = letters[:, 1:] != letters[:, :-1]
    is_last = np.ones(letters.shape, bool)
    is_last[:, :-1] = is_first[:, 1:]
    first = np.maximum.accumulate(np.where(is_first, size, 0), axis=1)
    last = np.minimum.accumulate(np.where(is_last, size, _MAX_LETTERS)[:, ::-1], axis=1)[:, ::-1]
    letter = np.where(places >= 0, letters[rows, places], np.uint8(0))
    return _Dropped(first[rows, places].astype(np.int32), last[rows, places].astype(np.int32), letter)


def _letters(words: Sequence[bytes]) -> tuple[NDArray[np.intp], NDArray[np.uint8], NDArray[np.int64]]:
    """Lay out the Cyrillic words of a fit length, one a row: their positions, letters and lengths."""
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    fits = np.flatnonzero((lengths >= MIN_LETTERS) & (lengths <= _MAX_LETTERS))
    table = np.array([words[i] for i in fits.tolist()], dtype=f"S{_MAX_LETTERS}")
    letters = table.view(np.uint8).reshape(len(fits), _MAX_LETTERS)
    lengths = lengths[fits]
    is_word = ((letters >= _FIRST_LETTER) | (np.arange(_MAX_LETTERS) >= lengths[:, None])).all(axis=1)
    return fits[is_word], letters[is_word], lengths[is_word]


def _leftovers(letters: NDArray[np.uint8], lengths: NDArray[np.int64]) -> tuple[KeyArray, NDArray[np.bool_]]:
    """Hash each word whole (column 0) and without its letter i (column i + 1), and tell which of these exist.

    The hash is a sum of letters times the multiplier of their place, so that dropping a letter moves those behind
    it by one place: a difference of running sums, with no word ever spelt out.
    """
    values = letters.astype(np.uint64)  # (n_words, _MAX_LETTERS)
    here = np.cumsum(values * _MULTIPLIERS, axis=1)
    moved = np.cumsum(values[:, 1:] * _MULTIPLIERS[:-1], axis=1)
    nothing = np.zeros((len(values), 1), np.uint64)
    before = np.concatenate((nothing, here[:, :-1]), axis=1)
    behind = moved[:, -1:] - np.concatenate((nothing, moved), axis=1)
    keys = np.concatenate((here[:, -1:], before + behind), axis=1)
    exists = np.arange(-1, _MAX_LETTERS) < lengths[:, None]
    return keys, exists
