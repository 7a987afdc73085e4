"""Distinct words → dictionary form, by pymorphy3 and its OpenCorpora dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pymorphy3 import MorphAnalyzer

_NAMES = frozenset({"Name", "Surn", "Patr"})
"""Grammemes of given names, surnames and patronymics (OpenCorpora's names)."""


class Reading(NamedTuple):
    """The likeliest reading of a word."""

    lemma: str  # lower case, ё as е
    is_known: bool  # the dictionary has the word
    is_name: bool  # it is a person's name there


@lru_cache(maxsize=1)
def _analyzer() -> MorphAnalyzer:
    # half a second and 30 MB that a call on known words never pays
    from pymorphy3 import MorphAnalyzer

    return MorphAnalyzer()


def is_word(word: str) -> bool:
    """Tell whether the dictionary has a lower-case word (any form of it, ё written as е).

    Examples
    --------
    >>> is_word("посылками"), is_word("посылкамм")
    (True, False)
    """
    return are_words([word])[0]


def are_words(words: Iterable[str]) -> list[bool]:
    """Tell of each word what `is_word` tells, in half the time.

    Parameters
    ----------
    words : iterable of str
    """
    analyzer = _analyzer()
    find, substitutes = analyzer.dictionary.words.similar_keys, analyzer.char_substitutes
    return [bool(find(word, substitutes)) for word in words]


def read_word(word: str) -> Reading:
    """Return the likeliest reading of one word.

    Parameters
    ----------
    word : str
        A word in lower case; ё may be written as е.

    Examples
    --------
    >>> read_word("посылками").lemma
    'посылка'
    """
    if not word.isalpha():
        return Reading(word, is_known=False, is_name=False)
    parse = _analyzer().parse(word)[0]
    return Reading(
        parse.normal_form.replace("ё", "е"),
        is_known=parse.is_known,
        is_name=not _NAMES.isdisjoint(parse.tag.grammemes),
    )


def word_forms(lemmas: Iterable[str]) -> set[str]:
    """Return every form that the dictionary has of some lemmas, ё written as е.

    Examples
    --------
    >>> sorted(word_forms(["туда"]))
    ['туда']
    """
    analyzer = _analyzer()
    forms: set[str] = set()
    for lemma in lemmas:
        for parse in analyzer.parse(lemma):
            if parse.is_known and parse.normal_form.replace("ё", "е") == lemma:
                forms.update(form.word.replace("ё", "е") for form in parse.lexeme)
    return forms
