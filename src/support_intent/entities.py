"""Tracking numbers, phones, sums, dates and the like, found in one pass with their places in the text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from support_intent.resources import read_toml

_ADDRESSES = ("link", "email")
_ADDRESS_GUARD = re.compile(r"@|https?:|www\.|\.[a-z]{2}", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
# Cyrillic letters that are written where Latin ones are meant.
_LOOKALIKES = str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX")
# UPU standard S10, "Identification of postal items", annex on the check digit.
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_S10_MODULUS = 11
_DOMESTIC_LENGTH = 14
_MONTHS = (
    "января", "февраля", "марта", "апреля", "мая", "июня",
    "июля", "августа", "сентября", "октября", "ноября", "декабря",
)  # fmt: skip
_DATE_PARTS = re.compile(r"(\d{1,2})(?:-?(?:го|е|ого))?[\s./]{1,3}(\d{1,2}|[а-я]+)(?:[\s./]{1,3}(\d{2,4}))?")
_AMOUNT = re.compile(r"[\d  ]+(?:[.,]\d{1,2})?")


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
        decimal number, a complete date as YYYY-MM-DD.
    is_valid : bool
        Whether its check digit, where it has one, is right.
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
    found = [_entity(match) for match in _address_pattern().finditer(text)] if _ADDRESS_GUARD.search(text) else []
    taken = [(entity.start, entity.end) for entity in found]
    number, done = _number_pattern(), 0
    for digits in _DIGITS.finditer(text):
        at = digits.start()
        if at < done or any(start <= at < end for start, end in taken):
            continue
        for start in _starts(text, at):
            match = number.match(text, start) if start >= done else None
            if match:
                found.append(_entity(match))
                done = match.end()
                break
    found.sort(key=lambda entity: entity.start)
    return found


def _starts(text: str, at: int) -> tuple[int, ...]:
    """Return where an entity may begin whose first digit stands at a place: letters, a plus or a bracket before it."""
    if at == 0:
        return (0,)
    before = text[at - 1]
    if before in "+(":
        return (at - 1, at)
    if at > 1 and before.isalpha():
        return (at - 2, at)
    if at > 2 and before in " -" and text[at - 2].isalpha():
        return (at - 3, at)
    return (at,)


def _entity(match: re.Match[str]) -> Entity:
    kind = match.lastgroup or ""
    value, is_valid, problem = _READERS[kind](match[0])
    return Entity(kind, match.start(), match.end(), match[0], value, is_valid, problem)


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
    placeholders, done = _placeholders(), 0
    parts: list[str] = []
    for entity in entities:
        parts += text[done : entity.start], " ", placeholders[entity.kind], " "
        done = entity.end
    parts.append(text[done:])
    return "".join(parts)


@lru_cache(maxsize=1)
def _address_pattern() -> re.Pattern[str]:
    """E-mails and links, which may begin with any letter."""
    return _joined(lambda kind: kind in _ADDRESSES)


@lru_cache(maxsize=1)
def _number_pattern() -> re.Pattern[str]:
    """What begins with a digit or shortly before one; tried only there."""
    return _joined(lambda kind: kind not in _ADDRESSES)


def _joined(is_wanted: Callable[[str], bool]) -> re.Pattern[str]:
    patterns = [pattern for pattern in read_toml("patterns.toml")["patterns"] if is_wanted(pattern["kind"])]
    return re.compile(
        "|".join(f"(?P<{pattern['kind']}>{_squeeze(pattern['regex'])})" for pattern in patterns), re.IGNORECASE
    )


def entity_pattern(kind: str) -> re.Pattern[str]:
    """Compile the pattern of one kind alone, to test it on its own examples."""
    (pattern,) = (p for p in read_toml("patterns.toml")["patterns"] if p["kind"] == kind)
    return re.compile(_squeeze(pattern["regex"]), re.IGNORECASE)


def _squeeze(regex: str) -> str:
    """Drop the spaces that only set the alternatives apart."""
    return regex.replace(" | ", "|")


@lru_cache(maxsize=1)
def _placeholders() -> Mapping[str, str]:
    return {pattern["kind"]: pattern["placeholder"] for pattern in read_toml("patterns.toml")["patterns"]}


_Reading = tuple[str, bool, str]  # value, is_valid, problem


def _read_tracking_number(text: str) -> _Reading:
    value = re.sub(r"[ -]", "", text).upper().translate(_LOOKALIKES)
    digits = [int(sign) for sign in value if sign.isdecimal()]
    expected = domestic_check_digit(digits[:-1]) if len(digits) == _DOMESTIC_LENGTH else s10_check_digit(digits[:-1])
    if digits[-1] == expected:
        return value, True, ""
    return (
        value,
        False,
        f"контрольная цифра не сходится: ожидалась {expected}, найдена {digits[-1]}; проверьте номер",
    )


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
    rest = _S10_MODULUS - sum(w * d for w, d in zip(_S10_WEIGHTS, digits, strict=True)) % _S10_MODULUS
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
    return -sum(digit * (1 if i % 2 else 3) for i, digit in enumerate(digits)) % 10


def _read_card(text: str) -> _Reading:
    value = re.sub(r"[ -]", "", text)
    if is_luhn(value):
        return value, True, ""
    return value, False, "номер карты не проходит проверку; проверьте цифры"


def is_luhn(digits: str) -> bool:
    """Tell whether a number passes the Luhn check (ISO/IEC 7812-1, annex B).

    Examples
    --------
    >>> is_luhn("4276380012345679"), is_luhn("4276380012345678")
    (True, False)
    """
    total = 0
    for i, sign in enumerate(reversed(digits)):
        digit = int(sign) * (1 + i % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0


def _read_phone(text: str) -> _Reading:
    digits = re.sub(r"\D", "", text)
    return f"+7{digits[-10:]}", True, ""


def _read_money(text: str) -> _Reading:
    amount = _AMOUNT.match(text)
    number = re.sub(r"[  ]", "", amount[0] if amount else "0").replace(",", ".")
    rest = text[amount.end() if amount else 0 :].strip().lower()
    value = float(number)
    if rest.startswith("млн"):
        value *= 1_000_000
    elif rest.startswith("т"):
        value *= 1_000
    elif rest.startswith("коп"):
        value /= 100
    return f"{value:.2f}", True, ""


def _read_date(text: str) -> _Reading:
    match = _DATE_PARTS.match(text.lower())
    if match is None:
        return text, True, ""
    day, month, year = match.groups()
    number = int(month) if month.isdecimal() else _MONTHS.index(month) + 1
    if year is None:
        return f"{number:02d}-{int(day):02d}", True, ""
    return f"{int(year) % 2000 + 2000:04d}-{number:02d}-{int(day):02d}", True, ""


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
