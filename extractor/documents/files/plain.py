"""Texts as they stand: bytes → the same text, by what they are encoded in. Nothing is changed, not even line ends."""

from __future__ import annotations

import codecs
import re

from extractor.errors import DocumentDamaged, DocumentUnsupported

__all__ = ["decoded", "is_text"]

_MARKS = (  # the longer first: that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Codecs of Python that are no encodings of documents; some of them take quadratic time.
_NONE = frozenset("idna punycode unicode-escape raw-unicode-escape utf-7 undefined mbcs oem".split())
_DECLARED = re.compile(
    rb"""(?:<\?xml[^>]{0,200}?\bencoding|<meta[^>]{0,200}?\bcharset)\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})"""
)
_BINARY = re.compile(rb"[\x00-\x07\x0b\x0e-\x1a\x1c-\x1f]")
_HEAD = 64 * 1024


def is_text(data: bytes) -> bool:
    """Whether bytes can be read as text: with a mark of Unicode, or nearly without control characters."""
    head = data[:_HEAD]
    if any(head.startswith(mark) for mark, _ in _MARKS):
        return True
    return b"\0" not in head and len(_BINARY.findall(head)) <= len(head) // 100


def decoded(data: bytes, charset: str | None = None) -> tuple[str, tuple[str, ...]]:
    """The text, and notes on what had to be guessed.

    A mark at its beginning says what it is encoded in, then `charset`; else it is UTF-8, or what XML or HTML declares,
    or, with a note, windows-1252. Raises `DocumentDamaged` for a text that is not in the encoding that was stated,
    `DocumentUnsupported` for what is no text.
    """
    stated = next((name for mark, name in _MARKS if data.startswith(mark)), None) or charset
    if stated is not None:
        return _no_zero(_strictly(data, stated)), ()
    if not is_text(data):
        raise DocumentUnsupported("It is neither text nor of a kind that is known.", hint="Its content is binary.")
    try:
        return _no_zero(data.decode("utf-8")), ()
    except UnicodeDecodeError:
        pass
    declared = _DECLARED.search(data[:2_048].lower())
    if declared is not None:
        try:
            return _no_zero(_strictly(data, declared[1].decode("ascii"))), ()
        except DocumentDamaged:
            pass  # what is declared is often wrong
    note = "It is not in UTF-8: it was read as windows-1252, so that some letters may be wrong."
    try:
        return _no_zero(data.decode("cp1252")), (note,)
    except UnicodeDecodeError:
        return _no_zero(data.decode("latin-1")), (note.replace("windows-1252", "latin-1"),)


def _strictly(data: bytes, name: str) -> str:
    try:
        return data.decode("" if codecs.lookup(name).name.replace("_", "-") in _NONE else name)  # "" is none
    except (UnicodeError, LookupError, ValueError):
        raise DocumentDamaged(
            f"It is no text in {name[:40]!r}, as was stated.", hint="Save it as UTF-8, or state what it is in."
        ) from None


def _no_zero(text: str) -> str:
    if "\0" in text:
        raise DocumentUnsupported("It is no text: there are zero bytes in it.", hint="Its content is binary.")
    return text
