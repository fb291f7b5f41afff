"""Where a document comes from: a path, bytes or an open stream → its bytes, bounded, and its name. Never a hang."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeAlias

from extractor.documents.files.limits import FileLimits, too_large
from extractor.errors import DocumentError, DocumentUnsupported

__all__ = ["FileSource", "head_of", "named_source", "read_source"]

FileSource: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"
"""A path (a plain string is one, too), the bytes themselves, or a binary stream."""

_STEP = 1024 * 1024
_WHAT: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def named_source(source: FileSource, name: str | None) -> str:
    """The name of a document: the one given, or that of its path; without signs that a terminal obeys."""
    if name is None:
        own = source if isinstance(source, (str, os.PathLike)) else getattr(source, "name", None)
        name = os.fspath(own) if isinstance(own, (str, os.PathLike)) else "document"
    shown = "".join(letter if letter.isprintable() else "�" for letter in str(name))
    return shown if len(shown) <= 300 else "…" + shown[-299:]


def read_source(source: FileSource, limits: FileLimits) -> bytes:
    """All the bytes. Raises `DocumentTooLarge`, and `DocumentError` for what cannot be opened or is no file."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data = bytes(source) if memoryview(source).nbytes <= limits.max_bytes else None
    elif isinstance(source, (str, os.PathLike)):
        with _opened(source) as stream:
            data = _bounded(stream, limits)
    elif hasattr(source, "read"):
        data = _bounded(source, limits)
    else:
        raise DocumentError(f"A {type(source).__name__} is no file.", hint="Give a path, bytes, or a binary stream.")
    if data is None:
        raise too_large("has more than {} bytes", limits.max_bytes, "max_bytes")
    if not data:
        raise DocumentError("The document is empty.", hint="The file has no bytes.")
    return data


def head_of(source: FileSource, size: int) -> bytes:
    """The first bytes; none of a stream, which would not give them again. Raises as `read_source` does."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source[:size])
    if isinstance(source, (str, os.PathLike)):
        with _opened(source) as stream:
            return stream.read(size)
    return b""


def _opened(path: str | os.PathLike[str]) -> BinaryIO:
    """The file, if it is a regular one: a pipe is not waited for, a device not asked."""
    try:
        handle = os.open(os.fspath(path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        dangling = Path(path).is_symlink()
        raise DocumentError("The link leads nowhere." if dangling else "There is no such file.") from None
    except PermissionError:
        folder = Path(path).is_dir()  # which is how Windows says it
        raise DocumentError("It is a folder." if folder else "It may not be read.", hint="") from None
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "The path is none"
        raise DocumentError(f"It cannot be opened: {reason}.") from None
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        what = next((label for test, label in _WHAT if test(mode)), "no regular file")
        raise DocumentUnsupported(f"It is {what}, and no file.")
    return os.fdopen(handle, "rb")


def _bounded(stream: BinaryIO, limits: FileLimits) -> bytes | None:
    """What a stream gives; None where that is more than is allowed."""
    parts: list[bytes] = []
    size = 0
    try:
        while size <= limits.max_bytes:
            part = stream.read(min(_STEP, limits.max_bytes + 1 - size))
            if not isinstance(part, (bytes, bytearray)):
                raise DocumentError("The stream gives no bytes.", hint='Open it in binary mode: open(path, "rb").')
            if not part:
                return b"".join(parts)
            parts.append(bytes(part))
            size += len(part)
    except OSError as error:
        raise DocumentError(f"It cannot be read: {error.strerror or 'an error of the system'}.") from None
    return None
