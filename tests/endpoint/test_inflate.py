"""Compressed bodies, inflated piece by piece: right, bounded, and never taken for whole when they are not."""

from __future__ import annotations

import contextlib
import gzip
import random
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.endpoint.inflate import PIECE, InflateError, inflater


def _raw(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return engine.compress(data) + engine.flush()


Compress = Callable[[bytes], bytes]
WAYS: dict[str, tuple[str, Compress]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip ", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", _raw),
}
ways = pytest.mark.parametrize(("encoding", "compress"), WAYS.values(), ids=WAYS)


def _inflated(encoding: str, packed: bytes, size: int = 65_536) -> bytes:
    """All of it, fed in chunks of that size."""
    engine = inflater(encoding)
    assert engine is not None
    pieces: list[bytes] = []
    for start in range(0, len(packed), size):
        pieces += engine.feed(packed[start : start + size])
    engine.close()
    return b"".join(pieces)


@ways
@given(data=st.binary(max_size=2_000), size=st.integers(1, 50))
def test_it_comes_back(encoding: str, compress: Compress, data: bytes, size: int) -> None:
    """Whatever was compressed comes back, however it is cut on the way."""
    assert _inflated(encoding, compress(data), size) == data


@ways
@pytest.mark.parametrize("size", [PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE + 100])
def test_the_ends_of_pieces(encoding: str, compress: Compress, size: int) -> None:
    """Nothing is lost where a piece is full just as the bytes end."""
    for data in (b" " * size, random.Random(size).randbytes(size)):
        assert _inflated(encoding, compress(data)) == data


@ways
def test_pieces_are_bounded(encoding: str, compress: Compress) -> None:
    """However much a chunk stands for, it comes in pieces that can be counted, and no further than is asked."""
    engine = inflater(encoding)
    assert engine is not None
    pieces = engine.feed(compress(bytes(50_000_000)))
    assert [len(next(pieces)) for _ in range(10)] == [PIECE] * 10


@given(parts=st.lists(st.binary(max_size=100), min_size=1, max_size=5), size=st.integers(1, 200))
def test_members(parts: list[bytes], size: int) -> None:
    """gzip may be several of them one after the other."""
    assert _inflated("gzip", b"".join(map(gzip.compress, parts)), size) == b"".join(parts)


@ways
def test_nothing_at_all(encoding: str, compress: Compress) -> None:
    """A body without a byte is one, whatever was announced."""
    assert _inflated(encoding, b"") == b""


@ways
@given(data=st.binary(max_size=200), share=st.floats(0, 1, exclude_max=True))
def test_what_is_not_whole(encoding: str, compress: Compress, data: bytes, share: float) -> None:
    """What was cut off is never taken for whole."""
    packed = compress(data)
    with pytest.raises(InflateError):
        _inflated(encoding, packed[: max(1, int(len(packed) * share))])


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@given(packed=st.binary(min_size=1, max_size=200), size=st.integers(1, 200))
def test_what_is_damaged(encoding: str, packed: bytes, size: int) -> None:
    """Any bytes are inflated or an `InflateError`, which is a `ValueError`."""
    with contextlib.suppress(InflateError):
        assert isinstance(_inflated(encoding, packed, size), bytes)
    assert issubclass(InflateError, ValueError)


@ways
def test_a_wrong_checksum(encoding: str, compress: Compress) -> None:
    """What has changed on the way is noticed, where there is a checksum."""
    packed = bytearray(compress(b"hello" * 100))
    packed[-5 if encoding != "deflate" else -1] ^= 1
    if compress is _raw:
        return
    with pytest.raises(InflateError):
        _inflated(encoding, bytes(packed))


@ways
def test_what_follows_the_end(encoding: str, compress: Compress) -> None:
    """What follows the end is no part of it, and an error."""
    with pytest.raises(InflateError):
        _inflated(encoding, compress(b"hello") + b"<html>")


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, br", "nonsense"])
def test_what_was_not_asked_for(encoding: str) -> None:
    """What was not asked for, and two of them, are errors."""
    with pytest.raises(InflateError):
        inflater(encoding)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_nothing_to_undo(encoding: str) -> None:
    """A body that is not compressed is left as it is."""
    assert inflater(encoding) is None
