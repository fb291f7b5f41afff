"""The ready document schemas in `schemas/`, each with a sample text and its right answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

FOLDER = Path(__file__).resolve().parent.parent / "schemas"
SAMPLES = FOLDER / "samples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
EXPECTED = {
    "bank_statement",
    "contact",
    "contract",
    "event",
    "invoice",
    "job_posting",
    "product",
    "purchase_order",
    "receipt",
    "resume",
    "shipping_notice",
    "support_ticket",
}
KEYWORDS = {
    *("$schema", "$defs", "$ref", "title", "description", "type", "properties", "required", "items"),
    *("additionalProperties", "anyOf", "enum", "format", "pattern", "minimum"),
}
CURRENCY = "^[A-Z]{3}$"
CLOCK = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
MONTH = "^[0-9]{4}(-(0[1-9]|1[0-2]))?$"
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}

every_schema = pytest.mark.parametrize("name", NAMES)


def load(name: str) -> dict[str, Any]:
    """Load the schema called `name`."""
    schema: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def text_of(name: str) -> str:
    """Read the sample document for `name`, as it stands."""
    return (SAMPLES / f"{name}.txt").read_text(encoding="utf-8")


def answer_to(name: str) -> dict[str, Any]:
    """Load the right record for the sample document of `name`."""
    answer: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return answer


def validator(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """Build a validator of `schema` which checks formats too."""
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def collapse(text: str) -> str:
    """Turn every run of white space in `text` into one space."""
    return " ".join(text.split())


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield `schema` and every schema written inside it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values()]
    for one in [*inner, *schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        yield from subschemas(one)


def objects(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every object schema in `schema`, the root first."""
    return (one for one in subschemas(schema) if "properties" in one)


def follow(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Find the schema that a reference, or the first choice of an `anyOf`, leads to."""
    while "$ref" in schema or "anyOf" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema["anyOf"][0]
    return schema


def nodes(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield every value in a record, containers before their members, with the schema it falls under."""
    schema = follow(schema, root)
    yield value, schema
    if isinstance(value, dict):
        for key, one in value.items():
            yield from nodes(one, schema["properties"][key], root)
    elif isinstance(value, list):
        for one in value:
            yield from nodes(one, schema["items"], root)


def leaves(name: str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield every leaf of the right answer for `name` with the schema it falls under."""
    schema = load(name)
    found = nodes(answer_to(name), schema, schema)
    return ((value, one) for value, one in found if not isinstance(value, dict | list))


def is_derived(schema: dict[str, Any]) -> bool:
    """Tell whether a string under `schema` is a normal form instead of the printed text."""
    return "enum" in schema or schema.get("format") == "date" or schema.get("pattern") in {CURRENCY, CLOCK, MONTH}


def stands_alone(form: str, text: str, flags: re.RegexFlag = re.NOFLAG) -> bool:
    """Tell whether `form` stands in `text` with no letter or digit directly beside it."""
    return re.search(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])", text, flags) is not None


def any_stands(forms: set[str], text: str) -> bool:
    """Tell whether one of `forms` stands alone in `text`, in upper or lower case."""
    return any(stands_alone(form, text, re.IGNORECASE) for form in forms)


def number_forms(value: float) -> set[str]:
    """List the ways to print the size of `value`, with English or continental separators."""
    english = {form.format(abs(value)) for form in ("{:.2f}", "{:,.2f}", "{:.1f}", "{:,.1f}")}
    english |= {form.format(abs(int(value))) for form in ("{:d}", "{:,d}") if value == int(value)}
    english = {form for form in english if float(form.replace(",", "")) == abs(value)}
    return english | {form.translate(str.maketrans(",.", ".,")) for form in english}


def date_forms(day: date) -> set[str]:
    """List the ways to print `day` with its year."""
    months = {f"{day:%B}", f"{day:%b}"}
    days = {str(day.day), f"{day.day:02}"}
    worded = {form for m in months for d in days for form in (f"{d} {m} {day.year}", f"{m} {d}, {day.year}")}
    return worded | {f"{day:{form}}" for form in ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y")}


def short_date_forms(day: date) -> set[str]:
    """List the ways to print `day` when its year stands elsewhere in the document."""
    return {f"{day:%d.%m.}", f"{day.day} {day:%B}", f"{day.day} {day:%b}"}


def clock_forms(time: str) -> set[str]:
    """List the ways to print a 24-hour `HH:MM` time, with 24 or 12 hours."""
    hour, minute = int(time[:2]), time[3:]
    half = "am" if hour < 12 else "pm"
    twelve = f"{hour % 12 or 12}:{minute} {half}"
    return {time, twelve, *([twelve.replace(":00", "")] if minute == "00" else [])}


def month_forms(month: str) -> set[str]:
    """List the ways to print a `YYYY-MM` month, or the year alone."""
    if len(month) == 4:
        return {month}
    first = date.fromisoformat(f"{month}-01")
    return {f"{first:%m/%Y}", f"{first:%b %Y}", f"{first:%B %Y}"}


def test_every_promised_schema_is_there() -> None:
    """The folder holds exactly the promised schemas."""
    assert set(NAMES) == EXPECTED


def test_samples_and_schemas_match() -> None:
    """The sample folder holds one text and one answer for every schema and nothing else."""
    files = {path.name for path in SAMPLES.iterdir()}
    assert files == {f"{name}.{suffix}" for name in NAMES for suffix in ("txt", "json")}


@every_schema
def test_is_a_valid_2020_12_schema(name: str) -> None:
    """Each schema declares draft 2020-12 and is valid under its meta-schema."""
    schema = load(name)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)
    assert isinstance(jsonschema_rs.validator_for(schema), jsonschema_rs.Draft202012Validator)


@every_schema
def test_is_titled_after_its_file(name: str) -> None:
    """Each schema has its file's name in PascalCase as title and one sentence as description."""
    schema = load(name)
    assert schema["title"] == "".join(part.capitalize() for part in name.split("_"))
    assert re.fullmatch(r"[A-Z][^.]*\.", schema["description"])


@every_schema
def test_root_is_a_compact_object(name: str) -> None:
    """Each root is an object of 6 to 16 properties."""
    schema = load(name)
    assert schema["type"] == "object"
    assert 6 <= len(schema["properties"]) <= 16


@every_schema
def test_every_object_is_closed(name: str) -> None:
    """Each object, the root included, allows no other properties."""
    assert all(one["additionalProperties"] is False for one in objects(load(name)))


@every_schema
def test_required_follows_property_order(name: str) -> None:
    """Each `required` list is a subsequence of its object's properties, and never empty at the root."""
    schema = load(name)
    assert schema["required"]
    for one in objects(schema):
        required = one.get("required", [])
        assert required == [key for key in one["properties"] if key in required]


@every_schema
def test_exactly_the_optional_properties_take_null(name: str) -> None:
    """Each property takes null if, and only if, it is not required."""
    schema = load(name)
    for one in objects(schema):
        for key, prop in one["properties"].items():
            takes_null = validator({**prop, "$defs": schema.get("$defs", {})}).is_valid(None)
            assert takes_null is (key not in one.get("required", [])), key


@every_schema
def test_every_property_is_described(name: str) -> None:
    """Each property has a snake_case name and a description of 1 to 12 words other than that name."""
    for one in objects(load(name)):
        for key, prop in one["properties"].items():
            assert re.fullmatch(r"[a-z]+[0-9]*(_[a-z]+[0-9]*)*", key)
            assert 1 <= len(prop["description"].split()) <= 12, key
            assert prop["description"].lower() != key.replace("_", " "), key


@every_schema
def test_is_portable(name: str) -> None:
    """Each schema keeps to widely supported keywords, local references and patterns without groups `(?`."""
    schema = load(name)
    for one in subschemas(schema):
        assert set(one) <= KEYWORDS
        assert one.get("format", "date") in {"date", "email"}
        assert "(?" not in one.get("pattern", "")
        if "$ref" in one:
            assert one["$ref"].removeprefix("#/$defs/") in schema["$defs"]


@every_schema
def test_every_definition_is_used(name: str) -> None:
    """Each entry of `$defs` is referred to."""
    schema = load(name)
    used = {one["$ref"].removeprefix("#/$defs/") for one in subschemas(schema) if "$ref" in one}
    assert used == set(schema.get("$defs", {}))


@every_schema
def test_sample_fits_a_small_context(name: str) -> None:
    """Each sample text has 500 to 1,400 characters."""
    assert 500 <= len(text_of(name)) <= 1400


@every_schema
def test_sample_addresses_are_reserved(name: str) -> None:
    """Each e-mail address in a sample text belongs to a domain reserved for examples."""
    hosts = re.findall(r"@([\w-]+(?:\.[\w-]+)+)", text_of(name))
    assert all(host == "example.com" or host.endswith((".example", ".example.com")) for host in hosts)


@every_schema
def test_answer_is_valid(name: str) -> None:
    """Each answer is valid under its schema, formats included."""
    validator(load(name)).validate(answer_to(name))


@every_schema
def test_answer_states_every_property(name: str) -> None:
    """Each object in an answer has all the properties of its schema in their order, null where absent."""
    schema = load(name)
    for value, one in nodes(answer_to(name), schema, schema):
        if isinstance(value, dict):
            assert list(value) == list(one["properties"])


@every_schema
def test_optional_properties_may_be_left_out(name: str) -> None:
    """Each answer cut down to the required root properties is valid, and without any one of them is not."""
    schema, answer = load(name), answer_to(name)
    least = {key: answer[key] for key in schema["required"]}
    assert validator(schema).is_valid(least)
    for key in least:
        assert not validator(schema).is_valid({k: v for k, v in least.items() if k != key}), key


@every_schema
def test_unknown_property_is_refused(name: str) -> None:
    """Each answer with one property more is invalid."""
    assert not validator(load(name)).is_valid({**answer_to(name), "unknown_property": None})


@every_schema
def test_strings_stand_in_the_text(name: str) -> None:
    """Each string but enum, currency, date, month and time stands verbatim in the space-collapsed text."""
    text = collapse(text_of(name))
    for value, schema in leaves(name):
        if isinstance(value, str) and not is_derived(schema):
            assert value == collapse(value)
            assert stands_alone(value, text), value


@every_schema
def test_numbers_stand_in_the_text(name: str) -> None:
    """Each number's size stands in the text in a usual notation, or is 0 where the text says `free`."""
    text = collapse(text_of(name))
    for value, _ in leaves(name):
        if isinstance(value, int | float) and not isinstance(value, bool):
            forms = number_forms(value) if value else {"0", "0.00", "free"}
            assert any_stands(forms, text), value


@every_schema
def test_dates_stand_in_the_text(name: str) -> None:
    """Each date stands in the text in a usual notation, its year with it or elsewhere in the text."""
    text = collapse(text_of(name))
    for value, schema in leaves(name):
        if isinstance(value, str) and schema.get("format") == "date":
            day = date.fromisoformat(value)
            short = short_date_forms(day) if stands_alone(str(day.year), text) else set()
            assert any_stands(date_forms(day) | short, text), value


@every_schema
def test_months_and_times_stand_in_the_text(name: str) -> None:
    """Each `YYYY-MM` month and each `HH:MM` time stands in the text in a usual notation."""
    text = collapse(text_of(name))
    for value, schema in leaves(name):
        if isinstance(value, str) and schema.get("pattern") in {CLOCK, MONTH}:
            forms = clock_forms(value) if schema["pattern"] == CLOCK else month_forms(value)
            assert any_stands(forms, text), value


@every_schema
def test_currencies_stand_in_the_text(name: str) -> None:
    """Each currency stands in the text as its code or its symbol."""
    text = text_of(name)
    for value, schema in leaves(name):
        if isinstance(value, str) and schema.get("pattern") == CURRENCY:
            assert stands_alone(value, text) or SYMBOLS[value] in text
