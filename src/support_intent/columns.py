"""Columns of a message table: which one holds the messages, and names for new ones."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from support_intent.dialect import MESSAGE_NAMES
from support_intent.errors import ColumnError


def find_message_column(header: Sequence[str], rows: Sequence[Sequence[str]], wanted: str | int | None = None) -> int:
    """Find the column that holds the messages.

    Parameters
    ----------
    header : sequence of str
        Names of the columns.
    rows : sequence of sequence of str
        Some rows, to judge columns by their content.
    wanted : str or int, optional
        Name of the column, or its number from 1.

    Returns
    -------
    int
        Index of the column, from 0.

    Raises
    ------
    ColumnError
        If the wanted column is not there or its name is not unique, or no column holds text.

    Examples
    --------
    >>> find_message_column(["id", "Текст обращения"], [["1", "Где посылка?"]])
    1
    >>> find_message_column(["column_1", "column_2"], [["1", "Где посылка?"]])
    1
    """
    if wanted is not None:
        return _wanted_column(header, wanted)
    names = [name.strip(" \ufeff").casefold() for name in header]
    texts = [[row[i] for row in rows if i < len(row)] for i in range(len(header))]
    lengths = [(_mean_letters(cells, "[а-яё]"), _mean_letters(cells, r"[^\W\d_]")) for cells in texts]
    longest = max(range(len(header)), key=lengths.__getitem__)
    has_text = lengths[longest] > (0, 0)
    for known in MESSAGE_NAMES:
        columns = [i for i, name in enumerate(names) if name == known and (lengths[i] > (0, 0) or not has_text)]
        if columns:
            return max(columns, key=lengths.__getitem__)
    parts = [i for i, name in enumerate(names) if any(known in name for known in MESSAGE_NAMES)]
    if parts:
        likely = max(parts, key=lengths.__getitem__)  # not «Номер обращения»
        if not has_text or 4 * lengths[likely][0] >= lengths[longest][0] > 0:
            return likely
    if len(header) > 1 and not has_text:
        raise ColumnError(f"expected a column of messages, found no text in {_listed(header)}; name one with --column")
    return longest


def _wanted_column(header: Sequence[str], wanted: str | int) -> int:
    if isinstance(wanted, str):
        for folded in (str, str.casefold):
            columns = [i for i, name in enumerate(header) if folded(name.strip(" \ufeff")) == folded(wanted.strip())]
            if len(columns) > 1:
                numbers = " and ".join(str(i + 1) for i in columns)
                raise ColumnError(
                    f"expected one column {wanted!r}, found it at {numbers} of {_listed(header)}; give the number"
                )
            if columns:
                return columns[0]
    if str(wanted).strip().isdecimal() and 1 <= int(wanted) <= len(header):
        return int(wanted) - 1
    near = difflib.get_close_matches(str(wanted).casefold(), [name.casefold() for name in header], n=1)
    hint = f"did you mean {next(name for name in header if name.casefold() == near[0])!r}? " if near else ""
    raise ColumnError(f"expected a column {wanted!r}, found {_listed(header)}; {hint}give a name or a number from 1")


def _listed(header: Sequence[str]) -> str:
    return ", ".join(f"{i} {name!r}" for i, name in enumerate(header, 1))


def _mean_letters(cells: Sequence[str], letter: str) -> float:
    return sum(len(re.findall(letter, cell, re.IGNORECASE)) for cell in cells) / len(cells) if cells else 0.0


def appended_names(header: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return names for new columns that differ from those there are.

    Parameters
    ----------
    header, names : sequence of str
        Names there are, and names wanted. Compared without regard to case, as spreadsheets do.

    Returns
    -------
    list of str

    Examples
    --------
    >>> appended_names(["text", "Topic", "intent", "intent_predicted"], ["topic", "intent", "also"])
    ['topic_predicted', 'intent_predicted_2', 'also']
    """
    taken = {name.strip().casefold() for name in header}
    unique = []
    for name in names:
        new, n = name, 1
        while new.casefold() in taken:
            new, n = f"{name}_predicted" + (f"_{n}" if n > 1 else ""), n + 1
        taken.add(new.casefold())
        unique.append(new)
    return unique
