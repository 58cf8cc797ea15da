"""Which pairs of sets may be similar: those that share an element which is rare enough to be telling.

Theory (prefix filter: Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007). Order all elements,
rare ones first. If Jaccard(A, B) >= t, then the first |A| - ceil(t |A|) + 1 elements of A and the first ones
of B, counted alike, have one in common. Pairs that share one are found by a sparse matrix product. Elements
that no other text has find nothing, and are left out.

Of long texts only the first `_MOST` elements that some other text has are looked at. A copy shares far more:
what only the two have in common comes first. So messages are compared without loss, and pages very nearly.

An element that is in more than `COMMON` texts would pair all of them. It is left out too; by the rarest of
those that it has, a text is compared instead with the first `SOME` texts: where thousands of texts are alike
(notices made from one template) each is still found to be like some other, though not every pair is listed.
"""

from collections.abc import Iterator

import numpy as np

from harness.judge.leakage.text_sets import Bool, HashedSets, Int64, chunks

COMMON = 1_000
_MOST = 64
SOME = 4
_PRODUCTS = 10_000_000  # of one block of the matrix product


def candidates(sets: HashedSets, threshold: float) -> Iterator[tuple[Int64, Int64]]:
    """Yield blocks of pairs i < j among which are all with Jaccard at or above the threshold (but see above).

    A threshold of 0 asks for every pair that shares an element.
    """
    frequency = sets.frequencies()
    rows = sets.rows()
    wanted = _prefix(sets, rows, frequency, threshold)
    rare = wanted & (frequency <= COMMON)
    yield from _meeting(rows[rare].astype(np.int64), sets.items[rare], len(sets.start) - 1)
    crowded = wanted & ~rare
    if crowded.any():
        places = np.flatnonzero(crowded)
        rarest = np.lexsort((sets.items[places], frequency[places], rows[places]))
        _, first = np.unique(rows[places][rarest], return_index=True)
        chosen = places[rarest][first]
        yield _sampled(rows[chosen].astype(np.int64), sets.items[chosen].astype(np.int64))


def _prefix(sets: HashedSets, rows: np.ndarray, frequency: np.ndarray, threshold: float) -> Bool:
    """Mark the rarest elements that some other text has, as many as the prefix filter asks for."""
    size = sets.size
    length = size - np.ceil(threshold * size - 1e-9).astype(np.int64) + 1
    unique = np.bincount(rows[frequency == 1], minlength=len(size))
    last = np.minimum(length, unique + _MOST)
    marked = np.zeros(len(rows), dtype=np.bool_)
    for begin, end in chunks(size, _PRODUCTS // 2):
        part = slice(int(sets.start[begin]), int(sets.start[end]))
        local = (rows[part] - begin).astype(np.uint64)
        often = np.minimum(frequency[part], 32_767).astype(np.uint64)
        order = np.argsort(local << np.uint64(47) | often << np.uint64(32) | sets.items[part])
        row = rows[part][order]
        rank = np.arange(len(order)) - (sets.start[row] - sets.start[begin])
        marked[part][order] = (rank < last[row]) & (rank >= unique[row])
    return marked


def _meeting(rows: Int64, items: np.ndarray, count: int) -> Iterator[tuple[Int64, Int64]]:
    """Yield the pairs of rows that have an item in common."""
    from scipy import sparse

    if len(rows) == 0:
        return
    vocabulary, column = np.unique(items, return_inverse=True)  # sorts: an inverse is wanted
    shape = (count, len(vocabulary))
    matrix = sparse.csr_matrix((np.ones(len(rows), dtype=np.bool_), (rows, column)), shape=shape)
    work = np.bincount(rows, weights=np.bincount(column)[column], minlength=count).astype(np.int64)
    turned = matrix.T.tocsr()
    for begin, end in chunks(work, _PRODUCTS):
        met = (matrix[begin:end] @ turned).tocoo()
        i, j = met.row.astype(np.int64) + begin, met.col.astype(np.int64)
        keep = i < j
        yield i[keep], j[keep]


def _sampled(rows: Int64, items: Int64) -> tuple[Int64, Int64]:
    """Pair each row with the first rows that share its item."""
    order = np.lexsort((rows, items))
    rows, items = rows[order], items[order]
    first = np.concatenate([[True], items[1:] != items[:-1]])
    begin = np.flatnonzero(first)[np.cumsum(first) - 1]
    firsts = (begin[:, None] + np.arange(SOME)).ravel()
    partner = np.minimum(firsts, len(rows) - 1)
    every = np.repeat(np.arange(len(rows)), SOME)
    same = (items[partner] == items[every]) & (rows[partner] != rows[every])
    one, two = rows[every[same]], rows[partner[same]]
    pairs = np.unique(np.minimum(one, two) * (rows.max() + 1) + np.maximum(one, two))
    return np.divmod(pairs, rows.max() + 1)
