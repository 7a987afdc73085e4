"""Checks of labelled messages: what would make a model worse, or its figures untrue."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import scipy.sparse as sp

from support_intent.dataset import Dataset, unknown_intent
from support_intent.features import ngrams
from support_intent.reading import blocks, prepare
from support_intent.taxonomy import Taxonomy

Severity = Literal["error", "warning"]

NEAR_DUPLICATE = 0.85
"""Cosine of the character n-gram counts from which two messages count as near-duplicates."""

MIN_MESSAGES = 20
"""Messages of an intent below which it is called thin: each of five folds then still holds four."""

_MAX_POSTINGS = 400  # n-grams in more messages than that propose no pairs: two that share only such are not compared
_MIN_LETTERS = 12  # shorter messages, and numbers of one length, are alike by nature
_BLOCK = 1_000  # rows compared at once
_LOOKALIKE = re.compile(r"[а-яё][a-z]|[a-z][а-яё]", re.IGNORECASE)
_LATIN_TWINS = set("aceopxyABCEHKMOPTX")


class Finding(NamedTuple):
    """One thing that is wrong, or may be."""

    kind: str
    severity: Severity
    source: str  # file:line
    text: str  # what was expected and what was found


def check_dataset(
    dataset: Dataset, taxonomy: Taxonomy, *, splits: Mapping[str, Sequence[int]] | None = None
) -> list[Finding]:
    """Check labelled messages.

    Parameters
    ----------
    dataset : Dataset
    taxonomy : Taxonomy
    splits : mapping of str to sequence of int, optional
        Rows of each split; with it, writers and near-duplicates that stand in two splits are errors.

    Returns
    -------
    list of Finding
        Errors first. Kinds: ``empty-text``, ``unknown-label``, ``topic-mismatch``, ``unknown-topic``, ``conflict``,
        ``duplicate``, ``near-duplicate``, ``leak``, ``writer-in-two-splits``, ``look-alike``, ``thin-intent``.
    """
    split_of = _split_of(dataset, splits)
    findings = [
        *_labels(dataset, taxonomy),
        *_duplicates(dataset, split_of),
        *_near_duplicates(dataset, split_of),
        *_writers(dataset, split_of),
        *_lookalikes(dataset),
        *_thin_intents(dataset, taxonomy),
    ]
    return sorted(findings, key=lambda finding: (finding.severity != "error", finding.kind))


def _split_of(dataset: Dataset, splits: Mapping[str, Sequence[int]] | None) -> list[str]:
    names = [""] * len(dataset)
    for name, rows in (splits or {}).items():
        for row in rows:
            names[row] = name
    return names


def _labels(dataset: Dataset, taxonomy: Taxonomy) -> Iterator[Finding]:
    known = set(taxonomy.intent_ids)
    for text, intent, topic, also, source in zip(
        dataset.texts, dataset.intents, dataset.topics, dataset.also, dataset.sources, strict=True
    ):
        if not text.strip() and intent != "noise":
            yield Finding(
                "empty-text",
                "error",
                source,
                "expected a message, found an empty one; write it or drop the row",
            )
        if intent not in known:
            yield Finding("unknown-label", "error", source, unknown_intent(intent, taxonomy))
        elif topic and topic != taxonomy.topic_of(intent):
            right = taxonomy.topic_of(intent)
            yield Finding(
                "topic-mismatch", "error", source, f"expected topic {right!r} for {intent!r}, found {topic!r}"
            )
        if also and also not in taxonomy.topic_ids:
            expected = ", ".join(taxonomy.topic_ids)
            yield Finding("unknown-topic", "error", source, f"expected one of {expected} in also, found {also!r}")


def _duplicates(dataset: Dataset, split_of: Sequence[str]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for row, text in enumerate(dataset.texts):
        key = " ".join(text.lower().split())
        other = first.setdefault(key, row)
        if other == row or not key:
            continue
        place = dataset.sources[other]
        if dataset.intents[row] != dataset.intents[other]:
            labels = f"{dataset.intents[other]!r} at {place}, {dataset.intents[row]!r} here"
            yield Finding("conflict", "error", dataset.sources[row], f"expected one label for one text, found {labels}")
        elif split_of[row] != split_of[other]:
            yield Finding(
                "leak",
                "error",
                dataset.sources[row],
                f"expected a text in one split only, found it at {place} too",
            )
        else:
            yield Finding(
                "duplicate",
                "error",
                dataset.sources[row],
                f"expected each text once, found it at {place} too",
            )


def _near_duplicates(dataset: Dataset, split_of: Sequence[str]) -> Iterator[Finding]:
    rows = [i for i, text in enumerate(dataset.texts) if sum(map(str.isalpha, text)) >= _MIN_LETTERS]
    for a, b, cosine in near_duplicates([dataset.texts[i] for i in rows]):
        one, two = rows[a], rows[b]
        if dataset.texts[one].lower().split() == dataset.texts[two].lower().split():
            continue
        leaks = split_of[one] != split_of[two]
        yield Finding(
            "leak" if leaks else "near-duplicate",
            "error" if leaks else "warning",
            dataset.sources[two],
            f"expected different texts, found {cosine:.2f} of {dataset.sources[one]}: {dataset.texts[two][:60]!r}",
        )


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
    counts = np.bincount(vectors.indices, minlength=vectors.shape[1])
    rare = vectors[:, np.flatnonzero((counts > 1) & (counts <= _MAX_POSTINGS))]
    frequent = vectors[:, np.flatnonzero(counts > _MAX_POSTINGS)]
    rest = np.sqrt(np.asarray(frequent.multiply(frequent).sum(axis=1)).ravel())  # length of the frequent part
    columns = rare.T.tocsr()
    pairs: list[tuple[int, int, float]] = []
    for start in range(0, vectors.shape[0], _BLOCK):
        shared = (rare[start : start + _BLOCK] @ columns).tocoo()
        left, right = shared.row + start, shared.col
        # the frequent n-grams add at most the product of their lengths (Cauchy and Schwarz)
        likely = np.flatnonzero((left < right) & (shared.data + rest[left] * rest[right] >= threshold))
        for some in np.array_split(likely, len(likely) // _BLOCK + 1):
            cosines = np.asarray(vectors[left[some]].multiply(vectors[right[some]]).sum(axis=1)).ravel()
            close = np.flatnonzero(cosines >= threshold)
            pairs += zip(left[some][close].tolist(), right[some][close].tolist(), cosines[close].tolist(), strict=True)
    return sorted((a, b, round(cosine, 4)) for a, b, cosine in pairs)


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


def _writers(dataset: Dataset, split_of: Sequence[str]) -> Iterator[Finding]:
    places: dict[str, dict[str, int]] = defaultdict(dict)
    for row, writer in enumerate(dataset.writers):
        if writer and split_of[row]:
            places[writer].setdefault(split_of[row], row)
    for writer, found in places.items():
        if len(found) > 1:
            row = max(found.values())
            yield Finding(
                "writer-in-two-splits", "error", dataset.sources[row],
                f"expected writer {writer!r} in one split, found {', '.join(sorted(found))}",
            )  # fmt: skip


def _lookalikes(dataset: Dataset) -> Iterator[Finding]:
    for text, style, source in zip(dataset.texts, dataset.styles, dataset.sources, strict=True):
        match = _LOOKALIKE.search(text)
        if match and style != "lookalike" and _LATIN_TWINS & set(match[0]):
            around = text[max(match.start() - 8, 0) : match.end() + 8]
            yield Finding(
                "look-alike",
                "warning",
                source,
                f"expected letters of one alphabet in a word, found {around!r}",
            )


def _thin_intents(dataset: Dataset, taxonomy: Taxonomy) -> Iterator[Finding]:
    counts = Counter(dataset.intents)
    for intent in taxonomy.intent_ids:
        if counts[intent] < MIN_MESSAGES:
            yield Finding(
                "thin-intent", "warning", dataset.sources[0].rpartition(":")[0] if len(dataset) else "",
                f"expected {MIN_MESSAGES} or more messages of {intent!r}, found {counts[intent]}; write more",
            )  # fmt: skip
