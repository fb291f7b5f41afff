"""What the tokens of replies say of each value, whatever became of the reply: the fields of a result know it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from extractor import Extractor
from extractor.testing import FakeEndpoint, Reply

TEXT = "The colours red and blue; number 7, total 12."


class Palette(BaseModel):
    colours: list[str]
    number: int
    total: int | None = None


def _reply(text: str, likely: dict[str, float], **other: Any) -> Reply:
    """A reply whose tokens are its words and marks; those named have a log-probability of their own."""
    tokens: list[str] = []
    for character in text:
        if tokens and character.isalnum() and tokens[-1][-1].isalnum():
            tokens[-1] += character
        else:
            tokens.append(character)
    content = [{"token": token, "logprob": likely.get(token, -0.01)} for token in tokens]
    return Reply(content=text, choice={"logprobs": {"content": content}}, **other)


def _run(*script: Any, **call: Any) -> Any:
    with FakeEndpoint(*script) as fake, Extractor("m", base_url=fake.base_url) as extractor:
        return extractor.run(Palette, TEXT, **call)


def test_items_that_are_left_out() -> None:
    """Where items of a list are left out, what the tokens say stays with the items that are left."""
    said = '{"colours": ["zeppelin", "red", "blue"], "number": 7, "total": 12}'
    result = _run(_reply(said, {"zeppelin": -5.0, "red": -0.5, "blue": -0.25}), ungrounded="drop")
    assert result.value.colours == ["red", "blue"]
    assert [result.fields[f"/colours/{n}"].logprob for n in (0, 1)] == [-0.5, -0.25]


def test_a_reply_that_was_cut_off() -> None:
    """What is kept of a reply that was cut off has its tokens, and so has what continues it."""
    first = _reply('{"colours": ["red", "bl', {"red": -0.5}, finish_reason="length")
    second = _reply('{"colours": ["blue"], "number": 7, "total": 12}', {"blue": -0.25, "7": -0.75})
    result = _run(first, second)
    assert result.value.colours == ["red", "blue"]
    assert [result.fields[pointer].logprob for pointer in ("/colours/0", "/colours/1", "/number")] == [
        -0.5,
        -0.25,
        -0.75,
    ]


def test_fields_that_were_asked_for_again() -> None:
    """Of a field that was asked for again the last answer counts."""
    first = _reply('{"colours": ["red"], "number": "many", "total": 12}', {"red": -0.5, "many": -3.0})
    result = _run(first, _reply('{"number": 7}', {"7": -0.25}))
    assert (result.fields["/colours/0"].logprob, result.fields["/number"].logprob) == (-0.5, -0.25)
