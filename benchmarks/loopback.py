"""What the benchmarks share: two models with their documents, and an endpoint that costs the client nothing.

`serving()` starts the endpoint in another process, so that only the client's work is counted in the
client's process. It answers every POST of `…/MODEL/content/v1/chat/completions` with the fixed reply for
that model, of `…/MODEL/tool/v1/chat/completions` with the same as the call of a tool that has the model's
name, of `…/MODEL/final_result/v1/chat/completions` as the call of a tool of that name, and a GET with the
size of the last request to each path.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from task import KEY, MODEL

__all__ = [
    "CASES",
    "KEY",
    "KINDS",
    "MODEL",
    "Case",
    "command",
    "completion",
    "environment",
    "isolated",
    "machine",
    "orders",
    "ratio",
    "sent_bytes",
    "serving",
    "table",
]

# -------------------------------------------------------------------------------------- the models


class Contact(BaseModel):
    """Six fields, flat."""

    name: str
    email: str
    phone: str | None
    company: str
    role: Literal["buyer", "seller", "agent"]
    age: int


class Person(BaseModel):
    """Eight fields."""

    name: str
    title: str | None
    email: str
    phone: str
    born: date
    role: Literal["owner", "manager", "clerk"]
    shares: float
    signs: bool


class Company(BaseModel):
    """Five fields and people."""

    name: str
    registration: str
    country: str
    founded: int
    listed: bool
    people: list[Person]


class Clause(BaseModel):
    """Eight fields."""

    number: str
    heading: str
    summary: str
    kind: Literal["duty", "right", "definition"]
    party: str | None
    binding: bool
    penalty: float
    page: int


class Contract(BaseModel):
    """Five fields and clauses."""

    title: str
    signed: date
    ends: date | None
    law: str
    pages: int
    clauses: list[Clause]


class Item(BaseModel):
    """Eight fields."""

    article: str
    description: str
    quantity: int
    unit: Literal["piece", "kg", "m"]
    weight: float
    fragile: bool
    batch: str | None
    origin: str


class Delivery(BaseModel):
    """Five fields and items."""

    street: str
    city: str
    due: date
    incoterm: Literal["EXW", "FCA", "DAP", "DDP"]
    insured: bool
    items: list[Item]


class Payment(BaseModel):
    """Eight fields."""

    reference: str
    payer: str
    iban: str
    amount: float
    tax: float
    paid: date | None
    method: Literal["transfer", "card", "cash"]
    final: bool


class Finance(BaseModel):
    """Five fields and payments."""

    currency: str
    total: float
    tax: float
    discount: float | None
    open: bool
    payments: list[Payment]


class Dossier(BaseModel):
    """Sixty fields on three levels."""

    company: Company
    contract: Contract
    delivery: Delivery
    finance: Finance


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model with a document and the value that the endpoint finds in it."""

    name: str
    model: type[BaseModel]
    document: str
    value: dict[str, Any]


def _contact() -> dict[str, Any]:
    return {
        "name": "Ann Lee",
        "email": "ann.lee@example.com",
        "phone": None,
        "company": "Lee & Söhne GmbH",
        "role": "buyer",
        "age": 41,
    }


def _company() -> dict[str, Any]:
    person = {"name": "Ann Lee", "title": None, "email": "ann.lee@example.com", "phone": "+49 30 1234567"}
    more = {"born": "1984-05-17", "role": "owner", "shares": 37.5, "signs": True}
    head = {"name": "Lee & Söhne GmbH", "registration": "HRB 12345 B", "country": "DE", "founded": 1998}
    return {**head, "listed": False, "people": [{**person, **more}, {**person, **more, "role": "clerk"}]}


def _contract() -> dict[str, Any]:
    clause = {"number": "4.2", "heading": "Delivery", "summary": "The seller delivers within ten days."}
    more = {"kind": "duty", "party": "seller", "binding": True, "penalty": 250.0, "page": 3}
    head = {"title": "Frame contract", "signed": "2025-03-01", "ends": None, "law": "German law", "pages": 14}
    return {**head, "clauses": [{**clause, **more}, {**clause, **more, "party": None}]}


def _delivery() -> dict[str, Any]:
    item = {"article": "A-100", "description": "Oak board, planed", "quantity": 120, "unit": "piece"}
    more = {"weight": 7.25, "fragile": False, "batch": None, "origin": "FI"}
    head = {"street": "Ringstr. 5", "city": "Berlin", "due": "2025-03-11", "incoterm": "DAP", "insured": True}
    return {**head, "items": [{**item, **more}, {**item, **more, "batch": "L7"}]}


def _finance() -> dict[str, Any]:
    payment = {"reference": "RE-2025-17", "payer": "Lee & Söhne GmbH", "iban": "DE02120300000000202051"}
    more = {"amount": 1234.5, "tax": 234.56, "paid": None, "method": "transfer", "final": False}
    head = {"currency": "EUR", "total": 2469.0, "tax": 469.12, "discount": None, "open": True}
    return {**head, "payments": [{**payment, **more}, {**payment, **more, "final": True}]}


def _dossier() -> dict[str, Any]:
    return {"company": _company(), "contract": _contract(), "delivery": _delivery(), "finance": _finance()}


_LETTER = (
    "Dear Sir or Madam,\nI am Ann Lee, 41, purchasing for Lee & Söhne GmbH in Berlin. Please write to "
    'ann.lee@example.com about our frame contract of 1 March 2025 ("delivery within ten days").\n'
)

CASES: Mapping[str, Case] = {
    case.name: case
    for case in (
        Case(name="flat", model=Contact, document=_LETTER * 4, value=_contact()),
        Case(name="large", model=Dossier, document=_LETTER * 16, value=_dossier()),
    )
}

# ------------------------------------------------------------------------------------ the endpoint


KINDS = ("content", "tool", "final_result")


def completion(case: Case, kind: str) -> bytes:
    """Make an HTTP response as it goes over the wire; `kind` is one of `KINDS`."""
    text = json.dumps(case.value, ensure_ascii=False)
    tool = case.model.__name__ if kind == "tool" else kind
    call = {"id": "call_1", "type": "function", "function": {"name": tool, "arguments": text}}
    said = {"content": text} if kind == "content" else {"content": None, "tool_calls": [call]}
    body = {
        "id": "chatcmpl-20250301-0001",
        "object": "chat.completion",
        "created": 1_740_787_200,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", **said},
                "logprobs": None,
                "finish_reason": "stop" if kind == "content" else "tool_calls",
            }
        ],
        "usage": _USAGE,
    }
    return _response(body)


_USAGE = {
    "prompt_tokens": 513,
    "completion_tokens": 421,
    "total_tokens": 934,
    "prompt_tokens_details": {"cached_tokens": 256, "text_tokens": 513, "audio_tokens": 0, "image_tokens": 0},
    "completion_tokens_details": {"text_tokens": 421, "audio_tokens": 0, "reasoning_tokens": 0},
    "input_tokens": 0,
    "output_tokens": 0,
    "input_tokens_details": None,
}


def _response(body: Any) -> bytes:
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    head = (
        "HTTP/1.1 200 OK\r\nserver: loopback\r\ndate: Sat, 01 Mar 2025 00:00:00 GMT\r\n"
        f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


class _Connection(asyncio.Protocol):
    """One keep-alive connection. It reads of a request only what it is for and where it ends."""

    replies: Mapping[str, bytes] = {}
    sizes: dict[str, int] = {}  # noqa: RUF012  # one for all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport: Any = transport
        self.received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self.received += data
        while (end := self.received.find(b"\r\n\r\n")) >= 0:
            head = self.received[:end]
            size = end + 4 + _length(head)
            if len(self.received) < size:
                return
            self.received = self.received[size:]
            self.transport.write(self._answer(head, size))

    def _answer(self, head: bytes, size: int) -> bytes:
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        if method == "GET":
            return _response(self.sizes)
        self.sizes[path] = size
        _, *_, case, kind, _v1, _chat, _completions = path.split("/")
        return self.replies[f"{case}/{kind}"]


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _serve() -> None:
    _Connection.replies = {f"{name}/{kind}": completion(case, kind) for name, case in CASES.items() for kind in KINDS}
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()  # ends when the process that started this one does
    os._exit(0)


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run the endpoint in a process of its own; gives `http://127.0.0.1:PORT`."""
    command = [sys.executable, str(Path(__file__).resolve())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        try:
            port = server.stdout.readline() if server.stdout else ""
            yield f"http://127.0.0.1:{int(port)}"
        finally:
            server.terminate()


def sent_bytes(root: str) -> dict[str, int]:
    """Path → size in bytes of the last request there, headers included."""
    with urllib.request.urlopen(root + "/sizes") as answer:  # loopback
        sizes: dict[str, int] = json.load(answer)
    return sizes


# ------------------------------------------------------------------------------------- the reports

_PACKAGES = ("extractor", "pydantic", "pydantic-core", "httpx", "openai", "instructor", "pydantic-ai-slim")
_STEERING = ("PROXY", "EXTRACTOR_", "OPENAI_", "LOGFIRE_", "LANGCHAIN_", "LANGSMITH_")


def isolated() -> None:
    """Take out of the environment whatever steers one of the contenders."""
    for name in [name for name in os.environ if any(part in name.upper() for part in _STEERING)]:
        del os.environ[name]


def machine() -> str:
    """Python and the number of CPUs."""
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs"


def command() -> str:
    """What was run, as one would type it; not where the results went."""
    given = sys.argv[1:]
    while "--into" in given:
        at = given.index("--into")
        del given[at : at + 2]
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *given])


def orders(names: Iterable[str], rounds: int) -> Iterator[list[str]]:
    """Everyone's turn in every round: each round begins with another one."""
    waiting = list(names)
    for number in range(rounds):
        first = number % max(1, len(waiting))
        yield waiting[first:] + waiting[:first]


def environment() -> str:
    """Python, the number of CPUs and the versions of the packages, on one line."""
    versions = []
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions.append(f"{name} {metadata.version(name)}")
    return f"{machine()}; " + ", ".join(versions)


def ratio(values: Sequence[float], reference: Sequence[float]) -> float:
    """Give the median of the ratios round by round: what disturbs a round disturbs both of its numbers."""
    return statistics.median(value / other for value, other in zip(values, reference, strict=True))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = []
    for row in (header, *rows):
        first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        lines.append("  ".join([row[0].ljust(len(first)), *others]))
    return "\n".join(lines)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve())
