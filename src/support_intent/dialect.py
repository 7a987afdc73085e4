"""What a message file is written in: encoding, delimiter, line ends, header. Found in its first megabyte."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import log
from pathlib import Path
from typing import BinaryIO

import charset_normalizer

from support_intent import storage
from support_intent.errors import FileFormatError

SAMPLE_BYTES = 1_000_000
"""Bytes from the start of a file that its format is found in."""

MESSAGE_NAMES = (
    "message", "text", "сообщение", "текст", "обращение", "текст сообщения", "текст обращения", "message_text",
    "вопрос", "отзыв", "жалоба", "комментарий", "body", "question", "review", "comment", "content", "описание",
)  # fmt: skip
"""Names of a message column, the likeliest first; compared without regard to case."""

_OTHER_NAMES = frozenset({
    "id", "№", "n", "номер", "дата", "date", "время", "time", "created_at", "тема", "topic", "subject", "intent",
    "label", "канал", "channel", "источник", "source", "статус", "status", "фио", "имя", "name", "клиент", "customer",
    "author", "телефон", "phone", "email", "e-mail", "город", "city", "автор", "оператор", "оценка", "rating", "writer",
    "also",
})  # fmt: skip
_SAMPLE_RECORDS = 200
_FIELD_LIMIT = 2**31 - 1  # the most that csv takes on every platform
_SEP_LINE = re.compile(r'"?sep=(.)"?(?:\r\n|\r|\n)', re.IGNORECASE)  # Excel's own; it never shows it as a row
_NUMERIC = re.compile(r"[\d\s.,:/+()№%-]*\d[\d\s.,:/+()№%-]*")

_BOMS = (  # longest first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_BINARY = (  # first bytes, from the formats' specifications
    (b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"GIF8", "a GIF picture"), (b"%PDF-", "a PDF"),
    (b"\x1f\x8b", "a gzip archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Rar!\x1a", "a RAR archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office file (.xls or .doc)"), (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet table"), (b"PK\x03\x04", "a zip archive"), (b"PK\x05\x06", "an empty zip archive"),
)  # fmt: skip
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r")) + b"\x7f"  # no text is full of these
_MARKUP = re.compile(rb"\s*<(!doctype html|html|table|\?xml)", re.IGNORECASE)

# Share of each letter in Russian texts, per cent: Lyashevskaya & Sharov, Frequency Dictionary of Modern Russian (2009);
# ё, which most texts there spell as е, has ten times its share.
_LETTERS = {
    letter: log(share / 100)
    for letter, share in zip(
        "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",
        (10.97, 8.45, 8.01, 7.35, 6.70, 6.26, 5.47, 4.73, 4.54, 4.40, 3.49, 3.21, 2.98, 2.81, 2.62, 2.01, 1.90,
         1.74, 1.70, 1.65, 1.59, 1.44, 1.21, 0.97, 0.94, 0.73, 0.64, 0.48, 0.36, 0.32, 0.26, 0.04, 0.4),
        strict=True,
    )
}  # fmt: skip
_TYPOGRAPHY = frozenset("«»„“”‘’—–…№§°€•\u00a0·−×")
_FOREIGN_LETTER, _MARK, _STRAY = log(1e-5), log(3e-3), log(1e-6)  # Cyrillic not of Russian; _TYPOGRAPHY; the rest
_TITLE, _CAPITALS, _UNLIKELY = log(0.3), log(0.3), log(1e-3)  # Title, CAPITALS, and what Russian does not do
_FAMILIAR = 4.0  # nats that a word of a header, or one of the most frequent words, adds
_FAMILIAR_WORDS = frozenset(
    " ".join((*MESSAGE_NAMES, *_OTHER_NAMES, "не на что как где мне по за из от мы вы это её всё ещё")).split()
)
_CYRILLIC_WORD = re.compile(r"[\u0400-\u04ff]+")
_NOT_RUSSIAN = re.compile(
    r"^[ьъы]|[аеёиоуыэюя][ьъы]|ъ(?![еёюяи])|[0-9a-z](?=[\u0400-\u04ff])|[\u0400-\u04ff](?=[0-9a-z])"
)
_CODE_PAGES = (("cp1251", 0.0), ("cp866", log(0.05)), ("koi8-r", log(0.05)), ("mac-cyrillic", log(0.05)))
_PLAUSIBLE = -7.0  # mean log-likelihood per byte: Russian in capitals has about -4, a wrong code page -8 and less


@dataclass(frozen=True, slots=True)
class FileFormat:
    r"""How a message file is written.

    Parameters
    ----------
    encoding : str
        Python's name, without the byte order mark: ``"utf-8"``, ``"utf-16-le"``, ``"cp1251"``.
    has_bom : bool
        Whether a byte order mark comes first.
    delimiter : str
        One character, or ``""`` for a file of one column, where no character divides a line.
    quotechar : str
    line_end : str
        ``"\r\n"``, ``"\n"`` or ``"\r"``; the most frequent one.
    has_header : bool
    is_all_quoted : bool
        Whether every cell stands in quotes, not only those that need them.
    has_sep_line : bool
        Whether a line ``sep=;`` for Excel comes first.
    """

    encoding: str
    has_bom: bool
    delimiter: str
    quotechar: str
    line_end: str
    has_header: bool
    is_all_quoted: bool = False
    has_sep_line: bool = False

    @property
    def bom(self) -> bytes:
        """The bytes before the first character."""
        return next((mark for mark, name in _BOMS if name == self.encoding), b"") if self.has_bom else b""


def sniff(
    path_or_sample: str | Path | bytes,
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool | None = None,
) -> FileFormat:
    r"""Find how a message file is written.

    Parameters
    ----------
    path_or_sample : str, pathlib.Path or bytes
        A file, or its first bytes.
    encoding, delimiter : str, optional
        What is known already; ``"tab"`` is a delimiter too.
    header : bool, optional
        Whether the first row names the columns, if that is known.

    Returns
    -------
    FileFormat

    Raises
    ------
    FileFormatError
        If there is no such file, or it is empty, binary, or in no encoding that can be told.

    Examples
    --------
    >>> found = sniff("Дата;Сообщение\\r\\n01.02.2024;Где посылка?\\r\\n".encode("cp1251"))
    >>> found.encoding, found.delimiter, found.has_header
    ('cp1251', ';', True)
    """
    delimiter = _checked_delimiter(delimiter)
    sample, name, is_cut = _sample(path_or_sample)
    encoding, has_bom = _encoding(sample, name, encoding)
    text = sample_text(sample, encoding, name)
    found = FileFormat(encoding, has_bom, delimiter or "", '"', _line_end(text), has_header=bool(header))
    hint = _SEP_LINE.match(text)
    if hint:
        found = replace(found, has_sep_line=True, delimiter=delimiter or hint[1])
    text = table_text(text)
    if not text.strip():
        raise FileFormatError(f"expected a header and rows, found nothing but blank space: {name}; check the export")
    if not found.delimiter:
        found = replace(found, delimiter=_delimiter(text, is_cut))
    records = sample_records(text, found.delimiter, is_cut)
    has_header = _has_header(records) if header is None else header
    return replace(found, has_header=has_header, is_all_quoted=_is_all_quoted(text, records, found))


def sample_text(sample: bytes, encoding: str, name: str) -> str:
    """Decode the first bytes of a file; a byte order mark, and a character cut at the end, are left out.

    Parameters
    ----------
    sample : bytes
    encoding : str
    name : str
        What to call the file in an error.

    Returns
    -------
    str

    Raises
    ------
    FileFormatError
        If the bytes are not of that encoding.
    """
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample, final=False).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise undecodable(io.BytesIO(sample), encoding, name) from error


def table_text(text: str) -> str:
    """Return a file's text from its first record on, without ``sep=;`` and blank lines before it."""
    hint = _SEP_LINE.match(text)
    return text[hint.end() if hint else 0 :].lstrip("\r\n")


def undecodable(stream: BinaryIO, encoding: str, name: str) -> FileFormatError:
    """Return the error that says where a file stops being of an encoding.

    Parameters
    ----------
    stream : binary file
        Read from its start, once more.
    encoding : str
    name : str
        What to call the file.

    Returns
    -------
    FileFormatError
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = io.IncrementalNewlineDecoder(decoder, translate=True)
    n_read, line = 0, 1
    while True:
        block = stream.read(SAMPLE_BYTES)
        n_read += len(block)
        try:
            line += lines.decode(block, final=not block).count("\n")
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding, "replace")
            line += len(re.findall(r"\r\n?|\n", before))
            return FileFormatError(
                f"expected {encoding} text, as the file's start suggests or as was asked, found the byte "
                f"0x{error.object[error.start]:02X} at offset {n_read - len(error.object) + error.start}, "
                f"line {line} of {name}; name the right encoding with --encoding, or save the file as «CSV UTF-8»"
            )
        if not block:
            return FileFormatError(f"expected {encoding} text in {name}, found other bytes; name it with --encoding")


def sample_records(text: str, delimiter: str, is_cut: bool) -> list[list[str]]:
    """Parse the first records of a text leniently, blank lines left out.

    Parameters
    ----------
    text : str
    delimiter : str
    is_cut : bool
        Whether the text goes on, so that its last record may not be whole.

    Returns
    -------
    list of list of str
    """
    raise_field_limit()
    rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter or "\x1f"), _SAMPLE_RECORDS))
    if is_cut and 1 < len(rows) < _SAMPLE_RECORDS:
        rows.pop()
    return [row for row in rows if row]


def raise_field_limit() -> None:
    """Let csv read cells of any size; its limit is the process's, so that it is only ever raised."""
    if csv.field_size_limit() < _FIELD_LIMIT:
        csv.field_size_limit(_FIELD_LIMIT)


def _sample(source: str | Path | bytes) -> tuple[bytes, str, bool]:
    if isinstance(source, bytes):
        sample, name, is_cut = source[:SAMPLE_BYTES], "the sample", len(source) >= SAMPLE_BYTES
    elif storage.is_url(source):
        name = str(source)
        try:
            with storage.open_binary(source, "rb") as stream:
                sample = stream.read(SAMPLE_BYTES)
                is_cut = bool(stream.read(1))
        except OSError as error:
            raise FileFormatError(f"expected a readable file, found {name}: {error}; check the URL") from error
    else:
        path = Path(source)
        name = str(path)
        if path.is_dir():
            raise FileFormatError(f"expected a message file, found a directory: {path}; name a file in it")
        if not path.exists():
            raise FileFormatError(f"expected a message file, found nothing at {path}; check the path")
        if not path.is_file():
            raise FileFormatError(
                f"expected a file that can be read twice, found a pipe or device: {path}; save it to a file"
            )
        try:
            with path.open("rb") as stream:
                sample = stream.read(SAMPLE_BYTES)
                is_cut = bool(stream.read(1))
        except OSError as error:
            raise FileFormatError(
                f"expected a readable file, found {path}: {error.strerror}; check its permissions"
            ) from error
    if not sample:
        raise FileFormatError(f"expected a header and rows, found an empty file: {name}; check the export")
    looks_like = next((words for start, words in _BINARY if sample.startswith(start)), None)
    if looks_like == "a zip archive" and (b"xl/" in sample or Path(name).suffix.lower() in {".xlsx", ".xlsm", ".xlsb"}):
        raise FileFormatError(
            f"expected a CSV file, found an Excel workbook (.xlsx): {name}; open it in Excel and save it as «CSV UTF-8»"
        )
    if looks_like is None and _MARKUP.match(sample):
        looks_like = "a web page or XML, which some CRMs call .xls"
    if looks_like:
        raise FileFormatError(f"expected a CSV file, found {looks_like}: {name}; export the messages as CSV")
    return sample, name, is_cut


def _encoding(sample: bytes, name: str, asked: str | None) -> tuple[str, bool]:
    marked = next((encoding for mark, encoding in _BOMS if sample.startswith(mark)), None)
    if asked is not None:
        wanted = _checked_encoding(asked)
        if marked is not None and not marked.startswith(wanted):
            raise FileFormatError(
                f"expected {asked} as asked, found the byte order mark of {marked} at the start of {name}; "
                "leave out --encoding"
            )
        if wanted in ("utf-16", "utf-32"):
            return marked or _utf_16(sample) or f"{wanted}-le", marked is not None
        return wanted, marked is not None
    if marked is not None:
        return marked, True
    found = _utf_16(sample) or _utf_8(sample, name)
    if found is None and len(sample.translate(None, _CONTROLS)) < 0.99 * len(sample):
        raise FileFormatError(f"expected a CSV file, found binary data: {name}; export the messages as CSV")
    return found or _code_page(sample, name), False


def _checked_encoding(asked: str) -> str:
    try:
        "".encode(asked)
        name = codecs.lookup(asked).name
    except LookupError as error:
        raise FileFormatError(
            f"expected the name of an encoding, found {asked!r}; "
            "take utf-8, utf-16, cp1251, cp866, koi8-r or mac-cyrillic"
        ) from error
    return "utf-8" if name == "utf-8-sig" else name


def _checked_delimiter(asked: str | None) -> str | None:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(asked, asked) if asked is not None else None
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise FileFormatError(f"expected one character as the delimiter, found {asked!r}; take , ; | or tab")
    return delimiter


def _utf_16(sample: bytes) -> str | None:
    """Return UTF-16's name if every other byte is the high byte of Latin or Cyrillic."""
    n_units = len(sample) // 2
    if n_units == 0:
        return None
    high = [sum(sample[start : 2 * n_units : 2].count(byte) for byte in (0, 4)) / n_units for start in (0, 1)]
    if max(high) < 0.7 or min(high) > 0.3:
        return None
    return "utf-16-be" if high[0] > high[1] else "utf-16-le"


def _utf_8(sample: bytes, name: str) -> str | None:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample, final=False)
    except UnicodeDecodeError:
        text = sample.decode("utf-8", "replace")
        n_bad = text.count("\ufffd")
        n_good = sum(char > "\x7f" for char in text) - n_bad
        if n_good > 4 * n_bad:  # by chance, hardly a pair of a code page's bytes is UTF-8
            raise undecodable(io.BytesIO(sample), "utf-8", name) from None
        return None
    # a valid UTF-8 text can still be a binary file of small numbers
    return "utf-8" if len(text.translate(dict.fromkeys(_CONTROLS))) >= 0.9 * len(text) else None


def _code_page(sample: bytes, name: str) -> str:
    """Return the code page in which the sample reads most like Russian.

    A word is as likely as its letters are frequent, less where it breaks Russian spelling (capitals inside, a soft sign
    after a vowel, a digit stuck to a letter). Code pages swap cases and shift letters, so that wrong ones break these.
    """
    runs: Iterator[bytes] = (match[0] for match in re.finditer(rb"[0-9A-Za-z\x80-\xff]+", sample))
    words = Counter(islice((run for run in runs if not run.isascii()), 20_000))
    n_bytes = sum(n * sum(byte > 0x7F for byte in word) for word, n in words.items())
    scores = {
        encoding: prior + sum(n * _russian(word.decode(encoding, "replace")) for word, n in words.items())
        for encoding, prior in _CODE_PAGES
    }
    best = max(scores, key=lambda encoding: scores[encoding])
    if scores[best] / n_bytes < _PLAUSIBLE:
        guess = charset_normalizer.from_bytes(sample).best()
        hint = f"; perhaps it is {guess.encoding}" if guess is not None else ""
        raise FileFormatError(
            f"expected UTF-8, UTF-16 or a Russian code page, found bytes that read as Russian in none: {name}{hint}; "
            "name the encoding with --encoding"
        )
    return best


def _russian(run: str) -> float:
    """Return the log-likelihood of a run of letters, marks and digits as Russian."""
    score = 0.0
    for char in run.lower():
        if "\u0400" <= char <= "\u04ff":
            score += _LETTERS.get(char, _FOREIGN_LETTER)
        elif char > "\x7f":
            score += _MARK if char in _TYPOGRAPHY else _STRAY
    for word in _CYRILLIC_WORD.findall(run):
        if len(word) > 1 and word.lower() in _FAMILIAR_WORDS:
            score += _FAMILIAR
        if not word.islower():
            score += _CAPITALS if word.isupper() and len(word) > 1 else _TITLE if word.istitle() else _UNLIKELY
    return score + _UNLIKELY * len(_NOT_RUSSIAN.findall(run.lower()))


def _line_end(text: str) -> str:
    ends = Counter(re.findall(r"\r\n|\r|\n", re.sub(r'"[^"]*"', "", text)))  # cells may hold others
    return ends.most_common(1)[0][0] if ends else "\r\n"


def _delimiter(text: str, is_cut: bool) -> str:
    """Return the delimiter that cuts most records into as many cells as the first, or ``""``."""
    found = []
    for delimiter in ";\t,|":
        records = sample_records(text, delimiter, is_cut)
        width = len(records[0])
        share = sum(len(row) == width for row in records) / len(records)
        n_spaced = sum(cell.startswith(" ") for row in records for cell in row[1:])
        is_prose = 2 * n_spaced > sum(len(row) - 1 for row in records)  # punctuation has a space after it
        is_named = any(_is_known(cell) for cell in records[0])
        enough = 0.0 if is_named else 0.8 if delimiter == "," else 0.5
        if width > 1 and share >= enough and (is_named or not is_prose):
            found.append((share, width, delimiter))
    return max(found, key=lambda each: each[:2])[2] if found else ""


def _is_known(cell: str) -> bool:
    name = cell.strip(" \ufeff").casefold()
    return name in MESSAGE_NAMES or name in _OTHER_NAMES


def _has_header(records: list[list[str]]) -> bool:
    """Tell whether the first record names columns; in doubt it does not, so that no message is taken for a name."""
    first, rest = records[0], records[1:]
    if any(map(_is_known, first)):
        return True
    if any(len(cell) > 40 or cell.rstrip().endswith((".", "?", "!")) or _NUMERIC.fullmatch(cell) for cell in first):
        return False
    if any(name in cell.casefold() for cell in first for name in MESSAGE_NAMES):
        return len(first) > 1 or len(first[0].split()) < 4
    if len(first) == 1 or not rest or len(set(first)) < len(first):
        return False
    columns = [[row[i] for row in rest if i < len(row)] for i in range(len(first))]
    n_numeric = (sum(bool(_NUMERIC.fullmatch(cell)) for cell in column) for column in columns)
    return any(n > 0.8 * len(rest) for n in n_numeric)


def _is_all_quoted(text: str, records: list[list[str]], found: FileFormat) -> bool:
    out = io.StringIO(newline="")
    csv.writer(
        out,
        delimiter=found.delimiter or "\x1f",
        quotechar=found.quotechar,
        lineterminator=found.line_end,
        quoting=csv.QUOTE_ALL,
    ).writerows(records[:5])
    return text.startswith(out.getvalue().rstrip("\r\n"))
