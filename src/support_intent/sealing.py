"""Personal data sealed into placeholders, to be put back only by who has the key."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from support_intent.errors import InputError, OutputError
from support_intent.extras import library

_KEY_BYTES = 32
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")  # no digits, so that no number is found in it again
_NIBBLES = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
_SEALED = re.compile(r"\[[А-Я]+:((?:[a-p]{2}){17,})\]|\[EMAIL:((?:[a-p]{2}){17,})\]")


def new_key(path: str | Path) -> bytes:
    """Make a key and write it to a file that only its owner may read.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    bytes

    Raises
    ------
    OutputError
        If the file is there already or can't be written: a key is never written over.
    """
    key = secrets.token_bytes(_KEY_BYTES)
    try:
        Path(path).touch(mode=0o600, exist_ok=False)
        Path(path).write_text(key.hex() + "\n", encoding="ascii")
    except OSError as error:
        raise OutputError(
            f"expected to write a new key to {path}, found: {error.strerror}; name another place"
        ) from error
    return key


def load_key(path: str | Path) -> bytes:
    """Read a key.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    bytes

    Raises
    ------
    InputError
        If the file holds no key.
    """
    expected = f"expected a key of {2 * _KEY_BYTES} hexadecimal digits in {path}"
    try:
        key = bytes.fromhex(Path(path).read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise InputError(f"{expected}, found: {error}; take the file that --redact --key wrote") from error
    if len(key) != _KEY_BYTES:
        raise InputError(f"{expected}, found {2 * len(key)}; take the file that --redact --key wrote")
    return key


def seal(datum: str, placeholder: str, key: bytes) -> str:
    """Return a placeholder that holds what it stands for.

    Sealed by AES-SIV (RFC 5297), which gives the same for the same and tells if it was changed.

    Parameters
    ----------
    datum : str
    placeholder : str
        For example ``"[ИМЯ]"``.
    key : bytes

    Returns
    -------
    str
        For example ``"[ИМЯ:…]"`` with letters from a to p.
    """
    sealed = _cipher(key).encrypt(datum.encode("utf-8", "surrogatepass"), None)
    return f"{placeholder[:-1]}:{sealed.hex().translate(_LETTERS)}]"


def restore(text: str, key: bytes) -> str:
    """Put back what `support_intent.redact` sealed.

    Parameters
    ----------
    text : str
    key : bytes
        That it was sealed with.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a placeholder was sealed with another key, or changed.
    """
    cryptography = library("cryptography.exceptions", "seal")

    def opened(match: re.Match[str]) -> str:
        sealed = bytes.fromhex((match[1] or match[2]).translate(_NIBBLES))
        try:
            return str(_cipher(key).decrypt(sealed, None), "utf-8", "surrogatepass")
        except cryptography.InvalidTag as error:
            raise InputError(
                f"expected placeholders that this key opens, found another at character {match.start()}; "
                "take the key that the text was redacted with"
            ) from error

    return _SEALED.sub(opened, text)


def _cipher(key: bytes):  # type: ignore[no-untyped-def]  # the library is an extra
    return library("cryptography.hazmat.primitives.ciphers.aead", "seal").AESSIV(key)
