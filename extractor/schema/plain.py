"""Values of a target as the plain data that it reads: under the names that its JSON Schema has.

pydantic dumps under other names (`serialization_alias`), and leaves out what is excluded from that. What is made here
is read back, and is no plain data of the value where something else comes of it.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import AliasChoices, AliasPath, BaseModel, PydanticUserError, RootModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import to_json, to_jsonable_python

from extractor.errors import TargetFailed
from extractor.schema.target import Target, TypeTarget

__all__ = ["plain", "read_name"]

_LISTS = (list, tuple, set, frozenset, deque)


def plain(value: Any, target: Target[Any] | None = None, context: Any = None) -> Any:
    """A value as plain data: plain data as it stands, and instances under the names of the schema. They are read back
    by the `target`, where that is a type, with pydantic's `context`; else by their own class.

    Raises `ValueError` for what is no plain data, or is read back as something else. What the target does not take is
    given all the same, for the caller to say why not.
    """
    if not _is_instance(value):
        return _tried(_walked, value)
    try:
        adapter: TypeAdapter[Any] = target.adapter if isinstance(target, TypeTarget) else TypeAdapter(type(value))
    except PydanticUserError:  # a class that nothing can read
        return _tried(_walked, value)
    refused: list[Any] = []
    why = ""
    for dump in (_walked, _dumping(adapter, by_alias=True), _dumping(adapter, by_alias=False)):
        try:
            data = _tried(dump, value)
        except ValueError as error:
            why = why or str(error)
            continue
        back = _read(adapter, data, context, known=target is not None)
        if back is _REFUSED:
            refused.append(data)
        elif _is_equal(back, value):
            return data
        elif not refused:
            why = f"a {type(value).__name__} whose plain data is read back as something else"
    if refused and not why:
        return refused[0]
    raise ValueError(why)


_REFUSED: Any = object()


def _read(adapter: TypeAdapter[Any], data: Any, context: Any, *, known: bool) -> Any:
    try:
        return adapter.validate_json(to_json(data), context=context)
    except ValidationError:
        return _REFUSED
    except Exception as error:
        if not known:  # it may want a context that nobody has here
            return _REFUSED
        raise TargetFailed(
            f"A validator raised {type(error).__name__}.",
            hint="See __cause__. To say that a value is wrong, a validator raises ValueError.",
        ) from error


def _is_equal(back: Any, value: Any) -> bool:
    """Whether nothing is lost: by all that is in them, for an instance may be of another class with the same fields, or
    have been given a text where its class reads a day.
    """
    if _is_instance(value):
        if type(back) is type(value) and back == value:
            return True
        return _is_instance(back) and _is_equal(dict(_members(back)), dict(_members(value)))
    if isinstance(value, Mapping) and isinstance(back, Mapping):
        return back.keys() == value.keys() and all(_is_equal(back[key], value[key]) for key in value)
    if isinstance(value, (list, tuple, deque)) and isinstance(back, (list, tuple, deque)):
        return len(back) == len(value) and all(_is_equal(*pair) for pair in zip(back, value, strict=True))
    if type(back) is type(value):
        return bool(back == value) or (back != back and value != value)  # noqa: PLR0124  # no number
    return bool(back == value) or _walked(back) == _walked(value)


def _dumping(adapter: TypeAdapter[Any], *, by_alias: bool) -> Callable[[Any], Any]:
    """How pydantic writes it, without what is computed, which is not read."""
    return lambda value: adapter.dump_python(value, mode="json", by_alias=by_alias, round_trip=True, warnings=False)


def _tried(dump: Callable[[Any], Any], value: Any) -> Any:
    try:
        return dump(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


# ----------------------------------------------------------------------------------------------- one walk


def _is_instance(value: Any) -> bool:
    return isinstance(value, BaseModel) or (dataclasses.is_dataclass(value) and not isinstance(value, type))


def _walked(value: Any) -> Any:
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, RootModel):
        return _walked(value.root)
    if _is_instance(value):
        return {name: _walked(member) for name, member in _members(value)}
    if isinstance(value, Mapping):
        return {_key(key): _walked(member) for key, member in value.items()}
    if isinstance(value, _LISTS):
        return [_walked(item) for item in value]
    return to_jsonable_python(value)


def _key(key: Any) -> str:
    return key if type(key) is str else str(next(iter(to_jsonable_python({key: None}))))


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """What is in an instance, by the names under which it is read."""
    infos: Mapping[str, FieldInfo] = getattr(type(value), "__pydantic_fields__", {})
    if isinstance(value, BaseModel):
        names: list[str] = list(infos)
    else:
        names = [each.name for each in dataclasses.fields(value) if each.init]
    for name in names:
        member = getattr(value, name, ...)
        if member is not ...:  # it may be made without its validators
            yield read_name(name, infos.get(name)), member
    yield from (getattr(value, "__pydantic_extra__", None) or {}).items()


def read_name(name: str, info: FieldInfo | None) -> str:
    """The name of a field in the JSON Schema of what is read."""
    alias = None if info is None else info.validation_alias
    for each in alias.choices if isinstance(alias, AliasChoices) else [alias]:
        if isinstance(each, str):
            return each
        if isinstance(each, AliasPath) and len(each.path) == 1 and isinstance(each.path[0], str):
            return each.path[0]
    return name
