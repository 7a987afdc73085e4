"""Libraries that only some formats and engines need."""

from __future__ import annotations

import importlib
from typing import Any

from support_intent.errors import InputError


def library(name: str, extra: str) -> Any:
    """Import a library of an extra.

    Parameters
    ----------
    name : str
        What is imported, for example ``"pyarrow.parquet"``.
    extra : str
        The extra of this package that installs it.

    Returns
    -------
    module

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"expected {name.partition('.')[0]} for this, found it not installed; pip install 'support_intent[{extra}]'"
        ) from error
