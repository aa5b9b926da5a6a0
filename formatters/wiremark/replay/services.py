"""Services a session can be replayed for, and which of them a recorded request went to.

Forms, hosts, models and the cache rules that they select; bodies are looked at for their form only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

from ..errors import MessageError, OptionError
from ..rules import CacheRules, Selection, bare_model_name, select_rules
from ..validation import detect_protocol
from .model import TraceRequest

__all__ = ["DIALECTS", "Dialect", "Service", "dialect_named", "form_of", "with_forms"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """A service that a session can be replayed for.

    form: the wire form of its bodies; host: whose rules hold where no other is named
    model: what is assumed where the trace names none of its models; models: globs of these
    """

    form: str
    host: str | None
    model: str
    models: tuple[str, ...]


_ON_DASHSCOPE: Final = ("qwen*", "qwq*", "qvq*", "deepseek-*", "glm-*", "kimi-*", "minimax*")

DIALECTS: Final[Mapping[str, Dialect]] = {
    "dashscope": Dialect("dashscope", "dashscope.aliyuncs.com", "qwen-plus", _ON_DASHSCOPE),
    "dashscope-compatible": Dialect(
        "openai-chat", "dashscope.aliyuncs.com", "qwen-plus", _ON_DASHSCOPE
    ),
    "openai-chat": Dialect("openai-chat", None, "gpt-5.6", ("*",)),
    "openrouter": Dialect("openai-chat", "openrouter.ai", "anthropic/claude-sonnet-4.5", ("*/*",)),
    "anthropic": Dialect(
        "anthropic", "api.anthropic.com", "claude-sonnet-4-5", ("claude*", "*anthropic.claude*")
    ),
    "bedrock-converse": Dialect(
        "bedrock-converse",
        None,
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ("*anthropic.*", "*amazon.*"),
    ),
}
"""The services, by the names that `wiremark convert` has for them."""


@dataclass(frozen=True, slots=True)
class Service:
    """Whom a request goes to, and the rules there; `note` says what is assumed."""

    form: str
    rules: CacheRules
    host: str | None
    model: str | None
    note: str = ""

    @classmethod
    def of(
        cls,
        request: TraceRequest,
        dialect: Dialect | None,
        *,
        model: str | None = None,
        host: str | None = None,
        rules: CacheRules | None = None,
    ) -> Service:
        """Return the service of a request: the recorded one, or that of a dialect."""
        recorded = _recorded_model(request)
        notes = []
        if dialect is None:
            form = form_of(request)
            host, model = host or request.host, model or recorded
            if model is None:
                notes.append("the trace names no model")
        else:
            form, host = dialect.form, host or dialect.host
            if model is None and recorded is not None and _is_of(recorded, dialect):
                model = recorded
            elif model is None:
                model = dialect.model
                what = "no model" if recorded is None else f"{recorded}, which is not theirs"
                notes.append(f"the trace names {what}: replayed as {model}")
        chosen = Selection(rules) if rules is not None else None
        chosen = chosen or select_rules(form, host=host, model=model)
        if chosen.note:
            notes.append(chosen.note)
        return cls(form, chosen.rules, host, model, "; ".join(notes))


def _recorded_model(request: TraceRequest) -> str | None:
    named = request.body.get("model", request.body.get("modelId"))
    return named if isinstance(named, str) and named else request.model


def _is_of(model: str, dialect: Dialect) -> bool:
    names = {bare_model_name(model), model.lower()}
    return any(fnmatchcase(name, glob) for name in names for glob in dialect.models)


def with_forms(requests: Sequence[TraceRequest]) -> list[TraceRequest]:
    """Return requests with the form of their bodies; the longest of a session shows most of it.

    Where no form shows, `protocol` stays empty.
    """
    known: dict[tuple[int, frozenset[str]], str] = {}
    out = list(requests)
    for index in range(len(out) - 1, -1, -1):
        request = out[index]
        found = request.protocol
        if found is None:
            first = request.messages[0] if request.messages else request.body
            key = (id(first), frozenset(request.body))
            if key not in known:
                known[key] = detect_protocol(request.body) or ""
            found = known[key]
        out[index] = replace(request, protocol="openai-chat" if found == "openai" else found)
    return out


def form_of(request: TraceRequest) -> str:
    """Return the wire form that `with_forms` found; raise `MessageError` where it found none."""
    if not request.protocol:
        raise MessageError(
            "cannot tell whose form the body has", path=request.place, advice="give as_"
        )
    return request.protocol


def dialect_named(name: str | None) -> Dialect | None:
    """Return a dialect, `None` for no name; an unknown name is an `OptionError`."""
    if name is None or name in DIALECTS:
        return None if name is None else DIALECTS[name]
    raise OptionError(
        f"{name!r} is no form to replay in", path="as_", advice=f"use one of {', '.join(DIALECTS)}"
    )
