"""What a caller asks of a generation: sampling, limits, tools choice, extra parameters.

The fields are agentscope-java's `GenerateOptions`. Which of them a provider takes is decided by
its formatter, which names in the plan what it could not send. An unknown field is an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ..errors import OptionError
from .codec import parse
from .tools import ResponseFormat, ToolChoice, as_tool_choice

__all__ = ["CachePolicy", "GenerateOptions"]

CachePolicy: TypeAlias = "bool | str | Callable[..., Iterable[Any]]"
"""`True` (system messages and the tail), `False`, a policy's name, or a policy."""


def _policy(value: Any) -> Any:
    if value is None or isinstance(value, bool | str) or callable(value):
        return value
    raise ValueError("expected true, false, a policy name or a callable")


class GenerateOptions(BaseModel):
    """Options of one call, or defaults of many; a field that is null is not set.

    Limits and budgets are in tokens. `cache_control` chooses the policy of automatic cache marks.
    `session_id` keeps a conversation on one cache, where the provider has a field for that.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    thinking_budget: int | None = None
    reasoning_effort: str | None = None
    enable_thinking: bool | None = None
    enable_search: bool | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    tool_choice: Annotated[ToolChoice | None, BeforeValidator(as_tool_choice)] = None
    stream: bool | None = None
    model_name: str | None = None
    endpoint_path: str | None = None
    base_url: str | None = None
    session_id: str | None = None
    cache_control: Annotated[Any, BeforeValidator(_policy)] = None
    additional_body_params: dict[str, Any] = Field(default_factory=dict)
    additional_headers: dict[str, str] = Field(default_factory=dict)
    additional_query_params: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Read options from JSON data; raises `OptionError` with the path of a bad field."""
        return parse(cls, data, at="options", error=OptionError)

    def over(self, defaults: GenerateOptions | None) -> GenerateOptions:
        """Return these options, each unset field taken from `defaults`.

        Additional parameters of both are kept, the ones here win.
        """
        if defaults is None:
            return self
        merged: dict[str, Any] = {}
        for name in type(self).model_fields:
            mine, theirs = getattr(self, name), getattr(defaults, name)
            if name.startswith("additional_"):
                merged[name] = {**theirs, **mine}
            else:
                merged[name] = theirs if mine is None else mine
        return type(self).model_construct(**merged)
