"""Token types → sparse feature rows; the vocabulary that training learns and inference reads.

A row has a lemma block, a block of character n-grams (two to five letters, with the spaces at the word's
ends) and a block of the lemma's semantic classes, each of unit length times its weight, times the token's
idf. A message is the sum of its tokens' rows and of its pairs of near lemmas, divided by the square root of
the summed squared lengths. That norm is a sum over tokens too, so scores, speed and explanations are exact
sums over tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from support_intent.hashing import PADDING, HashIndex, IntArray, KeyArray, byte_words, hash_words
from support_intent.lemmas import Reading, is_word, word_forms
from support_intent.lexicon import FRAME
from support_intent.spelling import MIN_LETTERS, Speller
from support_intent.tokens import CODE_PAGE, TokenTable

FloatArray = NDArray[np.float32]

_NGRAM_SIZES = (2, 3, 4, 5)
_MAX_NGRAM_LETTERS = 32  # letters of a word that are cut into n-grams: no Russian word of use is longer
_PERSONAL_MESSAGES = 3  # in which a name or an unknown word must occur to be kept: fewer could tell of one person
_MAX_DISTANCE = 2  # words from one lemma of a pair to the other
_NO_LEMMA = -1


@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """What steers the making of features.

    Parameters
    ----------
    min_messages : int, default 3
        Messages in which an n-gram or a pair must occur to be kept.
    ngram_weight : float, default 0.7
        Length of the n-gram block beside the lemma block of length one.
    pair_weight : float, default 0.6
        Length of a pair of lemmas beside a lemma.
    lexicon_weight : float, default 0.5
        Length of the block of semantic classes beside the lemma block.
    frame_weight : float, default 0.5
        Factor on the idf of greetings, thanks, names and the like (`support_intent.lexicon.FRAME`): they count less
        beside other words, and as much as ever where a message has nothing else.
    """

    min_messages: int = 3
    ngram_weight: float = 0.7
    pair_weight: float = 0.6
    lexicon_weight: float = 0.5
    frame_weight: float = 0.5


@dataclass(frozen=True, slots=True)
class TypeRows:
    """The features of some token types."""

    lemmas: IntArray  # (n_types,) position in the vocabulary's lemmas, -1 if it has none
    features: sp.csr_matrix  # (n_types, n_features)
    squares: FloatArray  # (n_types,) squared length of each row


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


class Vocabulary:
    """What is known of words: forms, lemmas, n-grams and pairs, each with its place among the features.

    Feature columns are the lemmas, the n-grams, then the semantic classes; pairs have a space of their own.

    Parameters
    ----------
    lemmas : sequence of str, length n_lemmas
    lemma_idf : ndarray of float32, shape (n_lemmas,)
    form_hashes : ndarray of uint64, shape (n_forms,)
        Hashes of the word forms (`support_intent.hashing.hash_words`).
    form_lemmas : ndarray of int32, shape (n_forms,)
        The lemma of each form.
    ngram_keys : ndarray of uint64, shape (n_ngrams,)
    pair_keys : ndarray of uint64, shape (n_pairs,)
    pair_idf : ndarray of float32, shape (n_pairs,)
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
        self.class_bounds = class_bounds
        self.class_columns = class_columns
        self.class_names = tuple(class_names)
        self.spellings = tuple(spellings)
        self.unknown_idf = unknown_idf
        self.options = options
        self._forms = HashIndex(form_hashes)
        self._ngrams = HashIndex(ngram_keys)
        self._pairs = HashIndex(pair_keys)

    @cached_property
    def _speller(self) -> Speller:
        return Speller([word.encode(CODE_PAGE) for word in self.spellings])

    @property
    def n_features(self) -> int:
        """Feature columns without the pairs."""
        return len(self.lemmas) + len(self.ngram_keys) + len(self.class_names)

    @property
    def pair_scale(self) -> FloatArray:
        """The length of each pair's row, shape (n_pairs,)."""
        return self.pair_idf * np.float32(self.options.pair_weight)

    def rows(self, hashes: KeyArray, types: Sequence[bytes]) -> TypeRows:
        """Make the feature rows of some token types; a misspelt one gets those of the word that it is read as.

        Parameters
        ----------
        hashes : ndarray of uint64, shape (n_types,)
        types : sequence of bytes, length n_types

        Returns
        -------
        TypeRows
        """
        n_types, n_lemmas = len(types), len(self.lemmas)
        hashes, types = self._mend(hashes, types)
        forms = self._forms.lookup(hashes)
        lemmas = np.where(forms >= 0, self.form_lemmas[forms], _NO_LEMMA).astype(np.int32)  # (n_types,)
        has_lemma = lemmas >= 0
        idf = np.where(has_lemma, self.lemma_idf[lemmas], np.float32(self.unknown_idf)).astype(np.float32)

        owners, keys = ngrams(types)
        found = self._ngrams.lookup(keys)
        is_found = found >= 0
        counts = sp.csr_matrix(
            (np.ones(int(is_found.sum()), np.float32), (owners[is_found], found[is_found])),
            shape=(n_types, len(self.ngram_keys)),
        )
        lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1), dtype=np.float32).ravel())
        has_ngrams = lengths > 0
        weight = np.float32(self.options.ngram_weight)
        scale = np.divide(idf * weight, lengths, out=np.zeros_like(idf), where=has_ngrams)

        with_lemma = np.flatnonzero(has_lemma)
        lemma_block = sp.csr_matrix((idf[with_lemma], (with_lemma, lemmas[with_lemma])), shape=(n_types, n_lemmas))
        class_block, has_class = self._class_block(lemmas, idf)
        features = sp.hstack((lemma_block, sp.diags_array(scale) @ counts, class_block), format="csr", dtype=np.float32)
        lexicon_weight = np.float32(self.options.lexicon_weight)
        squares = idf * idf * (has_lemma + has_ngrams * weight * weight + has_class * lexicon_weight * lexicon_weight)
        return TypeRows(lemmas, features, squares.astype(np.float32))

    def _mend(self, hashes: KeyArray, types: Sequence[bytes]) -> tuple[KeyArray, Sequence[bytes]]:
        """Put known words in the place of misspelt ones: those that neither we nor the dictionary know."""
        strange = np.flatnonzero(self._forms.lookup(hashes) < 0)
        if not (strange.size and self.spellings):
            return hashes, types
        nearest = self._speller.nearest([types[i] for i in strange.tolist()])
        mended = {
            i: self._speller.words[near]
            for i, near in zip(strange.tolist(), nearest.tolist(), strict=True)
            if near >= 0 and not is_word(types[i].decode(CODE_PAGE))
        }
        if not mended:
            return hashes, types
        types, hashes = list(types), hashes.copy()
        for i, word in mended.items():
            types[i] = word
        hashes[list(mended)] = hash_words(list(mended.values()))
        return hashes, types

    def _class_block(self, lemmas: IntArray, idf: FloatArray) -> tuple[sp.csr_matrix, NDArray[np.bool_]]:
        """Make the rows of semantic classes, and tell which types have any."""
        sizes = np.where(lemmas >= 0, np.diff(self.class_bounds, append=0)[lemmas], 0)  # (n_types,)
        bounds = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
        firsts = np.repeat(self.class_bounds[lemmas] - bounds[:-1], sizes)
        columns = self.class_columns[firsts + np.arange(bounds[-1])]
        values = np.repeat(idf * self.options.lexicon_weight / np.sqrt(np.maximum(sizes, 1)), sizes)
        shape = (len(lemmas), len(self.class_names))
        return sp.csr_matrix((values.astype(np.float32), columns, bounds), shape=shape), sizes > 0

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
        columns = self._pairs.lookup(keys)
        found = columns >= 0
        return firsts[found], seconds[found], columns[found]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the learned arrays by name, for the model file."""
        return {
            "lemma_idf": self.lemma_idf,
            "form_hashes": self.form_hashes,
            "form_lemmas": self.form_lemmas,
            "ngram_keys": self.ngram_keys,
            "pair_keys": self.pair_keys,
            "pair_idf": self.pair_idf,
            "class_bounds": self.class_bounds,
            "class_columns": self.class_columns,
        }


def learn_vocabulary(
    table: TokenTable,
    read: Callable[[str], Reading],
    options: FeatureOptions,
    lexicon: Mapping[str, tuple[str, ...]] | None = None,
) -> Vocabulary:
    """Learn the vocabulary of a batch of training messages.

    Every lemma, of the messages and of the lexicon, is kept with all its dictionary forms, so that inference needs
    no dictionary.

    Parameters
    ----------
    table : TokenTable
        The training messages.
    read : callable
        Gives the likeliest `Reading` of a lower-case word.
    options : FeatureOptions
    lexicon : mapping of str to tuple of str, optional
        The semantic classes of lemmas (`support_intent.lexicon.load_lexicon`).

    Returns
    -------
    Vocabulary
    """
    n_messages = len(table.indptr) - 1
    _, first, type_ids = np.unique(table.hashes, return_index=True, return_inverse=True)
    types = table.texts(first)
    words = [word.decode(CODE_PAGE) for word in types]
    type_lemmas = [read(word).lemma for word in words]
    classes = {read(word).lemma: names for word, names in (lexicon or {}).items()}
    owners = np.repeat(np.arange(n_messages, dtype=np.int32), np.diff(table.indptr))  # (n_tokens,)
    type_counts = _message_counts(owners, type_ids, len(types))
    lemmas = sorted({*_impersonal(words, type_counts, read), *classes})
    lemma_ids = {lemma: i for i, lemma in enumerate(lemmas)}
    type_lemma_ids = np.array([lemma_ids.get(lemma, _NO_LEMMA) for lemma in type_lemmas], dtype=np.int32)  # (n_types,)

    token_lemmas = type_lemma_ids[type_ids]  # (n_tokens,)
    has_lemma = token_lemmas != _NO_LEMMA
    lemma_counts = _message_counts(owners[has_lemma], token_lemmas[has_lemma], len(lemmas))

    form_lemmas = {word: lemma for word, lemma in zip(words, type_lemmas, strict=True) if lemma in lemma_ids}
    form_lemmas.update({word: read(word).lemma for word in lexicon or {} if word not in form_lemmas})
    for form in sorted(word_forms(lemmas) - form_lemmas.keys()):
        lemma = read(form).lemma
        if lemma in lemma_ids:
            form_lemmas[form] = lemma
    forms = [form for form in sorted(form_lemmas) if _is_encodable(form)]

    type_owners, keys = ngrams(types)
    distinct_keys, key_ids = np.unique(keys, return_inverse=True)
    type_ngrams = sp.csr_matrix(
        (np.ones(len(keys), np.int32), (type_owners, key_ids)), shape=(len(types), len(distinct_keys))
    )
    in_message = sp.csr_matrix((np.ones(len(owners), np.int32), (owners, type_ids)), shape=(n_messages, len(types)))
    occurrence = (in_message @ type_ngrams).tocsr()
    ngram_counts = np.bincount(occurrence.indices, minlength=len(distinct_keys))

    _, seconds, pairs = pair_keys(token_lemmas, table.indptr)
    distinct_pairs, pair_ids = np.unique(pairs, return_inverse=True)
    pair_counts = _message_counts(owners[seconds], pair_ids, len(distinct_pairs))
    is_kept = pair_counts >= options.min_messages
    kept_pairs, pair_counts = distinct_pairs[is_kept], pair_counts[is_kept]

    spellings = [
        (-count, word)
        for count, word, lemma in zip(type_counts.tolist(), words, type_lemmas, strict=True)
        if count >= options.min_messages and lemma in lemma_ids
    ]
    class_ids = {name: i for i, name in enumerate(sorted({name for names in classes.values() for name in names}))}
    memberships = [classes.get(lemma, ()) for lemma in lemmas]
    is_frame = np.array([not FRAME.isdisjoint(names) for names in memberships], dtype=bool)
    firsts, nexts = kept_pairs >> np.uint64(32), kept_pairs & np.uint64(0xFFFFFFFF)  # as `pair_keys` joins them
    in_frame = is_frame[firsts.astype(np.intp)] | is_frame[nexts.astype(np.intp)]
    frame_weight = np.float32(options.frame_weight)

    return Vocabulary(
        lemmas=lemmas,
        lemma_idf=_idf(n_messages, np.maximum(lemma_counts, 1)) * np.where(is_frame, frame_weight, np.float32(1)),
        form_hashes=hash_words([form.encode(CODE_PAGE) for form in forms]),
        form_lemmas=np.array([lemma_ids[form_lemmas[form]] for form in forms], dtype=np.int32),
        ngram_keys=distinct_keys[ngram_counts >= options.min_messages],
        pair_keys=kept_pairs,
        pair_idf=_idf(n_messages, pair_counts) * np.where(in_frame, frame_weight, np.float32(1)),
        class_bounds=np.concatenate(([0], np.cumsum([len(names) for names in memberships]))).astype(np.int32),
        class_columns=np.array([class_ids[name] for names in memberships for name in names], dtype=np.int32),
        class_names=tuple(class_ids),
        spellings=[word for _, word in sorted(spellings) if len(word) >= MIN_LETTERS and read(word).is_known],
        unknown_idf=float(_idf(n_messages, np.array([1]))[0]),
        options=options,
    )


def _impersonal(words: Sequence[str], counts: NDArray[np.int64], read: Callable[[str], Reading]) -> set[str]:
    """Return the lemmas that tell of no person: words of the dictionary but names, and what several messages have."""
    n_messages: dict[str, int] = {}
    personal = set()
    for word, count in zip(words, counts.tolist(), strict=True):
        reading = read(word)
        n_messages[reading.lemma] = n_messages.get(reading.lemma, 0) + count
        if reading.is_name or not reading.is_known:
            personal.add(reading.lemma)
    return {lemma for lemma, n in n_messages.items() if n >= _PERSONAL_MESSAGES or lemma not in personal}


def _message_counts(owners: IntArray, columns: NDArray[Any], n_columns: int) -> NDArray[np.int64]:
    """Count the messages in which each column occurs."""
    distinct = np.unique(owners.astype(np.int64) * n_columns + columns)
    return np.bincount(distinct % max(n_columns, 1), minlength=n_columns)


def _idf(n_messages: int, counts: NDArray[Any]) -> FloatArray:
    """Return the smoothed inverse document frequency, as scikit-learn's ``TfidfTransformer`` defines it."""
    idf: FloatArray = (np.log((1 + n_messages) / (1 + counts)) + 1).astype(np.float32)
    return idf


def _is_encodable(form: str) -> bool:
    try:
        form.encode(CODE_PAGE)
    except UnicodeEncodeError:
        return False
    return True
