"""Marks that do nothing are noticed, with the reasons that the rules know for that provider."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wiremark import DashScopeChatFormatter, Msg, OpenAIChatFormatter, rules
from wiremark.base.reply import Reply
from wiremark.errors import MessageError, OptionError, RuleError
from wiremark.findings import Finding
from wiremark.marks import strip_body
from wiremark.rules import select_rules
from wiremark.usage import Usage
from wiremark.usage.prefix import Prefix
from wiremark.usage.prefix import read_prefix as read_prefix_of
from wiremark.usage.watch import REASONS_OF_SILENCE, CacheWatch

MARK = {"type": "ephemeral"}


def read_prefix(body: dict[str, Any], protocol: str = "openai-chat", **where: Any) -> Prefix:
    return read_prefix_of(body, select_rules(protocol, **where).rules, protocol)


LONG = "word " * 2000
NOTHING = Usage(input=3000, output=10, cache_read=0, cache_write=0)
HIT = Usage(input=3000, output=10, cache_read=2900, cache_write=0)
WRITE = Usage(input=3000, output=10, cache_read=0, cache_write=2900)
SILENT = Usage(input=3000, output=10)


def text(words: str, mark: Any = None) -> dict[str, Any]:
    return {"type": "text", "text": words, **({"cache_control": mark} if mark else {})}


def chat(*messages: dict[str, Any], model: str = "qwen-plus", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": list(messages), **fields}


def said(*content: Any, role: str = "user") -> dict[str, Any]:
    return {"role": role, "content": list(content)}


MARKED = chat(said(text(LONG, MARK), role="system"), said(text("hi")))
PLAIN = chat(said(text(LONG), role="system"), said(text("hi")))


def dashscope(**settings: Any) -> CacheWatch:
    return CacheWatch(rules.DASHSCOPE_COMPATIBLE, **settings)


def run(watch: CacheWatch, *exchanges: tuple[Any, Usage]) -> list[Finding | None]:
    return [watch.add(body, usage) for body, usage in exchanges]


def reasons_of(*bodies: dict[str, Any], watch: CacheWatch, usage: Usage = NOTHING) -> set[str]:
    for body in bodies:
        watch.add(body, usage)
    return set(watch.reasons())


# ------------------------------------------------------------------ counting


def test_marks_without_effect_are_reported_at_the_third_request() -> None:
    first, second, third = run(dashscope(), *[(MARKED, NOTHING)] * 3)
    assert (first, second) == (None, None)
    assert third is not None
    assert (third.code, third.severity) == ("silent-no-op", "waste")
    assert third.path == "messages[0].content[0].cache_control"
    assert "3 requests" in third.message


def test_finding_comes_again_at_every_third_request() -> None:
    found = run(dashscope(), *[(MARKED, NOTHING)] * 9)
    assert [index for index, finding in enumerate(found) if finding] == [2, 5, 8]


def test_number_of_requests_is_the_callers() -> None:
    assert dashscope(after=1).add(MARKED, NOTHING) is not None
    with pytest.raises(OptionError):
        dashscope(after=0)


@pytest.mark.parametrize("effect", [HIT, WRITE, Usage(input=3000, cache_write=5)])
def test_hit_or_write_begins_the_count_anew(effect: Usage) -> None:
    turns = [(MARKED, NOTHING)] * 2
    found = run(dashscope(), *turns, (MARKED, effect), *turns)
    assert found == [None] * 5


@pytest.mark.parametrize(
    ("body", "usage"),
    [
        (PLAIN, NOTHING),
        (chat(said(text(LONG, False))), NOTHING),
        (chat({"role": "user", "content": LONG, "cache_control": None}), NOTHING),
        (MARKED, Usage(input=1023, cache_read=0, cache_write=0)),
        (MARKED, Usage(cache_read=0, cache_write=0)),
    ],
    ids=["no mark", "a veto", "null", "under the minimum", "input unknown"],
)
def test_request_that_proves_nothing_does_not_count(body: dict[str, Any], usage: Usage) -> None:
    assert run(dashscope(after=1), (body, usage)) == [None]


def test_minimum_itself_counts() -> None:
    assert dashscope(after=1).add(MARKED, Usage(input=1024, cache_read=0)) is not None


def test_minimum_is_that_of_the_model() -> None:
    # Anthropic: 512 for Opus 5, 4096 for Haiku 4.5
    usage = Usage(input=3000, cache_read=0, cache_write=0)
    watch = CacheWatch(protocol="anthropic", host="api.anthropic.com", after=1)
    assert watch.add({**MARKED, "model": "claude-opus-5"}, usage) is not None
    assert watch.add({**MARKED, "model": "claude-haiku-4-5"}, usage) is None


def test_largest_minimum_holds_where_it_is_unknown() -> None:
    watch = CacheWatch(rules.BEDROCK, after=1)
    body = {"messages": [said({"text": LONG}, {"cachePoint": {"type": "default"}})]}
    assert watch.add(body, Usage(input=4095, cache_read=0)) is None
    assert watch.add(body, Usage(input=4096, cache_read=0)) is not None


def test_each_model_has_its_own_count() -> None:
    watch = dashscope(after=2)
    other = {**MARKED, "model": "qwen3-max"}
    assert run(watch, (MARKED, NOTHING), (other, NOTHING), (other, HIT)) == [None] * 3
    assert watch.add(MARKED, NOTHING) is not None


def test_counters_that_are_not_reported_are_another_finding() -> None:
    *before, found = run(dashscope(), *[(MARKED, SILENT)] * 3)
    assert before == [None, None]
    assert found is not None
    assert (found.code, found.severity) == ("cache-unreported", "note")
    assert "cannot be told" in found.message


def test_zero_reads_without_a_word_on_writes_is_a_silent_no_op() -> None:
    # DashScope leaves cache_creation out where no explicit cache was at work.
    found = dashscope(after=1).add(MARKED, Usage(input=3000, cache_read=0))
    assert found is not None
    assert found.code == "silent-no-op"
    assert "no write reported" in found.message


def test_watch_changes_no_body() -> None:
    body = copy.deepcopy(MARKED)
    dashscope(after=1).add(body, NOTHING)
    assert body == MARKED


def test_request_and_reply_are_taken_as_they_are() -> None:
    formatter = DashScopeChatFormatter(policy="rolling")
    request = formatter.build_request("qwen-plus", [Msg.system(LONG), Msg.user("hi")])
    reply = Reply(Msg.assistant("x"), model="qwen-plus", usage=NOTHING)
    watch = CacheWatch(protocol="dashscope", after=1)
    found = watch.add(request, reply)
    assert found is not None
    assert found.path.startswith("input.messages[")


@pytest.mark.parametrize("request_", [None, "{}", [], SimpleNamespace(body=None)])
def test_what_is_no_request_is_refused(request_: object) -> None:
    with pytest.raises(MessageError) as caught:
        dashscope().add(request_, NOTHING)
    assert caught.value.path == "request"


def test_rules_are_given_or_chosen() -> None:
    with pytest.raises(OptionError, match="no rules"):
        CacheWatch()
    with pytest.raises(RuleError):
        CacheWatch(protocol="carrier-pigeon")


# ------------------------------------------------------------------ reasons


def test_model_that_is_not_listed_is_named() -> None:
    # qwen-turbo is not among the models with explicit cache on DashScope's page.
    watch = CacheWatch(protocol="openai-chat", host="dashscope.aliyuncs.com", after=1)
    found = watch.add({**MARKED, "model": "qwen-turbo"}, NOTHING)
    assert found is not None
    assert "'qwen-turbo' is not among them" in found.message
    assert "qwen-plus*" in found.message
    assert list(watch.reasons()) == ["model-not-listed"]


def test_listed_model_has_no_such_reason() -> None:
    watch = CacheWatch(protocol="openai-chat", host="dashscope.aliyuncs.com", after=1)
    found = watch.add(MARKED, NOTHING)
    assert found is not None
    assert "the rules know no reason" in found.message
    assert watch.reasons() == {}


def test_provider_without_marks_is_a_reason() -> None:
    watch = CacheWatch(protocol="openai-chat", host="api.deepseek.com")
    usage = Usage(input=9000, cache_read=0)
    assert "no-markers" in reasons_of(
        {**MARKED, "model": "deepseek-chat"}, watch=watch, usage=usage
    )


def test_short_prefix_before_the_mark_is_a_reason() -> None:
    body = chat(said(text("You help.", MARK), role="system"), said(text(LONG)))
    assert reasons_of(body, watch=dashscope()) == {"under-minimum"}
    assert reasons_of(MARKED, watch=dashscope()) == set()


def test_last_mark_is_what_the_minimum_is_measured_at() -> None:
    body = chat(said(text("You help.", MARK), role="system"), said(text(LONG, MARK)))
    assert reasons_of(body, watch=dashscope()) == set()


def test_tools_stand_before_the_mark() -> None:
    tool = {"type": "function", "function": {"name": "f", "description": LONG}}
    body = chat(said(text("You help.", MARK), role="system"), said(text("hi")), tools=[tool])
    assert reasons_of(body, watch=dashscope()) == set()


def test_changed_text_before_the_mark_is_a_reason_and_named() -> None:
    other = chat(said(text("At noon. " + LONG, MARK), role="system"), said(text("hi")))
    watch = dashscope()
    assert reasons_of(MARKED, other, watch=watch) == {"prefix-changed"}
    assert "messages[0].content[0]" in watch.reasons()["prefix-changed"]


def test_changed_tool_is_a_change_before_the_mark() -> None:
    one = {**MARKED, "tools": [{"type": "function", "function": {"name": "f"}}]}
    two = {**MARKED, "tools": [{"type": "function", "function": {"name": "g"}}]}
    watch = dashscope()
    assert reasons_of(one, two, watch=watch) == {"prefix-changed"}
    assert "tools[0]" in watch.reasons()["prefix-changed"]


def test_change_behind_the_mark_is_no_reason() -> None:
    other = chat(said(text(LONG, MARK), role="system"), said(text("another question")))
    assert reasons_of(MARKED, other, watch=dashscope()) == set()


def test_moved_mark_is_no_change() -> None:
    # A string becomes a one-block array where a mark stands; that is the same text.
    one = chat(said(text(LONG, MARK), role="system"), {"role": "user", "content": "hi"})
    two = chat(
        {"role": "system", "content": LONG}, said(text("hi", MARK)), said(text("go"), role="user")
    )
    assert reasons_of(one, two, watch=dashscope()) == set()


def grown(blocks: int, marks: int) -> dict[str, Any]:
    """Return the marked request with more blocks, the last of which bear marks."""
    parts = [text(f"block {n}", MARK if n >= blocks - marks else None) for n in range(blocks)]
    return chat(said(text(LONG), role="system"), said(text("hi"), *parts))


@pytest.mark.parametrize(("blocks", "far"), [(19, False), (20, True)])
def test_more_blocks_than_are_looked_back_over_are_a_reason(blocks: int, far: bool) -> None:
    # DashScope looks back over 20 blocks; "hi" is one of them.
    found = reasons_of(MARKED, grown(blocks, 1), watch=dashscope())
    assert found == ({"beyond-lookback"} if far else set())


def test_mark_at_the_previous_end_bridges_any_distance() -> None:
    two = grown(60, 1)
    two["messages"][0] = said(text(LONG, MARK), role="system")
    assert reasons_of(MARKED, two, watch=dashscope()) == set()


@pytest.mark.parametrize(("later", "passed"), [(300.0, False), (301.0, True)])
def test_lifetime_that_passed_is_a_reason(later: float, passed: bool) -> None:
    watch = dashscope()
    watch.add(MARKED, NOTHING, at=1000.0)
    watch.add(MARKED, NOTHING, at=1000.0 + later)
    assert set(watch.reasons()) == ({"ttl-passed"} if passed else set())


def test_longest_lifetime_of_the_marks_counts() -> None:
    body = {**MARKED, "model": "claude-opus-5"}
    hour = copy.deepcopy(body)
    hour["messages"][0]["content"][0]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    watch = CacheWatch(rules.ANTHROPIC)
    watch.add(hour, NOTHING, at=0)
    watch.add(hour, NOTHING, at=3500)
    assert watch.reasons() == {}
    watch.add(hour, NOTHING, at=7200)
    assert set(watch.reasons()) == {"ttl-passed"}


def test_no_time_is_assumed_where_none_is_given() -> None:
    watch = dashscope()
    watch.add(MARKED, NOTHING, at=0.0)
    watch.add(MARKED, NOTHING)
    watch.add(MARKED, NOTHING, at=99_999.0)
    assert watch.reasons() == {}


POINT = {"cachePoint": {"type": "default"}}
BREAKPOINT = {"type": "text", "text": LONG, "prompt_cache_breakpoint": {"mode": "explicit"}}
MESSAGE_LEVEL = chat({"role": "system", "content": LONG, "cache_control": MARK}, said(text("hi")))
ON_TOOL = chat(
    said(text(LONG)),
    tools=[{"type": "function", "function": {"name": LONG}, "cache_control": MARK}],
)
AUTOMATIC = chat(said(text(LONG)), cache_control=MARK)
NESTED = chat(
    said({"type": "tool_result", "tool_use_id": "1", "content": [text(LONG, MARK)]}),
    model="claude-opus-5",
)


@pytest.mark.parametrize(
    ("under", "body", "reason"),
    [
        (rules.DASHSCOPE_COMPATIBLE, MESSAGE_LEVEL, "bad-place"),
        (rules.DASHSCOPE_COMPATIBLE, ON_TOOL, "bad-place"),
        (rules.DASHSCOPE_COMPATIBLE, AUTOMATIC, "bad-place"),
        (rules.DASHSCOPE_COMPATIBLE, chat(said({"text": LONG}, POINT)), "other-form"),
        (rules.OPENAI, {**MARKED, "model": "gpt-5.6"}, "other-form"),
        (rules.ANTHROPIC, NESTED, "bad-place"),
        (rules.BEDROCK, MARKED, "other-form"),
        (rules.KIMI_MESSAGES, MARKED, "bad-place"),
        (rules.DASHSCOPE_COMPATIBLE, chat(said(text(LONG, {**MARK, "ttl": "1h"}))), "unknown-ttl"),
    ],
)
def test_marker_that_the_provider_does_not_read_is_a_reason(
    under: rules.CacheRules, body: dict[str, Any], reason: str
) -> None:
    usage = Usage(input=9000, cache_read=0, cache_write=0)
    assert reason in reasons_of(body, watch=CacheWatch(under), usage=usage)


@pytest.mark.parametrize(
    ("under", "body"),
    [
        (rules.ANTHROPIC, {**ON_TOOL, "model": "claude-opus-5"}),
        (rules.ANTHROPIC, {**AUTOMATIC, "model": "claude-opus-5"}),
        (rules.OPENAI, chat(said(BREAKPOINT), model="gpt-5.6")),
        (rules.OPENROUTER_ANY, chat(said(BREAKPOINT))),
        (rules.KIMI_MESSAGES, AUTOMATIC),
    ],
)
def test_marker_that_the_provider_reads_is_no_reason(
    under: rules.CacheRules, body: dict[str, Any]
) -> None:
    usage = Usage(input=9000, cache_read=0, cache_write=0)
    found = reasons_of(body, watch=CacheWatch(under), usage=usage)
    assert found & {"bad-place", "other-form", "unknown-ttl", "no-markers"} == set()


def test_rules_that_are_a_guess_are_a_reason() -> None:
    watch = CacheWatch(protocol="openai-chat", host="llm.example.com")
    assert reasons_of({**MARKED, "model": "something"}, watch=watch) == {"uncertain-rules"}


def test_reasons_are_forgotten_with_the_first_effect() -> None:
    watch = dashscope()
    watch.add(MESSAGE_LEVEL, NOTHING)
    assert watch.reasons("qwen-plus").keys() == {"bad-place"}
    assert watch.reasons("other") == {}
    watch.add(MARKED, HIT)
    assert watch.reasons() == {}


def test_advice_says_what_to_do_for_each_reason() -> None:
    watch = CacheWatch(rules.DASHSCOPE_COMPATIBLE, after=1)
    found = watch.add({**MESSAGE_LEVEL, "model": "qwen-turbo"}, NOTHING)
    assert found is not None
    for code in watch.reasons():
        assert REASONS_OF_SILENCE[code] in found.advice


# ------------------------------------------------------------------ the reading of bodies


@pytest.mark.parametrize(
    ("formatter", "place"),
    [(DashScopeChatFormatter, "input.messages"), (OpenAIChatFormatter, "messages")],
)
def test_every_placed_mark_is_found_where_the_plan_says(formatter: Any, place: str) -> None:
    request = formatter(policy="rolling").build_request(
        "qwen-plus",
        [Msg.system("Be brief."), Msg.user("one"), Msg.assistant("1"), Msg.user("two")],
    )
    placed = sorted(d.where for d in request.plan.decisions if d.decision == "placed")
    prefix = read_prefix(request.body, formatter.protocol)
    found = sorted(mark.path.rpartition(".")[0] for mark in prefix.marks)
    assert len(found) == 3
    assert found == placed
    assert all(path.startswith(place) for path in found)


def test_marks_are_not_part_of_what_is_compared() -> None:
    for body in (MARKED, ON_TOOL, MESSAGE_LEVEL, NESTED, AUTOMATIC):
        bare = read_prefix(strip_body(body))
        assert bare.marks == ()
        assert [p.text for p in bare.pieces] == [p.text for p in read_prefix(body).pieces]


def test_tool_calls_are_compared_but_are_no_blocks() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = chat({"role": "assistant", "content": None, "tool_calls": [call]})
    prefix = read_prefix(body)
    assert prefix.blocks(0, len(prefix.pieces)) == 0
    body["messages"][0]["tool_calls"] = [{**call, "id": "2"}]
    assert read_prefix(body).common(prefix) < len(prefix.pieces)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": 1, "tools": "x", "system": 7, "input": None},
        {"messages": [1, {"content": 1}], "tools": [1]},
        {"messages": [{"content": None}, {}], "system": "text", "input": {"messages": [{}]}},
    ],
)
def test_odd_bodies_are_read_without_marks(body: dict[str, Any]) -> None:
    assert read_prefix(body).marks == ()


def protocol_of(path: str) -> str:
    ends = {
        "/messages": "anthropic",
        "/converse": "bedrock-converse",
        "/responses": "openai-responses",
    }
    return next((name for end, name in ends.items() if path.endswith(end)), "openai-chat")


def test_recorded_exchanges_raise_no_false_alarm(shared_dir: Path) -> None:
    lines = (shared_dir / "real" / "exchanges.jsonl").read_text(encoding="utf-8").splitlines()
    seen = 0
    for exchange in map(json.loads, lines):
        body = exchange["request"]
        protocol, host = protocol_of(exchange["path"]), exchange["host"]
        if not exchange["marked"] or not isinstance(body, dict):
            continue
        if not read_prefix(body, protocol, host=host).marks:
            continue  # two are marked by a cache key alone
        seen += 1
        watch = CacheWatch(protocol=protocol, host=host, after=1)
        assert watch.add(body, exchange["response"]) is None, exchange["id"]
    assert seen == 18
