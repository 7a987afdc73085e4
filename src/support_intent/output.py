"""Rows and new columns → the bytes of a message file; a file that appears only when all of it is written."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import BinaryIO, Self

from support_intent import storage
from support_intent.columns import appended_names
from support_intent.dialect import FileFormat
from support_intent.errors import InputError, OutputError

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters that make a spreadsheet run a cell: OWASP, «CSV Injection»."""
_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")


class RowEncoder:
    """Turns rows with new cells into bytes, as a file's format says.

    Parameters
    ----------
    format : FileFormat
        As of the file that was read. Without a header there, none is written.
    header : sequence of str
        Columns that the rows have already.
    appended : sequence of str
        Columns to add; renamed by `appended_names` where the header has them.
    guard : bool, default False
        Put an apostrophe before every cell, the file's own too, that a spreadsheet would run as a formula. Otherwise
        only new cells are guarded.
    """

    def __init__(
        self, format: FileFormat, header: Sequence[str], appended: Sequence[str], *, guard: bool = False
    ) -> None:
        self.format = format
        self.header = [*header, *appended_names(header, appended)]
        self._n_own = len(header)
        self._guard = guard
        self._quoted: list[str] = []
        # line end CRLF: csv puts cells with either character in quotes only then; _encoded puts the right one
        self._csv = csv.writer(
            SimpleNamespace(write=self._quoted.append), delimiter=format.delimiter or ";", quotechar=format.quotechar,
            lineterminator="\r\n", quoting=csv.QUOTE_ALL if format.is_all_quoted else csv.QUOTE_MINIMAL,
        )  # fmt: skip

    def preamble(self) -> bytes:
        """Return what comes before the rows: byte order mark, ``sep=`` line, header."""
        sep = f"sep={self.format.delimiter}{self.format.line_end}" if self.format.has_sep_line else ""
        head = (
            self._encoded([_guarded(self.header)] if self._guard else [self.header]) if self.format.has_header else b""
        )
        return self.format.bom + sep.encode(self.format.encoding) + head

    def encode(self, rows: Sequence[list[str]], appended_columns: Sequence[Sequence[str]]) -> bytes:
        """Return the bytes of rows with their new cells.

        Parameters
        ----------
        rows : sequence of list of str, length n_rows
            As `support_intent.messages.Chunk.rows` has them; short ones are filled up so that new cells stand under
            their names.
        appended_columns : sequence of sequence of str, shape (n_appended, n_rows)
            New cells, column by column. One that a spreadsheet would run as a formula gets an apostrophe before it.

        Raises
        ------
        InputError
            If columns or rows have another length than they should.
        OutputError
            If a cell can't be encoded.
        """
        n_appended = len(self.header) - self._n_own
        if len(appended_columns) != n_appended or any(len(column) != len(rows) for column in appended_columns):
            lengths = [len(column) for column in appended_columns]
            raise InputError(f"expected {n_appended} columns of {len(rows)} cells to append, found lengths {lengths}")
        if not rows:
            return b""
        lengths = list(map(len, rows))
        if max(lengths) > self._n_own:
            raise InputError(f"expected rows of at most {self._n_own} cells, found one of {max(lengths)}")
        if min(lengths) < self._n_own:
            rows = [row + [""] * (self._n_own - len(row)) for row in rows]
        if self._guard:
            rows = [_guarded(row) for row in rows]
        new_cells = zip(*map(_guarded, appended_columns), strict=True) if n_appended else [()] * len(rows)
        return self._encoded([[*row, *cells] for row, cells in zip(rows, new_cells, strict=True)])

    def _encoded(self, rows: list[list[str]]) -> bytes:
        """Encode rows of the header's width; csv, which looks at every character, gets only those that need quotes."""
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
            return text.encode(self.format.encoding)
        except UnicodeEncodeError as error:
            char = text[error.start]
            name = next(name for row in rows for name, cell in zip(self.header, row, strict=True) if char in cell)
            raise OutputError(
                f"expected values that {self.format.encoding} can write, found {char!r} in column {name!r}; "
                f"save the input as «CSV UTF-8» and try again"
            ) from error


class OutputFile:
    """A file that is written beside its place and put there when all is written; used by ``with``.

    Parameters
    ----------
    target : str, pathlib.Path or binary stream
        A path, a URL, or a stream, which is left open. A device or a pipe is written to as it is.
    source : str or pathlib.Path, optional
        The file being read, which must not be the target.
    temporary : str or pathlib.Path, optional
        Where it is written; by default beside the target.

    Raises
    ------
    OutputError
        If the target can't be written, or is the source.
    """

    def __init__(
        self,
        target: str | Path | BinaryIO,
        *,
        source: str | Path | None = None,
        temporary: str | Path | None = None,
    ) -> None:
        self._wanted_temporary = temporary
        self._stream: BinaryIO | None = None
        self._target: str | Path | None = None
        self._temporary: str | Path | None = None
        if isinstance(target, str | Path):
            self._target = checked_target(target, source)
        else:
            self._stream = target

    def __enter__(self) -> Self:
        """Open the file."""
        if self._target is not None:
            try:
                if is_device(self._target):  # nothing can be renamed onto it
                    self._stream = storage.open_binary(self._target, "wb")
                else:
                    self._temporary = self._wanted_temporary or f"{self._target}.tmp"
                    self._stream = storage.open_binary(self._temporary, "wb")
            except OSError as error:
                raise unwritable(self._target, error) from error
        return self

    def write(self, data: bytes) -> None:
        """Write some bytes.

        Raises
        ------
        OutputError
            If the target takes no more.
        """
        if self._stream is None:
            raise InputError(
                "expected the file inside a with statement, found it not opened; write «with OutputFile(…)»"
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
            if self._temporary is not None and self._target is not None:
                storage.sync(self._stream)
                self._stream.close()
                if isinstance(self._target, Path) and self._target.exists():
                    Path(self._temporary).chmod(self._target.stat().st_mode & 0o777)  # what was private stays so
                storage.rename(self._temporary, self._target)
            else:
                self._stream.flush()
                if self._target is not None:
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
            storage.remove(self._temporary)

    def _unwritable(self, error: OSError) -> OutputError:
        return unwritable(self._target if self._target is not None else "the output stream", error)


def checked_target(place: str | Path, source: str | Path | None = None) -> str | Path:
    """Return where a file will stand, a link followed; say so if it can't stand there.

    Parameters
    ----------
    place : str or pathlib.Path
    source : str or pathlib.Path, optional
        The file being read, which must not be the target.

    Raises
    ------
    OutputError
    """
    if storage.is_url(place):
        if str(place) == str(source):
            raise OutputError(f"expected another file for the result, found the input itself: {place}; name another")
        return place
    target = Path(os.path.realpath(place))
    if target.is_dir():
        raise OutputError(f"expected a file to write, found a directory: {place}; name a file in it")
    if not target.parent.is_dir():
        raise OutputError(f"expected a directory for {place}, found none at {target.parent}; make it first")
    if source is not None and target.exists() and Path(source).exists() and target.samefile(source):
        raise OutputError(
            f"expected another file for the result, found the input itself: {place}; name another with -o"
        )
    return target


def is_device(place: str | Path) -> bool:
    """Tell whether a place is a device or a pipe, which takes what it is given and keeps no file."""
    return not storage.is_url(place) and Path(place).exists() and not Path(place).is_file()


def unwritable(place: str | Path, error: OSError) -> OutputError:
    """Return the error that says why a place can't be written."""
    return OutputError(f"expected to write {place}, found: {error.strerror or error}; name another place with -o")


def _guarded(column: Sequence[str]) -> list[str]:
    risky = {cell for cell in set(column) if cell.startswith(_FORMULA) and not _NUMBER.fullmatch(cell)}
    return [f"'{cell}" if cell in risky else cell for cell in column] if risky else list(column)
