"""Raw text → normalised text, and the repair of a wrong keyboard layout and of transliteration."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import lru_cache
from itertools import islice, product
from typing import Literal, NamedTuple

from support_intent.resources import read_toml

RepairKind = Literal["", "layout", "translit"]

_MIXED_WORD = re.compile(r"[а-яё][а-яё03]{0,63}[a-z][a-zа-яё03]{0,63}|[a-z][a-z03]{0,63}[а-яё][a-zа-яё03]{0,63}")
_LATIN_LETTER = re.compile(r"[a-z]")
_CYRILLIC_LETTER = re.compile(r"[а-яё]")
_NOT_LATIN = bytes(set(range(256)) - set(b"abcdefghijklmnopqrstuvwxyz"))
_NOT_CYRILLIC = bytes(set(range(256)) - set("абвгдежзийклмнопрстуфхцчшщъыьэюяё".encode("cp1251")))
# Which alphabet a letter is of; 0 and 3 are of both, for they stand for «о» and «з».
_ALPHABETS = bytes(
    ord("l" if byte not in _NOT_LATIN else "c" if byte not in _NOT_CYRILLIC else " ") for byte in range(256)
)
_OF_BOTH = b"03"
_OTHER_LATIN_LETTER = re.compile(r"[ß-öø-ɏ]")  # «é», «č», «ü»: of other languages, never of mistyped Russian
_TRANSLIT_WORD = re.compile(r"(?:[a-z'`]|(?<!\d)[46](?=[a-z])|(?<=[a-z])[46](?!\d))+")
_CYRILLIC_WORD = re.compile(r"[а-яё]+")
_MARKS = ",.;:'\"?!/&)»”"  # behind a word
_KEYED_RUN = re.compile(r"[^\s]+")

_MIN_LETTERS = 3  # shorter words are in every dictionary as abbreviations and prove nothing
# Share of the letters of a repaired text that must stand in dictionary words. These limits repair 98 in 100 messages
# that were respelt on purpose, and take 6 in 100 sentences of forty other languages (spaCy's examples) for translit.
_MIN_KNOWN = 0.45
_MIN_KNOWN_KEYED = 0.25  # of a text that has hardly a vowel as it stands: no language looks so
_MAX_KEYED_VOWELS = 0.2  # share of a, e, i, o, u: 6 % in Russian typed with the Latin layout, 38 % in transliteration
_MIN_LATIN = 0.5  # share of Latin letters below which a text is Russian with foreign names in it
_MIN_TEXT = 5  # letters: «ozon», «ok» and «sms» are names, not transliteration
_MAX_READINGS = 48  # readings of one transliterated word that are tried
_MAX_REPAIRED = 4000  # letters: a longer Latin text is not somebody's slip of the keyboard
_MAX_FOREIGN = 0.25  # share of common foreign words above which a text is foreign
_MAX_WORD = 40  # letters of a word that may be a transliterated one
_KEPT_WORDS = 8192  # repaired words that are remembered: the same ones come again and again


class Repaired(NamedTuple):
    """A text and what was mended in it."""

    text: str
    kind: RepairKind


class _Characters(NamedTuple):
    signs: dict[int, str | None]  # for str.translate, before lower-casing
    lookalikes: dict[int, str]
    layout: dict[int, str]
    translit: dict[str, tuple[str, ...]]
    translit_words: dict[str, str]
    foreign: frozenset[str]
    pictures: frozenset[str]


@lru_cache(maxsize=1)
def _characters() -> _Characters:
    data = read_toml("characters.toml")
    signs: dict[int, str | None] = {ord(sign): None for sign in data["invisible"]}
    for letter, nearest in data["foreign_letters"].items():
        signs[ord(letter)] = nearest
        signs[ord(letter.upper())] = nearest
    for group in data["pictures"]:
        signs.update({ord(sign): f" {group['word']} " for sign in group["signs"]})
    keys, letters = data["layout"]["latin"], data["layout"]["cyrillic"]
    return _Characters(
        signs,
        {ord(latin): cyrillic for latin, cyrillic in data["lookalikes"].items()},
        {ord(key): letter for key, letter in zip(keys, letters, strict=True)},
        {group: tuple(readings) for group, readings in data["translit"].items()},
        data["translit_words"],
        frozenset(data["foreign"]),
        frozenset(group["word"] for group in data["pictures"]),
    )


def normalize(text: str) -> str:
    """Bring a text to one spelling: composed letters, lower case, ё as е, no invisible signs, no look-alike letters.

    Words and punctuation stay where they are; the tokeniser decides what a word is.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> normalize("ГДЕ  мoя по\u200bсылка, Ёлки?")  # a Latin «o» and a zero-width space inside
    'где  моя посылка, елки?'
    """
    characters = _characters()
    text = unicodedata.normalize("NFC", text).translate(characters.signs)
    return fold(unicodedata.normalize("NFC", text))


def fold(text: str) -> str:
    """Bring a text of Cyrillic and Latin letters to one spelling: lower case, ё as е, no look-alike letters.

    Parameters
    ----------
    text : str
        Composed letters, no invisible signs; of other texts `normalize` takes care.

    Returns
    -------
    str

    Examples
    --------
    >>> fold("Моя пoсылка")  # a Latin «o»
    'моя посылка'
    """
    text = text.lower().replace("ё", "е")
    alphabets = text.encode("cp1251", "replace").translate(_ALPHABETS, _OF_BOTH)
    if b"lc" in alphabets or b"cl" in alphabets:  # no mixed word is without
        text = _MIXED_WORD.sub(_mend_lookalikes, text)
    return text


def _mend_lookalikes(match: re.Match[str]) -> str:
    mended = match[0].translate(_characters().lookalikes)
    return match[0] if _LATIN_LETTER.search(mended) else mended


def repair(text: str, is_word: Callable[[str], bool], placeholders: Collection[str] = ()) -> Repaired:
    """Undo a wrong keyboard layout or a transliteration when the dictionary says that it makes Russian of the text.

    A text in which Cyrillic letters prevail is left alone, and so are short Latin names, addresses and messages
    in another language, because the dictionary does not know what would become of them.

    Parameters
    ----------
    text : str
        Normalised text without entities (`normalize`, and `support_intent.entities.mask` before it).
    is_word : callable
        Tells whether the dictionary has a lower-case Cyrillic word.
    placeholders : collection of str
        Cyrillic words that stand for entities and tell nothing of how the text was typed.

    Returns
    -------
    Repaired
        The text, mended or as it was, and ``""``, ``"layout"`` or ``"translit"``.

    Examples
    --------
    >>> words = {"где", "посылка", "моя"}
    >>> repair("ult vjz gjcskrf&", words.__contains__)
    Repaired(text='где моя посылка?', kind='layout')
    >>> repair("gde moya posylka", words.__contains__)
    Repaired(text='где моя посылка', kind='translit')
    >>> repair("where is my parcel", words.__contains__)
    Repaired(text='where is my parcel', kind='')
    """
    if not _is_latin(text, placeholders):
        return Repaired(text, "")
    layout = _KEYED_RUN.sub(lambda match: _retype(match[0], is_word), text)
    translit = _TRANSLIT_WORD.sub(lambda match: _respell(match[0], is_word), text)
    known_layout = _known_share(text, layout, is_word)
    known_translit = _known_share(text, translit, is_word)
    if known_layout > known_translit:
        return Repaired(layout, "layout") if known_layout >= _min_known_keyed(text) else Repaired(text, "")
    return Repaired(translit, "translit") if known_translit >= _MIN_KNOWN else Repaired(text, "")


def _is_latin(text: str, placeholders: Collection[str]) -> bool:
    """Tell whether a text may be Russian in Latin letters: mostly Latin, in no language that has signs of its own."""
    letters = text.encode("cp1251", "ignore")
    n_latin = len(letters.translate(None, _NOT_LATIN))
    if not _MIN_TEXT <= n_latin <= _MAX_REPAIRED:
        return False
    n_cyrillic = len(letters.translate(None, _NOT_CYRILLIC))
    if n_latin < _MIN_LATIN * (n_latin + n_cyrillic):
        n_cyrillic -= sum(len(word) * text.count(word) for word in (*placeholders, *_characters().pictures))
        if n_latin < _MIN_LATIN * (n_latin + n_cyrillic):
            return False
    if _OTHER_LATIN_LETTER.search(text):
        return False
    words = _TRANSLIT_WORD.findall(text)
    return sum(word in _characters().foreign for word in words) <= _MAX_FOREIGN * len(words)


def _min_known_keyed(text: str) -> float:
    n_vowels = sum(map(text.count, "aeiou"))
    return _MIN_KNOWN_KEYED if n_vowels <= _MAX_KEYED_VOWELS * len(_LATIN_LETTER.findall(text)) else _MIN_KNOWN


def _known_share(text: str, repaired: str, is_word: Callable[[str], bool]) -> float:
    """Return the share of letters in dictionary words among the words that the repair made."""
    kept = set(_CYRILLIC_WORD.findall(text))
    made = [word for word in _CYRILLIC_WORD.findall(repaired) if word not in kept]
    n_all = sum(map(len, made))
    n_known = sum(len(word) for word in made if len(word) >= _MIN_LETTERS and is_word(word))
    n_neutral = sum(len(word) for word in made if len(word) < _MIN_LETTERS)
    n_latin = len(_LATIN_LETTER.findall(repaired))  # words that the repair could not read
    judged = n_all - n_neutral + n_latin
    return n_known / judged if judged else 0.0


@lru_cache(maxsize=_KEPT_WORDS)
def _retype(run: str, is_word: Callable[[str], bool]) -> str:
    """Read a run of keys as if the Russian layout had been on."""
    if not _LATIN_LETTER.search(run) or _CYRILLIC_LETTER.search(run):
        return run
    layout = _characters().layout
    bare = run.rstrip(_MARKS)
    # a full stop or a comma behind a word may be meant as one although its key is a letter
    for end in range(len(run), len(bare) - 1, -1):
        word = run[:end].translate(layout)
        if is_word(word):
            return word + _retype_marks(run[end:])
    return bare.translate(layout) + _retype_marks(run[len(bare) :])


def _retype_marks(marks: str) -> str:
    return marks.replace("&", "?").replace("/", ".")


@lru_cache(maxsize=_KEPT_WORDS)
def _respell(word: str, is_word: Callable[[str], bool]) -> str:
    """Spell a transliterated word in Cyrillic: the first reading that the dictionary has, else the plainest."""
    if len(word) > _MAX_WORD:
        return word
    if word in _characters().translit_words:
        return _characters().translit_words[word]
    choices = _readings(word)
    plain = "".join(readings[0] for readings in choices)
    if len(plain) < _MIN_LETTERS or is_word(plain):
        return plain
    # one deviation from the plainest spelling is likelier than two, two than three
    for position, readings in enumerate(choices):
        for reading in readings[1:]:
            variant = "".join(r[0] if i != position else reading for i, r in enumerate(choices))
            if is_word(variant):
                return variant
    for combination in islice(product(*choices), _MAX_READINGS):
        variant = "".join(combination)
        if is_word(variant):
            return variant
    return plain


def _readings(word: str) -> list[tuple[str, ...]]:
    translit = _characters().translit
    choices, position = [], 0
    while position < len(word):
        size = next(size for size in (4, 3, 2, 1) if word[position : position + size] in translit)
        choices.append(translit[word[position : position + size]])
        position += size
    return choices
