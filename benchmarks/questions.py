"""What `bench.py` asks: which script answers which question, with which arguments, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["QUESTIONS", "Question"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """A script and how it is asked. `data`: whether it needs DIR, or only has more to say with it. `fast` stands in
    place of `arguments` with --fast. `minutes` on a quiet machine.
    """

    script: str
    heading: str
    arguments: str = ""
    fast: str = ""
    data: Literal["needs", "takes", ""] = ""
    minutes: float = 1


def _asked(
    script: str, heading: str, arguments: str, fast: str, minutes: float, data: Literal["needs", "takes", ""] = ""
) -> Question:
    return Question(script=script, heading=heading, arguments=arguments, fast=fast, minutes=minutes, data=data)


QUESTIONS = (
    # What it costs
    _asked(
        "overhead",
        "What does a call cost beside the endpoint?",
        "--rounds 15 --calls 100",
        "--rounds 2 --calls 20",
        1.1,
    ),
    _asked("cold_start", "How long does a program take to start?", "--runs 7", "--runs 1", 0.8),
    _asked("throughput", "How many documents go through at once?", "--rounds 2", "--rounds 1 --at 64", 7.0),
    _asked(
        "hidden_limit",
        "What happens at an endpoint with a limit that nobody knows?",
        "--seconds 8 --scenario ms spread",
        "--seconds 2 --scenario ms",
        3.0,
    ),
    _asked("governor", "How soon is an endpoint's limit found?", "--seeds 3", '--seeds 1 --only "8 at a time"', 0.6),
    _asked(
        "batch",
        "What does a job that survives everything cost?",
        "--documents 2000 --rounds 1",
        '--documents 200 --rounds 1 --limit "64 at" --no-peers',
        4.9,
    ),
    _asked(
        "crash", "Is anything lost when a job is killed?", "--fast", '--kills 5 --documents 30 --only "killed"', 0.8
    ),
    _asked("review", "How fast is the page on which people check?", "", "--documents 500 --rounds 5", 1.8),
    # Replies, and what goes wrong
    _asked(
        "streaming", "What does a reply cost that comes in pieces?", "--rounds 3 --longest 20", "--fast --rounds 1", 4
    ),
    _asked(
        "reask",
        "What is asked again when a reply does not conform, and what does that cost?",
        "",
        "--rounds 1",
        0.1,
    ),
    _asked("one_request", "Which imperfect replies cost no second request?", "", "", 0.1),
    _asked("mending", "Which damaged replies can be read, and how fast?", "--seconds 1.2", "--only corpus", 0.8),
    _asked("faults", "What becomes of an endpoint's faults?", "--sample 40", "--sample 1", 4.7),
    # Whether it is true
    _asked(
        "grounding",
        "Is the place of a value found in the document?",
        "--seconds 40",
        "--documents 48 --sizes 2000",
        0.8,
        "takes",
    ),
    _asked(
        "completeness",
        "Is it noticed when a list lacks rows?",
        "--rows 100 800 3200 --layouts aligned csv",
        "--rows 100 --layouts pipe",
        1.3,
    ),
    _asked("long_documents", "What becomes of a document of 200 pages?", "--sizes 1 5", "--pages 8 --sizes 1", 1.6),
    # Schemas
    _asked(
        "conversion",
        "What becomes of a schema that an endpoint does not take as it is?",
        "--sample 1500 --corpus pyd jsb",
        "--sample 20 --corpus pyd jsb",
        1.4,
        "needs",
    ),
    _asked("schema_speed", "What does the conversion of a schema cost?", "", "--rounds 3 --schemas 50", 0.3, "takes"),
    # The code
    _asked("house", "How large is the house, and how far does one call go in it?", "", "", 0.4),
    # A small model, and people
    _asked(
        "accuracy",
        "How right and how conforming are the records of a very small model?",
        "--documents 1",
        "--documents 1 --kinds booking --only extractor trustcall",
        3.3,
        "takes",
    ),
    _asked("confidence", "Is a confident value right?", "--documents 4", "--documents 2 --kinds booking", 1.4, "needs"),
    _asked(
        "corrections",
        "What do corrections bring?",
        "--documents 3",
        "--documents 1 --corrections 3 --kinds booking",
        5,
        "needs",
    ),
)
