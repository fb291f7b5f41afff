"""Lines of sh in the documentation that no test runs, as they stand (without their comment), each with the reason."""

from __future__ import annotations

from collections.abc import Mapping

_MADE_UP = "a document of the made-up job that the page shows"
_PRICES = "what it may cost is only known of a real provider"
_DEMO = "the embedded model takes minutes where the machine is busy; the demonstrations have tests of their own"

NOT_RUN: Mapping[str, str] = {
    "extractor run receipt *.txt --fallback openai/gpt-4.1-mini --cache replies.db --budget-cost 2 -v": _PRICES,
    "extractor jobs show receipts.db scans/0413.pdf": _MADE_UP,
    "extractor demo": _DEMO,
    "extractor demo-batch": _DEMO,
    "extractor jobs export receipts.db | jq .value": "jq is a program of its own",
    "python first.py": "the reader has saved a block under that name, and asks a provider by a key",
}
