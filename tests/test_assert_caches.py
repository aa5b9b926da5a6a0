"""`assert_caches`: requests of a block must read from cache in replay, or the test fails and says why."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    DashScopeChatFormatter,
    GenerateOptions,
    Msg,
    OpenAIChatFormatter,
    seams,
)
from wiremark.errors import BodyInvalid, OptionError
from wiremark.replay.recording import CacheRecorder, assert_caches

SYSTEM = "You keep the books of a shop, and answer in one sentence. " * 200
MARKED = GenerateOptions(cache_control="rolling")


def conversation(turns: int, *, clock: bool = False) -> list[list[Msg]]:
    """The messages of each request; with a clock, the system prompt says the time."""
    history = [Msg.user("Audit every account.")]
    requests = []
    for turn in range(turns):
        head = f"It is {turn} o'clock. {SYSTEM}" if clock else SYSTEM
        requests.append([Msg.system(head), *history])
        history += [Msg.assistant(f"Account {turn} balances."), Msg.user("Go on.")]
    return requests


def build(
    formatter: Any,
    requests: list[list[Msg]],
    model: str = "qwen-plus",
    options: GenerateOptions | None = MARKED,
) -> None:
    for messages in requests:
        formatter.build_request(model, messages, options=options)


def test_requests_that_a_formatter_builds_are_recorded_and_replayed():
    with assert_caches(min_hit_rate=0.7) as recorder:
        build(DashScopeChatFormatter(), conversation(5))
    assert len(recorder.requests) == 5
    assert recorder.replay is not None
    assert recorder.replay.protocol == "dashscope"
    assert (recorder.replay.hit_rate or 0) >= 0.7


@pytest.mark.parametrize(
    ("formatter", "model", "rules"),
    [
        (DashScopeChatFormatter(), "qwen-plus", "dashscope"),
        (OpenAIChatFormatter(host="dashscope.aliyuncs.com"), "qwen-plus", "dashscope"),
        (AnthropicChatFormatter(), "claude-sonnet-4-5", "anthropic"),
    ],
)
def test_protocol_host_and_model_are_those_of_the_formatter(formatter, model, rules):
    with assert_caches(min_hit_rate=0.7) as recorder:
        build(formatter, conversation(5), model)
    assert recorder.replay is not None
    assert rules in recorder.replay.rules
    assert recorder.replay.model == model


def test_a_broken_prefix_fails_with_its_first_place_and_what_changed():
    with pytest.raises(AssertionError) as failed, assert_caches(min_hit_rate=0.7):
        build(DashScopeChatFormatter(), conversation(4, clock=True))
    lines = str(failed.value).splitlines()
    assert lines[0].startswith("0.0% of ")
    assert "less than 70.0%" in lines[0]
    assert lines[1] == "the prefix first breaks in request 2, at input.messages[0].content[0]"
    assert "0 o'clock" in lines[2]
    assert "1 o'clock" in lines[3]
    assert [line.partition(":")[0] for line in lines[4:]] == [
        "request 1",
        "request 2",
        "request 3",
        "request 4",
    ]


def test_requests_without_marks_fail_where_implicit_caching_does_not_count():
    formatter = DashScopeChatFormatter()
    with pytest.raises(AssertionError, match=r"0\.0%"), assert_caches(arm="pessimistic"):
        build(formatter, conversation(3), options=None)


def test_the_rate_is_that_of_all_requests():
    with assert_caches(min_hit_rate=0.0) as recorder:
        build(DashScopeChatFormatter(), conversation(1))
    assert recorder.replay is not None
    assert recorder.replay.hit_rate == 0


def test_a_gap_beyond_the_lifetime_fails():
    with pytest.raises(AssertionError, match="request 2: "), assert_caches(gap=301):
        build(DashScopeChatFormatter(), conversation(2))


def test_bodies_of_other_makers_are_added():
    marker = {"cache_control": {"type": "ephemeral"}}
    system = {"role": "system", "content": [{"type": "text", "text": SYSTEM, **marker}]}
    with assert_caches(min_hit_rate=0.4, as_="dashscope") as recorder:
        for text in ("one", "two"):
            user = {"role": "user", "content": text}
            recorder.add({"model": "qwen-plus", "messages": [system, user]})
    assert [request.place for request in recorder.requests] == ["request 1", "request 2"]


def test_what_is_recorded_does_not_change_with_the_body():
    recorder = CacheRecorder()
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
    recorder.add(body)
    body["messages"][0]["content"] = "b"
    assert recorder.requests[0].messages == [{"role": "user", "content": "a"}]


def test_a_block_without_requests_fails():
    with pytest.raises(AssertionError, match="no request was recorded"), assert_caches():
        pass


def test_a_request_that_cannot_be_replayed_fails():
    with pytest.raises(AssertionError, match="cannot be replayed"), assert_caches() as recorder:
        recorder.add({"model": "m", "prompt": "hi"})


def test_what_is_no_request_is_refused():
    with pytest.raises(OptionError, match="no request"):
        CacheRecorder().add(7)  # type: ignore[arg-type]


def test_an_error_of_the_block_is_not_hidden():
    with pytest.raises(ZeroDivisionError), assert_caches():
        raise ZeroDivisionError


def test_a_request_that_fails_validation_is_recorded_too():
    formatter = DashScopeChatFormatter()
    with assert_caches(min_hit_rate=0.0) as recorder, pytest.raises(BodyInvalid):
        formatter.build_request(
            "qwen-plus", [Msg.user("")], options=GenerateOptions(top_p=7.0), validate=True
        )
    assert len(recorder.requests) == 1


def test_blocks_inside_each_other_both_record():
    with assert_caches(min_hit_rate=0.0) as outer, assert_caches(min_hit_rate=0.0) as inner:
        build(DashScopeChatFormatter(), conversation(2))
    assert len(outer.requests) == len(inner.requests) == 2


def test_nothing_is_recorded_after_the_block():
    with assert_caches(min_hit_rate=0.0) as recorder:
        build(DashScopeChatFormatter(), conversation(1))
    build(DashScopeChatFormatter(), conversation(1))
    assert len(recorder.requests) == 1
    assert seams.request_built.get() is None


def test_tasks_of_other_blocks_are_not_mixed():
    async def block(turns: int) -> int:
        with assert_caches(min_hit_rate=0.0) as recorder:
            for messages in conversation(turns):
                DashScopeChatFormatter().build_request("qwen-plus", messages)
                await asyncio.sleep(0)
        return len(recorder.requests)

    async def both() -> list[int]:
        return await asyncio.gather(block(2), block(3))

    assert asyncio.run(both()) == [2, 3]
