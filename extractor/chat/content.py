"""A conversation: turns, and the parts that a turn can be made of.

Messages are dictionaries as on the wire, so that what a caller brings from elsewhere fits. `Image`,
`Audio` and `File` make the multimodal parts; a plain string is text.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

from extractor.errors import DocumentError, OptionError

__all__ = [
    "Audio",
    "Content",
    "Document",
    "File",
    "Image",
    "Message",
    "checked_messages",
    "content_of",
    "text_of",
    "user_turn",
]

Message: TypeAlias = Mapping[str, Any]
"""`{"role": …, "content": a string or a list of parts}`, as on the wire."""

Content: TypeAlias = "str | list[dict[str, Any]]"
"""The content of a message, as on the wire."""

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})


def _data_url(data: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{_base64(data)}"


def _base64(data: Any) -> str:
    if not isinstance(data, (bytes, bytearray)) or not data:
        raise DocumentError("data= needs the bytes, and at least one.", hint="Of a file: data=path.read_bytes().")
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image, by `url` or by `data` (bytes) with its `media_type`; `detail` is low, high or auto."""

    url: str | None = None
    data: bytes | None = None
    media_type: str = "image/png"
    detail: str | None = None

    def to_wire(self) -> dict[str, Any]:
        """`{"type": "image_url", "image_url": {"url": …}}`."""
        if (self.url is None) == (self.data is None):
            raise DocumentError("An Image needs exactly one of url= and data=.")
        url = self.url if self.data is None else _data_url(self.data, self.media_type)
        if not str(url).startswith(("https://", "http://", "data:", "gs://", "s3://")):
            raise DocumentError(
                "The url of an Image is no address.", hint="Of a file give the bytes: data=path.read_bytes()."
            )
        detail = {} if self.detail is None else {"detail": self.detail}
        return {"type": "image_url", "image_url": {"url": url, **detail}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Audio:
    """A sound, as `data` (bytes) in `format` (wav, mp3, …)."""

    data: bytes
    format: str = "wav"

    def to_wire(self) -> dict[str, Any]:
        """`{"type": "input_audio", "input_audio": {"data": base64, "format": …}}`."""
        return {"type": "input_audio", "input_audio": {"data": _base64(self.data), "format": self.format}}


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file as it stands, as `data` (bytes) with its `filename` and `media_type`."""

    data: bytes
    filename: str = "document.pdf"
    media_type: str = "application/pdf"

    def to_wire(self) -> dict[str, Any]:
        """`{"type": "file", "file": {"filename": …, "file_data": data URL}}`."""
        data = _data_url(self.data, self.media_type)
        return {"type": "file", "file": {"filename": self.filename, "file_data": data}}


@runtime_checkable
class Readable(Protocol):
    """What was read from a file (`Loaded`): its content is the document."""

    @property
    def content(self) -> str | Sequence[Any]:
        """The text, or the parts."""
        ...


Part: TypeAlias = "str | Image | Audio | File | Mapping[str, Any]"
Document: TypeAlias = "Part | Sequence[Part] | Readable | os.PathLike[str]"
"""What a caller can extract from: a text, a part, or several of them in reading order; the path of a file, or what was
read from one."""


def content_of(document: Any) -> Content:
    """The document as the content of a message.

    Raises `DocumentError` where there is nothing in it, or something that is no part.
    """
    if isinstance(document, str):
        if not document.strip():
            raise DocumentError("The document is empty.", hint="There is nothing to extract from.")
        return document
    if not isinstance(document, (Image, Audio, File, Mapping, Sequence)) or isinstance(document, bytes):
        if isinstance(document, Readable):
            return content_of(document.content)
        raise DocumentError(
            f"The document is {type(document).__name__}.",
            hint="Give a string (decoded, if it was bytes), a Path, or say what it is: Image, Audio or File.",
        )
    parts = document if isinstance(document, Sequence) else [document]
    content = [_part(part) for part in parts]
    if not any(part.get("type") != "text" or str(part.get("text", "")).strip() for part in content):
        raise DocumentError("The document is empty.", hint="There is nothing to extract from.")
    return content


def text_of(document: Any) -> str | None:
    """The text of a document, its parts one after the other, a line each; None where some of it is no text."""
    if isinstance(document, str):
        return document
    content = content_of(document)
    if isinstance(content, str):
        return content
    texts = [part.get("text") for part in content if part.get("type") == "text"]
    return "\n".join(map(str, texts)) if len(texts) == len(content) else None


def user_turn(document: Document, lead: str = "") -> dict[str, Any]:
    """The document as the turn of a user, with a text before it. Raises `DocumentError`."""
    content = content_of(document)
    if lead:
        content = lead + content if isinstance(content, str) else [{"type": "text", "text": lead}, *content]
    return {"role": "user", "content": content}


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, (Image, Audio, File)):
        return part.to_wire()
    if isinstance(part, Mapping) and isinstance(part.get("type"), str):
        return dict(part)
    raise DocumentError(
        f"A {type(part).__name__} is no part of a document.",
        hint='A part is a string, an Image, Audio or File, or a dictionary with a "type".',
    )


def checked_messages(messages: Iterable[Message]) -> tuple[dict[str, Any], ...]:
    """The messages with their parts as on the wire.

    Raises `OptionError` for none at all, an unknown role, or content that is neither a string nor parts.
    """
    checked = tuple(_message(message, number) for number, message in enumerate(messages))
    if not checked:
        raise OptionError("messages is empty.", option="messages", hint="At least one message is required.")
    return checked


def _message(message: Any, number: int) -> dict[str, Any]:
    role = message.get("role") if isinstance(message, Mapping) else None
    if not isinstance(role, str) or role not in ROLES:
        raise OptionError(
            f"messages[{number}] has no valid role.",
            option="messages",
            hint='A message is {"role": "user", "content": …}; roles: ' + ", ".join(sorted(ROLES)) + ".",
        )
    content = message.get("content")
    if content is None or isinstance(content, str):
        return dict(message)
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        raise OptionError(f"messages[{number}].content is no string and no list of parts.", option="messages")
    try:
        return {**message, "content": [_part(part) for part in content]}
    except DocumentError as error:
        raise OptionError(f"messages[{number}]: {error.message}", option="messages", hint=error.hint) from None
