"""The forms a body can be converted to, and how settings find their fields there, as data.

Names of fields: anthropic 2.11.0, botocore 1.44.5, openai 3.52.0, OpenRouter's SDK 1.3.84, and
Model Studio's reference, all read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..anthropic import AnthropicChatFormatter
from ..base import BaseFormatter
from ..base.values import copy_json
from ..bedrock import BedrockConverseFormatter
from ..dashscope import DashScopeChatFormatter
from ..errors import OptionError
from ..findings import Finding
from ..messages import GenerateOptions
from ..openai import OpenAIChatFormatter
from .conversation import Conversation, not_carried

__all__ = ["TARGETS", "Settings", "Target", "settings_for", "target_named"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A form to convert to.

    `host`: whose cache rules hold, if the caller names no other. `fields`: meaning of a setting to
    its field in the body. `plain`: options that are fields of the same name, which the formatter
    leaves to additional parameters. `refuses`: options that the formatter would send and the
    service does not know.
    """

    protocol: str
    formatter: Callable[..., BaseFormatter]
    host: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    plain: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()


_CHAT: Final = {
    name: name
    for name in (
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "logit_bias",
        "modalities",
        "seed",
    )
}
_QWEN: Final = {
    **_CHAT,
    **{
        name: name
        for name in (
            "repetition_penalty",
            "search_options",
            "preserve_thinking",
            "vl_high_resolution_images",
            "enable_code_interpreter",
            "translation_options",
            "asr_options",
        )
    },
}
_CLAUDE: Final = {"thinking": "thinking", "output_config": "output_config"}

TARGETS: Final[Mapping[str, Target]] = {
    "dashscope": Target(
        protocol="dashscope",
        formatter=DashScopeChatFormatter,
        fields=_QWEN,
        plain=("max_completion_tokens",),
    ),
    "dashscope-compatible": Target(
        protocol="openai-chat",
        formatter=OpenAIChatFormatter,
        host="dashscope.aliyuncs.com",
        fields=_QWEN,
        plain=("top_k", "enable_thinking", "enable_search"),
    ),
    "openai-chat": Target(
        protocol="openai-chat",
        formatter=OpenAIChatFormatter,
        fields={**_CHAT, "user": "user"},
        refuses=("thinking_budget",),
    ),
    "openrouter": Target(
        protocol="openai-chat",
        formatter=OpenAIChatFormatter,
        host="openrouter.ai",
        fields={**_CHAT, "user": "user", "repetition_penalty": "repetition_penalty"},
        plain=("top_k",),
        refuses=("thinking_budget",),
    ),
    "anthropic": Target(
        protocol="anthropic",
        formatter=AnthropicChatFormatter,
        fields={**_CLAUDE, "stop": "stop_sequences", "user": "metadata"},
    ),
    "bedrock-converse": Target(
        protocol="bedrock-converse",
        formatter=BedrockConverseFormatter,
        fields={**_CLAUDE, "stop": "stopSequences"},
    ),
}
"""The forms by name."""

_OWN_WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "anthropic": {"stop_sequences": "stop"},
    "bedrock-converse": {"stopSequences": "stop"},
}
"""Where a protocol's field has another name than its meaning."""

_INSIDE: Final = "additionalModelRequestFields"
_SAID_BY_STREAM: Final = ("incremental_output",)
"""Extras that say what `stream` says already."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a formatter is handed, what was wanted, and what is known to be lost.

    `wanted` are the conversation's options and those that its extras stand for; `carried` names
    the ones among them that the body says in words that are not read back.
    """

    options: GenerateOptions
    wanted: GenerateOptions
    carried: frozenset[str]
    lost: tuple[Finding, ...]


def settings_for(conversation: Conversation, target: Target) -> Settings:
    """Return the options for a target, each extra in its field there or among what is lost."""
    body: dict[str, Any] = {}
    lost: list[Finding] = []
    wanted = conversation.options
    carried: frozenset[str] = frozenset()
    if conversation.protocol == target.protocol:
        body.update(copy_json(conversation.extras))
        if isinstance(body.get("stop"), str) and target.protocol == "openai-chat":
            body["stop"] = [body["stop"]]  # the formatter takes lists alone
        options, plain = wanted, (*_LEFT[target.protocol], *target.plain)
    else:
        wanted = wanted.model_copy(update=_map_extras(conversation, target, body, lost))
        options = wanted.model_copy(update=dict.fromkeys(target.refuses))
        plain = target.plain
        if target.host == "openrouter.ai":
            carried = _say_reasoning(wanted, body)
    changes: dict[str, Any] = {}
    if target.protocol == "dashscope" and options.enable_thinking is not True:
        plain += ("thinking_budget",)  # the formatter takes a budget with thinking alone
    for name in plain:
        value = getattr(options, name)
        if value is not None and name not in body:
            body[name] = value
            changes[name] = None
    changes["additional_body_params"] = body
    return Settings(options.model_copy(update=changes), wanted, carried, tuple(lost))


_LEFT: Final[Mapping[str, tuple[str, ...]]] = {
    "openai-chat": ("top_k", "enable_thinking", "enable_search"),
    "dashscope": ("max_completion_tokens", "reasoning_effort"),
    "anthropic": (),
    "bedrock-converse": (),
}
"""Options that a protocol has fields for and its formatter leaves to additional parameters."""


def _map_extras(
    conversation: Conversation, target: Target, body: dict[str, Any], lost: list[Finding]
) -> dict[str, Any]:
    """Put extras into `body` under the target's names; return the options that others stand for."""
    options: dict[str, Any] = {}
    words = _OWN_WORDS.get(conversation.protocol, {})
    extras = dict(conversation.extras)
    for name, value in extras.pop(_INSIDE, {}).items():
        extras[f"{_INSIDE}.{name}"] = value
    for name, value in extras.items():
        meaning = words.get(name, name.removeprefix(f"{_INSIDE}."))
        if _is_user(name, value):
            meaning, value = "user", value["user_id"]  # noqa: PLW2901
        sent = _field(meaning, conversation, target)
        wanted = _as_sent(meaning, value, sent)
        if sent is not None and wanted is not None:
            body[sent] = copy_json(wanted)
        elif meaning in ("thinking", "reasoning") and isinstance(value, Mapping):
            found, rest = _thinking_options(value)
            options.update(found)
            lost += [
                not_carried(f"{conversation.place(name)}.{key}", f"`{key}` is not carried")
                for key in rest
            ]
        elif not (name in _SAID_BY_STREAM or (name == "n" and value == 1)):
            lost.append(not_carried(conversation.place(name), f"`{name}` is not carried"))
    return options


def _is_user(name: str, value: Any) -> bool:
    return name == "metadata" and isinstance(value, Mapping) and set(value) == {"user_id"}


def _as_sent(meaning: str, value: Any, sent: str | None) -> Any:
    """Return a setting in the form of the field it goes to; None if it has no such form."""
    if meaning == "stop":
        stops = [value] if isinstance(value, str) else value
        strings = isinstance(stops, list) and all(isinstance(item, str) for item in stops)
        return stops if strings else None
    if meaning == "user" and sent == "metadata":
        return {"user_id": value}
    return value


_THINKING: Final = {
    "enabled": "enable_thinking",
    "budget_tokens": "thinking_budget",
    "max_tokens": "thinking_budget",
    "effort": "reasoning_effort",
}


def _thinking_options(value: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return thinking in the words of GLM, OpenRouter or Claude as options, and what is left.

    A budget means that there is thinking.
    """
    out: dict[str, Any] = {}
    rest = []
    for key, item in value.items():
        if key == "type" and item in ("enabled", "disabled", "adaptive"):
            out["enable_thinking"] = item != "disabled"
        elif key in _THINKING:
            out[_THINKING[key]] = item
        elif item is not None:
            rest.append(key)
    return ({"enable_thinking": True, **out} if "thinking_budget" in out else out), rest


def _field(meaning: str, conversation: Conversation, target: Target) -> str | None:
    """Return the field of a target for a setting; Claude's words mean what they say to Claude."""
    if meaning in _CLAUDE and conversation.protocol not in ("anthropic", "bedrock-converse"):
        return None
    return target.fields.get(meaning)


def _say_reasoning(options: GenerateOptions, body: dict[str, Any]) -> frozenset[str]:
    """Write thinking in OpenRouter's words; return the options that this says."""
    if options.enable_thinking is not False and options.thinking_budget is not None:
        body["reasoning"] = {"max_tokens": options.thinking_budget}
    elif options.enable_thinking is not None:
        body["reasoning"] = {"enabled": options.enable_thinking}
    else:
        return frozenset()
    return frozenset(("thinking_budget", "enable_thinking"))


def target_named(name: str) -> Target:
    """Return a target; an unknown name is an `OptionError`."""
    if name in TARGETS:
        return TARGETS[name]
    raise OptionError(
        f"{name!r} is no form to convert to",
        path="target",
        advice=f"use one of {', '.join(TARGETS)}",
    )
