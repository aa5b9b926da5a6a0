"""A chat request as one of OpenAI's Responses API, and the answer back as a chat completion.

    sent = responses_body(request)
    response = client.responses.create(**sent.body)
    reply = formatter.parse_response(chat_completion(response))

System texts become messages of the input, since `instructions` take no mark. What Responses do by
default and chat does not is switched off, unless the request says so: tools are strict
(https://github.com/crmne/ruby_llm/issues/843, 2026-07-13, which quotes OpenAI's definitions;
https://github.com/open-webui/open-webui/pull/30046, 2026-09-15), and answers are stored (`store` of
the SDK's response_create_params: "Defaults to true when omitted"). Thoughts are not sent: OpenAI
takes back only what it signed, and chat does not carry that. Fields are those of openai 3.52.0,
types/responses; the SDK is not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from ..base.values import copy_json
from ..errors import MessageError
from ..findings import Finding
from .openai_completions import chat_completion

if TYPE_CHECKING:
    from ..base import Request

__all__ = ["ResponsesBody", "chat_completion", "responses_body"]

_MARK: Final = "prompt_cache_breakpoint"
_SAME: Final = (
    "model",
    "stream",
    "temperature",
    "top_p",
    "top_logprobs",
    "parallel_tool_calls",
    "service_tier",
    "store",
    "metadata",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "user",
)
_SILENT: Final[Mapping[str, Any]] = {"n": 1, "modalities": ["text"], "logprobs": False}
"""Fields whose value says what is so anyway."""


@dataclass(frozen=True)
class ResponsesBody:
    """A body for `responses.create`, what could not be carried over, and where marks went.

    `moved` leads from the place of a mark in the chat body to its place here.
    """

    body: dict[str, Any]
    findings: tuple[Finding, ...] = ()
    moved: Mapping[str, str] = field(default_factory=dict)


def responses_body(request: Request | Mapping[str, Any]) -> ResponsesBody:
    """Return a chat request, or its body, as a body of the Responses API.

    The input is not changed. Raises `MessageError` for what is no chat body of OpenAI.
    """
    given = request if isinstance(request, Mapping) else request.body
    if given.get("messages") is None:
        raise MessageError("expected a list of messages", path="messages")
    writer = _Writer()
    for index, message in enumerate(_list_at(given, "messages")):
        if not isinstance(message, Mapping):
            raise MessageError("expected an object", path=f"messages[{index}]")
        writer.message(message, f"messages[{index}]")
    rest = {key: value for key, value in given.items() if key != "messages" and value is not None}
    body: dict[str, Any] = {"model": rest.pop("model", None), "input": writer.items}
    if body["model"] is None:
        del body["model"]
    body |= _settings(rest, writer)
    for key, value in rest.items():
        if value != _SILENT.get(key, _NO_VALUE):
            known = key in _NOT_IN_SDK
            what = "is no argument of the SDK's" if known else "has no field in Responses"
            writer.lose(key, f"`{key}` {what}", _EXTRA if known else "")
    return ResponsesBody(body, tuple(writer.findings), MappingProxyType(dict(writer.moved)))


_NO_VALUE: Final = object()
_NOT_IN_SDK: Final = ("frequency_penalty", "presence_penalty")
"""Fields that OpenAI knows (Open Responses of 2026-04-24), and refuses for GPT-5.6 (probed
2026-08-30, kangminlee-maker/local-OAuth-CLI-API-adapter; both read 2026-11-21)."""
_EXTRA: Final = "where the model takes it, send it in extra_body"


def _settings(rest: dict[str, Any], writer: _Writer) -> dict[str, Any]:
    """Take out of the fields of a chat body what Responses have, and return it."""
    out: dict[str, Any] = {}
    tools = _list_at(rest, "tools")
    rest.pop("tools", None)
    if tools:
        out["tools"] = [_tool(tool, f"tools[{at}]", writer) for at, tool in enumerate(tools)]
    if "tool_choice" in rest:
        out["tool_choice"] = _choice(rest.pop("tool_choice"))
    out |= {key: copy_json(rest.pop(key)) for key in _SAME if key in rest}
    for name in ("max_tokens", "max_completion_tokens"):  # the newer one wins
        if name in rest:
            out["max_output_tokens"] = rest.pop(name)
    if "reasoning_effort" in rest:
        out["reasoning"] = {"effort": rest.pop("reasoning_effort")}
    text = {}
    if "response_format" in rest:
        text["format"] = _format(rest.pop("response_format"))
    if "verbosity" in rest:
        text["verbosity"] = rest.pop("verbosity")
    if text:
        out["text"] = text
    if rest.get("logprobs") is True:
        del rest["logprobs"]
        out["include"] = ["message.output_text.logprobs"]
    options = rest.pop("stream_options", None)
    if isinstance(options, Mapping):  # usage is in the last event, asked for or not
        kept = {key: value for key, value in options.items() if key != "include_usage"}
        out |= {"stream_options": kept} if kept else {}
    out.setdefault("store", False)
    return out


def _list_at(holder: Mapping[str, Any], key: str, path: str = "") -> list[Any]:
    """Return a list, empty for null; raise `MessageError` for anything else."""
    value = holder.get(key)
    if value is not None and not isinstance(value, list):
        raise MessageError("expected a list", path=f"{path}.{key}" if path else key)
    return value or []


def _tool(tool: Any, path: str, writer: _Writer) -> dict[str, Any]:
    """Return a tool, flat; of a kind that is not chat's, as it is."""
    kind = tool.get("type", "function") if isinstance(tool, Mapping) else None
    inner = tool.get(kind) if isinstance(kind, str) else None
    if not isinstance(inner, Mapping):
        out: dict[str, Any] = copy_json(tool)
        return out
    for holder in (tool, inner):
        if _MARK in holder:
            writer.lose(f"{path}.{_MARK}", "a tool carries no mark", "mark a message")
    made = {"type": kind, **copy_json({key: inner[key] for key in inner if key != _MARK})}
    if kind == "function":
        made.setdefault("parameters", None)
        made.setdefault("strict", False)
    elif isinstance(made.get("format"), dict) and isinstance(made["format"].get("grammar"), dict):
        made["format"] = {"type": "grammar", **made["format"]["grammar"]}
    return made


def _choice(choice: Any) -> Any:
    kind = choice.get("type", "function") if isinstance(choice, Mapping) else None
    inner = choice.get(kind) if isinstance(kind, str) else None
    if not isinstance(inner, Mapping):
        return copy_json(choice)
    made = {"type": kind, **copy_json(inner)}
    if kind == "allowed_tools":
        made["tools"] = [_choice(tool) for tool in made.get("tools", ())]
    return made


def _format(wanted: Any) -> Any:
    inner = wanted.get("json_schema") if isinstance(wanted, Mapping) else None
    return copy_json({"type": "json_schema", **inner} if isinstance(inner, Mapping) else wanted)


# ------------------------------------------------------------------------------------------- items


class _Writer:
    """The items so far, what was lost, and where the marks went."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        self.findings: list[Finding] = []
        self.moved: dict[str, str] = {}

    def lose(self, path: str, what: str, advice: str = "") -> None:
        self.findings.append(Finding("not-carried", "note", path, what, advice))

    def message(self, message: Mapping[str, Any], path: str) -> None:
        role = message.get("role")
        content = message.get("content")
        if role == "assistant":
            self._assistant(message, content, path)
        elif role in ("tool", "function"):
            key = "tool_call_id" if role == "tool" else "name"
            item = {"type": "function_call_output", "call_id": message.get(key)}
            self._add({**item, "output": ""}, "output", content, path)
        elif role in ("system", "developer", "user"):
            self._add({"role": role, "content": ""}, "content", content, path)
        else:
            raise MessageError(f"role {role!r} is not one of OpenAI's", path=f"{path}.role")
        taken = _TAKEN.get(str(role), frozenset())
        for key, value in message.items():
            if key not in taken and value not in (None, "", [], {}):
                advice = "OpenAI takes back only what it signed" if key in _THOUGHTS else ""
                self.lose(f"{path}.{key}", f"`{key}` is not sent", advice)

    def _add(self, item: dict[str, Any], place: str, content: Any, path: str) -> None:
        """Add an item with the content of a message as what it says."""
        if isinstance(content, list):
            own = f"input[{len(self.items)}].{place}"
            item[place] = self._parts(content, f"{path}.content", own, _INPUT)
        elif content is not None:
            item[place] = content
        self.items.append(item)

    def _assistant(self, message: Mapping[str, Any], content: Any, path: str) -> None:
        refusal = message.get("refusal")
        parts: Any = content
        if isinstance(content, list):
            parts = self._parts(content, f"{path}.content", "", _OUTPUT)
        if isinstance(refusal, str) and refusal:
            said = [_output_text({"text": parts})] if isinstance(parts, str) and parts else parts
            parts = [*(said or []), {"type": "refusal", "refusal": refusal}]
        if parts:
            self.items.append({"role": "assistant", "content": parts})
        for call in _list_at(message, "tool_calls", path):
            self.items.append(_call(call))
        if isinstance(content, list):
            self._move_back(content, f"{path}.content")

    def _parts(
        self, parts: Iterable[Any], path: str, own: str, known: Mapping[str, _Part]
    ) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for index, part in enumerate(parts):
            at = f"{path}[{index}]"
            kind = part.get("type") if isinstance(part, Mapping) else None
            write = known.get(kind) if isinstance(kind, str) else None
            if write is None:
                self.lose(at, f"a part of type {kind!r} has no place here", _ADVICE.get(kind, ""))
                if isinstance(part, Mapping) and _MARK in part:
                    self.lose(f"{at}.{_MARK}", "the mark goes with its part")
                continue
            made = write(part)
            if _MARK in part and known is _INPUT:
                made[_MARK] = copy_json(part[_MARK])
                self.moved[at] = f"{own}[{len(out)}]"
            out.append(made)
        return out

    def _move_back(self, parts: Iterable[Any], path: str) -> None:
        """Put the last mark of an assistant's text on the last part before it that carries one."""
        marked = [
            (f"{path}[{index}]", part[_MARK])
            for index, part in enumerate(parts)
            if isinstance(part, Mapping) and _MARK in part and part.get("type") in _OUTPUT
        ]
        for number, (at, mark) in enumerate(reversed(marked)):
            found = self._last_carrier() if number == 0 else None
            where, part = found or ("", {})
            if found is None or _MARK in part:
                self.lose(f"{at}.{_MARK}", "the assistant's text carries no mark here")
                continue
            part[_MARK] = copy_json(mark)
            self.moved[at] = where
            told = f"the mark stands at {where}: the assistant's text carries none here"
            self.findings.append(Finding("mark-moved", "note", f"{at}.{_MARK}", told))

    def _last_carrier(self) -> tuple[str, dict[str, Any]] | None:
        """Return the last part that can carry a mark; a text becomes one."""
        for index in range(len(self.items) - 1, -1, -1):
            item = self.items[index]
            place = "output" if "output" in item else "content"
            if item.get("role") == "assistant" or not item.get(place):
                continue
            if isinstance(item[place], str):
                item[place] = [{"type": "input_text", "text": item[place]}]
            parts = item[place]
            return f"input[{index}].{place}[{len(parts) - 1}]", parts[-1]
        return None


_THOUGHTS: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details"})
_TAKEN: Final[Mapping[str, frozenset[str]]] = {
    "assistant": frozenset({"role", "content", "tool_calls", "refusal"}),
    "tool": frozenset({"role", "content", "tool_call_id"}),
    "function": frozenset({"role", "content", "name"}),
    **dict.fromkeys(("system", "developer", "user"), frozenset({"role", "content"})),
}
_ADVICE: Final[Mapping[Any, str]] = {"input_audio": "Responses take no audio: send it by chat"}


def _call(call: Any) -> dict[str, Any]:
    held = call if isinstance(call, Mapping) else {}
    custom = held.get("custom")
    if isinstance(custom, Mapping):
        own = {"name": custom.get("name"), "input": custom.get("input")}
        return {"type": "custom_tool_call", "call_id": held.get("id"), **own}
    function = held.get("function")
    function = function if isinstance(function, Mapping) else {}
    own = {"name": function.get("name"), "arguments": function.get("arguments") or "{}"}
    return {"type": "function_call", "call_id": held.get("id"), **own}


_Part = Callable[[Mapping[str, Any]], dict[str, Any]]


def _input_text(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "input_text", "text": part.get("text")}


def _input_image(part: Mapping[str, Any]) -> dict[str, Any]:
    image = part.get("image_url")
    image = image if isinstance(image, Mapping) else {"url": image}
    return {
        "type": "input_image",
        "image_url": image.get("url"),
        "detail": image.get("detail") or "auto",
    }


def _input_file(part: Mapping[str, Any]) -> dict[str, Any]:
    held = part.get("file")
    return {"type": "input_file", **(copy_json(held) if isinstance(held, Mapping) else {})}


def _output_text(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": part.get("text"), "annotations": []}


def _refusal(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "refusal", "refusal": part.get("refusal")}


_INPUT: Final[Mapping[str, _Part]] = {
    "text": _input_text,
    "image_url": _input_image,
    "file": _input_file,
}
_OUTPUT: Final[Mapping[str, _Part]] = {"text": _output_text, "refusal": _refusal}
