"""The semantic lexicon: lemmas in hand-made classes, so that a word never met in training is not a stranger."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from support_intent.errors import ResourceError
from support_intent.resources import resource_path

JARGON = "jargon"
"""The note of words that the dictionary does not have."""

FRAME = frozenset({"greeting-word", "thanks-word", "politeness-word", "filler-word", "person-name"})
"""Classes of words that frame a message and seldom say what is wanted: greetings, thanks, signatures."""

_COLUMNS = ["lemma", "classes", "note"]


def load_lexicon(path: str | Path | None = None) -> Mapping[str, tuple[str, ...]]:
    """Read a lexicon.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        A CSV of your own with the columns ``lemma``, ``classes`` (joined by ``|``) and ``note``; the packaged one by
        default.

    Returns
    -------
    mapping of str to tuple of str
        The classes of each lemma (lower case, ё as е).

    Raises
    ------
    ResourceError
        If the file has other columns, or a lemma twice or without classes.

    Examples
    --------
    >>> load_lexicon()["сервиз"]
    ('item-fragile',)
    """
    source = Path(path) if path is not None else resource_path("lexicon.csv")
    with source.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _COLUMNS:
            raise ResourceError(f"expected the columns {', '.join(_COLUMNS)} in {source}, found {reader.fieldnames}")
        lexicon: dict[str, tuple[str, ...]] = {}
        for row in reader:
            lemma, classes = row["lemma"], tuple(filter(None, (row["classes"] or "").split("|")))
            if lemma in lexicon or not classes:
                what = "it twice" if lemma in lexicon else "none"
                raise ResourceError(
                    f"{source}:{reader.line_num}: expected each lemma once and with classes, found {what} for {lemma!r}"
                )
            lexicon[lemma] = classes
    return lexicon
