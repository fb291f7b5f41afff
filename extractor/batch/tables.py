"""From a shape to tables: which columns there are, under which names, and which values stand in them. No I/O.

Objects in objects become columns `supplier.name`; lists are cells, or tables of their own that refer to the row they
belong to.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extractor.batch.shapes import Items, Shape, Struct, root_of, writable
from extractor.schema.pointers import escaped

__all__ = ["HEAD", "ITEM", "Column", "Names", "Table", "flat_columns", "head_names", "related"]


class Names:
    """Names of columns, or of tables, each once whatever its case: SQLite and some readers do not tell them apart."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def distinct(self, name: str, prefix: str = "") -> str:
        """The name, or with the prefix where it is taken; else with `_2`, `_3` … after it."""
        name = writable(name) or "_"
        first = name if name.lower() not in self._taken else prefix + name
        name, number = first, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{first}_{number}"
        self._taken.add(name.lower())
        return name


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column: the `steps` from the object of its row to its value, and the same as a JSON pointer."""

    name: str
    shape: Shape
    steps: tuple[str, ...]
    pointer: str

    def value(self, row: Any) -> Any:
        """What stands there in a row; None where nothing does."""
        for step in self.steps:
            row = row.get(step) if isinstance(row, dict) else None
        return row


def flat_columns(root: Struct, names: Names, *, nested: bool = False) -> tuple[Column, ...]:
    """The columns of an object: those of the objects in it too, unless `nested`, and lists as they are."""
    return tuple(
        Column(name=names.distinct(".".join(steps)), shape=shape, steps=steps, pointer=_pointer(steps))
        for steps, shape in _members(root, (), nested)
    )


def _members(struct: Struct, steps: tuple[str, ...], nested: bool) -> Iterator[tuple[tuple[str, ...], Shape]]:
    for key, shape in struct.members.items():
        if isinstance(shape, Struct) and not nested:
            yield from _members(shape, (*steps, key), nested)
        else:
            yield (*steps, key), shape


def _pointer(steps: tuple[str, ...]) -> str:
    return "".join("/" + escaped(step) for step in steps)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table of rows that belong to those of the table above.

    `steps` lead from a row of the table above to the list of which each item is a row, by itself or as the `value` of
    one (`wrapped`). `keys` are the names of the columns that are none of the target's. `lists` are the tables below.
    """

    name: str
    steps: tuple[str, ...]
    wrapped: bool
    keys: Mapping[str, str]
    columns: tuple[Column, ...]
    lists: tuple[Table, ...]


HEAD = ("name", "state", "error")
"""What is said of a document before its data: its name, what became of it, and what it failed with."""

ITEM = ("id", "parent", "position")
"""What is said of an item: its number in its table, that of the row it belongs to, and its place there, from 0."""


def head_names(names: Names, rows: Iterable[str], keys: Sequence[str] = HEAD) -> dict[str, str]:
    """The names of the columns before the data, where the target's own are taken: of the `keys`, in which those of the
    `rows` (the other columns of the input) come after the name, as `row/KEY`; and of the `rest`.
    """
    own = {key: names.distinct(key, "document_") for key in (*keys, "rest")}
    further = {f"row/{escaped(key)}": names.distinct(key, "row_") for key in rows}
    at = list(own).index("name") + 1
    found = list(own.items())
    return dict([*found[:at], *further.items(), *found[at:]])


def related(root: Struct, title: str, rows: Iterable[str], names: Names, said: Sequence[str] = ()) -> Table:
    """The table of an object, with one for each list in it. `names` are those of the tables, `said` further columns
    before the data.
    """
    own = Names()
    return _table(root, _slug(title), (), names, own, lambda: head_names(own, rows, ("id", *HEAD, *said)))


def _table(
    item: Shape, title: str, steps: tuple[str, ...], names: Names, own: Names, keys: Callable[[], dict[str, str]]
) -> Table:
    name = names.distinct(title, "table_")
    members = flat_columns(root_of(item), own)
    lists = []
    for each in members:
        if isinstance(each.shape, Items):
            below = Names()
            lists.append(
                _table(
                    each.shape.item,
                    f"{title}_{_slug('_'.join(each.steps))}",
                    each.steps,
                    names,
                    below,
                    functools.partial(_item_names, below),
                )
            )
    columns = tuple(each for each in members if not isinstance(each.shape, Items))
    wrapped = not isinstance(item, Struct)
    return Table(name=name, steps=steps, wrapped=wrapped, keys=keys(), columns=columns, lists=tuple(lists))


def _item_names(names: Names) -> dict[str, str]:
    return {key: names.distinct(key, "item_") for key in ITEM}


def _slug(title: str) -> str:
    """A title as a name of tables: `LineItem` is `line_item`."""
    words = re.sub(r"[^0-9A-Za-z]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", title[:100])).strip("_").lower()
    return "table_" + words if not words or words.startswith("sqlite_") else words
