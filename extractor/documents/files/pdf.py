"""PDF → the text of its pages, as PDFium gives it: in the order in which it was written, a line for a line.

Columns are divided by tabs. Tables are not looked for beyond that, since what guesses them spoils texts (kreuzberg
4.10: "4700_a*b" becomes "4700_attb"). Pages without any text are recognised, where that is possible.
"""

from __future__ import annotations

import ctypes
import re
import time
from collections.abc import Callable
from typing import Any

from extractor.documents.files.limits import Content, FileLimits, too_slow
from extractor.documents.files.rendering import drawn, opened
from extractor.documents.files.writing import clean, plain_data
from extractor.errors import DocumentError, DocumentUnsupported, MissingExtra

__all__ = ["HYPHEN", "read_pdf"]

Recognise = Callable[[bytes], str]
_WIDE = 1.2  # heights of a line: a space of a justified line is rarely wider than one, columns are seldom closer
HYPHEN = re.compile("[\x02\ufffe](?:\r?\n)?+")
"""PDFium's sign for a word that goes on in the next line."""


def read_pdf(data: bytes, limits: FileLimits, *, password: str | None, recognise: Recognise) -> Content:
    """The text of all pages. `recognise` gives the text in a PNG image, or raises `DocumentUnsupported`.

    Raises as `opened` does, `DocumentTooLarge` also for what takes longer than allowed, and `DocumentUnsupported`
    where no page has any text.
    """
    until = time.monotonic() + limits.seconds
    with opened(data, limits, password) as document:
        metadata = {key.lower(): said for key, said in document.get_metadata_dict(skip_empty=True).items()}
        forms = bool(document.get_formtype())
        if forms:
            document.init_forms()
        pages: list[str] = []
        length = 0
        for number in range(len(document)):
            text = _text(document, number, forms)
            length += len(text) + 1
            limits.check_characters(length)
            if time.monotonic() > until:
                raise too_slow(limits)
            pages.append(text)
        empty = [number for number, text in enumerate(pages) if not text.strip()]
        notes = _recognised(document, pages, empty, recognise, limits, until)
    return Content(text="\f".join(pages), metadata=plain_data(metadata), notes=notes)


def _text(document: Any, number: int, forms: bool) -> str:
    page = document[number]
    if forms:
        # What is filled in is no text of the page until it is made part of it.
        page.flatten()
        page.close()
        page = document[number]
    try:
        words = page.get_textpage()
        try:
            count = words.count_chars()
            said = words.get_text_range() if count else ""
            if len(said) == count:  # else it is not known which character is which
                said = _columns(words, said)
        finally:
            words.close()
    finally:
        page.close()
    return clean(HYPHEN.sub("-\n", said)).rstrip()


def _columns(words: Any, said: str) -> str:
    """The text with a tab for each space that is much wider than one: what divides the columns of a table.

    Character for character it stays the same, so that a place in the text is one on the page.
    """
    from pypdfium2 import raw

    box = raw.FS_RECTF()
    place = ctypes.byref(box)
    read = raw.FPDFText_GetLooseCharBox
    signs = list(said)
    at = said.find(" ", 1)
    while 0 < at < len(said) - 1:
        if read(words.raw, at - 1, place):
            end, height = box.right, abs(box.top - box.bottom)
            if read(words.raw, at + 1, place) and box.left - end > _WIDE * max(height, abs(box.top - box.bottom)):
                signs[at] = "\t"
        at = said.find(" ", at + 1)
    return "".join(signs)


def _recognised(
    document: Any, pages: list[str], empty: list[int], recognise: Recognise, limits: FileLimits, until: float
) -> tuple[str, ...]:
    """Fill in the pages without text that show something; gives a note on those that could not be read."""
    unread: list[int] = []
    why: DocumentError | MissingExtra | None = None
    for number in empty:
        page = document[number]
        try:
            if next(page.get_objects(max_depth=1), None) is None:
                continue  # an empty page
            if why is None:
                pages[number] = clean(recognise(drawn(page))).strip()
            else:
                unread.append(number + 1)
        except (DocumentUnsupported, MissingExtra) as error:
            why = error
            unread.append(number + 1)
        finally:
            page.close()
        if time.monotonic() > until:
            raise too_slow(limits)
    if len(unread) == len(pages) and why is not None:
        raise DocumentUnsupported(f"It is a PDF of images, without any text. {why.message}", hint=why.hint)
    if not unread:
        return ()
    listed = ", ".join(map(str, unread[:20])) + (" …" if len(unread) > 20 else "")
    return (f"Pages that are images were not read: {listed}. {why or ''}".strip(),)
