"""Columns and texts in no more memory than what they hold needs: ten million trials are judged on a laptop.

A column is kept as the narrowest kind of integers that holds it exactly, and as one value where all are alike; it is
read as the kind that its reader expects. Texts lie behind each other as bytes and become objects when asked for.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Generic, TypeAlias, TypeVar, overload

import msgspec
import numpy as np
import numpy.typing as npt

_T = TypeVar("_T")
Int8 = npt.NDArray[np.int8]
Int16 = npt.NDArray[np.int16]
Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
NONE = -1  # no label, no value
Column: TypeAlias = npt.NDArray[np.int64 | np.int32 | np.int16 | np.int8 | np.float64]
Keys = npt.NDArray[np.bytes_]
_NARROW = (np.int8, np.int16, np.int32)


def packed(column: Column) -> Column:
    """Give a column exactly, as narrow as it can be; many alike are one value, of shape (1,)."""
    if len(column) < 2:
        return column
    if column.strides == (0,):
        return column[:1].copy()
    if column.dtype.kind == "f":
        bits = column.view(np.int64)
        return column[:1].copy() if bits.min() == bits.max() else column
    low, high = column.min(), column.max()
    if low == high:
        return column[:1].copy()
    for kind in _NARROW:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return column.astype(kind, copy=False)
    return column


def spread(column: Column, rows: int) -> Column:
    """Give a packed column at its full length; one value stays one in memory."""
    return column if len(column) == rows else np.broadcast_to(column, (rows,))


class Grown:
    """A column that parts are added to: it grows in place, so that no part is kept beside the whole."""

    def __init__(self, kind: npt.DTypeLike) -> None:
        self._held: Column = np.zeros(1, dtype=kind)
        self._rows, self._alike = 0, True

    def add(self, part: Column, rows: int) -> None:
        """Add a packed part of so many rows."""
        if not rows:
            return
        end = self._rows + rows
        if not self._rows:
            self._held, self._alike = part.copy(), len(part) == 1
        elif not (self._alike and len(part) == 1 and part.astype(self._held.dtype).tobytes() == self._held.tobytes()):
            if self._alike:
                self._held, self._alike = np.full(self._rows, self._held[0], dtype=self._held.dtype), False
            self._held = self._held.astype(np.result_type(self._held.dtype, part.dtype), copy=False)
            if len(self._held) < end:
                self._held.resize(end + end // 8, refcheck=False)
            self._held[self._rows : end] = part
        self._rows = end

    def whole(self) -> Column:
        """Give all of it; nothing can be added then."""
        if self._alike:
            return np.broadcast_to(self._held, (self._rows,))
        self._held.resize(self._rows, refcheck=False)
        return self._held


class Packed(Sequence[_T], Generic[_T]):
    """Values as bytes behind each other, each decoded when it is asked for."""

    def __init__(
        self, held: bytes | bytearray, start: Int64, size: npt.NDArray[np.int32], decode: Callable[[bytes], _T]
    ) -> None:
        self._held, self._start, self._size, self._decode = held, start, size, decode

    @classmethod
    def of(cls, values: Sequence[bytes], decode: Callable[[bytes], _T]) -> "Packed[_T]":
        """Pack values that were encoded."""
        size = np.fromiter(map(len, values), np.int32, len(values))
        return cls(b"".join(values), np.cumsum(size, dtype=np.int64) - size, size, decode)

    def add(self, part: "Packed[_T]") -> None:
        """Put the values of a part behind these."""
        if not isinstance(self._held, bytearray):
            self._held = bytearray(self._held)
        self._start = np.concatenate([self._start, part._start + len(self._held)])
        self._size = np.concatenate([self._size, part._size])
        self._held += part._held

    def __len__(self) -> int:
        return len(self._start)

    @overload
    def __getitem__(self, at: int) -> _T: ...
    @overload
    def __getitem__(self, at: slice) -> "Packed[_T]": ...
    def __getitem__(self, at: int | slice) -> "_T | Packed[_T]":
        if isinstance(at, slice):
            return Packed(self._held, self._start[at], self._size[at], self._decode)
        begin = int(self._start[at])
        return self._decode(bytes(self._held[begin : begin + int(self._size[at])]))

    def __iter__(self) -> Iterator[_T]:
        return map(self._decode, self.encoded())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(_same, self, other))

    __hash__ = Sequence.__hash__

    def encoded(self) -> Iterator[bytes]:
        """Give the bytes of each value."""
        held = memoryview(self._held)
        for begin in range(0, len(self), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            for start, size in zip(self._start[part].tolist(), self._size[part].tolist(), strict=True):
                yield bytes(held[start : start + size])

    def joined(self) -> bytes:
        """Give the bytes of all values behind each other."""
        if len(self) and (self._start[1:] == self._start[:-1] + self._size[:-1]).all():
            return bytes(memoryview(self._held)[int(self._start[0]) : int(self._start[-1]) + int(self._size[-1])])
        return b"".join(self.encoded())

    def alone(self) -> "Packed[_T]":
        """Give the values without the bytes of others, to be handed over."""
        return Packed(self.joined(), np.cumsum(self._size, dtype=np.int64) - self._size, self._size, self._decode)

    def keys(self) -> "Keys":
        """Give the values as `keys_of` does; those of one width that lie behind each other as they are."""
        n, width = len(self), int(self._size[0]) if len(self) else 0
        if 0 < width <= _LONGEST_KEY and (self._size == width).all() and (np.diff(self._start) == width).all():
            keys: Keys = np.frombuffer(self._held, dtype=f"S{width}", count=n, offset=int(self._start[0]))
            if keys.view(np.uint8).reshape(n, width)[:, -1].all():
                return keys
        return keys_of(self.encoded())

    def taken(self, order: Int64) -> "Packed[_T]":
        """Give the values in another order, or some of them; the bytes stay where they are."""
        return Packed(self._held, self._start[order], self._size[order], self._decode)

    def first_of(self, some: Int64) -> _T:
        """Give the one of some that was packed first."""
        return self[int(some[np.argmin(self._start[some])])]

    def read_as(self, decode: Callable[[bytes], "_U"]) -> "Packed[_U]":
        """Give the same bytes, read otherwise."""
        return Packed(self._held, self._start, self._size, decode)


_U = TypeVar("_U")
AT_ONCE = 65_536  # rows: what lies between must not take as much memory as the columns do


def _same(one: object, other: object) -> bool:
    return one == other


def text_in(text: str) -> bytes:
    """Encode a text, lone surrogates too."""
    return text.encode("utf-8", "surrogatepass")


def text_out(held: bytes) -> str:
    """Decode what `text_in` made."""
    return held.decode("utf-8", "surrogatepass")


def every_named_in(values: Sequence[dict[str, str]]) -> list[bytes]:
    """Encode each of many named texts; what msgpack refuses, lone surrogates, as JSON, which begins otherwise."""
    try:
        return list(map(_pack, values))
    except UnicodeEncodeError:
        if len(values) == 1:
            return [json.dumps(values[0]).encode("ascii")]
        return [held for value in values for held in every_named_in([value])]


def named_out(held: bytes) -> dict[str, str]:
    """Decode what `every_named_in` made."""
    return json.loads(held) if held[:1] == b"{" else _unpack(held)


def every_named(held: Packed[dict[str, str]]) -> Sequence[dict[str, str]]:
    """Decode all at once what `every_named_in` made of each; one by one where one is JSON."""
    try:
        return _unpack_all(b"\xdd" + len(held).to_bytes(4, "big") + held.joined())
    except msgspec.DecodeError:
        return list(held)


_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(dict[str, str]).decode
_unpack_all = msgspec.msgpack.Decoder(list[dict[str, str]]).decode  # of an array of them
_LONGEST_KEY = 48
_ODD = (
    0x9E3779B97F4A7C15,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0xD6E8FEB86659FD93,
    0xFF51AFD7ED558CCD,
    0xC4CEB9FE1A85EC53,
)


def keys_of(texts: Iterable[bytes]) -> Keys:
    """Give texts as bytes of one width, equal where the texts are: long ones as a digest, which is no UTF-8."""
    found = list(texts)
    size = set(map(len, found))
    if max(size, default=0) > _LONGEST_KEY or any(text.endswith(b"\0") for text in found):
        found = [_short(text) if len(text) > _LONGEST_KEY or text.endswith(b"\0") else text for text in found]
        size = set(map(len, found))
    if len(size) == 1 and max(size):
        return np.frombuffer(b"".join(found), dtype=f"S{max(size)}")
    return np.array(found, dtype=np.bytes_) if found else np.zeros(0, dtype="S1")


def keys_of_texts(texts: Sequence[str]) -> Keys:
    """Give texts as `keys_of` gives them encoded; most are names of one width."""
    text, widths = "".join(texts), set(map(len, texts))
    if len(widths) == 1 and 0 < max(widths) <= _LONGEST_KEY and text.isascii() and "\0" not in text:
        return np.frombuffer(text.encode(), dtype=f"S{max(widths)}")
    return keys_of(map(text_in, texts))


def are_whole(keys: Keys) -> bool:
    """Tell whether no key is a digest, so that keys are in the order of their texts."""
    return not len(keys) or bool((keys.view(np.uint8).reshape(len(keys), -1)[:, 0] != 0xFF).all())


def _short(text: bytes) -> bytes:
    return b"\xff%b\xff" % blake2b(text, digest_size=23).hexdigest().encode()


class Rows:
    """Finds the row of each of many keys: by a hash, and told apart by the keys themselves."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        for self._salt in range(64):
            hashed = self._hashed(keys)
            self._order = np.argsort(hashed)
            self._sorted = hashed[self._order]
            if not (self._sorted[1:] == self._sorted[:-1]).any():
                return
        raise ValueError("keys are doubled")

    def of(self, keys: Keys) -> Int64:
        """Give the row of each key, -1 where there is none."""
        if not len(self._keys):
            return np.full(len(keys), -1, dtype=np.int64)
        hashed = self._hashed(keys)
        order = np.argsort(hashed)  # looked up in order: near ones lie near each other in memory
        found = np.empty(len(keys), dtype=np.int64)
        found[order] = np.searchsorted(self._sorted, hashed[order])
        found = self._order[np.minimum(found, len(self._order) - 1)]
        return np.where(self._keys[found] == keys, found, -1)

    def _hashed(self, keys: Keys) -> npt.NDArray[np.uint64]:
        """Multiply and add the words of each key, then mix the high bits down; a blank end changes nothing."""
        words = -(-keys.dtype.itemsize // 8)
        whole = keys.astype(f"S{8 * words}").view(np.uint64).reshape(len(keys), words)
        found = np.zeros(len(keys), dtype=np.uint64)
        for place in range(words):
            mixed = whole[:, place] * np.uint64(_ODD[place] - 2 * self._salt)
            found += (mixed ^ (mixed >> np.uint64(32))) * np.uint64(_ODD[-1 - place] - 2 * self._salt)
        return found
