"""What sets OpenAI-compatible vendors apart, as data, and the mixin that reads it.

Behaviour: facts of agentscope-java at c2d43f86 (2026-08-22), section "Compat formatters". The
filters act on the options alone: additional body parameters pass them, as they do in Java.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from ..base import Trace
from ..base.values import read_choice
from ..messages import GenerateOptions
from .formatter import OpenAIBaseFormatter

__all__ = ["DEEPSEEK", "GLM", "KIMI", "MINIMAX", "Vendor", "VendorMixin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """How a vendor differs from OpenAI.

    strict: tools may carry `strict`; names: messages may carry `name`
    drops: options that are not sent; clamps: option to its least and greatest value
    model_drops: options that models whose name begins with `models` do not take
    limit_field: the one field of the two token limits that is sent; the other one stands in for it
    stream_options: a streamed request may ask for usage; extras: body parameters of every request
    tool_choice: the choice may be sent at all; needs_user: an empty user message is added if none
    """

    name: str
    strict: bool = False
    names: bool = True
    drops: tuple[str, ...] = ()
    models: str = ""
    model_drops: tuple[str, ...] = ()
    clamps: Mapping[str, tuple[float, float]] | None = None
    limit_field: Literal["max_tokens", "max_completion_tokens"] | None = None
    stream_options: bool = True
    extras: tuple[tuple[str, Any], ...] = ()
    tool_choice: bool = True
    needs_user: bool = False

    def adapt(self, options: GenerateOptions, model: str) -> GenerateOptions:
        """Return the options as the vendor takes them for a model; names are case-sensitive."""
        drops = self.drops + (self.model_drops if model.startswith(self.models) else ())
        changes: dict[str, Any] = dict.fromkeys(drops)
        for name, (least, greatest) in (self.clamps or {}).items():
            value = getattr(options, name)
            if value is not None:
                changes[name] = min(max(value, least), greatest)
        if self.limit_field is not None:
            other = _OTHER[self.limit_field]
            own = getattr(options, self.limit_field)
            changes[self.limit_field] = getattr(options, other) if own is None else own
            changes[other] = None
        return options.model_copy(update=changes)


_OTHER: Final = {
    "max_tokens": "max_completion_tokens",
    "max_completion_tokens": "max_tokens",
}

DEEPSEEK: Final = Vendor(name="deepseek")

GLM: Final = Vendor(
    name="glm",
    names=False,
    drops=("frequency_penalty", "presence_penalty", "thinking_budget"),
    clamps={"temperature": (0.0, 1.0), "top_p": (0.01, 1.0)},
    limit_field="max_tokens",
    stream_options=False,
    needs_user=True,
)

KIMI: Final = Vendor(
    name="kimi",
    drops=("thinking_budget",),
    models="kimi-",
    model_drops=("temperature", "top_p", "frequency_penalty", "presence_penalty"),
    limit_field="max_completion_tokens",
)

MINIMAX: Final = Vendor(
    name="minimax",
    drops=(
        "thinking_budget",
        "reasoning_effort",
        "frequency_penalty",
        "presence_penalty",
        "parallel_tool_calls",
        "response_format",
        "seed",
    ),
    limit_field="max_completion_tokens",
    extras=(("reasoning_split", True),),
    tool_choice=False,
)


class VendorMixin(OpenAIBaseFormatter):
    """Reads `vendor`; stands before a chat or multi-agent formatter in a class's bases."""

    vendor: ClassVar[Vendor]

    def __init_subclass__(cls, **more: Any) -> None:
        """Take over what the base class keeps as attributes of its own."""
        super().__init_subclass__(**more)
        if hasattr(cls, "vendor"):
            cls.stream_options = cls.vendor.stream_options

    def supports_strict(self, model: str | None) -> bool:  # noqa: ARG002 the same for all models
        """Say whether tools may carry `strict` (hook)."""
        return self.vendor.strict

    def adapt_options(self, options: GenerateOptions, model: str) -> GenerateOptions:
        """Return the options as the vendor takes them for a model (hook)."""
        return self.vendor.adapt(options, model)

    def extra_defaults(self) -> dict[str, Any]:
        """Return body parameters that every request has unless the options replace them (hook)."""
        return dict(self.vendor.extras)

    def finish_messages(self, messages: list[dict[str, Any]], trace: Trace) -> list[dict[str, Any]]:
        """Return all wire messages as the vendor takes them, before marks (hook)."""
        messages = super().finish_messages(messages, trace)
        if not self.vendor.names:
            for message in messages:
                message.pop("name", None)
        if self.vendor.needs_user and all(message["role"] != "user" for message in messages):
            messages.append({"role": "user", "content": ""})
        return messages

    def apply_tool_choice(self, body: Mapping[str, Any], choice: Any) -> dict[str, Any]:
        """Return the body with a tool choice, where the vendor takes one."""
        read = read_choice(choice)
        return super().apply_tool_choice(body, read) if self.vendor.tool_choice else dict(body)
