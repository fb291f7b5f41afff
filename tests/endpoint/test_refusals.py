"""What an endpoint answers that is no chat completion, and the error that is made of it."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.endpoint.refusals import Refused, bad_reply, error_inside, refusal, unquoted
from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    NotFound,
    QuotaExceeded,
    RateLimited,
    Redirected,
    RequestTooLarge,
    ServerError,
    StatusError,
)

URL = "https://h.example/v1/chat/completions"
WHY = "Unknown name: seed"


def _refused(status: int, body: Any, **headers: str) -> Refused:
    data, raw = (None, body) if isinstance(body, bytes) else (body, json.dumps(body).encode())
    return Refused(status=status, headers=headers, data=data, body=raw, url=URL)


def _refusal(status: int, body: Any, **headers: str) -> StatusError:
    return refusal(_refused(status, body, **headers))


# ------------------------------------------------------------------------------------------- statuses


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest),
        (401, AuthenticationFailed),
        (402, QuotaExceeded),
        (403, AuthenticationFailed),
        (404, NotFound),
        (405, NotFound),
        (408, StatusError),
        (409, StatusError),
        (413, RequestTooLarge),
        (418, StatusError),
        (422, BadRequest),
        (429, RateLimited),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, ServerError),
        (524, ServerError),
        (529, ServerError),
        (599, ServerError),
        (301, Redirected),
        (302, Redirected),
        (307, Redirected),
        (308, Redirected),
    ],
)
def test_every_status_has_its_error(status: int, kind: type[StatusError]) -> None:
    """The status decides the class; every error says what to do."""
    error = _refusal(status, {"error": {"message": WHY}})
    assert type(error) is kind
    assert error.status == status
    assert error.url == URL
    assert str(status) in str(error)
    assert WHY in str(error)
    assert error.hint
    assert str(error).endswith(error.hint)


def test_a_redirect_says_that_it_is_not_followed() -> None:
    """A redirect is explained: key and document would go along."""
    assert "not followed" in _refusal(307, b"", location="https://elsewhere.example").hint


# --------------------------------------------------------------------------------------------- bodies

# What came, and what is read of it: message, type, code, param.
BODIES: dict[str, tuple[Any, tuple[str, str, str, str]]] = {
    "OpenAI": (
        {"error": {"message": WHY, "type": "invalid_request_error", "param": "seed", "code": None}},
        (WHY, "invalid_request_error", "", "seed"),
    ),
    "EvoLink": (
        {
            "error": {
                "code": "invalid_parameter",
                "message": WHY,
                "type": "invalid_request_error",
                "param": "seed",
                "fallback_suggestion": "leave it out",
            }
        },
        (WHY, "invalid_request_error", "invalid_parameter", "seed"),
    ),
    "Gemini, an array": (
        [{"error": {"code": 400, "message": WHY, "status": "INVALID_ARGUMENT"}}],
        (WHY, "", "400", ""),
    ),
    "a string": ({"error": WHY}, (WHY, "", "", "")),
    "object is error": (
        {"object": "error", "message": WHY, "type": "BadRequestError", "param": None, "code": 400},
        (WHY, "BadRequestError", "400", ""),
    ),
    "detail": ({"detail": WHY}, (WHY, "", "", "")),
    "message": ({"message": WHY}, (WHY, "", "", "")),
    "message and code": ({"message": WHY, "code": "bad"}, (WHY, "", "bad", "")),
    "OpenRouter": (
        {
            "error": {"message": WHY, "code": 400, "metadata": {"raw": "x", "provider_name": "p"}},
            "user_id": "u",
        },
        (WHY, "", "400", ""),
    ),
    "an array of one shape": ([{"message": WHY}], (WHY, "", "", "")),
    "text": (WHY.encode(), (WHY, "", "", "")),
    "HTML": (
        f"<!DOCTYPE html>\n<html><head><style>b {{x: y}}</style><script>var a;</script></head>"
        f"<body>\n<h1>{WHY}</h1>\n</body></html>".encode(),
        (WHY, "", "", ""),
    ),
}


@pytest.mark.parametrize(("body", "read"), BODIES.values(), ids=BODIES)
def test_every_shape_of_an_error_is_read(body: Any, read: tuple[str, str, str, str]) -> None:
    """Whatever shape an error comes in, its message, type, code and param are found."""
    error = _refusal(400, body)
    message, kind, code, param = read
    assert error.message == f"The endpoint answered 400: {message}."
    assert (error.type, error.code, error.param) == (kind, code, param)
    assert error.body == (body.decode() if isinstance(body, bytes) else json.dumps(body))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   \n",
        b"null",
        b"[]",
        b"{}",
        b"[[]]",
        b'"text"',
        b"17",
        b"\xff\xfe\x00",
        b'{"error": null}',
        b'{"error": {}}',
        b'{"error": []}',
        b'{"error": {"message": null}}',
        b'{"error": {"message": {"a": 1}, "code": [1], "type": {"b": 2}, "param": 3}}',
        b'[{"error": 1}]',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"error": ' + b"9" * 5_000 + b"}",
        b'{"detail": [{"loc": ["body"], "msg": "Field required"}]}',
        b"<html>",
        b"<" * 10_000,
    ],
    ids=lambda body: repr(body[:30]),
)
@pytest.mark.parametrize("status", [400, 401, 429, 500, 302])
def test_no_body_is_too_strange(status: int, body: bytes) -> None:
    """Whatever comes with a status that is no success, it becomes one typed error with a reason."""
    error = _refusal(status, body)
    assert error.status == status
    assert error.message.startswith(f"The endpoint answered {status}: ")
    assert error.message.removeprefix(f"The endpoint answered {status}: ").strip(". ")
    assert all(isinstance(each, str) for each in (error.code, error.type, error.param, error.body))


def test_headers_are_kept() -> None:
    """An error carries the headers, so that one can read what they say about waiting."""
    error = _refusal(429, {"error": "slow down"}, **{"retry-after": "7"})
    assert error.headers == {"retry-after": "7"}


def test_bodies_are_cut() -> None:
    """An error carries the beginning of a long body, and less of it in its message."""
    error = _refusal(500, b"x" * 1_000_000)
    assert len(error.body) < 2_100
    assert len(str(error)) < 1_000
    assert error.body.endswith("…")
    long = _refusal(400, {"error": {"message": "m" * 10_000, "code": "c" * 10_000, "type": "t" * 10_000}})
    assert len(str(long)) < 1_000
    assert len(long.code) < 200
    assert len(long.type) < 200


def test_a_long_json_body_is_read_whole() -> None:
    """The message is found also where a long field stands before it."""
    error = _refusal(400, {"error": {"failed_generation": "x" * 50_000, "message": WHY}})
    assert WHY in str(error)


def test_a_body_is_cut_between_characters() -> None:
    """Cutting a body in the middle of a character does no harm."""
    assert _refusal(500, ("€" * 50_000).encode()).body.startswith("€" * 2_000)


def test_what_was_sent_is_not_quoted_in_the_message() -> None:
    """FastAPI's 422 quotes the whole request; the message names place and rule, not the document."""
    detail = [
        {
            "type": "missing",
            "loc": ["body", "seed"],
            "msg": "Field required",
            "input": {"messages": ["confidential"]},
        }
    ]
    error = _refusal(422, {"detail": detail})
    assert type(error) is BadRequest
    assert "confidential" not in str(error)
    assert "Field required" in str(error)
    assert "seed" in str(error)


def test_a_refusal_survives_pickling() -> None:
    """An error comes out of a process pool with everything that it carries."""
    error = _refusal(429, BODIES["EvoLink"][0], **{"retry-after": "7"})
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is RateLimited
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


# ------------------------------------------------------------------------------ finer than the status


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": 400, "message": "too long", "type": "exceed_context_size_error", "n_ctx": 4096}),
        (400, {"message": "too many", "code": "context_length_exceeded", "param": "messages"}),
        (400, {"message": "This model's maximum context length is 8192 tokens.", "type": "BadRequestError"}),
        (
            400,
            {
                "type": "invalid_request_error",
                "message": "prompt is too long: 210000 tokens > 200000 maximum",
            },
        ),
        (422, {"message": "The input exceeds the context window of this model."}),
        (
            400,
            {
                "code": 400,
                "status": "INVALID_ARGUMENT",
                "message": "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
            },
        ),
        (
            400,
            {"message": "This model's maximum prompt length is 131072 but the request has 140000."},
        ),
        (413, {"message": "Payload too large", "type": "request_too_large_error"}),
    ],
    ids=["llama.cpp", "OpenAI", "vLLM", "Anthropic", "in words", "Gemini", "xAI", "EvoLink"],
)
def test_a_document_that_is_too_long(status: int, error: dict[str, Any]) -> None:
    """A context that overflows is reported as too large, whatever status it comes with."""
    made = _refusal(status, {"error": error})
    assert type(made) is RequestTooLarge
    assert made.status == status


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_only_a_bad_request_is_too_long(status: int) -> None:
    """Other statuses keep their meaning, whatever words come with them."""
    error = _refusal(status, {"error": {"message": "the context window is busy"}})
    assert type(error) is not RequestTooLarge


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota", "message": "You exceeded your current quota."}, QuotaExceeded),
        (429, {"type": "insufficient_quota", "message": "No."}, QuotaExceeded),
        (402, {"type": "insufficient_quota_error", "message": "No."}, QuotaExceeded),
        (429, {"type": "rate_limit_error", "message": "retry after 60 seconds"}, RateLimited),
        (429, {"code": "rate_limit_exceeded", "message": "Rate limit reached for requests"}, RateLimited),
    ],
)
def test_no_money_is_told_from_too_many_requests(status: int, error: Any, kind: type[StatusError]) -> None:
    """An account without money is not a rate limit: waiting does not help."""
    assert type(_refusal(status, {"error": error})) is kind


# ------------------------------------------------------------------------------------ inside a success


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"error": {"message": WHY, "code": 429}}, 429, RateLimited),
        ({"error": {"message": WHY, "code": 502, "metadata": {}}}, 502, ServerError),
        ({"error": {"message": WHY, "code": 400}}, 400, BadRequest),
        (
            {"error": {"message": "This model's maximum context length is 8", "code": 400}},
            400,
            RequestTooLarge,
        ),
        ({"error": {"message": WHY}}, 500, ServerError),
        ({"error": {"message": WHY, "code": 200}}, 500, ServerError),
        ({"error": {"message": WHY, "code": 9_999}}, 500, ServerError),
        ({"error": WHY}, 500, ServerError),
        ([{"error": {"message": WHY, "code": 404}}], 404, NotFound),
        ({"object": "error", "message": WHY, "code": 400}, 400, BadRequest),
        ({"message": WHY}, 500, ServerError),
        ({"detail": WHY}, 500, ServerError),
        ({"error": {"message": WHY, "code": 401}, "choices": []}, 401, AuthenticationFailed),
    ],
)
def test_an_error_inside_a_success(body: Any, status: int, kind: type[StatusError]) -> None:
    """An error that comes with status 200 is the error that it says it is."""
    error = error_inside(_refused(200, body))
    assert error is not None
    assert type(error) is kind
    assert error.status == status
    assert "maximum context" in str(error) or WHY in str(error)


def test_an_error_inside_a_stream_keeps_its_words() -> None:
    """Of an error inside events, message, type and code are read, though the body is no JSON."""
    body = {
        "error": {
            "message": "This model's maximum context length is 8",
            "type": "t",
            "code": 400,
            "param": "p",
        }
    }
    events = b": keep-alive\n\ndata: " + json.dumps(body).encode() + b"\n\ndata: [DONE]\n\n"
    error = error_inside(Refused(status=200, headers={}, data=body, body=events, url=URL))
    assert type(error) is RequestTooLarge
    assert error.message == "The endpoint answered 400: This model's maximum context length is 8."
    assert (error.type, error.code, error.param) == ("t", "400", "p")


@pytest.mark.parametrize("wrapped", [lambda inner: [inner], lambda inner: {"msg": inner}])
@pytest.mark.parametrize("word", ["message", "code", "type", "param"])
def test_an_error_nested_without_end(word: str, wrapped: Callable[[Any], Any]) -> None:
    """However deep an endpoint nests what it says, it ends in the error of its status."""
    deep: Any = "end"
    for _ in range(sys.getrecursionlimit()):
        deep = wrapped(deep)
    refused = Refused(status=400, headers={}, data={"error": {word: deep}}, body=b"", url=URL)
    assert isinstance(refusal(refused), BadRequest)
    assert isinstance(error_inside(refused), StatusError)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        "text",
        1,
        {"choices": []},
        {"choices": [], "error": None},
        {"choices": [], "message": "m"},
        [1],
        {"id": "1"},
    ],
)
def test_no_error_inside(body: Any) -> None:
    """What says nothing of an error carries none."""
    assert error_inside(_refused(200, body)) is None


# --------------------------------------------------------------------------------------- no completion


@pytest.mark.parametrize(
    ("headers", "said"),
    [({"content-type": "text/html; charset=utf-8"}, "text/html"), ({}, "no content type")],
)
def test_a_success_that_is_no_completion(headers: dict[str, str], said: str) -> None:
    """A web page with status 200 is a bad reply that names its content type and points to base_url."""
    error = bad_reply(
        Refused(status=200, headers=headers, data=None, body=b"<html>Welcome</html>" + b"x" * 1_000_000, url=URL),
        "a body that is no JSON",
    )
    assert type(error) is BadReply
    assert error.url == URL
    assert error.body.startswith("<html>Welcome</html>")
    assert len(error.body) < 2_100
    assert said in str(error)
    assert "base_url" in error.hint
    copy = pickle.loads(pickle.dumps(error))
    assert vars(copy) == vars(error)


# ------------------------------------------------------------------------------------------- quotations

TEXT = "The patient  Jane Smith\nhas the flu, says Dr. Who."


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("no such model", "no such model"),
        ("got 'patient Jane Smith has', a text", "got '…', a text"),
        ("'The patient Jane Smith has the flu, says Dr. Who.'", "'…'"),
        ("Jane Smith", "Jane Smith"),
        ("[Jane Smith h]", "[…]"),
        ("Jane Smith has: Jane Smith has", "…:…"),
        ("patient Jane / has the flu, ", "…/…"),
        ("", ""),
    ],
    ids=["none", "a part", "all", "too short", "just enough", "twice", "two parts", "nothing"],
)
def test_what_is_quoted_of_the_document(message: str, expected: str) -> None:
    """What stands in the document in a row is left out of a message, however its lines were broken."""
    assert unquoted(message, TEXT) == expected


@settings(max_examples=300)
@given(st.text("ab ", max_size=60), st.text("abc", max_size=40))
def test_no_quotation_is_left(document: str, message: str) -> None:
    """No 12 characters in a row of a message are of the document; what is no quotation stays."""
    left = unquoted(message, document)
    text = " ".join(document.split())
    assert not any(left[at : at + 12] in text for at in range(len(left) - 11))
    if not any(message[at : at + 12] in text for at in range(len(message) - 11)):
        assert left == message


@pytest.mark.parametrize("written", [repr, json.dumps], ids=["Python", "JSON"])
def test_quotations_of_short_lines(written: Callable[[str], str]) -> None:
    """A document of short lines is no less a quotation where its line ends are escaped."""
    document = "Name: Jane\nAge: 34\nHIV: yes\n"
    left = unquoted(f"'input': {written(document)}", document)
    assert not any(word in left for word in ("Jane", "HIV"))
