"""Which endpoint a call means, and as whom: arguments and an environment in, an address out."""

from __future__ import annotations

import itertools
import pickle
import traceback
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from extractor.endpoint.presets import PRESETS
from extractor.endpoint.resolve import Address, resolve
from extractor.errors import ConfigurationError
from extractor.schema.dialects import DIALECTS

EVOLINK = "https://direct.evolink.ai/v1"
OPENAI = "https://api.openai.com/v1"
OWN = "https://own.example/v1"
OTHER = "https://other.example/v1"
DEFAULT = "gemini-2.5-flash-lite"


def _resolve(
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    environ: Mapping[str, str] | None = None,
    *,
    local_installed: bool = False,
) -> Address:
    return resolve(model, base_url, api_key, environ or {}, local_installed=local_installed)


def _env(**names: str) -> dict[str, str]:
    return {name if name.endswith("_API_KEY") else f"EXTRACTOR_{name}": value for name, value in names.items()}


# ------------------------------------------------------------------------------------- what is meant

# (arguments, environment, address, model, key)
MEANT: dict[str, tuple[dict[str, Any], dict[str, str], str, str, str | None]] = {
    "provider by argument": (
        {"model": "evolink/gemini-2.5-pro"},
        {"EVOLINK_API_KEY": "evo"},
        EVOLINK,
        "gemini-2.5-pro",
        "evo",
    ),
    "provider without a model": ({"model": "evolink"}, {"EVOLINK_API_KEY": "evo"}, EVOLINK, DEFAULT, "evo"),
    "provider with an empty model": (
        {"model": "evolink/"},
        {"EVOLINK_API_KEY": "evo"},
        EVOLINK,
        DEFAULT,
        "evo",
    ),
    "the key by argument wins": (
        {"model": "openai/o", "api_key": "arg"},
        {"OPENAI_API_KEY": "oai", "EXTRACTOR_API_KEY": "own", "EXTRACTOR_MODEL": "openai/o"},
        OPENAI,
        "o",
        "arg",
    ),
    "model names may have slashes": (
        {"model": "openrouter/google/gemini-2.5-pro"},
        {"OPENROUTER_API_KEY": "r"},
        "https://openrouter.ai/api/v1",
        "google/gemini-2.5-pro",
        "r",
    ),
    "with base_url the model is sent as given": (
        {"model": "openai/gpt-oss-20b", "base_url": OTHER},
        {"OPENAI_API_KEY": "oai"},
        OTHER,
        "openai/gpt-oss-20b",
        None,
    ),
    "base_url alone": ({"base_url": OTHER}, {}, OTHER, DEFAULT, None),
    "base_url and key": ({"base_url": OTHER, "model": "m", "api_key": "arg"}, {}, OTHER, "m", "arg"),
    "base_url of a provider": (
        {"base_url": OPENAI, "model": "m"},
        {"OPENAI_API_KEY": "oai"},
        OPENAI,
        "m",
        "oai",
    ),
    "base_url of a provider, its own model": (
        {"base_url": OPENAI},
        {"OPENAI_API_KEY": "oai"},
        OPENAI,
        PRESETS["openai"].model,
        "oai",
    ),
    "a provider's second address": (
        {"base_url": "https://api.evolink.ai/v1", "model": "m"},
        {"EVOLINK_API_KEY": "evo"},
        "https://api.evolink.ai/v1",
        "m",
        "evo",
    ),
    "EXTRACTOR_MODEL": (
        {},
        {"EXTRACTOR_MODEL": "openai/o", "OPENAI_API_KEY": "oai", "EVOLINK_API_KEY": "evo"},
        OPENAI,
        "o",
        "oai",
    ),
    "EXTRACTOR_MODEL and EXTRACTOR_API_KEY": (
        {},
        {"EXTRACTOR_MODEL": "openai/o", "EXTRACTOR_API_KEY": "own", "OPENAI_API_KEY": "oai"},
        OPENAI,
        "o",
        "own",
    ),
    "EXTRACTOR_BASE_URL": (
        {},
        {"EXTRACTOR_BASE_URL": OWN, "EVOLINK_API_KEY": "evo"},
        OWN,
        DEFAULT,
        None,
    ),
    "all three": (
        {},
        {"EXTRACTOR_BASE_URL": OWN, "EXTRACTOR_MODEL": "a/b", "EXTRACTOR_API_KEY": "own"},
        OWN,
        "a/b",
        "own",
    ),
    "a bare model for EXTRACTOR_BASE_URL": (
        {"model": "m"},
        {"EXTRACTOR_BASE_URL": OWN, "EXTRACTOR_API_KEY": "own"},
        OWN,
        "m",
        "own",
    ),
    "a provider by argument beats EXTRACTOR_BASE_URL": (
        {"model": "openai/o"},
        {"EXTRACTOR_BASE_URL": OWN, "EXTRACTOR_API_KEY": "own", "OPENAI_API_KEY": "oai"},
        OPENAI,
        "o",
        "oai",
    ),
    "base_url by argument beats EXTRACTOR_BASE_URL": (
        {"base_url": OTHER, "model": "m"},
        {"EXTRACTOR_BASE_URL": OWN, "EXTRACTOR_API_KEY": "own"},
        OTHER,
        "m",
        None,
    ),
    "the same base_url by argument keeps its key": (
        {"base_url": OWN + "/", "model": "m"},
        {"EXTRACTOR_BASE_URL": OWN, "EXTRACTOR_API_KEY": "own"},
        OWN,
        "m",
        "own",
    ),
    "EXTRACTOR_API_KEY alone is for what the call names": (
        {"base_url": OTHER, "model": "m"},
        {"EXTRACTOR_API_KEY": "own"},
        OTHER,
        "m",
        "own",
    ),
    "EXTRACTOR_API_KEY alone names nothing": (
        {},
        {"EXTRACTOR_API_KEY": "own", "OPENAI_API_KEY": "oai"},
        OPENAI,
        PRESETS["openai"].model,
        "oai",
    ),
    "EVOLINK_API_KEY first": (
        {},
        {"OPENAI_API_KEY": "oai", "EVOLINK_API_KEY": "evo"},
        EVOLINK,
        DEFAULT,
        "evo",
    ),
    "any provider's key": (
        {},
        {"GROQ_API_KEY": "gq"},
        "https://api.groq.com/openai/v1",
        PRESETS["groq"].model,
        "gq",
    ),
    "an empty variable is none": (
        {},
        {"EVOLINK_API_KEY": "", "OPENAI_API_KEY": "oai", "EXTRACTOR_MODEL": ""},
        OPENAI,
        PRESETS["openai"].model,
        "oai",
    ),
    "no key is needed": ({"model": "ollama/qwen3"}, {}, "http://localhost:11434/v1", "qwen3", None),
    "azure": (
        {"model": "azure/dep"},
        {"AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com/", "AZURE_OPENAI_API_KEY": "az"},
        "https://res.openai.azure.com/openai/v1",
        "dep",
        "az",
    ),
    "white space around a key": (
        {"base_url": OTHER, "model": "m", "api_key": " arg\n"},
        {},
        OTHER,
        "m",
        "arg",
    ),
    "an empty key is none": ({"base_url": OTHER, "model": "m", "api_key": ""}, {}, OTHER, "m", None),
}


@pytest.mark.parametrize(("arguments", "environ", "base_url", "model", "key"), MEANT.values(), ids=MEANT)
def test_what_is_meant(
    arguments: dict[str, Any], environ: dict[str, str], base_url: str, model: str, key: str | None
) -> None:
    """Arguments come before EXTRACTOR_*, these before a provider's own key variable."""
    address = _resolve(**arguments, environ=environ)
    assert (address.base_url, address.model, address.api_key) == (base_url, model, key)
    assert not address.local


@pytest.mark.parametrize("environ", [{}, {"EXTRACTOR_API_KEY": "own"}, {"EVOLINK_API_KEY": ""}])
def test_embedded_model_comes_last(environ: dict[str, str]) -> None:
    """With nothing named and no provider's key, the embedded model is meant if it is installed."""
    address = _resolve(environ=environ, local_installed=True)
    assert address.local
    assert address.model == PRESETS["local"].model
    assert address.api_key is None


def test_a_key_comes_before_the_embedded_model() -> None:
    """A provider's key is a wish; an installed package is not."""
    assert _resolve(environ={"OPENAI_API_KEY": "oai"}, local_installed=True).base_url == OPENAI


def test_embedded_model_by_name() -> None:
    """The embedded model can be named, with a path too."""
    address = _resolve("local//models/a.gguf", environ={"OPENAI_API_KEY": "oai"})
    assert (address.local, address.model, address.api_key) == (True, "/models/a.gguf", None)


def test_nothing_configured_says_everything() -> None:
    """Where no endpoint is named, one error says every way to name one."""
    with pytest.raises(ConfigurationError) as caught:
        _resolve()
    said = str(caught.value)
    for way in ("base_url", "EXTRACTOR_MODEL", "EXTRACTOR_BASE_URL", "EXTRACTOR_API_KEY", "EVOLINK_API_KEY"):
        assert way in said
    assert "extractor[local]" in said


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        ({"model": "openia/gpt"}, {}, "openai"),
        ({"model": "gpt-4.1"}, {}, "base_url="),
        ({"model": "openai/gpt-4.1"}, {}, "OPENAI_API_KEY"),
        ({"model": "openai/gpt-4.1"}, {"OPENAI_API_KEY": "  "}, "OPENAI_API_KEY"),
        ({"model": "azure/dep"}, {"AZURE_OPENAI_API_KEY": "az"}, "AZURE_OPENAI_ENDPOINT"),
        ({"model": "azure"}, {"AZURE_OPENAI_API_KEY": "az", "AZURE_OPENAI_ENDPOINT": OTHER}, "azure/MODEL"),
        ({"model": "ollama"}, {}, "ollama/MODEL"),
        ({}, {"EXTRACTOR_MODEL": "nobody/x"}, "nobody/x"),
        ({"model": "/x"}, {}, "PROVIDER/MODEL"),
    ],
)
def test_what_is_missing_is_named(arguments: dict[str, Any], environ: dict[str, str], said: str) -> None:
    """What is named but incomplete is an error that names what is missing."""
    with pytest.raises(ConfigurationError) as caught:
        _resolve(**arguments, environ=environ)
    assert said in str(caught.value)


# ------------------------------------------------------------------------------------------- the keys

# Which key may go to which host. EXTRACTOR_API_KEY belongs to what EXTRACTOR_* names.
HOSTS = {"evo": {"direct.evolink.ai", "api.evolink.ai"}, "oai": {"api.openai.com"}}
PROVIDERS = {"evolink": "direct.evolink.ai", "openai": "api.openai.com", "ollama": "localhost"}


def _hosts_of_own(environ: Mapping[str, str], named: bool) -> set[str] | None:
    """The hosts for EXTRACTOR_API_KEY; None for any that the call itself names."""
    if url := environ.get("EXTRACTOR_BASE_URL"):
        return {httpx.URL(url).host}
    provider = environ.get("EXTRACTOR_MODEL", "").partition("/")[0]
    if provider:
        return {PROVIDERS[provider]} if provider in PROVIDERS else set()
    return None if named else set()


MODELS = [None, "evolink/m", "openai/m", "ollama/m", "bare", "unknown/m"]
URLS = [
    None,
    EVOLINK,
    "https://api.evolink.ai/v1",
    OPENAI,
    "http://api.openai.com/v1",
    OTHER,
    "http://localhost:9/v1",
]
ENVIRONMENTS = [
    {name: value for name, value in zip(("EXTRACTOR_BASE_URL", "EXTRACTOR_MODEL"), pair, strict=True) if value}
    for pair in itertools.product([None, OWN, OPENAI], [None, "openai/m", "evolink/m", "bare"])
]
KEYS = {"EXTRACTOR_API_KEY": "own", "EVOLINK_API_KEY": "evo", "OPENAI_API_KEY": "oai"}


@pytest.mark.parametrize("base_url", URLS)
@pytest.mark.parametrize("model", MODELS)
def test_a_key_goes_to_its_own_host_only(model: str | None, base_url: str | None) -> None:
    """In no combination of arguments and environment does a key go to a host that it does not belong to."""
    reached = 0
    for named, size in itertools.product(ENVIRONMENTS, range(len(KEYS) + 1)):
        for names in itertools.combinations(KEYS, size):
            environ = {**named, **{name: KEYS[name] for name in names}}
            try:
                address = _resolve(model, base_url, environ=environ)
            except ConfigurationError:
                continue
            reached += 1
            url = httpx.URL(address.base_url)
            if address.api_key in HOSTS:
                assert url.host in HOSTS[address.api_key], environ
                assert url.scheme == "https", environ
            elif address.api_key == "own":
                allowed = _hosts_of_own(environ, model is not None or base_url is not None)
                assert allowed is None or url.host in allowed, environ
            else:
                assert address.api_key is None, environ
    assert reached


@pytest.mark.parametrize("base_url", URLS)
@pytest.mark.parametrize("model", MODELS)
def test_a_key_by_argument_is_the_one_that_is_sent(model: str | None, base_url: str | None) -> None:
    """Whatever the environment holds, the key that the call gives is used."""
    for named in ENVIRONMENTS:
        try:
            address = _resolve(model, base_url, "arg", environ={**named, **KEYS})
        except ConfigurationError:
            continue
        assert address.api_key == "arg", named


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.openai.com.evil.example/v1",
        "https://evil.example/api.openai.com/v1",
        "https://api.openai.com@evil.example/v1",
        "https://api.openai.com:443@evil.example/v1",
        "https://api.openai.com\\@evil.example/v1",
        "https://api.openai.com\\.evil.example/v1",
        "https://evil.example?https://api.openai.com/v1",
        "https://evil.example#@api.openai.com/v1",
        "https://evil.example\\@api.openai.com/v1",
        "https://api.openai.com\t.evil.example/v1",
        "https://api.openai.com\uff0fevil.example/v1",
        "https://api.openai\u3002com.evil.example/v1",
        "https://api.openai.com:8443/v1",
        "http://api.openai.com/v1",
        "http://api.openai.com:443/v1",
        "https://\u24d0pi.openai.com/v1",
        "https://stra\u00dfe.example/v1",
    ],
)
def test_look_alikes_get_no_key(base_url: str) -> None:
    """An address that looks like another's is not the other's."""
    environ = {
        "OPENAI_API_KEY": "oai",
        "EXTRACTOR_BASE_URL": "https://strasse.example/v1",
        "EXTRACTOR_API_KEY": "own",
    }
    try:
        address = _resolve("m", base_url, environ=environ)
    except ConfigurationError:
        return
    assert address.api_key is None


@pytest.mark.parametrize(
    "base_url", ["HTTPS://API.OpenAI.com/v1", " https://api.openai.com/v1/ ", "https://api.openai.com"]
)
def test_the_same_host_in_another_spelling_keeps_its_key(base_url: str) -> None:
    """Scheme and host are compared without case, and white space around an address is no part of it."""
    assert _resolve("m", base_url, environ={"OPENAI_API_KEY": "oai"}).api_key == "oai"


UNSENDABLE = [
    "sk-planted\nX-Evil: 1",
    "sk-\rplanted",
    "sk-planted-\u00e9",
    "sk-planted-\u0438",
    "sk-\x00planted",
    "sk-planted\u200b",
]


@pytest.mark.parametrize("where", ["api_key", "EXTRACTOR_API_KEY", "OPENAI_API_KEY", "EVOLINK_API_KEY"])
@pytest.mark.parametrize("key", UNSENDABLE)
def test_a_key_that_no_header_carries_is_not_quoted(where: str, key: str) -> None:
    """A key with line breaks or characters outside ASCII is an error that says so without the key."""
    arguments: dict[str, Any] = {"api_key": key} if where == "api_key" else {}
    environ = {} if where == "api_key" else {where: key}
    model = "evolink/m" if where == "EVOLINK_API_KEY" else "openai/m"
    with pytest.raises(ConfigurationError) as caught:
        _resolve(model, **arguments, environ=environ)
    error = caught.value
    said = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args) + repr(vars(error))
    assert "planted" not in said
    assert b"planted" not in pickle.dumps(error)
    assert "key" in str(error)


@pytest.mark.parametrize("shown", [repr, str, "{}".format])
def test_an_address_does_not_show_its_key(shown: Any) -> None:
    """An address can be printed."""
    address = _resolve("openai/m", api_key="sk-planted")
    assert address.api_key == "sk-planted"
    assert "planted" not in shown(address)


# -------------------------------------------------------------------------------------- the addresses


@pytest.mark.parametrize(
    ("base_url", "normal"),
    [
        ("https://h.example/v1", "https://h.example/v1"),
        ("https://h.example/v1/", "https://h.example/v1"),
        ("https://h.example/v1///", "https://h.example/v1"),
        (" https://h.example/v1\n", "https://h.example/v1"),
        ("https://h.example", "https://h.example/v1"),
        ("https://h.example/", "https://h.example/v1"),
        ("https://h.example:8443", "https://h.example:8443/v1"),
        ("https://h.example/v1/chat/completions", "https://h.example/v1"),
        ("https://h.example/v1/chat/completions/", "https://h.example/v1"),
        ("https://h.example/chat/completions", "https://h.example/v1"),
        ("https://h.example/api/openai", "https://h.example/api/openai"),
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://localhost", "http://localhost/v1"),
    ],
)
def test_normal_form_of_an_address(base_url: str, normal: str) -> None:
    """The path is the caller's; a bare host gets the usual one, and the method's own path is taken off."""
    assert _resolve("m", base_url).base_url == normal
    assert _resolve("m", environ={"EXTRACTOR_BASE_URL": base_url}).base_url == normal


BAD_URLS = [
    "",
    "  ",
    "h.example/v1",
    "//h.example/v1",
    "ftp://h.example/v1",
    "file:///etc/passwd",
    "https://",
    "https:///v1",
    "https://:8080/v1",
    "https://user:planted@h.example/v1",
    "https://planted@h.example/v1",
    "https://h.example:0/v1",
    "https://h.example:99999/v1",
    "https://h.example:port/v1",
    "https://h.example:-1/v1",
    "http://[::1",
    "http://[zz]/v1",
    "https://h\uff0fexample/v1",
    "https://h.exa mple/v1",
    "https://h.exam\nple/v1",
    "https://h.example/v1\x00",
    "https://" + "h" * 64 + "\u00e9.example/v1",
    "https://h.example/v1?api-version=1",
    "https://h.example/v1#part",
]


@pytest.mark.parametrize("base_url", BAD_URLS)
def test_what_is_no_address(base_url: str) -> None:
    """What cannot be asked under `base_url + "/chat/completions"` is an error before anything is sent."""
    with pytest.raises(ConfigurationError) as caught:
        _resolve("m", base_url)
    assert "base_url" in str(caught.value)
    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    "environ", [_env(BASE_URL=OWN), _env(BASE_URL=OWN, EXTRACTOR_API_KEY="own"), _env(MODEL="openai/m")]
)
@pytest.mark.parametrize("base_url", BAD_URLS)
def test_what_is_no_address_beside_an_environment(base_url: str, environ: dict[str, str]) -> None:
    """A bad address is the same error where the environment names an endpoint."""
    with pytest.raises(ConfigurationError):
        _resolve("m", base_url, environ=environ)


@pytest.mark.parametrize("base_url", [url for url in BAD_URLS if url])
@pytest.mark.parametrize("key", ["", "own"])
def test_what_is_no_address_in_the_environment(base_url: str, key: str) -> None:
    """A bad EXTRACTOR_BASE_URL is an error too, with a key beside it or without."""
    with pytest.raises(ConfigurationError):
        _resolve("m", environ={"EXTRACTOR_BASE_URL": base_url, "EXTRACTOR_API_KEY": key})


@pytest.mark.parametrize("endpoint", ["res.openai.azure.com", "https://user:planted@h.example", "http://[::1"])
def test_bad_address_of_a_provider(endpoint: str) -> None:
    """A provider's address from the environment is checked too."""
    environ = {"AZURE_OPENAI_ENDPOINT": endpoint, "AZURE_OPENAI_API_KEY": "az"}
    with pytest.raises(ConfigurationError):
        _resolve("azure/dep", environ=environ)


# ------------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_complete(name: str) -> None:
    """A preset has an address or a variable for it, a known dialect, and a key variable or needs none."""
    preset = PRESETS[name]
    assert preset.name == name
    assert "/" not in name
    assert preset.dialect in DIALECTS
    assert preset.base_url or preset.url_variable or name == "local"
    assert preset.key_variable or preset.keyless
    environ = {preset.key_variable: "key", preset.url_variable: "https://res.example"}
    environ.pop("", None)
    address = _resolve(f"{name}/some/model", environ=environ)
    assert address.model == "some/model"
    assert address.api_key == (None if preset.keyless else "key")
    assert address.key_header == preset.key_header
    for url in (preset.base_url, preset.fallback_url):
        assert not url or url.startswith("https://") or "//localhost:" in url


def test_the_reference_endpoint() -> None:
    """EvoLink comes first, asks its second address first where there are media, and has extra_body."""
    assert next(iter(PRESETS)) == "evolink"
    address = _resolve(environ={"EVOLINK_API_KEY": "evo"})
    assert address.fallback_url == "https://api.evolink.ai/v1"
    assert address.media_first
    assert address.extra_body
    assert address.key_header == ""


def test_key_variables_are_told_apart() -> None:
    """No two presets share a key variable: which one was meant could not be told."""
    variables = [preset.key_variable for preset in PRESETS.values() if preset.key_variable]
    assert len(variables) == len(set(variables))


def test_azure_sends_its_key_in_its_own_header() -> None:
    """Azure's key goes into the header `api-key`."""
    environ = {"AZURE_OPENAI_ENDPOINT": "https://res.openai.azure.com", "AZURE_OPENAI_API_KEY": "az"}
    assert _resolve("azure/dep", environ=environ).key_header == "api-key"
