"""E-mail: its headers and its text, and behind them what is attached, each attachment on pages of its own."""

from __future__ import annotations

import contextlib
import email
import email.errors
import email.header
import email.policy
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import Message
from typing import Any

from extractor.documents.files.html import read_html
from extractor.documents.files.limits import Content, FileLimits
from extractor.documents.files.plain import decoded
from extractor.documents.files.writing import clean, plain_data
from extractor.documents.loaded import Table
from extractor.errors import DocumentError, MissingExtra

__all__ = ["read_mail"]

HEADERS = ("From", "To", "Cc", "Reply-To", "Date", "Subject")
PARTS = 500  # of a message; one with more is made to keep readers busy


def read_mail(data: bytes, limits: FileLimits, read: Callable[[bytes, str], Content] | None) -> Content:
    """A message. `read` gives the content of an attached file by its name; None: attachments are only named."""
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    headers = {name: _header(message[name]) for name in HEADERS if message[name] is not None}
    lines = [f"{name}: {said}" for name, said in headers.items()]
    plain: list[Content] = []
    pages: list[Content] = []
    files: list[tuple[str, bytes]] = []
    notes: list[str] = []
    for part in _leaves(message, notes):
        name = _header(part.get_filename() or "")
        payload = part.get_payload(decode=True)
        body = payload if isinstance(payload, bytes) else b""
        kind = part.get_content_type()
        if name or kind not in ("text/plain", "text/html") or part.get_content_disposition() == "attachment":
            files.append((name or f"unnamed {kind}", body))
        elif kind == "text/html":
            pages.append(read_html(_text(part, body), limits))
        else:
            plain.append(Content(text=clean(_text(part, body)).strip("\n")))
    # The page says the same as the text, in most messages with both.
    bodies = plain if any(each.text.strip() for each in plain) else pages
    whole = _joined([Content(text="\n".join(lines)), *bodies], "\n\n", limits)
    attached = [each for name, body in files if (each := _attached(name, body, read, notes)) is not None]
    whole = _joined([whole, *attached], "\n\f", limits)
    return replace(whole, metadata=plain_data({key.lower(): said for key, said in headers.items()}), notes=tuple(notes))


def _attached(name: str, body: bytes, read: Callable[[bytes, str], Content] | None, notes: list[str]) -> Content | None:
    if read is None:
        notes.append(f"What is attached to an attached message was left out: {name[:200]!r}.")
        return None
    try:
        content = read(body, name)
    except (DocumentError, MissingExtra) as error:
        notes.append(f"The attachment {name[:200]!r} was left out: {error.message}")
        return None
    notes.extend(f"{name[:200]!r}: {note}" for note in content.notes)
    return _joined([Content(text=f"Attachment: {name[:200]}"), content], "\n\n", None)


def _joined(parts: list[Content], between: str, limits: FileLimits | None) -> Content:
    """Several texts as one, with the places of their tables in it."""
    texts: list[str] = []
    tables: list[Table] = []
    length, page = 0, 1
    for number, part in enumerate(parts):
        lead = between if number else ""
        length += len(lead)
        page += lead.count("\f")
        tables += [
            Table(start=each.start + length, end=each.end + length, page=page + (each.page or 1) - 1)
            for each in part.tables
        ]
        texts += [lead, part.text]
        length += len(part.text)
        page += part.text.count("\f")
        if limits is not None:
            limits.check_characters(length)
    if page == 1:
        tables = [Table(start=each.start, end=each.end) for each in tables]
    return Content(text="".join(texts), tables=tuple(tables))


def _leaves(message: Message[str, str], notes: list[str]) -> Iterator[Message[str, str]]:
    """The parts that hold something, in order, those of attached messages too."""
    ahead: list[Any] = [message]
    count = 0
    while ahead:
        part = ahead.pop()
        count += 1
        if count > PARTS:
            notes.append(f"Only its first {PARTS} parts were read.")
            return
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list):
            ahead += reversed(inner)
        else:
            yield part


def _header(value: Any) -> str:
    """A header as its reader sees it."""
    text = str(value)[:20_000]
    with contextlib.suppress(ValueError, LookupError, AssertionError, email.errors.MessageError):  # else as it stands
        text = str(email.header.make_header(email.header.decode_header(text)))
    return " ".join(clean(text).split())


def _text(part: Message[str, str], body: bytes) -> str:
    charset = part.get_content_charset()
    try:
        return decoded(body, charset)[0]
    except DocumentError:
        return body.decode("latin-1")
