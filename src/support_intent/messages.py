"""Message files → rows and messages, chunk by chunk; rows and new columns → a file of the same kind."""

from __future__ import annotations

import csv
import difflib
import io
import os
import re
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import BinaryIO, Self

from support_intent.dialect import (
    MESSAGE_NAMES,
    SAMPLE_BYTES,
    FileFormat,
    raise_field_limit,
    sample_records,
    sample_text,
    sniff,
    table_text,
    undecodable,
)
from support_intent.errors import ColumnError, FileFormatError, InputError, OutputError

__all__ = [
    "Chunk", "FileFormat", "MessageReader", "MessageWriter", "Rejected",
    "appended_names", "find_message_column", "open_messages", "sniff",
]  # fmt: skip

_RECORD_LIMIT = 1 << 24  # characters of a record over several lines; beyond, its quote is taken for unclosed
_LINE_LIMIT = 1 << 27  # characters of a line; beyond, the file has no lines
_TAKE_LIMIT = 1 << 23  # characters taken at once, so that long cells make short chunks
_REJECTED_LIMIT = 50_000_000  # characters of rejected rows that are kept; beyond, the file is not read as a table
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell: OWASP, «CSV Injection»."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that could not be read as a row.

    Parameters
    ----------
    line : int
        Its number in the file, from 1.
    reason : str
    text : str
        All of it as it stands in the file, line end included, for the side file.
    """

    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file.

    Parameters
    ----------
    first_line : int
        Number of the first row's first line in the file, from 1.
    rows : list of list of str
        Cells as they came; short rows are short, a blank line is a row without cells.
    messages : list of str
        The message of each row, ``""`` where the row is too short to have one.
    """

    first_line: int
    rows: list[list[str]]
    messages: list[str]


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


def open_messages(
    path: str | Path,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    column: str | int | None = None,
    header: bool | None = None,
) -> MessageReader:
    """Open a message file; close it by ``with``.

    Parameters
    ----------
    path : str or pathlib.Path
        CSV as Excel or a CRM exports it.
    encoding, delimiter : str, optional
        Found in the file by default.
    column : str or int, optional
        Name or number (from 1) of the message column; found by default.
    header : bool, optional
        Whether the first row names the columns; found by default.

    Returns
    -------
    MessageReader

    Raises
    ------
    FileFormatError
        If the file is not there or can't be read as CSV.
    ColumnError
        If there is no such column.
    """
    return MessageReader(Path(path), sniff(path, encoding=encoding, delimiter=delimiter, header=header), column)


class MessageReader:
    """A message file being read; made by `open_messages`. Its memory does not grow with the file.

    Parameters
    ----------
    path : pathlib.Path
    format : FileFormat
    wanted : str, int or None
        The message column.

    Attributes
    ----------
    format : FileFormat
    header : list of str
        Names of the columns, ``column_1`` … if the file names none.
    column : int
        Index of the message column, from 0.
    notes : list of str
        What was found, for people; complete when the last chunk was given.
    rejected : list of Rejected
        Lines so far that are in no chunk, as they could not be read as rows.
    """

    def __init__(self, path: Path, format: FileFormat, wanted: str | int | None) -> None:
        self.format = format
        self.notes: list[str] = []
        self.rejected: list[Rejected] = []
        self._path = path
        self._line = 1  # number of the next line to be parsed
        self._pending: deque[str] = deque()  # lines read but not parsed
        self._broken = (0, 0)  # lines of an unclosed quote, where what is no whole row is no row
        self._n_rejected_chars = 0
        self._n_read = self._n_parsed_again = self._n_blank = self._n_trimmed = 0
        raise_field_limit()
        self._stream = path.open("rb")
        try:
            self._open(wanted)
        except BaseException:
            self.close()
            raise

    def _open(self, wanted: str | int | None) -> None:
        format = self.format
        sample = self._stream.read(SAMPLE_BYTES)
        text = table_text(sample_text(sample, format.encoding, str(self._path)))
        self._stream.seek(len(format.bom))
        self._text = io.TextIOWrapper(self._stream, encoding=format.encoding, newline="")
        if format.has_sep_line:
            self._line += len(self._take(1))
        while not (line := self._take(1))[0].strip("\r\n"):
            self._line += 1
        self._pending.extend(line)
        records = sample_records(text, format.delimiter, len(sample) == SAMPLE_BYTES)
        self._width = max(map(len, records))  # of the header, once it is read
        if format.has_header:
            header_line = self._line
            header = self._record()
            if not header:
                raise FileFormatError(
                    f"expected column names in line {header_line} of {self._path}, found {self.rejected[-1].reason}"
                )
            self.header, self._width, records = header, len(header), records[1:]
        else:
            self.header = [f"column_{i + 1}" for i in range(self._width)]
        self.column = find_message_column(self.header, records, wanted)
        self.notes.append(self._described())

    @property
    def column_name(self) -> str:
        """Name of the message column."""
        return self.header[self.column]

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def chunks(self, n_rows: int) -> Iterator[Chunk]:
        """Give the rows of the file in order, each once.

        Parameters
        ----------
        n_rows : int
            Rows in a chunk at most; cells with line breaks, and very long ones, make it smaller.

        Yields
        ------
        Chunk

        Raises
        ------
        FileFormatError
            If a byte is not of the encoding, or the file turns out to be no table.
        """
        if n_rows < 1:
            raise InputError(f"expected n_rows of at least 1, found {n_rows}")
        while lines := self._take(n_rows):
            first_line, rows = self._parsed(lines)
            if rows:
                self._n_blank += rows.count([])
                yield Chunk(first_line, rows, [row[self.column] if len(row) > self.column else "" for row in rows])
        self._note_the_end()

    def _take(self, n: int) -> list[str]:
        """Return the next lines, those put back first."""
        lines: list[str] = []
        size = 0
        try:
            while len(lines) < n and size < _TAKE_LIMIT:
                if self._pending:
                    some = [self._pending.popleft()]
                else:
                    some = list(islice(self._text, min(256, n - len(lines))))
                    self._n_read += sum(map(len, some))
                if not some:
                    break
                size += sum(map(len, some))
                lines += some
        except UnicodeDecodeError as error:
            with self._path.open("rb") as stream:
                raise undecodable(stream, self.format.encoding, str(self._path)) from error
        except OSError as error:
            raise FileFormatError(
                f"expected to read on in {self._path}, found: {error.strerror}; copy it and try again"
            ) from error
        if lines and max(map(len, lines)) > _LINE_LIMIT:
            raise FileFormatError(
                f"expected lines of text, found more than {_LINE_LIMIT:,} characters without a line end "
                f"after line {self._line} of {self._path}; export the messages as CSV"
            )
        return lines

    def _parsed(self, lines: list[str]) -> tuple[int, list[list[str]]]:
        """Return the first row's line, and the rows of the lines; record by record only if something is odd."""
        first_line = self._line
        if first_line > self._broken[1]:
            try:
                rows = list(self._csv(lines))
            except csv.Error:
                pass
            else:
                if max(map(len, rows)) <= self._width:
                    self._line += len(lines)
                    return first_line, rows
        self._pending.extendleft(reversed(lines))
        rows, first_line = [], 0
        for _ in lines:
            line = self._line
            row = self._record()
            if row is not None:
                first_line = first_line or line
                rows.append(row)
            elif self._line == line:
                break
        return first_line, rows

    def _csv(self, lines: Iterable[str]) -> Iterator[list[str]]:
        # strict: a quote closed by the opening quote of a later row is an error, not a longer cell
        return csv.reader(
            lines, delimiter=self.format.delimiter or "\x1f", quotechar=self.format.quotechar, strict=True
        )

    def _record(self) -> list[str] | None:
        """Parse one record; None if its first line is rejected or the file ends."""
        taken: list[str] = []
        try:
            row = next(self._csv(self._record_lines(taken)))
        except StopIteration:
            return None
        except csv.Error:
            return self._reject_first(taken)
        line = self._line
        self._line += len(taken)
        if len(row) > self._width:
            if any(row[self._width :]):
                reason = f"{len(row)} cells in a file of {self._width} columns; quote cells that hold the delimiter"
                self._reject(line, reason, "".join(taken))
                return None
            self._n_trimmed += 1
            return row[: self._width]
        if line <= self._broken[1] and len(row) != self._width:
            reason = f"no whole row, after the quote not closed in line {self._broken[0]}"
            self._reject(line, reason, "".join(taken))
            return None
        return row

    def _record_lines(self, taken: list[str]) -> Iterator[str]:
        size = 0
        while size < _RECORD_LIMIT or len(taken) < 2:
            line = self._take(1)
            if not line:
                return
            taken += line
            size += len(line[0])
            yield line[0]

    def _reject_first(self, taken: list[str]) -> list[str] | None:
        """Reject the first line of a record that does not parse, and put the others back."""
        self._pending.extendleft(reversed(taken[1:]))
        self._n_parsed_again += sum(map(len, taken[1:]))
        if self._n_parsed_again > 4 * self._n_read + 2 * _RECORD_LIMIT:
            raise FileFormatError(
                f"expected quotes that close, found too many open ones up to line {self._line} of {self._path}; "
                "export it again"
            )
        line = self._line
        self._line += 1
        try:
            next(self._csv([taken[0] + self.format.quotechar]))
        except csv.Error:
            if not self.format.delimiter and len(taken) == 1:
                return [taken[0].rstrip("\r\n")]  # a line of plain text that begins with a quoted word
            self._reject(line, "text after a closing quote; double the quotes inside a cell", taken[0])
            return None
        self._broken = (line, max(line + len(taken) - 1, self._broken[1]))
        self._reject(line, "a quote that is not closed", taken[0])
        return None

    def _reject(self, line: int, reason: str, text: str) -> None:
        self.rejected.append(Rejected(line, reason, text))
        self._n_rejected_chars += len(text) + 200  # what the record of it weighs
        if self._n_rejected_chars > _REJECTED_LIMIT:
            raise FileFormatError(
                f"expected rows of {self._width} cells, found {len(self.rejected):,} lines that are none "
                f"up to line {line} of {self._path}, the last with {reason}; name the right delimiter with --delimiter"
            )

    def _described(self) -> str:
        format = self.format
        mark = " with byte order mark" if format.has_bom else ""
        delimiter = {"": "one column", "\t": "delimiter tab"}.get(format.delimiter, f"delimiter {format.delimiter!r}")
        header = "" if format.has_header else ", no header"
        place = f"{self.column_name!r} ({self.column + 1} of {len(self.header)})"
        return f"encoding {format.encoding}{mark}, {delimiter}{header}, message column {place}"

    def _note_the_end(self) -> None:
        for n, words in (
            (self._n_blank, "blank lines kept as empty rows"),
            (self._n_trimmed, "rows had empty cells beyond the last column, which were left out"),
            (len(self.rejected), "lines rejected"),
        ):
            if n:
                self.notes.append(f"{n} {words}")


class MessageWriter:
    """Writes rows with new columns; a file appears only when all is written.

    Parameters
    ----------
    path_or_stream : str, pathlib.Path or binary stream
    format : FileFormat
        As of the file that was read. Without a header there, none is written.
    header : sequence of str
        Columns that the rows have already.
    appended : sequence of str
        Columns to add; renamed by `appended_names` where the header has them.
    source : str or pathlib.Path, optional
        The file being read, which must not be the target.

    Raises
    ------
    OutputError
        If the target can't be written, or is the source.
    """

    def __init__(
        self,
        path_or_stream: str | Path | BinaryIO,
        format: FileFormat,
        header: Sequence[str],
        appended: Sequence[str],
        *,
        source: str | Path | None = None,
    ) -> None:
        self.format = format
        self.header = [*header, *appended_names(header, appended)]
        self._n_own = len(header)
        self._stream: BinaryIO | None = None
        self._target: Path | None = None
        self._temporary: Path | None = None
        if isinstance(path_or_stream, str | Path):
            self._target = _checked_target(Path(path_or_stream), source)
        else:
            self._stream = path_or_stream
        self._quoted: list[str] = []
        # line end CRLF: csv puts cells with either character in quotes only then; _put_rows puts the right one
        self._csv = csv.writer(
            SimpleNamespace(write=self._quoted.append), delimiter=format.delimiter or ";", quotechar=format.quotechar,
            lineterminator="\r\n", quoting=csv.QUOTE_ALL if format.is_all_quoted else csv.QUOTE_MINIMAL,
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Open the target and write what comes before the rows."""
        if self._target is not None:
            try:
                if self._target.exists() and not self._target.is_file():  # a device or pipe can't be renamed onto
                    self._stream = self._target.open("wb")
                else:
                    self._temporary = self._target.with_name(f".support-intent-{secrets.token_hex(6)}.tmp")
                    self._stream = self._temporary.open("xb")
            except OSError as error:
                raise self._unwritable(error) from error
        try:
            self._put(self.format.bom)
            if self.format.has_sep_line:
                self._put(f"sep={self.format.delimiter}{self.format.line_end}".encode(self.format.encoding))
            if self.format.has_header:
                self._put_rows([self.header])
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, rows: Sequence[list[str]], appended_columns: Sequence[Sequence[str]]) -> None:
        """Write rows with their new cells.

        Parameters
        ----------
        rows : sequence of list of str, length n_rows
            As `Chunk.rows` has them; short ones are filled up so that new cells stand under their names.
        appended_columns : sequence of sequence of str, shape (n_appended, n_rows)
            New cells, column by column. One that a spreadsheet would run as a formula gets an apostrophe before it.

        Raises
        ------
        InputError
            If columns or rows have another length than they should.
        OutputError
            If a cell can't be encoded, or the target takes no more.
        """
        n_appended = len(self.header) - self._n_own
        if len(appended_columns) != n_appended or any(len(column) != len(rows) for column in appended_columns):
            lengths = [len(column) for column in appended_columns]
            raise InputError(f"expected {n_appended} columns of {len(rows)} cells to append, found lengths {lengths}")
        if not rows:
            return
        lengths = list(map(len, rows))
        if max(lengths) > self._n_own:
            raise InputError(f"expected rows of at most {self._n_own} cells, found one of {max(lengths)}")
        if min(lengths) < self._n_own:
            rows = [row + [""] * (self._n_own - len(row)) for row in rows]
        new_cells = zip(*map(_guarded, appended_columns), strict=True) if n_appended else [()] * len(rows)
        self._put_rows([[*row, *cells] for row, cells in zip(rows, new_cells, strict=True)])

    def _put_rows(self, rows: list[list[str]]) -> None:
        """Write rows of the header's width; csv, which looks at every character, gets only those that need quotes."""
        delimiter, quote, end = self.format.delimiter or ";", self.format.quotechar, self.format.line_end
        n_delimiters = len(self.header) - 1
        lines = [delimiter.join(row) for row in rows]
        if self.format.is_all_quoted:
            special: Sequence[int] = range(len(rows))
        else:
            special = [
                i
                for i, line in enumerate(lines)
                if line.count(delimiter) != n_delimiters or quote in line or "\n" in line or "\r" in line or not line
            ]
        self._csv.writerows([rows[i] for i in special])
        for i, line in zip(special, self._quoted, strict=True):
            lines[i] = line[:-2]
        self._quoted.clear()
        text = end.join(lines) + end
        try:
            data = text.encode(self.format.encoding)
        except UnicodeEncodeError as error:
            char = text[error.start]
            name, cell = next(
                (name, cell) for row in rows for name, cell in zip(self.header, row, strict=True) if char in cell
            )
            raise OutputError(
                f"expected values that {self.format.encoding} can write, found {char!r} in {cell[:80]!r}, "
                f"column {name!r}; save the input as «CSV UTF-8» and try again"
            ) from error
        self._put(data)

    def _put(self, data: bytes) -> None:
        if self._stream is None:
            raise InputError(
                "expected the writer inside a with statement, found it not opened; write «with MessageWriter(…)»"
            )
        try:
            self._stream.write(data)
        except BrokenPipeError:
            raise  # the reader of our output has left: no error of ours
        except OSError as error:
            raise self._unwritable(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the file in its place, or remove what there is of it after an error."""
        if kind is not None:
            self._discard()
            return
        assert self._stream is not None
        try:
            self._stream.flush()
            if self._temporary is not None and self._target is not None:
                os.fsync(self._stream.fileno())
                self._stream.close()
                if self._target.exists():
                    self._temporary.chmod(self._target.stat().st_mode & 0o777)  # what was private stays so
                self._temporary.replace(self._target)
            elif self._target is not None:
                self._stream.close()
        except BrokenPipeError:
            raise
        except OSError as problem:
            self._discard()
            raise self._unwritable(problem) from problem

    def _discard(self) -> None:
        if self._target is not None and self._stream is not None:
            with suppress(OSError):  # a full disk complains again of what was not flushed
                self._stream.close()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)

    def _unwritable(self, error: OSError) -> OutputError:
        place = self._target if self._target is not None else "the output stream"
        return OutputError(f"expected to write {place}, found: {error.strerror}; name another place with -o")


def _checked_target(path: Path, source: str | Path | None) -> Path:
    target = Path(os.path.realpath(path))  # a link stays a link
    if target.is_dir():
        raise OutputError(f"expected a file to write, found a directory: {path}; name a file in it")
    if not target.parent.is_dir():
        raise OutputError(f"expected a directory for {path}, found none at {target.parent}; make it first")
    if source is not None and target.exists() and Path(source).exists() and target.samefile(source):
        raise OutputError(f"expected another file for the result, found the input itself: {path}; name another with -o")
    return target


def _guarded(column: Sequence[str]) -> Sequence[str]:
    risky = {cell for cell in set(column) if cell.startswith(_FORMULA)}
    return [f"'{cell}" if cell in risky else cell for cell in column] if risky else column
