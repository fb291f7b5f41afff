"""What all tests share: no endpoint but their own, and no time spent on certificates."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest
from hypothesis import settings

# Where modules are that several tests share.
sys.path.extend(str(Path(__file__).parent / folder) for folder in (".", "schema", "several", "batch"))

from documented import problems

from extractor.endpoint import routes

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["problems"]

# How long an example takes is no law: the machine may be busy with others.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """A shell has what it starts in the background ignore Ctrl-C, and all that is started from there, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _one_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hardly any test speaks TLS; reading all authorities for each client would take most of the time."""
    first, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----\n")
    path = tmp_path_factory.mktemp("authorities") / "one.pem"
    path.write_text(first + end, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(autouse=True)
def _no_endpoint_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("EXTRACTOR_") or name.endswith("_API_KEY"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    """What is known of an endpoint stays when nobody uses it; the next test may have one at the same port."""
    yield
    routes._recent.clear()


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """What holds for both kinds of extractors is tested of both."""
    said: str = request.param
    return said


BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Without it these tests are skipped, but not where all of them must run."""
    absent = pytest.fail if os.environ.get("CI") else pytest.skip
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        absent("playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        absent("there is no Chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens a window of a width. No script may fail in it."""
    failed: list[str] = []
    contexts = []

    def opened(width: int, **more: Any) -> Page:
        asked = {"viewport": {"width": width, "height": 800}, "reduced_motion": "reduce", **more}
        context = browser.new_context(**asked)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failed.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not failed
