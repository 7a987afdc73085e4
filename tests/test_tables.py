"""Formats that are no CSV: values, types and other columns come back as they were, with ours beside them."""

import bz2
import csv
import datetime
import gzip
import io
import json
import lzma

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest
import zstandard

from support_intent import classify_file
from support_intent.batch import COLUMNS
from support_intent.errors import FileFormatError, InputError, OutputError
from support_intent.packing import packing, unpack
from support_intent.tables import kind_of, open_table

TEXTS = ["Где посылка RA123456785RU?", "Оператор нахамила,\nхочу пожаловаться", "", "=1+1", "сколько стоит письмо"]
DAY = datetime.datetime(2026, 2, 1, 10, 30)


def rows_of(path, encoding="utf-8", delimiter=","):
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.reader(file, delimiter=delimiter))


@pytest.fixture
def told(model):
    """What the model says of `TEXTS`: topic by row."""
    return [analysis.topic for analysis in model.analyze(TEXTS)]


@pytest.fixture
def workbook(tmp_path):
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Обращения"
    sheet.append(["id", "дата", "Сообщение", "сумма"])
    for number, text in enumerate(TEXTS):
        sheet.append([number, DAY, text, 10.5])
        sheet.cell(sheet.max_row, 3).data_type = "s"
        sheet.cell(sheet.max_row, 2).number_format = "DD.MM.YYYY"
    book.create_sheet("справочник").append(["код", 7])
    path = tmp_path / "inbox.xlsx"
    book.save(path)
    return path


def test_a_workbook_keeps_types_formats_and_other_sheets(workbook, told, model, tmp_path):
    target = tmp_path / "out.xlsx"
    summary = classify_file(workbook, target, model=model)
    assert summary.n_messages == len(TEXTS)
    book = openpyxl.load_workbook(target)
    assert book.sheetnames == ["Обращения", "справочник"]
    header, *rows = book["Обращения"].iter_rows()
    assert [cell.value for cell in header] == ["id", "дата", "Сообщение", "сумма", *COLUMNS]
    assert [row[4].value for row in rows] == told
    for number, (row, text) in enumerate(zip(rows, TEXTS, strict=True)):
        assert [row[0].value, row[1].value, row[2].value or "", row[3].value] == [number, DAY, text, 10.5]
        assert row[1].number_format == "DD.MM.YYYY"
    assert rows[3][2].data_type == "s", "«=1+1» is a text, not a formula"
    assert [cell.value for cell in next(book["справочник"].iter_rows())] == ["код", 7]


def test_a_workbook_becomes_a_csv_that_excel_opens(workbook, told, model, tmp_path):
    target = tmp_path / "out.csv"
    classify_file(workbook, target, model=model)
    assert target.read_bytes().startswith(b"\xef\xbb\xbfid;")
    header, *rows = rows_of(target, "utf-8-sig", ";")
    assert header == ["id", "дата", "Сообщение", "сумма", *COLUMNS]
    assert [row[:4] for row in rows] == [[str(i), "2026-02-01 10:30:00", text, "10.5"] for i, text in enumerate(TEXTS)]
    assert [row[4] for row in rows] == told


def test_a_csv_becomes_a_workbook_of_texts(told, model, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.xlsx"
    with source.open("w", encoding="cp1251", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["индекс", "сообщение"], *(["012345", text] for text in TEXTS)])
    classify_file(source, target, model=model)
    header, *rows = openpyxl.load_workbook(target).active.iter_rows(values_only=True)
    assert header == ("индекс", "сообщение", *COLUMNS)
    assert [row[0] for row in rows] == ["012345"] * len(TEXTS), "a leading zero is kept"
    assert [row[1] or "" for row in rows] == TEXTS
    assert [row[2] for row in rows] == told


def test_cells_that_a_sheet_cannot_hold_are_said(model, tmp_path):
    source = tmp_path / "in.csv"
    source.write_text("message\n" + "а" * 40_000 + "\n", encoding="utf-8")
    with pytest.raises(OutputError, match="expected cells of at most 32,767 characters, which is Excel's limit, found"):
        classify_file(source, tmp_path / "out.xlsx", model=model)


def test_parquet_keeps_types(told, model, tmp_path):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = pyarrow.table(
        {
            "id": pyarrow.array(range(5), pyarrow.int16()),
            "message": [text or None for text in TEXTS],
            "at": pyarrow.array([1_700_000_000_123_456_789] * 5, pyarrow.timestamp("ns", "UTC")),
            "tags": [["а", "б"]] * 5,
        }
    )
    pyarrow.parquet.write_table(table, source)
    classify_file(source, target, model=model)
    result = pyarrow.parquet.read_table(target)
    assert result.select(range(4)).equals(table)
    assert result.column_names == [*table.column_names, *COLUMNS]
    assert result["topic"].to_pylist() == told


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.xlsx"])
def test_parquet_becomes_other_formats(name, told, model, tmp_path):
    source = tmp_path / "in.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"message": TEXTS, "n": [1, 2, 3, None, 5]}), source)
    classify_file(source, tmp_path / name, model=model)
    if name == "out.csv":
        _, *rows = rows_of(tmp_path / name)
    elif name == "out.jsonl":
        rows = [list(json.loads(line).values()) for line in (tmp_path / name).read_text("utf-8").splitlines()]
    else:
        _, *rows = openpyxl.load_workbook(tmp_path / name).active.iter_rows(values_only=True)
    assert [[row[0] or "", row[1] or "", row[2]] for row in rows] == [
        [text, n, topic] for text, n, topic in zip(TEXTS, ["1", "2", "3", "", "5"], told, strict=True)
    ]


def test_an_empty_parquet_file_stays_one(model, tmp_path):
    source, target = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"message": pyarrow.array([], pyarrow.string())}), source)
    assert classify_file(source, target, model=model).n_messages == 0
    assert pyarrow.parquet.read_table(target).column_names == ["message", *COLUMNS]


def test_json_lines_keep_every_object_and_say_what_is_none(told, model, tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    own = [json.dumps({"text": text, "n": 1}, ensure_ascii=False)[:-1] + ', "price": 1.10}' for text in TEXTS]
    lines = [own[0], "{broken", *own[1:3], "[1]", "", *own[3:], '{"other": {"a": [1]}}']
    source.write_text("\n".join(lines), encoding="utf-8")
    summary = classify_file(source, target, model=model)
    assert [(record.line, record.reason.partition(":")[0]) for record in summary.rejected] == [
        (2, "no JSON"), (5, "no JSON object"),
    ]  # fmt: skip
    with (tmp_path / "out.jsonl.rejected.csv").open(encoding="utf-8", newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["line", "2", "5"]
    results = target.read_text("utf-8").splitlines()
    assert all(result.startswith(line[:-1]) for result, line in zip(results, [*own, lines[-1]], strict=True))
    assert [json.loads(result)["topic"] for result in results][:5] == told


def test_redaction_reaches_every_format(model, tmp_path):
    text = "звоните 8 900 123-45-67, id 1"
    for name in ("in.jsonl", "in.parquet", "in.xlsx"):
        source = tmp_path / name
        if name == "in.jsonl":
            source.write_text(json.dumps({"id": "7", "message": text}), encoding="utf-8")
        elif name == "in.parquet":
            pyarrow.parquet.write_table(pyarrow.table({"id": ["7"], "message": [text]}), source)
        else:
            book = openpyxl.Workbook()
            book.active.append(["id", "message"])
            book.active.append(["7", text])
            book.save(source)
        for target in (tmp_path / f"out{source.suffix}", tmp_path / "out.csv"):
            classify_file(source, target, model=model, redacted=True)
            made = open_table(target)
            first = (
                next(iter(made.rows()))[1]
                if made is not None
                else rows_of(target, "utf-8-sig", ";" if "xlsx" in name else ",")[1][1]
            )
            assert getattr(first, "value", first) == "звоните [ТЕЛЕФОН], id 1"


PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", PACKED)
def test_packed_files_are_read_and_written(suffix, told, model, tmp_path):
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["message", "n"], *([text, 1] for text in TEXTS)])
    plain, source = tmp_path / "in.csv", tmp_path / f"in.csv{suffix}"
    plain.write_bytes(text.getvalue().encode())
    source.write_bytes(PACKED[suffix](plain.read_bytes()))
    classify_file(plain, tmp_path / "out.csv", model=model)
    classify_file(source, tmp_path / f"out.csv{suffix}", model=model)
    made = io.BytesIO()
    with (tmp_path / f"out.csv{suffix}").open("rb") as packed:
        unpack(packed, made, "out")
    assert made.getvalue() == (tmp_path / "out.csv").read_bytes()
    assert [row[2] for row in rows_of(tmp_path / "out.csv")[1:]] == told


@pytest.mark.parametrize("suffix", PACKED)
def test_a_packed_file_that_was_cut_off_is_said(suffix, model, tmp_path):
    source = tmp_path / f"in.csv{suffix}"
    source.write_bytes(PACKED[suffix](("message\n" + "".join(f"{i}\n" for i in range(9_999))).encode())[:-20])
    with pytest.raises(FileFormatError, match=r"expected a whole packed file, found a damaged one: .*; copy it again"):
        classify_file(source, tmp_path / "out.csv", model=model)


def test_packing_gives_the_same_bytes_each_time():
    packed = [io.BytesIO(), io.BytesIO()]
    for stream in packed:
        with packing(stream, ".gz") as out:
            out.write(b"message\n")
    assert packed[0].getvalue() == packed[1].getvalue()


def test_a_stream_can_be_the_source(told, model, tmp_path):
    source = io.BytesIO(gzip.compress("".join(["message\n", "Где посылка\n"]).encode()))
    assert classify_file(source, tmp_path / "out.csv", model=model).topics["tracking"] == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.xlsx", b"id;text\n", r"expected an Excel workbook \(.xlsx\), found something else in .*a.xlsx"),
        ("a.parquet", b"id;text\n", "expected a Parquet table, found something else in .*a.parquet"),
        ("a.jsonl", b"id;text\n", "expected a JSON object in every line, found none: .*a.jsonl"),
        ("a.jsonl", b'{"a": "\xff"}\n', "expected JSON lines in UTF-8, found something else in .*a.jsonl"),
    ],
)
def test_what_a_file_is_not_is_said(tmp_path, model, name, content, words):
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(FileFormatError, match=words):
        classify_file(source, tmp_path / "out.csv", model=model)
    with pytest.raises(FileFormatError, match="found nothing at"):
        classify_file(tmp_path / f"none-{name}", tmp_path / "out.csv", model=model)
    assert list(tmp_path.iterdir()) == [source]


def test_a_column_can_be_named(workbook, model, tmp_path):
    summary = classify_file(workbook, tmp_path / "out.csv", model=model, column="Сообщение")
    assert summary.n_messages == 5
    with pytest.raises(InputError, match="expected a column 'текст'"):
        classify_file(workbook, tmp_path / "other.csv", model=model, column="текст")


def test_tables_at_a_url_are_said(model, tmp_path):
    with pytest.raises(InputError, match=r"expected a CSV at the URL file:///in.xlsx, found the name of another"):
        classify_file("file:///in.xlsx", tmp_path / "out.csv", model=model)
    assert list(tmp_path.iterdir()) == []


def test_formats_go_by_the_name():
    assert [kind_of(name) for name in ("a.XLSX", "a.parquet", "a.ndjson", "a.csv", "a")] == [
        "xlsx", "parquet", "jsonl", "csv", "csv",
    ]  # fmt: skip
