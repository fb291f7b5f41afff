"""Which imperfect replies cost no second request, and which lead to wrong data.

    python benchmarks/one_request.py [--into FOLDER]

One loopback endpoint gives the same reply to every request. First the kinds of replies that say all that is wanted,
but not in clean JSON or not with the right type: a library can mend them, ask again, or give up. Then the kinds that
must not be taken as they stand. Each contender may send one request only. Those that send the model as a tool get the
same text as the arguments of that tool's call.

Gives for each contender how many replies of the first kind it takes rightly with one request, of how many it takes
another value than they say, and how many of the second kind it takes as data. Other libraries take part where they
are installed (`pip install "extractor[benchmarks]"`).
"""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import peers
from contenders import CONTENDERS, Call, Contender, Task, installed, versions
from loopback import command, isolated, machine
from pydantic import BaseModel
from results import Cell, Column, Report, Table, options, publish

from extractor.testing import FakeEndpoint, Recorded, Reply


class Item(BaseModel):
    """One thing that was bought."""

    name: str
    quantity: int


class Purchase(BaseModel):
    """What is asked for."""

    number: str
    total: float
    paid: bool
    items: list[Item]


RIGHT = Purchase(
    number="A-1", total=12.5, paid=True, items=[Item(name="tea", quantity=2), Item(name="cup", quantity=1)]
)
CLEAN = json.dumps(RIGHT.model_dump())
PYTHON = str(RIGHT.model_dump())

MENDABLE: Mapping[str, str | Reply] = {
    "fence": f"```json\n{CLEAN}\n```",
    "prose around": f"Here is the purchase:\n{CLEAN}\nLet me know if you need more.",
    "trailing comma": CLEAN.replace("}]", "},]").replace("}]}", "}],}"),
    "single quotes, Python literals": PYTHON,
    "comments": CLEAN.replace('"total"', '/* in EUR */ "total"'),
    "unquoted keys": CLEAN.replace('"number":', "number:").replace('"total":', "total:"),
    "byte order mark": "\ufeff" + CLEAN,
    "encoded twice": json.dumps(CLEAN),
    "missing closer": CLEAN[:-1],
    "several objects": '{"example": {"number": "B-9"}}\n' + CLEAN,
    "thinking first": f"<think>Maybe {{}}?</think>\n{CLEAN}",
    "numbers as texts, yes for true": CLEAN.replace("12.5", '"12.50"').replace("true", '"yes"'),
    "a tool call instead of content": Reply(
        message={"tool_calls": [{"id": "1", "type": "function", "function": {"name": "Purchase", "arguments": CLEAN}}]},
        finish_reason="tool_calls",
    ),
}
"""Replies that say all that is wanted."""

NOT_TO_BE_TAKEN: Mapping[str, str | Reply] = {
    "NaN": CLEAN.replace("12.5", "NaN"),
    "1e999": CLEAN.replace("12.5", "1e999"),
    "a key twice": CLEAN.replace('"number"', '"number": "A-2", "number"', 1),
    "true for a whole number": CLEAN.replace('"quantity": 1', '"quantity": true'),
    "content_filter beside valid JSON": Reply(content=CLEAN, finish_reason="content_filter"),
}
"""Replies of which nothing is to be taken as it stands."""


BY_EXTRACTOR = ("extractor",)
MARKDOWN = replace(
    CONTENDERS["instructor: JSON Schema"],
    name="instructor: Markdown JSON",
    sync=peers.instructor("MD_JSON"),
)
"""Its mode for endpoints without structured output, which looks for a fence."""
RIGHT_SAID, NONE, WRONG = "right", "none", "WRONG"


def taking_part() -> list[Contender]:
    """Who is asked."""
    names = [each.name for each in CONTENDERS.values() if each.sync and each.kind != "floor"]
    found = installed(*(name for name in names if name != "extractor: function"), "httpx by hand")
    return [*found, MARKDOWN] if any(each.name == "instructor" for each in found) else found


def served(contender: Contender, reply: str | Reply, request: Recorded) -> Reply:
    """A reply where the contender looks for one: in the content, or in the arguments of its tool's call."""
    given = Reply(content=reply) if isinstance(reply, str) else reply
    if contender.mode == "content" or given.message:
        return given
    name = "final_result" if contender.mode == "final_result" else request.body["tools"][0]["function"]["name"]
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": given.content}}
    finish = "tool_calls" if given.finish_reason == "stop" else given.finish_reason
    return Reply(message={"content": None, "tool_calls": [call]}, finish_reason=finish)


def outcome(contender: Contender, reply: str | Reply, *, mendable: bool) -> tuple[str, int]:
    """What a contender makes of a reply, and with how many requests."""
    with FakeEndpoint(lambda request: served(contender, reply, request), repeat=True) as fake:
        try:
            value: Any = _call(contender, fake.base_url)()
        except Exception:  # noqa: BLE001  # each has errors of its own
            return NONE, len(fake.requests)
        right = mendable and value.model_dump() == RIGHT.model_dump()
        return (RIGHT_SAID if right else WRONG), len(fake.requests)


def _call(contender: Contender, url: str) -> Call:
    assert contender.sync is not None  # `installed` gives no other
    return contender.sync(Task(model=Purchase, document="…", base_url=url))


# ---------------------------------------------------------------------------------------- reporting

_COLUMNS = (
    Column(name=f"right, of {len(MENDABLE)}", form=",.0f", better="more"),
    Column(name="given up", form=",.0f"),
    Column(name="silently another value", form=",.0f", better="less"),
    Column(name=f"not to be taken, but taken, of {len(NOT_TO_BE_TAKEN)}", form=",.0f", better="less"),
    Column(name="requests for one reply", form=",.0f"),
)


def _row(said: Mapping[str, tuple[str, int]]) -> list[Cell]:
    mended = [said[kind][0] for kind in MENDABLE]
    taken = [said[kind][0] for kind in NOT_TO_BE_TAKEN]
    most = max(requests for _, requests in said.values())
    return [mended.count(RIGHT_SAID), mended.count(NONE), mended.count(WRONG), taken.count(WRONG), most]


def _tables(results: Mapping[str, Mapping[str, tuple[str, int]]]) -> tuple[Table, ...]:
    floors = tuple(name for name in results if name == "httpx by hand")
    kinds = {kind: [said[kind][0] for said in results.values()] for kind in (*MENDABLE, *NOT_TO_BE_TAKEN)}
    return (
        Table(
            title="Imperfect replies, with one request",
            columns=_COLUMNS,
            rows={name: _row(said) for name, said in results.items()},
            ours=BY_EXTRACTOR,
            floors=floors,
        ),
        Table(
            title="Reply by reply",
            columns=tuple(Column(name=name) for name in results),
            rows=kinds,
            ours=(),
            of="reply",
        ),
    )


def main() -> None:
    """Ask, and publish."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options(parser)
    arguments = parser.parse_args()
    isolated()
    logging.disable(logging.CRITICAL)  # failures are what is counted here
    warnings.simplefilter("ignore")
    began, asked = time.perf_counter(), taking_part()
    replies = {**MENDABLE, **NOT_TO_BE_TAKEN}
    results = {
        each.name: {kind: outcome(each, reply, mendable=kind in MENDABLE) for kind, reply in replies.items()}
        for each in asked
    }
    report = Report(
        name="one_request",
        question="Which imperfect replies cost no second request, and which lead to wrong data?",
        command=command(),
        environment=machine(),
        versions=versions(asked),
        tables=_tables(results),
        notes=(
            "`right`: the value that the reply says. `none`: an error, after which one would ask again. `WRONG`: a "
            "value that is not what the reply says, or one of a reply that must not be taken, without an error.",
            "All ways to ask again are switched off. instructor, pydantic-ai and trustcall, which send the model as a "
            "tool, get the same text as the arguments of the call; two rows show them with JSON Schema, one shows "
            "instructor's mode for Markdown.",
        ),
        seconds=time.perf_counter() - began,
        data={"replies": {name: dict(said) for name, said in results.items()}},
    )
    publish(report, arguments)


if __name__ == "__main__":
    main()
