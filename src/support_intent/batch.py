"""Message files of any size → the same files with topics, channels and decisions on every row.

A file is cut into parts between its rows; each part is classified by itself, on one core, several, or a cluster, and
its result is kept in ``OUT.unfinished`` until all are there. Then they are joined, and the output appears at once.
Whatever stops the run in between, `resume` does only what is not done, and the output is byte for byte the same.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from support_intent import storage
from support_intent.columns import appended_names
from support_intent.dialect import FileFormat
from support_intent.errors import InputError, OutputError
from support_intent.messages import REJECTED_LIMIT, MessageReader, Rejected, end_notes, no_table, open_messages
from support_intent.model import IntentModel
from support_intent.output import OutputFile, RowEncoder, checked_target, is_device
from support_intent.packing import Writable, packing, packing_of, unpack
from support_intent.parts import COLUMNS, Task, classify_parts, n_cores, part_result
from support_intent.persistence import fingerprint, load_model
from support_intent.redaction import redact
from support_intent.sealing import restore
from support_intent.tables import (
    MESSAGES_FORMAT,
    PLAIN_FORMAT,
    Row,
    Table,
    extract_messages,
    kind_of,
    local_kind_of,
    message_column,
    open_table,
    read_rows,
    write_table,
)

__all__ = ["COLUMNS", "Options", "Summary", "classify_file", "classify_files", "rejected_path", "restore_file"]

PART_BYTES = 4 << 20
"""Least size of a part: half a second's work, so that little is done twice after a fault."""

_RESTORED_AT_ONCE = 4_000  # rows
_PARALLEL_FROM = 4  # parts from which starting more processes pays
_JOURNAL_VERSION = 1


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


@dataclass(frozen=True, slots=True)
class Options:
    """How message files are read and written.

    Parameters
    ----------
    encoding, delimiter : str, optional
        Found in the file by default.
    column : str or int, optional
        Name or number (from 1) of the message column; found by default.
    header : bool, optional
        Whether the first row names the columns; found by default.
    redacted : bool, default False
        Write personal data in the messages as placeholders (`support_intent.redact`), and no tracking numbers. The
        other columns of the file stay as they are.
    key : bytes, optional
        Seal the personal data into the placeholders, so that `restore_file` can put it back.
    excel : bool, default False
        Write CSV as Excel opens it right: UTF-8 with byte order mark, semicolons. By default as the input is written.
    guard : bool, default False
        Put an apostrophe before every cell, the file's own too, that a spreadsheet would run as a formula.
    """

    encoding: str | None = None
    delimiter: str | None = None
    column: str | int | None = None
    header: bool | None = None
    redacted: bool = False
    excel: bool = False
    guard: bool = False
    key: bytes | None = None

    def __post_init__(self) -> None:
        """See that a key has something to seal."""
        if self.key is not None and not self.redacted:
            raise InputError("expected a key only together with redaction, found it alone; ask for both")


def classify_file(
    source: str | Path | BinaryIO,
    target: str | Path | BinaryIO,
    *,
    model: IntentModel | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    column: str | int | None = None,
    header: bool | None = None,
    redacted: bool = False,
    excel: bool = False,
    guard: bool = False,
    key: bytes | None = None,
    resume: bool = False,
    n_jobs: int | None = None,
    on_notes: Callable[[Sequence[str]], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Classify every row of a message file.

    Rows keep their order, and every cell its value; nothing is written over the target until all is done.

    Parameters
    ----------
    source : str, pathlib.Path or binary stream
        CSV as Excel or a CRM exports it, also packed by gzip, bzip2, xz or zstd; ``.xlsx``; ``.parquet``; ``.jsonl``.
    target : str, pathlib.Path or binary stream
        Where the rows go, with `COLUMNS` appended; its suffix says in which format. A name that the file already has
        gets the suffix ``_predicted``.
    model : IntentModel, optional
        The shipped model by default.
    encoding, delimiter, column, header, redacted, excel, guard, key
        As in `Options`.
    resume : bool, default False
        Go on with a run that was stopped.
    n_jobs : int, optional
        Processes; by default one for a small file, else one a core.
    on_notes : callable, optional
        Called once with what was found about the file, before the first row.
    on_progress : callable, optional
        Called with the rows done so far, and about how many there are.

    Returns
    -------
    Summary

    Raises
    ------
    InputError
        If the file can't be read as messages, or a stopped run was one of another input, model or options.
    OutputError
        If the target can't be written.
    """
    options = Options(encoding, delimiter, column, header, redacted, excel, guard, key)
    return classify_files(
        [(source, target)],
        model=model,
        options=options,
        resume=resume,
        n_jobs=n_jobs,
        on_notes=on_notes,
        on_progress=on_progress,
    )[0]


def classify_files(
    files: Sequence[tuple[str | Path | BinaryIO, str | Path | BinaryIO]],
    *,
    model: IntentModel | None = None,
    options: Options | None = None,
    resume: bool = False,
    n_jobs: int | None = None,
    scheduler: str | None = None,
    on_notes: Callable[[Sequence[str]], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Summary]:
    """Classify message files, parts of all of them side by side.

    Parameters
    ----------
    files : sequence of (source, target)
        As in `classify_file`; on a cluster, places that all workers can reach: paths of a shared disk, or URLs.
    model : IntentModel, optional
        The shipped model by default.
    options : Options, optional
    resume : bool, default False
        Go on with a run that was stopped.
    n_jobs : int, optional
        Processes on this machine; by default one for small files, else one a core.
    scheduler : str, optional
        Address of a Dask scheduler whose workers do the work.
    on_notes, on_progress : callable, optional
        As in `classify_file`.

    Returns
    -------
    list of Summary
        In the order of the files.

    Raises
    ------
    InputError, OutputError
        As `classify_file`.
    """
    model = model if model is not None else load_model()
    options = options if options is not None else Options()
    with ExitStack() as stack:
        runs = [stack.enter_context(_run(model, options, resume, *file)) for file in files]
        if on_notes is not None:
            for run in runs:
                on_notes(run.notes)
        done = [part_result(task.target) for run in runs for task in run.tasks]
        tasks = [task for run in runs for task in run.tasks]
        waiting = [task for task, result in zip(tasks, done, strict=True) if result is None]
        n_rows = sum(task.part.n_rows for task in tasks)
        n_done = sum(result.n_messages for result in done if result is not None)
        if n_jobs is None:
            n_jobs = n_cores() if len(waiting) >= _PARALLEL_FROM else 1
        for result in classify_parts(model, waiting, n_jobs=n_jobs, scheduler=scheduler):
            n_done += result.n_messages
            if on_progress is not None:
                on_progress(n_done, n_rows)
        return [run.finish(model) for run in runs]


def restore_file(
    source: str | Path,
    target: str | Path | BinaryIO,
    key: bytes,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
) -> int:
    """Put personal data back into a CSV that was redacted with a key.

    Parameters
    ----------
    source : str or pathlib.Path
    target : str, pathlib.Path or binary stream
    key : bytes
        That it was redacted with.
    encoding, delimiter : str, optional
        Found in the file by default.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    InputError
        If the file can't be read, or was redacted with another key.
    OutputError
        If the target can't be written.
    """
    n_rows = 0
    with (
        open_messages(source, encoding=encoding, delimiter=delimiter, column=1) as reader,
        OutputFile(target, source=source) as output,
    ):
        encoder = RowEncoder(reader.format, reader.header, ())
        output.write(encoder.preamble())
        for chunk in reader.chunks(_RESTORED_AT_ONCE):
            output.write(encoder.encode([[restore(cell, key) for cell in row] for row in chunk.rows], []))
            n_rows += len(chunk.rows)
        if reader.rejected and isinstance(target, str | Path):
            restored = [replace(record, text=restore(record.text, key)) for record in reader.rejected]
            _write_rejected(rejected_path(target), restored)
    return n_rows


def rejected_path(target: str | Path) -> str:
    """Name the side file of an output, where rows go that could not be kept."""
    return f"{target}.rejected.csv"


@contextmanager
def _run(
    model: IntentModel, options: Options, resume: bool, source: str | Path | BinaryIO, target: str | Path | BinaryIO
) -> Iterator[_Run]:
    """Prepare the work on a file; at its end remove what it kept, unless a later run can go on from there."""
    if not isinstance(target, str | Path) or is_device(target):
        with tempfile.TemporaryDirectory(prefix="support-intent-") as folder:
            run = _Run(source, target, options, folder)
            run.prepare(model)
            yield run
        return
    checked = checked_target(target, source if isinstance(source, str | Path) else None)
    folder = f"{checked}.unfinished"
    run = _Run(source, target, options, folder)
    is_begun = storage.exists(run.journal)
    if is_begun and not resume:
        raise InputError(
            f"expected no unfinished result of {target}, found one in {folder}; "
            "continue it with --resume, or remove that folder to begin anew"
        )
    try:
        storage.make_folder(folder)
        run.prepare(model)
        yield run
    except BaseException as error:
        if not is_begun and not run.has_results():
            storage.remove(folder)
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            raise OutputError(
                f"expected to read {source} and to write {folder}, found: {error}; see to it and continue with --resume"
            ) from error
        raise
    storage.remove(folder)


class _Run:
    """The work on one file: what is to be done, and what becomes of it."""

    def __init__(
        self, source: str | Path | BinaryIO, target: str | Path | BinaryIO, options: Options, folder: str
    ) -> None:
        self.notes: list[str] = []
        self.tasks: list[Task] = []
        self.journal = storage.joined(folder, "journal.json")
        self._source = source
        self._target = target
        self._options = options
        self._folder = folder
        self._table: Table | None = None
        self._column = 0  # of the messages, in the table or in the file

    def prepare(self, model: IntentModel) -> None:
        """Look through the input, cut it, and see that a run that was stopped was one of the same things."""
        options = self._options
        with self._reader() as reader:
            parts = list(reader.parts(PART_BYTES))
            layout, (note,) = reader.layout, reader.notes
        if self._table is None:
            self._column = layout.column
        self.notes.append(note)
        self._output = _excel(layout.format) if options.excel and self._table is None else layout.format
        self._layout = layout
        self.tasks = [
            Task(
                self._csv, layout, part, self._output, storage.joined(self._folder, f"part-{number:06d}.csv"),
                options.redacted, options.guard and self._table is None, options.key,
            )
            for number, part in enumerate(parts)
        ]  # fmt: skip
        self._keep_journal(model)

    def _reader(self) -> MessageReader:
        """Open the messages as CSV; anything else is brought into that form first."""
        options, source = self._options, self._source
        if isinstance(source, str | Path):
            self._original = str(source)
            self._table = open_table(source, header=options.header is not False)
            if self._table is None and packing_of(source) and storage.exists(source):
                self._csv = storage.joined(self._folder, "input.csv")
                with storage.open_binary(source, "rb") as packed, storage.open_binary(self._csv, "wb") as plain:
                    unpack(packed, plain, str(source))
            elif self._table is None:
                self._csv = str(source)
        else:
            self._original = self._csv = storage.joined(self._folder, "input.csv")
            with storage.open_binary(self._csv, "wb") as plain:
                unpack(source, plain, "the input stream")
        if self._table is None:
            return open_messages(
                self._csv, encoding=options.encoding, delimiter=options.delimiter, column=options.column,
                header=options.header,
            )  # fmt: skip
        self._column = message_column(self._table, options.column)
        self._csv = storage.joined(self._folder, "messages.csv")
        extract_messages(self._table, self._column, self._csv)
        return MessageReader(self._csv, MESSAGES_FORMAT, 1)

    def _keep_journal(self, model: IntentModel) -> None:
        """Write down what this run is of; refuse to go on with one of other things. No message stands there."""
        options = repr((COLUMNS, PART_BYTES, self._layout, self._options, kind_of(self._name())))
        with storage.open_binary(self._original, "rb") as stream:
            digest = hashlib.sha256()
            while block := stream.read(1 << 20):
                digest.update(block)
        now = {
            "version": _JOURNAL_VERSION,
            "input": digest.hexdigest(),
            "model": fingerprint(model),
            "options": hashlib.sha256(options.encode()).hexdigest(),
        }
        if storage.exists(self.journal):
            with storage.open_binary(self.journal, "rb") as stream:
                then = json.loads(stream.read())
            changed = [name for name in now if then.get(name) != now[name]]
            if changed:
                raise InputError(
                    f"expected to go on with the run that {self._folder} keeps, found another {' and '.join(changed)}; "
                    "give what it was begun with, or remove that folder to begin anew"
                )
        storage.write_whole(self.journal, json.dumps(now).encode())

    def has_results(self) -> bool:
        """Tell whether a part is done."""
        return any(storage.exists(task.target) for task in self.tasks)

    def finish(self, model: IntentModel) -> Summary:
        """Join the parts, all of which are done, into the output."""
        results = [result for task in self.tasks if (result := part_result(task.target)) is not None]
        assert len(results) == len(self.tasks)
        rejected = [record for result in results for record in result.rejected]
        if self._table is not None:
            rejected = [
                _redacted(record, self._options.key) if self._options.redacted else record
                for record in self._table.rejected
            ]
        if sum(len(record.text) + 200 for record in rejected) > REJECTED_LIMIT:
            raise no_table(rejected, self._layout.width, self._original)
        self._write()
        if isinstance(self._target, str | Path):
            _write_rejected(rejected_path(self._target), rejected)
        topics = _total(result.topics for result in results)
        review = _total(result.n_review for result in results)
        n_blank, n_trimmed = (sum(getattr(result, name) for result in results) for name in ("n_blank", "n_trimmed"))
        return Summary(
            n_messages=sum(result.n_messages for result in results),
            topics={topic: topics[topic] for topic in model.topics},
            n_review={topic: review[topic] for topic in model.topics},
            rejected=tuple(rejected),
            notes=(*self.notes, *end_notes(n_blank, n_trimmed, len(rejected))),
        )

    def _name(self) -> str:
        return str(self._target) if isinstance(self._target, str | Path) else ""

    def _write(self) -> None:
        name, options = self._name(), self._options
        kind = local_kind_of(name)
        source = self._original if isinstance(self._source, str | Path) else None
        with OutputFile(self._target, source=source, temporary=storage.joined(self._folder, "output")) as output:
            if kind != "csv":
                header = self._table.header if self._table is not None else self._layout.header
                made = storage.joined(self._folder, "table")
                write_table(
                    made, kind, self._table, [*header, *appended_names(header, COLUMNS)], self._rows(),
                    self._column if options.redacted else None,
                )  # fmt: skip
                with storage.open_binary(made, "rb") as stream:
                    _copy(stream, output)
                return
            with packing(output, packing_of(name)) as stream:
                if self._table is not None:
                    encoder = RowEncoder(
                        _excel(PLAIN_FORMAT) if options.excel or kind_of(self._original) == "xlsx" else PLAIN_FORMAT,
                        self._table.header, COLUMNS, guard=options.guard,
                    )  # fmt: skip
                    stream.write(encoder.preamble())
                    for values, new in self._rows():
                        cells = [self._table.text(value) for value in values]
                        stream.write(encoder.encode([cells], [[cell] for cell in new]))
                    return
                stream.write(RowEncoder(self._output, self._layout.header, COLUMNS, guard=options.guard).preamble())
                for task in self.tasks:
                    with storage.open_binary(task.target, "rb") as part:
                        _copy(part, stream)

    def _rows(self) -> Iterator[Row]:
        """Give the rows of the output: the values that they have, and the cells that are new."""
        n_own = len(self._layout.header)
        classified = (row for task in self.tasks for row in read_rows(task.target, self._output))
        if self._table is None:
            for row in classified:
                yield row[:n_own], row[n_own:]
            return
        for values, row in zip(self._table.rows(), classified, strict=True):
            if self._options.redacted and self._column < len(values):
                values = [*values[: self._column], row[0], *values[self._column + 1 :]]
            yield values, row[n_own:]


def _excel(format: FileFormat) -> FileFormat:
    """Return the format in which Excel opens CSV right by a double click."""
    return replace(format, encoding="utf-8", has_bom=True, delimiter=";", line_end="\r\n", has_sep_line=False)


def _redacted(record: Rejected, key: bytes | None) -> Rejected:
    return replace(record, text=redact(record.text, key))


def _total(counts: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for some in counts:
        total.update(some)
    return total


def _copy(source: BinaryIO, target: Writable) -> None:
    while block := source.read(1 << 20):
        target.write(block)


def _write_rejected(path: str, rejected: Sequence[Rejected]) -> None:
    """Write the side file; without such rows, one of an earlier run goes."""
    try:
        if not rejected:
            storage.remove(path)
            return
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(("line", "reason", "text"))
        writer.writerows((record.line, record.reason, record.text) for record in rejected)
        storage.write_whole(path, text.getvalue().encode("utf-8"))
    except OSError as error:
        raise OutputError(f"expected to write the rejected rows to {path}, found: {error.strerror or error}") from error
