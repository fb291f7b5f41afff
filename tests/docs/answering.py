"""What the fake endpoint of the pages answers: any request, by its schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from extractor.testing import Recorded

STRINGS: Mapping[str, str] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "email": "ann@example.com",
    "uri": "https://example.com",
    "uuid": "6f1de5ab-3c1a-4bd4-9d2a-0c6b9f6f7c11",
}
DEEPEST = 20


def answer(request: Recorded) -> Any:
    """A value that the schema of the request allows."""
    body = request.body
    form = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if form is None and body.get("tools"):
        form = body["tools"][0]["function"]["parameters"]
    return json.dumps(value_of(form or {}, form or {}))


def value_of(schema: Mapping[str, Any], whole: Mapping[str, Any], depth: int = 0) -> Any:
    """The plainest value that a schema allows."""
    if "$ref" in schema:
        at: Any = whole
        for name in schema["$ref"].removeprefix("#").strip("/").split("/"):
            at = at[name.replace("~1", "/").replace("~0", "~")]
        return value_of(at, whole, depth + 1)
    if _may_be_null(schema):
        return None
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return value_of(schema[key][0], whole, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    return _of_type(kind if isinstance(kind, str) else kind[0], schema, whole, depth)


def _told(schema: Mapping[str, Any]) -> str:
    """The format of a string that an endpoint is told in words only."""
    return "date" if "YYYY-MM-DD" in schema.get("description", "") else ""


def _may_be_null(schema: Mapping[str, Any]) -> bool:
    branches = schema.get("anyOf", ())
    return "null" in schema.get("type", ()) or bool(schema.get("nullable")) or {"type": "null"} in branches


def _of_type(kind: str, schema: Mapping[str, Any], whole: Mapping[str, Any], depth: int) -> Any:
    match kind:
        case "object":
            members = schema.get("properties", {}) if depth < DEEPEST else {}
            return {name: value_of(member, whole, depth + 1) for name, member in members.items()}
        case "array":
            return [value_of(schema.get("items", {}), whole, depth + 1)] if depth < DEEPEST else []
        case "string":
            return STRINGS.get(schema.get("format") or _told(schema), "EUR")
        case "number" | "integer":
            return max(5, schema.get("minimum", 5))
        case "boolean":
            return True
    return None


ANSWERS: Mapping[str, Any] = {"invoice": {"number": "R-4328", "total": "1,918.60"}}
"""What is answered to a page that asks for it by name: `<!-- run: endpoint=NAME -->`."""
