"""Messages that are alike: near-duplicates, and families that share one frame."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from support_intent.features import FloatArray, ngrams
from support_intent.reading import blocks, prepare

NEAR_DUPLICATE = 0.85
"""Cosine of the character n-gram counts from which two messages count as near-duplicates."""

_BLOCK = 1_000  # rows compared at once
_SKETCH = 128  # dimensions of a message's sketch
_BUCKETS = 1 << 16  # n-grams share rows of the random projection beyond that
_MARGIN = 0.1  # by which the sketches' cosine may fall short of the true one: four standard deviations at 0.85

_SLOT = "…"
_WORD = re.compile(r"[^\W\d_]+")
_MIN_FIXED_WORDS = 4  # fixed words that make a frame: fewer are a turn of phrase that people share
_COMMON_SHARE = 0.004  # a word in that share of all messages is part of a frame, a rarer one fills its slot


def near_duplicates(messages: Sequence[str], threshold: float = NEAR_DUPLICATE) -> list[tuple[int, int, float]]:
    """Find pairs of messages that say nearly the same in nearly the same letters.

    Parameters
    ----------
    messages : sequence of str
    threshold : float, default 0.85
        Cosine of the counts of character n-grams (two to five letters).

    Returns
    -------
    list of (int, int, float)
        Positions, the earlier first, and the cosine.

    Examples
    --------
    >>> near_duplicates(["где моя посылка из Китая", "верните деньги", "где моя посылка из китая!"])
    [(0, 2, 1.0)]
    """
    vectors = _ngram_vectors(messages)  # (n_messages, n_ngrams), unit rows
    sketches = _sketch(vectors)  # (n_messages, _SKETCH)
    pairs: list[tuple[int, int, float]] = []
    for start in range(0, len(sketches), _BLOCK):
        left, right = np.nonzero(sketches[start : start + _BLOCK] @ sketches[start:].T >= threshold - _MARGIN)
        likely = np.flatnonzero(left < right)
        left, right = left[likely] + start, right[likely] + start
        for some in np.array_split(np.arange(len(left)), len(left) // _BLOCK + 1):
            cosines = np.asarray(vectors[left[some]].multiply(vectors[right[some]]).sum(axis=1)).ravel()
            close = np.flatnonzero(cosines >= threshold)
            pairs += zip(left[some][close].tolist(), right[some][close].tolist(), cosines[close].tolist(), strict=True)
    return sorted((a, b, round(cosine, 4)) for a, b, cosine in pairs)


def _sketch(vectors: sp.csr_matrix) -> FloatArray:
    """Project rows at random on few dimensions, where the cosines of all pairs are cheap.

    The cosine of two sketches differs from the true one, c, with a standard deviation of about (1 - c²)/√_SKETCH
    (that of a sample correlation; random signs after Achlioptas 2003, "Database-friendly random projections").
    """
    signs = np.random.default_rng(0).integers(0, 2, (_BUCKETS, _SKETCH), dtype=np.int8)
    random = signs * np.float32(2) - np.float32(1)
    buckets = sp.csr_matrix((vectors.data, vectors.indices % _BUCKETS, vectors.indptr), (vectors.shape[0], _BUCKETS))
    sketches: FloatArray = buckets @ random
    lengths = np.linalg.norm(sketches, axis=1, keepdims=True)
    sketches /= np.maximum(lengths, np.float32(1e-9))
    return sketches


def families(messages: Sequence[str], min_messages: int = 5) -> list[tuple[str, list[int]]]:
    """Find families of messages that are one frame with other words in its slots.

    A frame is the row of a message's words in which every word that is rare in the whole, and every number, is
    a slot; neighbouring slots are one.

    Parameters
    ----------
    messages : sequence of str
    min_messages : int, default 5
        Messages that make a family.

    Returns
    -------
    list of (str, list of int)
        The frame, with slots as ``…``, and the positions of its messages; large families first.

    Examples
    --------
    >>> towns = ["Тулу", "Псков", "Орёл", "Читу", "Сочи"]
    >>> families([f"сколько стоит отправить посылку в {town}" for town in towns])
    [('сколько стоит отправить посылку в …', [0, 1, 2, 3, 4])]
    """
    rows = [_WORD.findall(text.lower().replace("ё", "е")) for text in messages]
    counts = Counter(word for words in rows for word in set(words))
    common = {word for word, count in counts.items() if count >= max(2, _COMMON_SHARE * len(rows))}
    found: dict[str, list[int]] = defaultdict(list)
    for row, words in enumerate(rows):
        frame: list[str] = []
        for word in words:
            part = word if word in common else _SLOT
            if part != _SLOT or frame[-1:] != [_SLOT]:
                frame.append(part)
        if len(frame) - frame.count(_SLOT) >= _MIN_FIXED_WORDS:
            found[" ".join(frame)].append(row)
    large = [(frame, members) for frame, members in found.items() if len(members) >= min_messages]
    return sorted(large, key=lambda family: (-len(family[1]), family[0]))


def _ngram_vectors(messages: Sequence[str]) -> sp.csr_matrix:
    hashes, texts, indptr = [], [], [0]
    for block in blocks(messages):
        table = prepare(block).table
        hashes.append(table.hashes)
        texts.extend(table.texts(np.arange(len(table.starts))))
        indptr.extend((table.indptr[1:] + indptr[-1]).tolist())
    if not texts:
        return sp.csr_matrix((len(messages), 1), dtype=np.float32)
    _, first, ids = np.unique(np.concatenate(hashes), return_index=True, return_inverse=True)
    owners, keys = ngrams([texts[i] for i in first])
    _, columns = np.unique(keys, return_inverse=True)
    types = sp.csr_matrix(
        (np.ones(len(keys), np.float32), (owners, columns)), shape=(len(first), int(columns.max()) + 1)
    )
    tokens = sp.csr_matrix((np.ones(len(ids), np.float32), ids, np.array(indptr)), shape=(len(messages), len(first)))
    vectors = (tokens @ types).tocsr()
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags_array(1 / np.maximum(lengths, 1e-9)) @ vectors)
