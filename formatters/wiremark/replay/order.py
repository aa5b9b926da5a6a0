"""What in the order of a session's text breaks its prefix, and how the session would look without.

A request departs from the one before it where it should only have grown: a clock or a counter in an
early message, tools in another order, the same JSON in another text, a history that was edited.
Requests that depart because they ask something else are no problem. Prices are not known here.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from wiremark.prefix import MESSAGE_PLACES, RESPONSES, TOOL_PLACES, as_items, json_text
from wiremark.replay.steps import Step, Steps, common_size

__all__ = ["Break", "Kind", "find_breaks", "mend"]

Kind: TypeAlias = Literal[
    "tools-reordered",
    "tools-changed",
    "unstable-serialisation",
    "timestamp",
    "uuid",
    "counter",
    "dynamic-text",
    "edited-history",
]

_LIMIT: Final = 500
"""Departures that are looked at."""

_EXCERPT: Final = 60

_EDITS: Final = 2
"""Changes of one message up to which it is taken to be edited."""

_UUID: Final = re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b")
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:\s?[AaPp][Mm])?\b"
    r"|\b(?:Mon|Tues?|Wed(?:nes)?|Thu(?:rs)?|Fri|Sat(?:ur)?|Sun)(?:day)?\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.? \d{1,2}(?:,? \d{4})?"
    r"|\b1[5-9]\d{8}(?:\d{3})?\b"
)
_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Break:
    """Where requests depart from the ones before them, and why.

    item: index of the message, -1 for a `system` of its own, `None` for the tools
    requests: the indices of the requests that depart; `before` and `after` of the first of them
    """

    kind: Kind
    item: int | None
    path: str
    before: str
    after: str
    requests: tuple[int, ...]


@dataclass(slots=True)
class _Parts:
    """A body taken apart: its tools, its `system`, and its messages."""

    tools: list[Any]
    system: Any
    messages: list[Any]

    def item(self, index: int) -> Any:
        return {"role": "system", "content": self.system} if index < 0 else self.messages[index]


def _get(body: Any, path: Sequence[str]) -> Any:
    for key in path:
        body = body.get(key) if isinstance(body, Mapping) else None
    return body


def _put(body: Mapping[str, Any], path: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**body, first: _put(body.get(first) or {}, rest, value) if rest else value}


def _parts(body: Mapping[str, Any], form: str) -> _Parts:
    tools = _get(body, TOOL_PLACES.get(form, ("tools",)))
    messages = _get(body, MESSAGE_PLACES.get(form, ("messages",)))
    if form == RESPONSES:
        messages = as_items(messages)
    return _Parts(
        list(tools) if isinstance(tools, list) else [],
        body.get("system"),
        list(messages) if isinstance(messages, list) else [],
    )


def _whole(body: Mapping[str, Any], parts: _Parts, form: str) -> dict[str, Any]:
    out = _put(body, MESSAGE_PLACES.get(form, ("messages",)), parts.messages)
    if parts.tools:
        out = _put(out, TOOL_PLACES.get(form, ("tools",)), parts.tools)
    if parts.system is not None:
        out["system"] = parts.system
    elif "system" in out:
        del out["system"]
    return out


# Finding.


def find_breaks(steps: Steps, bodies: Sequence[Mapping[str, Any]], form: str) -> list[Break]:
    """Return where the requests of a session break the prefix of the ones before them."""
    found: dict[tuple[Kind, int | None], Break] = {}
    changes: dict[int, int] = {}
    looked = 0
    for index in range(1, len(bodies)):
        old_step, new_step = steps.steps[index - 1], steps.steps[index]
        common = common_size(old_step, new_step)
        if common >= old_step.size or looked >= _LIMIT:
            continue
        looked += 1
        old, new = _parts(bodies[index - 1], form), _parts(bodies[index], form)
        for broken in _breaks(old, new, _message_at(new_step, common), form):
            if broken.item is not None:
                changes[broken.item] = changes.get(broken.item, 0) + 1
            key = (broken.kind, broken.item)
            known = found.get(key, broken)
            found[key] = replace(known, requests=(*known.requests, index))
    return [_settled(broken, changes) for broken in found.values()]


def _settled(broken: Break, changes: Mapping[int, int]) -> Break:
    """Return a break with its kind: what changes again and again is dynamic, not edited.

    An edit that is taken back changes twice.
    """
    item = broken.item
    if broken.kind == "edited-history" and item is not None and changes.get(item, 0) > _EDITS:
        return replace(broken, kind="dynamic-text")
    return broken


def _message_at(step: Step, depth: int) -> int:
    """Return the message that a depth lies in, -1 for what stands before the messages."""
    return bisect_right(step.line.starts, depth) - 1


def _breaks(old: _Parts, new: _Parts, first: int, form: str) -> list[Break]:
    out = []
    if first < 0:
        tools = _tools_break(old.tools, new.tools, form)
        out += [tools] if tools is not None else []
        if json_text(old.system) != json_text(new.system):
            out.append(_item_break(old.item(-1), new.item(-1), -1, "system"))
        if not out or tools is not None:
            first = 0
    if first >= 0:
        place = ".".join(MESSAGE_PLACES.get(form, ("messages",)))
        texts = [json_text(message) for message in new.messages]
        mine = [json_text(message) for message in old.messages]
        for index in range(first, min(len(mine), len(texts))):
            if mine[index] != texts[index]:
                system = _role(old.messages[index]) in ("system", "developer")
                goes_on = bool(set(mine[index + 1 :]) & set(texts[index:]))
                if goes_on or (system and len(mine) > index + 1):
                    path = f"{place}[{index}]"
                    out.append(_item_break(old.item(index), new.item(index), index, path))
                break
    return out


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, Mapping) else None


def _tools_break(old: list[Any], new: list[Any], form: str) -> Break | None:
    mine, theirs = [json_text(tool) for tool in old], [json_text(tool) for tool in new]
    if mine == theirs:
        return None
    path = ".".join(TOOL_PLACES.get(form, ("tools",)))
    names = [_tool_name(tool) for tool in old], [_tool_name(tool) for tool in new]
    before, after = (", ".join(listed) for listed in names)
    same = [_canonical(tool) for tool in old], [_canonical(tool) for tool in new]
    kind: Kind = "tools-changed"
    if same[0] == same[1]:
        kind = "unstable-serialisation"
        first = next(index for index in range(len(mine)) if mine[index] != theirs[index])
        before, after = _excerpts(mine[first], theirs[first])
    elif sorted(same[0]) == sorted(same[1]):
        kind = "tools-reordered"
    else:
        gone = [name for name in names[0] if name not in names[1]]
        come = [name for name in names[1] if name not in names[0]]
        if gone or come:
            before, after = ", ".join(gone), ", ".join(come)
    return Break(kind, None, path, before, after, ())


def _tool_name(tool: Any) -> str:
    for key in ("function", "toolSpec"):
        if isinstance(tool, Mapping) and isinstance(tool.get(key), Mapping):
            tool = tool[key]
    return str(tool.get("name", "?")) if isinstance(tool, Mapping) else "?"


def _item_break(old: Any, new: Any, index: int, path: str) -> Break:
    mine, theirs = _text_of(old), _text_of(new)
    before, after = _excerpts(mine, theirs)
    return Break(_kind_of(mine, theirs, _role(old)), index, path, before, after, ())


def _kind_of(old: str, new: str, role: Any) -> Kind:
    if _canonical(old) == _canonical(new):
        return "unstable-serialisation"
    masks: tuple[tuple[Kind, Callable[[str], str]], ...] = (
        ("timestamp", lambda text: _TIME.sub("#", text)),
        ("uuid", lambda text: _UUID.sub("#", text)),
        ("counter", lambda text: _DIGITS.sub("#", text)),
    )
    for kind, mask in masks:
        if mask(old) == mask(new):
            return kind
    return "dynamic-text" if role in ("system", "developer") else "edited-history"


def _text_of(item: Any) -> str:
    content = item.get("content") if isinstance(item, Mapping) else item
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(
        isinstance(part, Mapping) and isinstance(part.get("text"), str) for part in content
    ):
        return "\n".join(part["text"] for part in content)
    return json_text(item)


def _canonical(value: Any) -> str:
    """Return JSON in one text, whatever its keys' order and spaces; JSON inside it too."""

    def plain(part: Any) -> Any:
        if isinstance(part, str) and part.lstrip()[:1] in ("{", "["):
            try:
                return plain(json.loads(part))
            except (ValueError, RecursionError):
                return part
        if isinstance(part, Mapping):
            return {str(key): plain(part[key]) for key in sorted(part, key=str)}
        return [plain(each) for each in part] if isinstance(part, list) else part

    return json_text(plain(value))


def _excerpts(old: str, new: str) -> tuple[str, str]:
    """Return both texts from a little before the first difference on."""
    at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
    start = max(0, at - _EXCERPT // 3)
    return old[start : start + _EXCERPT], new[start : start + _EXCERPT]


# Mending.


def mend(
    broken: Break, bodies: Sequence[Mapping[str, Any]], form: str
) -> list[dict[str, Any]] | None:
    """Return the bodies of a session as they would be without a break, `None` if unknown."""
    parts = [_parts(body, form) for body in bodies]
    if broken.item is None:
        _mend_tools(broken.kind, parts)
    elif broken.kind == "unstable-serialisation":
        _keep_first(broken.item, parts, lambda old, new: _canonical(old) == _canonical(new))
    elif broken.kind == "edited-history":
        if not _keep_history(parts):
            return None
    else:
        _move_to_end(broken.item, parts, form)
    return [_whole(body, each, form) for body, each in zip(bodies, parts, strict=True)]


def _mend_tools(kind: Kind, parts: Sequence[_Parts]) -> None:
    known: dict[str, Any] = {}
    for each in parts:
        for tool in each.tools:
            known.setdefault(_tool_name(tool), tool)
    everything = sorted(known.values(), key=_tool_name)
    for each in parts:
        if kind == "tools-changed" and each.tools:
            each.tools = list(everything)
        else:
            each.tools = [
                known[_tool_name(tool)]
                if _canonical(known[_tool_name(tool)]) == _canonical(tool)
                else tool
                for tool in sorted(each.tools, key=_tool_name)
            ]


def _keep_first(item: int, parts: Sequence[_Parts], same: Callable[[Any, Any], bool]) -> None:
    first: dict[int, Any] = {}
    for each in parts:
        if item < 0:
            known = first.setdefault(-1, each.system)
            each.system = known if same(known, each.system) else each.system
            continue
        for index, message in enumerate(each.messages):
            known = first.setdefault(index, message)
            if known is not message and same(known, message):
                each.messages[index] = known
            else:
                first[index] = message


def _keep_history(parts: Sequence[_Parts]) -> bool:
    """Put back what earlier requests had; say whether messages stand where they stood."""
    kept: list[Any] = []
    changed = False
    for each in parts:
        length = min(len(kept), len(each.messages))
        alike = sum(kept[i] == each.messages[i] for i in range(length))
        if length and alike * 2 < length:
            kept = list(each.messages)
            continue
        for index in range(length):
            if kept[index] != each.messages[index] and _role(kept[index]) == _role(
                each.messages[index]
            ):
                each.messages[index] = kept[index]
                changed = True
        kept = list(each.messages)
    return changed


def _move_to_end(item: int, parts: Sequence[_Parts], form: str) -> None:
    """Cut the lines that change out of a message, and send them behind all others."""
    held = [each for each in parts if item < len(each.messages) and each.item(item) is not None]
    lines = [_text_of(each.item(item)).split("\n") for each in held]
    stable = set.intersection(*map(set, lines)) if lines else set()
    for each, own in zip(held, lines, strict=True):
        moved = "\n".join(line for line in own if line not in stable)
        kept = "\n".join(line for line in own if line in stable)
        if not moved:
            continue
        content: Any = [{"text": kept}] if form == "bedrock-converse" else kept
        if item < 0:
            each.system = content if kept.strip() else None
        elif kept.strip():
            each.messages[item] = {**each.messages[item], "content": content}
        else:
            del each.messages[item]
        tail: Any = [{"text": moved}] if form == "bedrock-converse" else moved
        each.messages.append({"role": "user", "content": tail})
