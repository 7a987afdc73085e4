"""A message file in parts: each is classified by itself, on any core or machine, and its result is kept on its own."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from support_intent import storage
from support_intent.analysis import Analyses, first_tracking_number
from support_intent.dialect import FileFormat
from support_intent.errors import InputError, OutputError
from support_intent.extras import library
from support_intent.messages import Layout, Part, Rejected, open_part
from support_intent.model import IntentModel
from support_intent.output import RowEncoder
from support_intent.reading import REPAIRS
from support_intent.redaction import redact

COLUMNS = (
    "topic", "intent", "confidence", "decision", "also", "channel", "contact", "tracking_number", "repair",
)  # fmt: skip
"""Columns that are appended to every row."""

_CONNECT_SECONDS = 5  # to find a scheduler
_CHUNK = 2_000  # rows read, classified and written at once
_PERCENT = [f"{i / 10_000:.4f}" for i in range(10_001)]  # every confidence that four decimals can say


@dataclass(frozen=True, slots=True)
class Task:
    """A part to be classified; it says all that a worker must know besides the model.

    Parameters
    ----------
    source : str
        The file; a path, or a URL that fsspec knows.
    layout : Layout
    part : Part
    output : FileFormat
        How the rows are to be written.
    target : str
        Where they go. Beside them, in ``target.json``, `PartResult` says that the part is done.
    redacted, guard, key
        As in `support_intent.batch.classify_file`.
    """

    source: str
    layout: Layout
    part: Part
    output: FileFormat
    target: str
    redacted: bool
    guard: bool
    key: bytes | None


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of a part.

    Parameters
    ----------
    n_messages : int
    topics, n_review : dict of str to int
        Messages of each topic, and those of them that are left for a person.
    rejected : tuple of Rejected
    n_blank, n_trimmed : int
        As of `support_intent.messages.MessageReader`.
    """

    n_messages: int
    topics: dict[str, int]
    n_review: dict[str, int]
    rejected: tuple[Rejected, ...]
    n_blank: int
    n_trimmed: int


def classify_part(model: IntentModel, task: Task) -> PartResult:
    """Classify a part of a file.

    Parameters
    ----------
    model : IntentModel
    task : Task

    Returns
    -------
    PartResult

    Raises
    ------
    OutputError
        If the result can't be written.
    """
    topics: Counter[str] = Counter()
    review: Counter[str] = Counter()
    names = np.array(model.topics, dtype=object)
    encoder = RowEncoder(task.output, task.layout.header, COLUMNS, guard=task.guard)
    # of its own name, as a worker whose parent was killed may still be at the same part
    temporary = f"{task.target}.{secrets.token_hex(4)}.tmp"
    n_messages = 0
    try:
        with open_part(task.source, task.layout, task.part) as reader, storage.open_binary(temporary, "wb") as stream:
            for chunk in reader.chunks(_CHUNK):
                analyses = model.analyze(chunk.messages)
                columns = _columns(analyses)
                if task.redacted:
                    columns[COLUMNS.index("tracking_number")] = [""] * len(chunk.rows)
                    for row, message in zip(chunk.rows, chunk.messages, strict=True):
                        if message:
                            row[reader.column] = redact(message, task.key)
                stream.write(encoder.encode(chunk.rows, columns))
                topics.update(names[analyses.topic_index].tolist())
                review.update(names[analyses.topic_index[analyses.is_review]].tolist())
                n_messages += len(chunk.rows)
            storage.sync(stream)
        rejected = reader.rejected
        if task.redacted:
            rejected = [replace(record, text=redact(record.text, task.key)) for record in rejected]
        result = PartResult(
            n_messages, dict(topics), dict(review), tuple(rejected), reader.n_blank, reader.n_trimmed
        )  # fmt: skip
        storage.rename(temporary, task.target)
        storage.write_whole(_record(task.target), _written(result))
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(
            f"expected to write {task.target}, found: {error.strerror or error}; make room and continue with --resume"
        ) from error
    return result


def part_result(target: str) -> PartResult | None:
    """Return what became of a part, or None if it is not done: its rows or the record of it are missing.

    Parameters
    ----------
    target : str
        As of its `Task`.
    """
    try:
        with storage.open_binary(_record(target), "rb") as stream:
            fields = json.loads(stream.read())
    except FileNotFoundError:
        return None
    if not storage.exists(target):  # the power failed between the two
        return None
    fields["rejected"] = tuple(Rejected(*record) for record in fields["rejected"])
    return PartResult(**fields)


def classify_parts(
    model: IntentModel, tasks: Sequence[Task], *, n_jobs: int = 1, scheduler: str | None = None
) -> Iterator[PartResult]:
    """Classify parts on several cores, or on a cluster.

    Parameters
    ----------
    model : IntentModel
        Cores of this machine share it by memory map; to each worker of a cluster it travels once.
    tasks : sequence of Task
    n_jobs : int, default 1
        Processes on this machine.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers then do the work. A part whose worker is lost is done by another.

    Yields
    ------
    PartResult
        In the order of the tasks.

    Raises
    ------
    InputError
        If there is no such scheduler, or dask is not installed.
    """
    if scheduler is not None:
        yield from _on_cluster(model, tasks, scheduler)
    elif n_jobs == 1 or len(tasks) < 2:
        for task in tasks:
            yield classify_part(model, task)
    else:
        import joblib  # three hundredths of a second that whoever imports the package need not pay

        with tempfile.TemporaryDirectory(prefix="support-intent-") as folder:
            shared = str(Path(folder) / "model")
            joblib.dump(model, shared)
            parallel = joblib.Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator")
            yield from parallel(joblib.delayed(_classify_shared)(shared, task) for task in tasks)


def _classify_shared(shared: str, task: Task) -> PartResult:
    return classify_part(_shared_model(shared), task)


@lru_cache(maxsize=1)
def _shared_model(shared: str) -> IntentModel:
    import joblib

    # written by the parent process a moment ago, in a folder that only this user can enter
    model: IntentModel = joblib.load(shared, mmap_mode="r")
    return model


def _on_cluster(model: IntentModel, tasks: Sequence[Task], scheduler: str) -> Iterator[PartResult]:
    import joblib

    distributed = library("distributed", "dask")
    try:
        client = distributed.Client(scheduler, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError(f"expected a Dask scheduler at {scheduler}, found: {error}; check the address") from error
    with client, joblib.parallel_config("dask", client=client, scatter=[model]):
        parallel = joblib.Parallel(batch_size=1, return_as="generator")
        yield from parallel(joblib.delayed(classify_part)(model, task) for task in tasks)


def n_cores() -> int:
    """Return the processors that this process may use."""
    import joblib

    return int(joblib.cpu_count())


def _record(target: str) -> str:
    return f"{target}.json"


def _written(result: PartResult) -> bytes:
    fields = {name: getattr(result, name) for name in PartResult.__slots__}
    fields["rejected"] = [[record.line, record.reason, record.text] for record in result.rejected]
    return json.dumps(fields, ensure_ascii=False).encode("utf-8")


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
