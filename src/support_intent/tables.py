"""Message tables that are no CSV: Excel workbooks, Parquet, JSON lines, read and written row by row."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, cast

from support_intent import storage
from support_intent.columns import find_message_column
from support_intent.dialect import FileFormat
from support_intent.errors import FileFormatError, InputError, OutputError
from support_intent.extras import library
from support_intent.messages import Rejected

_SAMPLE_ROWS = 200  # rows that the message column is found by
_XLSX_ROWS, _XLSX_CHARS = 1_048_576, 32_767
"""Rows of a sheet and characters of a cell at most: Microsoft, «Excel specifications and limits»."""
_BATCH_ROWS = 10_000
PLAIN_FORMAT = FileFormat("utf-8", False, ",", '"', "\n", True)
"""How rows of a table are written as CSV unless something else is asked for."""
MESSAGES_FORMAT = FileFormat("utf-8", False, "", '"', "\n", True, is_all_quoted=True)
"""How `extract_messages` writes."""
_SUFFIXES = {".xlsx": "xlsx", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}


class Table(Protocol):
    """A table of messages that is no CSV.

    Attributes
    ----------
    header : list of str
    rejected : list of Rejected
        Lines that are no rows, known when all rows were given.
    """

    header: list[str]
    rejected: list[Rejected]

    def rows(self) -> Iterator[Sequence[Any]]:
        """Give the rows anew, values as the format holds them."""

    def text(self, value: Any) -> str:
        """Return a value as a cell of CSV shows it."""


def kind_of(place: str | Path) -> str:
    """Tell a table's format by its name: ``"xlsx"``, ``"parquet"``, ``"jsonl"`` or ``"csv"``."""
    return _SUFFIXES.get(Path(str(place)).suffix.lower(), "csv")


def local_kind_of(place: str | Path) -> str:
    """Tell a table's format by its name, as `kind_of`; say so if it is no CSV and not on this machine.

    Raises
    ------
    InputError
    """
    kind = kind_of(place)
    if kind != "csv" and storage.is_url(place):
        raise InputError(
            f"expected a CSV at the URL {place}, found the name of another format; copy it to a path first"
        )
    return kind


def open_table(place: str | Path, *, header: bool = True) -> Table | None:
    """Open a table; None if the file is CSV by its name.

    Parameters
    ----------
    place : str or pathlib.Path
    header : bool, default True
        Whether the first row of a workbook names the columns.

    Raises
    ------
    FileFormatError
        If the file is not of the format that its name says.
    InputError
        If the library that reads it is not installed.
    """
    kind = local_kind_of(place)
    if kind == "csv":
        return None
    if not storage.exists(place):
        raise FileFormatError(f"expected a message file, found nothing at {place}; check the path")
    if kind == "xlsx":
        return WorkbookTable(place, header)
    return ParquetTable(place) if kind == "parquet" else JsonTable(place)


def message_column(table: Table, wanted: str | int | None) -> int:
    """Find the column of a table that holds the messages, as `find_message_column` does."""
    sample = [[table.text(value) for value in row] for row in islice(table.rows(), _SAMPLE_ROWS)]
    return find_message_column(table.header, sample, wanted)


class WorkbookTable:
    """The first sheet of an Excel workbook; its rows are cells with their number formats."""

    def __init__(self, place: str | Path, has_header: bool) -> None:
        self._place = place
        self._has_header = has_header
        self.rejected: list[Rejected] = []
        first = next(self._all_rows(), ())
        names = [self.text(value).strip() for value in first] if has_header else [""] * len(first)
        self.header = [name or f"column_{i}" for i, name in enumerate(names, 1)]
        if not self.header:
            raise FileFormatError(f"expected a header and rows, found an empty sheet: {place}; check the export")

    def rows(self) -> Iterator[Sequence[Any]]:
        """Give the rows of the first sheet, each as long as the header."""
        width = len(self.header)
        for number, row in enumerate(self._all_rows(), 1):
            if number == 1 and self._has_header:
                continue
            if any(self.text(value) for value in row[width:]):
                raise FileFormatError(
                    f"expected rows of {width} cells as the first one has, found {len(row)} in row {number} of "
                    f"{self._place}; name every column"
                )
            yield (*row[:width], *[None] * (width - len(row)))

    def other_sheets(self) -> Iterator[tuple[str, Iterator[Sequence[Any]]]]:
        """Give the name and the rows of each sheet but the first."""
        book = self._opened()
        try:
            for sheet in book.worksheets[1:]:
                yield sheet.title, sheet.iter_rows()
        finally:
            book.close()

    @property
    def title(self) -> str:
        """Name of the first sheet."""
        book = self._opened()
        try:
            return str(book.worksheets[0].title)
        finally:
            book.close()

    def text(self, value: Any) -> str:
        """Return a cell's value; dates as ISO 8601 writes them."""
        held = getattr(value, "value", value)
        if held is None:
            return ""
        return str(held.isoformat(" ") if hasattr(held, "hour") and hasattr(held, "year") else held)

    def _all_rows(self) -> Iterator[Sequence[Any]]:
        book = self._opened()
        try:
            yield from book.worksheets[0].iter_rows()
        finally:
            book.close()

    def _opened(self) -> Any:
        openpyxl = library("openpyxl", "excel")
        try:
            return openpyxl.load_workbook(str(self._place), read_only=True)
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise _foreign(self._place, "an Excel workbook (.xlsx)", error) from error


class ParquetTable:
    """A Parquet file."""

    def __init__(self, place: str | Path) -> None:
        self._place = place
        self._arrow = library("pyarrow", "parquet")
        self.rejected: list[Rejected] = []
        self.schema = self._opened().schema_arrow
        self.header = [str(name) for name in self.schema.names]

    def rows(self) -> Iterator[Sequence[Any]]:
        """Give the rows."""
        for batch in self.batches():
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def batches(self) -> Iterator[Any]:
        """Give the rows as record batches of Arrow."""
        yield from self._opened().iter_batches(_BATCH_ROWS)

    def text(self, value: Any) -> str:
        """Return a value as text."""
        return "" if value is None else str(value)

    def _opened(self) -> Any:
        parquet = library("pyarrow.parquet", "parquet")
        try:
            return parquet.ParquetFile(str(self._place))
        except (self._arrow.ArrowInvalid, OSError) as error:
            raise _foreign(self._place, "a Parquet table", error) from error


class JsonTable:
    """JSON lines: an object a line; the columns are all names that occur."""

    def __init__(self, place: str | Path) -> None:
        self._place = place
        self.rejected: list[Rejected] = []
        names: dict[str, None] = {}
        for _, record in self._records(self.rejected):
            names.update(dict.fromkeys(record))
        if not names:
            raise FileFormatError(f"expected a JSON object in every line, found none: {place}; check the export")
        self.header = list(names)

    def rows(self) -> Iterator[Sequence[Any]]:
        """Give the rows; a name that an object lacks gives None."""
        for line, record in self._records([]):
            yield JsonRow(line, [record.get(name) for name in self.header])

    def text(self, value: Any) -> str:
        """Return a text as it is, nothing for null, anything else as JSON writes it."""
        if isinstance(value, str):
            return value
        return "" if value is None else json.dumps(value, ensure_ascii=False)

    def _records(self, rejected: list[Rejected]) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            with storage.open_binary(self._place, "rb") as stream:
                for number, raw in enumerate(stream, 1):
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                    if not line.strip():
                        continue
                    try:
                        record = json.loads(line)
                    except ValueError as error:
                        rejected.append(Rejected(number, f"no JSON: {error}", line))
                        continue
                    except RecursionError:
                        rejected.append(Rejected(number, "JSON nested too deep", line))
                        continue
                    if isinstance(record, dict):
                        yield line, record
                    else:
                        rejected.append(Rejected(number, "no JSON object", line))
        except UnicodeDecodeError as error:
            raise _foreign(self._place, "JSON lines in UTF-8", error) from error


class JsonRow(list[Any]):
    """The values of a JSON line, and the line."""

    def __init__(self, line: str, values: Iterable[Any]) -> None:
        super().__init__(values)
        self.line = line


Row = tuple[Sequence[Any], Sequence[str]]
"""The values that a row has, and the cells that are added to it."""


def write_table(
    place: str, kind: str, source: Table | None, header: Sequence[str], rows: Iterator[Row], redacted: int | None
) -> None:
    """Write rows with their new cells.

    Parameters
    ----------
    place : str
        A path.
    kind : {"xlsx", "parquet", "jsonl"}
    source : Table or None
        Where the rows come from; None if their values are cells of CSV. One of the same kind keeps types and formats.
    header : sequence of str
        Names of all columns.
    rows : iterator of (values, new cells)
    redacted : int or None
        Column whose values are replaced, if one is.

    Raises
    ------
    OutputError
        If the format can't hold the rows.
    """
    if kind == "xlsx":
        _write_workbook(place, source, header, rows)
    elif kind == "parquet":
        _write_parquet(place, source, header, rows, redacted)
    else:
        _write_json(place, source, header, rows, redacted)


def _write_workbook(place: str, source: Table | None, header: Sequence[str], rows: Iterator[Row]) -> None:
    openpyxl = library("openpyxl", "excel")
    book = openpyxl.Workbook(write_only=True)
    like = source if isinstance(source, WorkbookTable) else None
    illegal = openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE  # XML has no such characters; Excel writes them as _x0001_
    sheet = book.create_sheet(like.title if like is not None else "messages")

    def cell(value: Any) -> Any:
        if like is not None and hasattr(value, "number_format"):
            made = openpyxl.cell.WriteOnlyCell(sheet, value.value)
            made.number_format = value.number_format
            if isinstance(value.value, str) and value.data_type != "f":
                made.data_type = "s"  # «=1+1» that is a text stays one
            return made
        text = value if isinstance(value, str) else source.text(value) if source is not None else str(value)
        if len(text) > _XLSX_CHARS:
            raise OutputError(
                f"expected cells of at most {_XLSX_CHARS:,} characters, which is Excel's limit, found one of "
                f"{len(text):,}; write CSV with --excel"
            )
        made = openpyxl.cell.WriteOnlyCell(sheet, illegal.sub(lambda char: f"_x{ord(char[0]):04X}_", text))
        made.data_type = "s"
        return made

    try:
        sheet.append([cell(name) for name in header])
        for number, (values, new) in enumerate(rows, 2):
            if number > _XLSX_ROWS:
                raise OutputError(
                    f"expected at most {_XLSX_ROWS:,} rows, which is Excel's limit for a sheet, found more; write CSV"
                )
            sheet.append([cell(value) for value in (*values, *new)])
    except BaseException:
        sheet.close()  # it would complain at some later time
        raise
    for title, others in like.other_sheets() if like is not None else ():
        sheet = book.create_sheet(title)
        for row in others:
            sheet.append([None if value.value is None else cell(value) for value in row])
    book.save(place)


def _write_parquet(
    place: str, source: Table | None, header: Sequence[str], rows: Iterator[Row], redacted: int | None
) -> None:
    arrow, parquet = library("pyarrow", "parquet"), library("pyarrow.parquet", "parquet")
    if isinstance(source, ParquetTable):
        batches: Iterator[Any] = source.batches()
    else:
        batches = iter(lambda: None, 0)
    writer = None
    try:
        for batch in batches:
            some = list(islice(rows, _BATCH_ROWS if batch is None else batch.num_rows))
            if not some and writer is not None:
                break
            new = [arrow.array(column, arrow.string()) for column in _columns([row[1] for row in some], header)]
            n_own = len(header) - len(new) if some else len(header)
            if batch is None:
                own = [
                    arrow.array([_text(source, value) for value in column], arrow.string())
                    for column in _columns([row[0] for row in some], header[:n_own])
                ]
            else:
                own = list(batch.columns)
                if redacted is not None:
                    own[redacted] = arrow.array([row[0][redacted] for row in some], arrow.string())
            made = arrow.RecordBatch.from_arrays([*own, *new], names=list(header))
            if writer is None:
                writer = parquet.ParquetWriter(place, made.schema)
            writer.write_batch(made)
            if not some:
                break
        if writer is None:
            own = list(source.schema) if isinstance(source, ParquetTable) else []
            new = [arrow.field(name, arrow.string()) for name in header[len(own) :]]
            parquet.write_table(arrow.schema([*own, *new]).empty_table(), place)
    finally:
        if writer is not None:
            writer.close()


def _write_json(
    place: str, source: Table | None, header: Sequence[str], rows: Iterator[Row], redacted: int | None
) -> None:
    with Path(place).open("w", encoding="utf-8", newline="\n") as file:
        for values, new in rows:
            names = header[len(values) :]
            added = json.dumps(dict(zip(names, new, strict=True)), ensure_ascii=False)
            if isinstance(values, JsonRow) and redacted is None:  # the user's own object, to the digit
                own = values.line.strip()[:-1].rstrip()
            else:
                held = values if isinstance(source, JsonTable) else [_text(source, value) for value in values]
                own = json.dumps(dict(zip(header, held, strict=False)), ensure_ascii=False)[:-1]
            file.write(f"{own}{'' if own == '{' else ', '}{added[1:]}\n")


def _columns(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [[] for _ in header]


def _text(source: Table | None, value: Any) -> str:
    return source.text(value) if source is not None else cast(str, value)


def read_rows(place: str, format: FileFormat) -> Iterator[list[str]]:
    """Give the rows of a CSV that `support_intent.output.RowEncoder` wrote.

    Parameters
    ----------
    place : str
    format : FileFormat
    """
    with storage.open_binary(place, "rb") as stream:
        text = io.TextIOWrapper(stream, encoding=format.encoding, newline="")
        yield from csv.reader(text, delimiter=format.delimiter or ";", quotechar=format.quotechar)


def extract_messages(table: Table, column: int, place: str) -> int:
    """Write a table's messages as a CSV of one column, every cell in quotes.

    Parameters
    ----------
    table : Table
    column : int
    place : str
        A path.

    Returns
    -------
    int
        Number of rows.
    """
    n_rows = 0
    with Path(place).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(["message"])
        for row in table.rows():
            value = row[column] if column < len(row) else None
            writer.writerow([table.text(value)])
            n_rows += 1
    return n_rows


def _foreign(place: str | Path, wanted: str, error: Exception) -> FileFormatError:
    return FileFormatError(f"expected {wanted}, found something else in {place}: {error}; export the messages again")
