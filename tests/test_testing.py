"""The fake endpoint that users get for their own tests."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from extractor.testing import FakeEndpoint, Recorded, Reply, Scripted

BODY = {"model": "m", "messages": [{"role": "user", "content": "héllo"}]}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One client for all: making one takes longer than most of these tests."""
    with httpx.Client() as made:
        yield made


def _ask(client: httpx.Client, fake: FakeEndpoint, **more: Any) -> httpx.Response:
    return client.post(fake.base_url + "/chat/completions", json={**BODY, **more})


def _message(response: httpx.Response) -> dict[str, Any]:
    message: dict[str, Any] = response.json()["choices"][0]["message"]
    return message


@pytest.mark.parametrize(
    ("scripted", "content"),
    [
        ("text", "text"),
        ("", ""),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ([1, 2], "[1, 2]"),
        (Reply(content={"a": "é"}), json.dumps({"a": "é"})),
        (Reply(content="text"), "text"),
        (Reply(content=0), "0"),
        (Reply(content=False), "false"),
        (lambda request: {"you": request.body["messages"][0]["content"]}, json.dumps({"you": "héllo"})),
        (lambda request: Reply(content=request.path), "/v1/chat/completions"),
        (lambda request: "text", "text"),
    ],
)
def test_what_can_be_scripted(scripted: Scripted, content: str, client: httpx.Client) -> None:
    """A string is the content as it is, data becomes JSON, a function of the request gives either."""
    with FakeEndpoint(scripted) as fake:
        response = _ask(client, fake)
    assert response.status_code == 200
    assert _message(response) == {"role": "assistant", "content": content}


def test_the_shape_of_a_reply(client: httpx.Client) -> None:
    """A reply has everything that a chat completion has."""
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    with FakeEndpoint(Reply(content="text", usage=usage), model="some-model") as fake:
        response = _ask(client, fake)
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "id": "fake-1",
        "object": "chat.completion",
        "created": 0,
        "model": "some-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "text"}, "finish_reason": "stop"}],
        "usage": usage,
    }


def test_everything_can_be_added_or_replaced(client: httpx.Client) -> None:
    """Fields of the message, the choice and the whole can be set, and win over the usual ones."""
    reply = Reply(
        message={"refusal": "No."},
        finish_reason=None,
        choice={"logprobs": {"content": []}, "index": 7},
        body={"id": "own", "system_fingerprint": "f"},
    )
    with FakeEndpoint(reply) as fake:
        body = _ask(client, fake).json()
    assert body["choices"] == [
        {
            "index": 7,
            "message": {"role": "assistant", "refusal": "No."},
            "finish_reason": None,
            "logprobs": {"content": []},
        }
    ]
    assert (body["id"], body["system_fingerprint"], body["usage"]) == ("own", "f", None)


def test_several_choices(client: httpx.Client) -> None:
    """Several candidates are given as the body's choices."""
    choices = [{"index": n, "message": {"role": "assistant", "content": str(n)}} for n in range(3)]
    with FakeEndpoint(Reply(body={"choices": choices})) as fake:
        assert _ask(client, fake).json()["choices"] == choices


@pytest.mark.parametrize("raw", ["<html>é</html>", "<html>é</html>".encode(), "", b"\xff\x00"])
def test_raw_bodies(raw: str | bytes, client: httpx.Client) -> None:
    """A raw body is sent as it stands, with its status, content type and headers."""
    reply = Reply(raw=raw, status=503, content_type="text/html", headers={"retry-after": "7"})
    with FakeEndpoint(reply) as fake:
        response = _ask(client, fake, stream=True)
    assert response.content == (raw.encode() if isinstance(raw, str) else raw)
    assert response.status_code == 503
    assert response.headers["content-type"] == "text/html"
    assert response.headers["retry-after"] == "7"


def test_requests_are_recorded(client: httpx.Client) -> None:
    """Every request that arrives is recorded: what it asked, where, and with which headers."""
    with FakeEndpoint("one", "two") as fake:
        client.post(fake.base_url + "/chat/completions", json=BODY, headers={"X-Trace": "7"})
        client.post(fake.base_url + "/elsewhere", content=b"no JSON")
    first, second = fake.requests
    assert isinstance(first, Recorded)
    assert (first.method, first.path, first.body) == ("POST", "/v1/chat/completions", BODY)
    assert json.loads(first.raw) == BODY
    assert first.headers["x-trace"] == "7"
    assert (second.path, second.body, second.raw) == ("/v1/elsewhere", None, b"no JSON")


def test_get_is_answered_too(client: httpx.Client) -> None:
    """A GET, as for a list of models, is answered by the script as well."""
    with FakeEndpoint(Reply(raw='{"data": []}')) as fake:
        assert client.get(fake.base_url + "/models").json() == {"data": []}
    assert fake.requests[0].method == "GET"


def test_a_request_too_many(client: httpx.Client) -> None:
    """A request for which there is no script is answered with a 500 that says so."""
    with FakeEndpoint("one") as fake:
        _ask(client, fake)
        response = _ask(client, fake)
    assert response.status_code == 500
    assert response.json()["error"]["message"] == "request 2, but the fake endpoint's script has 1"


def test_repeating(client: httpx.Client) -> None:
    """With repeat the script starts again at its end."""
    with FakeEndpoint("a", "b", repeat=True) as fake:
        said = [_message(_ask(client, fake))["content"] for _ in range(5)]
    assert said == ["a", "b", "a", "b", "a"]


def test_an_empty_script_does_not_repeat(client: httpx.Client) -> None:
    """Without a script there is nothing to repeat."""
    with FakeEndpoint(repeat=True) as fake:
        assert _ask(client, fake).status_code == 500


def test_another_script(client: httpx.Client) -> None:
    """`answer` forgets what is left and starts with the new script."""
    with FakeEndpoint("a", "b", "c") as fake:
        _ask(client, fake)
        fake.answer("x", "y")
        assert [_message(_ask(client, fake))["content"] for _ in range(2)] == ["x", "y"]
    assert len(fake.requests) == 3


def _data(response: httpx.Response) -> list[Any]:
    events = response.text.removesuffix("\n\n").split("\n\n")
    assert all(event.startswith("data: ") for event in events)
    assert events.pop() == "data: [DONE]"
    return [json.loads(event.removeprefix("data: ")) for event in events]


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_streaming(chunk: int, client: httpx.Client) -> None:
    """A request for a stream is answered in events: role, pieces, finish reason, usage, end."""
    with FakeEndpoint(Reply(content="héllo", usage={"prompt_tokens": 3}, chunk=chunk)) as fake:
        response = _ask(client, fake, stream=True)
    assert response.headers["content-type"] == "text/event-stream"
    role, *pieces, end, usage = _data(response)
    assert role["choices"][0]["delta"] == {"role": "assistant"}
    contents = [piece["choices"][0]["delta"]["content"] for piece in pieces]
    assert "".join(contents) == "héllo"
    assert max(map(len, contents)) <= chunk
    assert end["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert (usage["choices"], usage["usage"]) == ([], {"prompt_tokens": 3})
    assert {each["object"] for each in (role, *pieces, end, usage)} == {"chat.completion.chunk"}


def test_streaming_without_usage_or_content(client: httpx.Client) -> None:
    """A stream without usage has no chunk for it, and one without content no pieces."""
    with FakeEndpoint(Reply(message={"refusal": "No."})) as fake:
        role, end = _data(_ask(client, fake, stream=True))
    assert role["choices"][0]["delta"] == {"role": "assistant", "refusal": "No."}
    assert end["choices"][0]["finish_reason"] == "stop"


def test_a_refusal_is_not_streamed(client: httpx.Client) -> None:
    """An error is answered at once, also where a stream was asked for."""
    with FakeEndpoint(Reply(status=400, raw='{"error": "no"}')) as fake:
        response = _ask(client, fake, stream=True)
    assert (response.status_code, response.json()) == (400, {"error": "no"})


def test_many_at_once(client: httpx.Client) -> None:
    """Requests are answered side by side, each script entry once, and all are recorded."""
    together = threading.Barrier(8, timeout=10)

    def wait(request: Recorded) -> str:
        together.wait()
        return str(request.body["number"])

    with FakeEndpoint(wait, repeat=True) as fake, ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: _message(_ask(client, fake, number=n))["content"], range(24)))
    assert said == [str(n) for n in range(24)]
    assert len(fake.requests) == 24


def test_each_entry_is_used_once(client: httpx.Client) -> None:
    """Of many requests at once each gets another entry of the script."""
    with FakeEndpoint(*map(str, range(40))) as fake, ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _: _message(_ask(client, fake))["content"], range(40)))
    assert sorted(said, key=int) == [str(n) for n in range(40)]


def test_a_client_that_goes_away(client: httpx.Client) -> None:
    """A client that does not wait for its answer disturbs neither the server nor the next client."""
    gone = threading.Event()

    def late(request: Recorded) -> str:
        gone.wait(10)
        return "late" * 1_000_000

    with FakeEndpoint(late, "next") as fake:
        with httpx.Client(timeout=0.1) as impatient, pytest.raises(httpx.ReadTimeout):
            _ask(impatient, fake)
        gone.set()
        assert _message(_ask(client, fake))["content"] == "next"


def test_a_delay_outlasts_a_timeout() -> None:
    """With a delay one can test one's own timeouts."""
    with (
        FakeEndpoint(Reply(content="late", delay=0.3)) as fake,
        httpx.Client(timeout=0.05) as impatient,
        pytest.raises(httpx.ReadTimeout),
    ):
        _ask(impatient, fake)


def test_a_function_that_fails_says_so(client: httpx.Client) -> None:
    """A script's function that raises is answered with a 500 that says what it raised."""

    def failing(request: Recorded) -> str:
        raise AssertionError("the prompt has no instructions")

    with FakeEndpoint(failing) as fake:
        response = _ask(client, fake)
    assert response.status_code == 500
    assert "the prompt has no instructions" in response.text


def test_without_a_socket_sync() -> None:
    """The transport answers as the server does, in a sync client."""
    fake = FakeEndpoint({"a": 1}, Reply(status=429, headers={"retry-after": "7"}, raw="{}"))
    with httpx.Client(transport=fake.transport()) as client:
        first = client.post("http://h.example/v1/chat/completions?x=1", json=BODY)
        second = client.post("http://h.example/v1/chat/completions", json=BODY)
    assert _message(first)["content"] == '{"a": 1}'
    assert (second.status_code, second.headers["retry-after"]) == (429, "7")
    assert [request.body for request in fake.requests] == [BODY, BODY]
    assert fake.requests[0].path.startswith("/v1/chat/completions")


def test_without_a_socket_async() -> None:
    """The transport answers as the server does, in an async client."""
    fake = FakeEndpoint(Reply(content="text"))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=fake.transport()) as client:
            return await client.post("http://h.example/v1/chat/completions", json={**BODY, "stream": True})

    assert "".join(event["choices"][0]["delta"].get("content", "") for event in _data(asyncio.run(ask()))) == "text"


def test_server_and_transport_record_the_same_path(client: httpx.Client) -> None:
    """A path with a query is recorded in the same way by the server and by the transport."""
    with FakeEndpoint("one", "two") as fake, httpx.Client(transport=fake.transport()) as own:
        client.post(fake.base_url + "/chat/completions?a=b%20c", json=BODY)
        own.post("http://h.example/v1/chat/completions?a=b%20c", json=BODY)
    assert fake.requests[0].path == fake.requests[1].path


def test_starting_and_closing(client: httpx.Client) -> None:
    """It can be started and closed by hand, closed twice, and started again."""
    fake = FakeEndpoint("one", "two")
    with pytest.raises(RuntimeError, match="not running"):
        _ = fake.base_url
    fake.close()
    assert fake.start() is fake
    assert _message(_ask(client, fake))["content"] == "one"
    gone = fake.base_url
    fake.close()
    fake.close()
    with httpx.Client() as other, pytest.raises(httpx.ConnectError):
        other.get(gone)
    with fake:
        assert _message(_ask(client, fake))["content"] == "two"


def test_nothing_is_left_behind() -> None:
    """Closing ends the thread that listens."""
    before = set(threading.enumerate())
    with FakeEndpoint():
        listening = set(threading.enumerate()) - before
    for thread in listening:
        thread.join(5)
        assert not thread.is_alive()


def test_the_fixture(fake_endpoint: FakeEndpoint, client: httpx.Client) -> None:
    """The fixture is a running endpoint without a script."""
    assert _ask(client, fake_endpoint).status_code == 500
    fake_endpoint.answer("text")
    assert _message(_ask(client, fake_endpoint))["content"] == "text"


def test_its_repr_is_harmless() -> None:
    """A fake endpoint that does not run can be printed."""
    assert "FakeEndpoint" in repr(FakeEndpoint("text"))


def test_closing_ends_connections() -> None:
    """A closed endpoint answers nobody, also not over a connection that was kept."""
    with httpx.Client() as client:
        with FakeEndpoint({"a": 1}, repeat=True) as fake:
            url = fake.base_url + "/chat/completions"
            assert client.post(url, json={}).status_code == 200
        with pytest.raises(httpx.TransportError):
            client.post(url, json={})
    assert len(fake.requests) == 1
