"""The ladder: the order of its rungs, what is remembered, and the whole of it against an endpoint on loopback."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import pytest
from either_kind import run_once
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python
from typer.testing import CliRunner

from extractor import Dialect, Extraction, Extractor
from extractor.cli import app
from extractor.complaints import Complaint
from extractor.errors import (
    AuthenticationFailed,
    BadRequest,
    EndpointError,
    ExtractionFailed,
    OptionError,
    RateLimited,
    SchemaError,
    StatusError,
)
from extractor.loop.ladder import MAX_STEPS, RUNGS, Ladder, Step, Way, applied
from extractor.loop.memory import Lesson, Memory, memory
from extractor.schema.dialects import DIALECTS, MODES, Limits, Mode
from extractor.schema.target import target_of
from extractor.testing import FakeEndpoint, Recorded, Reply

ANN = {"name": "Ann", "age": 34}
TEXT = "Ann is 34."

USUAL: tuple[Mode, ...] = MODES[1:]  # a grammar is tried first only where values are to be copied


class Person(BaseModel):
    """Somebody."""

    name: str = Field(description="Full name")
    age: int


class Dog(BaseModel):
    """Another schema."""

    name: str
    age: int
    breed: str | None = None


class Tree(BaseModel):
    """A schema that leads back to itself."""

    name: str
    branches: list[Tree] = []


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    memory.forget()
    yield
    memory.forget()


def _no(message: str, status: int = 400, **more: Any) -> Reply:
    """Refuse a request."""
    return Reply(status=status, raw=json.dumps({"error": {"message": message, **more}}))


NO_SCHEMA = "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."
NO_OBJECT = "response_format.type: Input should be 'json_schema'"
NO_TOOLS = "This model does not support tools."
BAD_SCHEMA = "Invalid schema for response_format 'Person': In context=(), 'x' is not permitted."
COMPLEX = "Schema is too complex for compilation."
OPAQUE = "Request contains an invalid argument."
NO_SEED = "Unsupported parameter: 'seed' is not supported with this model."
NO_NEWER_NAME = "Unsupported parameter: 'max_completion_tokens' is not supported with this model."


def _run(kind: str, fake: FakeEndpoint, target: Any = Person, *, settings: Any = None, **call: Any) -> Extraction[Any]:
    """One call of a new extractor of either kind; `settings` are for the extractor."""
    made = {"base_url": fake.base_url, "dialect": "openai", **(settings or {})}
    return run_once(kind, made, target, TEXT, **call)


def _bodies(fake: FakeEndpoint) -> list[dict[str, Any]]:
    return [request.body for request in fake.requests]


def _mode(body: dict[str, Any]) -> Mode:
    """How a request asks."""
    if "tools" in body:
        return "tool"
    form = body.get("response_format")
    if form is None:
        return "prompt"
    if form["type"] == "json_object":
        return "json_object"
    return "strict" if form["json_schema"].get("strict") else "relaxed"


def _modes(fake: FakeEndpoint) -> list[Mode]:
    return [_mode(body) for body in _bodies(fake)]


# ------------------------------------------------------------------------------------ down the ladder


def test_all_the_way_down(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Strict, relaxed, any object, a function, the prompt alone: in this order, and each says what is wanted."""
    fake_endpoint.answer(_no(BAD_SCHEMA), _no(BAD_SCHEMA), _no(NO_OBJECT), _no(NO_TOOLS), json.dumps(ANN))
    result = _run(kind, fake_endpoint)
    assert result.value == Person(name="Ann", age=34)
    assert _modes(fake_endpoint) == list(USUAL)
    assert (result.mode, len(result.attempts)) == ("prompt", 1)
    assert [step.mode for step in result.steps] == list(USUAL[:-1])
    assert result.steps[0] == Step(
        mode="strict", slim=0, dropped="", status=400, reason=f"The endpoint answered 400: {BAD_SCHEMA}"
    )
    for body, mode in zip(_bodies(fake_endpoint), USUAL, strict=True):
        system, user = body["messages"]
        assert user == {"role": "user", "content": TEXT}
        assert "JSON" in system["content"]
        assert ("Full name" in system["content"]) is (mode in ("relaxed", "json_object", "prompt"))


def test_kinds_are_left_at_once(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint without json_schema is not asked for it again without strict."""
    fake_endpoint.answer(_no(NO_SCHEMA), ANN)
    assert _run(kind, fake_endpoint).mode == "json_object"
    assert _modes(fake_endpoint) == ["strict", "json_object"]


def test_no_response_format_at_all(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint that does not know the field is asked for none of its kinds."""
    fake_endpoint.answer(_no("Unknown parameter: 'response_format'."), ANN)
    assert _run(kind, fake_endpoint).mode == "tool"
    assert _modes(fake_endpoint) == ["strict", "tool"]


SHAPES = {
    "object": Reply(status=400, raw=json.dumps({"error": {"message": NO_SCHEMA}})),
    "array": Reply(status=400, raw=json.dumps([{"error": {"code": 400, "message": NO_SCHEMA}}])),
    "detail": Reply(status=422, raw=json.dumps({"detail": [{"loc": ["body"], "msg": NO_SCHEMA}]})),
    "in a 200": Reply(raw=json.dumps({"error": {"message": NO_SCHEMA}})),
    "array in a 200": Reply(raw=json.dumps([{"error": {"message": NO_SCHEMA, "code": 400}}])),
    "404": Reply(status=404, raw=json.dumps({"error": {"message": "No endpoints found that can handle the …"}})),
    "500": Reply(status=500, raw=json.dumps({"object": "error", "message": "Grammar error: …", "code": 500})),
}


@pytest.mark.parametrize("refusal", SHAPES.values(), ids=SHAPES)
def test_whatever_the_body(refusal: Reply, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A refusal is understood in every shape that it comes in."""
    fake_endpoint.answer(refusal, ANN)
    result = _run(kind, fake_endpoint)
    assert (result.value.age, len(result.steps), len(fake_endpoint.requests)) == (34, 1, 2)


@pytest.mark.parametrize(
    "before", [b"", b": keep-alive\n\n", b'data: {"choices": [{"delta": {"role": "assistant"}}]}\n\n']
)
def test_an_error_event_in_a_stream(before: bytes, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A refusal that comes as an event under a 200 is understood too."""
    event = f"data: {json.dumps({'error': {'message': NO_SCHEMA, 'code': 400}})}\n\n".encode()
    fake_endpoint.answer(Reply(raw=before + event, content_type="text/event-stream"), ANN)
    result = _run(kind, fake_endpoint, stream=True)
    assert (result.value.age, result.mode, result.steps[0].status) == (34, "json_object", 400)
    assert all(body["stream"] for body in _bodies(fake_endpoint))


@pytest.mark.parametrize("streamed", [False, True])
def test_a_function_is_called(streamed: bool, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The arguments of the function are the answer, whatever is said beside them."""
    call = {"index": 0, "id": "1", "type": "function", "function": {"name": "Person", "arguments": json.dumps(ANN)}}
    message = {"content": None, "tool_calls": [call]}
    fake_endpoint.answer(Reply(message=message, finish_reason="tool_calls"))
    result = _run(kind, fake_endpoint, mode="tool", stream=streamed or None)
    assert (result.value, result.mode) == (Person(name="Ann", age=34), "tool")
    (body,) = _bodies(fake_endpoint)
    (tool,) = body["tools"]
    assert (tool["function"]["name"], body["tool_choice"]) == ("Person", "required")
    assert list(tool["function"]["parameters"]["properties"]) == ["name", "age"]
    assert "response_format" not in body


def test_a_function_that_was_called_wrongly(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A wrong call is corrected in words: the turns of the conversation are plain text."""
    wrong = {"id": "1", "function": {"name": "Person", "arguments": '{"name": "Ann"}'}}
    chat = Reply(content="I have called it.", message={"tool_calls": [wrong]})
    fake_endpoint.answer(chat, "```json\n{}```", ANN)
    result = _run(kind, fake_endpoint, mode="tool", max_retries=2)
    assert [len(attempt.errors) for attempt in result.attempts][:1] == [1]
    said, again = _bodies(fake_endpoint)[1]["messages"][-2:]
    assert said == {"role": "assistant", "content": "{}"}
    assert "age: Field required" in again["content"]


def test_too_complex_is_slimmed_first(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A schema that is too complex loses its descriptions and its large enums before strict is given up."""

    class Parcel(BaseModel):
        weight: float = Field(description="In kilograms")
        country: Literal[tuple(f"C{number}" for number in range(60))]  # type: ignore[valid-type]

    fake_endpoint.answer(_no(COMPLEX), _no(COMPLEX), _no(COMPLEX), {"weight": 1, "country": "C7"})
    result = _run(kind, fake_endpoint, Parcel)
    assert [(step.mode, step.slim) for step in result.steps] == [("strict", 0), ("strict", 1), ("strict", 2)]
    assert result.mode == "relaxed"
    schemas = [body["response_format"]["json_schema"]["schema"] for body in _bodies(fake_endpoint)]
    systems = [body["messages"][0]["content"] for body in _bodies(fake_endpoint)]
    assert ["In kilograms" in json.dumps(schema) for schema in schemas] == [True, False, False, False]
    assert ["C59" in json.dumps(schema) for schema in schemas] == [True, True, False, False]
    assert ["In kilograms" in system for system in systems] == [False, True, True, True]
    assert ["C59" in system for system in systems] == [False, True, True, True]
    fake_endpoint.answer({"weight": 1, "country": "C7"})
    assert _run(kind, fake_endpoint, Parcel).steps == ()
    assert _bodies(fake_endpoint)[-1] == _bodies(fake_endpoint)[-2]


def test_nothing_to_slim(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A request that would be the same again is not sent."""

    class Plain(BaseModel):
        age: int

    fake_endpoint.answer(_no(COMPLEX), {"age": 1})
    assert _run(kind, fake_endpoint, Plain).mode == "relaxed"


def test_opaque_refusals_step_down_one_rung_at_a_time(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A refusal without a reason is taken to be about the format, rung by rung."""
    fake_endpoint.answer(*[_no(OPAQUE)] * 2, ANN)
    assert _run(kind, fake_endpoint).mode == "json_object"
    assert _modes(fake_endpoint) == ["strict", "relaxed", "json_object"]


def test_steps_are_no_attempts(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A refused request does not count as a re-ask, and a wrong reply is asked for again on the rung it came from."""
    fake_endpoint.answer(_no(NO_SCHEMA), {"name": "Ann"}, ANN)
    result = _run(kind, fake_endpoint, max_retries=1)
    assert (len(result.attempts), len(result.steps)) == (2, 1)
    assert _modes(fake_endpoint) == ["strict", "json_object", "json_object"]


def test_a_refusal_in_the_middle(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A re-ask that is refused goes on in the next way, with what was said so far."""
    fake_endpoint.answer({"name": "Ann"}, _no(NO_SCHEMA), ANN)
    result = _run(kind, fake_endpoint)
    assert (len(result.attempts), len(result.steps), result.mode) == (2, 1, "json_object")
    first, second = _bodies(fake_endpoint)[1:]
    assert first["messages"][1:] == second["messages"][1:]
    assert len(second["messages"]) == 4


def test_what_the_model_wrote_is_not_remembered(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint refuses what the model wrote, another way is tried this once."""
    failed = _no("Failed to generate JSON. See 'failed_generation'.", code="json_validate_failed")
    fake_endpoint.answer(failed, ANN, ANN)
    assert _run(kind, fake_endpoint).mode == "relaxed"
    assert _run(kind, fake_endpoint).mode == "strict"


def test_a_schema_that_strict_cannot_say(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the dialect's strict form cannot say the schema, the ladder begins lower."""
    tiny = Dialect(name="tiny", keywords=DIALECTS["openai"].keywords, limits=Limits(properties=1))
    fake_endpoint.answer(ANN)
    result = _run(kind, fake_endpoint, settings={"dialect": tiny})
    assert (result.mode, result.steps, _modes(fake_endpoint)) == ("relaxed", (), ["relaxed"])
    with pytest.raises(SchemaError, match="strict form of tiny"):
        _run(kind, fake_endpoint, settings={"dialect": tiny}, mode="strict")


VALUES = [
    (Tree, Tree(name="a", branches=[Tree(name="b")])),
    (list[int], [1, 2]),
    (dict[str, int], {"a": 1}),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": "x"}),
]


@pytest.mark.parametrize("mode", USUAL)
@pytest.mark.parametrize(("target", "value"), VALUES, ids=["cycle", "list", "map", "JSON Schema"])
@pytest.mark.parametrize("dialect", ["openai", "llama.cpp", "evolink", "anthropic"])
def test_every_rung_takes_every_target(
    dialect: str, target: Any, value: Any, mode: Mode, fake_endpoint: FakeEndpoint
) -> None:
    """Lists, maps and what leads back to itself can be asked for on every rung, and come back as they are."""
    adapted = RUNGS[mode].adapted(target_of(target), DIALECTS[dialect], "forbid", 0)
    if mode == "strict" and not adapted.strict:
        pytest.skip("strict cannot say it")
    fake_endpoint.answer(adapted.to_wire(to_jsonable_python(value)))
    assert _run("sync", fake_endpoint, target, mode=mode, settings={"dialect": dialect}).value == value
    (body,) = _bodies(fake_endpoint)
    assert _mode(body) == mode
    assert adapted.schema["type"] == "object"


# --------------------------------------------------------------------------------------- dropping


def test_one_field_is_dropped(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A field that is named is left out, nothing else changes, and it is reported."""
    fake_endpoint.answer(_no(NO_SEED, param="seed"), ANN)
    result = _run(kind, fake_endpoint, seed=7, temperature=0)
    first, second = _bodies(fake_endpoint)
    assert first == {**second, "seed": 7}
    assert (result.mode, [step.dropped for step in result.steps]) == ("strict", ["seed"])


def test_several_fields_are_dropped(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Fields that are named one after the other are left out one after the other, and companions with them."""
    fake_endpoint.answer(_no(NO_SEED), _no("Logprobs is not enabled for models/x"), _no(NO_SCHEMA), ANN)
    result = _run(kind, fake_endpoint, seed=7, logprobs=True, top_logprobs=3)
    assert [step.dropped for step in result.steps] == ["seed", "logprobs", ""]
    assert _bodies(fake_endpoint)[-1].keys() == {"model", "response_format", "messages"}


@pytest.mark.parametrize(
    ("sent", "other"), [("max_completion_tokens", "max_tokens"), ("max_tokens", "max_completion_tokens")]
)
@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_a_limit_has_two_names(mode: Any, sent: str, other: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A token limit that is refused under one name is sent under the other, also where the mode is forced."""
    fake_endpoint.answer(_no(f"Unsupported parameter: '{sent}'."), ANN, ANN)
    result = _run(kind, fake_endpoint, mode=mode, **{sent: 500})
    assert _bodies(fake_endpoint)[1][other] == 500
    assert sent not in _bodies(fake_endpoint)[1]
    assert result.steps[0].dropped == sent
    _run(kind, fake_endpoint, mode=mode, **{sent: 300})
    assert (_bodies(fake_endpoint)[2][other], len(fake_endpoint.requests)) == (300, 3)


def test_a_limit_is_never_lost(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where neither name of the token limit is taken, that is an error."""
    fake_endpoint.answer(_no(NO_NEWER_NAME), _no("Unsupported parameter: 'max_tokens'."))
    with pytest.raises(BadRequest, match="'max_tokens'") as caught:
        _run(kind, fake_endpoint, max_completion_tokens=500)
    assert [step.dropped for step in caught.value.steps] == ["max_completion_tokens"]
    fake_endpoint.answer(_no(NO_NEWER_NAME), ANN)
    _run(kind, fake_endpoint, max_completion_tokens=500, max_tokens=400)
    assert _bodies(fake_endpoint)[-1]["max_tokens"] == 400


def test_a_stream_can_be_dropped(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where streaming is not supported, the reply comes at once."""
    fake_endpoint.answer(_no("Streaming is not supported with response_format."), ANN)
    _run(kind, fake_endpoint, stream=True, stream_options={"include_usage": True})
    assert _bodies(fake_endpoint)[1].keys() == {"model", "response_format", "messages"}


def test_the_callers_own_format_stays(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With a response_format of the caller's, fields are dropped, but the format is never changed."""
    own = {"type": "json_object"}
    fake_endpoint.answer(_no(NO_SEED), ANN)
    result = _run(kind, fake_endpoint, response_format=own, seed=1)
    assert result.mode is None
    assert [body["response_format"] for body in _bodies(fake_endpoint)] == [own, own]
    fake_endpoint.answer(_no(NO_OBJECT), ANN)
    with pytest.raises(BadRequest):
        _run(kind, fake_endpoint, response_format=own)
    assert len(fake_endpoint.requests) == 3


def test_the_callers_own_tools_stay(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With tools of the caller's there is no rung with one of ours, and they are never dropped."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    fake_endpoint.answer(_no(NO_SCHEMA), _no(NO_OBJECT), ANN)
    result = _run(kind, fake_endpoint, tools=tools, tool_choice="auto")
    assert result.mode == "prompt"
    assert [(body["tools"], body["tool_choice"]) for body in _bodies(fake_endpoint)] == [(tools, "auto")] * 3
    fake_endpoint.answer(_no(NO_TOOLS))
    with pytest.raises(BadRequest):
        _run(kind, fake_endpoint, tools=tools)


def test_a_forced_call_is_dropped_before_the_function(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint that cannot be made to call the function may call it by itself."""
    fake_endpoint.answer(_no(NO_SCHEMA), _no(NO_OBJECT), _no("Thinking mode does not support this tool_choice"), ANN)
    result = _run(kind, fake_endpoint)
    assert result.mode == "tool"
    assert "tool_choice" not in _bodies(fake_endpoint)[-1]
    fake_endpoint.answer(ANN)
    _run(kind, fake_endpoint, tools=[{"type": "function"}], tool_choice="auto")
    assert _bodies(fake_endpoint)[-1]["tool_choice"] == "auto", "the caller's own stays"


def test_extra_fields_are_never_dropped(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What the caller sends to this endpoint in particular stays, or the refusal is raised."""
    fake_endpoint.answer(_no("Unknown parameter: 'top_k'."), ANN)
    with pytest.raises(BadRequest, match="top_k"):
        _run(kind, fake_endpoint, extra_fields={"top_k": 3})


# ------------------------------------------------------------------------------------------- forced


@pytest.mark.parametrize("mode", USUAL)
@pytest.mark.parametrize("where", ["call", "defaults"])
def test_a_forced_mode(where: str, mode: Mode, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A mode that is forced is the one that is sent."""
    fake_endpoint.answer(ANN)
    given: dict[str, Any] = {"settings": {"mode": mode}} if where == "defaults" else {"mode": mode}
    assert _run(kind, fake_endpoint, **given).mode == mode
    assert _modes(fake_endpoint) == [mode]


def test_a_forced_mode_changes_nothing(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With a forced mode a refusal is raised, and says what else there is."""
    for refusal, match in ((NO_SCHEMA, "response_format"), (NO_SEED, "seed"), (COMPLEX, "complex")):
        fake_endpoint.answer(_no(refusal), ANN)
        with pytest.raises(BadRequest, match=match) as caught:
            _run(kind, fake_endpoint, mode="strict", seed=1)
        if refusal != NO_SEED:
            assert "mode='strict' is forced" in caught.value.hint
            assert "relaxed, json_object, tool, prompt" in caught.value.hint
    assert len(fake_endpoint.requests) == 3


def test_a_forced_mode_does_not_care_what_is_remembered(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What was learned does not change what is forced."""
    fake_endpoint.answer(_no(NO_SEED), _no(NO_SCHEMA), ANN, ANN)
    _run(kind, fake_endpoint, seed=1)
    assert _run(kind, fake_endpoint, seed=1, mode="strict").mode == "strict"
    assert _bodies(fake_endpoint)[-1]["seed"] == 1


@pytest.mark.parametrize(("mode", "code"), [("prompt", 0), ("fast", 2)])
def test_on_the_command_line(
    mode: str, code: int, fake_endpoint: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`extractor run --mode` forces a mode; one that there is not is a wrong call."""
    monkeypatch.setenv("EXTRACTOR_BASE_URL", fake_endpoint.base_url)
    fake_endpoint.answer({"name": "Ann"})
    schema, text = tmp_path / "person.json", tmp_path / "a.txt"
    schema.write_text(json.dumps({"type": "object", "properties": {"name": {"type": "string"}}}))
    text.write_text(TEXT)
    done = CliRunner().invoke(app, ["run", str(schema), str(text), "--mode", mode])
    assert (done.exit_code, len(fake_endpoint.requests)) == (code, 1 - code // 2), done.output
    assert code == 2 or _modes(fake_endpoint) == ["prompt"]


WRONG = [
    ({"mode": "fast"}, "mode", "auto, grammar, strict, relaxed, json_object, tool, prompt"),
    ({"mode": None}, "mode", "one of auto"),
    ({"mode": ["strict"]}, "mode", "one of auto"),
    ({"absent": "maybe"}, "absent", "forbid, allow"),
    ({"mode": "strict", "response_format": {"type": "text"}}, "mode", "response_format"),
    ({"mode": "tool", "tools": [{"type": "function"}]}, "mode", "function"),
    ({"mode": "tool", "extra_fields": {"tool_choice": "auto"}}, "mode", "function"),
]


@pytest.mark.parametrize(("wrong", "option", "said"), WRONG)
def test_wrong_settings(wrong: Any, option: str, said: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A mode that there is not, or that the caller's own fields contradict, is an error before anything is sent."""
    with pytest.raises(OptionError, match=said) as caught:
        _run(kind, fake_endpoint, **wrong)
    assert (caught.value.option, fake_endpoint.requests) == (option, [])


# ------------------------------------------------------------------------------------- what is raised


def test_all_refused(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where every rung is refused, the first refusal is raised, with all of them; and none is remembered."""
    fake_endpoint.answer(_no(BAD_SCHEMA), *[_no(OPAQUE)] * 4)
    with pytest.raises(BadRequest, match="Invalid schema") as caught:
        _run(kind, fake_endpoint)
    assert [step.mode for step in caught.value.steps] == list(USUAL)
    assert caught.value.attempts == ()
    assert "Every way of asking was refused, in 5 requests" in str(caught.value)
    assert pickle.loads(pickle.dumps(caught.value)).steps == caught.value.steps
    fake_endpoint.answer(ANN)
    assert _run(kind, fake_endpoint).mode == "strict"


def test_what_is_not_understood_is_raised(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A refusal that has nothing to do with the way of asking is raised, with the steps before it."""
    fake_endpoint.answer(_no(NO_SCHEMA), _no("Slow down.", 429))
    with pytest.raises(RateLimited) as caught:
        _run(kind, fake_endpoint, transport_retries=0)
    assert [step.mode for step in caught.value.steps] == ["strict"]
    fake_endpoint.answer(_no("No such key.", 401))
    with pytest.raises(AuthenticationFailed) as denied:
        _run(kind, fake_endpoint)
    assert denied.value.steps == ()


def test_a_failure_has_the_steps(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where no reply conforms, the error has the refused requests too."""
    fake_endpoint.answer(_no(NO_SCHEMA), {"name": "Ann"})
    with pytest.raises(ExtractionFailed) as caught:
        _run(kind, fake_endpoint, max_retries=0)
    assert [step.mode for step in caught.value.steps] == ["strict"]
    assert pickle.loads(pickle.dumps(caught.value)).steps == caught.value.steps


def test_no_more_than_a_few_steps(fake_endpoint: FakeEndpoint) -> None:
    """A call does not step for ever."""
    names = ["seed", "temperature", "top_p", "n", "stop", "logprobs", "presence_penalty", "frequency_penalty"]
    given: dict[str, Any] = dict.fromkeys(names, 1) | {"stop": "x", "logprobs": True}
    fake_endpoint.answer(*[_no(f"Unsupported parameter: '{name}'.") for name in names], *[_no(OPAQUE)] * 9)
    with pytest.raises(StatusError, match="seed"):
        _run("sync", fake_endpoint, **given)
    assert len(fake_endpoint.requests) == MAX_STEPS


def test_steps_are_logged_quietly(fake_endpoint: FakeEndpoint, caplog: pytest.LogCaptureFixture) -> None:
    """Steps are announced to the logger `extractor`, at INFO, and nothing of the document is."""
    fake_endpoint.answer(_no(NO_SEED), _no(NO_SCHEMA), ANN)
    with caplog.at_level(logging.INFO, "extractor"):
        _run("sync", fake_endpoint, seed=1)
    own = [record for record in caplog.records if record.name == "extractor"]
    said = [record.getMessage() for record in own if record.getMessage().startswith("refused")]
    assert {record.levelno for record in own} == {logging.INFO}
    assert len(said) == 2
    assert 'changed="without seed"' in said[0]
    assert 'changed="strict → json_object"' in said[1]
    assert TEXT not in caplog.text


# -------------------------------------------------------------------------------------- the memory


def test_the_second_call_does_not_pay_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What an endpoint refused is known in the next call, of another extractor, and for other schemas."""
    fake_endpoint.answer(_no(NO_SCHEMA), _no(NO_SEED), ANN, ANN, ANN)
    _run(kind, fake_endpoint, seed=1)
    assert _run(kind, fake_endpoint, seed=1).steps == ()
    assert _run(kind, fake_endpoint, Dog, seed=1).steps == ()
    assert _modes(fake_endpoint)[2:] == ["json_object"] * 3
    assert all("seed" not in body for body in _bodies(fake_endpoint)[2:])


def test_another_model_is_another_matter(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What one model does not take, another of the same endpoint may."""
    fake_endpoint.answer(_no(NO_SCHEMA), ANN, ANN)
    _run(kind, fake_endpoint)
    assert _run(kind, fake_endpoint, model="other").mode == "strict"


def test_another_schema_is_another_matter(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What is wrong with one schema says nothing about another; the same schema is the same in another target."""
    fake_endpoint.answer(_no(BAD_SCHEMA), ANN, ANN, ANN)
    assert _run(kind, fake_endpoint).mode == "relaxed"
    assert _run(kind, fake_endpoint, Dog).mode == "strict"

    class Person(BaseModel):
        """Somebody."""

        name: str = Field(description="Full name")
        age: int

    assert _run(kind, fake_endpoint, Person).mode == "relaxed"


def test_a_running_extractor_learns(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An extractor begins lower as soon as anybody has learned something, and higher when it is forgotten."""
    fake_endpoint.answer(ANN, _no(NO_SCHEMA), ANN, ANN, ANN)
    with Extractor("m", base_url=fake_endpoint.base_url, dialect="openai") as one:
        assert one.run(Person, TEXT).mode == "strict"
        assert _run(kind, fake_endpoint).mode == "json_object"
        assert one.run(Person, TEXT).mode == "json_object"
        memory.forget()
        assert one.run(Person, TEXT).mode == "strict"


def test_a_running_extractor_tries_anew_after_an_hour(
    fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was refused is asked for again when it has been so long."""
    monkeypatch.setattr(memory, "_seconds", 0.2)
    fake_endpoint.answer(_no(NO_SCHEMA), ANN, ANN, ANN)
    with Extractor("m", base_url=fake_endpoint.base_url, dialect="openai") as one:
        assert [one.run(Person, TEXT).mode for _ in range(2)] == ["json_object"] * 2
        import time

        time.sleep(0.25)
        assert one.run(Person, TEXT).mode == "strict"


def test_many_at_once(fake_endpoint: FakeEndpoint) -> None:
    """Threads that step down at the same time each come to their end."""

    def answer(request: Recorded) -> Any:
        return ANN if _mode(request.body) == "json_object" else _no(NO_SCHEMA)

    fake_endpoint.answer(*[answer] * 100)
    with (
        Extractor("m", base_url=fake_endpoint.base_url, dialect="openai") as one,
        ThreadPoolExecutor(8) as pool,
    ):
        results = list(pool.map(lambda number: one.run(Person, f"{TEXT} {number}"), range(40)))
    assert {result.mode for result in results} == {"json_object"}
    assert len(fake_endpoint.requests) < 80


def test_memory_expires() -> None:
    """A lesson holds for its time, and it is said how long."""
    now = [0.0]
    kept = Memory(seconds=10, clock=lambda: now[0])
    kept.learn([Lesson(where="a", what=("mode", "strict"))])
    now[0] = 4.0
    kept.learn([Lesson(where="b", what=("parameter", "seed"))])
    assert kept.recall("a", "b", "c") == (frozenset({("mode", "strict"), ("parameter", "seed")}), 10.0)
    now[0] = 10.0
    assert kept.recall("a", "b") == (frozenset({("parameter", "seed")}), 14.0)
    now[0] = 14.0
    assert kept.recall("a", "b") == (frozenset(), float("inf"))


def test_memory_is_bounded() -> None:
    """What was asked for least recently makes room."""
    kept = Memory(size=2)
    for place in ("a", "b"):
        kept.learn([Lesson(where=place, what=("mode", "strict"))])
    kept.recall("a")
    kept.learn([Lesson(where="c", what=("mode", "strict"))])
    assert [bool(kept.recall(place)[0]) for place in "abc"] == [True, False, True]


def test_memory_tells_of_changes() -> None:
    """Its version changes with everything that is learned or forgotten, and not by being asked."""
    kept = Memory()
    seen = [kept.version]
    kept.learn([Lesson(where="a", what=("mode", "strict"))])
    seen.append(kept.version)
    kept.recall("a")
    assert kept.version == seen[-1]
    kept.forget()
    assert len({*seen, kept.version}) == 3
    assert kept.recall("a")[0] == frozenset()


# ---------------------------------------------------------------------------------- the table of rungs


@pytest.mark.parametrize("name", DIALECTS)
def test_the_order_of_every_dialect(name: str) -> None:
    """Each kind of endpoint is asked in its own ways, from the best down, and every rung leads to the prompt."""
    ladder = _ladder(DIALECTS[name].modes)
    ways, _ = ladder.first()
    assert [way.mode for way in ways] == list(DIALECTS[name].modes)
    assert ways == sorted(ways, key=lambda way: MODES.index(way.mode or "prompt"))
    assert ways[-1].mode == "prompt"
    taken = [ways[0]]
    while following := ladder.after(taken[-1], Complaint(about="schema")):
        taken.append(following[0])
    assert taken == ways


@pytest.mark.parametrize("name", DIALECTS)
def test_an_endpoint_of_every_dialect(name: str, fake_endpoint: FakeEndpoint) -> None:
    """On the wire the order is the dialect's too."""
    modes = DIALECTS[name].modes
    fake_endpoint.answer(*[_no(OPAQUE)] * (len(modes) - 1), ANN)
    result = _run("sync", fake_endpoint, settings={"dialect": name})
    asked = [*(step.mode for step in result.steps), result.mode]
    assert asked == [mode for mode in modes if mode in asked], "in order"
    assert asked[0] == modes[0]
    assert set(modes) - set(asked) <= {"relaxed"}, "only what would have been the same is left out"


def _ladder(modes: tuple[Mode | None, ...] = USUAL, *, forced: bool = False, fields: str = "") -> Ladder:
    return Ladder(
        modes=modes, fields=frozenset(fields.split()), endpoint=("h", "m"), schema=("h", "m", "s"), forced=forced
    )


def test_rungs() -> None:
    """There is a rung for every mode."""
    assert tuple(RUNGS) == MODES


@pytest.mark.parametrize(
    ("about", "mode", "expected"),
    [
        ("schema", "strict", ["relaxed", "json_object", "tool", "prompt"]),
        ("opaque", "strict", ["relaxed", "json_object", "tool", "prompt"]),
        ("reply", "strict", ["relaxed", "json_object", "tool", "prompt"]),
        ("kind", "strict", ["json_object", "tool", "prompt"]),
        ("mode", "strict", ["relaxed", "json_object", "tool", "prompt"]),
        ("format", "strict", ["tool", "prompt"]),
        ("size", "strict", ["strict", "strict", "relaxed", "json_object", "tool", "prompt"]),
        ("kind", "relaxed", ["json_object", "tool", "prompt"]),
        ("size", "json_object", ["tool", "prompt"]),
        ("size", "tool", ["tool", "tool", "prompt"]),
        ("kind", "tool", ["prompt"]),
        ("schema", "prompt", []),
        ("size", "prompt", []),
    ],
)
def test_what_follows(about: Any, mode: Mode, expected: list[Mode]) -> None:
    """Each complaint leads to the ways that do not have what was complained about."""
    assert [way.mode for way in _ladder().after(Way(mode=mode), Complaint(about=about))] == expected


def test_rungs_that_are_known_to_be_refused_are_passed_over() -> None:
    """What is remembered is passed over, going down too; where all is refused, all is tried anew."""
    ladder = _ladder()
    memory.learn([Lesson(where=ladder.endpoint, what=("mode", "json_object"))])
    assert [way.mode for way in ladder.first()[0]] == ["strict", "relaxed", "tool", "prompt"]
    assert [way.mode for way in ladder.after(Way(mode="strict"), Complaint(about="kind"))] == ["tool", "prompt"]
    memory.learn([Lesson(where=ladder.schema, what=("mode", mode)) for mode in USUAL])
    assert [way.mode for way in ladder.first()[0]] == list(USUAL)


def test_a_limit_that_was_refused_under_both_names() -> None:
    """Where both names have been refused, at different times, the caller's is sent."""
    ladder = _ladder(fields="max_tokens seed")
    for name in ("max_tokens", "max_completion_tokens", "seed", "n"):
        memory.learn([Lesson(where=ladder.endpoint, what=("parameter", name))])
    assert ladder.first()[0][0].dropped == {"seed"}


def test_applied() -> None:
    """Dropped fields are gone, but for a token limit, which has another name then."""
    assert applied({"seed": 1, "n": 2}, frozenset({"seed"})) == {"n": 2}
    assert applied({"max_tokens": 1}, frozenset({"max_tokens"})) == {"max_completion_tokens": 1}
    both_names = {"max_tokens": 1, "max_completion_tokens": 2}
    assert applied(both_names, frozenset({"max_tokens"})) == {"max_completion_tokens": 2}
    assert applied({}, frozenset({"max_tokens"})) == {}


def test_an_endpoint_error_has_steps_without_any() -> None:
    """An error that nothing was tried after has none."""
    assert EndpointError("x").steps == ()
