"""Token tables → the sparse matrix that a learner sees."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from support_intent.features import Rows, Vocabulary
from support_intent.places import N_PLACES, token_places
from support_intent.tokens import TokenTable


def message_features(vocabulary: Vocabulary, table: TokenTable) -> sp.csr_matrix:
    """Make the feature matrix of messages.

    Parameters
    ----------
    vocabulary : Vocabulary
    table : TokenTable

    Returns
    -------
    csr_matrix of float32, shape (n_messages, n_features + n_placed + n_pairs)
        The same rows that `support_intent.scoring.Scorer` sums without ever making them.
    """
    n_messages = len(table.indptr) - 1
    types, first, ids = np.unique(table.hashes, return_index=True, return_inverse=True)
    rows = vocabulary.rows(*vocabulary.mend(types, table.texts(first)))
    features = _matrix(rows, vocabulary.n_features)
    counts = _counts(ids, table.indptr, len(types))
    places = token_places(table, vocabulary.frame(rows.lemmas[ids], table.indptr))
    cells = ids * N_PLACES + places  # a type at its places
    distinct, cell_ids = np.unique(cells, return_inverse=True)
    placed = vocabulary.placed_rows(rows.lemmas[distinct // N_PLACES], (distinct % N_PLACES).astype(np.uint8))
    cell_counts = _counts(cell_ids, table.indptr, len(distinct))
    _, seconds, columns = vocabulary.pairs(rows.lemmas[ids], table.indptr)
    owners = np.searchsorted(table.indptr, seconds, side="right") - 1
    scale = vocabulary.pair_scale
    pairs = sp.csr_matrix((scale[columns], (owners, columns)), shape=(n_messages, len(scale)))
    squares = (
        counts @ rows.squares
        + cell_counts @ placed.squares
        + np.bincount(owners, scale[columns] ** 2, minlength=n_messages)
    )
    norms = 1 / np.sqrt(np.maximum(squares, 1e-9))
    in_place = cell_counts @ _matrix(placed, len(vocabulary.place_keys))
    matrix = sp.hstack((counts @ features, in_place, pairs), format="csr", dtype=np.float32)
    return sp.csr_matrix(sp.diags_array(norms.astype(np.float32)) @ matrix)


def _matrix(rows: Rows, n_columns: int) -> sp.csr_matrix:
    return sp.csr_matrix((rows.values, rows.columns, rows.bounds), shape=(len(rows.squares), n_columns))


def _counts(ids: NDArray[np.intp], indptr: NDArray[np.int32], n_ids: int) -> sp.csr_matrix:
    """Count in each message what its tokens are: shape (n_messages, n_ids)."""
    ones = np.ones(len(ids), np.float32)
    return sp.csr_matrix((ones, ids.astype(np.int32), indptr), shape=(len(indptr) - 1, n_ids))
