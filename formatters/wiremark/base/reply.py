"""What a response says, the same for every provider: `Reply`, and `Delta` while it streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from ..findings import Finding
from ..messages import Msg, TextBlock, ThinkingBlock, ToolUseBlock, dump_messages
from ..quirks import Quirks
from ..usage import Usage

__all__ = ["Delta", "DeltaKind", "Reply"]

DeltaKind: TypeAlias = Literal["text", "thinking", "tool_call", "finish", "usage"]


@dataclass(frozen=True, slots=True)
class Reply:
    """One response: the assistant's message, why it ended, and what it cost in tokens.

    message: what the model said, ready to be appended to the history
    id, model: as the provider names them; `None` where it does not
    finish_reason: the provider's own word
    usage: `None` where the response holds none
    findings: what was noticed, such as an error body or content that has no place in a message
    """

    message: Msg
    id: str | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
    findings: tuple[Finding, ...] = ()

    @property
    def text(self) -> str:
        """Return the text blocks, joined."""
        return "".join(b.text for b in self.message.content if isinstance(b, TextBlock))

    @property
    def thinking(self) -> str:
        """Return the thinking blocks, joined."""
        return "".join(b.thinking for b in self.message.content if isinstance(b, ThinkingBlock))

    @property
    def tool_calls(self) -> tuple[ToolUseBlock, ...]:
        """Return the tool calls in their order."""
        return tuple(b for b in self.message.content if isinstance(b, ToolUseBlock))

    def to_dict(self, *, time: Any = 0.0, quirks: Quirks = Quirks.NONE) -> dict[str, Any]:
        """Return the reply as agentscope-java's ChatResponse JSON; `time` in seconds.

        `quirks` decide the order of keys in tool input and metadata, as in `dump_messages`.
        """
        usage = self.usage
        tokens = None
        if usage is not None:
            given, made = usage.input or 0, usage.output or 0
            tokens = {
                "inputTokens": given,
                "outputTokens": made,
                "cachedTokens": usage.cache_read or 0,
                "time": time,
                "totalTokens": given + made,
            }
        return {
            "id": self.id,
            "content": dump_messages([self.message], quirks=quirks)[0]["content"],
            "usage": tokens,
            "metadata": None,
            "finishReason": self.finish_reason,
        }


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of a streamed reply.

    `text` holds text, thinking, or a fragment of a tool call's argument text. `index` numbers the
    tool calls of the reply from 0; `id` and `name` are the call's, as far as they are known.
    """

    kind: DeltaKind
    text: str = ""
    index: int | None = None
    id: str | None = None
    name: str | None = None
    finish_reason: str | None = None
    usage: Usage | None = None
