"""The promise of `rolling` (marks.md, section 5), kept against the prefix cache on real requests.

Each request is the one before, the assistant message that it led to, and any number of new blocks.
Tokens are characters here, so that every prefix is over the minimum and all sums are exact.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

import wiremark
from wiremark import (
    GenerateOptions,
    Msg,
    TextBlock,
    ThinkingBlock,
    ToolSchema,
    ToolUseBlock,
)
from wiremark.marks import RequestView, Wish
from wiremark.replay.cache import CacheResult, PrefixCache
from wiremark.replay.model import Arm
from wiremark.replay.tokens.choose import token_counter

SESSIONS = 250
"""Sessions for each way, of two to seven requests: 2,000 in all, each in both arms."""

CHARACTERS = token_counter("characters", count=len)
ARMS: tuple[Arm, ...] = ("neutral", "pessimistic")


@dataclass(frozen=True)
class Way:
    """A formatter, the model, and where its requests go."""

    kind: str
    model: str
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.kind}-{self.model}-{self.settings.get('host', '')}".strip("-")

    def body(self, messages: list[Msg], policy: Any, tools: list[ToolSchema]) -> dict[str, Any]:
        formatter = formatter_of(self.kind, *self.settings.items())
        options = GenerateOptions(cache_control=policy, max_tokens=9)
        request = formatter.build_request(self.model, messages, tools=tools, options=options)
        body: dict[str, Any] = request.body
        return body


@cache
def formatter_of(kind: str, *settings: tuple[str, Any]) -> Any:
    return getattr(wiremark, kind)(**dict(settings))


DASHSCOPE = {"host": "dashscope.aliyuncs.com"}
OPENROUTER = {"host": "openrouter.ai"}
WAYS = [
    Way("DashScopeChatFormatter", "qwen3-max"),
    Way("OpenAIChatFormatter", "qwen3-max", DASHSCOPE),
    Way("AnthropicChatFormatter", "claude-opus-5"),
    Way("AnthropicChatFormatter", "qwen3-max", DASHSCOPE),
    Way("BedrockConverseFormatter", "anthropic.claude-sonnet-5"),
    Way("OpenAIChatFormatter", "anthropic/claude-sonnet-5", OPENROUTER),
    Way("OpenAIChatFormatter", "qwen/qwen3-max", OPENROUTER),
    Way("OpenAIChatFormatter", "gpt-5.6", {"host": "api.openai.com"}),
]
ANTHROPIC = WAYS[2]
PROTOCOLS = {
    "DashScopeChatFormatter": "dashscope",
    "OpenAIChatFormatter": "openai-chat",
    "AnthropicChatFormatter": "anthropic",
    "BedrockConverseFormatter": "bedrock-converse",
}
PLACES = {
    str(way): {"protocol": PROTOCOLS[way.kind], "model": way.model, **way.settings} for way in WAYS
}
TOOLS = [ToolSchema(name=f"tool_{n}", description="does it", parameters={}) for n in range(3)]
SYSTEM = "You are an agent. " * 300


def session(rng: random.Random) -> Iterator[list[Msg]]:
    """Yield the messages of each request of an append-only session."""
    messages = [Msg.system(SYSTEM)] if rng.random() < 0.9 else []
    messages.append(said(rng, SYSTEM if not messages else "Begin."))
    yield list(messages)
    for turn in range(rng.randint(1, 6)):
        messages += turned(rng, turn, rng.choice([0, 0, 1, 2, 3, 18, 60]))
        yield list(messages)


def turned(rng: random.Random, turn: int, calls: int) -> list[Msg]:
    """Return an assistant message and what follows it, until the next request."""
    blocks: list[Any] = []
    if rng.random() < 0.3:
        blocks.append(ThinkingBlock("Hm. " * rng.randint(1, 9)))
    if rng.random() < 0.6 or not calls:
        blocks += [TextBlock(f"turn {turn}: " + "x" * rng.randint(1, 99))]
    ids = [f"call-{turn}-{number}" for number in range(calls)]
    blocks += [ToolUseBlock(one, f"tool_{n % 3}", {"n": n}) for n, one in enumerate(ids)]
    out = [Msg.assistant(blocks)]
    out += [Msg.tool_result(one, "t", f"{one} gave {turn}") for one in ids]
    if not calls or rng.random() < 0.2:
        out += [said(rng, "And then?") for _ in range(rng.choice([1, 1, 2, 25]))]
    return out


def said(rng: random.Random, text: str) -> Msg:
    count = rng.choice([1, 1, 1, 3, 22])
    return Msg.user([TextBlock(f"{text} {n}") for n in range(count)])


def bodies(way: Way, requests: Iterable[list[Msg]], policy: Any) -> list[dict[str, Any]]:
    return [way.body(messages, policy, TOOLS) for messages in requests]


def played(way: Way, sent: Iterable[dict[str, Any]], arm: Arm = "neutral") -> list[CacheResult]:
    """Return what each request reads and writes, one sent every 9 s and answered in 2."""
    held = PrefixCache(**PLACES[str(way)], arm=arm, counter=CHARACTERS)
    return [held.request(body, at=9.0 * n, ends_at=9.0 * n + 2) for n, body in enumerate(sent)]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_every_request_reads_all_that_the_previous_one_wrote(way: Way) -> None:
    rng = random.Random(f"{way} 20261121")
    requests = 0
    for number in range(SESSIONS):
        sent = bodies(way, session(rng), "rolling")
        for arm in ARMS:
            results = played(way, sent, arm)
            assert results[0].written > 0, (number, results[0])
            for before, now in pairwise(results):
                assert now.rejected is None
                assert now.read >= before.read + before.written, (number, arm, now)
                assert now.miss is None, (number, arm, now.miss)
                assert now.read + now.written + now.fresh == now.input
                requests += 1
    assert requests > 4 * SESSIONS


def test_other_policies_do_not_keep_the_promise() -> None:
    rng = random.Random(20261121)
    sessions = [bodies(ANTHROPIC, session(rng), "system_and_last") for _ in range(20)]
    missed = [one.miss for sent in sessions for one in played(ANTHROPIC, sent)[1:] if one.miss]
    assert {miss.code for miss in missed} == {"beyond-lookback"}


def incident() -> list[list[Msg]]:
    """Return two requests with 18 parallel tools between them: 38 blocks."""
    calls = [ToolUseBlock(f"c{n}", "tool_0", {"file": n}) for n in range(18)]
    first = [Msg.system(SYSTEM), Msg.user("Read the files. " * 400)]
    reply = Msg.assistant([TextBlock("I read all."), *calls])
    results = [Msg.tool_result(f"c{n}", "tool_0", "text " * 99) for n in range(18)]
    return [first, [*first, reply, *results, Msg.user("Go on.")]]


def last_message_only(view: RequestView) -> Iterator[Wish]:
    if view.end is not None:
        yield Wish("auto", True, view.end, "the last message")


def test_eighteen_parallel_tools_read_nothing_with_a_mark_on_the_last_message_only() -> None:
    # strands-agents #3348: about 38 blocks between two marks, read 0, all written again.
    first, second = played(ANTHROPIC, bodies(ANTHROPIC, incident(), last_message_only))
    assert second.read == 0
    assert second.written > first.written > 0
    assert second.miss is not None
    assert (second.miss.code, second.miss.by) == ("beyond-lookback", 18)
    assert "18 blocks over the lookback of 20" in second.miss.sentence


def test_eighteen_parallel_tools_leave_the_system_alone_to_be_read() -> None:
    first, second = played(ANTHROPIC, bodies(ANTHROPIC, incident(), "system_and_last"))
    assert 0 < second.read < first.written
    assert second.miss is not None
    assert second.miss.code == "beyond-lookback"


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_eighteen_parallel_tools_are_bridged_by_rolling(way: Way, arm: Arm) -> None:
    first, second = played(way, bodies(way, incident(), "rolling"), arm)
    assert second.read == first.written
    assert second.miss is None


# What breaks a cache (field.md, "Numbers worth reproducing"): direction and order of size.


LATE = 3


def agent(change: str) -> Iterator[dict[str, Any]]:
    """Yield the bodies of an agent's six requests, each changed as `change` says."""
    rng = random.Random(change)
    turns = 6
    tools = [{"name": f"tool_{n}", "description": "does it " * 20} for n in range(12)]
    history: list[dict[str, Any]] = [{"role": "user", "content": "Plan a journey. " * 40}]
    for turn in range(turns):
        now, own = tools, json.loads(json.dumps(history))
        if change == "a new tool each time" or (change == "a new tool once" and turn > LATE):
            new = turn if change.endswith("time") else 0
            now = [*tools, {"name": f"new_{new}", "description": "does it " * 20}]
        if change == "tools in another order each time":
            now = rng.sample(tools, len(tools))
        if change == "tools in another order once" and turn > LATE:
            now = tools[::-1]
        system = "You are an agent. " * 300
        if change == "timestamp at the start":
            system = f"It is {turn} o'clock. {system}"
        if change == "timestamp at the end":
            own[-1]["content"] += f" It is {turn} o'clock."
        if change == "unstable serialisation":
            facts = {f"key {n}": "value " * 50 for n in range(12)}
            system = json.dumps(dict(rng.sample(sorted(facts.items()), len(facts))))
        if change == "edited history" and turn:
            own[0]["content"] = f"(turn {turn}) {own[0]['content']}"
        messages = [{"role": "system", "content": system}, *own]
        for index in {0, len(messages) - 1, max(0, len(messages) - 3)}:
            text = messages[index]["content"]
            mark = {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
            messages[index]["content"] = [mark]
        functions = [{"type": "function", "function": tool} for tool in now]
        yield {"model": "qwen3-max", "messages": messages, "tools": functions}
        history.append({"role": "assistant", "content": f"Step {turn}. " * 60})
        history.append({"role": "user", "content": f"Go on with {turn}. " * 60})


def hit_rate(change: str) -> float:
    held = PrefixCache(protocol="openai-chat", host="dashscope.aliyuncs.com", counter=CHARACTERS)
    results = [held.request(body, at=9.0 * n) for n, body in enumerate(agent(change))]
    return sum(one.read for one in results[1:]) / sum(one.input for one in results[1:])


@pytest.mark.parametrize(
    ("change", "least", "most"),
    [
        # Published on five turns: 88.30 % as it should be; 75.29 % with dynamic tools, 77.96 %
        # with tools in an unstable order, 11.14 % with unstable serialisation, 19.21 % with edited
        # history. On DashScope tools stand before everything, so a change in each request leaves
        # nothing; a change of one turn in five costs that turn.
        ("nothing", 0.85, 0.95),
        ("a new tool once", 0.65, 0.8),
        ("tools in another order once", 0.65, 0.8),
        ("a new tool each time", 0, 0),
        ("tools in another order each time", 0, 0),
        ("unstable serialisation", 0, 0.12),
        ("timestamp at the start", 0, 0),
        ("timestamp at the end", 0.75, 0.88),
        ("edited history", 0.5, 0.7),
    ],
)
def test_a_change_in_the_prefix_costs_the_hits_behind_it(
    change: str, least: float, most: float
) -> None:
    assert least <= hit_rate(change) <= most
