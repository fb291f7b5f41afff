"""The error tree: what it looks like, what an error says, and that its evidence survives pickling."""

from __future__ import annotations

import copy
import pickle
import re
from typing import Any

import pytest

from extractor import errors
from extractor.batch.record import Revision
from extractor.chat.wire import ChatReply, ChatRequest, Choice, Prefix, ReplyMessage, Usage
from extractor.errors import (
    BadReply,
    ConnectionFailed,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    OptionError,
    Overtaken,
    SchemaError,
    StatusError,
)
from extractor.reply.outcome import Outcome
from extractor.result import Attempt
from extractor.schema.checked import FieldError

CLASSES: dict[str, type[ExtractorError]] = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, ExtractorError)
}
WRONG = FieldError(pointer="/a", message="must be b", found='"c"', kind="enum")
SAID = Revision(number=2, decision="corrected", who="ana", made=1.0)
ATTEMPT = Attempt(
    request=ChatRequest(prefix=Prefix(fields={"model": "m"}), tail=({"role": "user", "content": "d"},)),
    reply=ChatReply(choices=(Choice(index=0, message=ReplyMessage(content='{"a": "c"}')),), id="r1"),
    outcome=Outcome.INVALID,
    seconds=1.5,
    value={"a": "c"},
    errors=(WRONG,),
)


def build(kind: type[ExtractorError]) -> ExtractorError:
    """Make an error of that class with every piece of evidence that it can carry."""
    if issubclass(kind, ExtractionFailed):
        evidence: dict[str, Any] = {
            "attempts": (ATTEMPT,),
            "value": {"a": "c"},
            "errors": (WRONG,),
            "usage": Usage(total_tokens=7),
        }
        return kind("It failed.", hint="Try again.", **evidence)
    if issubclass(kind, StatusError):
        named: dict[str, Any] = {
            "code": "c",
            "type": "t",
            "param": "p",
            "body": "b",
            "headers": {"retry-after": "3"},
        }
        error: ExtractorError = kind("It failed.", status=418, url="http://h/", hint="Try again.", **named)
    elif issubclass(kind, BadReply):
        error = kind("It failed.", url="http://h/", body="<html>", hint="Try again.")
    elif issubclass(kind, EndpointError):
        error = kind("It failed.", url="http://h/", hint="Try again.")
    elif issubclass(kind, OptionError):
        error = kind("It failed.", option="seed", hint="Try again.")
    elif issubclass(kind, SchemaError):
        error = kind("It failed.", pointer="/a/b", hint="Try again.")
    elif issubclass(kind, Overtaken):
        error = kind("It failed.", latest=SAID, hint="Try again.")
    else:
        error = kind("It failed.", hint="Try again.")
    if isinstance(error, EndpointError):
        error.attempts = (ATTEMPT,)
    return error


def drawn() -> dict[str, str | None]:
    """Read the tree in the module's docstring: class name → name of the class above it."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"[\s│├└─]*([A-Z]\w+)(?:\s{2,}\S|$)", line)
        if found and found[1] in vars(errors):
            depth = found.start(1) // 4 - 1
            above[depth:] = [found[1]]
            parents[found[1]] = above[depth - 1] if depth else None
    return parents


every_class = pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES)


def test_the_drawn_tree_is_the_tree() -> None:
    """The docstring draws every class under the class that it derives from."""
    real = {name: kind.__mro__[1].__name__ for name, kind in CLASSES.items() if kind is not ExtractorError}
    assert drawn() == {"ExtractorError": None, **real}


def test_all_errors_are_exported_in_order() -> None:
    """`__all__` names every error class, sorted."""
    assert errors.__all__ == sorted(CLASSES)


@every_class
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_evidence_survives_pickling(kind: type[ExtractorError], protocol: int) -> None:
    """A pickled error comes back with its class, its text and every attribute."""
    error = build(kind)
    back = pickle.loads(pickle.dumps(error, protocol))  # our own bytes
    assert type(back) is kind
    assert vars(back) == vars(error)
    assert back.args == error.args
    assert str(back) == "It failed. Try again."


@every_class
def test_errors_can_be_copied(kind: type[ExtractorError]) -> None:
    """A copy of an error equals it in all that it carries."""
    error = build(kind)
    assert vars(copy.copy(error)) == vars(copy.deepcopy(error)) == vars(error)


def test_notes_survive_pickling() -> None:
    """A note that a caller adds to an error goes with it."""
    error = build(ConnectionFailed)
    error.add_note("in job 7")
    assert pickle.loads(pickle.dumps(error)).__notes__ == ["in job 7"]  # our own bytes


@every_class
def test_text_ends_with_the_hint(kind: type[ExtractorError]) -> None:
    """What is printed is the message and then what to do next."""
    error = build(kind)
    assert (error.message, error.hint, str(error)) == ("It failed.", "Try again.", "It failed. Try again.")
    error.hint = ""
    assert str(error) == "It failed."


def test_status_error_owns_its_headers() -> None:
    """Headers are copied, and are an empty mapping where none were given."""
    headers = {"a": "1"}
    error = StatusError("x", status=500, headers=headers)
    headers["a"] = "2"
    assert error.headers == {"a": "1"}
    assert StatusError("x", status=500).headers == {}


def test_attempts_are_empty_by_default() -> None:
    """An endpoint error that came first has no attempts before it."""
    assert ConnectionFailed("x").attempts == ()
