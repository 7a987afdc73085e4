"""Packed files: gzip, bzip2, xz and zstd, told by their first bytes when read and by their names when written."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from support_intent.errors import FileFormatError
from support_intent.extras import library

_PACKINGS = {".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ\x00", ".zst": b"\x28\xb5\x2f\xfd"}
"""Suffixes, and the first bytes: RFC 1952, the manuals of bzip2 and xz, RFC 8878."""
_BLOCK = 1 << 20


class Writable(Protocol):
    """Something that takes bytes."""

    def write(self, data: bytes, /) -> Any:
        """Write some bytes."""


def packing_of(place: str | Path) -> str:
    """Tell how a file is packed by its name.

    Examples
    --------
    >>> packing_of("inbox.csv.gz"), packing_of("inbox.csv")
    ('.gz', '')
    """
    suffix = Path(str(place)).suffix.lower()
    return suffix if suffix in _PACKINGS else ""


def unpack(source: BinaryIO, target: Writable, name: str) -> None:
    """Copy what a file holds, packed or not.

    Parameters
    ----------
    source : binary stream
        It need not be able to seek.
    target : binary stream
    name : str
        What to call the source in an error.

    Raises
    ------
    FileFormatError
        If it is packed and damaged.
    """
    start = source.read(8)
    suffix = next((suffix for suffix, mark in _PACKINGS.items() if start.startswith(mark)), "")
    try:
        stream = cast(BinaryIO, _Begun(start, source))
        if suffix == ".zst":
            _unpack_zstd(stream, target)
            return
        stream = _opened(stream, suffix, "rb")
        while block := stream.read(_BLOCK):
            target.write(block)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise FileFormatError(
            f"expected a whole packed file, found a damaged one: {name}: {error}; copy it again"
        ) from error


@contextmanager
def packing(target: Writable, suffix: str) -> Iterator[Writable]:
    """Pack what is written, so that the same bytes give the same file.

    Parameters
    ----------
    target : binary stream
    suffix : str
        As `packing_of` tells it; with ``""``, bytes are written as they are.
    """
    if not suffix:
        yield target
        return
    stream = _opened(cast(BinaryIO, _Flushed(target)), suffix, "wb")
    yield stream
    stream.close()


class _Begun:
    """A stream of which the start was read already."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start, self._rest = start, rest

    def read(self, n: int = -1) -> bytes:
        start, self._start = (self._start, b"") if n < 0 else (self._start[:n], self._start[n:])
        return start + self._rest.read(n - len(start) if n >= 0 else n)


class _Flushed:
    """A stream as the packers ask for it."""

    def __init__(self, target: Writable) -> None:
        self.write = target.write

    def flush(self) -> None:
        """Nothing is held back here."""


def _opened(stream: BinaryIO, suffix: str, mode: str) -> BinaryIO:
    opened: Any = stream
    if suffix == ".gz":
        opened = gzip.GzipFile(filename="", fileobj=stream, mode=mode, mtime=0)
    elif suffix == ".bz2":
        opened = bz2.open(stream, mode)  # noqa: SIM115 – whoever asked closes it
    elif suffix == ".xz":
        opened = lzma.open(stream, mode)  # noqa: SIM115
    elif suffix == ".zst":
        opened = library("zstandard", "zstd").ZstdCompressor().stream_writer(stream, closefd=False)
    return cast(BinaryIO, opened)


def _unpack_zstd(source: BinaryIO, target: Writable) -> None:
    """Unpack frame by frame, as the library's own reader takes a cut-off file for a whole one."""
    zstandard = library("zstandard", "zstd")
    frame = None
    while block := source.read(_BLOCK):
        while block:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            try:
                target.write(frame.decompress(block))
            except zstandard.ZstdError as error:
                raise EOFError(str(error)) from error
            block = frame.unused_data
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("it ends inside a frame")
