"""The shapes of what goes out, as TypedDicts for those who type-check against them.

Formatters return plain dicts and lists; nothing here exists at run time. Keys: agentscope-java's
requests at c2d43f86 (2026-08-22) and the providers' own definitions, see `schemas/`.
"""

from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "CacheBreakpoint",
    "CacheControl",
    "DashScopeInput",
    "DashScopeMessage",
    "DashScopePart",
    "DashScopeRequest",
    "Function",
    "OpenAIMessage",
    "OpenAIPart",
    "OpenAIRequest",
    "Tool",
    "ToolCall",
]


class CacheControl(TypedDict):
    """A cache mark of DashScope, Anthropic, OpenRouter and MiniMax."""

    type: Literal["ephemeral"]
    ttl: NotRequired[str]


class CacheBreakpoint(TypedDict):
    """A cache mark of OpenAI from GPT-5.6 on."""

    mode: Literal["explicit"]
    ttl: NotRequired[str]


class Function(TypedDict, total=False):
    """A function of a tool call (`arguments`) or of a tool (`description`, `parameters`)."""

    name: str
    arguments: str
    thought_signature: str
    description: str
    parameters: dict[str, Any]
    strict: bool


class ToolCall(TypedDict):
    """A call that the model made."""

    id: NotRequired[str]
    type: Literal["function"]
    function: Function


class Tool(TypedDict):
    """A tool that the model may call."""

    type: Literal["function"]
    function: Function
    cache_control: NotRequired[CacheControl]


class DashScopePart(TypedDict, total=False):
    """A content part: one of text, image, audio or video."""

    text: str
    image: str
    audio: str
    video: str | list[str]
    fps: float
    max_frames: int
    min_pixels: int
    max_pixels: int
    total_pixels: int
    cache_control: CacheControl


class DashScopeMessage(TypedDict):
    """A message of DashScope's native form."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[DashScopePart]
    name: NotRequired[str]
    tool_call_id: NotRequired[str]
    tool_calls: NotRequired[list[ToolCall]]


class DashScopeInput(TypedDict):
    """Where a DashScope request keeps its messages."""

    messages: list[DashScopeMessage]


class DashScopeRequest(TypedDict):
    """A request body of text or multimodal generation."""

    model: str
    input: DashScopeInput
    parameters: dict[str, Any]


class OpenAIPart(TypedDict):
    """A content part of OpenAI's chat form and its family."""

    type: Literal["text", "image_url", "input_audio", "video_url", "file"]
    text: NotRequired[str]
    image_url: NotRequired[dict[str, Any]]
    input_audio: NotRequired[dict[str, Any]]
    video_url: NotRequired[dict[str, Any]]
    file: NotRequired[dict[str, Any]]
    cache_control: NotRequired[CacheControl]
    prompt_cache_breakpoint: NotRequired[CacheBreakpoint]


class OpenAIMessage(TypedDict):
    """A message of OpenAI's chat form and its family."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | list[OpenAIPart]
    name: NotRequired[str]
    tool_call_id: NotRequired[str]
    tool_calls: NotRequired[list[ToolCall]]
    reasoning_content: NotRequired[str]
    reasoning_details: NotRequired[list[dict[str, Any]]]


class OpenAIRequest(TypedDict):
    """A chat completion request; options stand beside these keys."""

    model: str
    messages: list[OpenAIMessage]
    stream: bool
    tools: NotRequired[list[Tool]]
    tool_choice: NotRequired[str | dict[str, Any]]
