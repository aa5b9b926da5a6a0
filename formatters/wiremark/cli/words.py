"""The words that `format` and `explain` share, and the request that they ask for.

What the command line says wins over the file of options. Files are read here; what is in them is
checked below.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from . import io, render

if TYPE_CHECKING:
    from ..base import BaseFormatter, Request
    from ..messages import GenerateOptions, Msg, ToolSchema

__all__ = ["Words", "with_words"]

_Command = TypeVar("_Command", bound=Callable[..., Any])

_FORMATTERS: Final = {
    "dashscope-chat": "DashScopeChatFormatter",
    "dashscope-multi-agent": "DashScopeMultiAgentFormatter",
    "openai-chat": "OpenAIChatFormatter",
    "openai-multi-agent": "OpenAIMultiAgentFormatter",
    "anthropic-chat": "AnthropicChatFormatter",
    "anthropic-multi-agent": "AnthropicMultiAgentFormatter",
    "bedrock-converse": "BedrockConverseFormatter",
    "deepseek": "DeepSeekFormatter",
    "deepseek-multi-agent": "DeepSeekMultiAgentFormatter",
    "glm": "GLMFormatter",
    "glm-multi-agent": "GLMMultiAgentFormatter",
    "kimi": "KimiFormatter",
    "kimi-multi-agent": "KimiMultiAgentFormatter",
    "minimax": "MiniMaxFormatter",
    "minimax-multi-agent": "MiniMaxMultiAgentFormatter",
}
_WORDS: Final = (
    click.argument("source", metavar="INPUT"),
    click.option("--to", required=True, type=click.Choice([*_FORMATTERS]), help="Whose form."),
    click.option("--model", metavar="M", help="Model name; a body needs one."),
    click.option(
        "--policy",
        metavar="P",
        help="Automatic marks: manual, system_and_last, rolling or stable_head; with a TTL as in"
        " rolling:1h.",
    ),
    click.option("--tools", metavar="F", help="File with a JSON list of tools."),
    click.option(
        "--options", metavar="F", help="File with generation options; the command line wins."
    ),
    click.option("--tool-choice", metavar="C", help="auto, none, required, or the name of a tool."),
    click.option("--stream", is_flag=True, help="Ask for a streamed reply."),
    click.option("--multimodal", is_flag=True, help="DashScope's multimodal form for any model."),
    click.option(
        "--history-layout",
        type=click.Choice(["merged", "append_only"]),
        help="How a multi-agent history is laid out.",
    ),
    click.option("--host", metavar="H", help="Host or base URL; the cache rules follow it."),
    click.option(
        "--quirks",
        type=click.Choice(["none", "java"]),
        default="none",
        show_default=True,
        help="java: bug for bug as agentscope-java.",
    ),
    click.option(
        "--media-root",
        "media_roots",
        metavar="DIR",
        multiple=True,
        type=click.Path(exists=True, file_okay=False),
        help="Folder whose files messages may name; repeatable.",
    ),
    click.option(
        "--tool-result-dir",
        metavar="DIR",
        type=click.Path(file_okay=False),
        help="Folder to write media of tool results to.",
    ),
    click.option(
        "--strict", is_flag=True, help="Refuse unreadable wishes, too many marks, refused media."
    ),
    click.option("--messages-only", is_flag=True, help="The messages without a body around them."),
    click.option("--validate", is_flag=True, help="Check the body as well."),
    click.option("--indent", metavar="N", type=click.IntRange(0, 16), help="Indent the JSON."),
)


def with_words(command: _Command) -> _Command:
    """Give a command function the words; all but `indent` are the fields of `Words`."""
    for word in reversed(_WORDS):
        command = word(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the words of a command ask for."""

    source: str
    to: str
    model: str | None
    policy: str | None
    tools: str | None
    options: str | None
    tool_choice: str | None
    stream: bool
    multimodal: bool
    history_layout: str | None
    host: str | None
    quirks: str
    media_roots: tuple[str, ...]
    tool_result_dir: str | None
    strict: bool
    messages_only: bool
    validate: bool

    def request(self, *, needs_model: bool) -> tuple[str, Request]:
        """Return the protocol that the words choose, and the request that they ask for."""
        from ..errors import WiremarkError

        self._check()
        options = self._read_options()
        model = self.model or options.model_name
        if needs_model and not (model or self.messages_only):
            raise click.UsageError("a body names its model: give --model, or --messages-only")
        formatter: Any = self._formatter()
        asked: dict[str, Any] = {
            "tools": self._read_tools(),
            "options": self._over(options),
            "tool_choice": self._choice(),
            "stream": self.stream,
        }
        if self.multimodal:
            asked["multimodal"] = True
        messages, unread = _read_messages(self.source)
        try:
            request = formatter.build_request(model or "", messages, **asked)
        except WiremarkError as problem:
            where = f"{io.shown(self.source)}: " if problem.path.startswith("messages") else ""
            raise io.Unusable(f"{where}{problem}") from None
        if unread:
            io.say(f"{io.shown(self.source)}: its messages are read, not {', '.join(unread)}")
        return formatter.protocol, request

    def _check(self) -> None:
        if [self.source, self.tools, self.options].count("-") > 1:
            raise click.UsageError("only one of INPUT, --tools and --options can be -")
        if self.multimodal and not self.to.startswith("dashscope"):
            raise click.UsageError(f"--multimodal is DashScope's, and --to is {self.to}")
        if self.history_layout and not self.to.endswith("multi-agent"):
            raise click.UsageError(
                f"--history-layout is for multi-agent forms, and --to is {self.to}"
            )

    def _formatter(self) -> BaseFormatter:
        import wiremark

        settings: dict[str, Any] = {"host": self.host, "strict": self.strict}
        if self.policy is not None:
            settings["policy"] = self.policy
        if self.history_layout is not None:
            settings["history_layout"] = self.history_layout
        if self.quirks == "java":
            settings["quirks"] = wiremark.Quirks.JAVA
        if self.media_roots or self.tool_result_dir is not None:
            settings["media"] = wiremark.MediaPolicy(
                roots=self.media_roots, tool_result_dir=self.tool_result_dir
            )
        formatter: BaseFormatter = getattr(wiremark, _FORMATTERS[self.to])(**settings)
        return formatter

    def _read_tools(self) -> list[ToolSchema]:
        from ..messages import ToolSchema

        if self.tools is None:
            return []
        data = io.read_json(self.tools)
        if isinstance(data, dict) and isinstance(data.get("tools"), list):
            data = data["tools"]
        if not isinstance(data, list):
            raise io.Unusable(f"{io.shown(self.tools)}: expected a list of tools")
        with io.blaming(self.tools):
            return [ToolSchema.from_dict(tool, at=f"tools[{i}]") for i, tool in enumerate(data)]

    def _read_options(self) -> GenerateOptions:
        from ..messages import GenerateOptions

        if self.options is None:
            return GenerateOptions()
        data = io.read_json(self.options)
        with io.blaming(self.options):
            return GenerateOptions.from_dict(data)

    def _over(self, options: GenerateOptions) -> GenerateOptions:
        """Return the options without what the command line says as well."""
        said = {"model_name": True, "cache_control": self.policy, "stream": self.stream}
        return options.model_copy(update={name: None for name, given in said.items() if given})

    def _choice(self) -> Any:
        if self.tool_choice in (None, "auto", "none", "required"):
            return self.tool_choice
        return {"specific": self.tool_choice}


def _read_messages(source: str) -> tuple[list[Msg], list[str]]:
    """Return the messages of the input, and the names of what stands beside them unread."""
    from ..messages import read_any

    data = io.read_bytes(source)
    with io.blaming(source):
        return read_any(data, track=render.track), _unread(data)


def _unread(data: bytes) -> list[str]:
    """Return the keys beside the messages, where the input is one object that holds them."""
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    try:
        value = json.loads(text) if text.startswith(b"{") else {}
    except (ValueError, RecursionError):  # JSON lines
        return []
    if "role" in value and "messages" not in value:
        return []
    return [key for key in value if key not in ("messages", "input")]
