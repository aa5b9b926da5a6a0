"""Messages, blocks, sources, options and tools: frozen values that know no provider."""

from __future__ import annotations

from .blocks import (
    AudioBlock,
    Block,
    DataBlock,
    HintBlock,
    ImageBlock,
    MediaBlock,
    OpaqueBlock,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
    is_media,
)
from .chat import looks_like_chat, read_any, read_chat
from .codec import dump_messages, dumps_messages, parse, read_message, read_messages
from .keys import BYPASS_HISTORY_MERGE, CACHE_CONTROL, CACHE_DYNAMIC
from .msg import ChatUsage, Msg, Role
from .options import GenerateOptions
from .reasoning import REASONING_KEYS, ReasoningDetail
from .sources import Base64Source, OpaqueSource, Source, URLSource
from .tools import ResponseFormat, ToolChoice, ToolSchema, as_tool_choice

__all__ = [
    "BYPASS_HISTORY_MERGE",
    "CACHE_CONTROL",
    "CACHE_DYNAMIC",
    "REASONING_KEYS",
    "AudioBlock",
    "Base64Source",
    "Block",
    "ChatUsage",
    "DataBlock",
    "GenerateOptions",
    "HintBlock",
    "ImageBlock",
    "MediaBlock",
    "Msg",
    "OpaqueBlock",
    "OpaqueSource",
    "ReasoningDetail",
    "ResponseFormat",
    "Role",
    "Source",
    "TextBlock",
    "ThinkingBlock",
    "ToolChoice",
    "ToolResultBlock",
    "ToolSchema",
    "ToolUseBlock",
    "URLSource",
    "VideoBlock",
    "as_tool_choice",
    "dump_messages",
    "dumps_messages",
    "is_media",
    "looks_like_chat",
    "parse",
    "read_any",
    "read_chat",
    "read_message",
    "read_messages",
]
