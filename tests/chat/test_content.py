"""Documents and messages: what goes on the wire, and what is refused before."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from extractor.chat.content import Audio, File, Image, checked_messages, content_of
from extractor.chat.wire import ChatRequest, Prefix
from extractor.errors import DocumentError, OptionError

PNG = b"\x89PNG\r\n\x1a\n\xff\x00"
PNG_64 = "iVBORw0KGgr/AA=="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_64}"}}
TEXT = {"type": "text", "text": "hello"}


@pytest.mark.parametrize(
    ("document", "content"),
    [
        ("hello", "hello"),
        ("  spaced\n", "  spaced\n"),
        (["hello"], [TEXT]),
        (("hello", "hello"), [TEXT, TEXT]),
        (TEXT, [TEXT]),
        (Image(data=PNG), [IMAGE]),
        (
            Image(url="https://h/a.jpg"),
            [{"type": "image_url", "image_url": {"url": "https://h/a.jpg"}}],
        ),
        (
            Image(url="https://h/a.jpg", detail="low"),
            [{"type": "image_url", "image_url": {"url": "https://h/a.jpg", "detail": "low"}}],
        ),
        (
            Image(data=PNG, media_type="image/webp", detail="high"),
            [
                {
                    "type": "image_url",
                    "image_url": {"url": f"data:image/webp;base64,{PNG_64}", "detail": "high"},
                }
            ],
        ),
        (Audio(data=PNG), [{"type": "input_audio", "input_audio": {"data": PNG_64, "format": "wav"}}]),
        (
            Audio(data=PNG, format="mp3"),
            [{"type": "input_audio", "input_audio": {"data": PNG_64, "format": "mp3"}}],
        ),
        (
            File(data=b"%PDF"),
            [
                {
                    "type": "file",
                    "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
                }
            ],
        ),
        (
            File(data=b"a,b", filename="t.csv", media_type="text/csv"),
            [{"type": "file", "file": {"filename": "t.csv", "file_data": "data:text/csv;base64,YSxi"}}],
        ),
        (["", "hello"], [{"type": "text", "text": ""}, TEXT]),
        (["hello", Image(data=PNG), TEXT], [TEXT, IMAGE, TEXT]),
    ],
)
def test_on_the_wire(document: Any, content: Any) -> None:
    """Each kind of document has its form on the wire, with its parts in reading order."""
    assert content_of(document) == content


def test_bytes_come_back_from_the_wire() -> None:
    """The bytes of an image are in its data URL, whole."""
    data = bytes(range(256))
    url = Image(data=data).to_wire()["image_url"]["url"]
    assert base64.b64decode(url.partition(",")[2]) == data


@pytest.mark.parametrize(
    "document", ["", " \n\t", [], (), [""], ["", "  "], {"type": "text", "text": " "}, [{"type": "text"}]]
)
def test_empty_documents(document: Any) -> None:
    """A document with nothing in it is refused."""
    with pytest.raises(DocumentError, match=r"^The document is empty\. There is nothing to extract from\.$"):
        content_of(document)


@pytest.mark.parametrize("document", [b"bytes", None, 5, [5], [b"bytes"], {"text": "no type"}, {"type": 5}, [None]])
def test_what_is_no_document(document: Any) -> None:
    """Bytes, and whatever is no part, are refused with a word on what would be one."""
    with pytest.raises(DocumentError) as caught:
        content_of(document)
    assert "Image" in caught.value.hint


@pytest.mark.parametrize("image", [Image(), Image(url="https://h/", data=PNG)])
def test_an_image_has_one_source(image: Image) -> None:
    """An image without a source, or with two, is refused."""
    with pytest.raises(DocumentError, match="exactly one of url= and data="):
        content_of(image)


def test_parts_are_copied() -> None:
    """A caller's own part is not the one that is sent."""
    part = {"type": "text", "text": "a"}
    content = content_of([part])
    part["text"] = "b"
    assert content == [{"type": "text", "text": "a"}]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool"])
def test_roles(role: str) -> None:
    """Messages of every role pass as they are, with fields of their own."""
    message = {"role": role, "content": "x", "name": "n"}
    assert checked_messages([message]) == (message,)


def test_messages_with_parts() -> None:
    """Parts in a message are brought into their form on the wire."""
    messages = [{"role": "user", "content": ["hello", Image(data=PNG), TEXT]}]
    assert checked_messages(messages) == ({"role": "user", "content": [TEXT, IMAGE, TEXT]},)
    assert messages[0]["content"][0] == "hello"


def test_messages_without_content() -> None:
    """An assistant's turn of tool calls needs no content."""
    turn = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
    assert checked_messages([turn, {"role": "assistant"}]) == (turn, {"role": "assistant"})


def test_messages_may_come_from_a_generator() -> None:
    """Any iterable of messages is taken, once."""
    assert checked_messages(m for m in [{"role": "user", "content": "x"}]) == ({"role": "user", "content": "x"},)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        (),
        [{"content": "x"}],
        [{"role": "robot", "content": "x"}],
        [{"role": None, "content": "x"}],
        [{"role": ["user"], "content": "x"}],
        ["user"],
        "user",
        {"role": "user", "content": "x"},
        [None],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": {"type": "text"}}],
        [{"role": "user", "content": b"x"}],
        [{"role": "user", "content": [5]}],
    ],
)
def test_wrong_messages(messages: Any) -> None:
    """No messages, an unknown role, or content that is neither text nor parts, is refused."""
    with pytest.raises(OptionError) as caught:
        checked_messages(messages)
    assert caught.value.option == "messages"


def test_the_wrong_message_is_named() -> None:
    """The error says which message it is, and what roles there are."""
    with pytest.raises(OptionError, match=r"messages\[1\] has no valid role\.") as caught:
        checked_messages([{"role": "user", "content": "x"}, {"role": "robot"}])
    assert "assistant" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "media"),
    [
        ("text", False),
        (None, False),
        ([TEXT], False),
        (["text"], False),
        ([TEXT, IMAGE], True),
        ([Audio(data=b"x")], True),
        ([File(data=b"x")], True),
    ],
)
def test_media(content: Any, media: bool) -> None:
    """Whatever is not text is media, in any of the messages."""
    messages = checked_messages([{"role": "system", "content": "s"}, {"role": "user", "content": content}])
    assert ChatRequest(prefix=Prefix(fields={}), tail=messages).has_media is media
    assert ChatRequest(prefix=Prefix(fields={}, messages=messages), tail=()).has_media is media
