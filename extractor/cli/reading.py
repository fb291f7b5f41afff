"""A document that was named on the command line: a file of any kind, or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from extractor.documents.loaded import As
from extractor.errors import DocumentError, MissingExtra

__all__ = ["document_of", "text_of"]


def document_of(file: str, what: As = "text") -> Any:
    """What is sent of a file: its text, or its parts. Raises `DocumentError`, `MissingExtra`."""
    from extractor.documents.load import load

    with _opened(file) as stream:  # whatever the shell names: a pipe of it, too
        name = "standard input" if file == "-" else file
        try:
            return load(stream, name=name, as_=what).content
        except MissingExtra:
            if what != "text" or not stream.seekable():
                raise
            stream.seek(0)
            try:  # such as HTML, which a model can read as it stands
                return stream.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                pass
            raise


def text_of(file: str) -> str:
    """The text of a file in UTF-8. Raises `DocumentError`."""
    with _opened(file) as stream:
        try:
            return stream.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise DocumentError(f"{file}: no text in UTF-8.", hint="Convert it to text first.") from None


@contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115  # closed below; only opening it is guarded here
    except OSError as error:
        raise DocumentError(f"{file}: cannot be read: {error.strerror}.") from None
    with stream:
        yield stream
