"""Tracking numbers, phones, sums, dates and the like, found in one pass with their places in the text."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import mul

from support_intent.resources import read_toml

# No entity does without a digit or one of these: an at sign, a dot before a letter, "://".
_WORD_SIGN = re.compile(r"[@.:](?:(?<=@)|(?<=\.)[^\W\d_]|(?<=:)//)")
_OF_WORDS = ("email", "link")  # which have such a sign, while the others have a digit
_DIGIT = re.compile(r"[0-9]")
_LEAD = 3  # signs that stand before the first digit of an entity: two letters and a space in "RA 123"
_FRAGMENT = re.compile(r"\(\?&(\w+)\)")
_FLAGS = re.IGNORECASE | re.VERBOSE
# Cyrillic letters that are written where Latin ones are meant.
_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX")
_NOT_DIGIT = re.compile(r"[^0-9]+")
_DIGIT_VALUES = bytes(max(0, min(byte - ord("0"), 9)) for byte in range(256))
_OTHER_BYTES = bytes(byte for byte in range(256) if not ord("0") <= byte <= ord("9"))
_JOINT = re.compile(r"[ \u00A0-]")
# UPU standard S10, "Identification of postal items", annex on the check digit.
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_S10_MODULUS = 11
_DOMESTIC_LENGTH = 14
_CARD_GROUPS = 19  # signs in 4-4-4-4
_MONTHS = {
    "янв": 1, "фев": 2, "мар": 3, "апр": 4, "мая": 5, "май": 5, "июн": 6,
    "июл": 7, "авг": 8, "сен": 9, "окт": 10, "ноя": 11, "дек": 12,
}  # fmt: skip
_LEAP_YEAR = 2000  # stands for a year that is not given: 29 February may be meant
_CENTURY_TURN = "69"  # POSIX strptime, %y: 69–99 are of the twentieth century
_ISO_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DATE_PARTS = re.compile(
    r"([0-9]{1,2})(?:-?(?:ого|го|ое|е))?[\s./-]{0,3}([0-9]{1,2}|[а-я]{3})[а-я]*(?:[\s./-]{1,3}([0-9]{2,4}))?"
)
_AMOUNT = re.compile(r"([0-9]{1,9}(?:[\s.][0-9]{3})*)(?:[.,]([0-9]{1,2}))?\s*(\w?)")
_COPECKS = re.compile(r"([0-9]{1,2})\s*коп", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entity:
    """A span of a message that means something by itself.

    Parameters
    ----------
    kind : str
        ``tracking_number``, ``postcode``, ``phone``, ``money``, ``date``, ``card``, ``email`` or ``link``.
    start, end : int
        Its place in the text as written.
    text : str
        The span itself.
    value : str
        Its normal form: a tracking number in Latin capitals without spaces, a phone as +7XXXXXXXXXX, roubles as a
        decimal number, a complete date as YYYY-MM-DD and one without a year as MM-DD, an e-mail in lower case.
    is_valid : bool
        Whether its check digit, where it has one, is right, and a date is in the calendar.
    problem : str
        What is wrong with it, in Russian; ``""`` if nothing.
    """

    kind: str
    start: int
    end: int
    text: str
    value: str
    is_valid: bool = True
    problem: str = ""


def has_entity_characters(text: str) -> bool:
    """Tell whether a text has any of the signs that no entity does without.

    Parameters
    ----------
    text : str

    Returns
    -------
    bool
        ``False`` if `find_entities` would find nothing, known in a fraction of its time.

    Examples
    --------
    >>> has_entity_characters("Где посылка?"), has_entity_characters("Смотрите почта.рф")
    (False, True)
    """
    return _DIGIT.search(text) is not None or _WORD_SIGN.search(text) is not None


def find_entities(text: str) -> list[Entity]:
    """Find the entities of a text, in order and without overlaps.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Entity

    Examples
    --------
    >>> [(e.kind, e.value) for e in find_entities("Где ra 123 456 785 ru? Тел. 8 900 123-45-67")]
    [('tracking_number', 'RA123456785RU'), ('phone', '+79001234567')]
    """
    has_word_sign = _WORD_SIGN.search(text) is not None
    pattern, kinds = _master_pattern(has_word_sign)
    found: list[Entity] = []
    position = 0
    while True:
        if not has_word_sign:  # then all begin close to a digit: the text before it is passed over
            digit = _DIGIT.search(text, position)
            if digit is None:
                return found
            position = max(position, digit.start() - _LEAD)
        match = pattern.search(text, position)
        if match is None:
            return found
        start, position = match.span()
        kind = kinds[match.lastgroup]
        if not kind:  # digits that are no entity: the text behind them is passed over again
            continue
        if kind == "card":
            position = start + _card_length(match[0])
            if position == start:  # digits in groups, but no card: another entity may begin inside
                position += 1
                continue
        span = text[start:position]
        found.append(Entity(kind, start, position, span, *_READERS[kind](span)))


@lru_cache(maxsize=1)
def placeholders() -> Mapping[str, str]:
    """Return the reserved word of each kind of entity."""
    return {entry["kind"]: entry["placeholder"] for entry in read_patterns("patterns")}


def mask(text: str, entities: Sequence[Entity]) -> str:
    """Put a reserved word in the place of each entity, for the classifier to read.

    Parameters
    ----------
    text : str
    entities : sequence of Entity
        As `find_entities` gives them.

    Returns
    -------
    str

    Examples
    --------
    >>> text = "заплатил 1500 руб"
    >>> mask(text, find_entities(text))
    'заплатил  суммаденег '
    """
    if not entities:
        return text
    words, done = placeholders(), 0
    parts: list[str] = []
    for entity in entities:
        parts += text[done : entity.start], " ", words[entity.kind], " "
        done = entity.end
    parts.append(text[done:])
    return "".join(parts)


def read_patterns(section: str) -> list[dict[str, str]]:
    """Read a list of patterns with the fragments put in their places.

    Parameters
    ----------
    section : str
        ``"patterns"`` or ``"redaction"``, a list in ``patterns.toml``.

    Returns
    -------
    list of dict
        As in the file; ``regex``, ``cue`` and ``gate`` are ready for `compile_pattern`.
    """
    document = read_toml("patterns.toml")
    fragments: dict[str, str] = {}

    def expand(regex: str) -> str:
        return _FRAGMENT.sub(lambda match: fragments[match[1]], regex)

    for name, regex in document["fragments"].items():
        fragments[name] = f"(?:{expand(regex)})"
    return [
        {**entry, **{key: expand(entry[key]) for key in ("cue", "gate", "regex") if key in entry}}
        for entry in document[section]
    ]


def compile_pattern(regex: str) -> re.Pattern[str]:
    """Compile a pattern the way all of them are meant: verbose, letters of any case.

    Examples
    --------
    >>> compile_pattern("трек # номер").fullmatch("ТРЕК") is not None
    True
    """
    return re.compile(regex, _FLAGS)


@lru_cache(maxsize=2)
def _master_pattern(has_word_sign: bool) -> tuple[re.Pattern[str], Mapping[str | None, str]]:
    """Return the pattern of all entities that a text can have, and the kind that each of its groups stands for."""
    kinds: dict[str | None, str] = {}
    gates: list[str] = []
    possible = [entry for entry in read_patterns("patterns") if has_word_sign or entry["kind"] not in _OF_WORDS]
    for gate, entries in groupby(possible, key=lambda entry: entry.get("gate", "")):
        groups = []
        for entry in entries:
            kinds[f"p{len(kinds)}"] = entry["kind"]
            groups.append(f"(?P<p{len(kinds) - 1}>{entry['regex']})")
        gates.append(f"(?={gate})(?:{'|'.join(groups)})")
    kinds["none"] = ""
    gates.append("(?P<none>[0-9]+)")  # no entity begins inside a run of digits
    return compile_pattern("|".join(gates)), kinds


_Reading = tuple[str, bool, str]  # value, is_valid, problem


def s10_check_digit(digits: Sequence[int]) -> int:
    """Return the check digit of the eight digits of a UPU S10 number.

    Parameters
    ----------
    digits : sequence of int, length 8

    Returns
    -------
    int

    References
    ----------
    UPU standard S10, "Identification of postal items": weights 8 6 4 2 3 5 9 7, modulo 11, 10 → 0 and 11 → 5.

    Examples
    --------
    >>> s10_check_digit([4, 7, 3, 1, 2, 4, 8, 2])
    9
    """
    total: int = sum(map(mul, _S10_WEIGHTS, digits))
    rest = _S10_MODULUS - total % _S10_MODULUS
    return {10: 0, 11: 5}.get(rest, rest)


def domestic_check_digit(digits: Sequence[int]) -> int:
    """Return the last digit of a domestic number: it makes the sum weighted 3, 1, 3, 1 … divisible by ten.

    Parameters
    ----------
    digits : sequence of int, length 13

    Returns
    -------
    int

    Examples
    --------
    >>> domestic_check_digit([8, 0, 1, 0, 2, 9, 7, 1, 2, 3, 4, 5, 6])
    2
    """
    return -(3 * sum(digits[::2]) + sum(digits[1::2])) % 10


def luhn_check_digit(digits: Sequence[int]) -> int:
    """Return the digit that completes a card number.

    Parameters
    ----------
    digits : sequence of int
        All but the last.

    Returns
    -------
    int

    References
    ----------
    ISO/IEC 7812-1, annex B: every second digit from the right is doubled, its digits are added up.

    Examples
    --------
    >>> luhn_check_digit([4, 2, 7, 6, 3, 8, 0, 0, 1, 2, 3, 4, 5, 6, 7])
    9
    """
    doubled = sum(2 * digit - 9 * (digit > 4) for digit in digits[::-2])
    return -(doubled + sum(digits[-2::-2])) % 10


def _digits(text: str) -> bytes:
    return text.encode().translate(_DIGIT_VALUES, _OTHER_BYTES)


def _check(value: str, last: int, expected: int, what: str) -> _Reading:
    if last == expected:
        return value, True, ""
    return value, False, f"контрольная цифра {what} не сходится: ожидалась {expected}, найдена {last}; проверьте номер"


def _read_tracking_number(text: str) -> _Reading:
    value = _JOINT.sub("", text).upper()
    if not value.isascii():
        value = value.translate(_LOOKALIKES)
    digits = _digits(value)
    check_digit = domestic_check_digit if len(digits) == _DOMESTIC_LENGTH else s10_check_digit
    return _check(value, digits[-1], check_digit(digits[:-1]), "трек-номера")


def _card_length(text: str) -> int:
    """Return how many signs of the text are a card number; 0 if none."""
    digits = _digits(text)
    if digits[-1] == luhn_check_digit(digits[:-1]):
        return len(text)
    return _CARD_GROUPS if len(text) >= _CARD_GROUPS and len(digits) < len(text) else 0


def _read_card(text: str) -> _Reading:
    digits = _digits(text)
    return _check(_JOINT.sub("", text), digits[-1], luhn_check_digit(digits[:-1]), "карты")


def _read_phone(text: str) -> _Reading:
    return "+7" + _NOT_DIGIT.sub("", text)[-10:], True, ""


def _read_money(text: str) -> _Reading:
    amount = _AMOUNT.match(text)
    assert amount is not None  # the pattern of a sum begins with one
    whole, hundredths, unit = amount.groups("")
    copecks = 100 * int(_NOT_DIGIT.sub("", whole)) + int(hundredths.ljust(2, "0"))
    unit = unit.lower()
    if unit == "т":
        copecks *= 1_000
    elif unit == "м":
        copecks *= 1_000_000
    elif unit == "к":
        copecks //= 100
    elif rest := _COPECKS.search(text, amount.end()):
        copecks += int(rest[1])
    return f"{copecks // 100}.{copecks % 100:02d}", True, ""


def _read_date(text: str) -> _Reading:
    if iso := _ISO_DATE.match(text):
        year, month, day = iso.groups()
    elif parts := _DATE_PARTS.match(text.lower()):
        day, month, year = parts.groups("")
    number = int(month) if month.isdecimal() else _MONTHS[month]
    value = f"{number:02d}-{int(day):02d}"
    if len(year) == 2:
        year = f"{19 if year >= _CENTURY_TURN else 20}{year}"
    if int(day) > monthrange(int(year or _LEAP_YEAR), number)[1]:
        return f"{year}-{value}".lstrip("-"), False, f"такой даты нет в календаре: {text}; проверьте день и месяц"
    return f"{year}-{value}".lstrip("-"), True, ""


def _read_lower(text: str) -> _Reading:
    return text.lower(), True, ""


def _read_as_is(text: str) -> _Reading:
    return text, True, ""


_READERS: Mapping[str, Callable[[str], _Reading]] = {
    "tracking_number": _read_tracking_number,
    "card": _read_card,
    "phone": _read_phone,
    "money": _read_money,
    "date": _read_date,
    "email": _read_lower,
    "link": _read_as_is,
    "postcode": _read_as_is,
}
