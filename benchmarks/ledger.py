"""What the proofs of the job share: documents with known values, and an endpoint that writes down whatever it is asked.

`keeping()` starts the endpoint in a process of its own, which outlives every client. It reads the values out of the
document that it is sent, so that each document has its own reply; one that says `(illegible at first)` gets a wrong
amount until it is asked again. Of every request it writes down whose it was (the session, which is the API key), its
`Idempotency-Key`, when it had come, and when it was answered: also where nobody was there any more to hear the answer,
since that is paid all the same. Times are seconds of the machine's monotonic clock, the same in all processes.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel

__all__ = ["Case", "Entry", "Item", "Ledger", "Slip", "case", "keeping"]

MODEL = "fixed-model"
ILLEGIBLE = "(illegible at first)"
TOKENS_OUT = 60

# ------------------------------------------------------------------------------------------- the documents


class Item(BaseModel):
    """A line of a slip."""

    name: str
    pieces: int


class Slip(BaseModel):
    """What every document is read for."""

    number: str
    amount: int
    items: list[Item]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A document (what is in its file, with that suffix) and the value that is in it."""

    text: str
    value: dict[str, Any]
    suffix: str = ".txt"

    @property
    def sha16(self) -> str:
        """What it is called in the keys of its requests."""
        return sha256(self.text.encode()).hexdigest()[:16]


def case(number: int, *, items: int = 3, twice: bool = False, page: bool = False) -> Case:
    """Document `number`, with so many items; `twice`: its first reply is wrong; `page`: it is HTML."""
    name, amount = f"S-{number:07}", 100 + number * 37 % 9_000
    lines = [{"name": f"A-{number}-{each}", "pieces": 1 + (number + each) % 9} for each in range(items)]
    said = f" {ILLEGIBLE}" if twice else ""
    head = f"Slip {name}\nThe amount is {amount} EUR{said}.\n"
    text = head + "".join(f"Item {line['name']}: {line['pieces']} pieces.\n" for line in lines)
    if page:
        text = "<!doctype html><title>Slip</title>" + "".join(f"<p>{line}</p>" for line in text.splitlines())
    value = {"number": name, "amount": amount, "items": lines}
    return Case(text=text, value=value, suffix=".html" if page else ".txt")


def _read(text: str, asked_again: bool) -> dict[str, Any]:
    """What an endpoint finds in a document, or in a part of one."""
    number, amount = re.search(r"Slip (S-\d+)", text), re.search(r"amount is (\d+)", text)
    wrong = ILLEGIBLE in text and not asked_again
    return {
        "number": number and number[1],
        "amount": "illegible" if wrong else amount and int(amount[1]),
        "items": [{"name": name, "pieces": int(n)} for name, n in re.findall(r"Item (A-\S+): (\d+) pieces", text)],
    }


# ------------------------------------------------------------------------------------------- the endpoint


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How the endpoint is: it thinks for about `think` seconds, and refuses more than `most` at a time."""

    think: float
    most: int


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    manner: Manner
    inside = 0
    numbers = iter(range(sys.maxsize))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport: Any = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        """Take every request that is complete."""
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            lines = self.received[:end].decode("latin-1").split("\r\n")
            heads = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            size = end + 4 + int(heads.get("content-length", 0))
            if len(self.received) < size:
                return
            body, self.received = self.received[end + 4 : size], self.received[size:]
            self._asked(heads, body)

    def _asked(self, heads: dict[str, str], body: bytes) -> None:
        number, session = next(self.numbers), heads.get("authorization", "").removeprefix("Bearer ")
        _say("received", number, time.monotonic(), session, heads.get("idempotency-key", ""))
        if type(self).inside >= self.manner.most:
            error = {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"}
            self._answer(number, 429, {"error": error})
            return
        type(self).inside += 1
        wait = self.manner.think * random.uniform(0.5, 1.5)
        asyncio.get_running_loop().call_later(wait, self._reply, number, json.loads(body))

    def _reply(self, number: int, asked: Any) -> None:
        type(self).inside -= 1
        self._answer(number, 200, _completion(asked))

    def _answer(self, number: int, status: int, body: Any) -> None:
        content = json.dumps(body, separators=(",", ":")).encode()
        head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        heard = not self.transport.is_closing()
        _say("answered", number, time.monotonic(), status, heard)
        if heard:
            self.transport.write(head.encode() + content)


def _completion(asked: Any) -> dict[str, Any]:
    turns = asked["messages"]
    text = " ".join(turn["content"] for turn in turns if turn["role"] == "user")
    found = _read(text, any(turn["role"] == "assistant" for turn in turns))
    wanted = asked["response_format"]["json_schema"]["schema"]["properties"]
    said = json.dumps({name: found[name] for name in wanted})
    usage = {"prompt_tokens": len(text) // 4, "completion_tokens": TOKENS_OUT}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_740_787_200,
        "model": MODEL,
        "choices": [{"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


def _say(*event: Any) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def _serve(manner: Manner) -> None:
    _Connection.manner = manner
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=2_048)
    _say("listens", server.sockets[0].getsockname()[1])
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the process that started this one does
    os._exit(0)


# --------------------------------------------------------------------------------------------- its ledger


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One request. `answered` is None where it is still being thought about; `heard`: the client was still there."""

    number: int
    session: str
    key: str
    received: float
    answered: float | None = None
    status: int = 0
    heard: bool = True

    @property
    def paid(self) -> bool:
        """Whether it costs something: it was refused otherwise."""
        return self.status != 429

    @property
    def sha16(self) -> str:
        """The document that it is about."""
        found = re.search(r"-([0-9a-f]{16})-\d+-", self.key)
        return found[1] if found else ""

    @property
    def piece(self) -> str:
        """The conversation that it belongs to: that of a document, or of one of its chunks."""
        return self.key.rsplit("-", 2)[0]

    @property
    def ordinal(self) -> int:
        """Its number in that conversation, from 1."""
        return int(self.key.rsplit("-", 2)[1])


class Ledger:
    """What the endpoint at `base_url` has written down so far, in the order in which requests came."""

    def __init__(self, base_url: str, events: Any) -> None:
        self.base_url = base_url
        self._entries: dict[int, Entry] = {}
        self._came: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._reading = threading.Thread(target=self._read, args=(events,), daemon=True)
        self._reading.start()

    def end(self) -> None:
        """Wait until all is read that the endpoint has written down. It is over by then."""
        self._reading.join()

    def _read(self, events: Any) -> None:
        for line in events:
            kind, number, at, *more = json.loads(line)
            with self._changed:
                if kind == "received":
                    session, key = more
                    self._entries[number] = Entry(number=number, session=session, key=key, received=at)
                    self._came[session] += 1
                else:
                    status, heard = more
                    entry = self._entries[number]
                    self._entries[number] = replace(entry, answered=at, status=status, heard=heard)
                self._changed.notify_all()

    def entries(self, session: str | None = None) -> list[Entry]:
        """All of them, or those of a session."""
        with self._changed:
            return [each for each in self._entries.values() if session is None or each.session == session]

    def wait(self, session: str, requests: int, seconds: float) -> bool:
        """Wait until a session has sent so many requests. False where it does not, in so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._came[session] >= requests, seconds)

    def settle(self, seconds: float = 10.0) -> None:
        """Wait until all that was received is answered."""
        with self._changed:
            self._changed.wait_for(lambda: all(each.answered for each in self._entries.values()), seconds)


@contextlib.contextmanager
def keeping(*, think: float = 0.05, most: int = 1_000_000) -> Iterator[Ledger]:
    """Run the endpoint in a process of its own; gives its ledger."""
    command = [sys.executable, str(Path(__file__).resolve()), "--think", str(think), "--most", str(most)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        _, port = json.loads(server.stdout.readline())
        ledger = Ledger(f"http://127.0.0.1:{port}/v1", server.stdout)
        try:
            yield ledger
        finally:
            server.terminate()
            ledger.end()


def main() -> None:
    """Be the endpoint."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--think", type=float, required=True)
    parser.add_argument("--most", type=int, required=True)
    arguments = parser.parse_args()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(Manner(think=arguments.think, most=arguments.most)))


if __name__ == "__main__":
    main()
