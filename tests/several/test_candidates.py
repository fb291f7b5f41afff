"""Several candidates for one document, against an endpoint on loopback."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from either_kind import run_once
from pydantic import BaseModel, field_validator, model_validator

from extractor import Budget, Cache, Extraction
from extractor.errors import AuthenticationFailed, BudgetExceeded, ExtractionFailed, OptionError, TargetFailed
from extractor.loop.memory import memory
from extractor.reply.outcome import Outcome
from extractor.testing import FakeEndpoint, Recorded, Reply

TEXT = "Ann is 34. She lives in Bonn and has a dog, a cat and a horse."


class Person(BaseModel):
    name: str
    age: int
    pets: list[str] = []


ANN: dict[str, Any] = {"name": "Ann", "age": 34, "pets": ["dog", "cat"]}
OLD: dict[str, Any] = {"name": "Ann", "age": 43, "pets": ["dog"]}


def _run(
    kind: str, fake: FakeEndpoint, target: Any = Person, document: Any = TEXT, *, settings: Any = None, **call: Any
) -> Extraction[Any]:
    made = {"base_url": fake.base_url, "transport_retries": 0, **(settings or {})}
    return run_once(kind, made, target, document, **call)


def _choices(*values: Any) -> Reply:
    choices = [
        {"index": number, "message": {"role": "assistant", "content": json.dumps(value)}, "finish_reason": "stop"}
        for number, value in enumerate(values)
    ]
    return Reply(body={"choices": choices}, usage={"prompt_tokens": 10, "completion_tokens": 5})


def _refusing(name: str) -> Any:
    """An endpoint that does not take a field."""
    answers = itertools.cycle([ANN, OLD, ANN])

    def answer(request: Recorded) -> Any:
        if name in request.body:
            error = {"message": f"Unsupported parameter: '{name}' is not supported with this model.", "param": name}
            return Reply(status=400, raw=json.dumps({"error": error}))
        return next(answers)

    return answer


# ------------------------------------------------------------------------------- how they are asked for


def test_all_in_one_request(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint gives as many as `n` says, one request is enough."""
    fake_endpoint.answer(_choices(ANN, OLD, ANN))
    result = _run(kind, fake_endpoint, candidates=3)
    assert fake_endpoint.requests[0].body["n"] == 3
    assert fake_endpoint.requests[0].body["temperature"] > 0
    assert result.value == Person(**ANN)
    assert result.candidates == (Person(**ANN), Person(**OLD), Person(**ANN))
    assert len(result.attempts) == 1
    assert result.usage.prompt_tokens == 10
    age = result.fields["/age"]
    assert age.agreement == pytest.approx(2 / 3)
    assert [(value, round(share, 3)) for value, share in age.others] == [(43, 0.333)]
    assert result.fields["/name"].agreement == 1.0


def test_one_by_one(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint passes over `n`, the rest is asked for one by one, each with a seed of its own."""
    fake_endpoint.answer(ANN, OLD, ANN, OLD, ANN)
    result = _run(kind, fake_endpoint, candidates=5)
    assert len(fake_endpoint.requests) == len(result.attempts) == len(result.candidates) == 5
    assert result.value.age == 34
    assert "n" not in fake_endpoint.requests[1].body
    assert sorted(request.body["seed"] for request in fake_endpoint.requests[1:]) == [1, 2, 3, 4]


def test_fewer_than_asked_for(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Candidates that do not conform are made up for, and no more are taken than were asked for."""
    fake_endpoint.answer(_choices(ANN, {"name": 1}, ANN), OLD)
    result = _run(kind, fake_endpoint, candidates=3)
    assert (len(result.candidates), len(fake_endpoint.requests)) == (3, 2)
    fake_endpoint.answer(_choices(*[ANN] * 6))
    assert len(_run(kind, fake_endpoint, candidates=3).candidates) == 3


@pytest.mark.parametrize("name", ["n", "seed", "temperature"])
def test_a_field_that_is_refused(name: str, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint that does not take `n`, a seed or a temperature gives its candidates all the same."""
    memory.forget()
    fake_endpoint.script, fake_endpoint.repeat = [_refusing(name)], True
    result = _run(kind, fake_endpoint, candidates=3)
    assert len(result.candidates) == 3
    assert result.value.age == 34
    assert name in result.dropped
    assert any(step.dropped == name for step in result.steps)


@pytest.mark.parametrize("call", [{}, {"mode": "strict"}], ids=["auto", "forced"])
def test_a_limit_of_one(call: dict[str, Any], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where more than one is refused in words that are not understood, each is asked for by itself."""

    def answer(request: Recorded) -> Any:
        if request.body.get("n", 1) > 1:
            return Reply(status=400, raw='{"error": {"message": "\'n\' : number must be at most 1 with this model"}}')
        return ANN

    fake_endpoint.script, fake_endpoint.repeat = [answer], True
    result = _run(kind, fake_endpoint, candidates=3, **call)
    assert len(result.candidates) == 3
    assert [type(error).__name__ for error in result.failures] == ["BadRequest"]


def test_the_callers_own_temperature_and_seed(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A temperature and a seed that the caller gives are kept; the seeds count on from there."""
    fake_endpoint.answer(ANN, ANN, ANN)
    _run(kind, fake_endpoint, candidates=3, temperature=0.1, seed=40)
    assert {request.body["temperature"] for request in fake_endpoint.requests} == {0.1}
    assert sorted(request.body["seed"] for request in fake_endpoint.requests) == [40, 41, 42]


@pytest.mark.parametrize("wrong", [0, 101, -1, 2.5, True, "3", None])
def test_a_wrong_number(wrong: Any, fake_endpoint: FakeEndpoint) -> None:
    """A number of candidates that makes no sense is refused before anything is sent."""
    with pytest.raises(OptionError, match="candidates must be a whole number from 1 to 100"):
        _run("sync", fake_endpoint, candidates=wrong)
    assert not fake_endpoint.requests


def test_one_candidate_is_the_usual(fake_endpoint: FakeEndpoint) -> None:
    """One candidate is asked for as ever: nothing is added to the request. A call wins over the default."""
    fake_endpoint.answer(ANN)
    result = _run("sync", fake_endpoint, settings={"candidates": 3}, candidates=1)
    assert not {"n", "temperature", "seed"} & fake_endpoint.requests[0].body.keys()
    assert result.fields["/age"].agreement is None


# ------------------------------------------------------------------------------- what they come to


def test_a_tie(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Of two that say different things, what stands in the document is taken."""
    fake_endpoint.answer(_choices(OLD, ANN))
    result = _run(kind, fake_endpoint, candidates=2)
    assert result.value.age == 34
    assert result.fields["/age"].agreement == 0.5


def test_what_was_voted_does_not_conform(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where what most say breaks a rule, the candidate that is most like the others is taken, with its own votes."""

    class Sum(BaseModel):
        a: int
        b: int
        c: int

        @model_validator(mode="after")
        def adds_up(self) -> Sum:
            if self.a + self.b != self.c:
                raise ValueError("a + b is c")
            return self

    fake_endpoint.answer(_choices({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4, "c": 5}, {"a": 3, "b": 2, "c": 5}))
    result = _run(kind, fake_endpoint, Sum, "1 2 3 4 5", candidates=3)
    assert result.value in result.candidates
    assert result.value.a + result.value.b == result.value.c
    for name in ("a", "b", "c"):
        field, own = result.fields[f"/{name}"], getattr(result.value, name)
        said = [getattr(each, name) for each in result.candidates]
        assert field.agreement is None or field.agreement == pytest.approx(said.count(own) / 3)


def test_a_list_item_by_item(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Items that at least half of the candidates have stay, in one list that conforms."""
    lists = [["dog", "cat", "horse"], ["dog", "horse"], ["dog", "cat", "horse", "crow"]]
    fake_endpoint.answer(_choices(*({**ANN, "pets": pets} for pets in lists)))
    result = _run(kind, fake_endpoint, candidates=3)
    assert result.value.pets == ["dog", "cat", "horse"]
    assert result.fields["/pets/1"].agreement == pytest.approx(2 / 3)


def test_a_list_as_the_target(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A list can be the whole value."""
    fake_endpoint.answer(_choices(*({"value": value} for value in (["a", "b"], ["a"], ["a", "b"]))))
    assert _run(kind, fake_endpoint, list[str], "a b", candidates=3).value == ["a", "b"]


def test_only_what_conforms_votes(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A candidate that fails in the end is a failure beside the value, and has no vote."""
    fake_endpoint.answer(ANN, OLD, "no json", ANN)
    result = _run(kind, fake_endpoint, candidates=4, max_retries=0)
    assert len(result.candidates) == 3
    assert [type(error).__name__ for error in result.failures] == ["ExtractionFailed"]
    assert len(result.attempts) == 4


def test_none_conforms(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where no candidate conforms that is raised, with what all of them cost."""
    fake_endpoint.script, fake_endpoint.repeat = [Reply(content="no json", usage={"prompt_tokens": 3})], True
    with pytest.raises(ExtractionFailed) as caught:
        _run(kind, fake_endpoint, candidates=3, max_retries=0)
    assert len(caught.value.attempts) == len(fake_endpoint.requests) == 3
    assert caught.value.usage.prompt_tokens == 9
    assert len(caught.value.failures) == 2


def test_all_lack_a_required_field(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where required fields may be absent and are in all candidates, there is no value, but what there is."""
    fake_endpoint.answer(*[{"name": "Ann", "age": None, "pets": pets} for pets in (["dog"], ["cat"], ["dog"])])
    result = _run(kind, fake_endpoint, candidates=3, absent="allow")
    assert (result.value, result.outcome, result.candidates) == (None, Outcome.INCOMPLETE, ())
    assert result.data == {"name": "Ann", "pets": ["dog"]}
    assert result.fields["/name"].agreement == 1.0
    assert result.fields["/age"].status == "absent"
    assert len(result.attempts) == 3


def test_the_first_lacks_a_required_field(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where some candidates are whole, only they vote, and nothing is said to be absent."""
    fake_endpoint.answer({"name": "Ann", "age": None, "pets": []}, ANN, ANN)
    result = _run(kind, fake_endpoint, candidates=3, absent="allow")
    assert (result.value, result.outcome, result.errors) == (Person(**ANN), Outcome.CONFORMING, ())
    assert "/age" not in result.absent
    assert result.complete or result.lists


# ------------------------------------------------------------------------------- what ends it


def test_a_wrong_key(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """After a refusal that no other candidate would escape, none is asked for."""
    fake_endpoint.script, fake_endpoint.repeat = [Reply(status=401, raw="{}")], True
    with pytest.raises(AuthenticationFailed):
        _run(kind, fake_endpoint, candidates=5)
    assert len(fake_endpoint.requests) == 1


def test_a_budget_for_all(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What the budget allows for votes; where it allows for nothing that is raised."""
    fake_endpoint.script, fake_endpoint.repeat = [ANN], True
    budget = Budget(requests=2)
    result = _run(kind, fake_endpoint, candidates=4, budget=budget)
    assert len(result.candidates) == len(fake_endpoint.requests) == 2
    assert {type(error).__name__ for error in result.failures} == {"BudgetExceeded"}
    with pytest.raises(BudgetExceeded):
        _run(kind, fake_endpoint, candidates=4, budget=budget)


def test_a_validator_with_a_mistake(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A validator of the caller's that breaks at one candidate is raised as itself, with all attempts."""

    class Careless(BaseModel):
        age: int

        @field_validator("age")
        @classmethod
        def careless(cls, age: int) -> int:
            if age == 43:
                raise RuntimeError("a mistake")
            return age

    fake_endpoint.answer({"age": 34}, {"age": 43}, {"age": 34})
    with pytest.raises(TargetFailed) as caught:
        _run(kind, fake_endpoint, Careless, candidates=3)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert len(caught.value.attempts) == 3


# ------------------------------------------------------------------------------- a cache, keys


@pytest.mark.parametrize("name", ["", "seed", "n"])
def test_one_reply_has_one_vote(name: str, kind: str, fake_endpoint: FakeEndpoint, tmp_path: Path) -> None:
    """Candidates come from the cache as they were, and those that it could not tell apart are asked for again."""
    memory.forget()
    fake_endpoint.script, fake_endpoint.repeat = [_refusing(name)], True
    with Cache(tmp_path / "cache.db") as cache:
        first = _run(kind, fake_endpoint, candidates=3, cache=cache)
        assert sorted(candidate.age for candidate in first.candidates) == [34, 34, 43]
        for _ in range(2):
            result = _run(kind, fake_endpoint, candidates=3, cache=cache)
            cached = [attempt.reply.cached for attempt in result.attempts]
            assert cached == ([True, False, False] if name == "seed" else [True] * 3)
            assert name == "seed" or result.candidates == first.candidates


def test_keys_of_candidates(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every candidate has a key of its own, which is the same when the job is resumed."""
    fake_endpoint.script, fake_endpoint.repeat = [ANN], True
    keys: list[list[str]] = []
    for _ in range(2):
        fake_endpoint.requests.clear()
        _run(kind, fake_endpoint, candidates=3, idempotency_key="job")
        keys.append(sorted(request.headers["idempotency-key"] for request in fake_endpoint.requests))
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3
