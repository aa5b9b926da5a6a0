"""Which rules a request is under: by protocol, host and model name, first match wins.

The table stands at the end. A choice that rests on less than the provider's own host says so in
its note; a guess is never presented as a fact.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from ..errors import RuleError
from .anthropic import ANTHROPIC, ANTHROPIC_CLOUD, ANTHROPIC_COMPATIBLE
from .bedrock import BEDROCK
from .core import CacheRules, bare_model_name
from .dashscope import (
    DASHSCOPE,
    DASHSCOPE_ANTHROPIC,
    DASHSCOPE_COMPATIBLE,
    DASHSCOPE_RESPONSES,
    OPENAI_COMPATIBLE,
    QWEN4,
)
from .minimax import MINIMAX, MINIMAX_OPENAI
from .moonshot import KIMI_CHAT, KIMI_MESSAGES
from .openai import OPENAI, OPENAI_IMPLICIT, OPENAI_RESPONSES, OPENAI_RESPONSES_IMPLICIT
from .openrouter import (
    OPENROUTER,
    OPENROUTER_ANTHROPIC,
    OPENROUTER_ANY,
    OPENROUTER_GEMINI,
    OPENROUTER_OPENAI,
    OPENROUTER_QWEN,
)
from .others import DEEPSEEK, GEMINI_CHAT, GLM, GROQ, NO_MARKERS, XAI
from .responses import DEEPSEEK_RESPONSES, KIMI_RESPONSES, NO_MARKERS_RESPONSES, XAI_RESPONSES

__all__ = [
    "LARGEST_MINIMUM",
    "RULE_TABLE",
    "RuleEntry",
    "Selection",
    "model_version",
    "select_rules",
]

_VERSION = re.compile(r"[a-z]+-?(\d+(?:\.\d+)*)")
_HOST = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """One line of the table: globs for protocol, host and model, and the rules that then hold.

    `since` and `below` narrow a line to a range of version numbers in the model name. A request
    that does not name its host or its model matches a line only if the line's glob is `*` there.
    """

    protocol: str
    host: str
    model: str
    rules: CacheRules
    note: str = ""
    since: tuple[int, ...] = ()
    below: tuple[int, ...] = ()

    def matches(self, protocol: str, host: str, model: str) -> bool:
        """Say whether the line holds for a protocol, a bare host and a bare model name."""
        if not (
            fnmatchcase(protocol, self.protocol)
            and fnmatchcase(host, self.host)
            and fnmatchcase(model, self.model)
        ):
            return False
        if not (self.since or self.below):
            return True
        version = model_version(model)
        return (
            bool(version) and version >= self.since and not (self.below and version >= self.below)
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The rules that hold, and in `note` what the choice does not know; empty if nothing."""

    rules: CacheRules
    note: str = ""


def model_version(model: str) -> tuple[int, ...]:
    """Return the version in a model name as numbers: `gpt-5.10-mini` is `(5, 10)`; `()` if none."""
    match = _VERSION.match(bare_model_name(model))
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def select_rules(
    protocol: str,
    *,
    host: str | None = None,
    model: str | None = None,
    overrides: Sequence[RuleEntry] = (),
) -> Selection:
    """Return the rules of the first line that matches; `overrides` come before the table.

    `host` may be a host name or a base URL. Raises `RuleError` for a protocol without any line.
    """
    bare_host = _bare_host(host or "")
    bare_model = bare_model_name(model or "")
    for entry in overrides:
        if entry.matches(protocol, bare_host, bare_model):
            return Selection(entry.rules, entry.note)
    for entry in RULE_TABLE:
        if entry.matches(protocol, bare_host, bare_model):
            return Selection(entry.rules, _note(entry, bare_host, bare_model))
    known = ", ".join(sorted({entry.protocol for entry in RULE_TABLE}))
    raise RuleError(
        f"no cache rules for protocol {protocol!r}",
        path="protocol",
        advice=f"use one of {known}, or pass rules or a RuleEntry of your own",
    )


def _bare_host(host: str) -> str:
    start = _HOST.match(host)
    authority = re.split(r"[/?#]", host[start.end() :] if start else host, maxsplit=1)[0]
    return authority.rsplit("@", 1)[-1].rsplit(":", 1)[0].lower()


def _note(entry: RuleEntry, host: str, model: str) -> str:
    notes = [entry.note] if entry.note else []
    if not entry.rules.lists(model):
        notes.append(
            f"model {model!r} is not among those that {entry.rules.name} lists for explicit"
            " caching: marks may have no effect"
        )
    if host and entry.host == "*" and entry.model != "*" and not _is_named(entry.protocol, host):
        notes.append(f"host {host!r} is unknown: rules chosen by model name")
    return "; ".join(notes)


def _is_named(protocol: str, host: str) -> bool:
    return any(
        entry.protocol == protocol and entry.host != "*" and fnmatchcase(host, entry.host)
        for entry in RULE_TABLE
    )


_UNKNOWN = (
    "no rule knows this host and model: marks are written as cache_control,"
    " within the limits of DashScope's compatible mode"
)
_QWEN4_CLASSIC = (
    "qwen4: cache_control is accepted with the same meaning; its own form and its longer TTL"
    " are not used"
)
_QWEN4 = (
    "qwen4: how many marks it takes, and where a TTL or an automatic mark is written, is unknown;"
    " four marks at most and no TTL are written"
)
_NO_VERSION = "the model name has no version: no marks are written, OpenAI caches by itself"
_ANY_ANTHROPIC = (
    "no rule knows this host and model: marks of five minutes are written as cache_control,"
    " and none for the request as a whole"
)
_CLOUD = "an automatic mark is refused for older models here and is not written for any"
_OPENROUTER = "no rule knows marks for this model on OpenRouter: none are written"
_ANY_ROUTE = (
    "the model behind OpenRouter is not named: marks are written as cache_control, within the"
    " limits of DashScope's compatible mode"
)
_BY_NAME = "chosen by model name: a service that hosts this model under its own rules may differ"
_NOTHING = "nothing is known of caching here: no marks are written"
_ANY_BEDROCK = "which models cache is not in the rules: a cachePoint may be refused or unused"


def _of_model(glob: str, rules: CacheRules, protocol: str = "openai-chat") -> RuleEntry:
    return RuleEntry(protocol, "*", glob, rules, _BY_NAME)


RULE_TABLE: Final[tuple[RuleEntry, ...]] = (
    # DashScope's own protocol
    RuleEntry("dashscope", "*", "qwen4*", DASHSCOPE, _QWEN4_CLASSIC),
    RuleEntry("dashscope", "*", "*", DASHSCOPE),
    # chat completions, by host
    RuleEntry("openai-chat", "dashscope*.aliyuncs.com", "qwen4*", QWEN4, _QWEN4),
    RuleEntry("openai-chat", "*.maas.aliyuncs.com", "qwen4*", QWEN4, _QWEN4),
    RuleEntry("openai-chat", "dashscope*.aliyuncs.com", "*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*.maas.aliyuncs.com", "*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "openrouter.ai", "claude*", OPENROUTER_ANTHROPIC),
    RuleEntry("openai-chat", "openrouter.ai", "gemini*", OPENROUTER_GEMINI),
    RuleEntry("openai-chat", "openrouter.ai", "qwen*", OPENROUTER_QWEN),
    RuleEntry("openai-chat", "openrouter.ai", "gpt-[0-9]*", OPENROUTER_OPENAI, since=(5, 6)),
    RuleEntry("openai-chat", "openrouter.ai", "gpt-[0-9]*", OPENROUTER),
    RuleEntry("openai-chat", "openrouter.ai", "", OPENROUTER_ANY, _ANY_ROUTE),
    RuleEntry("openai-chat", "openrouter.ai", "auto", OPENROUTER_ANY, _ANY_ROUTE),
    RuleEntry("openai-chat", "openrouter.ai", "*", OPENROUTER, _OPENROUTER),
    RuleEntry("openai-chat", "api.deepseek.com", "*", DEEPSEEK),
    RuleEntry("openai-chat", "open.bigmodel.cn", "*", GLM),
    RuleEntry("openai-chat", "api.z.ai", "*", GLM),
    RuleEntry("openai-chat", "api.moonshot.*", "*", KIMI_CHAT),
    RuleEntry("openai-chat", "api.kimi.com", "*", KIMI_CHAT),
    RuleEntry("openai-chat", "api.minimax*", "*", MINIMAX_OPENAI),
    RuleEntry("openai-chat", "api.x.ai", "*", XAI),
    RuleEntry("openai-chat", "api.groq.com", "*", GROQ),
    RuleEntry("openai-chat", "generativelanguage.googleapis.com", "*", GEMINI_CHAT),
    RuleEntry("openai-chat", "api.mistral.ai", "*", NO_MARKERS, _NOTHING),
    # chat completions, by model
    RuleEntry("openai-chat", "*", "gpt-oss*", OPENAI_COMPATIBLE, _UNKNOWN),
    RuleEntry("openai-chat", "*", "gpt-35*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "gpt-[0-9]*", OPENAI, since=(5, 6)),
    RuleEntry("openai-chat", "*", "gpt-[0-9]*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "gpt-*", OPENAI_IMPLICIT, _NO_VERSION),
    RuleEntry("openai-chat", "*", "chatgpt-*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "o[134]", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "o[134]-*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "api.openai.com", "*", OPENAI_IMPLICIT, _NO_VERSION),
    RuleEntry("openai-chat", "*", "qwen4*", QWEN4, _QWEN4),
    RuleEntry("openai-chat", "*", "qwen*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*", "qwq*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*", "qvq*", DASHSCOPE_COMPATIBLE),
    _of_model("deepseek-*", DEEPSEEK),
    _of_model("glm-*", GLM),
    _of_model("kimi-*", KIMI_CHAT),
    _of_model("moonshot-*", KIMI_CHAT),
    _of_model("minimax*", MINIMAX_OPENAI),
    _of_model("grok-*", XAI),
    _of_model("gemini-*", GEMINI_CHAT),
    RuleEntry("openai-chat", "*", "*", OPENAI_COMPATIBLE, _UNKNOWN),
    # Anthropic's Messages
    RuleEntry("anthropic", "api.anthropic.com", "*", ANTHROPIC),
    RuleEntry("anthropic", "bedrock-runtime.*.amazonaws.com", "*", ANTHROPIC_CLOUD, _CLOUD),
    RuleEntry("anthropic", "*aiplatform.googleapis.com", "*", ANTHROPIC_CLOUD, _CLOUD),
    RuleEntry("anthropic", "*.aliyuncs.com", "qwen4*", DASHSCOPE_ANTHROPIC, _QWEN4_CLASSIC),
    RuleEntry("anthropic", "*.aliyuncs.com", "*", DASHSCOPE_ANTHROPIC),
    RuleEntry("anthropic", "api.minimax*", "*", MINIMAX),
    RuleEntry("anthropic", "api.moonshot.*", "*", KIMI_MESSAGES),
    RuleEntry("anthropic", "api.kimi.com", "*", KIMI_MESSAGES),
    RuleEntry("anthropic", "*", "claude-*", ANTHROPIC),
    RuleEntry("anthropic", "*", "*anthropic.claude-*", ANTHROPIC_CLOUD, _CLOUD),
    RuleEntry("anthropic", "*", "qwen4*", DASHSCOPE_ANTHROPIC, _QWEN4_CLASSIC),
    _of_model("qwen*", DASHSCOPE_ANTHROPIC, "anthropic"),
    _of_model("minimax*", MINIMAX, "anthropic"),
    _of_model("kimi-*", KIMI_MESSAGES, "anthropic"),
    _of_model("moonshot-*", KIMI_MESSAGES, "anthropic"),
    RuleEntry("anthropic", "*", "*", ANTHROPIC_COMPATIBLE, _ANY_ANTHROPIC),
    # Bedrock Converse
    RuleEntry("bedrock-converse", "*", "*claude*", BEDROCK),
    RuleEntry("bedrock-converse", "bedrock-runtime.*.amazonaws.com", "*", BEDROCK, _ANY_BEDROCK),
    RuleEntry("bedrock-converse", "*", "*", BEDROCK, _ANY_BEDROCK),
    # Responses
    RuleEntry("openai-responses", "dashscope*.aliyuncs.com", "*", DASHSCOPE_RESPONSES),
    RuleEntry("openai-responses", "*.maas.aliyuncs.com", "*", DASHSCOPE_RESPONSES),
    RuleEntry("openai-responses", "api.deepseek.com", "*", DEEPSEEK_RESPONSES),
    RuleEntry("openai-responses", "api.moonshot.*", "*", KIMI_RESPONSES),
    RuleEntry("openai-responses", "api.kimi.com", "*", KIMI_RESPONSES),
    RuleEntry("openai-responses", "api.x.ai", "*", XAI_RESPONSES),
    RuleEntry("openai-responses", "*", "gpt-oss*", NO_MARKERS_RESPONSES, _NOTHING),
    RuleEntry("openai-responses", "*", "gpt-[0-9]*", OPENAI_RESPONSES, since=(5, 6)),
    RuleEntry("openai-responses", "*", "gpt-[0-9]*", OPENAI_RESPONSES_IMPLICIT),
    RuleEntry("openai-responses", "*", "o[134]", OPENAI_RESPONSES_IMPLICIT),
    RuleEntry("openai-responses", "*", "o[134]-*", OPENAI_RESPONSES_IMPLICIT),
    RuleEntry("openai-responses", "api.openai.com", "*", OPENAI_RESPONSES_IMPLICIT, _NO_VERSION),
    RuleEntry("openai-responses", "*", "*", NO_MARKERS_RESPONSES, _NOTHING),
)
"""First match wins. Vendors' names are facts and stand here only."""

LARGEST_MINIMUM: Final = max(
    figure
    for entry in RULE_TABLE
    for figure in (
        entry.rules.min_tokens or 0,
        *(figure for _, figure in entry.rules.min_tokens_by_model),
    )
)
"""In tokens: what has as many is over every minimum that is known."""
