"""Providers of OpenAI-compatible endpoints, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DEFAULT_MODEL", "EMBEDDED", "PRESETS", "Preset"]

DEFAULT_MODEL = "gemini-2.5-flash-lite"
"""The reference endpoint's own default."""


EMBEDDED = "local/smollm2-135m"
"""The embedded model, which needs no endpoint elsewhere."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """One provider: `name/MODEL` means it.

    `fallback_url` is the second address of the same provider, asked first where a document has
    `media_first`. `key_variable` and `url_variable` are its environment variables (`url_path` completes
    an address without a path), `key_header` how the key is sent (`Authorization: Bearer` where that is empty).
    Without a key, `keyless` ones work too.
    """

    name: str
    base_url: str
    dialect: str
    model: str = ""
    fallback_url: str = ""
    media_first: bool = False
    key_variable: str = ""
    url_variable: str = ""
    url_path: str = "/v1"
    key_header: str = ""
    context: int = 0  # tokens that a request to its default model may take; 0 where that is not known
    keyless: bool = False
    extra_body: bool = False  # whether its body has a field of that name
    demonstrate: bool = False  # whether its default model is so small that it must be shown the task


PRESETS: Mapping[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="evolink",
            base_url="https://direct.evolink.ai/v1",
            fallback_url="https://api.evolink.ai/v1",
            media_first=True,
            dialect="evolink",
            model=DEFAULT_MODEL,
            context=1_048_576,
            key_variable="EVOLINK_API_KEY",
            extra_body=True,
        ),
        Preset(
            name="openai",
            base_url="https://api.openai.com/v1",
            dialect="openai",
            model="gpt-4.1-mini",
            context=1_047_576,
            key_variable="OPENAI_API_KEY",
        ),
        Preset(
            name="gemini",
            base_url="https://generativelanguage.googleapis.com/v1beta/openai",
            dialect="gemini",
            model=DEFAULT_MODEL,
            context=1_048_576,
            key_variable="GEMINI_API_KEY",
            extra_body=True,
        ),
        Preset(
            name="openrouter",
            base_url="https://openrouter.ai/api/v1",
            dialect="openrouter",
            model="google/gemini-2.5-flash-lite",
            context=1_048_576,
            key_variable="OPENROUTER_API_KEY",
        ),
        Preset(
            name="groq",
            base_url="https://api.groq.com/openai/v1",
            dialect="groq",
            model="openai/gpt-oss-20b",
            context=131_072,
            key_variable="GROQ_API_KEY",
        ),
        Preset(
            name="mistral",
            base_url="https://api.mistral.ai/v1",
            dialect="mistral",
            model="mistral-small-latest",
            context=131_072,
            key_variable="MISTRAL_API_KEY",
        ),
        Preset(
            name="deepseek",
            base_url="https://api.deepseek.com/v1",
            dialect="deepseek",
            model="deepseek-chat",
            context=131_072,
            key_variable="DEEPSEEK_API_KEY",
        ),
        Preset(
            name="together",
            base_url="https://api.together.xyz/v1",
            dialect="together",
            model="openai/gpt-oss-20b",
            context=131_072,
            key_variable="TOGETHER_API_KEY",
        ),
        Preset(
            name="fireworks",
            base_url="https://api.fireworks.ai/inference/v1",
            dialect="fireworks",
            model="accounts/fireworks/models/gpt-oss-20b",
            context=131_072,
            key_variable="FIREWORKS_API_KEY",
        ),
        Preset(
            name="xai",
            base_url="https://api.x.ai/v1",
            dialect="xai",
            model="grok-3-mini",
            context=131_072,
            key_variable="XAI_API_KEY",
        ),
        Preset(
            name="cerebras",
            base_url="https://api.cerebras.ai/v1",
            dialect="cerebras",
            model="gpt-oss-120b",
            context=131_072,
            key_variable="CEREBRAS_API_KEY",
        ),
        Preset(
            name="anthropic",
            base_url="https://api.anthropic.com/v1",
            dialect="anthropic",
            model="claude-haiku-4-5",
            context=200_000,
            key_variable="ANTHROPIC_API_KEY",
        ),
        Preset(
            name="azure",
            base_url="",  # every resource has its own: https://NAME.openai.azure.com/openai/v1
            dialect="azure",
            key_variable="AZURE_OPENAI_API_KEY",
            url_variable="AZURE_OPENAI_ENDPOINT",
            url_path="/openai/v1",
            key_header="api-key",
        ),
        Preset(name="ollama", base_url="http://localhost:11434/v1", dialect="ollama", keyless=True),
        Preset(name="vllm", base_url="http://localhost:8000/v1", dialect="vllm", keyless=True),
        Preset(name="sglang", base_url="http://localhost:30000/v1", dialect="sglang", keyless=True),
        Preset(name="lmstudio", base_url="http://localhost:1234/v1", dialect="lmstudio", keyless=True),
        # The embedded endpoint: its address is known once it has been started.
        Preset(
            name="local",
            base_url="",
            dialect="llama.cpp",
            model=EMBEDDED.partition("/")[2],
            keyless=True,
            demonstrate=True,
        ),
    )
}
