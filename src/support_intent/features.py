"""Token types → sparse feature rows, by the vocabulary that training learns.

A row has a lemma block, a block of character n-grams (two to five letters, with the spaces at the word's
ends) and a block of the lemma's semantic classes, each of unit length times its weight, times the token's
idf; and lemma and classes once more for each place of the message where the token stands. A message is the
sum of its tokens' rows and of its pairs of near lemmas, divided by the square root of the summed squared
lengths. That norm is a sum over tokens too, so scores, speed and explanations are exact sums over tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from support_intent.hashing import PADDING, HashIndex, IntArray, KeyArray, byte_words, hash_words
from support_intent.lemmas import are_words
from support_intent.lexicon import FRAME
from support_intent.places import PLACES, PlaceArray
from support_intent.spelling import Speller
from support_intent.tokens import CODE_PAGE

FloatArray = NDArray[np.float32]

_NGRAM_SIZES = (2, 3, 4, 5)
_MAX_NGRAM_LETTERS = 32  # letters of a word that are cut into n-grams: no Russian word of use is longer
_MAX_DISTANCE = 2  # words from one lemma of a pair to the other
NO_LEMMA = -1
_GOOD, _DAY_PARTS = (
    "добрый",
    frozenset({"день", "утро", "вечер", "ночь", "время", "сутки"}),
)  # what a good one is wished
"""In the place of a lemma that the vocabulary does not have."""


@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """What steers the making of features.

    Parameters
    ----------
    min_messages : int, default 3
        Messages in which an n-gram or a pair must occur to be kept.
    ngram_weight : float, default 1.0
        Length of the n-gram block beside the lemma block of length one.
    pair_weight : float, default 0.45
        Length of a pair of lemmas beside a lemma.
    place_weight : float, default 0.7
        Length of a lemma and its classes at a place of the message beside those at any.
    lexicon_weight : float, default 0.5
        Length of the block of semantic classes beside the lemma block.
    frame_weight : float, default 0.5
        Factor on the idf of greetings, thanks, names and the like (`support_intent.lexicon.FRAME`): they count less
        beside other words, and as much as ever where a message has nothing else.
    """

    min_messages: int = 3
    ngram_weight: float = 1.0
    pair_weight: float = 0.45
    place_weight: float = 0.7
    lexicon_weight: float = 0.5
    frame_weight: float = 0.5


@dataclass(frozen=True, slots=True)
class Rows:
    """Sparse rows of features."""

    bounds: NDArray[np.int64]  # (n_rows + 1,) row i has the entries bounds[i]:bounds[i + 1]
    columns: NDArray[np.int64]  # (n_entries,) features
    values: FloatArray  # (n_entries,)
    squares: FloatArray  # (n_rows,) squared length of each row


@dataclass(frozen=True, slots=True)
class TypeRows(Rows):
    """The features of some token types."""

    lemmas: IntArray  # (n_types,) position in the vocabulary's lemmas, `NO_LEMMA` if it has none


def ngrams(types: Sequence[bytes]) -> tuple[IntArray, KeyArray]:
    """Cut token types into character n-grams, as scikit-learn's ``char_wb`` does.

    Parameters
    ----------
    types : sequence of bytes, length n_types
        Token types in the code page of `support_intent.tokens`.

    Returns
    -------
    rows : ndarray of int32, shape (n_ngrams,)
        The type that each n-gram belongs to.
    keys : ndarray of uint64, shape (n_ngrams,)
        The n-gram itself: its letters in the low bytes, its size in the highest.

    Examples
    --------
    >>> rows, keys = ngrams(["да".encode("cp1251")])
    >>> [ngram_text(key) for key in keys]
    [' д', 'да', 'а ', ' да', 'да ', ' да ']
    """
    cut = [word[:_MAX_NGRAM_LETTERS] for word in types]
    sizes = np.fromiter(map(len, cut), np.int64, len(cut)) + 2  # with a space at either end
    words = byte_words(b" " + b"  ".join(cut) + b" " + PADDING)
    starts = np.cumsum(sizes) - sizes
    owners, keys = [], []
    for size in _NGRAM_SIZES:
        counts = np.maximum(sizes - size + 1, 0)
        firsts = np.cumsum(counts) - counts
        positions = np.arange(int(counts.sum())) + np.repeat(starts - firsts, counts)
        keys.append((words[positions] & np.uint64((1 << (8 * size)) - 1)) | np.uint64(size << 56))
        owners.append(np.repeat(np.arange(len(cut), dtype=np.int32), counts))
    return np.concatenate(owners), np.concatenate(keys)


def ngram_text(key: np.uint64) -> str:
    """Spell out the n-gram of a key."""
    size = int(key) >> 56
    return int(key).to_bytes(8, "little")[:size].decode(CODE_PAGE)


def pair_keys(lemmas: IntArray, indptr: IntArray) -> tuple[IntArray, IntArray, KeyArray]:
    """Join the lemmas of each message that are adjacent, or have one word between them.

    «не пришла» and «не ещё пришла» are the same pair.

    Parameters
    ----------
    lemmas : ndarray of int32, shape (n_tokens,)
    indptr : ndarray of int32, shape (n_messages + 1,)

    Returns
    -------
    firsts, seconds : ndarray of int32, shape (n_pairs,)
        The positions of each pair's tokens, by the second's.
    keys : ndarray of uint64, shape (n_pairs,)
        Both lemmas; pairs over a message's edge or with an unknown lemma are left out.
    """
    owners = np.repeat(np.arange(len(indptr) - 1, dtype=np.int32), np.diff(indptr))  # (n_tokens,)
    is_known = lemmas >= 0
    is_second = np.zeros((len(lemmas), _MAX_DISTANCE), bool)  # whether a token ends a pair of each length
    for distance in range(1, _MAX_DISTANCE + 1):
        same = owners[distance:] == owners[:-distance]
        is_second[distance:, -distance] = same & is_known[distance:] & is_known[:-distance]
    seconds, column = np.nonzero(is_second)
    firsts = seconds - (_MAX_DISTANCE - column)
    keys = (lemmas[firsts].astype(np.uint64) << np.uint64(32)) | lemmas[seconds].astype(np.uint64)
    return firsts.astype(np.int32), seconds.astype(np.int32), keys


def near_pairs(lemmas: Sequence[int]) -> list[int]:
    """Join the lemmas of one message as `pair_keys` does, in the same order.

    Examples
    --------
    >>> lemmas = [3, -1, 5, 7]
    >>> indptr = np.array([0, 4], np.int32)
    >>> near_pairs(lemmas) == pair_keys(np.array(lemmas, np.int32), indptr)[2].tolist()
    True
    """
    keys = []
    before, last = -1, -1
    for lemma in lemmas:
        if lemma >= 0:
            if before >= 0:
                keys.append(before << 32 | lemma)
            if last >= 0:
                keys.append(last << 32 | lemma)
        before, last = last, lemma
    return keys


class Vocabulary:
    """What is known of words: forms, lemmas, n-grams and pairs, each with its place among the features.

    Feature columns are the lemmas, the n-grams, then the semantic classes; lemmas and classes at a place, and pairs,
    have spaces of their own.

    Parameters
    ----------
    lemmas : sequence of str, length n_lemmas
    lemma_idf : ndarray of float32, shape (n_lemmas,)
    form_hashes : ndarray of uint64, shape (n_forms,)
        Hashes of the word forms (`support_intent.hashing.hash_words`), ascending.
    form_lemmas : ndarray of int32, shape (n_forms,)
        The lemma of each form.
    ngram_keys : ndarray of uint64, shape (n_ngrams,)
    pair_keys : ndarray of uint64, shape (n_pairs,)
    pair_idf : ndarray of float32, shape (n_pairs,)
    place_keys : ndarray of uint64, shape (n_placed,)
        Lemmas and classes at a place (`place_keys`).
    class_bounds : ndarray of int32, shape (n_lemmas + 1,)
        Lemma ``i`` has the classes ``class_columns[class_bounds[i]:class_bounds[i + 1]]``.
    class_columns : ndarray of int32, shape (n_memberships,)
    class_names : sequence of str, length n_classes
        The semantic classes.
    spellings : sequence of str
        Words that a misspelt one is read as, the most frequent first.
    unknown_idf : float
        The idf of a token whose lemma is not known.
    options : FeatureOptions

    Attributes
    ----------
    is_frame : ndarray of bool, shape (n_lemmas + 1,)
        Whether a lemma is a greeting, thanks, a name and the like; the last is that of words without a lemma.
    good : int
        The lemma «добрый»; that of no word if it is not known.
    day_parts : frozenset of int
        The lemmas of what a good one is wished: day, morning, evening …
    """

    def __init__(
        self,
        lemmas: Sequence[str],
        lemma_idf: FloatArray,
        form_hashes: KeyArray,
        form_lemmas: IntArray,
        ngram_keys: KeyArray,
        pair_keys: KeyArray,
        pair_idf: FloatArray,
        place_keys: KeyArray,
        class_bounds: IntArray,
        class_columns: IntArray,
        class_names: Sequence[str],
        spellings: Sequence[str],
        unknown_idf: float,
        options: FeatureOptions,
    ) -> None:
        self.lemmas = tuple(lemmas)
        self.lemma_idf = lemma_idf
        self.form_hashes = form_hashes
        self.form_lemmas = form_lemmas
        self.ngram_keys = ngram_keys
        self.pair_keys = pair_keys
        self.pair_idf = pair_idf
        self.place_keys = place_keys
        self.class_bounds = class_bounds
        self.class_columns = class_columns
        self.class_names = tuple(class_names)
        self.spellings = tuple(spellings)
        self.unknown_idf = unknown_idf
        self.options = options
        is_frame = np.isin(class_columns, [i for i, name in enumerate(self.class_names) if name in FRAME])
        framed = np.concatenate(([0], np.cumsum(is_frame)))[class_bounds]  # memberships before each lemma's
        self.is_frame = np.append(np.diff(framed) > 0, False)  # of each lemma, and of `NO_LEMMA`
        self.good = self.lemmas.index(_GOOD) if _GOOD in self.lemmas else NO_LEMMA - 1
        self.day_parts = frozenset(i for i, lemma in enumerate(self.lemmas) if lemma in _DAY_PARTS)
        self._class_sizes = np.diff(class_bounds, append=class_bounds[-1:])  # of lemma -1, which is none, too
        self._ngrams = HashIndex(ngram_keys)
        self._pairs = HashIndex(pair_keys)
        self._placed = HashIndex(place_keys)

    @cached_property
    def _speller(self) -> Speller:
        return Speller([word.encode(CODE_PAGE) for word in self.spellings])

    @cached_property
    def _spelling_hashes(self) -> KeyArray:
        return hash_words(self._speller.words)

    @property
    def n_features(self) -> int:
        """Feature columns without the pairs."""
        return len(self.lemmas) + len(self.ngram_keys) + len(self.class_names)

    @property
    def pair_scale(self) -> FloatArray:
        """The length of each pair's row, shape (n_pairs,)."""
        return self.pair_idf * np.float32(self.options.pair_weight)

    def frame(self, lemmas: IntArray, indptr: IntArray) -> NDArray[np.bool_]:
        """Tell greetings, thanks, names and the like, the day of «добрый день» with them.

        Parameters
        ----------
        lemmas : ndarray of int32, shape (n_tokens,)
        indptr : ndarray of int32, shape (n_messages + 1,)

        Returns
        -------
        ndarray of bool, shape (n_tokens,)
        """
        is_frame = self.is_frame[lemmas]
        wished = np.flatnonzero(lemmas[:-1] == self.good) + 1
        if wished.size:
            wished = wished[np.isin(lemmas[wished], list(self.day_parts)) & ~np.isin(wished, indptr)]
            is_frame[wished] = True
        return is_frame

    def mend(self, hashes: KeyArray, types: Sequence[bytes]) -> tuple[KeyArray, Sequence[bytes]]:
        """Put known words in the place of misspelt ones: those that neither we nor the dictionary know.

        Parameters
        ----------
        hashes : ndarray of uint64, shape (n_types,)
        types : sequence of bytes, length n_types

        Returns
        -------
        hashes : ndarray of uint64, shape (n_types,)
        types : sequence of bytes, length n_types
            What each is read as; mostly itself.
        """
        strange = np.flatnonzero(self._form_lemmas(hashes) == NO_LEMMA)
        if not (strange.size and self.spellings):
            return hashes, types
        nearest = self._speller.nearest([types[i] for i in strange.tolist()])
        strange, nearest = strange[nearest >= 0], nearest[nearest >= 0]
        in_dictionary = np.array(are_words([types[i].decode(CODE_PAGE) for i in strange.tolist()]), dtype=bool)
        strange, nearest = strange[~in_dictionary], nearest[~in_dictionary]
        types, hashes = list(types), hashes.copy()
        for i, near in zip(strange.tolist(), nearest.tolist(), strict=True):
            types[i] = self._speller.words[near]
        hashes[strange] = self._spelling_hashes[nearest]
        return hashes, types

    def rows(self, hashes: KeyArray, types: Sequence[bytes]) -> TypeRows:
        """Make the feature rows of some token types.

        Parameters
        ----------
        hashes : ndarray of uint64, shape (n_types,)
        types : sequence of bytes, length n_types
            Mended (`mend`).

        Returns
        -------
        TypeRows
        """
        n_types, n_lemmas, n_ngrams = len(types), len(self.lemmas), len(self.ngram_keys)
        lemmas = self._form_lemmas(hashes)  # (n_types,)
        has_lemma = lemmas >= 0
        idf = np.where(has_lemma, self.lemma_idf[lemmas], np.float32(self.unknown_idf)).astype(np.float32)

        owners, columns, counts = self._ngram_counts(types)
        lengths = np.sqrt(np.bincount(owners, counts * counts, n_types)).astype(np.float32)
        has_ngrams = lengths > 0
        ngram_weight = np.float32(self.options.ngram_weight)
        ngram_scale = np.divide(idf * ngram_weight, lengths, out=np.zeros_like(idf), where=has_ngrams)

        members, classes, class_scale = self._classes(lemmas)
        has_class = np.bincount(members, minlength=n_types) > 0
        class_weight = np.float32(self.options.lexicon_weight)

        with_lemma = np.flatnonzero(has_lemma)
        rows = np.concatenate((with_lemma, owners, members))
        order = np.argsort(rows, kind="stable")
        columns = np.concatenate((lemmas[with_lemma], n_lemmas + columns, n_lemmas + n_ngrams + classes))
        values = np.concatenate((idf[with_lemma], counts * ngram_scale[owners], class_scale))
        bounds = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=n_types))))
        squares = idf * idf * (has_lemma + has_ngrams * ngram_weight**2 + has_class * class_weight**2)
        return TypeRows(bounds, columns[order], values[order], squares.astype(np.float32), lemmas)

    def placed_rows(self, lemmas: IntArray, places: PlaceArray) -> Rows:
        """Make the rows that tokens have for the places where they stand, beside those that they have anywhere.

        Parameters
        ----------
        lemmas : ndarray of int32, shape (n,)
        places : ndarray of uint8, shape (n,)
            Bits of `support_intent.places.PLACES`.

        Returns
        -------
        Rows
            Columns are positions in ``place_keys``.
        """
        rows, keys, values = self.placed_entries(lemmas, places)
        columns = self._placed.lookup(keys)
        found = np.flatnonzero(columns >= 0)
        rows, values = rows[found], values[found]
        bounds = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=len(lemmas)))))
        squares = np.bincount(rows, values.astype(np.float64) ** 2, minlength=len(lemmas)).astype(np.float32)
        order = np.argsort(rows, kind="stable")
        return Rows(bounds, columns[found][order].astype(np.int64), values[order], squares)

    def placed_entries(self, lemmas: IntArray, places: PlaceArray) -> tuple[NDArray[np.intp], KeyArray, FloatArray]:
        """Return the token, the key and the value of each lemma and class at a place, kept or not."""
        members, classes, class_scale = self._classes(lemmas)
        known = np.flatnonzero(lemmas >= 0)
        owners = np.concatenate((known, members))
        things = np.concatenate((lemmas[known], len(self.lemmas) + classes)).astype(np.uint64)
        values = np.concatenate((self.lemma_idf[lemmas[known]], class_scale))
        bits = np.arange(len(PLACES))
        rows, bit = np.nonzero(places[owners, None] >> bits & 1)
        keys = bits[bit].astype(np.uint64) << np.uint64(32) | things[rows]
        return owners[rows], keys, values[rows] * np.float32(self.options.place_weight)

    def _ngram_counts(self, types: Sequence[bytes]) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        """Count the known n-grams of each type: the type, the n-gram and how often, by type and n-gram."""
        owners, keys = ngrams(types)
        found = self._ngrams.lookup(keys)
        is_found = found >= 0
        n_ngrams = max(len(self.ngram_keys), 1)
        distinct, counts = np.unique(owners[is_found].astype(np.int64) * n_ngrams + found[is_found], return_counts=True)
        return distinct // n_ngrams, distinct % n_ngrams, counts.astype(np.float32)

    def _classes(self, lemmas: IntArray) -> tuple[NDArray[np.int64], IntArray, FloatArray]:
        """Return the row, the class and the value of each membership of some lemmas."""
        sizes = np.where(lemmas >= 0, self._class_sizes[lemmas], 0)  # (n_types,)
        members = np.repeat(np.arange(len(lemmas)), sizes)
        firsts = self.class_bounds[lemmas] - (np.cumsum(sizes) - sizes)
        classes = self.class_columns[firsts[members] + np.arange(len(members))]
        scale = self.lemma_idf[lemmas] * np.float32(self.options.lexicon_weight) / np.sqrt(np.maximum(sizes, 1))
        return members, classes, scale[members].astype(np.float32)

    def _form_lemmas(self, hashes: KeyArray) -> IntArray:
        """Return the lemma of each word form, `NO_LEMMA` if the form is not known."""
        if not len(self.form_hashes):
            return np.full(len(hashes), NO_LEMMA, np.int32)
        # only new words are looked up here: a hash table would take longer to make than it ever saves
        places = np.minimum(np.searchsorted(self.form_hashes, hashes), len(self.form_hashes) - 1)
        is_form = self.form_hashes[places] == hashes
        return np.where(is_form, self.form_lemmas[places], np.int32(NO_LEMMA))

    def pairs(self, lemmas: IntArray, indptr: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Find the kept pairs of a batch.

        Parameters
        ----------
        lemmas : ndarray of int32, shape (n_tokens,)
        indptr : ndarray of int32, shape (n_messages + 1,)

        Returns
        -------
        firsts, seconds : ndarray of int32, shape (n_found,)
            The positions of each pair's tokens, the second's ascending.
        columns : ndarray of int32, shape (n_found,)
            The pair's position among the pairs.
        """
        firsts, seconds, keys = pair_keys(lemmas, indptr)
        columns = self.pair_columns(keys)
        found = columns >= 0
        return firsts[found], seconds[found], columns[found]

    def pair_columns(self, keys: KeyArray) -> IntArray:
        """Return the place of each pair (`pair_keys`) among the kept ones, -1 if it is not kept."""
        return self._pairs.lookup(keys)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the learned arrays by name, for the model file."""
        return {
            "lemma_idf": self.lemma_idf,
            "form_hashes": self.form_hashes,
            "form_lemmas": self.form_lemmas,
            "ngram_keys": self.ngram_keys,
            "pair_keys": self.pair_keys,
            "pair_idf": self.pair_idf,
            "place_keys": self.place_keys,
            "class_bounds": self.class_bounds,
            "class_columns": self.class_columns,
        }
