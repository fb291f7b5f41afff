"""Compressed bodies, inflated piece by piece, so that who reads can count: a megabyte may stand for a gigabyte."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

__all__ = ["InflateError", "Inflater", "inflater"]

PIECE = 64 * 1024
"""Bytes that are inflated at most before the reader sees them."""


class InflateError(ValueError):
    """What is compressed is damaged, not whole, or compressed in a way that was not asked for."""


class Inflater:
    """Inflates gzip (of several members too) and deflate (with and without zlib's head)."""

    def __init__(self, wbits: int) -> None:
        self._wbits = wbits
        self._engine = zlib.decompressobj(wbits)
        self._head = b""  # of two bytes: what has come of it
        self._begun = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """What these bytes inflate to, in pieces of a bounded size."""
        more = bool(chunk)
        while more:
            if self._engine.eof:
                self._next()
            piece = self._inflated(chunk)
            if piece:
                yield piece
            chunk = self._engine.unused_data or self._engine.unconsumed_tail
            # A full piece may be cut off from more, of which nothing is left to be fed.
            more = bool(chunk) or (len(piece) == PIECE and not self._engine.eof)

    def _next(self) -> None:
        if self._wbits != _GZIP:
            raise InflateError("something follows the end")
        self._engine = zlib.decompressobj(self._wbits)

    def _inflated(self, chunk: bytes) -> bytes:
        self._begun = True
        try:
            piece = self._engine.decompress(chunk, PIECE)
        except zlib.error as error:
            if self._wbits != _ZLIB or len(self._head) > 1:
                raise InflateError(str(error)) from None
        else:
            if len(self._head) < 2:
                self._head += chunk[:2]
            return piece
        self._wbits = _RAW  # some send deflate without its head
        self._engine = zlib.decompressobj(_RAW)
        return self._inflated(self._head + chunk)

    def close(self) -> None:
        """Nothing follows. Raises `InflateError` where something should."""
        if self._begun and not self._engine.eof:
            raise InflateError("it is not whole")


_GZIP, _ZLIB, _RAW = 16 + zlib.MAX_WBITS, zlib.MAX_WBITS, -zlib.MAX_WBITS
_WAYS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}


def inflater(encoding: str) -> Inflater | None:
    """What undoes a `Content-Encoding`; None where there is nothing to undo. Raises `InflateError`."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name not in _WAYS:
        raise InflateError("it is compressed in a way that was not asked for")
    return Inflater(_WAYS[name])
