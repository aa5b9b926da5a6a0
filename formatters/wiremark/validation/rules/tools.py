"""Rules about tools: names, calls, and the messages that answer them.

Providers' own words are quoted where they were seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from wiremark.prefix.context import RESPONSES
from wiremark.validation.codes import finding
from wiremark.validation.rules.core import goes_on, rule

if TYPE_CHECKING:
    from wiremark.findings import Finding
    from wiremark.prefix.context import Context, Entry

__all__ = ["empty_tool_calls", "item_results", "tool_names", "tool_results"]

_OF_OPENAI: Final = frozenset(
    {"openai", "openai-implicit", "openai-responses", "openai-responses-implicit"}
)
_TOOL_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def _by_openai(ctx: Context) -> bool:
    return ctx.rules.name in _OF_OPENAI


def _by_dashscope(ctx: Context) -> bool:
    return ctx.rules.name.startswith("dashscope")


@rule("tool-call-unanswered", "tool-result-without-call")
def tool_results(_: Any, ctx: Context) -> Iterator[Finding]:
    """Tool messages stand right behind the assistant message whose calls they answer."""
    if ctx.form == RESPONSES:
        return
    turn: Entry | None = None
    waiting: list[str | None] = []
    nameless = 0
    for message in ctx.messages:
        role = message.value.get("role")
        if role == "tool":
            answered = message.value.get("tool_call_id")
            if turn is None:
                yield _orphan(ctx, message, "follows no assistant message with tool_calls")
            elif answered in _call_ids(turn) and answered is not None:
                waiting = [each for each in waiting if each != answered]
            elif not isinstance(answered, str) or None in waiting:
                nameless += 1  # DashScope knows a call without id by its place
            else:
                yield _orphan(ctx, message, f"answers {answered!r}, which was not called before it")
            continue
        yield from _unanswered(ctx, turn, waiting, nameless)
        waiting = _call_ids(message) if role == "assistant" else []
        turn = message if waiting else None
        nameless = 0
    yield from _unanswered(ctx, turn, waiting, nameless)


def _call_ids(message: Entry) -> list[str | None]:
    calls = message.value.get("tool_calls")
    if not isinstance(calls, list):
        return []
    ids = [call.get("id") for call in calls if isinstance(call, dict)]
    return [each if isinstance(each, str) else None for each in ids]


def _unanswered(
    ctx: Context, turn: Entry | None, waiting: list[str | None], nameless: int
) -> Iterator[Finding]:
    if turn is None or len(waiting) <= nameless:
        return
    ids = ", ".join("a call without id" if each is None else repr(each) for each in waiting)
    yield finding(
        "tool-call-unanswered",
        turn.path,
        f"no tool message answers {ids}",
        "put one tool message for each call right behind this message",
        provider_text=_quoted(
            ctx,
            "An assistant message with 'tool_calls' must be followed by tool messages responding"
            " to each 'tool_call_id'. The following tool_call_ids did not have response messages",
        ),
    )


def _orphan(ctx: Context, message: Entry, what: str) -> Finding:
    start = "" if _by_dashscope(ctx) else "Invalid parameter: "
    return finding(
        "tool-result-without-call",
        message.path,
        f"this tool message {what}",
        provider_text=start
        + _quoted(
            ctx,
            "messages with role 'tool' must be a response to a preceeding message with"
            " 'tool_calls'.",
        ),
    )


def _quoted(ctx: Context, text: str) -> str:
    """DashScope's text is OpenAI's with other quotation marks."""
    return text.replace("'", '"') if _by_dashscope(ctx) else text


@rule("tool-call-unanswered", "tool-result-without-call")
def item_results(body: Any, ctx: Context) -> Iterator[Finding]:
    """Responses: each output has its call, each call its output, anywhere behind it.

    OpenAI's words: https://github.com/microsoft/vscode/issues/320060 (2026-06-05) and
    https://github.com/router-for-me/CLIProxyAPI/issues/2368 (2026-03-27). What a request goes on
    with may hold the calls, and then nothing is said of outputs.
    """
    if ctx.form != RESPONSES:
        return
    before = goes_on(body, ctx)
    refers = any(item.value.get("type") in _UNSEEN for item in ctx.messages)
    waiting: dict[str, Entry] = {}
    called: set[str] = set()
    for item in ctx.messages:
        kind, call = item.value.get("type"), item.value.get("call_id")
        if not isinstance(call, str):
            continue
        if isinstance(kind, str) and kind.endswith("_call"):
            called.add(call)  # an output may answer a search for tools as well (recorded)
        if kind in ("function_call", "custom_tool_call"):
            waiting[call] = item
        elif kind in ("function_call_output", "custom_tool_call_output"):
            waiting.pop(call, None)
            if call not in called and not before and not refers:
                yield finding(
                    "tool-result-without-call",
                    item.path,
                    f"no call {call!r} stands before this output",
                    provider_text=f"No tool call found for function call output with call_id"
                    f" {call}.",
                )
    for call, item in waiting.items():
        yield finding(
            "tool-call-unanswered",
            item.path,
            f"no output answers {call!r}",
            "put a function_call_output with its call_id behind it",
            provider_text=f"No tool output found for function call {call}.",
        )


_UNSEEN: Final = frozenset({"item_reference", "compaction"})
"""Items that stand for others, calls among them."""


@rule("empty-tool-calls")
def empty_tool_calls(_: Any, ctx: Context) -> Iterator[Finding]:
    """OpenAI rejects the empty list; Mistral sends it itself."""
    for message in ctx.messages:
        if message.value.get("tool_calls") == []:
            path = f"{message.path}.tool_calls"
            yield finding(
                "empty-tool-calls",
                path,
                "the list of tool calls is empty",
                severity=None if _by_openai(ctx) else "note",
                provider_text=(
                    f"Invalid '{path}': empty array. Expected an array with minimum length 1,"
                    " but got an empty array instead."
                    if _by_openai(ctx)
                    else ""
                ),
            )


@rule("tool-name")
def tool_names(_: Any, ctx: Context) -> Iterator[Finding]:
    """OpenAI rejects other names; DashScope documents the same limit, and reserves `search`."""
    for tool in ctx.tools:
        yield from _name(ctx, tool.path, tool.value)
    if _by_openai(ctx):
        for message in ctx.messages:
            calls = message.value.get("tool_calls")
            for index, call in enumerate(calls if isinstance(calls, list) else ()):
                yield from _name(ctx, f"{message.path}.tool_calls[{index}]", call)


def _name(ctx: Context, path: str, holder: Any) -> Iterator[Finding]:
    if ctx.form == RESPONSES:
        function, path = holder, f"{path}.name"
    else:
        function = holder.get("function") if isinstance(holder, dict) else None
        path = f"{path}.function.name"
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str):
        return
    if name == "search" and _by_dashscope(ctx):
        yield finding(
            "tool-name",
            path,
            "'search' is a reserved tool name",
            provider_text="Tool names are not allowed to be [search]",
        )
    elif not _TOOL_NAME.fullmatch(name):
        shown = repr(name[:64])
        yield finding(
            "tool-name",
            path,
            f"the tool name {shown} is not 1 to 64 letters, digits, underscores and dashes",
            severity=None if _by_openai(ctx) else "note",
            provider_text=_name_text(path, name) if _by_openai(ctx) else "",
        )


def _name_text(path: str, name: str) -> str:
    if not name:
        return (
            f"Invalid '{path}': empty string. Expected a string with minimum length 1,"
            " but got an empty string instead."
        )
    if _TOOL_NAME.fullmatch(name[:64]):
        return (
            f"Invalid '{path}': string too long. Expected a string with maximum length 64,"
            f" but got a string with length {len(name)} instead."
        )
    return (
        f"Invalid '{path}': string does not match pattern."
        " Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'."
    )
