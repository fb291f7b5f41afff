"""Nodes: what was read, where it stands, and what was wrong."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

from extractor.reply.node import Malformed, nodes, plain
from extractor.reply.reader import Reader, read


def test_a_refusal_can_be_pickled() -> None:
    """What was wrong survives the way to another process."""
    copy = pickle.loads(pickle.dumps(Malformed("syntax", 3)))
    assert (copy.kind, copy.offset, str(copy)) == ("syntax", 3, "This is no JSON, at character 3")


def test_all_values_of_a_key_are_read() -> None:
    """The second value of a key is among the children, with its place."""
    text = '{"a":1,"a":[2]}'
    root = read(text, faults=[])
    assert [(child.key, text[child.start : child.end]) for child in root.children] == [("a", "1"), ("a", "[2]")]


def test_a_view_is_a_copy() -> None:
    """What was given out does not change when more is read."""
    reader = Reader()
    reader.feed('{"a": [1,')
    assert reader.root is not None
    before = plain(reader.root)
    reader.feed("2]}")
    assert (before, plain(reader.root), reader.root.value) == ({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]})


def test_a_node_shows_itself() -> None:
    """A node tells in a debugger what and where it is."""
    assert repr(read('{"a": 1}').children[0]) == "<number 6:7 '/a'>"


def test_all_that_is_inside() -> None:
    """A node and all inside of it come in the order of the text, each with the pointer that leads to it."""
    root = read('{"a": [1, {"b/c": 2}], "d~": 3}')
    assert [each.pointer() for each in nodes(root)] == ["", "/a", "/a/0", "/a/1", "/a/1/b~1c", "/d~0"]
    assert [each.pointer() for each in nodes(root.children[0])] == ["/a", "/a/0", "/a/1", "/a/1/b~1c"]


def test_what_was_known_before() -> None:
    """A copy holds what was complete when so much of the text had been read, of numbers when more had come."""
    root = read('{"a": [1, "xy"], "b": 2}')
    known: dict[int, Any] = {
        0: None,
        1: {},
        7: {"a": []},
        8: {"a": []},
        9: {"a": [1]},
        13: {"a": [1]},
        14: {"a": [1, "xy"]},
    }
    assert {at: plain(root, at) for at in known} == known
    assert plain(root.children[0]) == [1, "xy"]


def test_looking_at_values_loads_no_reader() -> None:
    """Who imports the library, or only looks at values, does not wait for the reader's expressions to be compiled."""
    code = "import sys, extractor, extractor.reply.node; print(*(each for each in sys.modules if 'reply' in each))"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.removeprefix("extractor.reply.") for name in done.stdout.split()}
    assert "node" in loaded
    assert loaded.isdisjoint({"tokens", "reader", "scan", "repair", "dates", "meanings", "coerce"})
