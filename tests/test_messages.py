import csv
import io
import itertools
import os
import stat
import tempfile
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support_intent.columns import appended_names, find_message_column
from support_intent.dialect import FileFormat, sniff
from support_intent.errors import ColumnError, FileFormatError, InputError, OutputError
from support_intent.messages import open_messages, open_part
from support_intent.output import OutputFile, RowEncoder

HEADER = ["id", "Дата", "Сообщение"]
ROWS = [
    ["1", "01.02.2024", "Здравствуйте, где моя посылка?"],
    ["2", "02.02.2024", 'Отделение "Северное" закрыто;\nждал | час,\tи ещё\r\nчас\rзря'],
    ["3", "", "=СУММ(A1)"],
    ["=1+1", "-5", " пробелы по краям "],
    ["5", "05.02.2024", ""],
    ["6", "06.02.2024", "Спасибо сотрудникам, всё получила вовремя"],
]
CODE_PAGES = ["cp1251", "cp866", "koi8-r", "mac-cyrillic"]
ENCODINGS = [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"),
             ("utf-16-le", b""), ("utf-16-be", b""), *((name, b"") for name in CODE_PAGES)]  # fmt: skip


def as_csv(rows, delimiter=";", line_end="\r\n"):
    """Write as RFC 4180 says, by hand: the module's own writer must not vouch for itself."""
    special = (delimiter, '"', "\r", "\n")

    def quoted(cell):
        return '"' + cell.replace('"', '""') + '"' if any(char in cell for char in special) else cell

    return "".join(delimiter.join(map(quoted, row)) + line_end for row in rows)


def written(tmp_path, content, encoding="utf-8", name="inbox.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def read(path, n_rows=4_000, **options):
    with open_messages(path, **options) as reader:
        chunks = list(reader.chunks(n_rows))
    return (
        reader,
        [row for chunk in chunks for row in chunk.rows],
        [text for chunk in chunks for text in chunk.messages],
    )


def copied(path, target, appended=("topic",), cell="tracking"):
    """Send a file through reader and writer with one cell appended to every row."""
    with open_messages(path) as reader, OutputFile(target, source=path) as out:
        encoder = RowEncoder(reader.format, reader.header, appended)
        out.write(encoder.preamble())
        for chunk in reader.chunks(2):
            out.write(encoder.encode(chunk.rows, [[cell] * len(chunk.rows) for _ in appended]))
    return reader


# -- every kind of file comes back as it was ------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"], ids=repr)
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"], ids=repr)
@pytest.mark.parametrize(
    ("encoding", "mark"), ENCODINGS, ids=[f"{name}{'+bom' * bool(mark)}" for name, mark in ENCODINGS]
)
def test_round_trip_keeps_every_cell_and_the_dialect(tmp_path, encoding, mark, delimiter, line_end):
    content = mark + as_csv([HEADER, *ROWS], delimiter, line_end).encode(encoding)
    reader = copied(written(tmp_path, content), tmp_path / "out.csv")
    assert reader.format == FileFormat(encoding, bool(mark), delimiter, '"', line_end, True)
    expected = as_csv([[*HEADER, "topic"], *([*row, "tracking"] for row in ROWS)], delimiter, line_end)
    raw = (tmp_path / "out.csv").read_bytes()
    assert raw.startswith(mark)
    text = raw[len(mark) :].decode(encoding)
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)) == [
        [*HEADER, "topic"], *([*row, "tracking"] for row in ROWS)
    ]  # fmt: skip
    assert text == expected
    assert read(tmp_path / "out.csv")[1] == [[*row, "tracking"] for row in ROWS]


def test_an_excel_export_comes_back_byte_for_byte_with_cells_added(tmp_path):
    content = (
        "№;Клиент;Сообщение;Сумма\r\n"
        '1;"ООО ""Ромашка""";"Добрый день!\nГде посылка RA123456785RU;\nжду 2 недели";1 200,50\r\n'
        "2;Иванов И. И.;=A1;-5\r\n"
        "3;+7 900 000-00-00;@кто-нибудь — ответьте…;\r\n"
    )
    copied(written(tmp_path, content, "cp1251"), tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_bytes().decode("cp1251").split("\r\n")
    before = content.split("\r\n")
    assert lines == [f"{before[0]};topic", *(f"{line};tracking" for line in before[1:-1]), ""]


def test_quotes_round_every_cell_and_the_sep_line_are_kept(tmp_path):
    path = written(tmp_path, 'sep=,\n"id","text"\n"1","Где, посылка"\n')
    reader = copied(path, tmp_path / "out.csv")
    assert reader.format.delimiter == ","
    assert (tmp_path / "out.csv").read_text() == 'sep=,\n"id","text","topic"\n"1","Где, посылка","tracking"\n'


@pytest.mark.parametrize("n_rows", [1, 2, 3, 1000])
def test_chunks_of_any_size_give_the_same_rows(tmp_path, n_rows):
    path = written(tmp_path, as_csv([HEADER, *ROWS]))
    reader, rows, messages = read(path, n_rows)
    assert rows == ROWS
    assert messages == [row[2] for row in ROWS]
    with open_messages(path) as again:
        chunks = list(again.chunks(n_rows))
    assert max(len(chunk.rows) for chunk in chunks) <= n_rows
    assert chunks[0].first_line == 2
    assert reader.rejected == []


def test_first_lines_count_line_breaks_inside_cells(tmp_path):
    path = written(tmp_path, 'id;text\n1;"а\nб\nв"\n2;г\n3;д\n')
    with open_messages(path) as reader:
        assert [chunk.first_line for chunk in reader.chunks(1)] == [2, 5, 6]


def in_parts(path, n_bytes):
    with open_messages(path) as reader:
        parts, layout = list(reader.parts(n_bytes)), reader.layout
    rows, rejected = [], []
    for part in parts:
        with open_part(path, layout, part) as reader:
            rows += [row for chunk in reader.chunks(3) for row in chunk.rows]
            rejected += reader.rejected
    return parts, rows, rejected


@pytest.mark.parametrize("n_bytes", [1, 60, 10_000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "cp1251"])
def test_parts_give_the_rows_of_the_whole_file(tmp_path, encoding, n_bytes, monkeypatch):
    monkeypatch.setattr("support_intent.messages._LINES_AT_ONCE", 1)
    content = as_csv([HEADER, *ROWS * 3]) + '7;"не закрыта\r\n' + as_csv([["8", "", "а", "лишняя"], *ROWS])
    path = written(tmp_path, content, encoding)
    reader, rows, _ = read(path)
    assert len(reader.rejected) == 2
    parts, again, rejected = in_parts(path, n_bytes)
    assert (again, rejected) == (rows, reader.rejected)
    assert all(this.start + this.size == following.start for this, following in itertools.pairwise(parts))
    assert parts[-1].start + parts[-1].size == path.stat().st_size
    assert (len(parts) == 1) == (n_bytes == 10_000)


# -- encodings --------------------------------------------------------------------------------------------------------

SHORT = [
    "сообщение\r\nпосылка не пришла, где она?\r\n",
    "ДАТА;ТЕКСТ ОБРАЩЕНИЯ\r\n01.02.2024;Где моя посылка?\r\n",
    "ID;ТЕКСТ\r\n1;ГДЕ МОЯ ПОСЫЛКА, Я ЖДУ ЕЁ МЕСЯЦ\r\n",
    "id,message\r\n1,Списали деньги дважды\r\n2,Верните объявление и объясните\r\n",
    "id;text\r\n1;Я не получала извещения из отделения\r\n",
    "Вопрос\r\nКакой индекс у улицы Ленина в Юрге\r\n",
    "ФИО;КОММЕНТАРИЙ\r\nЩукин Э. Ю.;Очередь — два часа…\r\nЯшина Ё. Я.;Грубят\r\n",
]


@pytest.mark.parametrize(("text", "encoding"), list(itertools.product(SHORT, CODE_PAGES)))
def test_code_pages_are_told_apart_on_short_files(text, encoding):
    text = text if encoding in ("cp1251", "mac-cyrillic") else text.replace("—", "-").replace("…", "...")
    found = sniff(text.encode(encoding)).encoding
    assert text.encode(encoding).decode(found) == text


def test_numbers_with_hard_spaces_are_no_russian_letters():
    assert sniff("Цена;n\r\n1\xa0000;5\r\n2\xa0500;7\r\n".encode("cp1251")).encoding == "cp1251"


@pytest.mark.parametrize("shift", range(4))
def test_a_character_cut_by_the_sample_does_no_harm(tmp_path, shift):
    path = written(tmp_path, "text\n" + "x" * shift + "\n" + "длинное сообщение 😀\n" * 40_000)
    reader, rows, _ = read(path)
    assert reader.format.encoding == "utf-8"
    assert len(rows) == 40_001


def test_a_byte_of_another_encoding_is_placed(tmp_path):
    start = "text\r\n" + "обычное сообщение\r\n" * 60_000
    path = written(tmp_path, start.encode() + "чужое".encode("cp1251") + b"\r\n")
    offset = len(start.encode())
    words = rf"expected utf-8 .* found the byte 0xF7 at offset {offset}, line 60002 of .*inbox.csv; .* --encoding"
    with pytest.raises(FileFormatError, match=words):
        read(path)


def test_the_offset_counts_the_byte_order_mark(tmp_path):
    path = written(tmp_path, b"\xef\xbb\xbftext\n" + "да\n".encode() + b"\xff\n")
    with pytest.raises(FileFormatError, match="0xFF at offset 13, line 3"):
        read(path)


def test_damaged_utf_8_is_not_taken_for_a_code_page():
    sample = ("text\n" + "Где посылка\n" * 9).encode() + b"\xd0 \n"
    with pytest.raises(FileFormatError, match="expected utf-8 text"):
        sniff(sample)


@pytest.mark.parametrize(
    ("asked", "content", "encoding", "has_bom"),
    [
        ("windows-1251", "текст\nда\n".encode("cp1251"), "cp1251", False),
        ("utf-8-sig", b"\xef\xbb\xbftext\n", "utf-8", True),
        ("utf-16", "text\nда\n".encode("utf-16"), "utf-16-le", True),
        ("utf-16", "text\nда\n".encode("utf-16-be"), "utf-16-be", False),
        ("koi8-r", "text\nда\n".encode("cp1251"), "koi8-r", False),
    ],
)
def test_an_encoding_asked_for_is_taken(asked, content, encoding, has_bom):
    found = sniff(content, encoding=asked)
    assert (found.encoding, found.has_bom) == (encoding, has_bom)


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"a", {"encoding": "cp125l"}, "expected the name of an encoding, found 'cp125l'; take utf-8"),
        (b"a", {"encoding": "hex"}, "expected the name of an encoding, found 'hex'"),
        (b"\xef\xbb\xbfa", {"encoding": "cp1251"}, "expected cp1251 as asked, found the byte order mark of utf-8"),
        ("да".encode("cp1251"), {"encoding": "utf-8"}, "found the byte 0xE4 at offset 0, line 1"),
        (b"a", {"delimiter": ";;"}, "expected one character as the delimiter, found ';;'; take , ; | or tab"),
        (b"a", {"delimiter": '"'}, "expected one character as the delimiter"),
        (
            "größe;naïve;façade;ñandú\n".encode("cp1252") * 9,
            {},
            "Russian code page, .*name the encoding with --encoding",
        ),
    ],
)
def test_options_and_encodings_that_do_not_fit_are_said(content, options, words):
    with pytest.raises(FileFormatError, match=words):
        sniff(content, **options)


# -- delimiters and headers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "delimiter", "has_header"),
    [
        ("id;text\n1;Здравствуйте, где, когда, как\n2;Да, нет\n", ";", True),
        ('id,text\n1,"a;b;c;d"\n2,"e;f;g;h"\n', ",", True),
        ("id\ttext\n1\tда, нет; ну|вот\n", "\t", True),
        ("Город|Отзыв\nОмск|Хорошо\n", "|", True),
        ("сообщение\nЗдравствуйте, где посылка\nДа\n", "", True),
        ("Здравствуйте, где посылка\nПривет, жду\nДа, да, нет\n", "", False),
        ("1;Где посылка\n2;Сколько стоит\n", ";", False),
        ("Колонка а;Колонка б\n1;Где посылка\n2;Сколько стоит\n", ";", True),
        ("Текст обращения клиента;Код\nда;нет\n", ";", True),
        ("id;text;note\n1;да\n2;нет\n3;ну\n", ";", True),
        ("Привет\nГде посылка\n", "", False),
    ],
)
def test_delimiter_and_header_are_found(text, delimiter, has_header):
    found = sniff(text.encode())
    assert (found.delimiter, found.has_header) == (delimiter, has_header)


def test_what_is_known_is_not_guessed():
    found = sniff(b"id;text\n1;a\n", delimiter="tab", header=False)
    assert (found.delimiter, found.has_header) == ("\t", False)


def test_a_file_without_header_stays_without_one(tmp_path):
    path = written(tmp_path, "1;Где посылка\n2;Сколько стоит\n")
    reader = copied(path, tmp_path / "out.csv")
    assert reader.header == ["column_1", "column_2"]
    assert reader.column_name == "column_2"
    assert (tmp_path / "out.csv").read_text() == "1;Где посылка;tracking\n2;Сколько стоит;tracking\n"


def test_lines_of_plain_text_are_one_column(tmp_path):
    lines = ["Где посылка, когда; как\tбыть", '"Северное" отделение закрыто', "", "Да"]
    path = written(tmp_path, "\n".join(["Первая, строка", *lines]))
    reader, _, messages = read(path)
    assert messages == ["Первая, строка", *lines]
    assert reader.rejected == []


def test_notes_say_what_was_found(tmp_path):
    path = written(tmp_path, "a;b;c;Дата;Сообщение\n1;2;3;4;Где посылка\n", "cp1251")
    reader, _, _ = read(path)
    assert reader.notes == ["encoding cp1251, delimiter ';', message column 'Сообщение' (5 of 5)"]


# -- the message column -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "row", "wanted", "column"),
    [
        (["id", "MESSAGE", "Комментарий"], ["1", "да", "длинный ответ оператора"], None, 1),
        (["Номер обращения", "Суть"], ["17", "Где моя посылка"], None, 1),
        (["Тема обращения", "Текст обращения клиента"], ["Почта", "Где моя посылка"], None, 1),
        (["text", "Отзыв"], ["", "Где моя посылка"], None, 1),
        (["a", "b", "c"], ["Омск", "где моя посылка", "12"], None, 1),
        (["a", "b"], ["1", "gde moya posylka"], None, 1),
        (["text", "text"], ["да", "Где моя посылка"], None, 1),
        (["a", "Суть"], ["да", "нет"], "суть", 1),
        (["a", "b"], ["да", "нет"], 2, 1),
        (["a", "b"], ["да", "нет"], "2", 1),
        (["2", "1"], ["да", "нет"], "1", 1),
        (["Text", "text"], ["да", "нет"], "text", 1),
    ],
)
def test_the_message_column_is_found(header, row, wanted, column):
    assert find_message_column(header, [row], wanted) == column


@pytest.mark.parametrize(
    ("header", "wanted", "words"),
    [
        (["id", "message"], "mesage", "expected a column 'mesage', found 1 'id', 2 'message'; did you mean 'message'?"),
        (["id", "message"], 3, "expected a column 3, found 1 'id', 2 'message'; give a name or a number"),
        (["id", "message"], 0, "expected a column 0"),
        (["text", "text"], "text", "expected one column 'text', found it at 1 and 2 of .*; give the number"),
        (["a", "b"], None, "expected a column of messages, found no text in 1 'a', 2 'b'; name one with --column"),
    ],
)
def test_a_column_that_is_not_there_is_said(header, wanted, words):
    with pytest.raises(ColumnError, match=words.replace("?", r"\?")):
        find_message_column(header, [["1", "2"]], wanted)


# -- crooked rows: each line of a file is in a row or rejected, and nothing else is -----------------------------------


UNCLOSED = "a quote that is not closed"
AFTER = "text after a closing quote"
FRAGMENT = "no whole row, after the quote not closed in line 2"


@pytest.mark.parametrize(
    ("content", "rows", "rejected"),
    [
        ("id;text\n1\n2;да\n", [["1"], ["2", "да"]], []),
        ("id;text\n1;да;нет\n2;да\n", [["2", "да"]], [(2, "3 cells in a file of 2 columns", "1;да;нет\n")]),
        ("id;text\n1;да;;\n", [["1", "да"]], []),
        ("id;text\n\n1;да\n\n", [[], ["1", "да"], []], []),
        ("\n\nid;text\n1;да\n", [["1", "да"]], []),
        ("id;text\n1;да\r2;нет\r\n3;ну\n", [["1", "да"], ["2", "нет"], ["3", "ну"]], []),
        ("id;text\n1;да" + "!" * 20 + "\0нет\n", [["1", "да" + "!" * 20 + "\0нет"]], []),
        ('id;text\n1;5" труба\n', [["1", '5" труба']], []),
        ('id;text\n1;"да\n2;нет\n3;ну\n', [["2", "нет"], ["3", "ну"]], [(2, UNCLOSED, '1;"да\n')]),
        ('id;text\n1;"да\n2;"нет"\n3;ну\n', [["2", "нет"], ["3", "ну"]], [(2, UNCLOSED, '1;"да\n')]),
        ('id;text\n1;да\n2;"нет', [["1", "да"]], [(3, UNCLOSED, '2;"нет')]),
        ('id;text\n1;"ООО "Мир" где"\n2;да\n', [["2", "да"]], [(2, AFTER, '1;"ООО "Мир" где"\n')]),
        ('id;text\n1;"да\nещё\n2;"нет"\n', [["2", "нет"]],
         [(2, UNCLOSED, '1;"да\n'), (3, FRAGMENT, "ещё\n")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("n_rows", [1, 2, 1000])
def test_crooked_rows(tmp_path, content, rows, rejected, n_rows):
    reader, found, _ = read(written(tmp_path, content), n_rows)
    assert found == rows
    assert [(each.line, each.text) for each in reader.rejected] == [(line, text) for line, _, text in rejected]
    for each, (_, reason, _) in zip(reader.rejected, rejected, strict=True):
        assert each.reason.startswith(reason)


@given(st.text(alphabet='аб";\r\n', max_size=60), st.integers(1, 5))
@settings(deadline=None)
def test_no_letter_is_lost_or_moved_by_any_mess_of_quotes(body, n_rows):
    with tempfile.TemporaryDirectory() as directory:
        path = written(Path(directory), "id;text\r\n" + body)
        options = {"delimiter": ";", "header": True, "encoding": "utf-8"}
        reader, rows, _ = read(path, n_rows, **options)
        whole, all_rows, _ = read(path, 1_000, **options)
    assert (rows, reader.rejected) == (all_rows, whole.rejected)
    kept = Counter("".join(cell for row in rows for cell in row) + "".join(each.text for each in reader.rejected))
    assert (kept["а"], kept["б"]) == (body.count("а"), body.count("б"))
    assert all(each.text in body for each in reader.rejected)
    assert all(len(row) <= 2 for row in rows)


def test_notes_count_what_was_odd(tmp_path):
    reader, _, _ = read(written(tmp_path, "id;text\n\n1;да;\n2;да;нет\n"))
    assert reader.notes[1:] == [
        "1 blank lines kept as empty rows",
        "1 rows had empty cells beyond the last column, which were left out",
        "1 lines rejected",
    ]


def test_short_rows_are_filled_so_that_new_cells_stand_under_their_names(tmp_path):
    copied(written(tmp_path, "id;text;note\n1\n\n2;да;нет\n"), tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == "id;text;note;topic\n1;;;tracking\n;;;tracking\n2;да;нет;tracking\n"


@pytest.mark.parametrize("cell", ["я" * 10_000_000, ("строка" * 20 + "\n") * 90_000], ids=["one line", "many lines"])
def test_a_cell_of_ten_megabytes_is_read(tmp_path, cell):
    path = written(tmp_path, f'id;text\n1;"{cell}"\n2;да\n')
    reader, rows, _ = read(path)
    assert rows == [["1", cell], ["2", "да"]]
    assert reader.rejected == []


def test_an_unclosed_quote_does_not_swallow_a_large_file(tmp_path):
    lines = [f"{i};Где моя посылка, подскажите\n" for i in range(100_000)]
    path = written(tmp_path, "id;text\n" + "".join(lines[:10]) + '10;"открыто\n' + "".join(lines[11:]))
    reader, rows, _ = read(path)
    assert [(each.line, each.text) for each in reader.rejected] == [(12, '10;"открыто\n')]
    assert len(rows) == len(lines) - 1
    assert rows[10][0] == "11"


def test_quotes_that_never_close_are_refused_in_linear_time(tmp_path):
    path = written(tmp_path, "id;text\n" + ("x" * 400 + '";"\n') * 100_000)
    with pytest.raises(FileFormatError, match="expected quotes that close, found too many open ones up to line"):
        read(path)


def test_a_wrong_delimiter_is_said_before_memory_fills(tmp_path):
    path = written(tmp_path, "id,text\n" + ("1,да," + "нет" * 1_000 + "\n") * 20_000)
    with pytest.raises(FileFormatError, match=r"expected rows of 2 cells, found .* name the right delimiter"):
        read(path)


def test_memory_does_not_grow_with_the_file(tmp_path):
    peaks = []
    for n_lines in (30_000, 150_000):
        path = written(tmp_path, "id;text\n" + "1;Где моя посылка, скажите\n" * n_lines)
        tracemalloc.start()
        with open_messages(path) as reader:
            for _ in reader.chunks(1_000):
                pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


# -- what is no message file ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "expected a header and rows, found an empty file: .*a.csv"),
        ("a.csv", b"\xef\xbb\xbf\r\n \r\n", "found nothing but blank space"),
        ("a.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "found a PNG picture"),
        ("a.csv", b"PK\x03\x04\x14\0\x06\0word/document.xml", "found a zip archive"),
        (
            "a.csv",
            b"PK\x03\x04\x14\0\x06\0xl/workbook.xml",
            r"found an Excel workbook \(.xlsx\).*save it as «CSV UTF-8»",
        ),
        ("a.xlsx", b"PK\x03\x04\x14\0\x06\0", r"found an Excel workbook"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "found an old Office file"),
        ("a.xls", b"\n<html><table><tr><td>1", "found a web page"),
        ("a.pdf", b"%PDF-1.7\n", "found a PDF"),
        ("a.csv", bytes(range(256)) * 20, "found binary data"),
        ("a.csv", b'id;"text\n1;2\n', "expected column names in line 1 of .*a.csv, found a quote that is not closed"),
    ],
)
def test_what_is_no_message_file_is_said(tmp_path, name, content, words):
    with pytest.raises(FileFormatError, match=words):
        open_messages(written(tmp_path, content, name=name), header=True)


def test_places_that_hold_no_file_are_said(tmp_path):
    with pytest.raises(FileFormatError, match="found a directory"):
        open_messages(tmp_path)
    with pytest.raises(FileFormatError, match=r"found nothing at .*; check the path"):
        open_messages(tmp_path / "none.csv")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileFormatError, match="found a pipe or device"):
        open_messages(tmp_path / "pipe")


def test_a_header_alone_is_a_file_without_rows(tmp_path):
    reader = copied(written(tmp_path, "id;text"), tmp_path / "out.csv")
    assert reader.header == ["id", "text"]
    assert (tmp_path / "out.csv").read_bytes() == b"id;text;topic\r\n"


# -- writing ----------------------------------------------------------------------------------------------------------

PLAIN = FileFormat("utf-8", False, ";", '"', "\n", True)


def output(format, header, appended, rows, columns, guard=False):
    encoder = RowEncoder(format, header, appended, guard=guard)
    return (encoder.preamble() + encoder.encode(rows, columns)).decode(format.encoding)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_only_our_cells_are_guarded_against_formulas(start):
    cell = f"{start}1+1"
    text = output(PLAIN, ["a"], ["b"], [[cell]], [[cell]])
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))[1] == [cell, f"'{cell}"]


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("@кто", "'@кто"),
        ("-5", "-5"),
        ("+7,50", "+7,50"),
        ("+7 900 00", "'+7 900 00"),
        ("где", "где"),
    ],
)
def test_guarding_all_cells_leaves_numbers_and_texts(cell, guarded):
    text = output(PLAIN, ["=a"], ["b"], [[cell]], [["x"]], guard=True)
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=";")) == [["'=a", "b"], [guarded, "x"]]


@pytest.mark.parametrize(
    ("header", "names", "unique"),
    [
        (["text"], ["topic"], ["topic"]),
        (["topic"], ["topic"], ["topic_predicted"]),
        (["Topic "], ["topic"], ["topic_predicted"]),
        (["topic", "topic_predicted"], ["topic"], ["topic_predicted_2"]),
        (["topic", "topic_predicted", "topic_predicted_2"], ["topic"], ["topic_predicted_3"]),
        ([], ["a", "a"], ["a", "a_predicted"]),
    ],
)
def test_new_names_differ_from_those_there_are(header, names, unique):
    assert appended_names(header, names) == unique


def test_an_empty_cell_alone_in_its_row_is_no_blank_line():
    assert output(PLAIN, ["a"], [], [[""], ["x"]], []) == 'a\n""\nx\n'


def test_arguments_are_left_as_they_were():
    rows, columns = [["1"], ["2", "3"]], [["=x", "y"]]
    output(PLAIN, ["a", "b"], ["c"], rows, columns)
    assert (rows, columns) == ([["1"], ["2", "3"]], [["=x", "y"]])


def test_a_value_that_the_encoding_lacks_is_named():
    with pytest.raises(OutputError, match="expected values that cp1251 can write, found '→' in column 'b'"):
        output(replace(PLAIN, encoding="cp1251"), ["a"], ["b"], [["1"]], [["туда → сюда"]])


@pytest.mark.parametrize(
    ("rows", "columns", "words"),
    [
        ([["1"]], [], "expected 1 columns of 1 cells to append"),
        ([["1"]], [["x", "y"]], r"expected 1 columns of 1 cells to append, found lengths \[2\]"),
        ([["1", "2"]], [["x"]], "expected rows of at most 1 cells, found one of 2"),
    ],
)
def test_cells_that_would_land_elsewhere_are_refused(rows, columns, words):
    with pytest.raises(InputError, match=words):
        output(PLAIN, ["a"], ["b"], rows, columns)


def test_nothing_half_written_is_left_after_an_error(tmp_path):
    target = written(tmp_path, "old", name="out.csv")
    with pytest.raises(KeyboardInterrupt), OutputFile(target) as out:
        out.write(b"new")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_is_replaced_and_stays_private(tmp_path):
    target = written(tmp_path, "old", name="out.csv")
    target.chmod(0o600)
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    with OutputFile(link) as out:
        out.write(b"new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert link.is_symlink()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == [link, target]


def test_the_input_is_never_the_output(tmp_path):
    path = written(tmp_path, "id;text\n1;да\n")
    link = tmp_path / "same.csv"
    link.hardlink_to(path)
    for target in (path, link):
        with pytest.raises(OutputError, match="expected another file for the result, found the input itself"):
            copied(path, target)
    assert path.read_text() == "id;text\n1;да\n"


def test_places_that_cannot_be_written_are_said(tmp_path):
    with pytest.raises(OutputError, match=r"expected a directory for .*out.csv, found none at .*none; make it first"):
        OutputFile(tmp_path / "none" / "out.csv")
    with pytest.raises(OutputError, match="expected a file to write, found a directory"):
        OutputFile(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no full device")
def test_a_full_disk_is_said():
    with (
        pytest.raises(OutputError, match="expected to write /dev/full, found: No space left on device"),
        OutputFile("/dev/full") as out,
    ):
        out.write(b"new")


def test_a_broken_pipe_stays_one():
    read_end, write_end = os.pipe()
    os.close(read_end)
    with (
        os.fdopen(write_end, "wb", buffering=0) as stream,
        pytest.raises(BrokenPipeError),
        OutputFile(stream) as out,
    ):
        out.write(b"new")


def test_a_stream_is_left_open():
    stream = io.BytesIO()
    with OutputFile(stream) as out:
        out.write(b"new")
    assert stream.getvalue() == b"new"
