"""Message files → rows and messages, chunk by chunk; a file, or a part of it between two records."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Self

from support_intent import storage
from support_intent.columns import find_message_column
from support_intent.dialect import (
    SAMPLE_BYTES,
    FileFormat,
    raise_field_limit,
    sample_records,
    sample_text,
    sniff,
    table_text,
    undecodable,
)
from support_intent.errors import FileFormatError, InputError

_RECORD_LIMIT = 1 << 24  # characters of a record over several lines; beyond, its quote is taken for unclosed
_LINE_LIMIT = 1 << 27  # characters of a line; beyond, the file has no lines
_TAKE_LIMIT = 1 << 23  # characters taken at once, so that long cells make short chunks
_LINES_AT_ONCE = 4_096  # looked through at once when a file is cut
_BUFFER = 1 << 18  # bytes read at once
REJECTED_LIMIT = 50_000_000
"""Characters of rejected rows that are kept; beyond, the file is not read as a table."""


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


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file lie in it: all that a part of it is read by.

    Parameters
    ----------
    format : FileFormat
    header : tuple of str
        Names of the columns, ``column_1`` … if the file names none.
    column : int
        Index of the message column, from 0.
    width : int
        Cells of a row at most.
    """

    format: FileFormat
    header: tuple[str, ...]
    column: int
    width: int


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of a file that lie together, whole.

    Parameters
    ----------
    start, size : int
        Its first byte in the file, and how many there are.
    line : int
        Number of its first line in the file, from 1.
    n_rows : int
        Rows in it, about: some may turn out to be none.
    """

    start: int
    size: int
    line: int
    n_rows: int


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
        CSV as Excel or a CRM exports it; a path, or a URL that fsspec knows.
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
    return MessageReader(path, sniff(path, encoding=encoding, delimiter=delimiter, header=header), column)


def open_part(path: str | Path, layout: Layout, part: Part) -> MessageReader:
    """Open a part of a message file; close it by ``with``.

    Its rows are those that a reader of the whole file gives there.

    Parameters
    ----------
    path : str or pathlib.Path
    layout : Layout
        As `MessageReader.layout` of the whole file.
    part : Part
        As `MessageReader.parts` cut it.

    Returns
    -------
    MessageReader
    """
    return MessageReader(path, layout.format, layout=layout, part=part)


class MessageReader:
    """A message file being read; made by `open_messages` and `open_part`. Its memory does not grow with the file.

    Parameters
    ----------
    path : str or pathlib.Path
    format : FileFormat
    wanted : str, int or None
        The message column.
    layout : Layout, optional
        What was found in the file already.
    part : Part, optional
        What to read of it; by default all.

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
    n_blank, n_trimmed : int
        Blank lines, and rows with empty cells beyond the last column, so far.
    """

    def __init__(
        self,
        path: str | Path,
        format: FileFormat,
        wanted: str | int | None = None,
        *,
        layout: Layout | None = None,
        part: Part | None = None,
    ) -> None:
        self.format = format
        self.notes: list[str] = []
        self.rejected: list[Rejected] = []
        self.n_blank = self.n_trimmed = 0
        self._path = path
        self._line = 1  # number of the next line to be parsed
        self._pending: deque[str] = deque()  # lines read but not parsed
        self._broken = (0, 0)  # lines of an unclosed quote, where what is no whole row is no row
        self._n_rejected_chars = 0
        self._n_read = self._n_parsed_again = 0  # in bytes, and in characters
        raise_field_limit()
        self._stream = storage.open_binary(path, "rb")
        try:
            if layout is not None and part is not None:
                self.header, self.column, self._width = list(layout.header), layout.column, layout.width
                self._line = part.line
                self._text = self._decoded(part.start, part.size)
            else:
                self._open(wanted)
        except BaseException:
            self.close()
            raise

    def _open(self, wanted: str | int | None) -> None:
        format = self.format
        sample = self._stream.read(SAMPLE_BYTES)
        text = table_text(sample_text(sample, format.encoding, str(self._path)))
        self._text = self._decoded(len(format.bom))
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

    def _decoded(self, start: int, size: int | None = None) -> io.TextIOWrapper:
        self._stream.seek(start)
        window = io.BufferedReader(_Window(self._stream, size), _BUFFER)
        return io.TextIOWrapper(window, encoding=self.format.encoding, newline="")

    @property
    def layout(self) -> Layout:
        """How the rows lie in the file."""
        return Layout(self.format, tuple(self.header), self.column, self._width)

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
                self.n_blank += rows.count([])
                yield Chunk(first_line, rows, [row[self.column] if len(row) > self.column else "" for row in rows])
        self._note_the_end()

    def parts(self, n_bytes: int) -> Iterator[Part]:
        """Cut the rows of the file into parts, in order, without keeping them.

        Parts end between two records, whatever stands in their quotes, and where no quote stays open: read alone, they
        give the same rows.

        Parameters
        ----------
        n_bytes : int
            The least size of a part; the last may be smaller, and one with a quote that is not closed is larger.

        Yields
        ------
        Part

        Raises
        ------
        FileFormatError
            As `chunks`.
        """
        quote, mark = self.format.quotechar, len(self.format.bom)
        pending = len("".join(self._pending).encode(self.format.encoding))
        start, first_line, n_rows = mark + self._n_read - pending, self._line, 0
        while lines := self._take(_LINES_AT_ONCE):
            if self._line > self._broken[1] and quote not in "".join(lines):
                self._line += len(lines)  # every line is a record
                n_rows += len(lines)
            else:
                n_rows += len(self._parsed(lines)[1])
            end = mark + self._n_read
            if end - start >= n_bytes and not self._pending and self._line > self._broken[1]:
                yield Part(start, end - start, first_line, n_rows)
                start, first_line, n_rows = end, self._line, 0
        if mark + self._n_read > start:
            yield Part(start, mark + self._n_read - start, first_line, n_rows)

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
                    self._n_read += len("".join(some).encode(self.format.encoding))
                if not some:
                    break
                size += sum(map(len, some))
                lines += some
        except UnicodeDecodeError as error:
            with storage.open_binary(self._path, "rb") as stream:
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
            self.n_trimmed += 1
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
        if self._n_rejected_chars > REJECTED_LIMIT:
            raise no_table(self.rejected, self._width, self._path)

    def _described(self) -> str:
        format = self.format
        mark = " with byte order mark" if format.has_bom else ""
        delimiter = {"": "one column", "\t": "delimiter tab"}.get(format.delimiter, f"delimiter {format.delimiter!r}")
        header = "" if format.has_header else ", no header"
        place = f"{self.column_name!r} ({self.column + 1} of {len(self.header)})"
        return f"encoding {format.encoding}{mark}, {delimiter}{header}, message column {place}"

    def _note_the_end(self) -> None:
        self.notes += end_notes(self.n_blank, self.n_trimmed, len(self.rejected))


def no_table(rejected: Sequence[Rejected], width: int, path: str | Path) -> FileFormatError:
    """Return the error that says that a file has too many lines that are no rows."""
    last = rejected[-1]
    return FileFormatError(
        f"expected rows of {width} cells, found {len(rejected):,} lines that are none "
        f"up to line {last.line} of {path}, the last with {last.reason}; name the right delimiter with --delimiter"
    )


def end_notes(n_blank: int, n_trimmed: int, n_rejected: int) -> list[str]:
    """Say what was odd about the rows of a file, one line for each thing."""
    return [
        f"{n} {words}"
        for n, words in (
            (n_blank, "blank lines kept as empty rows"),
            (n_trimmed, "rows had empty cells beyond the last column, which were left out"),
            (n_rejected, "lines rejected"),
        )
        if n
    ]


class _Window(io.RawIOBase):
    """The next bytes of a file, some or all."""

    def __init__(self, stream: BinaryIO, size: int | None) -> None:
        self._stream = stream
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer) if self._left is None else min(len(buffer), self._left)
        data = self._stream.read(wanted)
        buffer[: len(data)] = data
        if self._left is not None:
            self._left -= len(data)
        return len(data)
