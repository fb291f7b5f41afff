"""The loop driven by hand: replies in, requests out, no I/O."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ValidationInfo, field_validator

from extractor.chat.wire import ChatReply, ChatRequest, Prefix, Usage, decode_reply
from extractor.errors import (
    BadRequest,
    ContentFiltered,
    CutOff,
    EmptyReply,
    EndpointError,
    ExtractionFailed,
    FieldsAbsent,
    Refused,
    ServerError,
    StatusError,
)
from extractor.loop.extraction import Flow, Task, extraction, whole
from extractor.loop.ladder import Descent, Form, Step, Way
from extractor.loop.memory import Lesson, memory
from extractor.prompt import Prompt
from extractor.reply.outcome import Outcome
from extractor.result import Extraction
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import Mode
from extractor.schema.target import target_of

SYSTEM = {"role": "system", "content": "Extract."}
DOCUMENT = {"role": "user", "content": "Ann is 34."}
GOOD = '{"name": "Ann", "age": 34}'
BAD = '{"name": "Ann", "age": "old"}'


class Person(BaseModel):
    """What most of these tests ask for."""

    name: str
    age: int


def _form(adapted: Adapted, mode: Mode = "strict", tool: str = "") -> Form:
    return Form(
        way=Way(mode=mode),
        adapted=adapted,
        prompt=Prompt(messages=(SYSTEM,)),
        prefix=Prefix(fields={"model": "m"}, messages=(SYSTEM,)),
        tool=tool,
    )


def _task(target: Any = Person, *, max_retries: int = 2, context: Any = None, absent: bool = False) -> Task[Any]:
    made = target_of(target)
    return Task(
        target=made,
        form=_form(adapt(made, "openai", absent="allow" if absent else "forbid")),
        absent=absent,
        messages=(DOCUMENT,),
        max_retries=max_retries,
        context=context,
    )


def _call(name: str, arguments: str) -> dict[str, Any]:
    return {"id": "1", "type": "function", "function": {"name": name, "arguments": arguments}}


def _choice(content: str | None = None, finish_reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **message}, "finish_reason": finish_reason}


def _reply(*choices: dict[str, Any], usage: Any = None, model: str = "real") -> ChatReply:
    return decode_reply({"choices": list(choices), "usage": usage, "model": model})


def _said(content: str | None = None, finish_reason: str | None = "stop", **message: Any) -> ChatReply:
    return _reply(_choice(content, finish_reason, **message))


def _tokens(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _drive(task: Task[Any], *replies: ChatReply) -> tuple[list[ChatRequest], Extraction[Any]]:
    """Send the replies one after the other; all must be wanted, and the last must end it."""
    flow: Flow[Any] = extraction(task)
    requests = [next(flow).request]
    for number, reply in enumerate(replies, 1):
        try:
            requests.append(flow.send(reply).request)
        except StopIteration as done:
            assert number == len(replies), "the loop ended early"
            return requests, done.value
    raise AssertionError("the loop wants another reply")


def _fail(task: Task[Any], *replies: ChatReply) -> ExtractionFailed:
    """Send the replies; the last must be one too many."""
    flow: Flow[Any] = extraction(task)
    next(flow)
    for reply in replies[:-1]:
        flow.send(reply)
    with pytest.raises(ExtractionFailed) as caught:
        flow.send(replies[-1])
    return caught.value


# ----------------------------------------------------------------------------------- conforming


def test_first_reply_conforms() -> None:
    """A conforming reply ends the loop after one request."""
    usage = _tokens(10, 5)
    requests, result = _drive(_task(), _reply(_choice(GOOD), usage=usage))
    assert result.value == Person(name="Ann", age=34)
    assert len(requests) == len(result.attempts) == 1
    assert result.attempts[0].outcome is Outcome.CONFORMING
    assert result.attempts[0].errors == ()
    assert result.usage == Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    assert result.model == "real"
    assert result.seconds >= result.attempts[0].seconds >= 0


def test_first_request_is_the_task() -> None:
    """The first request is the prefix and the task's messages, nothing else."""
    request = next(extraction(_task())).request
    assert request.body == {"model": "m", "messages": [SYSTEM, DOCUMENT]}
    assert json.loads(request.encode()) == request.body


def test_invalid_then_conforming() -> None:
    """A reply that does not conform is asked for again, and the corrected one is the result."""
    first, second = _reply(_choice(BAD), usage=_tokens(10, 5)), _reply(_choice(GOOD), usage=_tokens(30, 7))
    requests, result = _drive(_task(), first, second)
    assert result.value == Person(name="Ann", age=34)
    assert [attempt.outcome for attempt in result.attempts] == [Outcome.INVALID, Outcome.CONFORMING]
    assert [attempt.request for attempt in result.attempts] == requests
    assert [attempt.reply for attempt in result.attempts] == [first, second]
    assert result.attempts[0].value == {"name": "Ann", "age": "old"}
    assert result.usage == Usage(prompt_tokens=40, completion_tokens=12, total_tokens=52)
    assert result.seconds >= sum(attempt.seconds for attempt in result.attempts)


def test_model_is_the_one_that_answered_last() -> None:
    """Where an endpoint answers with another model the second time, that one is reported."""
    _, result = _drive(_task(), _reply(_choice(BAD), model="one"), _reply(_choice(GOOD), model="two"))
    assert result.model == "two"


def test_validators_and_context_are_the_callers() -> None:
    """The caller's own validators judge the value, with the caller's context."""

    class Limited(BaseModel):
        age: int

        @field_validator("age")
        @classmethod
        def _limit(cls, age: int, info: ValidationInfo) -> int:
            if age > (info.context or {}).get("limit", 0):
                raise ValueError("older than the limit")
            return age

    _, result = _drive(_task(Limited, context={"limit": 40}), _said('{"age": 34}'))
    assert result.value == Limited.model_construct(age=34)
    error = _fail(_task(Limited, context={"limit": 30}, max_retries=0), _said('{"age": 34}'))
    assert error.errors[0].message == "Value error, older than the limit"


def test_list_is_unwrapped() -> None:
    """A target that is no object comes back from the object that it was wrapped into for the wire."""
    _, result = _drive(_task(list[int]), _said('{"value": [1, 2]}'))
    assert result.value == [1, 2]


def test_map_is_restored() -> None:
    """A map that is a list of pairs on the wire is a map in the result."""
    _, result = _drive(_task(dict[str, int]), _said('{"value": [{"key": "a", "value": 1}]}'))
    assert result.value == {"a": 1}


def test_null_can_be_the_value() -> None:
    """A target that accepts null can have null as its value."""
    _, result = _drive(_task(type(None)), _said('{"value": null}'))
    assert result.value is None
    assert result.attempts[0].outcome is Outcome.CONFORMING


def test_schema_target_gives_plain_data() -> None:
    """A JSON Schema target gives the plain value."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    _, result = _drive(_task(schema), _said('{"a": 1}'))
    assert result.value == {"a": 1}


@pytest.mark.parametrize(
    "message",
    [
        {
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": GOOD}}],
        },
        {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": GOOD}}]},
        {"content": " \n", "tool_calls": [{"function": {"name": "f", "arguments": json.loads(GOOD)}}]},
        {"content": [{"type": "text", "text": GOOD[:5]}, {"type": "text", "text": GOOD[5:]}]},
    ],
    ids=["tool call", "empty content", "arguments as an object", "content in parts"],
)
def test_answer_is_read_from_where_it_is(message: dict[str, Any]) -> None:
    """Where the content is empty the arguments of the tool call are the answer; content may come in parts."""
    _, result = _drive(_task(), _reply({"message": message, "finish_reason": "tool_calls"}))
    assert result.value == Person(name="Ann", age=34)


@pytest.mark.parametrize("finish_reason", [None, "stop", "length", "STOP", "eos", ""])
def test_complete_json_is_used_whatever_the_finish_reason(finish_reason: str | None) -> None:
    """Complete JSON that conforms is the result, also where the token limit came right after it."""
    requests, result = _drive(_task(max_retries=0), _said(GOOD, finish_reason))
    assert result.value == Person(name="Ann", age=34)
    assert len(requests) == 1


def test_length_with_complete_wrong_json_is_invalid() -> None:
    """Complete JSON that does not conform is invalid, not cut off, whatever the finish reason."""
    error = _fail(_task(max_retries=0), _said(BAD, "length"))
    assert error.attempts[0].outcome is Outcome.INVALID


class Measure(BaseModel):
    """A target whose field takes any float."""

    value: float


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    ("target", "content", "place"),
    [
        (Measure, '{"value": %s}', "/value"),
        (list[float], '{"value": [%s]}', "/0"),
        (dict[str, float], '{"value": [{"key": "a", "value": %s}]}', "/a"),
        ({"type": "object", "properties": {"value": {"type": "number"}}}, '{"value": %s}', "/value"),
    ],
    ids=["model", "list", "map", "JSON Schema"],
)
def test_what_is_no_number_is_invalid(target: Any, content: str, place: str, number: str) -> None:
    """NaN, infinities and numbers too large are errors at their place, whatever the target and its wire form."""
    error = _fail(_task(target, max_retries=0), _said(content % number))
    assert error.attempts[0].outcome is Outcome.INVALID
    assert [(each.pointer, each.kind, each.found) for each in error.errors] == [(place, "not_finite", number)]


# --------------------------------------------------------------------------------- many candidates


def test_first_conforming_candidate_wins() -> None:
    """Of several candidates the first that conforms is the result."""
    choices = [_choice(BAD), _choice("no JSON"), _choice('{"name": "Bea", "age": 2}'), _choice(GOOD)]
    requests, result = _drive(_task(max_retries=0), _reply(*choices))
    assert result.value == Person(name="Bea", age=2)
    assert len(requests) == 1


def test_all_candidates_that_conform() -> None:
    """All candidates that conform are there, in their order; the first is the value."""
    two, bad = '{"name": "Bea", "age": 2}', _choice(BAD)
    _, result = _drive(_task(), _reply(bad, _choice(GOOD), _choice(None, "length"), _choice(two)))
    assert result.candidates == (Person(name="Ann", age=34), Person(name="Bea", age=2))
    assert result.value == result.candidates[0]


def test_refused_candidate_does_not_hide_a_conforming_one() -> None:
    """A candidate that declined is passed over where another conforms."""
    _, result = _drive(_task(), _reply(_choice(refusal="No."), _choice("", "content_filter"), _choice(GOOD)))
    assert result.value == Person(name="Ann", age=34)


def test_without_a_conforming_candidate_the_first_is_asked_about() -> None:
    """Where no candidate conforms the first is the one that is corrected."""
    flow: Flow[Any] = extraction(_task())
    next(flow)
    again = flow.send(_reply(_choice(BAD), _choice('{"name": "Bea"}'))).request
    assert again.messages[-2] == {"role": "assistant", "content": BAD}


# --------------------------------------------------------------------------------------- asking again


def test_the_request_of_a_re_ask() -> None:
    """A re-ask continues the conversation: the wrong reply, then each error with place, rule and finding."""
    flow: Flow[Any] = extraction(_task())
    first = next(flow).request
    again = flow.send(_said('{"age": "old"}')).request
    assert again.prefix is first.prefix
    assert again.messages[:-2] == first.messages
    assert again.messages[-2] == {"role": "assistant", "content": '{"age": "old"}'}
    assert again.messages[-1]["role"] == "user"
    asked = again.messages[-1]["content"]
    assert "- /name: Field required (found nothing)\n" in asked
    assert "- /age: Input should be a valid integer" in asked
    assert '(found "old")\n' in asked


def test_re_asks_start_with_the_same_bytes() -> None:
    """A re-ask begins byte for byte as the first request did, so that endpoints can reuse the prefix."""
    flow: Flow[Any] = extraction(_task())
    first = next(flow).request.encode()
    again = flow.send(_said(BAD)).request.encode()
    assert again.startswith(first.removesuffix(b"]}"))


def test_only_the_last_wrong_reply_is_kept() -> None:
    """What a re-ask costs does not grow: only the last wrong reply is in the conversation."""
    flow: Flow[Any] = extraction(_task())
    next(flow)
    flow.send(_said('{"name": []}'))
    third = flow.send(_said('{"name": "second"}')).request
    assert third.messages[:2] == (SYSTEM, DOCUMENT)
    assert [message["role"] for message in third.messages[2:]] == ["assistant", "user"]
    assert third.messages[2]["content"] == '{"name": "second"}'


def test_a_long_wrong_reply_is_quoted_in_part() -> None:
    """Of a very long reply, and of thousands of errors, a re-ask quotes only the beginning."""
    wrong = json.dumps({"value": ["x"] * 20_000})
    flow: Flow[Any] = extraction(_task(list[int]))
    next(flow)
    again = flow.send(_said(wrong)).request
    assert len(again.encode()) < 10_000
    assert again.messages[-2]["content"].startswith(wrong[:1_000])
    assert "and 19980 more" in again.messages[-1]["content"]


def test_braces_in_what_was_found_are_harmless() -> None:
    """Braces and percent signs in a wrong value do not disturb the wording of the re-ask."""
    flow: Flow[Any] = extraction(_task())
    next(flow)
    again = flow.send(_said('{"name": "Ann", "age": "{errors} {0} %s"}')).request
    assert "{errors} {0} %s" in again.messages[-1]["content"]


SHORTCOMINGS: dict[str, tuple[ChatReply, Outcome, type[ExtractionFailed]]] = {
    "invalid": (_said(BAD), Outcome.INVALID, ExtractionFailed),
    "malformed": (_said("Sure! Here it is."), Outcome.MALFORMED, ExtractionFailed),
    "refused": (_said(refusal="I cannot."), Outcome.REFUSED, Refused),
    "refused with empty content": (_said("", refusal="I cannot."), Outcome.REFUSED, Refused),
    "filtered": (_said(None, "content_filter"), Outcome.FILTERED, ContentFiltered),
    "filtered midway": (_said('{"name": "An', "content_filter"), Outcome.FILTERED, ContentFiltered),
    "composite": (_said(None, "content_filter: RECITATION"), Outcome.FILTERED, ContentFiltered),
    "message without content": (
        _reply({"message": {"role": "assistant"}, "finish_reason": "content_filter: SAFETY"}),
        Outcome.FILTERED,
        ContentFiltered,
    ),
    "empty": (_said(""), Outcome.EMPTY, EmptyReply),
    "null": (_said(None), Outcome.EMPTY, EmptyReply),
    "blank": (_said(" \n\t"), Outcome.EMPTY, EmptyReply),
    "no message": (_reply({"finish_reason": "stop"}), Outcome.EMPTY, EmptyReply),
    "no finish reason": (_reply({"message": {}}), Outcome.EMPTY, EmptyReply),
    "only thoughts": (_said(None, reasoning_content="Hm."), Outcome.EMPTY, EmptyReply),
    "broken off": (
        decode_reply({"choices": [{"message": {"content": GOOD}}]}, ended=False),
        Outcome.BROKEN_OFF,
        CutOff,
    ),
    "cut off": (_said('{"name": "An', "length"), Outcome.CUT_OFF, CutOff),
    "cut off before the first word": (_said("", "length"), Outcome.CUT_OFF, CutOff),
    "cut off while thinking": (_said(None, "length", reasoning_content="Hm"), Outcome.CUT_OFF, CutOff),
}
every_shortcoming = pytest.mark.parametrize(("reply", "outcome", "kind"), SHORTCOMINGS.values(), ids=SHORTCOMINGS)


@every_shortcoming
def test_every_shortcoming_is_asked_again(reply: ChatReply, outcome: Outcome, kind: type[ExtractionFailed]) -> None:
    """Whatever was wrong with a reply, the next one can be right."""
    requests, result = _drive(_task(), reply, _said(GOOD))
    assert result.value == Person(name="Ann", age=34)
    assert result.attempts[0].outcome is outcome
    *_, wrong, again = requests[1].messages
    if outcome in (Outcome.CUT_OFF, Outcome.EMPTY) and reply.choices[0].message.reasoning_content:
        assert requests[1].messages == requests[0].messages
        assert requests[1].prefix.fields["reasoning_effort"] == "low"
        return
    assert wrong["role"] == "assistant"
    assert wrong["content"].strip(), "an empty assistant turn is refused by some endpoints"
    assert again["role"] == "user"
    assert "JSON" in again["content"]


@every_shortcoming
def test_every_shortcoming_has_its_error(reply: ChatReply, outcome: Outcome, kind: type[ExtractionFailed]) -> None:
    """At the limit the error's class says what was wrong last, and the error says what to do."""
    error = _fail(_task(max_retries=0), reply)
    assert type(error) is kind
    assert [attempt.outcome for attempt in error.attempts] == [outcome]
    assert error.errors == error.attempts[-1].errors
    assert error.usage == Usage()
    assert "Person" in str(error)
    assert "1 request" in str(error)
    assert error.hint
    assert str(error).endswith(error.hint)


@every_shortcoming
def test_errors_survive_pickling(reply: ChatReply, outcome: Outcome, kind: type[ExtractionFailed]) -> None:
    """An error comes out of a process pool with everything that it carries."""
    error = _fail(_task(max_retries=0), reply)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.attempts[0].reply == error.attempts[0].reply
    assert copy.attempts[0].request.encode() == error.attempts[0].request.encode()
    assert (copy.value, copy.errors, copy.usage, copy.hint) == (
        error.value,
        error.errors,
        error.usage,
        error.hint,
    )


def test_a_cut_off_reply_names_the_way_out() -> None:
    """Who ran into the token limit is told about the limit and about thinking."""
    hint = _fail(_task(max_retries=0), _said("", "length")).hint
    assert "max_completion_tokens" in hint
    assert "reasoning_effort" in hint


# -------------------------------------------------------------------------------------------- the limit


@pytest.mark.parametrize("max_retries", [0, 1, 4])
def test_limit(max_retries: int) -> None:
    """There are as many re-asks as max_retries says, and then an error with every attempt."""
    wrong = [_reply(_choice(f'{{"name": "{n}"}}'), usage=_tokens(10, n)) for n in range(max_retries + 1)]
    error = _fail(_task(max_retries=max_retries), *wrong)
    assert [attempt.reply for attempt in error.attempts] == wrong
    assert error.attempts[0].request.messages == (SYSTEM, DOCUMENT)
    assert error.value == {"name": str(max_retries)}
    assert [(each.pointer, each.kind) for each in error.errors] == [("/age", "missing")]
    assert error.usage.prompt_tokens == 10 * (max_retries + 1)
    assert error.usage.completion_tokens == sum(range(max_retries + 1))
    assert "/age: Field required" in str(error)


def test_last_readable_value_is_kept() -> None:
    """The error's value is the last one that could be read, even where the last reply was no JSON."""
    error = _fail(_task(max_retries=2), _said('{"name": "A"}'), _said('{"name": "B"}'), _said("?"))
    assert error.value == {"name": "B"}
    assert [attempt.value for attempt in error.attempts] == [{"name": "A"}, {"name": "B"}, None]
    assert [each.kind for each in error.errors] == ["json_invalid"]


def test_many_errors_are_counted_in_the_message() -> None:
    """A message names three errors and says how many there are besides."""
    error = _fail(_task(list[int], max_retries=0), _said('{"value": ["a", "b", "c", "d", "e"]}'))
    assert len(error.errors) == 5
    assert "and 2 more" in str(error)


@pytest.mark.parametrize("target", [Person, Person.model_json_schema()], ids=["model", "JSON Schema"])
def test_message_quotes_nothing_of_the_reply(target: Any) -> None:
    """A message goes to logs; what was found in the document does not."""
    error = _fail(_task(target, max_retries=0), _said('{"name": "Ann", "age": "confidential"}'))
    assert "confidential" not in str(error)
    assert "confidential" in error.errors[0].found


def test_usage_without_numbers() -> None:
    """Null, missing and empty usages count as nothing and hide no others."""
    replies = [
        _reply(_choice(BAD)),
        _reply(_choice(BAD), usage={}),
        _reply(_choice(BAD), usage=_tokens(3, 4)),
    ]
    replies.append(_reply(_choice(GOOD), usage={"prompt_tokens": None, "completion_tokens": 2}))
    _, result = _drive(_task(max_retries=3), *replies)
    assert (result.usage.prompt_tokens, result.usage.completion_tokens) == (3, 6)
    assert result.attempts[0].reply.usage is None


def test_usage_details_are_summed() -> None:
    """Thinking and cached tokens are summed too."""
    usage = {
        **_tokens(10, 5),
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }
    _, result = _drive(_task(), _reply(_choice(BAD), usage=usage), _reply(_choice(GOOD), usage=usage))
    assert result.usage.prompt_tokens_details.cached_tokens == 6
    assert result.usage.completion_tokens_details.reasoning_tokens == 8


# ----------------------------------------------------------------------------------- errors thrown in


def test_endpoint_error_leaves_with_the_attempts_before_it() -> None:
    """An endpoint that fails at the re-ask does not take along what was paid for before."""
    flow: Flow[Any] = extraction(_task())
    next(flow)
    flow.send(_reply(_choice(BAD), usage=_tokens(10, 5)))
    thrown = ServerError("The endpoint answered 500.", status=500)
    with pytest.raises(ServerError) as caught:
        flow.throw(thrown)
    assert caught.value is thrown
    assert [attempt.outcome for attempt in thrown.attempts] == [Outcome.INVALID]
    assert thrown.attempts[0].reply.usage == Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)


def test_endpoint_error_at_the_first_request_has_no_attempts() -> None:
    """An endpoint that never answered has no attempts."""
    flow: Flow[Any] = extraction(_task())
    next(flow)
    with pytest.raises(EndpointError) as caught:
        flow.throw(EndpointError("nobody there"))
    assert caught.value.attempts == ()


def test_other_errors_pass_through() -> None:
    """An interruption passes through the loop untouched."""
    flow: Flow[Any] = extraction(_task())
    next(flow)
    with pytest.raises(KeyboardInterrupt):
        flow.throw(KeyboardInterrupt())


def test_closing_ends_it_quietly() -> None:
    """A flow that is given up can be closed at any point."""
    flow: Flow[Any] = extraction(_task())
    next(flow)
    flow.send(_said(BAD))
    flow.close()


def test_flows_do_not_disturb_each_other() -> None:
    """Two flows of one task share nothing that changes."""
    task = _task()
    one, two = extraction(task), extraction(task)
    next(one)
    first = next(two)
    one.send(_said(BAD))
    assert first.request.body == next(extraction(replace(task))).request.body
    with pytest.raises(StopIteration):
        two.send(_said(GOOD))


# ------------------------------------------------------------------------------------- stepping down


def _refused(message: str) -> BadRequest:
    return BadRequest(message, status=400)


def _descending(*modes: Mode) -> tuple[Task[Any], list[Form]]:
    """A task whose form is refused until the last of these modes; and the forms that were refused."""
    forms = [_form(adapt(target_of(Person), "openai"), mode) for mode in modes]
    refused: list[Form] = []

    def descend(form: Form, error: StatusError) -> Descent | None:
        refused.append(form)
        if "understood" not in error.message:
            return None
        step = Step(mode=form.way.mode, slim=0, dropped="", status=error.status, reason=error.message)
        lessons = (Lesson(where="test", what=("mode", form.way.mode)),) if "once" not in error.message else ()
        following = forms[len(refused)] if len(refused) < len(forms) else None
        turns = ({"role": "user", "content": f"for {following.way.mode}"},) if following else ()
        return Descent(form=following, step=step, messages=turns, lessons=lessons)

    return replace(_task(), form=forms[0], descend=descend), refused


def test_a_refusal_leads_to_the_next_form() -> None:
    """A refusal that is understood is followed by the next form, with its own turns, and is no attempt."""
    memory.forget()
    task, refused = _descending("strict", "tool", "prompt")
    flow: Flow[Any] = extraction(task)
    next(flow)
    second = flow.throw(_refused("understood 1")).request
    assert second.tail == ({"role": "user", "content": "for tool"},)
    flow.throw(_refused("understood 2"))
    assert memory.recall("test")[0] == frozenset(), "nothing is learned before an answer"
    with pytest.raises(StopIteration) as done:
        flow.send(_said(GOOD))
    result = done.value.value
    assert [form.way.mode for form in refused] == ["strict", "tool"]
    assert ([step.mode for step in result.steps], result.mode) == (["strict", "tool"], "prompt")
    assert len(result.attempts) == 1
    assert memory.recall("test")[0] == {("mode", "strict"), ("mode", "tool")}
    memory.forget()


def test_the_first_refusal_is_raised_where_nothing_is_left() -> None:
    """At the end of the ladder the first refusal is raised, with all that happened, and nothing is learned."""
    memory.forget()
    task, _ = _descending("strict", "prompt")
    flow: Flow[Any] = extraction(task)
    next(flow)
    flow.throw(_refused("understood 1"))
    with pytest.raises(BadRequest, match="understood 1") as caught:
        flow.throw(_refused("understood 2"))
    assert [step.reason for step in caught.value.steps] == ["understood 1", "understood 2"]
    assert caught.value.__context__ is None
    assert memory.recall("test")[0] == frozenset()


@pytest.mark.parametrize("first", ["understood 1", "understood once"])
def test_the_first_refusal_is_the_first_since_the_last_reply(first: str) -> None:
    """A refusal that was followed by a reply is not what is raised in the end."""
    task, _ = _descending("strict", "prompt")
    flow: Flow[Any] = extraction(task)
    next(flow)
    flow.throw(_refused(first))
    flow.send(_said(BAD))
    with pytest.raises(BadRequest, match="understood 2") as caught:
        flow.throw(_refused("understood 2"))
    assert (len(caught.value.attempts), len(caught.value.steps)) == (1, 2)
    memory.forget()


def test_what_is_not_understood_passes_through() -> None:
    """What is not understood, or is no refusal, is raised with the steps before it."""
    for error in (_refused("unclear"), ServerError("down", status=503), EndpointError("gone")):
        task, refused = _descending("strict", "prompt")
        flow: Flow[Any] = extraction(task)
        next(flow)
        flow.throw(_refused("understood"))
        with pytest.raises(type(error)) as caught:
            flow.throw(error)
        assert caught.value is error
        assert [step.mode for step in error.steps] == ["strict"]
        assert len(refused) == (2 if isinstance(error, StatusError) else 1)


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ({"content": "Done.", "tool_calls": [_call("Person", GOOD)]}, "Ann"),
        ({"content": "Done.", "tool_calls": [_call("other", "{}"), _call("Person", GOOD)]}, "Ann"),
        ({"content": GOOD, "tool_calls": []}, "Ann"),
        ({"content": GOOD, "tool_calls": [_call("other", "{}")]}, "Ann"),
        ({"content": None, "tool_calls": [_call("other", GOOD)]}, "Ann"),
    ],
    ids=["beside words", "beside another", "in the content", "in the content, beside another", "under another name"],
)
def test_the_functions_arguments_come_first(message: dict[str, Any], value: str) -> None:
    """Where a function was asked for, the answer is its arguments; else the content, else any arguments."""
    task = replace(_task(max_retries=0), form=_form(adapt(target_of(Person), "openai"), "tool", "Person"))
    _, result = _drive(task, _reply(_choice(**message)))
    assert (result.value.name, result.mode) == (value, "tool")


# --------------------------------------------------------------------------------- absent fields


class Bill(BaseModel):
    """Required, optional, and in a list."""

    number: str
    total: float
    note: str = "none"
    lines: list[Person] = []


SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"type": "object", "properties": {"c": {"type": "integer"}}}},
    "required": ["a", "b"],
}
SCHEMA["properties"]["b"]["required"] = ["c"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("target", "reply", "data", "absent", "missing"),
    [
        (
            Bill,
            '{"number": "1", "total": null, "note": null, "lines": []}',
            {"number": "1", "lines": []},
            {"/total", "/note"},
            {"/total"},
        ),
        (
            Bill,
            '{"number": "1", "total": 5, "note": "x", "lines": [{"name": "Ann", "age": null}]}',
            {"number": "1", "total": 5, "note": "x", "lines": [{"name": "Ann"}]},
            {"/lines/0/age"},
            {"/lines/0/age"},
        ),
        (SCHEMA, '{"a": null, "b": {"c": null}}', {"b": {}}, {"/a", "/b/c"}, {"/a", "/b/c"}),
        (SCHEMA, '{"a": "x", "b": null}', {"a": "x"}, {"/b"}, {"/b"}),
        (int, '{"value": null}', None, {""}, {""}),
    ],
)
def test_absent_fields_end_it(target: Any, reply: str, data: Any, absent: set[str], missing: set[str]) -> None:
    """Where absence is allowed, a reply that lacks no more than that is the end: nobody is asked to invent it."""
    _, result = _drive(_task(target, absent=True), _said(reply))
    assert (result.value, result.data) == (None, data)
    assert {pointer for pointer, field in result.fields.items() if field.status == "absent"} == absent
    assert {error.pointer for error in result.errors} == missing
    assert result.attempts[-1].outcome is Outcome.INCOMPLETE
    with pytest.raises(FieldsAbsent) as caught:
        whole(result, target_of(target))
    assert (caught.value.value, caught.value.errors) == (data, result.errors)


def test_absent_fields_are_named_without_the_document() -> None:
    """The message names the fields that are absent; keys that are none, but words of the document, it masks."""
    target: Any = dict[str, Person]
    entry = '{"key": "Alice Secret", "value": {"name": "Ann", "age": null}}'
    _, result = _drive(_task(target, absent=True), _said(f'{{"value": [{entry}]}}'))
    with pytest.raises(FieldsAbsent) as caught:
        whole(result, target_of(target))
    assert "Secret" not in str(caught.value)
    assert "/*/age" in caught.value.message
    assert [error.pointer for error in caught.value.errors] == ["/Alice Secret/age"]


def test_only_what_is_wrong_is_asked_for_again() -> None:
    """Beside absent fields, what is wrong is asked for again, and the absent ones are not mentioned."""
    wrong = '{"number": [], "total": null, "note": null, "lines": []}'
    right = '{"number": "5", "total": null, "note": null, "lines": []}'
    requests, result = _drive(_task(Bill, absent=True), _said(wrong), _said(right))
    said = requests[1].messages[-1]["content"]
    assert "/number" in said
    assert "/total" not in said
    assert result.data == {"number": "5", "lines": []}
    assert [attempt.outcome for attempt in result.attempts] == [Outcome.INVALID, Outcome.INCOMPLETE]


def test_a_whole_value_is_preferred() -> None:
    """Of several candidates the one that lacks nothing is taken."""
    lacking, complete = _choice('{"name": "Ann", "age": null}'), _choice(GOOD)
    _, result = _drive(_task(absent=True), _reply(lacking, complete))
    assert whole(result, target_of(Person)) == Person(name="Ann", age=34)
    assert (result.absent, result.data) == ((), {"name": "Ann", "age": 34})


def test_without_leave_null_is_wrong() -> None:
    """Unless it is allowed, null for a required field is asked for again."""
    _, result = _drive(_task(), _said('{"name": "Ann", "age": null}'), _said(GOOD))
    assert result.value == Person(name="Ann", age=34)
    assert result.attempts[0].outcome is Outcome.INVALID
