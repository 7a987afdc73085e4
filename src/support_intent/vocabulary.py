"""Training messages → the vocabulary that inference reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from support_intent.features import NO_LEMMA, FeatureOptions, FloatArray, Vocabulary, ngrams, pair_keys
from support_intent.hashing import IntArray, hash_words
from support_intent.lemmas import Reading, word_forms
from support_intent.lexicon import FRAME
from support_intent.places import token_places
from support_intent.spelling import MIN_LETTERS
from support_intent.tokens import CODE_PAGE, TokenTable

_PERSONAL_MESSAGES = 3  # in which a name or an unknown word must occur to be kept: fewer could tell of one person


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
    type_lemma_ids = np.array([lemma_ids.get(lemma, NO_LEMMA) for lemma in type_lemmas], dtype=np.int32)  # (n_types,)

    token_lemmas = type_lemma_ids[type_ids]  # (n_tokens,)
    has_lemma = token_lemmas != NO_LEMMA
    lemma_counts = _message_counts(owners[has_lemma], token_lemmas[has_lemma], len(lemmas))

    form_lemmas = {word: lemma for word, lemma in zip(words, type_lemmas, strict=True) if lemma in lemma_ids}
    form_lemmas.update({word: read(word).lemma for word in lexicon or {} if word not in form_lemmas})
    for form in sorted(word_forms(lemmas) - form_lemmas.keys()):
        lemma = read(form).lemma
        if lemma in lemma_ids:
            form_lemmas[form] = lemma
    forms = [form for form in sorted(form_lemmas) if _is_encodable(form)]
    hashes = hash_words([form.encode(CODE_PAGE) for form in forms])
    by_hash = np.argsort(hashes)

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

    parts: dict[str, Any] = {
        "lemmas": lemmas,
        "lemma_idf": _idf(n_messages, np.maximum(lemma_counts, 1)) * np.where(is_frame, frame_weight, np.float32(1)),
        "form_hashes": hashes[by_hash],
        "form_lemmas": np.array([lemma_ids[form_lemmas[form]] for form in forms], dtype=np.int32)[by_hash],
        "ngram_keys": distinct_keys[ngram_counts >= options.min_messages],
        "pair_keys": kept_pairs,
        "pair_idf": _idf(n_messages, pair_counts) * np.where(in_frame, frame_weight, np.float32(1)),
        "class_bounds": np.concatenate(([0], np.cumsum([len(names) for names in memberships]))).astype(np.int32),
        "class_columns": np.array([class_ids[name] for names in memberships for name in names], dtype=np.int32),
        "class_names": tuple(class_ids),
        "spellings": [word for _, word in sorted(spellings) if len(word) >= MIN_LETTERS and read(word).is_known],
        "unknown_idf": float(_idf(n_messages, np.array([1]))[0]),
        "options": options,
    }
    plain = Vocabulary(**parts, place_keys=np.zeros(0, np.uint64))
    tokens, keys, _ = plain.placed_entries(token_lemmas, token_places(table, plain.frame(token_lemmas, table.indptr)))
    distinct, placed = np.unique(keys, return_inverse=True)
    counts = _message_counts(owners[tokens], placed, len(distinct))
    return Vocabulary(**parts, place_keys=distinct[counts >= options.min_messages])


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
