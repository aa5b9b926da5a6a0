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
from .core import CacheRules, bare_model_name
from .dashscope import DASHSCOPE, DASHSCOPE_COMPATIBLE, OPENAI_COMPATIBLE
from .openai import OPENAI, OPENAI_IMPLICIT

__all__ = ["RULE_TABLE", "RuleEntry", "Selection", "model_version", "select_rules"]

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
    if host and entry.host == "*" and entry.model != "*" and not _is_named(host):
        notes.append(f"host {host!r} is unknown: rules chosen by model name")
    return "; ".join(notes)


def _is_named(host: str) -> bool:
    return any(entry.host != "*" and fnmatchcase(host, entry.host) for entry in RULE_TABLE)


_UNKNOWN = (
    "no rule knows this host and model: marks are written as cache_control,"
    " within the limits of DashScope's compatible mode"
)
_QWEN4 = (
    "qwen4: cache_control is accepted with the same meaning; its own form and its longer TTL"
    " are not used"
)
_NO_VERSION = "the model name has no version: no marks are written, OpenAI caches by itself"

RULE_TABLE: Final[tuple[RuleEntry, ...]] = (
    RuleEntry("dashscope", "*", "qwen4*", DASHSCOPE, _QWEN4),
    RuleEntry("dashscope", "*", "*", DASHSCOPE),
    RuleEntry("openai-chat", "dashscope*.aliyuncs.com", "qwen4*", DASHSCOPE_COMPATIBLE, _QWEN4),
    RuleEntry("openai-chat", "*.maas.aliyuncs.com", "qwen4*", DASHSCOPE_COMPATIBLE, _QWEN4),
    RuleEntry("openai-chat", "dashscope*.aliyuncs.com", "*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*.maas.aliyuncs.com", "*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*", "gpt-oss*", OPENAI_COMPATIBLE, _UNKNOWN),
    RuleEntry("openai-chat", "*", "gpt-35*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "gpt-[0-9]*", OPENAI, since=(5, 6)),
    RuleEntry("openai-chat", "*", "gpt-[0-9]*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "gpt-*", OPENAI_IMPLICIT, _NO_VERSION),
    RuleEntry("openai-chat", "*", "chatgpt-*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "o[134]", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "*", "o[134]-*", OPENAI_IMPLICIT),
    RuleEntry("openai-chat", "api.openai.com", "*", OPENAI_IMPLICIT, _NO_VERSION),
    RuleEntry("openai-chat", "*", "qwen4*", DASHSCOPE_COMPATIBLE, _QWEN4),
    RuleEntry("openai-chat", "*", "qwen*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*", "qwq*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*", "qvq*", DASHSCOPE_COMPATIBLE),
    RuleEntry("openai-chat", "*", "*", OPENAI_COMPATIBLE, _UNKNOWN),
)
"""First match wins. Vendors' names are facts and stand here only."""
