"""The types of what a view shows: their validators, and the types of what is in them.

They are made of the model's own schema, when first asked for: a field is validated as its model does it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo
from pydantic_core import SchemaValidator, to_json

from extractor.reply.partial import UNKNOWN
from extractor.schema.plain import read_name

__all__ = ["Kind"]


class Kind:
    """A type as far as a view needs it: its validator, and the types of what is in it. As a field, of an `owner`, it
    is validated as the owner does it.
    """

    def __init__(self, wanted: Any, owner: Any = None, field: str = "") -> None:
        self._wanted = wanted
        self._owner = owner
        self._field = field
        self._inside: dict[Any, Kind] = {}
        self._items: list[Kind] | None = None
        self._each = False
        self._validator: Any = None
        self.bare = _bare(wanted)
        self.is_text = self.bare is str
        self._fields = _fields(self.bare)
        self.keys = {name: key for name, (key, _) in self._fields.items()}
        self._known = frozenset(self.keys.values())
        self.is_free = not self.keys or _takes_more(self.bare)

    def key(self, name: str) -> str | None:
        """The key of what is asked for by its key or by its field's name; None where there is no such field."""
        return name if name in self._known else self.keys.get(name, name if self.is_free else None)

    def validated(self, data: Any, context: Any) -> Any:
        """Plain data as the type has it; `UNKNOWN` where it does not take it."""
        try:
            if self._validator is None:
                self._validator = _field_validator(self._owner, self._field) or TypeAdapter(self._wanted)
            return self._validator.validate_json(to_json(data), context=context)
        except Exception:  # noqa: BLE001  # also of a validator that needs the whole: it is asked again at the end
            return UNKNOWN

    def field(self, key: str) -> Kind | None:
        """The type of what stands under a key."""
        if key not in self._inside:
            found = next(((name, each) for name, (known, each) in self._fields.items() if known == key), None)
            arguments = get_args(self.bare)
            if found is not None:
                self._inside[key] = Kind(found[1], self.bare, found[0])
            elif len(arguments) == 2 and isinstance(origin := get_origin(self.bare), type):
                if not issubclass(origin, Mapping):
                    return None
                return self._inside.setdefault(_VALUE, Kind(arguments[1]))
            else:
                return None
        return self._inside[key]

    def item(self, number: int) -> Kind | None:
        """The type of an item."""
        if self._items is None:
            arguments = get_args(self.bare)
            one = len(arguments) == 1 or arguments[1:] == (...,)
            self._each = one and not (get_origin(self.bare) is tuple and len(arguments) == 1)
            many = arguments[:1] if one else arguments if get_origin(self.bare) is tuple else ()
            self._items = [Kind(each) for each in many]
        number = 0 if self._each else number
        return self._items[number] if number < len(self._items) else None


_VALUE = object()  # under which the type of the values of a map is kept
_QUALIFIERS = ("Required", "NotRequired", "ReadOnly")


def _bare(wanted: Any) -> Any:
    """A type without what is said about it, and without null."""
    while True:
        origin = get_origin(wanted)
        if origin is Annotated or getattr(origin, "_name", "") in _QUALIFIERS:
            wanted = get_args(wanted)[0]
        elif isinstance(wanted, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
            wanted = wanted.__value__
        elif origin in (typing.Union, types.UnionType):
            others = [each for each in get_args(wanted) if each is not type(None)]
            if len(others) != 1:
                return wanted
            wanted = others[0]
        else:
            return wanted


def _takes_more(bare: Any) -> bool:
    """Whether an object of that type may have keys that are no fields of it."""
    config = getattr(bare, "model_config", None) or getattr(bare, "__pydantic_config__", None) or {}
    return config.get("extra") == "allow"


def _fields(bare: Any) -> Mapping[str, tuple[str, Any]]:
    if getattr(bare, "__pydantic_root_model__", False):  # its one field is no key in JSON
        return {}
    infos: Mapping[str, FieldInfo] = getattr(bare, "__pydantic_fields__", {})
    if infos:
        return {name: (read_name(name, info), Annotated[info.annotation, info]) for name, info in infos.items()}
    # Not `typing.is_typeddict`, which does not know those of typing_extensions.
    if dataclasses.is_dataclass(bare) or hasattr(bare, "__required_keys__"):
        with contextlib.suppress(NameError, TypeError):  # of names that only pydantic finds
            return {name: (name, each) for name, each in typing.get_type_hints(bare, include_extras=True).items()}
    return {}


_FIELDED = ("model-fields", "dataclass-args", "typed-dict")


def _field_validator(owner: Any, field: str) -> SchemaValidator | None:
    """The validator of one field, with all that its owner says of it: decorated functions, its configuration."""
    if owner is None:
        return None
    core: Any = TypeAdapter(owner).core_schema
    definitions: Any = core.get("definitions", [])
    config: Any = None
    while core["type"] not in _FIELDED:
        config = core.get("config", config)
        if core["type"] == "definition-ref":
            core = next(each for each in definitions if each.get("ref") == core["schema_ref"])
        elif "schema" in core:
            core = core["schema"]
        else:
            return None
    fields = core["fields"]
    fields = fields if isinstance(fields, dict) else {each["name"]: each for each in fields}
    schema = {"type": "definitions", "schema": fields[field]["schema"], "definitions": definitions}
    return SchemaValidator(schema, core.get("config", config))
