"""Messages → tokens as columns: one byte a letter, spans found by numpy, no object for a token.

A block of messages is encoded to the one-byte Cyrillic code page, mapped through a table of 256
entries (case, ё→е, digits→0, everything else→space) and cut where words begin and end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from support_intent.hashing import PADDING, IntArray, KeyArray, hash_spans

CODE_PAGE = "cp1251"
NUMBER, LATIN, STRANGE = 1, 2, 4

_SPACE = 0x20
_UNKNOWN = ord("?")  # what encoding puts in the place of a letter outside the code page


def _letter_table() -> bytes:
    table = bytearray([_SPACE]) * 256
    for code in range(256):
        letter = bytes([code]).decode(CODE_PAGE, "replace")
        if letter.isdigit():
            table[code] = ord("0")
        elif letter.isalpha() and letter != "\ufffd":
            table[code] = letter.lower().replace("ё", "е").encode(CODE_PAGE)[0]
    return bytes(table)


def _kind_table() -> NDArray[np.uint8]:
    kinds = np.zeros(256, np.uint8)
    kinds[list(b"0123456789@")] = NUMBER
    kinds[list(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = LATIN
    kinds[list(b"?\xad")] = STRANGE  # \xad: soft hyphen
    return kinds


_LETTERS = _letter_table()
_KINDS = _kind_table()
_ORDINARY = bytes(code for code in range(256) if not _KINDS[code])
_ENDS = b".!?;\n" + "…".encode(CODE_PAGE)
_ENDS_SENTENCE = np.isin(np.arange(256), list(_ENDS))
_LETTERS_AND_ENDS = bytes(ord("\n") if code in _ENDS else _LETTERS[code] for code in range(256))


def encode_one(message: str) -> bytes:
    """Encode one message as `encode` does, without the line feed."""
    return message.replace("?", "!").encode(CODE_PAGE, "replace")


def oddity(data: bytes) -> int:
    """Tell why the table alone can't read one encoded message, as `oddities` does for a block."""
    kind = 0
    for code in set(data.translate(None, _ORDINARY)):
        kind |= int(_KINDS[code])
    return kind


def split(data: bytes) -> list[list[bytes]]:
    """Cut one encoded message into sentences and their tokens, as `tokenize` does a block.

    Examples
    --------
    >>> [[token.decode("cp1251") for token in sentence] for sentence in split(encode_one("Где? Ёлка 12..."))]
    [['где'], ['елка', '00']]
    """
    return [tokens for sentence in data.translate(_LETTERS_AND_ENDS).split(b"\n") if (tokens := sentence.split())]


class Block(NamedTuple):
    """Messages as one run of bytes, each followed by a line feed."""

    data: bytes
    lengths: NDArray[np.int64]  # (n_messages,) in bytes, without the line feed


class TokenTable(NamedTuple):
    """The tokens of a block as columns."""

    data: bytes  # the mapped block and its padding
    starts: NDArray[np.int64]  # (n_tokens,)
    lengths: NDArray[np.int64]  # (n_tokens,)
    hashes: KeyArray  # (n_tokens,)
    indptr: IntArray  # (n_messages + 1,) message i owns tokens indptr[i]:indptr[i + 1]
    sentences: IntArray  # (n_sentences + 1,) as `indptr`; none goes over a message's end, none is empty

    def text(self, position: int) -> bytes:
        """Return the bytes of one token."""
        start = int(self.starts[position])
        return self.data[start : start + int(self.lengths[position])]

    def texts(self, positions: NDArray[np.intp]) -> list[bytes]:
        """Return the bytes of some tokens."""
        starts = self.starts[positions]
        ends = starts + self.lengths[positions]
        return [self.data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


def encode(messages: Sequence[str]) -> Block:
    """Encode messages, one byte a letter; what the code page lacks becomes ``?``.

    Question marks of the text become exclamation marks first, so that a ``?`` in the result says «not in the code
    page».
    """
    lengths = np.fromiter(map(len, messages), np.int64, len(messages))
    joined = "\n".join(messages).replace("?", "!")
    return Block(joined.encode(CODE_PAGE, "replace") + b"\n", lengths)


def oddities(block: Block) -> NDArray[np.uint8]:
    """Tell which messages the table alone can't read, and why.

    Returns
    -------
    ndarray of uint8, shape (n_messages,)
        `NUMBER` (digits or an at sign), `LATIN` and `STRANGE` (signs outside the code page, soft hyphens), added up;
        0 for an ordinary message.
    """
    if not len(block.lengths):
        return np.zeros(0, np.uint8)
    ends = np.cumsum(block.lengths + 1)
    kinds = _KINDS[np.frombuffer(block.data, np.uint8)]
    return np.bitwise_or.reduceat(kinds, ends - block.lengths - 1)


def splice(block: Block, rows: NDArray[np.intp], messages: Sequence[str]) -> Block:
    """Put other texts in the place of some messages of a block.

    Parameters
    ----------
    block : Block
    rows : ndarray of intp, shape (n,)
        Positions of the messages to replace, ascending.
    messages : sequence of str, length n
        The texts that replace them.
    """
    if not len(rows):
        return block
    ends = np.cumsum(block.lengths + 1)
    pieces, done = [], 0
    for row, message in zip(rows.tolist(), messages, strict=True):
        end = int(ends[row])
        pieces.append(block.data[done : end - 1 - int(block.lengths[row])])
        pieces.append(message.encode(CODE_PAGE, "replace") + b"\n")
        done = end
    pieces.append(block.data[done:])
    lengths = block.lengths.copy()
    lengths[rows] = np.fromiter(map(len, messages), np.int64, len(messages))
    return Block(b"".join(pieces), lengths)


def tokenize(block: Block) -> TokenTable:
    """Cut a block into tokens: maximal runs of letters and digits, lower case, ё as е, every digit as 0.

    Examples
    --------
    >>> table = tokenize(encode(["Где посылка 12?", "", "Ёлка!"]))
    >>> [table.text(i).decode("cp1251") for i in range(len(table.hashes))]
    ['где', 'посылка', '00', 'елка']
    >>> table.indptr.tolist()
    [0, 3, 3, 4]
    >>> tokenize(encode(["Где посылка? Верните деньги.", "да"])).sentences.tolist()
    [0, 2, 4, 5]
    """
    data = block.data.translate(_LETTERS)
    is_letter = np.frombuffer(data, np.uint8) > _SPACE
    edges = np.flatnonzero(is_letter[1:] != is_letter[:-1]) + 1
    if is_letter[0]:
        edges = np.concatenate(([0], edges))
    starts, ends = edges[0::2], edges[1::2]  # the last byte is a line feed, so every run ends
    padded = data + PADDING
    lengths = ends - starts
    hashes = hash_spans(padded, starts, lengths)
    indptr = np.zeros(len(block.lengths) + 1, np.int32)
    indptr[1:] = np.searchsorted(starts, np.cumsum(block.lengths + 1))
    ends = np.flatnonzero(_ENDS_SENTENCE[np.frombuffer(block.data, np.uint8)])
    firsts = np.flatnonzero(np.diff(np.searchsorted(ends, starts), prepend=-1))
    sentences = np.append(firsts, len(starts)).astype(np.int32)
    return TokenTable(padded, starts, lengths, hashes, indptr, sentences)


def join_tables(tables: Sequence[TokenTable]) -> TokenTable:
    """Put the messages of several tables behind one another, as one table.

    Parameters
    ----------
    tables : sequence of TokenTable, at least one

    Examples
    --------
    >>> one, two = tokenize(encode(["Где посылка?"])), tokenize(encode(["Верните. Деньги"]))
    >>> both = join_tables([one, two])
    >>> both.text(2).decode("cp1251"), both.indptr.tolist(), both.sentences.tolist()
    ('верните', [0, 2, 4], [0, 2, 3, 4])
    """
    starts, offset, n_tokens = [], 0, 0
    indptr, sentences = [np.zeros(1, np.int32)], [np.zeros(1, np.int32)]
    for table in tables:
        starts.append(table.starts + offset)
        indptr.append(table.indptr[1:] + n_tokens)
        sentences.append(table.sentences[1:] + n_tokens)
        offset += len(table.data)
        n_tokens += len(table.starts)
    return TokenTable(
        b"".join(table.data for table in tables),
        np.concatenate(starts),
        np.concatenate([table.lengths for table in tables]),
        np.concatenate([table.hashes for table in tables]),
        np.concatenate(indptr).astype(np.int32),
        np.concatenate(sentences).astype(np.int32),
    )


def as_messages(table: TokenTable, is_chosen: NDArray[np.bool_]) -> TokenTable:
    """Make a message of each of some sentences.

    Parameters
    ----------
    table : TokenTable
    is_chosen : ndarray of bool, shape (n_sentences,)

    Examples
    --------
    >>> table = as_messages(tokenize(encode(["Где посылка? Жду. Верните деньги"])), np.array([True, False, True]))
    >>> [table.text(i).decode("cp1251") for i in range(len(table.hashes))], table.indptr.tolist()
    (['где', 'посылка', 'верните', 'деньги'], [0, 2, 4])
    """
    sizes = np.diff(table.sentences)
    tokens = np.repeat(is_chosen, sizes)
    indptr = np.concatenate(([0], np.cumsum(sizes[is_chosen]))).astype(np.int32)
    return TokenTable(table.data, table.starts[tokens], table.lengths[tokens], table.hashes[tokens], indptr, indptr)


def token_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield the character offsets of the tokens of one text, in order.

    The same cut as `tokenize`, for showing a text with its words marked.

    Examples
    --------
    >>> list(token_spans("Где, Ёлка?"))
    [(0, 3), (5, 9)]
    """
    table = tokenize(encode([text]))
    for start, length in zip(table.starts.tolist(), table.lengths.tolist(), strict=True):
        yield start, start + length
