"""OpenAI: implicit caching before GPT-5.6, breakpoints from GPT-5.6 on; in chat and Responses."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .core import Affinity, CacheRules, Implicit, Source

__all__ = ["OPENAI", "OPENAI_IMPLICIT", "OPENAI_RESPONSES", "OPENAI_RESPONSES_IMPLICIT"]

_READ = "2026-11-21"
_GUIDE = Source("https://developers.openai.com/api/docs/guides/prompt-caching", _READ)
_SDK = Source("https://github.com/openai/openai-python", _READ, "3.52.0, docstrings and types")
_KEY = (Affinity("body", "prompt_cache_key"),)
_LEGACY = (("functions", "tools"), ("function_call", "tool_choice"))
_DEPRECATED = Source(_SDK.url, _READ, "3.52.0, 'Deprecated' in completion_create_params")
_MEDIA = Source(
    "https://github.com/openai/openai-node/issues/1030",
    _READ,
    "status 400; the same of a tool message in https://github.com/OpenHands/OpenHands/issues/7700;"
    " GPT-5.2 does not refuse it there, and does not see the image:"
    " https://github.com/openai/openai-openapi/issues/523",
)
_MEDIA_TEXT = (
    "Invalid '{path}'. Image URLs are only allowed for messages with role 'user', but this message"
    " with role '{role}' contains an image URL."
)

OPENAI_IMPLICIT: Final = CacheRules(
    name="openai-implicit",
    protocol="openai-chat",
    implicit=Implicit(min_tokens=2048, rounding=128),
    error_texts={"media-out-of-place": _MEDIA_TEXT},
    media_roles=("user",),
    legacy_fields=_LEGACY,
    affinity=_KEY,
    sources={
        "error_texts": _MEDIA,
        "media_roles": _MEDIA,
        "legacy_fields": _DEPRECATED,
        "implicit": Source(
            _GUIDE.url,
            _READ,
            "minimum 2,048 as of 2026-09-02, 'varies by request settings' as of 2026-09-23",
        ),
        "affinity": _GUIDE,
    },
)
"""OpenAI before GPT-5.6: caches by itself, takes no marks."""

OPENAI: Final = CacheRules(
    name="openai",
    protocol="openai-chat",
    marker="prompt_cache_breakpoint",
    max_marks=4,
    implicit_marks=1,
    over_limit="last-win",
    ttls=("30m", "12h"),
    default_ttl="30m",
    kinds=frozenset({"text", "image", "audio", "file"}),
    error_texts={"media-out-of-place": _MEDIA_TEXT},
    media_roles=("user",),
    legacy_fields=(*_LEGACY, ("prompt_cache_retention", "prompt_cache_options")),
    lookback_breakpoints=80,
    min_tokens=1024,
    write_multipliers={"30m": 1.25},
    read_multiplier=0.1,
    implicit=Implicit(min_tokens=1024, read_multiplier=0.1),
    affinity=_KEY,
    sources={
        "marker": _SDK,
        "max_marks": _GUIDE,
        "implicit_marks": Source(
            _GUIDE.url,
            _READ,
            "mode implicit, the default: one implicit and the latest three explicit;"
            " 0 in mode explicit",
        ),
        "over_limit": _GUIDE,
        "ttls": Source(
            _SDK.url,
            _READ,
            "of a breakpoint; prompt_cache_options of chat completions take 30m only;"
            " OpenAPI of 2026-08 knows no ttl of a breakpoint",
        ),
        "default_ttl": _SDK,
        "kinds": Source(_SDK.url, _READ, "text, image, input_audio and file parts; not tools"),
        "error_texts": _MEDIA,
        "media_roles": _MEDIA,
        "legacy_fields": _DEPRECATED,
        "lookback_breakpoints": Source(
            _GUIDE.url, _READ, "reference: latest 80; guide: the first 2 and the latest 50"
        ),
        "min_tokens": Source(_GUIDE.url, _READ, "visible tokens"),
        "write_multipliers": _GUIDE,
        "read_multiplier": _GUIDE,
        "implicit": _GUIDE,
        "affinity": Source(_GUIDE.url, _READ, "for accounting and isolation only"),
    },
)
"""OpenAI from GPT-5.6 on: explicit breakpoints beside the implicit one."""

_ITEMS = Source(
    _SDK.url,
    _READ,
    "3.52.0, types/responses: a breakpoint on input_text, input_image and input_file, in messages"
    " and in what a tool gave back; not on output_text, instructions or tools",
)
_RETENTION = (("prompt_cache_retention", "prompt_cache_options"),)
_RETIRED = Source(_SDK.url, _READ, "3.52.0, 'Deprecated' in response_create_params")


def _sources(rules: CacheRules, **more: Source) -> dict[str, Source]:
    """Return the sources of chat rules without those of what Responses have not."""
    kept = {key: source for key, source in rules.sources.items() if key not in _CHAT_ONLY}
    return {**kept, **more}


_MOVED = (
    "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to 'input'."
    " Try again with the new parameter. See the API documentation for more information:"
    " https://platform.openai.com/docs/api-reference/responses/create."
)
_REFUSED = (
    *((name, f"Unknown parameter: '{name}'.") for name in ("n", "seed", "logprobs", "max_tokens")),
    ("stop", "Unknown parameter: 'stop'. Did you mean 'store'?"),
    ("messages", _MOVED),
)
_MEASURED = Source(
    "https://github.com/kangminlee-maker/local-OAuth-CLI-API-adapter",
    _READ,
    "test/openai-responses-validation-parity.test.mjs: status 400, each measured at gpt-5.6-terra"
    " on 2026-08-30; also openJiuwen-ai/agent-core#768 for stop, madox2/vim-ai#162 for messages",
)
_CHAT_ONLY = ("error_texts", "media_roles", "legacy_fields")

OPENAI_RESPONSES_IMPLICIT: Final = replace(
    OPENAI_IMPLICIT,
    name="openai-responses-implicit",
    protocol="openai-responses",
    error_texts={},
    media_roles=(),
    legacy_fields=(),
    refused_fields=_REFUSED,
    sources=_sources(OPENAI_IMPLICIT, refused_fields=_MEASURED),
)
"""OpenAI's Responses before GPT-5.6: caches by itself, takes no marks."""

OPENAI_RESPONSES: Final = replace(
    OPENAI,
    name="openai-responses",
    protocol="openai-responses",
    kinds=frozenset({"text", "image", "file"}),
    error_texts={},
    media_roles=(),
    legacy_fields=_RETENTION,
    refused_fields=_REFUSED,
    sources=_sources(
        OPENAI,
        refused_fields=_MEASURED,
        kinds=_ITEMS,
        legacy_fields=_RETIRED,
        ttls=Source(_SDK.url, _READ, "of a breakpoint, and of prompt_cache_options here"),
    ),
)
"""OpenAI's Responses from GPT-5.6 on: breakpoints on the parts of input items."""
