"""How Qwen's models write a request: ChatML, in the three forms that its chat templates have.

The templates are those of the published weights (Apache 2.0), followed in what they do. Of their
fixed instructions only the number of tokens is kept here; it begins and ends where a vocabulary
never merges. DashScope's documented examples, and what it reported to others, are reproduced
exactly: see `qwen_forms` for what rests on which, and docs/tokens.md for the figures.

A message begins with the newline behind the one before it and ends with `<|im_end|>`, since
DashScope's cached unit runs through that and no further.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ...estimate import Tokens
from .layout import Around, MediaTokens, Row, media_part
from .measure import UNKNOWN, Part, Segment
from .qwen_forms import QwenForm
from .reading import Item, Options, Tool, Turn, json_text

__all__ = ["QwenLayout"]

_START: Final = "<|im_start|>"
_END: Final = "<|im_end|>"


@dataclass(frozen=True, slots=True)
class QwenLayout:
    """Writes a request in one of Qwen's forms."""

    form: QwenForm
    media: MediaTokens | None = None

    @property
    def assumed_tools(self) -> bool:
        """Say whether no figure of DashScope vouches for the way tools are written."""
        return not self.form.tools_exact

    def minds_query(self, options: Options) -> bool:
        """Say whether thoughts are dropped from the history behind the next query."""
        return not self._preserves(options)

    def _preserves(self, options: Options) -> bool:
        if options.preserve is None or self.form.preserves is None:
            return bool(self.form.preserves)
        return options.preserve

    def _thinks(self, options: Options) -> bool:
        return self.form.thinks if options.thinking is None else options.thinking

    # ------------------------------------------------------------------- head

    def head(self, tools: Sequence[Tool], system: Turn | None, options: Options) -> list[Segment]:
        """Return the system turn: the tools, which are counted first, and the system text."""
        row = Row()
        effort = self._effort(options)
        if not tools and system is None and not effort:
            return []
        if self.form.tools == "first":
            texts = [] if system is None else _stripped(system.items)
            if self.form.efforts and not (tools or effort or any(texts)):
                return row.close(system.path if system is not None else "system")
            row.add(f"{_START}system\n", *effort)
            row.add("\n\n" if effort and (tools or any(texts)) else "")
            self._tools(row, tools)
            if system is not None:
                row.add("\n\n" if tools and any(texts) else "")
                self._texts(row, system.items, texts)
            row.add(_END)
            return row.close(system.path if system is not None else "system")
        if system is None:
            row.add(f"{_START}system\n")
            if self.form.tools == "xml":
                row.add(_CODER_SYSTEM, ".\n\n")
        self._tools(row, tools)
        if system is not None:
            row.add(f"{_START}system\n")
            self._texts(row, system.items, [item.text for item in system.items])
            row.add("\n\n" if tools else "")
        row.add(_END)
        return row.close(system.path if system is not None else "system")

    def _effort(self, options: Options) -> tuple[Part, ...]:
        if not self.form.efforts or not self._thinks(options):
            return ()
        asked = options.effort or "xhigh"
        count = dict(self.form.efforts).get("xhigh" if asked in ("high", "max") else asked, 0)
        return (Tokens.exactly(count), ".") if count else ()

    def _tools(self, row: Row, tools: Sequence[Tool]) -> None:
        if not tools:
            return
        before, behind = self.form.figures
        row.add(Tokens.exactly(before), ">")
        for tool in tools[:-1]:
            row.add("\n", self._tool(tool))
            row.end(tool.path)
        last = tools[-1]
        row.add("\n", self._tool(last), "\n</tools>\n\n", Tokens.exactly(behind))
        if self.form.tools != "hermes":
            row.add(">")
        row.end(last.path)

    def _tool(self, tool: Tool) -> str:
        function = {key: value for key, value in tool.function.items() if key != "strict"}
        if self.form.tools == "xml":
            return _xml_tool(function)
        if "function" in tool.value:
            return json_text({**tool.value, "function": function})
        return json_text({"type": "function", "function": function})

    # ------------------------------------------------------------------- messages

    def message(self, turns: Sequence[Turn], around: Around, options: Options) -> list[Segment]:
        """Return the turns of one message."""
        row = Row()
        for index, turn in enumerate(turns):
            lead = "" if around.first and index == 0 else "\n"
            if turn.role == "tool":
                after = turns[index - 1].role == "tool" if index else around.after_tool
                more = index + 1 < len(turns)
                before = turns[index + 1].role == "tool" if more else around.before_tool
                self._result(row, turn, "" if after else lead, opens=not after, closes=not before)
            elif turn.role == "assistant":
                row.add(f"{lead}{_START}assistant")
                self._answer(row, turn, around, options)
                row.add(_END)
            else:
                row.add(f"{lead}{_START}{turn.role}\n")
                trims = self.form.tools == "first"
                texts = _stripped(turn.items) if trims else [item.text for item in turn.items]
                self._texts(row, turn.items, texts)
                row.add(_END)
        return row.close(turns[0].path) if turns else []

    def _result(self, row: Row, turn: Turn, lead: str, *, opens: bool, closes: bool) -> None:
        trims = self.form.tools == "first"
        texts = _stripped(turn.items) if trims else [item.text for item in turn.items]
        break_before = "" if self.form.tools == "xml" else "\n"
        if opens:
            row.add(f"{lead}{_START}user" + ("\n" if self.form.tools == "xml" else ""))
        row.add(f"{break_before}<tool_response>\n")
        self._texts(row, turn.items, texts)
        row.add("\n</tool_response>" if break_before else "\n</tool_response>\n")
        if closes:
            row.add(_END)
        row.close(turn.path)

    def _texts(self, row: Row, items: Sequence[Item], texts: Sequence[str]) -> None:
        for item, text in zip(items, texts, strict=True):
            row.add(media_part(item, self.media) if item.kind == "media" else text)
            row.end(item.path)

    def _answer(self, row: Row, turn: Turn, around: Around, options: Options) -> None:
        thought, said = _thought_and_said(turn.items)
        written = self._written(thought, around, options)
        if self.form.tools == "xml":
            self._coder_answer(row, said)
            return
        row.add("\n")
        if written is not None:
            row.add(f"<think>\n{written}\n</think>\n\n")
        texts = _stripped(said) if self.form.tools == "first" else [item.text for item in said]
        has_text = any(text for text, item in zip(texts, said, strict=True) if item.kind == "text")
        called = False
        for item, text in zip(said, texts, strict=True):
            if item.kind == "call":
                row.add(self._call(item, has_text=has_text, first=not called))
                called = True
            elif item.kind == "media":
                row.add(media_part(item, self.media))
            elif item.kind == "text":
                row.add(text)
            row.end(item.path)

    def _written(self, thought: str, around: Around, options: Options) -> str | None:
        """Return the thought that is written into the history, `None` if there is no place."""
        if self.form.tools == "first":
            return thought.strip() if self._preserves(options) or around.after_query else None
        return thought.strip("\n") if thought and around.after_query else None

    def _call(self, item: Item, *, has_text: bool, first: bool) -> str:
        if self.form.tools == "hermes":
            lead = "\n" if has_text or not first else ""
            call = f'{{"name": "{item.name}", "arguments": {item.text}}}'
            return f"{lead}<tool_call>\n{call}\n</tool_call>"
        lead = "\n" if not first else "\n\n" if has_text else ""
        return f"{lead}{self._xml_call(item)}"

    def _xml_call(self, item: Item) -> str:
        fields = "".join(
            f"<parameter={name}>\n{self._argument(value)}\n</parameter>\n"
            for name, value in _arguments(item.text).items()
        )
        return f"<tool_call>\n<function={item.name}>\n{fields}</function>\n</tool_call>"

    def _argument(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        as_json = self.form.json_scalars or isinstance(value, dict | list)
        return json_text(value) if as_json else str(value)

    def _coder_answer(self, row: Row, said: Sequence[Item]) -> None:
        calls = [item for item in said if item.kind == "call"]
        texts = _stripped(said) if calls else [item.text for item in said]
        has_text = any(text for text, item in zip(texts, said, strict=True) if item.kind == "text")
        if has_text or not calls:
            row.add("\n")
        called = False
        for item, text in zip(said, texts, strict=True):
            if item.kind == "call":
                row.add("\n" if has_text and not called else "", "\n", self._xml_call(item))
                called = True
            elif item.kind == "media":
                row.add(media_part(item, self.media))
            elif item.kind == "text":
                row.add(text)
            row.end(item.path)

    def tail(self, options: Options) -> tuple[Part, ...]:
        """Return what asks for the reply."""
        if options.thinking is False:
            last = self.form.off_tail
        else:
            last = self.form.thinking_tail if self._thinks(options) else ""
        found = (UNKNOWN,) if options.adds else ()
        return (*found, f"\n{_START}assistant\n{last}")


def _thought_and_said(items: Sequence[Item]) -> tuple[str, list[Item]]:
    """Return what was thought, be it in its own field, in blocks or in the text, and the rest."""
    thoughts = [item.text for item in items if item.kind == "thinking"]
    said = [item for item in items if item.kind != "thinking" or item.path]
    text = "".join(item.text for item in said if item.kind == "text")
    if thoughts or "</think>" not in text:
        return "\n".join(thoughts), said
    head, _, _ = text.partition("</think>")
    rest = text.rpartition("</think>")[2].lstrip("\n")
    last = max(index for index, item in enumerate(said) if item.kind == "text")
    kept = [
        Item("text", item.path, rest if index == last else "") if item.kind == "text" else item
        for index, item in enumerate(said)
    ]
    return head.rstrip("\n").rpartition("<think>")[2].lstrip("\n"), kept


def _stripped(items: Sequence[Item]) -> list[str]:
    """Return the texts without the white space around all of them; a medium is not white."""
    texts = [item.text if item.kind == "text" else "" for item in items]
    solid = [item.kind == "media" for item in items]
    for index in range(len(texts)):
        texts[index] = texts[index].lstrip()
        if texts[index] or solid[index]:
            break
    for index in range(len(texts) - 1, -1, -1):
        texts[index] = texts[index].rstrip()
        if texts[index] or solid[index]:
            break
    return texts


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        read = json.loads(text)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _xml_tool(function: Mapping[str, Any]) -> str:
    parameters = function.get("parameters")
    parameters = parameters if isinstance(parameters, Mapping) else {}
    fields = parameters.get("properties")
    lines = [f"<function>\n<name>{function.get('name', '')}</name>"]
    if "description" in function:
        lines.append(f"<description>{str(function['description']).strip()}</description>")
    lines.append("<parameters>")
    for name, schema in fields.items() if isinstance(fields, Mapping) else ():
        lines.append(f"<parameter>\n<name>{name}</name>")
        if isinstance(schema, Mapping):
            if "type" in schema:
                lines.append(f"<type>{schema['type']}</type>")
            if "description" in schema:
                lines.append(f"<description>{str(schema['description']).strip()}</description>")
            lines += _further(schema, {"name", "type", "description"})
        lines.append("</parameter>")
    lines += _further(parameters, {"type", "properties"})
    lines.append("</parameters>")
    lines += _further(function, {"type", "name", "description", "parameters"})
    lines.append("</function>")
    return "\n".join(lines)


def _further(value: Mapping[str, Any], told: set[str]) -> Iterator[str]:
    for key, inner in value.items():
        if key not in told:
            text = json_text(inner) if isinstance(inner, dict | list) else str(inner)
            yield f"<{key}>{text}</{key}>"


_CODER_SYSTEM: Final = Tokens.exactly(18)
"""The system text, but for its full stop, of qwen3-coder with tools and without one of its own."""
