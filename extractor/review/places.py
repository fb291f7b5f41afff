"""Which nodes of a form a place in a value belongs to."""

from __future__ import annotations

from extractor.review.empties import Node
from extractor.review.form import BRANCHES, Form
from extractor.schema.pointers import steps_of

__all__ = ["nodes_at"]


def nodes_at(form: Form, pointer: str) -> list[Node]:
    """What may stand at a JSON pointer of a value: no unions and references, but what they lead to. At most 50."""
    found = _meant(form, [form["root"]])
    for step in steps_of(pointer):
        inner = [each for node in found for each in _under(node, step)]
        found = _meant(form, inner[:BRANCHES])
    return found


def _meant(form: Form, nodes: list[Node]) -> list[Node]:
    found: list[Node] = []
    seen: set[int] = set()
    ahead = list(reversed(nodes))
    while ahead and len(found) < BRANCHES:
        node = ahead.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node["kind"] == "union":
            ahead += [each["node"] for each in reversed(node["branches"])]
        elif node["kind"] == "ref":
            ahead += [form["definitions"][node["name"]]] if node["name"] in form["definitions"] else []
        else:
            found.append(node)
    return found


def _under(node: Node, step: str) -> list[Node]:
    kind = node["kind"]
    if kind == "object":
        own = [each["node"] for each in node["members"] if each["name"] == step]
        return own or ([node["more"]] if node["more"] else [])
    if kind == "map":
        return [node["value"]]
    if not (step.isascii() and step.isdigit()) or len(step) > 9:
        return []
    if kind == "list":
        return [node["item"]]
    return [node["items"][int(step)]] if kind == "tuple" and int(step) < len(node["items"]) else []
