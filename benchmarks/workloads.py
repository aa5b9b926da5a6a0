"""The messages that are measured, in agentscope-java's JSON form, so that every subject reads them.

Standard library only: this runs in the peers' environments too. The same name always gives the
same messages.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

__all__ = ["CONVERSATION", "agent_loop", "load", "loop_name"]

Message = dict[str, Any]

CONVERSATION = "conversation"
_CONVERSATION_FILE = Path(__file__).parent / "data" / "bench_conversation.json"
_LOOP = "agent loop of "

_SYSTEM = (
    "You are a careful software engineer who works in a repository by calling tools. Read before "
    "you write, change as little as possible, run the tests after each change, and say plainly "
    "what you could not check. Call independent tools in parallel.\n"
) * 12
_FILES = ("app/models.py", "app/views.py", "app/forms.py", "tests/test_orders.py", "docs/usage.md")
_VOCABULARY = (
    "order total rounding invoice line discount currency customer repository migration index "
    "query cache session retry timeout queue worker schedule report export column header "
    "订单 金额 折扣 测试 通过"
)
_WORDS = _VOCABULARY.split()
_TOOLS = ("read_file", "search_code", "run_tests", "edit_file")


def load(name: str) -> list[Message]:
    """Return the messages of a workload, read or made anew."""
    if name == CONVERSATION:
        messages: list[Message] = json.loads(_CONVERSATION_FILE.read_text(encoding="utf-8"))
        return messages
    return agent_loop(int(name.removeprefix(_LOOP)))


def loop_name(size: int) -> str:
    """Return the name of the agent loop of `size` messages."""
    return f"{_LOOP}{size}"


def agent_loop(size: int) -> list[Message]:
    """Return a coding agent's session of exactly `size` messages, every tool call answered.

    A step is an assistant message with one to four parallel calls and a message a result. About
    every eighth step is the end of a task: an answer, and the user's next question.
    """
    pick = random.Random(20261121)
    loop: list[Message] = [
        _message("system", "SYSTEM", [_text(_SYSTEM)]),
        _message("user", "USER", [_text(_prose(pick, 60))]),
    ]
    step = 0
    while len(loop) < size:
        left = size - len(loop)
        if left == 1 or pick.random() < 0.125:
            loop.append(_message("coder", "ASSISTANT", [_text(_prose(pick, 80))]))
            if left > 1:
                loop.append(_message("user", "USER", [_text(_prose(pick, 25))]))
            continue
        step += 1
        calls = [_call(pick, f"call_{step}_{n}") for n in range(min(pick.randint(1, 4), left - 1))]
        said = [_text(_prose(pick, 20))] if pick.random() < 0.6 else []
        thought = {"type": "thinking", "thinking": _prose(pick, 40), "metadata": {}}
        loop.append(_message("coder", "ASSISTANT", [thought, *said, *calls]))
        loop += [_message("coder", "TOOL", [_result(pick, call)]) for call in calls]
    for index, message in enumerate(loop):
        message["id"] = f"m{index}"
    return loop


def _message(name: str, role: str, content: list[dict[str, Any]]) -> Message:
    return {
        "id": "",
        "name": name,
        "role": role,
        "content": content,
        "metadata": {},
        "timestamp": "2026-11-21 09:00:00.000",
        "usage": None,
    }


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _prose(pick: random.Random, words: int) -> str:
    return " ".join(pick.choices(_WORDS, k=words)) + "."


def _call(pick: random.Random, call_id: str) -> dict[str, Any]:
    name = pick.choice(_TOOLS)
    path = pick.choice(_FILES)
    arguments: dict[str, dict[str, Any]] = {
        "read_file": {"path": path, "lines": {"first": pick.randint(1, 200), "count": 80}},
        "search_code": {"pattern": _prose(pick, 2), "paths": ["app", "tests"], "regex": False},
        "run_tests": {"select": [path], "timeout": 60.0, "environment": {"TZ": "UTC"}},
        "edit_file": {
            "path": path,
            "edits": [{"old": _prose(pick, 12), "new": _prose(pick, 14)} for _ in range(2)],
        },
    }
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments[name]}


def _result(pick: random.Random, call: dict[str, Any]) -> dict[str, Any]:
    lines = pick.choice((1, 2, 12, 30))
    text = "\n".join(f"{number:4}  {_prose(pick, 8)}" for number in range(lines))
    return {
        "type": "tool_result",
        "id": call["id"],
        "name": call["name"],
        "output": [_text(text)],
        "state": "success",
    }
