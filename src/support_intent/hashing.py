"""Sixty-four-bit identities of byte spans and an open-addressing index over them, in numpy.

A token type is known by the hash of its bytes: with a million types the chance that any two share
one is about 3e-8 (birthday bound, n² / 2⁶⁵), and the worst that follows is one word read as another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int32]
KeyArray = NDArray[np.uint64]

MAX_SPAN = 64
"""Bytes of a span that count towards its hash: longer words are known by their first 64 letters."""

_WORD = 8  # bytes read at a time
# Odd multipliers of the splitmix64 finaliser (Steele, Lea, Flood 2014, "Fast splittable pseudorandom generators").
_MIX_A = np.uint64(0xBF58476D1CE4E5B9)
_MIX_B = np.uint64(0x94D049BB133111EB)
# 2⁶⁴ divided by the golden ratio: Fibonacci hashing (Knuth, The Art of Computer Programming, vol. 3, section 6.4).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_KEEP = np.array([(1 << (8 * n)) - 1 for n in range(_WORD)] + [2**64 - 1], dtype=np.uint64)  # low n bytes
PADDING = b"\0" * (MAX_SPAN + _WORD)
"""What a buffer needs behind its last span, so that reading eight bytes at a time stays inside it."""


def byte_words(padded: bytes) -> KeyArray:
    """View a padded buffer as the little-endian 64-bit word that starts at each byte, without copying."""
    return np.ndarray((len(padded) - _WORD + 1,), np.dtype("<u8"), padded, strides=(1,))


def hash_spans(padded: bytes, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> KeyArray:
    """Hash byte spans of a buffer.

    Parameters
    ----------
    padded : bytes
        The buffer, followed by `PADDING`.
    starts, lengths : ndarray of int64, shape (n_spans,)
        Spans in bytes; bytes beyond `MAX_SPAN` do not count.

    Returns
    -------
    ndarray of uint64, shape (n_spans,)
    """
    words = byte_words(padded)
    lengths = np.minimum(lengths, MAX_SPAN)
    hashes: KeyArray = lengths.astype(np.uint64) * _GOLDEN
    hashes += words[starts] & _KEEP[np.minimum(lengths, _WORD)]
    _mix(hashes)
    longer = np.flatnonzero(lengths > _WORD)
    offset = _WORD
    while longer.size:
        part = hashes[longer]
        part += words[starts[longer] + offset] & _KEEP[np.minimum(lengths[longer] - offset, _WORD)]
        _mix(part)
        hashes[longer] = part
        offset += _WORD
        longer = longer[lengths[longer] > offset]
    return hashes


def _mix(hashes: KeyArray) -> None:
    hashes *= _MIX_A
    hashes ^= hashes >> np.uint64(29)
    hashes *= _MIX_B
    hashes ^= hashes >> np.uint64(32)


def hash_words(words: Sequence[bytes]) -> KeyArray:
    """Hash a list of byte strings as `hash_spans` does.

    Examples
    --------
    >>> hash_words([b"one", b"two", b"one"]).tolist()[0] == hash_words([b"one"]).tolist()[0]
    True
    """
    lengths = np.fromiter(map(len, words), np.int64, len(words))
    starts = np.cumsum(lengths) - lengths
    return hash_spans(b"".join(words) + PADDING, starts, lengths)


class HashIndex:
    """An index from 64-bit keys to positions: open addressing, linear probing, whole arrays at a time.

    Parameters
    ----------
    keys : ndarray of uint64, shape (n_keys,)
        Distinct keys; key ``i`` gets position ``i``.

    Examples
    --------
    >>> index = HashIndex(np.array([7, 9], dtype=np.uint64))
    >>> index.lookup(np.array([9, 8, 7], dtype=np.uint64)).tolist()
    [1, -1, 0]
    """

    def __init__(self, keys: KeyArray | None = None) -> None:
        self._size = 0
        self._allocate(16)
        if keys is not None:
            self.extend(keys)

    def __len__(self) -> int:
        """Count the keys."""
        return self._size

    def _allocate(self, n_slots: int) -> None:
        self._keys = np.zeros(n_slots, np.uint64)
        self._positions = np.full(n_slots, -1, np.int32)
        self._shift = np.uint64(64 - (n_slots.bit_length() - 1))

    def _slots(self, keys: KeyArray) -> NDArray[np.int64]:
        return ((keys * _GOLDEN) >> self._shift).view(np.int64)

    def lookup(self, keys: KeyArray) -> IntArray:
        """Return the position of each key, -1 where it is not in the index.

        Parameters
        ----------
        keys : ndarray of uint64, shape (n,)

        Returns
        -------
        ndarray of int32, shape (n,)
        """
        slots = self._slots(keys)
        positions: IntArray = self._positions[slots]
        astray = np.flatnonzero((self._keys[slots] != keys) & (positions >= 0))
        mask = len(self._keys) - 1
        while astray.size:
            slots[astray] = (slots[astray] + 1) & mask
            at = slots[astray]
            positions[astray] = self._positions[at]
            astray = astray[(self._keys[at] != keys[astray]) & (positions[astray] >= 0)]
        return positions

    def extend(self, keys: KeyArray) -> None:
        """Add distinct keys that the index does not hold; they get the next positions in order."""
        total = self._size + len(keys)
        if 2 * total > len(self._keys):
            known = self._positions >= 0
            old_keys, old_positions = self._keys[known], self._positions[known]
            self._allocate(1 << (2 * total - 1).bit_length())
            self._place(old_keys, old_positions)
        self._place(keys, np.arange(self._size, total, dtype=np.int32))
        self._size = total

    def _place(self, keys: KeyArray, positions: IntArray) -> None:
        slots = self._slots(keys)
        mask = len(self._keys) - 1
        waiting = np.arange(len(keys))
        while waiting.size:
            at = slots[waiting]
            free = self._positions[at] < 0
            claimants, claimed = waiting[free], at[free]
            self._positions[claimed] = positions[claimants]  # of several claimants the last one stays
            won = self._positions[claimed] == positions[claimants]
            self._keys[claimed[won]] = keys[claimants[won]]
            waiting = np.concatenate((claimants[~won], waiting[~free]))
            slots[waiting] = (slots[waiting] + 1) & mask
