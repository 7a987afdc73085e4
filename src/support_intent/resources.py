"""The only reader of packaged data, and of files that a user passes in its place."""

from __future__ import annotations

import tomllib
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from support_intent.errors import ResourceError

SCHEMA = 1
"""The version of the data layout that this package reads; every TOML file states it as ``schema``."""


def resource_path(name: str) -> Path:
    """Return the path of a packaged data file.

    Parameters
    ----------
    name : str
        File name inside ``support_intent/resources``, such as ``"model.npz"``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ResourceError
        If the package was installed without that file.
    """
    path = Path(__file__).with_name("resources") / name
    if not path.is_file():
        raise ResourceError(f"expected the packaged file {name!r}, found nothing at {path}; reinstall support_intent")
    return path


def read_toml(name: str, path: str | Path | None = None) -> dict[str, Any]:
    """Read a TOML data file and check its schema.

    Parameters
    ----------
    name : str
        Name of the packaged file.
    path : str or pathlib.Path, optional
        A file of the user's own to read in its place.

    Returns
    -------
    dict
        The parsed document without its ``schema`` key.

    Raises
    ------
    ResourceError
        If the file is missing, is not TOML, or states another schema.

    Examples
    --------
    >>> sorted(read_toml("channels.toml"))
    ['channels']
    """
    if path is None:
        return deepcopy(_packaged(name))
    return _read(Path(path), name)


@lru_cache
def _packaged(name: str) -> dict[str, Any]:
    return _read(resource_path(name), name)


def _read(source: Path, name: str) -> dict[str, Any]:
    try:
        document = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResourceError(f"expected a readable TOML file, found none at {source}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ResourceError(f"expected TOML in UTF-8 in {source}, found something else: {error}") from error
    found = document.pop("schema", None)
    if found != SCHEMA:
        raise ResourceError(
            f"expected schema = {SCHEMA} at the top of {source}, found {found!r}; "
            f"write the file in the layout of the packaged {name}"
        )
    return document
