"""Message files → the same files with topics, channels and decisions on every row."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from support_intent.analysis import Analyses, first_tracking_number
from support_intent.errors import OutputError
from support_intent.messages import MessageWriter, Rejected, open_messages
from support_intent.model import IntentModel
from support_intent.persistence import load_model
from support_intent.reading import REPAIRS
from support_intent.redaction import redact

COLUMNS = (
    "topic", "intent", "confidence", "decision", "also", "channel", "contact", "tracking_number", "repair",
)  # fmt: skip
"""Columns that are appended to every row."""

_CHUNK = 4_000  # rows read, classified and written at once
_PERCENT = [f"{i / 10_000:.4f}" for i in range(10_001)]  # every confidence that four decimals can say


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a message file.

    Parameters
    ----------
    n_messages : int
    topics : dict of str to int
        Messages of each topic, in the taxonomy's order.
    n_review : dict of str to int
        Those of them that are left for a person.
    rejected : tuple of Rejected
        Rows that could not be read as a row, with line and reason; they stand in the side file.
    notes : tuple of str
        What was found about the file: encoding, delimiter, message column.
    """

    n_messages: int
    topics: dict[str, int]
    n_review: dict[str, int]
    rejected: tuple[Rejected, ...]
    notes: tuple[str, ...]

    @property
    def review_share(self) -> float:
        """Share of messages left for a person, 0 to 1."""
        return sum(self.n_review.values()) / self.n_messages if self.n_messages else 0.0


def classify_file(
    source: str | Path,
    target: str | Path | BinaryIO,
    *,
    model: IntentModel | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    column: str | int | None = None,
    header: bool | None = None,
    redacted: bool = False,
    on_notes: Callable[[Sequence[str]], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Summary:
    """Classify every row of a message file.

    Rows keep their order, and every cell its value; nothing is written over the target until all is done.

    Parameters
    ----------
    source : str or pathlib.Path
        CSV as Excel or a CRM exports it.
    target : str, pathlib.Path or binary stream
        Where the rows go, with `COLUMNS` appended. A name that the file already has gets the suffix ``_predicted``.
    model : IntentModel, optional
        The shipped model by default.
    encoding, delimiter : str, optional
        Found in the file by default.
    column : str or int, optional
        Name or number (from 1) of the message column; found by default.
    header : bool, optional
        Whether the first row names the columns; found by default.
    redacted : bool, default False
        Write personal data in the messages as placeholders (`support_intent.redact`), and no tracking numbers. The
        other columns of the file stay as they are.
    on_notes : callable, optional
        Called once with what was found about the file, before the first row.
    on_progress : callable, optional
        Called with the rows done so far.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If the file can't be read as messages.
    OutputError
        If the target can't be written.
    """
    model = model if model is not None else load_model()
    topics: Counter[str] = Counter()
    review: Counter[str] = Counter()
    names = np.array(model.topics, dtype=object)
    n_messages = 0
    with open_messages(source, encoding=encoding, delimiter=delimiter, column=column, header=header) as reader:
        if on_notes is not None:
            on_notes(reader.notes)
        with MessageWriter(target, reader.format, reader.header, COLUMNS, source=source) as writer:
            for chunk in reader.chunks(_CHUNK):
                analyses = model.analyze(chunk.messages)
                columns = _columns(analyses)
                if redacted:
                    columns[COLUMNS.index("tracking_number")] = [""] * len(chunk.rows)
                    for row, message in zip(chunk.rows, chunk.messages, strict=True):
                        if message:
                            row[reader.column] = redact(message)
                writer.write(chunk.rows, columns)
                topics.update(names[analyses.topic_index].tolist())
                review.update(names[analyses.topic_index[analyses.is_review]].tolist())
                n_messages += len(chunk.rows)
                if on_progress is not None:
                    on_progress(n_messages)
        if reader.rejected and isinstance(target, str | Path):
            rejected = reader.rejected
            if redacted:
                rejected = [replace(record, text=redact(record.text)) for record in rejected]
            _write_rejected(rejected_path(target), rejected)
        return Summary(
            n_messages=n_messages,
            topics={topic: topics[topic] for topic in model.topics},
            n_review={topic: review[topic] for topic in model.topics},
            rejected=tuple(reader.rejected),
            notes=tuple(reader.notes),
        )


def rejected_path(target: str | Path) -> Path:
    """Name the side file of an output, where rows go that could not be kept."""
    return Path(f"{target}.rejected.csv")


def _write_rejected(path: Path, rejected: Sequence[Rejected]) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(("line", "reason", "text"))
            writer.writerows((record.line, record.reason, record.text) for record in rejected)
    except OSError as error:
        raise OutputError(f"expected to write the rejected rows to {path}, found: {error.strerror}") from error


def _columns(analyses: Analyses) -> list[list[str]]:
    """Return the appended cells, column by column as in `COLUMNS`."""
    taxonomy, n_messages = analyses.taxonomy, len(analyses)
    topics = np.array(taxonomy.topic_ids, dtype=object)
    confidence = np.rint(analyses.confidence * 10_000).astype(np.intp).tolist()
    numbers = [""] * n_messages
    has_tracking = np.zeros(n_messages, dtype=bool)
    for row, entities in analyses.entities.items():
        numbers[row] = first_tracking_number(entities)
        has_tracking[row] = bool(numbers[row])
    channels, contacts = analyses.router.channel_columns(analyses.intent_index, has_tracking, analyses.is_review)
    also = [""] * n_messages
    for row in np.flatnonzero(analyses.is_also.any(axis=1)).tolist():
        also[row] = "|".join(topics[analyses.is_also[row]])
    return [
        topics[analyses.topic_index].tolist(),
        np.array(taxonomy.intent_ids, dtype=object)[analyses.intent_index].tolist(),
        [_PERCENT[i] for i in confidence],
        np.where(analyses.is_review, "review", "auto").tolist(),
        also,
        channels.tolist(),
        contacts.tolist(),
        numbers,
        np.array(REPAIRS, dtype=object)[analyses.repairs].tolist(),
    ]
