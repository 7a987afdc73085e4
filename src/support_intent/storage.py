"""Files by path, and by URL through fsspec, so that workers of a cluster read and write where the data lies."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from support_intent.errors import InputError
from support_intent.extras import library


def is_url(place: str | Path) -> bool:
    """Tell whether a place is a URL (``"s3://bucket/inbox.csv"``), not a path.

    Examples
    --------
    >>> is_url("s3://bucket/inbox.csv"), is_url("C:/inbox.csv")
    (True, False)
    """
    return isinstance(place, str) and "://" in place


def open_binary(place: str | Path, mode: str) -> BinaryIO:
    """Open a file for bytes.

    Parameters
    ----------
    place : str or pathlib.Path
    mode : {"rb", "wb", "xb"}

    Raises
    ------
    OSError
        As the file system says it.
    InputError
        If a URL needs a library that is not installed.
    """
    if is_url(place):
        file_system, path = _file_system(str(place))
        stream: BinaryIO = file_system.open(path, mode)
        return stream
    return Path(place).open(mode)  # type: ignore[return-value]


def joined(place: str | Path, name: str) -> str:
    """Return the place of a file in a folder."""
    return f"{str(place).rstrip('/')}/{name}" if is_url(place) else str(Path(place) / name)


def exists(place: str | Path) -> bool:
    """Tell whether there is a file or folder."""
    if is_url(place):
        file_system, path = _file_system(str(place))
        return bool(file_system.exists(path))
    return Path(place).exists()


def is_folder(place: str | Path) -> bool:
    """Tell whether a place is a folder."""
    if is_url(place):
        file_system, path = _file_system(str(place))
        return bool(file_system.isdir(path))
    return Path(place).is_dir()


def make_folder(place: str | Path) -> None:
    """Make a folder if there is none; its parent must be there already, but for stores that know no folders."""
    if is_url(place):
        file_system, path = _file_system(str(place))
        file_system.makedirs(path, exist_ok=True)
    else:
        Path(place).mkdir(exist_ok=True)


def write_whole(place: str | Path, content: bytes) -> None:
    """Write a file beside its place, to the disk, then rename it, so that no half-written file is ever there."""
    temporary = f"{place}.{secrets.token_hex(4)}.tmp"
    with open_binary(temporary, "wb") as stream:
        stream.write(content)
        sync(stream)
    rename(temporary, place)


def sync(stream: BinaryIO) -> None:
    """Bring what was written to the disk, where the stream is a file of this machine."""
    stream.flush()
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError):  # a remote file, or one in memory, has none
        return
    os.fsync(descriptor)


def rename(old: str | Path, new: str | Path) -> None:
    """Give a file another name, over a file that has it."""
    if is_url(old):
        file_system, path = _file_system(str(old))
        file_system.mv(path, file_system._strip_protocol(str(new)))
    else:
        Path(old).replace(new)


def remove(place: str | Path) -> None:
    """Remove a file, or a folder of files; nothing happens if it is not there."""
    if is_url(place):
        file_system, path = _file_system(str(place))
        if file_system.exists(path):
            file_system.rm(path, recursive=True)
        return
    here = Path(place)
    if here.is_dir():
        shutil.rmtree(here, ignore_errors=True)  # a worker whose parent was killed may still be writing
    else:
        here.unlink(missing_ok=True)


def matching(pattern: str) -> list[str]:
    """Return the files of a pattern (``in/*.csv``, ``in/**/*.csv``) in the order of their names.

    A name without ``*``, ``?`` or ``[`` stands for itself, and so does one of a file that is there.
    """
    if exists(pattern) or not glob.has_magic(pattern):
        return [pattern]
    if is_url(pattern):
        file_system, path = _file_system(pattern)
        return sorted(file_system.unstrip_protocol(name) for name in file_system.glob(path))
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207 – Path.glob takes no absolute pattern
    return sorted(name for name in found if Path(name).is_file())


def _file_system(url: str) -> tuple[Any, str]:
    fsspec = library("fsspec", "dask")
    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise InputError(f"expected a URL that fsspec knows, found {url}: {error}") from error
