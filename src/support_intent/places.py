"""Where a token stands in its message: requests open and close messages, what lies between is the story."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from support_intent.tokens import TokenTable

PLACES = ("first", "last", "first three", "last three", "opening sentence", "closing sentence")
"""Places by bit: the first holds 1, the last 32. A token is in several; a lone sentence neither opens nor closes."""

N_PLACES = 1 << len(PLACES)

_FIRST, _LAST, _FIRST_THREE, _LAST_THREE, _OPENING, _CLOSING = (1 << bit for bit in range(len(PLACES)))
_EDGE = 3  # words at either end of a message
_SHORT = 3  # letters below which a word says nothing by itself

CONTENT, FRAME_WORD, SHORT_WORD = range(3)
"""Kinds of tokens: what has a place; greetings, thanks, names and the like; other words of one or two letters."""

PlaceArray = NDArray[np.uint8]


def token_places(table: TokenTable, is_frame: NDArray[np.bool_]) -> PlaceArray:
    """Say where each token of a block stands.

    Parameters
    ----------
    table : TokenTable
    is_frame : ndarray of bool, shape (n_tokens,)
        Greetings, thanks, names and the like: they have no place, and the others stand as if these were not there.
        So it is with whole sentences that hold nothing else but short words, as signatures are.

    Returns
    -------
    ndarray of uint8, shape (n_tokens,)
        Bits of `PLACES`.
    """
    is_content = ~is_frame & (table.lengths >= _SHORT)
    contents = np.concatenate(([0], np.cumsum(is_content)))[table.sentences]  # before each sentence
    is_frame = is_frame | np.repeat(np.diff(contents) == 0, np.diff(table.sentences))
    counted = np.concatenate(([0], np.cumsum(~is_frame)))  # tokens before each that are not of the frame
    bounds, sentences = counted[table.indptr], np.unique(counted[table.sentences])
    places = np.zeros(counted[-1], np.uint8)
    firsts, ends = bounds[:-1], bounds[1:]
    lengths = ends - firsts
    for distance in range(_EDGE):
        reached = np.flatnonzero(lengths > distance)
        places[firsts[reached] + distance] |= _FIRST_THREE | _FIRST * (distance == 0)
        places[ends[reached] - 1 - distance] |= _LAST_THREE | _LAST * (distance == 0)
    filled = np.flatnonzero(lengths)
    opening_ends = sentences[np.searchsorted(sentences, firsts[filled], side="right")]
    closing_starts = sentences[np.searchsorted(sentences, ends[filled], side="left") - 1]
    several = opening_ends < ends[filled]
    places[_spans(firsts[filled][several], opening_ends[several])] |= _OPENING
    places[_spans(closing_starts[several], ends[filled][several])] |= _CLOSING
    placed = np.zeros(len(is_frame), np.uint8)
    placed[~is_frame] = places
    return placed


def places_of(sentences: Sequence[Sequence[int]]) -> list[int]:
    """Say where each token of one message stands, as `token_places` does.

    Parameters
    ----------
    sentences : sequence of sequence of int
        The kind of each token of each sentence: `CONTENT`, `FRAME_WORD` or `SHORT_WORD`.

    Examples
    --------
    >>> places_of([[FRAME_WORD], [CONTENT, SHORT_WORD], [CONTENT], [FRAME_WORD, SHORT_WORD]])
    [0, 29, 28, 46, 0, 0]
    """
    kinds = [sentence if CONTENT in sentence else [FRAME_WORD] * len(sentence) for sentence in sentences]
    sizes = [size for sentence in kinds if (size := len(sentence) - sentence.count(FRAME_WORD))]
    n_tokens = sum(sizes)
    places = [0] * n_tokens
    for distance in range(min(_EDGE, n_tokens)):
        places[distance] |= _FIRST_THREE
        places[n_tokens - 1 - distance] |= _LAST_THREE
    if n_tokens:
        places[0] |= _FIRST
        places[-1] |= _LAST
    if len(sizes) > 1:
        for token in range(sizes[0]):
            places[token] |= _OPENING
        for token in range(n_tokens - sizes[-1], n_tokens):
            places[token] |= _CLOSING
    counted = iter(places)
    return [0 if kind == FRAME_WORD else next(counted) for sentence in kinds for kind in sentence]


def kind_of(token: bytes, is_frame: bool) -> int:
    """Return the kind of a token.

    Parameters
    ----------
    token : bytes
    is_frame : bool
        Whether it is a greeting, thanks, a name or the like.
    """
    return FRAME_WORD if is_frame else CONTENT if len(token) >= _SHORT else SHORT_WORD


def _spans(starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return all positions from each start to its end."""
    sizes = ends - starts
    return np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
