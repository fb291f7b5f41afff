"""The pytest fixture `fake_endpoint`, found by pytest itself where this library is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from extractor.testing import FakeEndpoint


@pytest.fixture
def fake_endpoint() -> Iterator[FakeEndpoint]:
    """A running `extractor.testing.FakeEndpoint` without a script: give it one with `answer(…)`."""
    from extractor.testing import FakeEndpoint  # not at start-up: every pytest run loads this plugin

    with FakeEndpoint() as fake:
        yield fake
