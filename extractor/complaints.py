"""What an endpoint complains about when it refuses a request, as a table of the texts that they answer with.

No two endpoints say it in the same words, and few give a code. The texts are those that they have been seen
to answer with; a text that fits none is not understood, and the refusal is the caller's to see.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from extractor.errors import RequestTooLarge, StatusError
from extractor.schema.dialects import MODES, Mode

__all__ = ["COMPANIONS", "FORMATS", "LIMITS", "OPTIONAL", "About", "Complaint", "complaint_of"]

# ------------------------------------------------------------------------------------ optional fields

# Never dropped: what says what is wanted (model, messages, the caller's tools and response_format) and what
# the caller sends to this endpoint in particular (extra_body, extra_fields), which may be about privacy.
_QUOTED = r"(?<=['\"`.])(?:{})(?=[\\'\"`:])"  # names that are words of English too
OPTIONAL: Mapping[str, str] = {
    "temperature": r"\btemperature\b",
    "top_p": r"\btop_?p\b",
    "frequency_penalty": r"\bfrequency_?penalty\b",
    "presence_penalty": r"\bpresence_?penalty\b",
    "stop": _QUOTED.format("stop"),
    "n": _QUOTED.format("n"),
    "reasoning_effort": r"\breasoning_?effort\b",
    "seed": r"\bseed\b",
    "logprobs": r"\blogprobs\b",
    "top_logprobs": r"\btop_?logprobs\b",
    "stream": r"\bstream(?:ing)?\b",
    "stream_options": r"\bstream_?options\b",
    "max_completion_tokens": r"\bmax_?completion_?tokens\b",
    "max_tokens": r"\bmax_?tokens\b",
    "tool_choice": r"\btool_?choice\b",  # only the ladder's own: the caller's is not offered
}
"""Field → how a refusal mentions it, in the endpoint's own spelling too (xAI: `presencePenalty`)."""
COMPANIONS: Mapping[str, str] = {"logprobs": "top_logprobs", "stream": "stream_options"}
"""Field → the one that makes no sense without it."""
LIMITS: Mapping[str, str] = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
"""The two names of the token limit."""

_UNSUPPORTED = (
    r"(?:unsupported|unknown|unrecogni[sz]ed|unexpected|n[o']t supported|n[o']t support\b|not permitted|not allowed"
    r"|forbidden|cannot find field|not enabled|not available|unavailable|deprecated|not implemented|incompatible)"
)
# A value out of the endpoint's own range is for the caller to correct, not to be left out.
_WRONG_VALUE = (
    r"(?:above|below)_m|maximum|minimum|too (?:large|small|high|low|long)|between|must be|expected|greater|less than"
    r"|at (?:least|most)|out of range|invalid[ _]type"
)


@functools.cache
def _says_unsupported(name: str) -> re.Pattern[str]:
    """The name within one sentence of what says that it is not supported."""
    mention = OPTIONAL[name]
    return re.compile(rf"{_UNSUPPORTED}[^.;]{{0,50}}?{mention}|{mention}[^.;]{{0,80}}?{_UNSUPPORTED}", re.I)


# ---------------------------------------------------------------------------------------- complaints

About: TypeAlias = Literal["parameter", "size", "schema", "mode", "kind", "format", "reply", "opaque"]
"""What a refusal is about:

one optional field; the size of the schema; something in the schema; this very mode; the kind of
`response_format` (with and without strict), or tools; `response_format` whatever its kind; what the model
wrote; nobody knows.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """What a refusal says; `name` is the field that it is about, if it is."""

    about: About
    name: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Rule:
    """Texts that say one thing: about None, something that another way of asking does not help."""

    about: About | None
    text: str
    modes: tuple[Mode, ...] = MODES


@functools.cache
def _compiled(text: str) -> re.Pattern[str]:
    # When it is needed: few processes ever see a refusal, and all of them start.
    return re.compile(text, re.I | re.S)


def _rule(about: About | None, *texts: str, modes: tuple[Mode, ...] | None = None) -> _Rule:
    rule = _Rule(about=about, text="|".join(texts))
    return rule if modes is None else replace(rule, modes=modes)


_STATUSES = frozenset({400, 404, 422, 500, 501})  # 500 and 501: only where the text is understood
FORMATS: tuple[Mode, ...] = ("strict", "relaxed", "json_object")
_NO_TOOLS = (
    r"(?:tools?|functions?)(?: ?(?:use|calls?|calling|choice))?\b.{0,40}(?:not support|unsupported|not enabled)",
    r"n[o']t support.{0,30}\b(?:tool|function)",
    r"support tool use",
    r"tool choice requires",
)
_FORMAT = r"(?:response[ _]?format|json[ _]?(?:schema|object|mode)|structured[ _]outputs?)"
# Nothing that could be a keyword: that would be about one schema, not about the endpoint.
_BETWEEN = (
    r"(?:(?:of|type|value|values|as|with|is|are|the|parameter|field|option|json|json_?schema|json_?object|schema"
    r"|object|format|mode|outputs?|strict|true|currently|yet)\W+){0,6}"
)
_NOT = r"(?:not|un|n't|isn't)[ -]?(?:supported|available|enabled|implemented|allowed)"

# The first that fits counts. Their texts are those that endpoints have been seen to answer with.
_PARTICULAR = (
    _rule(
        None,
        r"model_not_found|unknown model|no such model|not a valid model",
        r"\bmodel\b.{0,80}(?:not found|(?:does not|doesn't) exist)",
        r"guardrail restrictions",
        r"context_length|context (?:length|window)|api key",
        # Of the text or of the moment, whatever else it speaks of: another way of asking changes nothing.
        r"content_?policy|content_?filter|moderation|safety|overloaded|at capacity|billing|insufficient",
    ),
    # Of a grammar: whether there is no such thing here, or this one cannot be taken.
    _rule(
        "mode",
        r"{field}[^.;]{{0,80}}?{no}|{no}[^.;]{{0,50}}?{field}".format(
            field=r"\b(?:grammar|structured_outputs|ebnf)\b", no=_UNSUPPORTED
        ),
        modes=("grammar",),
    ),
    _rule("reply", r"\b(?:grammar|ebnf|gbnf)\b", modes=("grammar",)),
    # In the other modes these are the caller's own tools.
    _rule(None, r"schema for function", *_NO_TOOLS, modes=(*FORMATS, "grammar", "prompt")),
    _rule("reply", r"json_validate_failed|tool_use_failed|failed_generation"),
    _rule(
        "size",
        r"too many states|too complex|grammar (?:is )?too large|levels of nesting|nest(?:ing|ed) (?:is )?too",
        r"(?=.*(?:schema|grammar|nesting|parameters exceeds|propert|enum)).*(?:exceeds|too (?:large|long|big|deep))",
    ),
    _rule(
        "schema",
        r"invalid (?:json )?schema for|invalid_json_schema|invalid json schema|context=\(",
        r"unknown name \W*[$\w]+\W* at [^:]*(?:schema|parameters)|proto field is not repeating",
        r"not supported by (?:xgrammar|guidance|llguidance|outlines)",
        r"unsupported keyword|unsupported json schema fields?|keyword\(s\)|schemas? specified unsupported field",
        r"propert(?:y|ies) ['\w, ]+ (?:is|are) not supported|values other than 0 or 1",
        r"additionalproperties.{0,40}(?:required to be|must be|should be)",
        r"['`]required['`] is required|listed in .?required",
        r"disambiguation failed|identical first keys|too many (?:optional )?parameters",
        r"must have a 'type' key|type: must be specified|could not understand the instance",
        r"\$ref cannot have|reference can only point|recursive (?:definition|json schema|schema)|circular",
        r"is not a valid format|only 'enum' and 'date-time'|string format '[^']*' is not implemented",
        r"unknown name \W*(?:\$defs|\$ref|\$schema|additionalproperties)\W",
    ),
)
_GENERAL = (
    _rule(
        "mode",
        r"\bstrict\W+(?:(?:mode|is|true|json_schema|structured|outputs?)\W+){0,3}(?:input should be true|" + _NOT + ")",
        modes=("relaxed", "strict"),
    ),
    _rule(
        "format",
        r"(?:unsupported|unknown|unrecogni[sz]ed) (?:parameter|name|argument|field)\W{0,6}response_?format\b(?![./])",
        r"response_?format\W{0,4}(?:extra (?:inputs|fields) (?:are )?not permitted|cannot find field)",
        r"response_?format\W{0,4}is not supported\W*$",
        modes=FORMATS,
    ),
    _rule(
        "kind",
        rf"n[o']t support (?:the )?{_FORMAT}(?!\W+(?:keyword|propert|feature|constraint))",
        rf"{_FORMAT}\W+{_BETWEEN}{_NOT}",
        r"unsupported \W*response_?format|response_?format type is unavailable",
        r"input should be '(?:json_schema|json_object|text)'|must be (?:one of )?'(?:json_schema|json_object|text)'",
        r"enabled only for api[ -]versions|no endpoints found that can handle",
        r"supported values are: '(?:json_schema|json_object|text)'",
        modes=FORMATS,
    ),
    _rule(
        "kind",
        *_NO_TOOLS,
        r"(?:unknown|unsupported) [^.]{0,30}\btools\b|\btools\b.{0,20}not permitted",
        modes=("tool",),
    ),
    _rule(
        "schema",
        rf"{_FORMAT}|\bschemas?\b|grammar|guided",
        modes=FORMATS,
    ),
    _rule("schema", r"\btools?\b|tool_choice|\bfunctions?\b|\bschemas?\b|grammar", modes=("tool",)),
)
_OPAQUE = (
    r"(?:request contains an invalid argument|no reason given|bad request|invalid request|invalid argument"
    r"|provider returned error)\W*"
)


def complaint_of(error: StatusError, mode: Mode | None, sent: Collection[str]) -> Complaint | None:
    """What a refusal is about; None where that is not known, or no other way of asking would help.

    `sent` are the optional fields of the refused request that may be left out.
    """
    if error.status not in _STATUSES or isinstance(error, RequestTooLarge):
        return None
    text = f"{error.said or error.message} {error.code} {error.type} {error.param}"
    particular = _first(_PARTICULAR, text, mode)
    if particular is not None:
        return Complaint(about=particular.about) if particular.about else None
    name = _named(text, error.param.rpartition(".")[2], sent)
    if name:
        return Complaint(about="parameter", name=name)
    general = _first(_GENERAL, text, mode)
    if general is not None and general.about is not None:
        return Complaint(about=general.about)
    said = (error.said or error.message).partition(": ")[2]
    # Without a reason, 404 means a wrong address, and 500 that something is broken.
    return Complaint(about="opaque") if error.status in (400, 422) and _compiled(_OPAQUE).fullmatch(said) else None


def _first(rules: tuple[_Rule, ...], text: str, mode: Mode | None) -> _Rule | None:
    fitting = (rule for rule in rules if (mode or "strict") in rule.modes and _compiled(rule.text).search(text))
    return next(fitting, None)


def _named(text: str, param: str, sent: Collection[str]) -> str:
    """The field that is refused as such: the one that is named first."""
    found = {name: _says_unsupported(name).search(text) for name in sent if name in OPTIONAL}
    if param in found and (found[param] or not _compiled(_WRONG_VALUE).search(text)):
        return param
    named = [(_place(name, match), name) for name, match in found.items() if match]
    return min(named)[1] if named else ""


def _place(name: str, match: re.Match[str]) -> int:
    mention = re.search(OPTIONAL[name], match[0], re.I)
    return match.start() + (mention.start() if mention else 0)
