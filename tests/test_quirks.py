"""Each quirk is one behaviour of agentscope-java, and is switched alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from wiremark import (
    AudioBlock,
    Base64Source,
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    GenerateOptions,
    HintBlock,
    ImageBlock,
    MediaPolicy,
    Msg,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    Quirks,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
    WiremarkError,
)
from wiremark.messages import BYPASS_HISTORY_MERGE

# A mark that is carried to a run stands elsewhere when marks stand at message level.
RELATED = {("message_level_marks", "merged_marks_lost")}
OF_RESPONSES = {"cached_tokens_unread", "list_replies_unread", "arguments_unparsed"}

Sample: TypeAlias = Callable[[Quirks, Path], Any]


def chat(*messages: Msg) -> Sample:
    return lambda quirks, tmp: DashScopeChatFormatter(
        quirks=quirks, media=MediaPolicy(tool_result_dir=tmp)
    ).format(messages)


def multi_agent(*messages: Msg) -> Sample:
    return lambda quirks, tmp: DashScopeMultiAgentFormatter(quirks=quirks).format(messages)


def openai(*messages: Msg) -> Sample:
    clock = count(1)
    return lambda quirks, tmp: OpenAIChatFormatter(quirks=quirks, clock=lambda: next(clock)).format(
        messages
    )


def openai_findings(*messages: Msg) -> Sample:
    return lambda quirks, tmp: [
        finding.message for finding in OpenAIChatFormatter(quirks=quirks).explain(messages).findings
    ]


def openai_agents(*messages: Msg) -> Sample:
    return lambda quirks, tmp: OpenAIMultiAgentFormatter(quirks=quirks).format(messages)


def request(formatter: Any, **options: Any) -> Sample:
    return lambda quirks, tmp: (
        formatter(quirks=quirks)
        .build_request("m", [Msg.user("x")], options=GenerateOptions(**options))
        .to_json()
    )


def request_of(formatter: Any, model: str, *messages: Msg) -> Sample:
    return lambda quirks, tmp: formatter(quirks=quirks).format(messages, model=model)


def local(quirks: Quirks, tmp: Path) -> Any:
    path = tmp / "1.png"
    path.write_bytes(b"x")
    return chat(Msg.user(ImageBlock(str(path))))(quirks, tmp)


RESULTS = Msg.tool([ToolResultBlock("a", "f", "1"), ToolResultBlock("b", "g", "2")])
BAD_MEDIUM = Msg.tool_result(
    "c", "f", [ImageBlock(Base64Source(media_type="image/png", data="!!!"))]
)
MEDIUM = Msg.tool_result("c", "f", [ImageBlock(Base64Source(media_type="image/png", data="AAAA"))])
FLOAT = Msg.assistant(ToolUseBlock("c", "f", {"x": 1e-5}))

SAMPLES: dict[str, Sample] = {
    "message_level_marks": chat(Msg.user("x").with_cache_control()),
    "merged_marks_lost": multi_agent(Msg.user("x").with_cache_control(), Msg.user("y")),
    "bypass_ignored": multi_agent(Msg.user("x", metadata={BYPASS_HISTORY_MERGE: True})),
    "first_tool_result_only": chat(RESULTS),
    "history_media_lost": multi_agent(Msg.user(AudioBlock("https://ex.org/a"))),
    "assistant_media_lost": openai_findings(Msg.assistant(ImageBlock("https://ex.org/1.png"))),
    "tool_media_inline": request_of(OpenAIChatFormatter, "gpt-5.6", MEDIUM),
    "video_as_string": chat(Msg.user(VideoBlock("https://ex.org/v.mp4"))),
    "empty_tools": request(DashScopeChatFormatter),
    "dangling_thought_prefix": openai_agents(
        Msg.user("x"), Msg.assistant([ThinkingBlock(""), "y"], name="Bob")
    ),
    "null_hints": openai(Msg.assistant(["x", HintBlock()])),
    "temp_files": chat(MEDIUM),
    "clock_call_ids": openai(Msg.tool("x")),
    "any_local_path": local,
    "bad_media_aborts": chat(BAD_MEDIUM),
    "narrow_seeds": request(OpenAIChatFormatter, seed=2**40),
    "duplicate_keys": request(
        OpenAIChatFormatter, temperature=0.5, additional_body_params={"temperature": 1.5}
    ),
    "hash_map_order": chat(Msg.assistant(ToolUseBlock("c", "f", {"b": 1, "a": 2}))),
    "java_numbers": chat(FLOAT),
    "reasoning_details_lost": openai(
        Msg.assistant([ThinkingBlock("t", metadata={"reasoningDetails": [{"id": "i"}]}), "x"])
    ),
}


def outcome(sample: Sample, quirks: Quirks, tmp: Path) -> Any:
    try:
        return json.dumps(sample(quirks, tmp))
    except WiremarkError as problem:
        return type(problem)


def test_none_has_no_quirk_and_java_has_all() -> None:
    assert Quirks() == Quirks.NONE
    assert not any(getattr(Quirks.NONE, name) for name in Quirks.names())
    assert all(getattr(Quirks.JAVA, name) for name in Quirks.names())


def test_every_quirk_of_requests_has_a_sample() -> None:
    assert set(SAMPLES) == set(Quirks.names()) - OF_RESPONSES


@pytest.mark.parametrize("name", SAMPLES)
def test_a_quirk_turned_on_alone_changes_its_sample(name: str, tmp_path: Path) -> None:
    alone = Quirks.NONE.with_(**{name: True})
    assert outcome(SAMPLES[name], alone, tmp_path) != outcome(SAMPLES[name], Quirks.NONE, tmp_path)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_quirk_changes_no_sample_of_another(name: str, tmp_path: Path) -> None:
    alone = Quirks.NONE.with_(**{name: True})
    for other, sample in SAMPLES.items():
        if other != name and (name, other) not in RELATED:
            made = outcome(sample, alone, tmp_path)
            assert made == outcome(sample, Quirks.NONE, tmp_path), other


def test_with_changes_a_copy_and_refuses_unknown_names() -> None:
    changed = Quirks.JAVA.with_(empty_tools=False)
    assert not changed.empty_tools
    assert changed.java_numbers
    assert Quirks.JAVA.empty_tools
    with pytest.raises(TypeError, match="no_such"):
        Quirks.NONE.with_(no_such=True)


def test_quirks_are_a_frozen_value() -> None:
    assert Quirks.NONE.with_(null_hints=True) == Quirks(null_hints=True)
    assert len({Quirks(), Quirks.NONE, Quirks.JAVA}) == 2
    with pytest.raises(FrozenInstanceError):
        Quirks.NONE.null_hints = True  # type: ignore[misc]


def test_the_table_of_the_docstring_names_every_quirk() -> None:
    described = Quirks.__doc__ or ""
    assert [name for name in Quirks.names() if f"  {name}: " not in described] == []
