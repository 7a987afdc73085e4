"""Labelled messages: reading them from CSV, and the columns that learning and evaluation use."""

from __future__ import annotations

import csv
import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from support_intent.errors import DatasetError
from support_intent.taxonomy import Taxonomy

COLUMNS = ("text", "topic", "intent", "also", "writer", "style")
"""Columns of a labelled file; ``text`` and ``intent`` must be there."""

_ENCODINGS = ("utf-8-sig", "cp1251")
_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled messages as columns of equal length.

    Parameters
    ----------
    texts : tuple of str
    intents : tuple of str
        The label of each message.
    topics : tuple of str
        Its topic as the file states it, ``""`` where it states none.
    also : tuple of str
        The further topic it asks for, ``""`` for none.
    writers : tuple of str
        Who wrote it, ``""`` where unknown.
    styles : tuple of str
        How it is written, ``""`` where unknown.
    sources : tuple of str
        ``file:line`` of each message, for whoever has to find it again.
    """

    texts: tuple[str, ...]
    intents: tuple[str, ...]
    topics: tuple[str, ...]
    also: tuple[str, ...]
    writers: tuple[str, ...]
    styles: tuple[str, ...]
    sources: tuple[str, ...]

    def __len__(self) -> int:
        """Count the messages."""
        return len(self.texts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over texts and labels in order: the same data has the same fingerprint."""
        digest = hashlib.sha256()
        for text, intent, also in zip(self.texts, self.intents, self.also, strict=True):
            digest.update("\x1f".join((text, intent, also)).encode("utf-8", "surrogatepass") + b"\x1e")
        return digest.hexdigest()

    def intent_index(self, taxonomy: Taxonomy) -> NDArray[np.intp]:
        """Return the column of each message's intent.

        Parameters
        ----------
        taxonomy : Taxonomy

        Returns
        -------
        ndarray of intp, shape (n_messages,)

        Raises
        ------
        DatasetError
            If a label is not among the intents; says where and which label comes nearest.
        """
        columns = {intent: i for i, intent in enumerate(taxonomy.intent_ids)}
        for intent, source in zip(self.intents, self.sources, strict=True):
            if intent not in columns:
                raise DatasetError(f"{source}: {unknown_intent(intent, taxonomy)}")
        return np.array([columns[intent] for intent in self.intents], dtype=np.intp)

    def select(self, rows: Sequence[int] | NDArray[np.intp]) -> Dataset:
        """Return some of the messages.

        Parameters
        ----------
        rows : sequence of int
            Their positions, in the order wanted.
        """
        return Dataset(*(tuple(getattr(self, field.name)[i] for i in rows) for field in fields(self)))

    def __add__(self, other: Dataset) -> Dataset:
        """Join two datasets, this one first."""
        return Dataset(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


def unknown_intent(intent: str, taxonomy: Taxonomy) -> str:
    """Say of an unknown label what was expected and what comes nearest."""
    near = difflib.get_close_matches(intent, taxonomy.intent_ids, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "see support-intent info for the list"
    return f"expected one of the {len(taxonomy.intent_ids)} intents, found {intent!r}; {hint}"


def load_dataset(*paths: str | Path) -> Dataset:
    """Read labelled messages from CSV files.

    Parameters
    ----------
    *paths : str or pathlib.Path
        CSV with a header that has ``text`` and ``intent``, and optionally ``topic``, ``also``, ``writer`` and
        ``style``; UTF-8 or cp1251, delimited by comma, semicolon or tab, as Excel writes it.

    Returns
    -------
    Dataset
        The rows of all files in order. Labels are not checked here: `Dataset.intent_index` does that.

    Raises
    ------
    DatasetError
        If a file is missing, empty, lacks a column or has a ragged row.
    """
    rows: list[tuple[str, ...]] = []
    for path in map(Path, paths):
        rows.extend(_read(path))
    if not rows:
        raise DatasetError("expected at least one labelled message, found none; name a file that has rows")
    return Dataset(*zip(*rows, strict=True))


def _read(path: Path) -> list[tuple[str, ...]]:
    content = _decode(path)
    if not content.strip():
        raise DatasetError(
            f"expected a header and labelled rows in {path}, found an empty file; write text,intent first"
        )
    header_line = content.splitlines()[0]
    delimiter = max(_DELIMITERS, key=header_line.count)
    reader = csv.reader(content.splitlines(keepends=True), delimiter=delimiter)
    header = [name.strip().lower() for name in next(reader)]
    for needed in ("text", "intent"):
        if needed not in header:
            raise DatasetError(
                f"expected a column {needed!r} in {path}, found {', '.join(header)}; rename the column or add it"
            )
    places = [header.index(name) if name in header else None for name in COLUMNS]
    rows: list[tuple[str, ...]] = []
    for record in reader:
        if not record:
            continue
        source = f"{path.name}:{reader.line_num}"
        if len(record) != len(header):
            raise DatasetError(
                f"{source}: expected {len(header)} cells as in the header, found {len(record)}; "
                "quote cells that hold the delimiter or a line break"
            )
        text, topic, intent, also, writer, style = (record[at] if at is not None else "" for at in places)
        rows.append((text, intent.strip(), topic.strip(), also.strip(), writer.strip(), style.strip(), source))
    return rows


def _decode(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"expected a labelled CSV at {path}, found none: {error.strerror}; check the path"
        ) from error
    for encoding in _ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DatasetError(f"expected {path} in UTF-8 or cp1251, found neither; save it as «CSV UTF-8»")
