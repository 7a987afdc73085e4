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

PlaceArray = NDArray[np.uint8]


def token_places(table: TokenTable) -> PlaceArray:
    """Say where each token of a block stands.

    Parameters
    ----------
    table : TokenTable

    Returns
    -------
    ndarray of uint8, shape (n_tokens,)
        Bits of `PLACES`.
    """
    places = np.zeros(len(table.starts), np.uint8)
    firsts, ends = table.indptr[:-1], table.indptr[1:]
    lengths = ends - firsts
    for distance in range(_EDGE):
        reached = np.flatnonzero(lengths > distance)
        places[firsts[reached] + distance] |= _FIRST_THREE | _FIRST * (distance == 0)
        places[ends[reached] - 1 - distance] |= _LAST_THREE | _LAST * (distance == 0)
    opening_ends = table.sentences[np.searchsorted(table.sentences, firsts, side="right") % len(table.sentences)]
    closing_starts = table.sentences[np.searchsorted(table.sentences, ends, side="left") - 1]
    several = np.flatnonzero((lengths > 0) & (opening_ends < ends))
    places[_spans(firsts[several], opening_ends[several])] |= _OPENING
    places[_spans(closing_starts[several], ends[several])] |= _CLOSING
    return places


def places_of(sizes: Sequence[int]) -> list[int]:
    """Say where each token of one message stands, as `token_places` does.

    Parameters
    ----------
    sizes : sequence of int
        Tokens in each sentence.

    Examples
    --------
    >>> places_of([2, 1])
    [29, 28, 46]
    """
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
    return places


def _spans(starts: NDArray[np.int32], ends: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return all positions from each start to its end."""
    sizes = ends - starts
    return np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
