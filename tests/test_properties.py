"""What holds for any messages: the properties that formatters promise, by hypothesis.

A valid conversation, where validation is asked, answers each tool call with one result before
the next turn, with tool names and ids that providers take. All other properties hold for any
messages that can be read.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wiremark import (
    AudioBlock,
    Base64Source,
    CacheBudgetWarning,
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    DataBlock,
    GenerateOptions,
    HintBlock,
    ImageBlock,
    Msg,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    Quirks,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    URLSource,
    VideoBlock,
    dump_messages,
    read_messages,
    strip_marks,
    validate,
)
from wiremark.errors import FormatError
from wiremark.messages import BYPASS_HISTORY_MERGE, CACHE_CONTROL, CACHE_DYNAMIC

MARKERS = ("cache_control", "prompt_cache_breakpoint")

_Test = TypeVar("_Test", bound=Callable[..., None])

# ---------------------------------------------------------------- formatters


class Way(NamedTuple):
    """One way to format: a formatter's class and settings, model, and layout."""

    kind: Any
    model: str
    settings: dict[str, Any]

    def formatter(self, **more: Any) -> Any:
        return self.kind(**self.settings, **more)

    @property
    def multimodal(self) -> bool:
        return self.model == "qwen3-vl-plus"

    def format(self, messages: Sequence[Msg], **more: Any) -> list[dict[str, Any]]:
        formatter = self.formatter(**more)
        method = formatter.format_multimodal if self.multimodal else formatter.format
        made: list[dict[str, Any]] = method(messages, model=self.model)
        return made


QWEN = {"host": "dashscope.aliyuncs.com"}
GPT = {"host": "api.openai.com"}
APPEND: dict[str, Any] = {"history_layout": "append_only"}
CHAT_WAYS = {
    "dashscope": Way(DashScopeChatFormatter, "qwen-plus", {}),
    "dashscope-multimodal": Way(DashScopeChatFormatter, "qwen3-vl-plus", {}),
    "openai-qwen": Way(OpenAIChatFormatter, "qwen-plus", QWEN),
    "openai-gpt": Way(OpenAIChatFormatter, "gpt-5.6", GPT),
}
MERGED_WAYS = {
    "dashscope-agents": Way(DashScopeMultiAgentFormatter, "qwen-plus", {}),
    "dashscope-agents-multimodal": Way(DashScopeMultiAgentFormatter, "qwen3-vl-plus", {}),
    "openai-agents-qwen": Way(OpenAIMultiAgentFormatter, "qwen-plus", QWEN),
    "openai-agents-gpt": Way(OpenAIMultiAgentFormatter, "gpt-5.6", GPT),
}
APPEND_WAYS = {
    f"{name}-append": Way(way.kind, way.model, {**way.settings, **APPEND})
    for name, way in MERGED_WAYS.items()
}
WAYS = {**CHAT_WAYS, **MERGED_WAYS, **APPEND_WAYS}
POLICIES = ["manual", "system_and_last", "rolling", "stable_head"]


def ways(table: dict[str, Way]) -> Callable[[_Test], _Test]:
    mark = pytest.mark.parametrize("way", table.values(), ids=table)
    return cast("Callable[[_Test], _Test]", mark)


# ---------------------------------------------------------------- strategies

TEXTS = st.sampled_from(["", " ", "\n", "a", "hello\nworld", "城市", "{}", "x" * 40]) | st.text(
    max_size=8
)
NAMES = st.sampled_from([None, "", "Ann", "Bob", "小明"])
WISHES = st.sampled_from(
    [None, None, None, True, True, False, "5m", "1h", {"type": "ephemeral"}, 7]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)
OBJECTS = st.dictionaries(st.text(max_size=5), VALUES, max_size=3)
URLS = st.sampled_from(
    ["https://ex.org/1.png", "https://ex.org/v.mp4", "https://ex.org/a.wav", "https://ex.org/x", ""]
)
SOURCES = st.builds(
    URLSource, URLS, mime_type=st.sampled_from([None, "image/png", "text/plain"])
) | st.builds(
    Base64Source,
    media_type=st.sampled_from(["image/png", "audio/wav", "video/mp4", "text/plain", ""]),
    data=st.sampled_from(["AAAA", ""]),
)
SIZES = st.none() | st.integers(1, 100)


@st.composite
def metadata(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = draw(st.just({}) | OBJECTS)
    for key, values in (
        (CACHE_CONTROL, WISHES),
        (CACHE_DYNAMIC, st.sampled_from([None, None, None, None, True, False])),
        (BYPASS_HISTORY_MERGE, st.sampled_from([None, None, None, True, "true"])),
    ):
        value = draw(values)
        if value is not None:
            made[key] = value
    return made


TEXT_BLOCKS = st.builds(TextBlock, TEXTS, cache_control=WISHES)
MEDIA_BLOCKS = (
    st.builds(ImageBlock, SOURCES, min_pixels=SIZES, cache_control=WISHES)
    | st.builds(AudioBlock, SOURCES, cache_control=WISHES)
    | st.builds(VideoBlock, st.none() | SOURCES, max_frames=SIZES, cache_control=WISHES)
    | st.builds(DataBlock, SOURCES, cache_control=WISHES)
)
THOUGHTS = st.builds(ThinkingBlock, TEXTS, metadata=st.none() | OBJECTS, cache_control=WISHES)
HINTS = st.builds(HintBlock, st.none() | TEXTS, cache_control=WISHES)
CALLS = st.builds(
    ToolUseBlock,
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(["f", "g"]),
    OBJECTS,
    content=st.sampled_from([None, "", '{"raw": 1}', "[1]", "{"]),
    cache_control=WISHES,
)
ANY_CALLS = CALLS | st.just(ToolUseBlock(None, "f"))
OUTPUTS = st.lists(TEXT_BLOCKS | MEDIA_BLOCKS | THOUGHTS | HINTS, max_size=3)
RESULTS = st.builds(
    ToolResultBlock, st.sampled_from(["c1", "c2", None]), NAMES, OUTPUTS, cache_control=WISHES
)


def message(make: Any, blocks: Any, *, most: int = 3) -> st.SearchStrategy[Msg]:
    return st.builds(
        lambda content, name, extra: make(content, name=name, metadata=extra),
        st.lists(blocks, max_size=most),
        NAMES,
        metadata(),
    )


SYSTEMS = message(Msg.system, TEXT_BLOCKS)
USERS = message(Msg.user, TEXT_BLOCKS | MEDIA_BLOCKS)
SPEECH = message(Msg.assistant, TEXT_BLOCKS | THOUGHTS | HINTS)
ASSISTANTS = message(
    Msg.assistant, TEXT_BLOCKS | THOUGHTS | HINTS | ANY_CALLS | RESULTS | MEDIA_BLOCKS
)
TOOLS = message(Msg.tool, TEXT_BLOCKS | RESULTS | HINTS)
MESSAGES = st.lists(SYSTEMS | USERS | SPEECH | ASSISTANTS | TOOLS, max_size=7)


@st.composite
def tool_cycle(draw: st.DrawFn) -> list[Msg]:
    """Return calls and their answers, in one message or one each."""
    ids = [f"call_{number}" for number in range(draw(st.integers(1, 3)))]
    calls = [ToolUseBlock(name, "f", draw(OBJECTS), cache_control=draw(WISHES)) for name in ids]
    results = [ToolResultBlock(name, "f", draw(st.lists(TEXT_BLOCKS, max_size=2))) for name in ids]
    said = draw(st.lists(TEXT_BLOCKS | THOUGHTS | HINTS, max_size=2))
    asking = Msg.assistant([*said, *calls], name=draw(NAMES), metadata=draw(metadata()))
    if draw(st.booleans()):
        return [asking, Msg.tool(results, metadata=draw(metadata()))]
    return [asking, *(Msg.tool(result, metadata=draw(metadata())) for result in results)]


TURNS = st.lists(
    USERS.map(lambda made: [made]) | SPEECH.map(lambda made: [made]) | tool_cycle(), max_size=4
).map(lambda found: [each for turn in found for each in turn])


@st.composite
def conversations(draw: st.DrawFn) -> list[Msg]:
    """Return a conversation that providers take: system messages, then turns from a user's on."""
    systems = draw(st.lists(SYSTEMS, max_size=2))
    return [*systems, draw(USERS), *draw(TURNS)]


# ---------------------------------------------------------------- helpers


def quietly(call: Any, *given: Any, **more: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheBudgetWarning)
        return call(*given, **more)


def marked_parts(value: Any) -> list[dict[str, Any]]:
    """Return every object, at any depth, that carries a marker."""
    found = []
    if isinstance(value, dict):
        if any(key in value for key in MARKERS):
            found.append(value)
        for item in value.values():
            found += marked_parts(item)
    elif isinstance(value, list):
        for item in value:
            found += marked_parts(item)
    return found


def text_of(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def plain(messages: Iterable[Msg]) -> list[Msg]:
    """Return the messages without a wish for a mark."""
    return [
        each.with_metadata({CACHE_CONTROL: None}).replace(
            content=[bare(block) for block in each.content]
        )
        for each in messages
    ]


def bare(block: Any) -> Any:
    changes: dict[str, Any] = {"cache_control": None}
    if isinstance(block, ToolResultBlock):
        changes["output"] = [bare(item) for item in block.output]
    return block.replace(**changes)


def units(messages: Iterable[dict[str, Any]]) -> list[tuple[str, bool]]:
    """Return the parts of all messages in order, without markers, and whether each had one."""
    out = []
    for each in messages:
        content = each["content"]
        frame = {key: value for key, value in each.items() if key != "content"}
        for part in content if isinstance(content, list) else [{"text": content}]:
            kept = {
                k: v for k, v in part.items() if k not in MARKERS and (k, v) != ("type", "text")
            }
            out.append((json.dumps([frame, kept]), any(key in part for key in MARKERS)))
    return out


# ---------------------------------------------------------------- marks


@ways(WAYS)
@settings(max_examples=35)
@given(messages=MESSAGES, policy=st.sampled_from(POLICIES))
def test_marks_are_at_most_four_and_on_blocks_that_say_something(
    way: Way, messages: list[Msg], policy: str
) -> None:
    made = quietly(way.format, messages, policy=policy)
    parts = [part for each in made if isinstance(each["content"], list) for part in each["content"]]
    marked = marked_parts(made)
    assert len(marked) <= 4
    for part in marked:
        assert any(part is candidate for candidate in parts), "a mark outside of content parts"
        assert "thinking" not in part.values()
        assert part.get("text") is None or part["text"].strip()


@ways(WAYS)
@settings(max_examples=35)
@given(messages=MESSAGES, policy=st.sampled_from(POLICIES))
def test_marking_changes_no_text_and_stripping_is_its_inverse(
    way: Way, messages: list[Msg], policy: str
) -> None:
    formatter = way.formatter(policy=policy)
    options = GenerateOptions()
    request = quietly(formatter.build_request, way.model, messages, options=options)
    unmarked = way.format(plain(messages))
    made = request.messages
    assert [text_of(each["content"]) for each in made] == [
        text_of(each["content"]) for each in unmarked
    ]
    assert strip_marks(made, plan=request.plan) == unmarked


@ways(WAYS)
@settings(max_examples=20)
@given(messages=MESSAGES, policy=st.sampled_from(POLICIES))
def test_marking_finished_messages_is_undone_and_leaves_them_alone(
    way: Way, messages: list[Msg], policy: str
) -> None:
    formatter = way.formatter()
    wire = way.format(plain(messages))
    before = copy.deepcopy(wire)
    marked = quietly(formatter.apply_cache_control, wire, policy=policy, model=way.model)
    assert wire == before
    assert [text_of(each["content"]) for each in marked] == [
        text_of(each["content"]) for each in wire
    ]
    again = quietly(formatter.apply_cache_control, marked, policy=policy, model=way.model)
    assert again == marked


# ---------------------------------------------------------------- purity


@ways(WAYS)
@settings(max_examples=20)
@given(messages=MESSAGES, policy=st.sampled_from(POLICIES))
def test_formatting_modifies_no_input_and_shares_nothing_with_it(
    way: Way, messages: list[Msg], policy: str
) -> None:
    before = json.dumps(dump_messages(messages))
    made = quietly(way.format, messages, policy=policy)
    first = json.dumps(made)
    for each in made:
        each.clear()
    assert json.dumps(dump_messages(messages)) == before
    assert json.dumps(quietly(way.format, messages, policy=policy)) == first
    fresh = read_messages(json.loads(before))
    assert json.dumps(quietly(way.format, fresh, policy=policy)) == first


FORMAT_ALL = """
import json, sys, warnings
sys.path.insert(0, sys.argv[1])
import wiremark
warnings.simplefilter("ignore")
for data in json.load(sys.stdin):
    messages = wiremark.read_messages(data)
    for kind in ("DashScopeChat", "DashScopeMultiAgent", "OpenAIChat", "OpenAIMultiAgent"):
        formatter = getattr(wiremark, kind + "Formatter")(policy="rolling")
        print(formatter.build_request("qwen-plus", messages).to_json())
"""


@settings(max_examples=2, suppress_health_check=list(HealthCheck))
@given(talks=st.lists(MESSAGES, min_size=12, max_size=12))
def test_every_process_gives_the_same_bytes(talks: list[list[Msg]], checkout: Path) -> None:
    data = json.dumps([dump_messages(messages) for messages in talks])
    results = set()
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", FORMAT_ALL, str(checkout / "formatters")],
            input=data.encode(),
            capture_output=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        )
        results.add(done.stdout)
    assert len(results) == 1
    assert results.pop().count(b"\n") == 4 * len(talks)


# ---------------------------------------------------------------- validation


@ways(WAYS)
@settings(max_examples=30)
@given(messages=conversations(), policy=st.sampled_from(POLICIES), tools=st.booleans())
def test_a_valid_conversation_gives_a_valid_body(
    way: Way, messages: list[Msg], policy: str, tools: bool
) -> None:
    schema = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
    formatter = way.formatter(policy=policy)
    request = quietly(
        formatter.build_request, way.model, messages, tools=[schema] if tools else None
    )
    protocol = "dashscope" if "input" in request.body else "openai"
    rules = formatter.cache_rules(way.model).rules
    found = validate(request.body, protocol=protocol, rules=rules)
    assert [finding for finding in found if finding.severity == "error"] == []


# ---------------------------------------------------------------- append-only history

CLOSINGS = ("</history>", "\n</history>", "</history>\n")


def open_units(messages: list[dict[str, Any]]) -> list[str]:
    """Return the units without the closing tag of a run at the end."""
    found = [unit for unit, _ in units(messages)]
    if found and json.loads(found[-1])[1].get("text") in CLOSINGS:
        found.pop()
    return found


@pytest.mark.parametrize("name", MERGED_WAYS)
@settings(max_examples=40)
@given(messages=MESSAGES)
def test_append_only_history_says_what_the_merged_one_says(name: str, messages: list[Msg]) -> None:
    merged = MERGED_WAYS[name].format(plain(messages))
    apart = APPEND_WAYS[f"{name}-append"].format(plain(messages))
    assert "".join(text_of(each["content"]) for each in apart) == "".join(
        text_of(each["content"]) for each in merged
    )


@ways(APPEND_WAYS)
@settings(max_examples=40)
@given(messages=MESSAGES, more=MESSAGES)
def test_append_only_history_extends_what_was_sent(
    way: Way, messages: list[Msg], more: list[Msg]
) -> None:
    messages, more = plain(messages), plain(more)
    if way.kind is OpenAIMultiAgentFormatter:
        # A run that grows from one message to two gets names, and is new text at its start.
        runs = way.formatter().group_messages(messages)
        alone = bool(runs) and runs[-1].kind == "conversation" and len(runs[-1].messages) == 1
        assume(not (alone and runs[-1].messages[0].name))
    before = open_units(way.format(messages))
    after = [unit for unit, _ in units(way.format([*messages, *more]))]
    assert after[: len(before)] == before


# ---------------------------------------------------------------- rolling

PROMISE_WAYS = {
    **CHAT_WAYS,
    **{name: way for name, way in APPEND_WAYS.items() if way.kind is DashScopeMultiAgentFormatter},
}


@ways(PROMISE_WAYS)
@settings(max_examples=40)
@given(messages=conversations(), reply=SPEECH | CALLS.map(Msg.assistant), more=TURNS)
def test_rolling_marks_again_where_the_previous_request_ended(
    way: Way, messages: list[Msg], reply: Msg, more: list[Msg]
) -> None:
    def free(found: Iterable[Msg]) -> list[Msg]:
        return [each.with_metadata({CACHE_DYNAMIC: None}) for each in plain(found)]

    messages, reply = free(messages), free([reply])[0]
    more = [each for each in free(more) if each.role is not None and each.role.wire != "assistant"]
    assume(messages[-1].role is not None and messages[-1].role.wire != "assistant")
    before = units(way.format(messages, policy="rolling"))
    ends = [place for place, (_, marked) in enumerate(before) if marked]
    assume(ends)
    after = units(way.format([*messages, reply, *more], policy="rolling"))
    tail = ends[-1]
    assert after[tail][0] == before[tail][0]
    # A run that the reply ends has its closing tag behind the tail: one unit of lookback.
    reach = 1 if way.settings.get("history_layout") == "append_only" else 0
    assert any(marked for _, marked in after[tail : tail + 1 + reach])


# ---------------------------------------------------------------- message JSON


def with_unknown_keys(value: Any) -> Any:
    """Return message JSON with unknown keys in messages, blocks and sources."""
    if isinstance(value, list):
        return [with_unknown_keys(item) for item in value]
    if isinstance(value, dict):
        out = dict(value)
        for key in ("content", "output", "source", "usage"):
            if isinstance(out.get(key), dict | list):
                out[key] = with_unknown_keys(out[key])
        return {**out, "unknown": {"x": 1}, "future_field": [1]}
    return value


@settings(max_examples=150)
@given(messages=MESSAGES)
def test_message_json_is_read_and_written_without_loss(messages: list[Msg]) -> None:
    dumped = dump_messages(messages)
    text = json.dumps(dumped)
    again = read_messages(text)
    assert json.dumps(dump_messages(again)) == text
    assert json.dumps(dump_messages(read_messages(with_unknown_keys(dumped)))) == text
    for one, two in zip(messages, again, strict=True):
        if "data" not in text:  # a data block without an id is stored with the derived one
            assert one == two


@settings(max_examples=60)
@given(messages=MESSAGES)
def test_javas_message_json_holds_the_same_messages(messages: list[Msg]) -> None:
    bare_messages = [
        each.replace(content=[bare(block) for block in each.content]) for each in messages
    ]
    assert dump_messages(messages, quirks=Quirks.JAVA) == dump_messages(bare_messages)


@ways(WAYS)
@settings(max_examples=20)
@given(messages=MESSAGES)
def test_the_java_setting_fails_for_known_reasons_only(way: Way, messages: list[Msg]) -> None:
    try:
        made = way.format(messages, quirks=Quirks.JAVA)
    except FormatError as problem:
        if not any(known in str(problem) for known in ("null hint", "no subtype")):
            raise
        return
    parts = [
        part for each in made if isinstance(each.get("content"), list) for part in each["content"]
    ]
    assert not marked_parts(parts), "Java sets no mark on a content part"
