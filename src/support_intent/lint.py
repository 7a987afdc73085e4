"""Checks of labelled messages: what would make a model worse, or its figures untrue."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from support_intent.dataset import Dataset, unknown_intent
from support_intent.likeness import families, near_duplicates
from support_intent.redaction import find_personal, redact
from support_intent.taxonomy import Taxonomy

Severity = Literal["error", "warning"]

MIN_MESSAGES = 20
"""Messages of an intent or a style below which it is called thin: each of five folds then still holds four."""

_MIN_LETTERS = 12  # shorter messages, and numbers of one length, are alike by nature
_LOOKALIKE = re.compile(r"[а-яё][a-z]|[a-z][а-яё]", re.IGNORECASE)
_LATIN_TWINS = set("aceopxyABCEHKMOPTX")
_PERSONAL = frozenset({"[ТЕЛЕФОН]", "[EMAIL]", "[КАРТА]", "[ПАСПОРТ]", "[СНИЛС]", "[ИНН]"})
_MAYBE_PERSONAL = re.compile(r"@|[0-9](?:[^0-9]{0,3}[0-9]){6}")
# Three digits alike or four in a row, and domains kept for examples (RFC 2606), tell a made-up value from a person's.
_MADE_UP = re.compile(r"(\d)\1\1|0123|1234|2345|3456|4567|5678|6789|9876|8765|7654|6543|5432|4321|3210")
_EXAMPLE_DOMAIN = re.compile(r"@(?:[\w-]+\.)*(?:example\.(?:com|net|org|ru)|(?:test|invalid|example))$", re.IGNORECASE)


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
        ``duplicate``, ``near-duplicate``, ``family``, ``leak``, ``writer-in-two-splits``, ``look-alike``,
        ``personal-data``, ``thin-intent``, ``thin-style``.
    """
    split_of = _split_of(dataset, splits)
    findings = [
        *_labels(dataset, taxonomy),
        *_duplicates(dataset, split_of),
        *_near_duplicates(dataset, split_of),
        *_writers(dataset, split_of),
        *_families(dataset),
        *_lookalikes(dataset),
        *_personal_data(dataset),
        *_thin(dataset, taxonomy),
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
            f"expected different texts, found {cosine:.2f} of {dataset.sources[one]}: "
            f"{redact(dataset.texts[two])[:60]!r}",
        )


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


def _families(dataset: Dataset) -> Iterator[Finding]:
    for frame, rows in families(dataset.texts):
        yield Finding(
            "family",
            "warning",
            dataset.sources[rows[0]],
            f"expected messages that differ in more than a few words, found {len(rows)} of the frame {frame!r}; "
            "keep one or two",
        )


def _personal_data(dataset: Dataset) -> Iterator[Finding]:
    for text, source in zip(dataset.texts, dataset.sources, strict=True):
        if not _MAYBE_PERSONAL.search(text):
            continue
        for found in find_personal(text):
            value = text[found.start : found.end]
            if found.placeholder in _PERSONAL and not _is_made_up(value):
                yield Finding(
                    "personal-data",
                    "warning",
                    source,
                    f"expected values that are plainly made up, found {value!r}, which could be a person's "
                    f"{found.placeholder}; invent another, such as one with 1234 in it",
                )


def _is_made_up(value: str) -> bool:
    if "@" in value:
        return _EXAMPLE_DOMAIN.search(value) is not None
    return _MADE_UP.search("".join(filter(str.isdecimal, value))) is not None


def _thin(dataset: Dataset, taxonomy: Taxonomy) -> Iterator[Finding]:
    file = dataset.sources[0].rpartition(":")[0] if len(dataset) else ""
    styles = Counter(filter(None, dataset.styles))
    for kind, counts, names in (
        ("intent", Counter(dataset.intents), taxonomy.intent_ids),
        ("style", styles, sorted(styles)),
    ):
        for name in names:
            if counts[name] < MIN_MESSAGES:
                yield Finding(
                    f"thin-{kind}",
                    "warning",
                    file,
                    f"expected {MIN_MESSAGES} or more messages of {name!r}, found {counts[name]}; write more",
                )
