"""The request fields: accepted at their bounds, refused just outside of them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from extractor.chat.options import RULES, Options, checked
from extractor.errors import OptionError

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
ACCEPTED: list[tuple[str, Any]] = [
    ("stream", True),
    ("stream", False),
    ("max_completion_tokens", 1),
    ("max_completion_tokens", 65_536),
    ("max_tokens", 1),
    ("max_tokens", 65_536),
    ("temperature", 0),
    ("temperature", 2),
    ("temperature", 0.7),
    ("top_p", 0),
    ("top_p", 1.0),
    ("frequency_penalty", -2),
    ("frequency_penalty", 2.0),
    ("presence_penalty", -2.0),
    ("presence_penalty", 2),
    ("stop", "END"),
    ("stop", ["a", "b"]),
    ("stop", ("a",)),
    ("n", 1),
    ("n", 128),
    *(("reasoning_effort", effort) for effort in ("none", "low", "medium", "high")),
    ("seed", 0),
    ("seed", -1),
    ("seed", 2**63),
    ("logprobs", True),
    ("logprobs", False),
    ("response_format", {"type": "json_object"}),
    ("tools", [TOOL]),
    *(("tool_choice", choice) for choice in ("none", "auto", "required")),
    ("tool_choice", {"type": "function", "function": {"name": "f"}}),
    ("extra_body", {"google": {"thinking_config": {"thinking_budget": 0}}}),
    ("extra_fields", {"guided_json": None}),
]
ABOVE_2, BELOW_MINUS_2 = math.nextafter(2, 3), math.nextafter(-2, -3)
BELOW_0, ABOVE_1 = math.nextafter(0, -1), math.nextafter(1, 2)
REFUSED_BY_NAME: dict[str, list[Any]] = {
    "stream logprobs": [1, 0, "true", 1.0],
    "max_completion_tokens max_tokens": [0, -1, 65_537, 1.0, 100.5, True, "100", math.nan],
    "temperature": [-0.1, BELOW_0, ABOVE_2, math.nan, math.inf, -math.inf, True, "1", [1]],
    "top_p": [BELOW_0, ABOVE_1, math.nan, False, "0.5"],
    "frequency_penalty presence_penalty": [BELOW_MINUS_2, ABOVE_2, math.nan, True, "0", {}],
    "stop": [5, ["a", 1], [None], b"END", {"a": 1}, [["a"]]],
    "n": [0, -1, 1.0, True, "2", math.nan],
    "reasoning_effort": ["minimal", "", "LOW", 1, ["low"]],
    "seed": [1.0, True, "1", math.nan],
    "response_format": ["json", [], 1],
    "tools": ["f", TOOL, [1], ["f"], b"f"],
    "tool_choice": ["any", "", 1, ["auto"]],
    "extra_body extra_fields": ["x", [], 1, True],
}
REFUSED = [(name, value) for names, values in REFUSED_BY_NAME.items() for name in names.split() for value in values]


def label(value: object) -> str:
    """Name a case."""
    return repr(value)[:30]


@pytest.mark.parametrize(("name", "value"), ACCEPTED, ids=label)
def test_accepted(name: str, value: Any) -> None:
    """A value within the documented range is passed on as it is."""
    given = checked({name: value})
    assert given == {name: value}
    assert given[name] is value


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=label)
def test_refused(name: str, value: Any) -> None:
    """A value of a wrong type or just outside of the range is an error that names the field."""
    with pytest.raises(OptionError) as caught:
        checked({name: value})
    assert caught.value.option == name
    assert caught.value.message.startswith(f"{name} is ")


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"stream_options": {"include_usage": True}}, "stream"),
        ({"stream_options": {}}, "stream"),
        ({"stream_options": {"include_usage": True}, "stream": False}, "stream"),
        ({"stream_options": {"include_usage": True}, "stream": None}, "stream"),
        ({"top_logprobs": 0}, "logprobs"),
        ({"top_logprobs": 5, "logprobs": False}, "logprobs"),
    ],
)
def test_companions(options: dict[str, Any], missing: str) -> None:
    """A field that needs another one is refused without it."""
    with pytest.raises(OptionError, match=f"is set but {missing} is not") as caught:
        checked(options)
    assert caught.value.option in ("stream_options", "top_logprobs")
    assert f"{missing}=True" in caught.value.hint


@pytest.mark.parametrize("value", [{}, {"include_usage": True}])
def test_stream_options_with_stream(value: dict[str, Any]) -> None:
    """Stream options are accepted with a stream, in either order."""
    assert checked({"stream_options": value, "stream": True}) == {"stream_options": value, "stream": True}


@pytest.mark.parametrize("value", ["yes", 1, ["include_usage"]])
def test_stream_options_of_a_wrong_type(value: Any) -> None:
    """Stream options that are no object are refused even with a stream."""
    with pytest.raises(OptionError) as caught:
        checked({"stream": True, "stream_options": value})
    assert caught.value.option == "stream_options"


@pytest.mark.parametrize(
    ("value", "accepted"), [(0, True), (20, True), (-1, False), (21, False), (1.0, False), (True, False)]
)
def test_top_logprobs(value: Any, accepted: bool) -> None:
    """With logprobs, top_logprobs may be 0 to 20."""
    options = {"logprobs": True, "top_logprobs": value}
    if accepted:
        assert checked(options) == options
    else:
        with pytest.raises(OptionError, match=r"^top_logprobs is "):
            checked(options)


def test_none_is_not_set() -> None:
    """A field that is None is not sent, whichever it is."""
    assert checked(dict.fromkeys(RULES)) == {}
    assert checked({**dict.fromkeys(RULES), "seed": 0}) == {"seed": 0}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("temprature", "temperature"), ("max_token", "max_tokens"), ("stop_sequences", None), ("zzz", None)),
        *(("fallback", "fallbacks"), ("deadlines", "deadline")),
    ],
)
def test_unknown_names(name: str, meant: str | None) -> None:
    """An unknown name is an error that suggests the near one and the way round."""
    with pytest.raises(OptionError, match=rf"^{name} is no request field\.") as caught:
        checked({name: 1}, ("deadline", "fallbacks"))
    assert caught.value.option == name
    assert (f"Did you mean {meant}?" if meant else "extra_fields") in caught.value.hint


@pytest.mark.parametrize("name", ["timeout", "api_key", "base_url", "headers"])
def test_what_an_extractor_takes(name: str) -> None:
    """A keyword of the extractor given to a call is not advised into the body."""
    with pytest.raises(OptionError) as caught:
        checked({name: "x"})
    assert caught.value.hint == f"Extractor(…) takes {name}, not its calls."


def test_long_values_are_not_quoted_whole() -> None:
    """An error quotes only the beginning of a wrong value."""
    with pytest.raises(OptionError) as caught:
        checked({"temperature": "x" * 10_000})
    assert len(caught.value.message) < 200


def test_ranges_are_told() -> None:
    """An error says what the range is."""
    with pytest.raises(OptionError, match=r"max_tokens is 0, but must be from 1 to 65,536\."):
        checked({"max_tokens": 0})
    with pytest.raises(OptionError, match=r"n is 0, but must be at least 1\."):
        checked({"n": 0})
    with pytest.raises(OptionError, match="must be one of none, low, medium, high"):
        checked({"reasoning_effort": "max"})


def test_every_option_has_a_rule() -> None:
    """What a caller may write and what is checked are the same names."""
    assert set(Options.__annotations__) == set(RULES)


def test_every_reference_field_is_an_option() -> None:
    """Every field of the reference endpoint can be set, but for the two that have their own arguments."""
    documented = (
        "stream stream_options max_completion_tokens max_tokens temperature top_p frequency_penalty "
        "presence_penalty stop n reasoning_effort seed logprobs top_logprobs response_format tools "
        "tool_choice extra_body"
    )
    assert set(documented.split()) | {"extra_fields"} == set(RULES)


def test_the_given_options_stay_as_they_are() -> None:
    """Checking makes a new dictionary and leaves the caller's alone."""
    options = {"seed": 1, "n": None}
    assert checked(options) == {"seed": 1}
    assert options == {"seed": 1, "n": None}
