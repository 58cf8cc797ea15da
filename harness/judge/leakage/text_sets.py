"""Texts as sets of hashed pieces, and which pairs of them may be similar.

An element is a 32-bit hash: two texts of 1,000 pieces share one by accident in one of 4,000 pairs, which
moves their similarity by a thousandth. A signature is a row of bits, one set for each element; bits in which
two signatures differ belong to elements that only one text has, so their number is never more than the size
of the symmetric difference (bitmap filter: Sandes, Teodoro and Melo 2017).

Similar may be those that share an element which is rare enough to be telling.
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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Bool = npt.NDArray[np.bool_]
Int64 = npt.NDArray[np.int64]
UInt32 = npt.NDArray[np.uint32]
UInt64 = npt.NDArray[np.uint64]

BUCKETS = 1 << 24
_AT_ONCE = 4_000_000  # elements
_FACTORS = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F)
_FEWEST_BITS, _MOST_BITS = 512, 4096
_ROWS = 2_000


@dataclass(frozen=True, slots=True)
class HashedSets:
    """The distinct elements of each text: those of text i are items[start[i]:start[i + 1]], sorted."""

    items: UInt32
    start: Int64

    @property
    def size(self) -> Int64:
        """How many elements each text has."""
        return np.diff(self.start)

    def frequencies(self) -> npt.NDArray[np.int32]:
        """Count in how many texts each element is; two elements of one bucket are counted together."""
        buckets = self.items >> np.uint32(8)
        if len(buckets) < BUCKETS // 16:  # sorting these is quicker than a counter for every bucket
            _, place, among = np.unique(buckets, return_inverse=True, return_counts=True)
            few: npt.NDArray[np.int32] = among.astype(np.int32)[place]
            return few
        found: npt.NDArray[np.int32] = np.bincount(buckets, minlength=BUCKETS).astype(np.int32)[buckets]
        return found

    def rows(self) -> npt.NDArray[np.int32]:
        """Give the text of each element."""
        return np.repeat(np.arange(len(self.start) - 1, dtype=np.int32), self.size)

    def common(self, i: Int64, j: Int64) -> Int64:
        """Count the elements that the texts of each pair share."""
        found = np.zeros(len(i), dtype=np.int64)
        size = self.size
        for begin, end in chunks(size[i] + size[j], _AT_ONCE):
            pairs = np.arange(end - begin, dtype=np.uint64) << np.uint64(32)
            keys = np.concatenate(
                [np.repeat(pairs, size[side[begin:end]]) | self._gathered(side[begin:end]) for side in (i, j)]
            )
            keys.sort()
            twice = keys[1:][keys[1:] == keys[:-1]] >> np.uint64(32)
            found[begin:end] = np.bincount(twice.astype(np.int64), minlength=end - begin)
        return found

    def _gathered(self, rows: Int64) -> UInt64:
        size = self.size[rows]
        first = np.repeat(self.start[rows] - np.concatenate([[0], np.cumsum(size)[:-1]]), size)
        return self.items[first + np.arange(int(size.sum()))].astype(np.uint64)

    def signatures(self) -> UInt64:
        """Give some bits for each text, about twice as many as it has elements."""
        bits = _FEWEST_BITS
        while bits < min(2 * len(self.items) / max(len(self.size), 1), _MOST_BITS):
            bits *= 2
        found = np.empty((len(self.start) - 1, bits // 64), dtype=np.uint64)
        for begin in range(0, len(found), _ROWS):
            end = min(begin + _ROWS, len(found))
            one = np.zeros((end - begin, bits), dtype=np.bool_)
            items = self.items[self.start[begin] : self.start[end]]
            one[np.repeat(np.arange(end - begin), self.size[begin:end]), items % np.uint32(bits)] = True
            found[begin:end] = np.packbits(one, axis=1).view(np.uint64)
        return found


def at_least_different(signatures: UInt64, i: Int64, j: Int64) -> Int64:
    """Give for each pair of texts how many elements at least only one of them has."""
    found = np.empty(len(i), dtype=np.int64)
    step = max(1, _AT_ONCE // signatures.shape[1])
    for begin in range(0, len(i), step):
        part = slice(begin, begin + step)
        found[part] = np.bitwise_count(signatures[i[part]] ^ signatures[j[part]]).sum(axis=1)
    return found


def chunks(weights: Int64, most: int) -> Iterator[tuple[int, int]]:
    """Cut a list where the weights add up to `most`; a single heavier item is a chunk of its own."""
    total = np.cumsum(weights)
    begin = 0
    while begin < len(weights):
        spent = int(total[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, spent + most, side="right")))
        yield begin, end
        begin = end


def character_sets(texts: Sequence[str], n: int) -> HashedSets:
    """Give the distinct runs of n characters of each text; a shorter text is one run."""
    padded = [text if len(text) >= n or not text else text + "\0" * (n - len(text)) for text in texts]
    encoded = (
        np.frombuffer("".join(padded[begin:end]).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        for begin, end in chunks(_lengths(padded), _AT_ONCE)
    )
    return _runs(encoded, _lengths(padded), n)


def word_sets(texts: Sequence[Int64], n: int) -> HashedSets:
    """Give the distinct runs of n words of each text, given as word numbers; a shorter text has none."""
    numbers = (np.concatenate(texts[begin:end]).astype(np.uint32) for begin, end in chunks(_lengths(texts), _AT_ONCE))
    return _runs(numbers, _lengths(texts), n)


def _lengths(texts: Sequence[str] | Sequence[Int64]) -> Int64:
    return np.array([len(text) for text in texts], dtype=np.int64)


def _runs(parts: Iterator[UInt32], lengths: Int64, n: int) -> HashedSets:
    """Give the sets of runs of n symbols; each part holds the symbols of as many texts as `chunks` gives."""
    items: list[UInt32] = [np.zeros(0, dtype=np.uint32)]
    size = np.zeros(len(lengths), dtype=np.int64)
    for (begin, end), symbols in zip(chunks(lengths, _AT_ONCE), parts, strict=True):
        own = lengths[begin:end]
        text = np.repeat(np.arange(len(own)), own)
        left = np.repeat(np.cumsum(own), own) - np.arange(len(symbols))  # symbols to the end of the text
        starts = np.flatnonzero(left >= n)
        keys = text[starts].astype(np.uint64) << np.uint64(32) | _hashed(symbols, starts, n)
        keys.sort()  # several times faster than `unique`, which hashes
        distinct = keys[np.concatenate([np.ones(min(1, len(keys)), np.bool_), keys[1:] != keys[:-1]])]
        items.append(distinct.astype(np.uint32))
        size[begin:end] = np.bincount((distinct >> np.uint64(32)).astype(np.int64), minlength=len(own))
    return HashedSets(np.concatenate(items), np.concatenate([[0], np.cumsum(size)]))


def _hashed(symbols: UInt32, starts: Int64, n: int) -> UInt64:
    """Hash the run of n symbols from each start to 32 bits: multiply and add, then mix the high bits down."""
    mixed = np.zeros(len(starts), dtype=np.uint64)
    for k in range(n):
        mixed += (symbols[starts + k].astype(np.uint64) + np.uint64(1)) * np.uint64(_FACTORS[k])
        mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(_FACTORS[0])
    return mixed >> np.uint64(32)


def alike_in_size(one: Int64, two: Int64, threshold: float) -> Bool:
    """Tell which pairs of sizes allow a Jaccard similarity of the threshold."""
    alike: Bool = np.minimum(one, two) >= threshold * np.maximum(one, two) - 1e-9
    return alike


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
