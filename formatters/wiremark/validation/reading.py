"""Which form a body has, which rules it is under, and its context."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from wiremark.errors import OptionError
from wiremark.prefix.context import RESPONSES, Context, read_context
from wiremark.rules import OPENAI_COMPATIBLE, Selection, select_rules
from wiremark.validation.registry import PROTOCOLS, SPEAKS

if TYPE_CHECKING:
    from wiremark.rules import CacheRules

__all__ = ["context_of", "detect_protocol", "known_protocol"]

_CONVERSE_KEYS: Final = frozenset(
    {"inferenceConfig", "toolConfig", "additionalModelRequestFields", "modelId"}
)
_ANTHROPIC_KEYS: Final = frozenset({"system", "anthropic_version"})
_ANTHROPIC_TYPES: Final = ("tool_use", "tool_result", "thinking")
_CONVERSE_BLOCKS: Final = frozenset({"text", "toolUse", "toolResult", "cachePoint"})


def detect_protocol(body: Any) -> str | None:
    """Return the protocol that a body's keys show, `None` if they show none.

    DashScope's native body holds its messages in `input`, OpenAI's chat at the top; an `input` that
    is a text or a list of items is that of Responses. A body with messages
    and a `system` of its own is Anthropic's; so is one whose blocks or tools are. Bedrock's has no
    `model`, and its blocks have no `type`.
    """
    if not isinstance(body, dict):
        return None
    native = body.get("input")
    if isinstance(native, dict) and ("messages" in native or "prompt" in native):
        return "dashscope"
    if "messages" not in body and _is_responses(body, native):
        return RESPONSES
    if not isinstance(body.get("messages"), list):
        return None
    blocks = list(_blocks(body))
    untyped = [] if "model" in body else [block for block in blocks if "type" not in block]
    if body.keys() & _CONVERSE_KEYS or any(block.keys() & _CONVERSE_BLOCKS for block in untyped):
        return "bedrock-converse"
    if body.keys() & _ANTHROPIC_KEYS or any(
        block.get("type") in _ANTHROPIC_TYPES or "input_schema" in block for block in blocks
    ):
        return "anthropic"
    return "openai"


_OF_RESPONSES: Final = frozenset(
    {"instructions", "max_output_tokens", "previous_response_id", "conversation", "reasoning"}
    | {"text", "tools", "store", "include", "truncation", "prompt_cache_options", "stream"}
)
_CHATS: Final = re.compile(r"(?:.*/)?(?:chatgpt|codex|gpt-\d|o[134]|qwen)", re.IGNORECASE)
_OTHERS: Final = re.compile(r"embed|image|moderation|rerank|transcribe|tts|whisper", re.IGNORECASE)


def _is_responses(body: dict[str, Any], given: Any) -> bool:
    """Say whether `input` is that of Responses: embeddings, moderations and speech have one too."""
    if isinstance(given, list):
        return bool(given) and all(
            isinstance(item, dict) and ("role" in item or _is_item(item.get("type")))
            for item in given
        )
    model = body.get("model")
    if not isinstance(given, str) or not isinstance(model, str) or _OTHERS.search(model):
        return False
    return bool(body.keys() & _OF_RESPONSES and "voice" not in body) or bool(_CHATS.match(model))


def _is_item(kind: Any) -> bool:
    """Say whether a type is that of an item: moderations take lists of `text` and `image_url`."""
    return isinstance(kind, str) and kind not in ("text", "image_url")


def _blocks(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield system blocks, tools and the blocks of messages that are objects."""
    contents = [body.get("system")]
    contents += [item.get("content") for item in body["messages"] if isinstance(item, dict)]
    for content in contents:
        if isinstance(content, list):
            yield from (block for block in content if isinstance(block, dict))
    tools = body.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if isinstance(tool, dict):
            yield {"type": "tool", **tool}


def known_protocol(body: Any, protocol: str | None) -> str:
    """Return the protocol that is named, or the one the body shows.

    Raises `OptionError` if none is named and the body shows none.
    """
    found = protocol or detect_protocol(body)
    if found is None:
        raise OptionError(
            "cannot tell whose form the body has",
            path="protocol",
            advice=f"name one of {', '.join(PROTOCOLS)}",
        )
    return found


def context_of(
    body: Any,
    protocol: str,
    *,
    model: str | None = None,
    host: str | None = None,
    previous: Any = None,
    count_tokens: Callable[[str], int] | None = None,
    rules: CacheRules | None = None,
) -> Context:
    """Return the context of a body, and in it that of the request before, if that is given."""
    form, own_host = SPEAKS.get(protocol, (protocol, None))
    named = body.get("model", body.get("modelId")) if isinstance(body, dict) else None
    model = model or (named if isinstance(named, str) else None)
    chosen = Selection(rules) if rules is not None else None
    chosen = chosen or select_rules(form, host=host or own_host, model=model)
    guessed = rules is None and chosen.rules == OPENAI_COMPATIBLE
    before = None
    if previous is not None:
        before = read_context(previous, form=form, rules=chosen.rules, model=model)
    return read_context(
        body,
        form=form,
        rules=chosen.rules,
        guessed=guessed,
        model=model,
        note=chosen.note,
        previous=before,
        count_tokens=count_tokens,
    )
