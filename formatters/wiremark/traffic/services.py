"""Which service a request is for: by its path, and by a host where the path is everyone's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from ..replay.services import DIALECTS
from ..validation.registry import SPEAKS

__all__ = [
    "SERVICES",
    "Family",
    "Service",
    "Wire",
    "family_at",
    "host_before",
    "host_named",
    "service_at",
    "service_for",
]

Wire: TypeAlias = Literal["chat", "responses", "messages", "native"]
"""The form of answers: OpenAI's chat completions and Responses, Anthropic's Messages, DashScope's
own."""

Family: TypeAlias = Literal[
    "openai", "openrouter", "anthropic", "compatible", "native", "dashscope-messages"
]
"""Whose errors, and whose extra fields; `compatible` is DashScope in OpenAI's form, and
`dashscope-messages` in Anthropic's."""

_DASHSCOPE: Final = "dashscope.aliyuncs.com"
_OPENROUTER: Final = "openrouter.ai"


@dataclass(frozen=True, slots=True)
class Service:
    """An endpoint: the form of its answers, the protocol it is judged as, the host of its rules."""

    wire: Wire
    family: Family
    protocol: str
    host: str | None
    multimodal: bool = False

    @property
    def form(self) -> str:
        """Return the wire form that the rules go by."""
        return SPEAKS.get(self.protocol, (self.protocol, None))[0]


_CHAT: Final = Service("chat", "openai", "openai-chat", None)
_MESSAGES: Final = Service("messages", "anthropic", "anthropic", None)
_COMPATIBLE: Final = Service("chat", "compatible", "openai-dashscope", _DASHSCOPE)
_RESPONSES: Final = Service("responses", "openai", "openai-responses", None)
_SESSIONS: Final = Service("responses", "compatible", "openai-responses", _DASHSCOPE)
_ROUTER: Final = Service("chat", "openrouter", "openrouter", _OPENROUTER)
_NATIVE: Final = "/api/v1/services/aigc"

SERVICES: Final[Mapping[str, Service]] = {
    "/v1/chat/completions": _CHAT,
    "/chat/completions": _CHAT,
    "/compatible-mode/v1/chat/completions": _COMPATIBLE,
    "/api/v1/chat/completions": _ROUTER,
    "/v1/responses": _RESPONSES,
    "/responses": _RESPONSES,
    "/compatible-mode/v1/responses": _SESSIONS,
    # as it was called before (compatibility-with-openai-responses-api, read 2026-11-21)
    "/api/v2/apps/protocols/compatible-mode/v1/responses": _SESSIONS,
    "/v1/messages": _MESSAGES,
    "/apps/anthropic/v1/messages": replace(_MESSAGES, host=_DASHSCOPE, family="dashscope-messages"),
    f"{_NATIVE}/text-generation/generation": Service(
        "native", "native", "dashscope-text", _DASHSCOPE
    ),
    f"{_NATIVE}/multimodal-generation/generation": Service(
        "native", "native", "dashscope-multimodal", _DASHSCOPE, multimodal=True
    ),
}
"""What answers a `POST`, by path."""


def host_named(name: str | None) -> str | None:
    """Return the host of a service named as `wiremark replay` names it; any other is a host."""
    return DIALECTS[name].host if name is not None and name in DIALECTS else name


_HOST: Final = re.compile(r"/([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})(/.*)", re.IGNORECASE)


def host_before(path: str) -> tuple[str | None, str]:
    """Return the host that a path begins with, as in `/api.deepseek.com/v1`, and the rest of it."""
    found = _HOST.fullmatch(path)
    return (found[1].lower(), found[2]) if found else (None, path)


def service_at(path: str) -> Service | None:
    """Return the service at a path, `None` where there is none."""
    return SERVICES.get(path.rstrip("/"))


def service_for(service: Service, host: str | None, version: str | None) -> Service:
    """Return the service at a host of the caller's, in the version that a header names."""
    host = service.host or host
    versioned = f"anthropic-{version}"
    known = service.wire == "messages" and service.host is None and versioned in SPEAKS
    protocol = versioned if known else service.protocol
    family = service.family
    if service == _MESSAGES and host is not None and host.endswith(".aliyuncs.com"):
        family = "dashscope-messages"
    if service == _RESPONSES and host is not None and host.endswith(".aliyuncs.com"):
        family = "compatible"
    if service == _CHAT and host is not None:
        if host.endswith(".aliyuncs.com"):
            family, protocol = "compatible", "openai-dashscope"
        elif host == _OPENROUTER:
            family, protocol = "openrouter", "openrouter"
    return replace(service, host=host, protocol=protocol, family=family)


def family_at(path: str) -> Family:
    """Return whose errors are told at a path that nothing stands at."""
    if path.startswith(("/compatible-mode/", "/api/v2/apps/protocols/compatible-mode/")):
        return "compatible"
    if path.startswith("/apps/anthropic/"):
        return "dashscope-messages"
    if path.startswith("/v1/messages"):
        return "anthropic"
    if path.startswith(("/api/v1/services/", "/api/v1/uploads", "/api/v1/tasks")):
        return "native"
    return "openrouter" if path.startswith("/api/v1/") else "openai"
