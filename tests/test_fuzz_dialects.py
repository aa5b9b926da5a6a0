"""Random conversations with random wishes, ten thousand for every rule set, before a judge.

The judge below knows the providers' rules from their documents and nothing of `wiremark.rules` or
`wiremark.marks`: it counts, it looks at blocks, it compares lifetimes. The largest published fuzz
of this kind has 9,344 cases for one provider (strands-agents PR #3571).
"""

from __future__ import annotations

import copy
import os
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

import wiremark
from wiremark import (
    AudioBlock,
    Base64Source,
    CacheBudgetWarning,
    DataBlock,
    GenerateOptions,
    ImageBlock,
    Msg,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolSchema,
    ToolUseBlock,
    URLSource,
    Wish,
    rules,
)
from wiremark.marks import Slot

CONVERSATIONS = int(os.environ.get("WIREMARK_FUZZ", "500"))  # `make test` asks for 10,000
MARKERS = ("cache_control", "prompt_cache_breakpoint", "cachePoint")
SECONDS = {"5m": 300, "30m": 1800, "1h": 3600, "12h": 43_200}


@dataclass(frozen=True)
class Law:
    """What a provider's documents say of marks; sources in facts of 2026-11-21."""

    form: str | None
    most: int = 4
    ttls: tuple[str, ...] = ("5m",)
    default: str = "5m"
    ordered: bool = False
    tools: bool = False
    top: bool = False
    top_only: bool = False
    kinds: frozenset[str] = frozenset({"text", "image", "audio", "video"})
    arrays: bool = True


@dataclass(frozen=True)
class Way:
    """A formatter class by name, where its requests go, and the law there."""

    kind: str
    model: str
    law: Law
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        where = self.settings.get("host", "rules" if "rules" in self.settings else "")
        return f"{self.kind}-{self.model}-{where}".strip("-")


QWEN = Law("cache_control")
NONE = Law(None)
BREAKPOINTS = Law("prompt_cache_breakpoint", 3, ("30m", "12h"), "30m")
CLAUDE_KINDS = frozenset({"text", "image", "document", "tool_use", "tool_result"})
CLAUDE = Law(
    "cache_control",
    4,
    ("5m", "1h"),
    ordered=True,
    tools=True,
    top=True,
    kinds=CLAUDE_KINDS,
)
ROUTED_CLAUDE = Law("cache_control", 4, ("5m", "1h"), ordered=True, tools=True, top=True)
CONVERSE = Law(
    "cachePoint",
    4,
    ("5m", "1h"),
    ordered=True,
    tools=True,
    kinds=CLAUDE_KINDS | {"video"},
)

WAYS = [
    Way("DashScopeChatFormatter", "qwen-plus", QWEN),
    Way("DashScopeMultiAgentFormatter", "qwen-plus", QWEN, {"history_layout": "append_only"}),
    Way("OpenAIChatFormatter", "qwen-plus", QWEN, {"host": "dashscope.aliyuncs.com"}),
    Way("OpenAIChatFormatter", "gpt-5.6", BREAKPOINTS, {"host": "api.openai.com"}),
    Way("OpenAIMultiAgentFormatter", "gpt-5.6", BREAKPOINTS, {"history_layout": "append_only"}),
    Way(
        "OpenAIChatFormatter",
        "qwen4-max",
        Law("prompt_cache_breakpoint", 4, ("5m", "1h")),
        {"host": "dashscope.aliyuncs.com"},
    ),
    Way("OpenAIChatFormatter", "gpt-4.1", NONE),
    Way(
        "OpenAIChatFormatter", "anthropic/claude-sonnet-5", ROUTED_CLAUDE, {"host": "openrouter.ai"}
    ),
    Way(
        "OpenAIChatFormatter",
        "google/gemini-3-pro",
        Law("cache_control", 1, ()),
        {"host": "openrouter.ai"},
    ),
    Way("OpenAIChatFormatter", "qwen/qwen3-max", QWEN, {"host": "openrouter.ai"}),
    Way("OpenAIChatFormatter", "grok-5", NONE, {"host": "api.x.ai"}),
    Way("DeepSeekFormatter", "deepseek-chat", NONE, {"host": "api.deepseek.com"}),
    Way("GLMFormatter", "glm-5.2", NONE, {"host": "open.bigmodel.cn"}),
    Way("KimiFormatter", "kimi-k3", NONE, {"host": "api.moonshot.cn"}),
    Way("MiniMaxFormatter", "MiniMax-M2", NONE, {"host": "api.minimax.io"}),
    Way("AnthropicChatFormatter", "claude-opus-5", CLAUDE),
    Way("AnthropicMultiAgentFormatter", "claude-opus-5", CLAUDE),
    Way(
        "AnthropicChatFormatter",
        "kimi-k3",
        Law("cache_control", 1, ("5m", "1h"), top=True, top_only=True),
        {"host": "api.moonshot.cn"},
    ),
    Way("BedrockConverseFormatter", "anthropic.claude-sonnet-5", CONVERSE),
]
MESSAGES_5M = Law("cache_control", kinds=CLAUDE_KINDS)
WAYS += [
    Way("OpenAIChatFormatter", "house-7b", QWEN, {"host": "llm.example"}),
    Way("OpenAIChatFormatter", "llama-4", NONE, {"host": "api.groq.com"}),
    Way("OpenAIChatFormatter", "gemini-3-pro", NONE, {"host": "generativelanguage.googleapis.com"}),
    Way("OpenAIChatFormatter", "llama4", NONE, {"rules": rules.OLLAMA}),
    Way("OpenAIChatFormatter", "mistral-large", NONE, {"host": "api.mistral.ai"}),
    Way("OpenAIChatFormatter", "meta/llama-4", NONE, {"host": "openrouter.ai"}),
    Way("OpenAIChatFormatter", "openrouter/auto", QWEN, {"host": "openrouter.ai"}),
    Way(
        "OpenAIChatFormatter",
        "openai/gpt-5.6",
        replace(BREAKPOINTS, ttls=()),
        {"host": "openrouter.ai"},
    ),
    Way("AnthropicChatFormatter", "qwen-plus", MESSAGES_5M, {"host": "dashscope.aliyuncs.com"}),
    Way(
        "AnthropicChatFormatter",
        "MiniMax-M2",
        replace(MESSAGES_5M, tools=True),
        {"host": "api.minimax.io"},
    ),
    Way(
        "AnthropicChatFormatter",
        "house-7b",
        replace(MESSAGES_5M, tools=True),
        {"host": "llm.example"},
    ),
    Way(
        "AnthropicChatFormatter",
        "claude-opus-5",
        replace(CLAUDE, top=False),
        {"host": "us-east5-aiplatform.googleapis.com"},
    ),
]


# The conversations.

WORDS = ["", " ", "\n", "alpha", "beta gamma", "数据", "a longer sentence, with a comma.", "x"]
VALUES = [
    True,
    True,
    True,
    False,
    "5m",
    "1h",
    {"type": "ephemeral"},
    {"type": "ephemeral", "ttl": "1h"},
    "soon",
    7,
]


def automatic(_: Any) -> list[Wish]:
    """Ask for a mark of the request as a whole, beside one on its end."""
    return [Wish("auto", True, Slot(), "automatic"), Wish("auto", "1h", Slot(message=0), "head")]


POLICIES = [
    None,
    True,
    False,
    "rolling",
    "rolling:1h",
    "stable_head",
    "stable_head:1h",
    "manual",
    automatic,
]


def conversation(rng: random.Random) -> list[Msg]:
    """Return a conversation whose tool calls are answered, with wishes anywhere."""
    messages = [
        Msg.system([text(rng) for _ in range(rng.randint(1, 2))], **meta(rng))
        for _ in range(rng.randint(0, 2))
    ]
    for turn in range(rng.randint(1, 3)):
        messages.append(
            Msg.user(
                [said(rng) for _ in range(rng.randint(1, 3))],
                name=rng.choice([None, "Ann"]),
                **meta(rng),
            )
        )
        if rng.random() < 0.6:
            messages += tool_turn(rng, turn)
        if rng.random() < 0.7:
            blocks = [thought(rng)] if rng.random() < 0.3 else []
            messages.append(
                Msg.assistant([*blocks, text(rng)], name=rng.choice([None, "Bot"]), **meta(rng))
            )
    if messages[-1].role != "USER" and rng.random() < 0.5:
        messages.append(Msg.user(text(rng), **meta(rng)))
    return messages


def tool_turn(rng: random.Random, turn: int) -> list[Msg]:
    ids = [f"call_{turn}_{number}" for number in range(rng.randint(1, 3))]
    calls = [ToolUseBlock(one, "probe", {"n": turn}, cache_control=wish(rng)) for one in ids]
    results = [
        ToolResultBlock(
            one, "probe", [said(rng) for _ in range(rng.randint(0, 2))], cache_control=wish(rng)
        )
        for one in ids
    ]
    first = [text(rng)] if rng.random() < 0.5 else []
    asked = Msg.assistant([*first, *calls], **meta(rng))
    if rng.random() < 0.5:
        return [asked, Msg.tool(results, **meta(rng))]
    return [asked, *(Msg.tool(result, **meta(rng)) for result in results)]


def wish(rng: random.Random) -> Any:
    return rng.choice(VALUES) if rng.random() < 0.15 else None


def meta(rng: random.Random) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if rng.random() < 0.2:
        found["_cache_control"] = rng.choice(VALUES)
    if rng.random() < 0.08:
        found["_cache_dynamic"] = True
    return {"metadata": found} if found else {}


def text(rng: random.Random) -> TextBlock:
    return TextBlock(rng.choice(WORDS), cache_control=wish(rng))


def thought(rng: random.Random) -> ThinkingBlock:
    return ThinkingBlock("hm", metadata={"signature": "c2ln"}, cache_control=wish(rng))


def said(rng: random.Random) -> Any:
    kind = rng.random()
    if kind < 0.75:
        return text(rng)
    if kind < 0.85:
        return ImageBlock(URLSource("https://ex.org/a.png"), cache_control=wish(rng))
    if kind < 0.92:
        return AudioBlock(
            Base64Source(media_type="audio/wav", data="QUJD"), cache_control=wish(rng)
        )
    return DataBlock(Base64Source(media_type="image/png", data="QUJD"), cache_control=wish(rng))


def scribble(rng: random.Random, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return wire messages with markers that somebody left there, some of them beside the role."""
    left = [{"type": "ephemeral"}, {"type": "ephemeral", "ttl": "1h"}, {"mode": "explicit"}]
    messages = copy.deepcopy(messages)
    for message in messages:
        for holder in (message, *(p for p in message["content"] or () if isinstance(p, dict))):
            if rng.random() < 0.2 and "cachePoint" not in holder:
                value = rng.choice(left)
                holder["prompt_cache_breakpoint" if "mode" in value else "cache_control"] = value
    return messages


def tools(rng: random.Random) -> list[ToolSchema]:
    return [
        ToolSchema(name=f"tool_{number}", description="d", cache_control=wish(rng))
        for number in range(rng.randint(0, 3))
    ]


# The judge.


@dataclass(frozen=True)
class Mark:
    path: str
    form: str
    value: Any
    kind: str
    blank: bool = False


def marks(body: dict[str, Any]) -> Iterator[Mark]:
    """Yield every marker of a body in the order tools, system, messages, top."""
    parameters = body.get("parameters", {})
    configured = body.get("toolConfig", {})
    listed = body.get("tools") or parameters.get("tools") or configured.get("tools") or []
    yield from of_blocks(listed, "tools", "tool")
    if isinstance(body.get("system"), list):
        yield from of_blocks(body["system"], "system")
    found = body["messages"] if "messages" in body else body["input"]["messages"]
    for index, message in enumerate(found):
        at = f"messages[{index}]"
        for form in MARKERS:
            if form in message:
                yield Mark(at, form, message[form], "message")
        if isinstance(message.get("content"), list):
            yield from of_blocks(message["content"], f"{at}.content")
    if "cache_control" in body:
        yield Mark("(request)", "cache_control", body["cache_control"], "top")


def of_blocks(blocks: list[Any], at: str, kind: str = "") -> Iterator[Mark]:
    for number, block in enumerate(blocks):
        path = f"{at}[{number}]"
        if "cachePoint" in block:
            before = blocks[number - 1] if number else {}
            named = kind or kind_of(before)
            yield Mark(
                path, "cachePoint", block["cachePoint"], named if number else "first", blank(before)
            )
            continue
        for form in MARKERS[:2]:
            if form in block:
                yield Mark(path, form, block[form], kind or kind_of(block), blank(block))
        inner = block.get(
            "content",
            block.get("toolResult", {}).get("content")
            if isinstance(block.get("toolResult"), dict)
            else None,
        )
        if isinstance(inner, list):
            for mark in of_blocks(inner, f"{path}.content"):
                yield Mark(mark.path, mark.form, mark.value, "nested")


def kind_of(block: dict[str, Any]) -> str:
    names = {
        "image_url": "image",
        "input_audio": "audio",
        "video_url": "video",
        "redacted_thinking": "thinking",
        "toolUse": "tool_use",
        "toolResult": "tool_result",
        "reasoningContent": "thinking",
    }
    if "type" in block:
        return names.get(block["type"], str(block["type"]))
    for key in (
        "text",
        "image",
        "audio",
        "video",
        "document",
        "toolUse",
        "toolResult",
        "reasoningContent",
    ):
        if key in block:
            return names.get(key, key)
    return "unknown"


def blank(block: dict[str, Any]) -> bool:
    return "text" in block and not str(block["text"]).strip()


def judge(body: dict[str, Any], law: Law) -> list[str]:
    """Return what the provider would reject or ignore."""
    found = list(marks(body))
    wrong = []
    if law.form is None:
        return [f"{mark.path}: a mark where none is read" for mark in found]
    if len(found) > law.most:
        wrong.append(f"{len(found)} marks")
    longest = None
    for mark in sorted(found, key=lambda one: 0 if one.kind == "tool" else 1):
        wrong += [f"{mark.path}: {said}" for said in faults(mark, law)]
        ttl = mark.value.get("ttl", law.default) if isinstance(mark.value, dict) else law.default
        seconds = SECONDS.get(ttl, 0)
        if law.ordered and mark.kind != "top" and longest is not None and seconds > longest:
            wrong.append(f"{mark.path}: {ttl} behind a shorter one")
        longest = seconds if longest is None else min(longest, seconds)
    return wrong


def faults(mark: Mark, law: Law) -> Iterator[str]:
    if mark.form != law.form:
        yield f"written as {mark.form}"
    if mark.kind in ("message", "nested", "first", "thinking", "unknown"):
        yield f"stands on {mark.kind}"
    elif mark.kind == "tool":
        if not law.tools:
            yield "stands on a tool"
    elif mark.kind == "top":
        if not law.top:
            yield "marks the request"
    elif law.top_only:
        yield "stands in the body"
    elif mark.kind not in law.kinds:
        yield f"stands on {mark.kind}"
    if mark.blank:
        yield "stands on blank text"
    value = mark.value
    good = {
        "cache_control": {"type": "ephemeral"},
        "prompt_cache_breakpoint": {"mode": "explicit"},
        "cachePoint": {"type": "default"},
    }
    if (
        not isinstance(value, dict)
        or {k: v for k, v in value.items() if k != "ttl"} != good[mark.form]
    ):
        yield f"is {value!r}"
    elif "ttl" in value and value["ttl"] not in law.ttls:
        yield f"asks for {value['ttl']}"


# The proof.


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_no_request_breaks_the_law(way: Way) -> None:
    formatter = getattr(wiremark, way.kind)(**way.settings)
    rng = random.Random(20261121)
    marked = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheBudgetWarning)
        for number in range(CONVERSATIONS):
            messages = conversation(rng)
            options = GenerateOptions(cache_control=rng.choice(POLICIES), max_tokens=9)
            request = formatter.build_request(
                way.model, messages, tools=tools(rng), options=options
            )
            wrong = judge(request.body, way.law)
            assert not wrong, (number, wrong, str(request.plan))
            marked += any(True for _ in marks(request.body))
            if number % 5 == 0:
                found = scribble(rng, formatter.format(messages, model=way.model))
                policy = rng.choice(["manual", "system_and_last", "rolling:1h"])
                again = formatter.apply_cache_control(found, policy=policy, model=way.model)
                assert not judge({"messages": again}, way.law), (number, found, again)
    if way.law.form is not None:
        assert marked > CONVERSATIONS // 3


@pytest.mark.parametrize(
    ("body", "law", "said"),
    [
        (
            {
                "messages": [
                    {"role": "user", "content": "x", "cache_control": {"type": "ephemeral"}}
                ]
            },
            QWEN,
            "stands on message",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"text": " ", "cache_control": {"type": "ephemeral"}}],
                    }
                ]
            },
            QWEN,
            "blank",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"text": "x", "cache_control": {"type": "ephemeral"}}] * 5,
                    }
                ]
            },
            QWEN,
            "5 marks",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"text": "x", "cache_control": {"type": "ephemeral"}}],
                    }
                ]
            },
            NONE,
            "none is read",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "thinking", "cache_control": {"type": "ephemeral"}}],
                    }
                ]
            },
            CLAUDE,
            "thinking",
        ),
        (
            {
                "messages": [],
                "system": [
                    {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
                    {
                        "type": "text",
                        "text": "b",
                        "cache_control": {"type": "ephemeral", "ttl": "1h"},
                    },
                ],
            },
            CLAUDE,
            "behind a shorter",
        ),
        (
            {"messages": [], "tools": [{"name": "t", "cache_control": {"type": "ephemeral"}}]},
            QWEN,
            "stands on a tool",
        ),
        (
            {"messages": [{"role": "user", "content": [{"cachePoint": {"type": "default"}}]}]},
            CONVERSE,
            "stands on first",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "tool_result",
                                "content": [
                                    {
                                        "type": "text",
                                        "text": "x",
                                        "cache_control": {"type": "ephemeral"},
                                    }
                                ],
                            }
                        ],
                    }
                ]
            },
            CLAUDE,
            "nested",
        ),
    ],
)
def test_the_judge_finds_each_breach(body: dict[str, Any], law: Law, said: str) -> None:
    assert any(said in one for one in judge(body, law)), judge(body, law)
