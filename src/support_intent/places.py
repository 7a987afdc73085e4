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


def token_places(table: TokenTable, is_frame: NDArray[np.bool_]) -> PlaceArray:
    """Say where each token of a block stands.

    Parameters
    ----------
    table : TokenTable
    is_frame : ndarray of bool, shape (n_tokens,)
        Greetings, thanks, names and the like: they have no place, and the others stand as if these were not there.

    Returns
    -------
    ndarray of uint8, shape (n_tokens,)
        Bits of `PLACES`.
    """
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


def places_of(sentences: Sequence[Sequence[bool]]) -> list[int]:
    """Say where each token of one message stands, as `token_places` does.

    Parameters
    ----------
    sentences : sequence of sequence of bool
        Whether each token of each sentence is of the frame.

    Examples
    --------
    >>> places_of([[True], [False, False], [False]])
    [0, 29, 28, 46]
    """
    sizes = [size for sentence in sentences if (size := sentence.count(False))]
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
    return [0 if is_frame else next(counted) for sentence in sentences for is_frame in sentence]


def _spans(starts: NDArray[np.intp], ends: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return all positions from each start to its end."""
    sizes = ends - starts
    return np.repeat(starts - np.cumsum(sizes) + sizes, sizes) + np.arange(sizes.sum())
