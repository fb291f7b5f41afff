"""Numbers and literals of broken JSON: as JSON where they are plain."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.reply.quoted import Torn, Unplain
from extractor.reply.unquoted import unquoted


@pytest.mark.parametrize(
    ("text", "written", "kind"),
    [
        ("1]", "1", ""),
        ("-1.5e3,", "-1.5e3", ""),
        ("true}", "true", ""),
        ("-Infinity ", "-Infinity", ""),
        ("+1,", "1", "number"),
        (".5,", "0.5", "number"),
        ("5.,", "5.0", "number"),
        ("0x1F,", "31", "number"),
        ("-0x1F,", "-31", "number"),
        ("1_000,", "1000", "number"),
        ("True,", "true", "python_literals"),
        ("None", "null", "python_literals"),
        ("inf,", "Infinity", "python_literals"),
        ("+Infinity,", "Infinity", "python_literals"),
        ("-inf,", "-Infinity", "python_literals"),
    ],
)
def test_what_is_plain(text: str, written: str, kind: str) -> None:
    """A number or literal in another spelling is that of JSON, and the repair has a name."""
    end = len(text.rstrip(",]} "))
    assert unquoted("[" + text, 1) == (1 + end, written, kind)


@pytest.mark.parametrize(
    "text", ["01,", "1.2.3,", "1__0,", "$5,", "5%,", "1" * 201, "yes,", "-nan,", "-true,", "+,", "--1,", "\x00", "@,"]
)
def test_what_is_not(text: str) -> None:
    """What has two readings, or none, is refused at the place where it begins."""
    with pytest.raises(Unplain) as caught:
        unquoted("[" + text, 1)
    assert caught.value.at == 1


@pytest.mark.parametrize("text", ["-", "+", "5.", "1e", "1e-", "0x", "-I", "-Infin", "tru", "Non", "n", "Infinit"])
def test_what_is_torn(text: str) -> None:
    """The beginning of one with which the text ends is torn."""
    with pytest.raises(Torn):
        unquoted("[" + text, 1)


@given(st.integers(-(10**60), 10**60) | st.floats())
def test_every_number(number: float) -> None:
    """What is a number already stays as it is."""
    text = json.dumps(number)
    assert unquoted(text + ",", 0) == (len(text), text, "")
