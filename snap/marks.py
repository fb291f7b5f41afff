"""What a model says about where the values of a field come from.

    vendor: Annotated[str, Grounded()]      # must stand in the document, else it is asked for again
    summary: Annotated[str, Inferred()]     # need not stand there
    balance: Annotated[float, Merge("last")]            # what the last chunk of a long document says
    lines: Annotated[list[Line], Merge(key="number")]   # lines with the same number are one

In a JSON Schema the same is said by `"x-evidence": "grounded"`, `"grounded_nearly"` or `"inferred"`, by `"x-merge"`
and `"x-key"`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from extractor.errors import SchemaError

__all__ = ["KEY", "MARK", "RULE", "Grounded", "Inferred", "Merge", "marks_of"]

MARK, RULE, KEY = "x-evidence", "x-merge", "x-key"
"""The keywords in a schema."""


class _Mark:
    @property
    def word(self) -> str:
        """The mark's value in a schema."""
        raise NotImplementedError

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), MARK: self.word}


@dataclass(frozen=True)
class Grounded(_Mark):
    """The value (or every value inside) must stand in the document, as it is or in another form: one that does not is
    asked for again. With `nearly`, one that stands there nearly (misread, misspelt) will do.
    """

    nearly: bool = False

    @property
    def word(self) -> str:
        """The mark's value in a schema."""
        return "grounded_nearly" if self.nearly else "grounded"


@dataclass(frozen=True)
class Inferred(_Mark):
    """The value (or every value inside) need not stand in the document: it is concluded, summarised, translated."""

    @property
    def word(self) -> str:
        """The mark's value in a schema."""
        return "inferred"


Rule: TypeAlias = Literal["first", "last", "best", "most", "join"]


@dataclass(frozen=True)
class Merge:
    """How what the chunks of a long document say is merged.

    `rule`: the "first" or the "last" of them counts, the "best" grounded one, what "most" of them say, or texts are
    "join"ed. `key` names the property (or properties) of a list's items by which they are known to be the same.
    Raises `SchemaError` for another rule.
    """

    rule: Rule | None = None
    key: str | tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.rule is not None and self.rule not in get_args(Rule):
            raise SchemaError(f"There is no rule {self.rule!r}.", hint="Merge takes " + ", ".join(get_args(Rule)) + ".")

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        key = list(self.key) if isinstance(self.key, tuple) else self.key
        said = {RULE: self.rule, KEY: key}
        return {**handler(core), **{keyword: value for keyword, value in said.items() if value is not None}}


WORDS: Mapping[str, frozenset[str]] = {
    MARK: frozenset({"grounded", "grounded_nearly", "inferred"}),
    RULE: frozenset(get_args(Rule)),
}
"""What the keywords may say."""


def marks_of(schema: Any) -> frozenset[str]:
    """The marks that the nodes of a schema have. Raises `SchemaError` for a word that is none."""
    found: set[str] = set()
    ahead = [schema]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Mapping):
            for keyword, words in WORDS.items():
                word = node.get(keyword)
                if isinstance(word, str) and word not in words:
                    known = ", ".join(sorted(words))
                    raise SchemaError(f"{keyword} is {word[:50]!r}, but must be one of {known}.")
            if isinstance(node.get(MARK), str):
                found.add(node[MARK])
            # Data may look like a node.
            ahead += [each for keyword, each in node.items() if keyword not in ("const", "enum", "default", "examples")]
        elif isinstance(node, list):
            ahead += node
    return frozenset(found)
