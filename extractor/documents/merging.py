"""What the chunks of a document gave, as one record.

    object          member by member; a map key by key; of a union, the branch of the part in which most was found
    list            joined in the order of the document, with what two chunks both saw once (see `joining`)
    tuple           place by place
    true or false,  what most parts say (`"most"`)
    one of a few
    anything else   what stands best in the document, and is most likely meant (`"best"`, see `choosing`). Others that
                    also stand there are a `Conflict`

Null is what a part did not see: any value goes before it; and so are 0, "", "unknown" and the like, which are what
models say instead: any value that says more goes before them, whatever the rule. `"x-merge"` in a schema names
another rule: `"first"`, `"last"`, `"best"`, `"most"`, or `"join"` for texts, one under the other. `"x-key"` in a list's
schema, or in that of its items, names the properties by which its items are told apart, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from extractor.documents.choosing import CHOSEN, RANKS, STANDS, Choosing
from extractor.documents.joining import Joining
from extractor.documents.part import Part, PartValue, leaves_of
from extractor.evidence.equality import normal
from extractor.evidence.field import Field, Span
from extractor.evidence.source import Source
from extractor.schema.marks import KEY, RULE
from extractor.schema.nodes import PREFIX, kind_of
from extractor.schema.pointers import escaped
from extractor.schema.subschemas import Way, Ways, agreeing, member

__all__ = ["Conflict", "Merged", "Part", "merge"]

_LEVELS = 150  # of objects and lists inside of each other that are merged
_NODES = 200  # that one schema is made of, through references and unions


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Different values for one field, all of which stand in the document: each with its places and the number of the
    first part that has it. The one that was taken comes first.
    """

    pointer: str
    values: tuple[tuple[Any, tuple[Span, ...], int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Merged:
    """All parts as one: plain data, what is known about its fields (those of the parts they come from), conflicts."""

    data: Any
    fields: dict[str, Field]
    conflicts: tuple[Conflict, ...]


def merge(schema: Mapping[str, Any], parts: Sequence[Part], *, source: Source | None = None) -> Merged:
    """Put together what the chunks of a document gave, in the order of their numbers. `schema` is the target's.

    With the `source`, the whole document, a value that has its field's name beside it goes before one that has not.
    Without a part, the data is null. Time grows with the size of all parts together.
    """
    ordered = sorted(parts, key=lambda part: part.number)
    merger = _Merger(schema, source)
    data = merger.merged(schema, [PartValue(part, "", part.data) for part in ordered], "", 0) if ordered else None
    return Merged(data=data, fields=merger.fields, conflicts=tuple(merger.conflicts))


# ------------------------------------------------------------------------------------- one value


_ENDS: Mapping[str, int] = {"first": 0, "last": -1}


def _joined(sources: Sequence[PartValue]) -> tuple[str, Field | None]:
    """Different texts, one under the other."""
    different = list({normal(source.value): source for source in reversed(sources)}.values())[::-1]
    fields = [known for source in different if (known := source.field)]
    spans = tuple(span for known in fields for span in known.spans)
    worst = max(fields, key=lambda known: RANKS[known.status], default=None)
    return "\n".join(source.value for source in different), worst and replace(worst, spans=spans)


def _found(source: PartValue) -> tuple[int, int]:
    """How much of a value stands in the document, and how much there is of it."""
    known = [leaf for leaf in leaves_of(source) if leaf.value is not None]
    return sum(1 for leaf in known if leaf.field and leaf.field.status in STANDS), len(known)


def _told(source: PartValue) -> tuple[Any, tuple[Span, ...], int]:
    fields = (leaf.field for leaf in leaves_of(source))
    return source.value, tuple(span for known in fields if known for span in known.spans), source.part.number


def _form(value: Any) -> type:
    return type(value) if isinstance(value, (dict, list)) else str


# ---------------------------------------------------------------------------------------- merging


class _Merger:
    def __init__(self, schema: Mapping[str, Any], source: Source | None) -> None:
        self._definitions: Mapping[str, Any] = schema.get("$defs", {})
        self._ways = Ways(self._definitions)
        self._nodes: dict[int, tuple[Any, list[Mapping[str, Any]]]] = {}
        self._members: dict[tuple[int, str | int], tuple[Way, Any]] = {}
        self._meanings: dict[int, tuple[Any, Mapping[str, Any]]] = {}
        self._choosing = Choosing(source)
        self.fields: dict[str, Field] = {}
        self.conflicts: list[Conflict] = []

    def merged(self, schema: Any, sources: Sequence[PartValue], pointer: str, level: int) -> Any:
        """One value of several, none of which is also one."""
        known = [source for source in sources if source.value is not None]
        if not known or level > _LEVELS:
            return self._taken((known or sources)[0], pointer)
        rule = str(self._said(schema, RULE))
        if rule in CHOSEN and len(known) > 1 and _form(known[0].value) is not str:
            known = [known[_ENDS[rule]] if rule in _ENDS else max(known, key=_found)]
        known = self._alike(schema, known, pointer)
        form = _form(known[0].value)
        if form is dict:
            return self._object(schema, known, pointer, level)
        if form is list:
            return self._list(schema, known, pointer, level)
        return self._scalar(schema, known, pointer, rule)

    def _taken(self, source: PartValue, pointer: str) -> Any:
        if known := source.field:
            self.fields[pointer] = known
        return source.value

    def _scalar(self, schema: Any, known: Sequence[PartValue], pointer: str, rule: str) -> Any:
        if len(known) == 1:
            return self._taken(known[0], pointer)
        said = self._meaning(schema)
        known = self._choosing.telling(known, said, pointer)
        if rule == "join" and len(known) > 1 and all(isinstance(source.value, str) for source in known):
            text, about = _joined(known)
            self.fields |= {pointer: about} if about else {}
            return text
        if rule not in CHOSEN:
            rule = "most" if isinstance(known[0].value, bool) or self._is_choice(schema) else "best"
        chosen = CHOSEN[rule](self._choosing, known, said, pointer)
        if rule == "best" and len(known) > 1:
            standing = [each for each in (chosen, *known) if each.field and each.field.status in STANDS]
            different = {normal(each.value): each for each in reversed(standing)}
            if len(different) > 1:
                self._disagreed(pointer, list(different.values())[::-1])
        return self._taken(chosen, pointer)

    def _disagreed(self, pointer: str, sources: Iterable[PartValue]) -> None:
        self.conflicts.append(Conflict(pointer=pointer, values=tuple(map(_told, sources))))

    def _alike(self, schema: Any, known: list[PartValue], pointer: str) -> list[PartValue]:
        """Those that are of one type, and of one branch of a union: that of the best."""
        forms = {_form(source.value) for source in known}
        united = len(self._ways.ways(schema, "object")) > 1
        if len(known) < 2 or (len(forms) == 1 and (dict not in forms or not united)):
            return known
        best = max(known, key=_found)  # the first of several
        branch = self._branch(schema, best.value)
        alike: list[PartValue] = []
        others: list[PartValue] = []
        for source in known:
            both = branch & self._branch(schema, source.value) if _form(source.value) is _form(best.value) else None
            branch = both or branch
            (alike if both else others).append(source)
        if others:
            self._disagreed(pointer, (best, *others))
        return alike

    def _branch(self, schema: Any, value: Any) -> set[int]:
        """Which branches of a union a value may be of."""
        ways = self._ways.ways(schema, "object") if isinstance(value, dict) else []
        if len(ways) < 2:
            return {0}
        possible = agreeing(ways, value, self._ways)
        keys = {key for key, member in value.items() if member is not None}
        knowing = [way for way in possible if keys <= {key for part in way for key in part.get("properties", ())}]
        return {id(way) for way in knowing or possible}

    def _object(self, schema: Any, known: Sequence[PartValue], pointer: str, level: int) -> dict[str, Any]:
        members: dict[str, list[PartValue]] = {}
        for source in known:
            for key in source.value:
                members.setdefault(key, []).append(source.inner(key))
        self._taken(self._choosing.best(known, _ANY, pointer), pointer)
        return {
            key: self.merged(self._inner(schema, known[0].value, key), inner, f"{pointer}/{escaped(key)}", level + 1)
            for key, inner in members.items()
        }

    def _list(self, schema: Any, known: Sequence[PartValue], pointer: str, level: int) -> list[Any]:
        self._taken(self._choosing.best(known, _ANY, pointer), pointer)
        if any("prefixItems" in node for node in self._nodes_of(schema)):
            longest = max(len(source.value) for source in known)
            groups = [[each.inner(at) for each in known if at < len(each.value)] for at in range(longest)]
        elif len(known) == 1:
            groups = [[known[0].inner(at)] for at in range(len(known[0].value))]
        else:
            groups = self._joined_items(schema, known)
        return [
            self.merged(self._inner(schema, known[0].value, at), group, f"{pointer}/{at}", level + 1)
            for at, group in enumerate(groups)
        ]

    def _joined_items(self, schema: Any, known: Sequence[PartValue]) -> list[list[PartValue]]:
        items = self._inner(schema, known[0].value, 0)
        nodes = [*self._nodes_of(schema), *self._nodes_of(items)]
        named = next((node[KEY] for node in nodes if KEY in node), ())
        required = {key for node in self._nodes_of(items) for key in node.get("required", ())}
        first = [next(iter(node["properties"])) for node in self._nodes_of(items) if node.get("properties")]
        joining = Joining(
            keys=(named,) if isinstance(named, str) else tuple(named),
            required=frozenset(required or first),
            unique=any(node.get("uniqueItems") is True for node in self._nodes_of(schema)),
        )
        for source in known:
            joining.add(source)
        return joining.groups

    # What the schema says.

    def _nodes_of(self, schema: Any) -> list[Mapping[str, Any]]:
        """A node, and those that it refers to or is a union of."""
        if id(schema) not in self._nodes:
            nodes: list[Mapping[str, Any]] = []
            ahead = [schema]
            while ahead and len(nodes) < _NODES:
                node = ahead.pop()
                if isinstance(node, Mapping):
                    nodes.append(node)
                    ahead += [inner for word in ("oneOf", "anyOf", "allOf") for inner in node.get(word, ())]
                    if "$ref" in node:
                        ahead.append(self._definitions.get(str(node["$ref"]).removeprefix(PREFIX)))
            self._nodes[id(schema)] = schema, nodes  # with the schema, which so keeps its identity
        return self._nodes[id(schema)][1]

    def _said(self, schema: Any, keyword: str) -> Any:
        return next((node[keyword] for node in self._nodes_of(schema) if keyword in node), None)

    def _meaning(self, schema: Any) -> Mapping[str, Any]:
        """What names a field: its title and its description."""
        if id(schema) not in self._meanings:
            said = {word: self._said(schema, word) for word in ("title", "description")}
            self._meanings[id(schema)] = schema, {word: text for word, text in said.items() if text is not None}
        return self._meanings[id(schema)][1]

    def _is_choice(self, schema: Any) -> bool:
        return any("enum" in node or "const" in node for node in self._nodes_of(schema))

    def _inner(self, schema: Any, value: Any, step: str | int) -> Any:
        """The schema of a member or an item; an empty one where none can be told."""
        ways = agreeing(self._ways.ways(schema, kind_of(value)), value, self._ways)
        if not ways:
            return _ANY
        way = ways[0]
        step = step if isinstance(step, str) or any("prefixItems" in part for part in way) else 0
        if (id(way), step) not in self._members:
            self._members[id(way), step] = way, member(way, step) or _ANY
        return self._members[id(way), step][1]


_ANY: Mapping[str, Any] = {}
