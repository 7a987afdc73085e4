"""Messages → tokens, entities, repairs and rules: the road that training and inference share.

Most messages need only the table of `support_intent.tokens`. Those with digits, Latin letters or signs
outside the code page take the careful road: entities are found and masked, the text is normalised and,
where the dictionary agrees, repaired.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from support_intent.entities import Entity, find_entities, mask, placeholders
from support_intent.errors import MessageTypeError
from support_intent.lemmas import is_word
from support_intent.normalize import RepairKind, fold, normalize, repair
from support_intent.tokens import (
    CODE_PAGE,
    LATIN,
    STRANGE,
    TokenTable,
    encode,
    encode_one,
    oddities,
    oddity,
    splice,
    split,
    tokenize,
)

MAX_LETTERS = 32_767
"""Letters of a message that are read; an Excel cell holds no more (Microsoft's "Excel specifications and limits")."""

REPAIRS: tuple[RepairKind, ...] = ("", "layout", "translit")
RULES = ("", "no-words", "digits", "one-letter", "foreign", "tracking-number")
"""Decided before the model: nothing, only signs, only digits, one letter, another script, a bare tracking number."""

_NO_WORDS, _DIGITS, _ONE_LETTER, _FOREIGN, _TRACKING = range(1, len(RULES))
_BLOCK_MESSAGES = 2_000
_BLOCK_LETTERS = 262_144  # bounds the memory that one block of very long messages can take
_LATIN = re.compile(r"[a-z]")
_LETTER = re.compile(r"[^\W\d_]")
_OWN_PAIR = re.compile(r"[a-zа-яё]{2}")
_OWN_LETTER = re.compile(r"[a-zа-яёіїєґў]")


class Prepared(NamedTuple):
    """Messages as the model reads them."""

    table: TokenTable
    rules: NDArray[np.int8]  # (n_messages,) position in `RULES`
    repairs: NDArray[np.int8]  # (n_messages,) position in `REPAIRS`
    entities: dict[int, tuple[Entity, ...]]  # by message, where there are any
    texts: dict[int, str]  # by message, where the text as read differs from the text as written


def check_messages(messages: object) -> list[str]:
    """Return messages as a list of texts, or say what stands among them that is none.

    Parameters
    ----------
    messages : iterable of str
        List, tuple, array, Series …; a bare ``str`` is refused, for it would be read letter by letter.

    Returns
    -------
    list of str

    Raises
    ------
    MessageTypeError
        If it is a bare text, is not iterable, or holds something that is not a text.

    Examples
    --------
    >>> check_messages(("Где посылка?",))
    ['Где посылка?']
    """
    if isinstance(messages, str | bytes):
        raise MessageTypeError(
            f"expected a list of messages, found one {type(messages).__name__}; pass [message] for a single one"
        )
    try:
        texts: list[str] = list(messages)  # type: ignore[call-overload]
    except TypeError as error:
        raise MessageTypeError(
            f"expected a list of messages, found {type(messages).__name__}; pass a list of str"
        ) from error
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            # other values may hold a message, which no error quotes
            value = repr(text) if text is None or isinstance(text, int | float) else "a value"
            raise MessageTypeError(
                f"expected a text at index {position}, found {value} of type {type(text).__name__}; "
                "replace it by '' or leave the message out"
            )
    return texts


def blocks(messages: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut messages into blocks small enough to be read at once."""
    start = letters = 0
    for position, message in enumerate(messages):
        letters += min(len(message), MAX_LETTERS)
        if letters > _BLOCK_LETTERS or position - start >= _BLOCK_MESSAGES:
            if position > start:
                yield messages[start:position]
            start, letters = position, min(len(message), MAX_LETTERS)
    if start < len(messages):
        yield messages[start:]


def prepare(messages: Sequence[str]) -> Prepared:
    """Read a block of messages.

    Parameters
    ----------
    messages : sequence of str, length n_messages

    Returns
    -------
    Prepared

    Examples
    --------
    >>> prepared = prepare(["Где посылка?", "ult gjcskrf", "!!!"])
    >>> [REPAIRS[i] for i in prepared.repairs], [RULES[i] for i in prepared.rules]
    (['', 'layout', ''], ['', '', 'no-words'])
    """
    texts = [message[:MAX_LETTERS] for message in messages]
    block = encode(texts)
    kinds = oddities(block)
    odd = np.flatnonzero(kinds)
    rules = np.zeros(len(texts), np.int8)
    repairs = np.zeros(len(texts), np.int8)
    entities: dict[int, tuple[Entity, ...]] = {}
    read: dict[int, str] = {}
    for row, kind in zip(odd.tolist(), kinds[odd].tolist(), strict=True):
        careful = _read_carefully(texts[row], kind)
        repairs[row], rules[row] = careful.repair, careful.rule
        if careful.text is not texts[row]:
            read[row] = careful.text
        if careful.entities:
            entities[row] = careful.entities
    block = splice(block, np.array(list(read), np.intp), list(read.values()))
    table = tokenize(block)

    n_tokens = np.diff(table.indptr)
    ordinary = rules == 0
    rules[ordinary & (n_tokens == 0)] = _NO_WORDS
    single = np.flatnonzero(ordinary & (n_tokens == 1))
    rules[single[table.lengths[table.indptr[single]] == 1]] = _ONE_LETTER
    return Prepared(table, rules, repairs, entities, read)


def read_one(message: str) -> tuple[list[list[bytes]], int]:
    """Read a single message as `prepare` reads a block, without the making of arrays.

    Parameters
    ----------
    message : str

    Returns
    -------
    sentences : list of list of bytes
        The tokens of each.
    rule : int
        Position in `RULES`.

    Examples
    --------
    >>> sentences, rule = read_one("ult gjcskrf")
    >>> [token.decode("cp1251") for token in sentences[0]], RULES[rule]
    (['где', 'посылка'], '')
    """
    text = message[:MAX_LETTERS]
    data, rule = encode_one(text), 0
    kind = oddity(data)
    if kind:
        careful = _read_carefully(text, kind)
        data, rule = careful.text.encode(CODE_PAGE, "replace"), careful.rule
    sentences = split(data)
    if not rule and not sentences:
        rule = _NO_WORDS
    elif not rule and len(sentences) == 1 and len(sentences[0]) == 1 and len(sentences[0][0]) == 1:
        rule = _ONE_LETTER
    return sentences, rule


class _Careful(NamedTuple):
    text: str
    repair: int
    rule: int
    entities: tuple[Entity, ...]


def _read_carefully(message: str, oddity: int) -> _Careful:
    entities = tuple(find_entities(message))
    text = mask(message, entities)
    if oddity & STRANGE:
        text = normalize(text)
    elif oddity & LATIN:
        text = fold(text)  # within the code page there is nothing else to bring to one spelling
    rule = _rule(message, entities)
    kind: RepairKind = ""
    if not rule and oddity & (LATIN | STRANGE) and _LATIN.search(text):
        text, kind = repair(text, is_word, placeholders().values() if entities else ())
    return _Careful(text, REPAIRS.index(kind), rule, entities)


def _rule(message: str, entities: Sequence[Entity]) -> int:
    rest, done = [], 0
    for entity in entities:
        rest.append(message[done : entity.start])
        done = entity.end
    rest.append(message[done:])
    words = "".join(rest).lower()
    if _OWN_PAIR.search(words):
        return 0  # nearly every message: there is a word to read
    if any(entity.kind == "tracking_number" for entity in entities) and not any(map(str.isalnum, words)):
        return _TRACKING
    letters = _LETTER.findall(words)
    if not letters and not entities:
        return _DIGITS if any(map(str.isdigit, words)) else _NO_WORDS
    if (
        letters
        and not entities
        and not any(map(_OWN_LETTER.match, letters))
        and not any("\u0400" <= letter <= "\u052f" for letter in letters)
    ):
        return _FOREIGN
    if len(letters) == 1 and not entities and not any(map(str.isdigit, words)):
        return _ONE_LETTER
    return 0
