"""What refusals mean: the texts that endpoints answer with, in the bodies that they come in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from extractor.chat.options import RULES
from extractor.chat.sse import ReplyCollector
from extractor.complaints import COMPANIONS, LIMITS, OPTIONAL, Complaint, complaint_of
from extractor.endpoint.refusals import Refused, error_inside, refusal
from extractor.errors import StatusError
from extractor.schema.dialects import MODES, Mode

SENT = frozenset(OPTIONAL) - {"tool_choice", "max_tokens"}
"""Everything that a caller can set, with the newer name of the token limit."""


def refused(body: Any, status: int = 400) -> StatusError:
    """Make the error that a body gives, as the sender does: text is sent as it is, the rest as JSON."""
    raw = body if isinstance(body, str) else json.dumps(body)
    data = None if isinstance(body, str) else body
    answer = Refused(status=status, headers={}, data=data, body=raw.encode(), url="https://h/v1")
    error = refusal(answer) if status >= 400 else error_inside(answer)
    assert error is not None, "no error was seen in it"
    return error


def openai(message: str, param: str | None = "response_format", code: str | None = None) -> Any:
    """Write an error as OpenAI does."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def gemini(message: str, **more: Any) -> Any:
    """Write an error as Gemini does: in an array."""
    return [{"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", **more}}]


def mistral(message: Any, type: str = "invalid_request_error") -> Any:
    """Write an error as Mistral and vLLM do."""
    return {"object": "error", "message": message, "type": type, "param": None, "code": None}


def anthropic(message: str) -> Any:
    """Write an error as Anthropic does."""
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def extra(name: str) -> Any:
    """Write the complaint of a server made with pydantic about a field that it does not know."""
    found = {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 1}
    return {"detail": [found]}


IN_SCHEMA = "Invalid schema for response_format 'X': In context=('properties', 'a'), "
TOO_MANY_STATES = "The specified schema produces a constraint that has too many states for serving."
GATED = "No endpoints found that can handle the requested parameters. To learn more about provider routing, visit: …"

# The body, its status, what was asked → what it is about.
REFUSALS: dict[str, tuple[Any, int, Mode, str]] = {
    # OpenAI, Azure
    "lengths": (openai(IN_SCHEMA + "'minLength' is not permitted."), 400, "strict", "schema"),
    "a name that is a field's": (
        openai(
            "Invalid schema for response_format 'X': In context=('properties', 'seed'), 'default' is not permitted."
        ),
        400,
        "strict",
        "schema",
    ),
    "not required": (
        openai(
            IN_SCHEMA + "'required' is required to be supplied and to be an array including every key in properties.",
            "text.format.schema",
            "invalid_json_schema",
        ),
        400,
        "strict",
        "schema",
    ),
    "first keys": (
        openai("Invalid schema: Objects provided via 'anyOf' must not share identical first keys.", None),
        400,
        "strict",
        "schema",
    ),
    "nesting": (openai("11 levels of nesting exceeds limit of 10."), 400, "strict", "size"),
    "properties": (openai("6000 parameters exceeds limit of 5000."), 400, "strict", "size"),
    "OpenAI, an older model": (
        openai(
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model. Learn …", None
        ),
        400,
        "strict",
        "kind",
    ),
    "Azure, an older model": (
        openai("Invalid parameter: 'response_format' must be one of 'json_object', 'text'."),
        400,
        "strict",
        "kind",
    ),
    "Azure, an older version": (
        {
            "error": {
                "code": "BadRequest",
                "message": "response_format value as json_schema is enabled only for api "
                "versions 2024-08-01-preview and later",
            }
        },
        400,
        "strict",
        "kind",
    ),
    "without the word": (
        openai("'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."),
        400,
        "json_object",
        "schema",
    ),
    "one value only": (
        openai(
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is "
            "supported.",
            "temperature",
            "unsupported_value",
        ),
        400,
        "strict",
        "parameter temperature",
    ),
    "the newer name": (
        openai("Unsupported parameter: 'max_completion_tokens' is not supported with this model.", None),
        400,
        "strict",
        "parameter max_completion_tokens",
    ),
    "an argument": (
        openai("Unrecognized request argument supplied: seed", None),
        400,
        "strict",
        "parameter seed",
    ),
    "by param alone": (openai("Invalid request.", "seed"), 400, "strict", "parameter seed"),
    "effort": (
        openai(
            "Unsupported value: 'reasoning_effort' does not support 'none' with this model. Supported values are: "
            "'low', 'medium', and 'high'.",
            "reasoning_effort",
            "unsupported_value",
        ),
        400,
        "strict",
        "parameter reasoning_effort",
    ),
    "no response_format at all": (
        openai("Unknown parameter: 'response_format'.", "response_format", "unknown_parameter"),
        400,
        "strict",
        "format",
    ),
    "part of response_format": (
        openai("Unknown parameter: 'response_format.schema'.", "response_format.schema", "unknown_parameter"),
        400,
        "strict",
        "schema",
    ),
    "OpenAI, a function's schema": (
        openai("Invalid schema for function 'X': …", "tools[0].function.parameters"),
        400,
        "tool",
        "schema",
    ),
    # Gemini
    "Gemini, a parameter": (
        gemini('Invalid JSON payload received. Unknown name "seed": Cannot find field.'),
        400,
        "strict",
        "parameter seed",
    ),
    "Gemini, in the schema": (
        gemini(
            "Invalid JSON payload received. Unknown name \"$schema\" at 'generation_config.response_schema': Cannot "
            "find field."
        ),
        400,
        "strict",
        "schema",
    ),
    "Gemini, a property of that name": (
        gemini(
            'Invalid JSON payload received. Unknown name "seed" at \'generation_config.response_schema.properties'
            "[0].value': Cannot find field."
        ),
        400,
        "strict",
        "schema",
    ),
    "Gemini, references": (gemini('Unknown name "$defs": Cannot find field.'), 400, "strict", "schema"),
    "Gemini, a list of types": (
        gemini(
            "Unknown name \"type\" at 'generation_config.response_schema': Proto field is not repeating, cannot "
            "start list."
        ),
        400,
        "strict",
        "schema",
    ),
    "Gemini, states": (gemini(TOO_MANY_STATES), 400, "strict", "size"),
    "Gemini, in the details": (
        gemini(
            "Request contains an invalid argument.", details=[{"fieldViolations": [{"description": TOO_MANY_STATES}]}]
        ),
        400,
        "strict",
        "size",
    ),
    "Gemini, opaque": (gemini("Request contains an invalid argument."), 400, "strict", "opaque"),
    "Gemini, log-probabilities": (
        gemini("Logprobs is not enabled for models/gemini-2.5-flash-lite"),
        400,
        "strict",
        "parameter logprobs",
    ),
    "Vertex": (
        gemini("Unable to submit request because one or more response schemas specified unsupported field min_length."),
        501,
        "strict",
        "schema",
    ),
    "Gemini, formats": (
        gemini(
            "* GenerateContentRequest.generation_config.response_schema.properties[url].format: only 'enum' and "
            "'date-time' are supported for STRING type"
        ),
        400,
        "strict",
        "schema",
    ),
    # Anthropic
    "Anthropic, json_object": (
        anthropic("response_format.type: Input should be 'json_schema'"),
        400,
        "json_object",
        "kind",
    ),
    "Anthropic, not strict": (
        anthropic("response_format.json_schema.strict: Input should be True"),
        400,
        "relaxed",
        "mode",
    ),
    "Anthropic, complex": (
        anthropic("output_config.format.schema: Schema is too complex for compilation."),
        400,
        "strict",
        "size",
    ),
    "Anthropic, grammar": (
        anthropic(
            "The compiled grammar is too large, which would cause performance issues. Simplify your tool schemas "
            "or reduce the number of strict tools."
        ),
        400,
        "strict",
        "size",
    ),
    "Anthropic, optional": (
        anthropic(
            "Schemas contains too many optional parameters (28), which would make grammar compilation inefficient."
        ),
        400,
        "strict",
        "schema",
    ),
    "Anthropic, a keyword": (
        anthropic("output_config.format.schema: For 'integer' type, property 'minimum' is not supported"),
        400,
        "strict",
        "schema",
    ),
    "Anthropic, deprecated": (
        anthropic("`temperature` is deprecated for this model."),
        400,
        "strict",
        "parameter temperature",
    ),
    # Groq
    "Groq, a model": (
        openai("This model does not support response format `json_schema`. See supported models at https://h", None),
        400,
        "strict",
        "kind",
    ),
    "Groq, strict": (
        openai(
            "invalid JSON schema for response_format: 'x': /properties/a: `additionalProperties:false` must be set on "
            "every object",
            None,
        ),
        400,
        "strict",
        "schema",
    ),
    "Groq, older": (
        openai("invalid schema for response format: response_format/json_schema/x: minItems is not supported", None),
        400,
        "strict",
        "schema",
    ),
    "Groq, what the model wrote": (
        {
            "error": {
                "message": "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more "
                "details.",
                "code": "json_validate_failed",
                "failed_generation": "{",
            }
        },
        400,
        "strict",
        "reply",
    ),
    # Cerebras
    "Cerebras, a list": (
        {
            "message": "Unsupported JSON schema fields: {'minItems', 'items'}",
            "type": "invalid_request_error",
            "param": "response_format",
            "code": "wrong_api_format",
        },
        422,
        "strict",
        "schema",
    ),
    # xAI
    "xAI, a parameter": (
        {
            "code": "Client specified an invalid argument",
            "error": "Argument not supported on this model: presencePenalty",
        },
        400,
        "strict",
        "parameter presence_penalty",
    ),
    "xAI, newer": (
        {"error": "Model grok-4 does not support parameter frequencyPenalty."},
        400,
        "strict",
        "parameter frequency_penalty",
    ),
    # Mistral
    "Mistral, a keyword": (
        mistral("Received unsupported keyword `format` in schema."),
        400,
        "strict",
        "schema",
    ),
    "Mistral, a parameter": (mistral(extra("max_completion_tokens")), 422, "strict", "parameter max_completion_tokens"),
    "Mistral, a parameter as text": (
        mistral(json.dumps(extra("n")), "internal_error_proxy"),
        422,
        "strict",
        "parameter n",
    ),
    "FastAPI, the older": (
        {"detail": [{"loc": ["body", "seed"], "msg": "extra fields not permitted", "type": "value_error.extra"}]},
        422,
        "strict",
        "parameter seed",
    ),
    "no such field": (extra("response_format"), 422, "strict", "format"),
    # Fireworks, Together, DeepSeek
    "Together": (
        {"error": {"message": "JSON Schema not supported", "type": "invalid_request_error"}},
        400,
        "strict",
        "kind",
    ),
    "Fireworks, a node": (
        {"error": {"message": "JSON Schema not supported: could not understand the instance `{'required': ['a']}`."}},
        400,
        "strict",
        "schema",
    ),
    "DeepSeek": (openai("This response_format type is unavailable now", None), 400, "strict", "kind"),
    # OpenRouter
    "OpenRouter": (
        {"error": {"message": GATED, "code": 404, "metadata": {"failed_routing_step": "Filter by Parameters"}}},
        404,
        "strict",
        "kind",
    ),
    "OpenRouter, passed on": (
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": json.dumps(openai(IN_SCHEMA + "'oneOf' is not permitted.")), "provider_name": "A"},
            }
        },
        400,
        "strict",
        "schema",
    ),
    "OpenRouter, opaque": ({"error": {"message": "Provider returned error", "code": 400}}, 400, "strict", "opaque"),
    "OpenRouter, no tools": ({"error": {"message": "No endpoints found that support tool use"}}, 404, "tool", "kind"),
    # one's own machine
    "vLLM, xgrammar": (
        mistral("The provided JSON schema contains features not supported by xgrammar.", "BadRequestError"),
        400,
        "strict",
        "schema",
    ),
    "vLLM, a grammar": (mistral("Grammar error: …", "InternalServerError"), 500, "strict", "schema"),
    "vLLM, no tools": (
        mistral('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        400,
        "tool",
        "kind",
    ),
    "SGLang": (
        mistral("JSON Schema at #/properties/x is not supported by xgrammar: keyword(s) multipleOf would be ignored"),
        400,
        "strict",
        "schema",
    ),
    "LM Studio": ({"error": "'response_format.type' must be 'json_schema' or 'text'"}, 400, "json_object", "kind"),
    "Ollama, a schema": ({"error": "invalid JSON schema in format"}, 500, "strict", "schema"),
    "Ollama, no tools": (
        {"error": {"message": "registry.ollama.ai/library/gemma:2b does not support tools"}},
        400,
        "tool",
        "kind",
    ),
    "tool_choice": (
        openai("Thinking mode does not support this tool_choice", None),
        400,
        "tool",
        "parameter tool_choice",
    ),
    "a keyword, somewhere": (
        openai("response_format.json_schema.schema.properties.a.minLength is not supported", None),
        400,
        "strict",
        "schema",
    ),
    "a keyword of JSON Schema": (
        openai("We do not support json_schema keyword minLength", None),
        400,
        "strict",
        "schema",
    ),
    "strict": (openai("json_schema with strict mode is not supported", None), 400, "strict", "mode"),
    "strict, a keyword": (openai("strict schemas: minLength not supported", None), 400, "strict", "schema"),
    "plain text": ("response_format is not supported by this server", 400, "strict", "kind"),
    "nothing": ("", 400, "strict", "opaque"),
    # inside a 200
    "in a 200": ({"error": {"message": "This response_format type is unavailable now"}}, 200, "strict", "kind"),
    "in a 200, with a code": (
        {"error": {"message": "Unsupported parameter: 'seed'", "code": 400}},
        200,
        "strict",
        "parameter seed",
    ),
    "in a 200, in an array": (gemini(TOO_MANY_STATES), 200, "strict", "size"),
}


def meaning(complaint: Complaint | None) -> str:
    """Write a complaint in a word or two."""
    return "" if complaint is None else f"{complaint.about} {complaint.name}".strip()


@pytest.mark.parametrize(("body", "status", "mode", "about"), REFUSALS.values(), ids=REFUSALS)
def test_what_a_refusal_is_about(body: Any, status: int, mode: Mode, about: str) -> None:
    """The words of an endpoint are understood, in the body that they come in."""
    sent = SENT | ({"tool_choice"} if mode == "tool" else set())
    assert meaning(complaint_of(refused(body, status), mode, sent)) == about


def test_an_error_in_a_stream() -> None:
    """An error that comes as an event is understood like any other."""
    collector = ReplyCollector()
    collector.add(json.dumps({"error": {"message": TOO_MANY_STATES, "code": 400}}))
    assert meaning(complaint_of(refused(collector.error, 200), "strict", SENT)) == "size"


# Where another way of asking would be no help, or nobody knows what is meant: body, status.
NOT_OURS: dict[str, tuple[Any, int]] = {
    "no such model": (
        openai("The model `gpt-9` does not exist or you do not have access to it.", None, "model_not_found"),
        404,
    ),
    "no such model, Ollama": ({"error": {"message": 'model "schema-llama" not found, try pulling it first'}}, 404),
    "no such address": ("<html><h1>404 Not Found</h1></html>", 404),
    "guardrails": (
        {"error": {"message": "No endpoints available matching your guardrail restrictions and data policy"}},
        404,
    ),
    "no such address, in silence": ("", 404),
    "key": (openai("Incorrect API key provided", None, "invalid_api_key"), 401),
    "Gemini's key": (gemini("API key not valid. Please pass a valid API key."), 400),
    "money": (openai("insufficient_quota for response_format", None), 402),
    "rights": (openai("response_format is not available for you", None), 403),
    "too large": (openai("Your schema is too large", None), 413),
    "too long": (
        openai(
            "This model's maximum context length is 8192 tokens; your response_format …",
            "messages",
            "context_length_exceeded",
        ),
        400,
    ),
    "too fast": (openai("Rate limit reached for json_schema requests", None), 429),
    "down": (openai("The server is overloaded", None), 503),
    "broken": (openai("Internal error", None), 500),
    "opaque, but broken": ("", 500),
    "images": (openai("image input is not supported - hint: …", None), 400),
    "a value": (
        openai(
            "Invalid 'temperature': decimal above maximum value. Expected a value <= 1, but got 2 instead.",
            "temperature",
            "decimal_above_max_value",
        ),
        400,
    ),
    "a limit": (
        openai("max_tokens is too large: 65536. This model supports at most 16384 completion tokens.", "max_tokens"),
        400,
    ),
    "the caller's own tools": (openai("Invalid schema for function 'mine': …", "tools[0].function.parameters"), 400),
    "the caller's own tools at all": ({"error": {"message": "x does not support tools"}}, 400),
    "something else": (openai("The dog ate it.", None), 400),
}


@pytest.mark.parametrize(("body", "status"), NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_not_understood(body: Any, status: int) -> None:
    """Refusals that another way of asking does not help are left to the caller."""
    assert complaint_of(refused(body, status), "strict", SENT | {"max_tokens"}) is None


def test_only_what_was_sent_can_be_dropped() -> None:
    """A field that is named but was not sent is not the reason."""
    error = refused(openai("Unsupported parameter: 'seed'", None))
    assert meaning(complaint_of(error, "strict", {"seed"})) == "parameter seed"
    assert complaint_of(error, "strict", {"top_p"}) is None


def test_the_first_that_is_named_is_dropped() -> None:
    """A refusal that offers another field in place of one means the first."""
    text = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    both = complaint_of(refused(openai(text, None)), "strict", {"max_completion_tokens", "max_tokens"})
    assert meaning(both) == "parameter max_tokens"
    listed = "Unknown parameter: 'foo'. Supported are: temperature, seed."
    assert complaint_of(refused(openai(listed, None)), "strict", SENT) is None


@pytest.mark.parametrize("name", OPTIONAL)
@pytest.mark.parametrize(
    "text",
    [
        "Unsupported parameter: '{}' is not supported with this model.",
        "body.{}: Extra inputs are not permitted",
        'Invalid JSON payload received. Unknown name "{}": Cannot find field.',
        "property '{}' is unsupported",
    ],
)
def test_every_optional_field_is_recognised(text: str, name: str) -> None:
    """Each field that can be left out is found in each of the usual sentences, and no other."""
    sent = frozenset(OPTIONAL)
    assert meaning(complaint_of(refused(openai(text.format(name), None)), "tool", sent)) == f"parameter {name}"


def test_optional_fields_are_request_fields() -> None:
    """What can be left out is a request field, and never what says what is wanted."""
    assert OPTIONAL.keys() < RULES.keys()
    assert not OPTIONAL.keys() & {"response_format", "tools", "extra_body", "extra_fields", "model", "messages"}
    assert {*COMPANIONS, *COMPANIONS.values(), *LIMITS, *LIMITS.values()} <= OPTIONAL.keys()


@pytest.mark.parametrize("mode", MODES)
def test_long_texts_take_no_time(mode: Mode) -> None:
    """No text makes the table slow: bodies are the endpoint's to choose."""
    for word in ("response_format ", "unknown ", "tool not ", "context", "'a', ", "schema exceeds ", "seed "):
        error = StatusError("The endpoint answered 400: " + word * 200, status=400)
        complaint_of(error, mode, SENT)


def test_texts_are_in_lower_case_or_do_not_care() -> None:
    """Endpoints write in any case."""
    body = openai("UNSUPPORTED PARAMETER: 'SEED'", None)
    assert meaning(complaint_of(refused(body), "strict", SENT)) == "parameter seed"
    assert re.search("seed", str(refused(body)), re.I)
