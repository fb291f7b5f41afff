"""Which options make a run."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from extractor.batch.options import LONGEST, SECRET, named, options_of
from extractor.chat.content import Image
from extractor.documents.chunking import Chunking
from extractor.endpoint.resolve import Address
from extractor.evidence.calibration import Calibration
from extractor.schema.dialects import Dialect
from extractor.settings import Settings

ROOT = Path(__file__).resolve().parent.parent.parent
KEY = "k-1234567890abcdef"
HERE = Address(base_url="https://example.test/v1", model="small", dialect="unknown", api_key=KEY)
PLAIN = {"model": "small", "base_url": "https://example.test/v1"}


class Person(BaseModel):
    """An example's value."""

    name: str
    born: datetime.date
    tags: frozenset[str] = frozenset()


@dataclass
class Rates:
    """A context that is no JSON."""

    euro: Decimal
    names: set[str]


def _options(**call: Any) -> dict[str, Any]:
    return options_of(Settings.of({}, call), HERE)


def test_only_what_differs_from_the_defaults_is_there() -> None:
    """A call without settings is its model and its address, so that an option of a later version is no other run."""
    assert _options() == PLAIN
    assert _options(mode="auto", coerce=True, candidates=1, chunking="auto") == PLAIN


@pytest.mark.parametrize(
    "call",
    [
        {"model": "large"},
        {"instructions": "Be brief."},
        {"temperature": 0.5},
        {"seed": 1},
        {"n": 2},
        {"extra_fields": {"top_k": 3}},
        {"extra_body": {"google": {"thinking": 0}}},
        {"mode": "tool"},
        {"coerce": False},
        {"copy": True},
        {"copy": False},
        {"absent": "allow"},
        {"candidates": 3},
        {"recall": "high"},
        {"chunking": None},
        {"chunking": Chunking(tokens=500)},
        {"ungrounded": "ask"},
        {"confidence": True},
        {"calibration": Calibration(points=((0.0, 0.1), (1.0, 0.9)))},
        {"examples": [("Ann, 7", {"name": "Ann"})]},
        {"messages": [{"role": "user", "content": "Hello"}]},
        {"context": {"currency": "EUR"}},
    ],
    ids=lambda call: next(iter(call)),
)
def test_what_changes_what_comes_out_is_another_run(call: dict[str, Any]) -> None:
    """Every option that changes what comes out is there, as JSON."""
    options = _options(**call)
    assert options != PLAIN
    assert json.loads(json.dumps(options)) == options


@pytest.mark.parametrize(
    "call",
    [
        {"max_retries": 5},
        {"deadline": 3.0},
        {"transport_retries": 0},
        {"max_wait": 1.0},
        {"backoff": 0.1},
        {"fallbacks": ["other"]},
        {"budget": None},
        {"cache": None},
        {"watch": []},
        {"price": None},
        {"share": "me"},
        {"stream": True, "stream_options": {"include_usage": True}},
    ],
    ids=lambda call: next(iter(call)),
)
def test_how_it_is_asked_for_may_change(call: dict[str, Any]) -> None:
    """What says how, how fast and for how much is asked is no other run."""
    assert _options(**call) == PLAIN


def test_who_is_asked_counts() -> None:
    """The provider, the address and the dialect are there; the embedded endpoint's address is another each time."""
    local = replace(HERE, base_url="http://127.0.0.1:4711/v1", provider="local", local=True)
    assert options_of(Settings(), local) == {"model": "small", "provider": "local"}
    own = replace(Dialect.named("unknown"), name="mine", cycles=False)
    assert options_of(Settings(), HERE, dialect=Dialect.named("unknown")) == PLAIN
    assert options_of(Settings(), HERE, dialect=Dialect.named("openai"))["dialect"] == "openai"
    assert options_of(Settings(), HERE, dialect=own)["dialect"]["cycles"] is False
    assert options_of(Settings(), HERE, as_="image")["as"] == "image"


def test_the_side_by_side_of_chunks_does_not_count() -> None:
    """How many chunks are asked for at once is no other run."""
    assert _options(chunking=Chunking(tokens=500, at_once=2)) == _options(chunking=Chunking(tokens=500))


SECRETS = [
    {"api_key": "abc"},
    {"apiKey": "abc"},
    {"X-API-Key": "abc"},
    {"access_token": "abc"},
    {"Authorization": "Bearer abc"},
    {"client_secret": {"value": "abc"}},
    {"headers": {"X-Anything": "abc"}},
    {"service": {"password": ["abc"]}},
    {"properties": {"token": "abc"}},
    {"anything": "Bearer abcdefgh"},
    {"anything": "sk-abcdefghabcdefgh"},
    {"anything": f"https://example.test/?x={KEY}"},
]


@pytest.mark.parametrize("extra", SECRETS, ids=lambda extra: next(iter(extra)))
def test_no_secret_is_there(extra: dict[str, Any]) -> None:
    """What is named like a secret, looks like one or has the endpoint's key in it is not kept, wherever it stands."""
    for call in ({"extra_fields": extra}, {"extra_body": {"a": [extra]}}, {"context": extra}):
        written = json.dumps(_options(**call))
        assert "abc" not in written
        assert KEY not in written
        assert SECRET in written


def test_another_secret_is_the_same_run() -> None:
    """A run goes on with another key."""
    assert _options(extra_fields={"api_key": "one"}) == _options(extra_fields={"api_key": "two"})


def test_what_only_looks_like_a_secret_is_kept() -> None:
    """Limits of tokens, properties of a schema that are called so, and plain words stay."""
    schema = {"type": "object", "properties": {"token": {"type": "string"}, "key": {"type": "integer"}}}
    options = _options(
        max_tokens=99,
        instructions="Basic information only.",
        extra_fields={"stop_token_ids": [1], "schema": schema, "secret": None},
    )
    assert options["max_tokens"] == 99
    assert options["instructions"] == "Basic information only."
    assert options["extra_fields.stop_token_ids"] == [1]
    assert options["extra_fields.schema"] == schema
    assert options["extra_fields.secret"] is None


def test_long_texts_are_known_by_their_hash() -> None:
    """A long example or an image makes no large file, and yet another one is another run."""
    one, other = (_options(examples=[("x" * LONGEST + end, {})]) for end in "ab")
    assert one != other
    assert len(json.dumps(one)) < 1_000
    image = Image(data=b"\0" * 9_999)
    assert len(json.dumps(_options(examples=[(image, {})]))) < 1_000


def test_values_are_written_as_json_has_them() -> None:
    """Models, dates, sets, numbers: the same however they are given, in every process."""
    ann = Person(name="Ann", born=datetime.date(2000, 1, 2), tags=frozenset({"b", "a"}))
    assert _options(examples=[("Ann", ann)])["examples"] == [
        ["Ann", {"name": "Ann", "born": "2000-01-02", "tags": ["a", "b"]}]
    ]
    assert _options(temperature=1) == _options(temperature=1.0)
    assert _options(context={"rate": float("inf")})["context"] == {"rate": "inf"}
    rates = Rates(euro=Decimal("1.10"), names={"b", "a", "c"})
    assert _options(context=rates)["context"] == {"euro": "1.10", "names": ["a", "b", "c"]}


def test_what_is_no_data_is_named() -> None:
    """Functions, classes, and objects that are no data are known by their names."""
    thing = object()
    assert _options(context=thing)["context"] == "builtins:object"
    assert _options(context={"check": json.dumps, "kind": Person})["context"] == {
        "check": "json:dumps",
        "kind": f"{__name__}:Person",
    }
    assert named(Person) == named(Person(name="", born=datetime.date(2000, 1, 1))) == f"{__name__}:Person"


def test_what_has_itself_in_it_is_named() -> None:
    """A context that leads back to itself does not hang."""
    around: dict[str, Any] = {}
    around["again"] = around
    assert _options(context=around)["context"] == "builtins:dict"
    deep: Any = "end"
    for _ in range(200):
        deep = [deep]
    assert "sha256:" in json.dumps(_options(context=deep))


def test_an_array_as_context_is_no_error() -> None:
    """A context whose comparison is no truth value does not matter."""

    class Array:
        def __eq__(self, other: object) -> Any:
            raise ValueError("The truth value is ambiguous.")

        __hash__ = None  # type: ignore[assignment]  # as arrays are

    assert _options(context=Array())["context"].endswith("Array")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(JSON)
def test_any_context_is_plain_data(context: Any) -> None:
    """Whatever is JSON stays JSON, and is the same the second time."""
    options = _options(context=context)
    assert json.loads(json.dumps(options)) == options
    assert _options(context=json.loads(json.dumps(context))) == options


def test_other_processes_find_the_same() -> None:
    """The options do not depend on the process: sets and hashes have another order in each."""
    script = (
        "import json; from extractor.batch.options import options_of; from extractor.settings import Settings\n"
        "from extractor.endpoint.resolve import Address; from extractor.schema.dialects import Dialect\n"
        "from dataclasses import replace\n"
        "own = replace(Dialect.named('openai'), name='mine')\n"
        "here = Address(base_url='', model='m', dialect='unknown')\n"
        "settings = Settings.of({}, {'context': {'a': set('abcdefgh')}})\n"
        "print(json.dumps(options_of(settings, here, dialect=own)))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
