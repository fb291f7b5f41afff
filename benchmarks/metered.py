"""The embedded model as every contender is asked to use it, and a meter of what they send there.

`Meter.client()` is a client that is counted. `passed_on(meter, url)` is an endpoint on loopback that hands everything
on to another one by such a client: so whoever takes nothing but an address is counted in the same way.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

__all__ = ["MODEL", "OPTIONS", "RETRIES", "TIMEOUT", "Meter", "passed_on"]

MODEL = "smollm2-135m"
OPTIONS: Mapping[str, Any] = {"temperature": 0, "max_completion_tokens": 400}
RETRIES = 2
TIMEOUT = 300.0  # seconds for a request


@dataclass(kw_only=True)
class Meter:
    """Counts what passes through a client: requests and tokens."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0

    def client(self) -> httpx.Client:
        """A client that is counted."""
        return httpx.Client(event_hooks={"response": [self._count]}, timeout=TIMEOUT)

    def _count(self, response: httpx.Response) -> None:
        said: Any = None
        with contextlib.suppress(ValueError):
            said = json.loads(response.read())
        usage = (said.get("usage") if isinstance(said, dict) else None) or {}
        self.requests += 1
        self.prompt += usage.get("prompt_tokens", 0)
        self.completion += usage.get("completion_tokens", 0)


@contextlib.contextmanager
def passed_on(meter: Meter, url: str) -> Iterator[str]:
    """Hand on every POST to `url`, which is what an address is called before `/chat/completions`; gives the address."""
    client = meter.client()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = _with_descriptions(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            sent = {"Content-Type": "application/json", "Authorization": self.headers.get("Authorization", "")}
            answer = client.post(url + self.path, content=body, headers=sent)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _with_descriptions(body: bytes) -> bytes:
    """A request as llama.cpp takes it: it refuses a tool whose description is null, as trustcall sends it."""
    asked = json.loads(body)
    for tool in asked.get("tools") or ():
        if tool.get("function", {}).get("description", "") is None:
            tool["function"]["description"] = ""
    return json.dumps(asked).encode()
