"""Personal data → typed placeholders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from support_intent.entities import compile_pattern, find_entities, read_patterns
from support_intent.sealing import seal

# Control number of a SNILS: weights 9 … 1, modulo 101, 100 → 0 (order of the Pension Fund on registration, annex).
_SNILS_MODULUS = 101
# The two control digits of a person's INN: modulo 11, then 10 (order of the Federal Tax Service MMV-7-6/435@, annex).
_INN_WEIGHTS = ((7, 2, 4, 10, 3, 5, 9, 4, 6, 8), (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))


def redact(text: str, key: bytes | None = None) -> str:
    """Replace personal data by typed placeholders.

    Names, addresses, phones, e-mail addresses, bank cards, tracking numbers, passports, SNILS and INN are replaced;
    sums, dates and postcodes are not personal. Names and addresses are found by the words around them and by
    their form, so that one which stands alone may stay: read a text before it leaves your hands.

    Parameters
    ----------
    text : str
    key : bytes, optional
        A secret of `support_intent.sealing.new_key`; placeholders then hold what they stand for, sealed, so that
        `support_intent.sealing.restore` can put it back with the same key. The same datum gets the same placeholder.

    Returns
    -------
    str
        The rest of the text is as it was. Redacting it again changes nothing.

    Examples
    --------
    >>> redact("меня зовут Анна Петрова, звоните 8 900 123-45-67 или пишите на ivanova@mail.ru")
    'меня зовут [ИМЯ], звоните [ТЕЛЕФОН] или пишите на [EMAIL]'
    """
    # A number between two others may be taken for a part of them until they are replaced.
    while (redacted := _redact_once(text, key)) != text:
        text = redacted
    return text


class Rule(NamedTuple):
    """A rule of redaction, ready for use."""

    gate: re.Pattern[str] | None  # what a text must have, for the rule to be tried
    pattern: re.Pattern[str]  # its group "personal" is what is replaced
    placeholder: str
    is_right: Callable[[str], bool]  # whether the digits have the control sum that the rule asks for


def compile_rule(entry: Mapping[str, str]) -> Rule:
    """Make a rule of an entry of ``[[redaction]]`` in ``patterns.toml``.

    Parameters
    ----------
    entry : mapping
        As `support_intent.entities.read_patterns` gives it.

    Returns
    -------
    Rule
    """
    pattern = compile_pattern(f"(?:{entry.get('cue', '')})(?P<personal>{entry['regex']})")
    gate = compile_pattern(entry["gate"]) if "gate" in entry else None
    return Rule(gate, pattern, entry["placeholder"], _CHECKS[entry.get("check", "")])


class Personal(NamedTuple):
    """A span of personal data, and what stands for it in a redacted text."""

    start: int
    end: int
    placeholder: str


def find_personal(text: str) -> list[Personal]:
    """Find personal data, as `redact` does in its first pass.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of Personal
        In the order of the text; spans may overlap.

    Examples
    --------
    >>> find_personal("мой инн 7707083893")
    [Personal(start=8, end=18, placeholder='[ИНН]')]
    """
    return sorted((*_entity_spans(text), *_rule_spans(text)))


def _redact_once(text: str, key: bytes | None) -> str:
    spans: list[Personal] = []
    for span in find_personal(text):
        if spans and span.start < spans[-1].end:  # what only overlaps goes with the span before it
            spans[-1] = spans[-1]._replace(end=max(spans[-1].end, span.end))
        else:
            spans.append(span)
    parts: list[str] = []
    done = 0
    for start, end, placeholder in spans:
        parts += text[done:start], placeholder if key is None else seal(text[start:end], placeholder, key)
        done = end
    return "".join((*parts, text[done:]))


def _entity_spans(text: str) -> Iterator[Personal]:
    placeholders = _entity_placeholders()
    for entity in find_entities(text):
        if entity.kind in placeholders:
            yield Personal(entity.start, entity.end, placeholders[entity.kind])


def _rule_spans(text: str) -> Iterator[Personal]:
    is_open: dict[re.Pattern[str], bool] = {}
    for rule in _rules():
        if rule.gate is not None:
            if rule.gate not in is_open:
                is_open[rule.gate] = rule.gate.search(text) is not None
            if not is_open[rule.gate]:
                continue
        for match in rule.pattern.finditer(text):
            if rule.is_right(match["personal"]):
                yield Personal(*match.span("personal"), rule.placeholder)


@lru_cache(maxsize=1)
def _entity_placeholders() -> Mapping[str, str]:
    return {entry["kind"]: entry["redacted"] for entry in read_patterns("patterns") if "redacted" in entry}


@lru_cache(maxsize=1)
def _rules() -> tuple[Rule, ...]:
    return tuple(map(compile_rule, read_patterns("redaction")))


def _is_anything(_: str) -> bool:
    return True


def _is_snils(text: str) -> bool:
    digits = [int(sign) for sign in text if sign.isdecimal()]
    total = sum(weight * digit for weight, digit in zip(range(9, 0, -1), digits[:9], strict=True))
    return total % _SNILS_MODULUS % 100 == 10 * digits[9] + digits[10]


def _is_personal_inn(text: str) -> bool:
    digits = [int(sign) for sign in text]
    return all(
        sum(weight * digit for weight, digit in zip(weights, digits, strict=False)) % 11 % 10 == digits[len(weights)]
        for weights in _INN_WEIGHTS
    )


_CHECKS: Mapping[str, Callable[[str], bool]] = {"": _is_anything, "snils": _is_snils, "inn": _is_personal_inn}
