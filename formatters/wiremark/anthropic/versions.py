"""What differs between versions of the Messages API and between its models, as data.

Nothing here is known of hosts that only speak the same protocol: they get what every version takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Final

from ..errors import OptionError
from ..rules import bare_model_name

__all__ = [
    "API_VERSIONS",
    "ApiVersion",
    "takes_adaptive_thinking",
    "takes_budgets",
    "takes_system_messages",
    "version_named",
]


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """A value of the header `anthropic-version`, and what its requests may hold.

    sampling: temperature, top_p and top_k.
    assistant_documents: documents in assistant messages.
    source, read: where that was read, and when.
    """

    name: str
    sampling: bool = True
    assistant_documents: bool = True
    source: str = ""
    read: str = "2026-11-21"


API_VERSIONS: Final[Mapping[str, ApiVersion]] = MappingProxyType(
    {
        each.name: each
        for each in (
            ApiVersion("2023-06-01", source="https://platform.claude.com/docs/en/api/versioning"),
            ApiVersion(
                "2026-10-21",
                sampling=False,
                assistant_documents=False,
                source="anthropic 2.11.0, which sends this version",
            ),
        )
    }
)
"""The versions by name. Compatible services document the older one."""


def version_named(name: str) -> ApiVersion:
    """Return a version by name; raises `OptionError` for one that is not known."""
    if name in API_VERSIONS:
        return API_VERSIONS[name]
    raise OptionError(
        f"unknown version {name!r} of the Messages API",
        path="api_version",
        advice=f"use one of {', '.join(API_VERSIONS)}",
    )


_SYSTEM_MESSAGES: Final = ("claude-opus-4-8*", "claude-opus-5*", "claude-fable-5*")
"""Models that take system messages behind a user turn; others answer 400.

https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages (read
2026-11-21 as cited in https://github.com/elgorro/aiquila/issues/413 of 2026-07-31 and
https://github.com/truefoundry/models/pull/2825 of 2026-09-08). Sonnet 5 is disputed.
"""

_ADAPTIVE: Final = (
    "claude-opus-4-[678]*",
    "claude-sonnet-4-6*",
    "claude-opus-5*",
    "claude-sonnet-5*",
    "claude-haiku-5*",
    "claude-fable-*",
    "claude-mythos-*",
)
"""Models that decide themselves how much to think.

https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking (read 2026-11-21 as cited in
https://github.com/langchain-ai/langchain/pull/36293 and https://github.com/anomalyco/opencode/pull/34673).
"""

_NO_BUDGETS: Final = ("claude-opus-4-7*", "claude-opus-4-8*")
"""Models that answer 400 to a thinking budget: https://github.com/elizaOS/eliza/issues/16149."""


def _matches(globs: tuple[str, ...], model: str | None) -> bool:
    name = bare_model_name(model or "")
    return any(fnmatchcase(name, glob) for glob in globs)


def takes_system_messages(model: str | None) -> bool:
    """Say whether Anthropic documents system messages behind a user turn for a model."""
    return _matches(_SYSTEM_MESSAGES, model)


def takes_adaptive_thinking(model: str | None) -> bool:
    """Say whether a model takes thinking without a budget."""
    return _matches(_ADAPTIVE, model)


def takes_budgets(model: str | None) -> bool:
    """Say whether a model takes a thinking budget, as far as is known."""
    return not _matches(_NO_BUDGETS, model)
