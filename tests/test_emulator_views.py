"""What a viewer is shown of kept requests: prefixes, costs, totals, and the paths that tell them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from wiremark.replay.cache import CacheResult
from wiremark.replay.tokens.choose import token_counter
from wiremark.rules import DASHSCOPE_COMPATIBLE, DASHSCOPE_SESSION, QWEN4, RULE_TABLE
from wiremark.traffic.costing import Ledger, Priced, cost_of, priced, summary_of
from wiremark.traffic.records import Record
from wiremark.traffic.views import form_of, rules_of, usage_view, view_of

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Emulator
from wiremark.emulator.exchange import Arrived
from wiremark.emulator.state import EmulatorState

CHAT = "/v1/chat/completions"
COMPATIBLE = "/compatible-mode/v1/chat/completions"
MESSAGES = "/v1/messages"
RESPONSES = "/v1/responses"
TEXT = "/api/v1/services/aigc/text-generation/generation"
VERSION = {"anthropic-version": "2023-06-01"}
MARK = {"cache_control": {"type": "ephemeral"}}
STATES = ("read", "written", "fresh")


def text(words: str, *, marked: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": words, **(MARK if marked else {})}


def chat(*more: Any, head: str = "word " * 1500, **fields: Any) -> dict[str, Any]:
    system = {"role": "system", "content": [text(head, marked=True)]}
    return {"model": "qwen-plus", "messages": [system, *more], **fields}


def asked(words: str, *, marked: bool = False) -> dict[str, Any]:
    return {"role": "user", "content": [text(words, marked=marked)]}


@pytest.fixture
def state() -> Iterator[EmulatorState]:
    made = EmulatorState()
    yield made
    assert made.problems == []


def send(
    state: EmulatorState, body: Any, path: str = COMPATIBLE, headers: dict[str, str] | None = None
) -> Record:
    """Send a body and return what is kept of it."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = state.handle(Arrived("POST", path, "", tuple((headers or {}).items()), raw))
    answer.sent += [each.encode() for each in answer.events or ()] or [answer.body]
    answer.finish()
    return answer.record


def seen(record: Record, whole: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the view of a request that has one; its tokens add up."""
    view = view_of(record, whole=whole)
    assert view is not None
    blocks = view["blocks"]
    edges = [0, *(block["to"] for block in blocks)]
    assert [block["from"] for block in blocks] == edges[:-1]
    assert edges[-1] + view["rest"] == view["total"]
    if record.predicted is not None:
        told = record.predicted
        spans = {span["state"]: span["to"] - span["from"] for span in view["spans"]}
        for name, count in (("read", told.read), ("written", told.written), ("fresh", told.fresh)):
            assert spans.get(name, 0) == round(count)
        assert all(sum(block[name] for name in STATES) == block["tokens"] for block in blocks)
    json.dumps(view)
    return view


def marks(view: dict[str, Any]) -> list[tuple[str, str | None, str]]:
    """Return each mark with the path of its block, its TTL and its effect."""
    blocks = view["blocks"]
    return [
        (
            "" if each["block"] is None else blocks[each["block"]]["path"],
            each["ttl"],
            each["effect"],
        )
        for each in view["marks"]
    ]


# ------------------------------------------------------------------------------------------ views


def test_blocks_stand_in_prefix_order_with_what_is_read_written_and_fresh(
    state: EmulatorState,
) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    first = chat(asked("question " * 50, marked=True), tools=[tool])
    more = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [text("result " * 30, marked=True)]},
        asked("and now?"),
    ]
    send(state, first)
    record = send(state, {**first, "messages": [*first["messages"], *more]})
    view = seen(record)
    told = [(b["path"], b["section"], b["role"], b["kind"], b["state"]) for b in view["blocks"]]
    assert told == [
        ("tools[0]", "tools", "", "tool", "read"),
        ("messages[0].content[0]", "system", "system", "text", "read"),
        ("messages[1].content[0]", "messages", "user", "text", "read"),
        ("messages[2].tool_calls[0]", "messages", "assistant", "tool call", "written"),
        ("messages[3].content[0]", "messages", "tool", "text", "written"),
        ("messages[4].content[0]", "messages", "user", "text", "fresh"),
    ]
    names = [block["name"] for block in view["blocks"]]
    assert names == ["look", "", "", "look", "", ""]
    assert view["blocks"][4]["fields"] == [["tool_call_id", "c1"]]
    assert marks(view) == [
        ("messages[0].content[0]", "5m", "read"),
        ("messages[1].content[0]", "5m", "read"),
        ("messages[3].content[0]", "5m", "written"),
    ]
    assert view["matched_at"] == "messages[1].content[0]"


def test_a_long_text_is_shortened_and_its_length_told(state: EmulatorState) -> None:
    block = seen(send(state, chat()))["blocks"][0]
    assert len(block["text"]) < 500
    assert block["length"] == 7500


def test_the_place_where_the_prefix_broke_is_its_block(state: EmulatorState) -> None:
    send(state, chat(asked("one " * 90, marked=True)))
    view = seen(send(state, chat(asked("two " * 90, marked=True))))
    broke = view["broke"]
    assert (broke["code"], view["blocks"][broke["block"]]["path"]) == (
        "changed",
        "messages[1].content[0]",
    )
    assert "one" in broke["before"]
    assert "two" in broke["after"]


def test_a_changed_role_is_shown_at_the_message(state: EmulatorState) -> None:
    tail = asked("x " * 90, marked=True)
    send(state, chat(tail))
    broke = seen(send(state, chat({**tail, "role": "assistant"})))["broke"]
    assert broke["path"] == "messages[1].role"
    assert broke["block"] == 1


def test_what_has_expired_broke_at_no_block(state: EmulatorState) -> None:
    send(state, chat())
    state.clock.advance(301)
    broke = seen(send(state, chat()))["broke"]
    assert (broke["code"], broke["block"]) == ("expired", None)


def test_a_mark_under_the_minimum_is_not_written(state: EmulatorState) -> None:
    view = seen(send(state, chat(head="short")))
    assert marks(view) == [("messages[0].content[0]", "5m", "short")]
    assert view["minimum"] == 1024


def test_a_mark_that_is_not_heeded_is_without_effect(state: EmulatorState) -> None:
    """DashScope heeds the last four."""
    five = [text(f"part {number} " * 300, marked=True) for number in range(5)]
    body = {"model": "qwen-plus", "messages": [{"role": "system", "content": five}, asked("x")]}
    effects = [effect for _, _, effect in marks(seen(send(state, body)))]
    assert effects == ["none", "written", "written", "written", "written"]


def test_marks_of_a_refused_request_are_not_judged(state: EmulatorState) -> None:
    body = chat({"role": "user", "content": [{"type": "nonsense", "text": "x"}]})
    record = send(state, body)
    assert record.status == 400
    view = seen(record)
    assert [effect for _, _, effect in marks(view)] == ["unknown"]
    assert view["spans"] == []
    assert "messages[1].content[0]" in {view["blocks"][n]["path"] for n in view["places"].values()}


def test_the_mark_of_a_whole_request_stands_at_its_last_block(state: EmulatorState) -> None:
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "cache_control": {"type": "ephemeral"},
        "system": "rule " * 1500,
        "messages": [{"role": "user", "content": "hi"}],
    }
    view = seen(send(state, body, MESSAGES, VERSION))
    assert marks(view) == [("messages[0].content", "5m", "written")]
    assert [block["path"] for block in view["blocks"]] == ["system", "messages[0].content"]
    assert view["blocks"][0]["role"] == "system"


def test_a_tool_and_an_hour_are_shown_in_anthropics_form(state: EmulatorState) -> None:
    hour = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    tool = {"name": "look", "description": "word " * 1500, "input_schema": {"type": "object"}}
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "found", **MARK}
    body = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 9,
        "tools": [{**tool, **hour}],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [use]},
            {"role": "user", "content": [result]},
        ],
    }
    view = seen(send(state, body, MESSAGES, VERSION))
    assert marks(view) == [
        ("tools[0]", "1h", "written"),
        ("messages[2].content[0]", "5m", "written"),
    ]
    kinds = [(block["kind"], block["name"]) for block in view["blocks"]]
    assert kinds == [("tool", "look"), ("text", ""), ("tool_use", "look"), ("tool_result", "")]


def test_the_breakpoint_that_a_provider_sets_itself_is_shown(state: EmulatorState) -> None:
    body = {"model": "gpt-5.6", "messages": [{"role": "user", "content": "word " * 1500}]}
    view = seen(send(state, body, CHAT))
    (mark,) = view["marks"]
    assert (mark["where"], mark["effect"]) == ("provider", "written")


def test_native_bodies_are_drawn_by_their_own_paths(state: EmulatorState) -> None:
    body = {"model": "qwen-plus", "input": {"messages": chat(asked("x"))["messages"]}}
    body["parameters"] = {"result_format": "message"}
    view = seen(send(state, body, TEXT))
    assert marks(view) == [("input.messages[0].content[0]", "5m", "written")]


def test_messages_without_content_are_drawn_too(state: EmulatorState) -> None:
    body = chat({"role": "assistant", "content": "", "name": "a"}, {"role": "user", "content": "x"})
    body["messages"].append({"role": "assistant", "content": None, "name": "last"})
    record = send(state, body)
    record.predicted = None
    blocks = seen(record)["blocks"]
    assert [block["path"] for block in blocks][-1] == "messages[3]"
    assert (blocks[-1]["kind"], blocks[-1]["fields"]) == ("empty", [["name", "last"]])


def test_items_of_the_responses_api_are_drawn() -> None:
    """As it stands in OpenAI's guide to function calling: calls and outputs are items of the input."""
    said = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    call = {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "found"}
    body = {"model": "gpt-5.6", "instructions": "be nice", "input": [said, call, output]}
    record = Record(0, 0.0, "POST", "/v1/responses", "", (), b"{}", body, "openai-responses")
    view = seen(record)
    paths = [block["path"].partition(".")[0] for block in view["blocks"]]
    assert paths == ["instructions", "input[0]", "input[1]", "input[2]"]
    assert view["blocks"][2]["kind"] == "function_call"
    assert ["name", "look"] in view["blocks"][2]["fields"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"model":"m"}',
        b'{"model":"m","messages":"none"}',
        b'{"model":"m","messages":{"a":1}}',
    ],
)
def test_what_has_no_messages_has_no_view(state: EmulatorState, raw: bytes) -> None:
    assert view_of(send(state, raw, CHAT)) is None


@pytest.mark.parametrize(
    "messages",
    [
        [None, 3, "x", []],
        [{"role": {}, "content": {}}],
        [{"role": "user", "content": [None, 3, {"type": []}, {"text": 5}]}],
        [{"role": "assistant", "tool_calls": [None, 3, {"function": 4}]}, {}],
        [{"role": "user", "content": [{"type": "text", "text": "\ud800", "cache_control": 4}]}],
    ],
)
def test_no_messages_are_too_strange_to_look_at(state: EmulatorState, messages: Any) -> None:
    record = send(state, {"model": "m", "messages": messages, "tools": [4, {}]}, CHAT)
    view = view_of(record)
    assert view is None or view["total"] >= 0
    assert cost_of(record) is None or record.status == 200


def test_a_view_that_fails_is_no_view(state: EmulatorState) -> None:
    record = send(state, chat())
    assert view_of(record, counter=object()) is None  # type: ignore[arg-type]


def test_a_path_that_nothing_stands_at_has_no_view(state: EmulatorState) -> None:
    record = send(state, chat(), "/v2/else")
    assert (form_of(record), rules_of(record), view_of(record)) == (None, None, None)
    assert cost_of(record) is None


def test_tokens_are_counted_by_the_counter_that_is_given() -> None:
    counter = token_counter("m", count=len)
    record = send(EmulatorState(counter=counter), chat())
    view = view_of(record, counter)
    assert view is not None
    assert view["blocks"][0]["tokens"] >= 7500
    assert view["blocks"][0]["state"] == "written"
    assert record.predicted is not None
    assert view["spans"][0]["to"] == round(record.predicted.written)


POINT = {"prompt_cache_breakpoint": {"mode": "explicit"}}


def part(words: str, *, marked: bool = False) -> dict[str, Any]:
    return {"type": "input_text", "text": words, **(POINT if marked else {})}


def items(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "user", "content": list(parts)}]


def test_a_request_that_goes_on_is_shown_with_what_it_goes_on_with(state: EmulatorState) -> None:
    said = {"model": "gpt-5.6", "instructions": "Be brief."}
    first = send(state, {**said, "input": items(part("word " * 1500, marked=True))}, RESPONSES)
    assert state.whole(first) is None
    before = json.loads(first.response)["id"]
    body = {**said, "input": items(part("And now?", marked=True)), "previous_response_id": before}
    record = send(state, {**body, "tools": [{"type": "function"}]}, RESPONSES)
    assert record.status == 400, "a tool without a name is refused, and the page shows where"
    record = send(state, body, RESPONSES)
    view = seen(record, state.whole(record))
    assert (view["goes_on"], view["inherited"]) == (before, 2)
    assert [(block["path"], block["inherited"]) for block in view["blocks"]] == [
        ("instructions", False),
        ("input[0].content[0]", True),
        ("input[1].content[0]", True),
        ("input[2].content[0]", False),
    ]
    assert marks(view) == [
        ("input[0].content[0]", "30m", "read"),
        ("input[2].content[0]", "30m", "written"),
    ]
    first_view = seen(first)
    assert (first_view["goes_on"], first_view["inherited"]) == (None, 0)


def test_a_message_thread_is_shown_with_the_fields_of_its_first_request(
    state: EmulatorState,
) -> None:
    body = {"model": "claude-opus-5", "max_tokens": 9, "messages": [asked("Hello")]}
    first = {**body, "system": "Be brief.", "thread": {"type": "create"}}
    before = json.loads(send(state, first, MESSAGES, VERSION).response)["id"]
    more = {**body, "thread": {"type": "continue", "previous_message_id": before}}
    record = send(state, more, MESSAGES, VERSION)
    view = seen(record, state.whole(record))
    assert (view["goes_on"], view["inherited"]) == (before, 2)
    assert [block["inherited"] for block in view["blocks"]] == [True, True, True, False]


def test_findings_of_a_request_that_goes_on_lead_to_its_own_blocks(state: EmulatorState) -> None:
    first = send(state, {"model": "gpt-5.6", "input": "Hello"}, RESPONSES)
    wrong = items({"type": "nonsense", "text": "x"})
    body = {"model": "gpt-5.6", "input": wrong}
    body["previous_response_id"] = json.loads(first.response)["id"]
    record = send(state, body, RESPONSES)
    view = seen(record, state.whole(record))
    (path,) = {each.path for each in record.findings if each.severity == "error"}
    assert path.startswith("input[0]")
    assert view["blocks"][view["places"][path]]["path"].startswith("input[2]")


def test_what_a_request_goes_on_with_may_be_unknown(state: EmulatorState) -> None:
    body = {"model": "gpt-5.6", "input": "Go on", "previous_response_id": "resp_gone"}
    record = send(state, body, RESPONSES)
    view = seen(record, state.whole(record))
    assert (record.status, view["goes_on"], view["inherited"]) == (400, "resp_gone", None)


def test_an_item_that_is_referred_to_is_shown_in_its_place(state: EmulatorState) -> None:
    first = send(state, {"model": "gpt-5.6", "input": "Hello"}, RESPONSES)
    (kept,) = json.loads(first.response)["output"]
    body = {"model": "gpt-5.6", "input": [{"type": "item_reference", "id": kept["id"]}]}
    record = send(state, body, RESPONSES)
    view = seen(record, state.whole(record))
    assert [block["text"] for block in view["blocks"]] == [kept["content"][0]["text"]]
    assert (view["goes_on"], view["inherited"]) == (None, 0)


def test_wholes_are_kept_of_the_latest_thousand(state: EmulatorState) -> None:
    first = send(state, {"model": "gpt-5.6", "input": "Hello"}, RESPONSES)
    body = {"model": "gpt-5.6", "input": "More"}
    body["previous_response_id"] = json.loads(first.response)["id"]
    records = [send(state, {**body, "store": False}, RESPONSES) for _ in range(1001)]
    assert state.whole(records[0]) is None
    assert state.whole(records[1]) is not None


# ------------------------------------------------------------------------------------------- usage


def test_reported_usage_stands_beside_the_predicted(state: EmulatorState) -> None:
    record = send(state, chat())
    assert [row["difference"] for row in usage_view(record)] == [0, 0, 0, None]
    record.answered = {
        "prompt_tokens": 1600,
        "completion_tokens": 7,
        "total_tokens": 1607,
        "prompt_tokens_details": {"cached_tokens": 1536},
    }
    told = {row["name"]: row for row in usage_view(record)}
    assert record.predicted is not None
    assert told["input"]["difference"] == 1600 - round(record.predicted.input)
    assert told["read"] == {"name": "read", "predicted": 0, "reported": 1536, "difference": 1536}
    assert told["written"]["reported"] is None
    assert told["written"]["difference"] is None
    assert told["output"]["reported"] == 7


def test_a_request_that_was_not_served_has_no_counts(state: EmulatorState) -> None:
    rows = usage_view(send(state, b"{"))
    assert all(row["predicted"] is row["reported"] is row["difference"] is None for row in rows)


# -------------------------------------------------------------------------------------------- cost


def test_a_write_costs_a_quarter_more_and_a_read_a_tenth(state: EmulatorState) -> None:
    """DashScope's explicit cache: a write costs 125 % of an input token, a read 10 %."""
    costs = [cost_of(send(state, chat(asked("x")))) for _ in range(2)]
    first, second = state.requests
    assert first.predicted is not None
    assert second.predicted is not None
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0]["relative"] == first.predicted.fresh + 1.25 * first.predicted.written
    assert costs[1]["relative"] == pytest.approx(
        second.predicted.fresh + 0.1 * second.predicted.read
    )
    assert costs[0]["currency"] == "CNY"
    assert Decimal(costs[0]["saved"]) < 0 < Decimal(costs[1]["saved"])
    for cost in costs:
        assert cost is not None
        assert Decimal(cost["total"]) + Decimal(cost["saved"]) == Decimal(cost["uncached"])
        assert cost["shown"].startswith("CNY 0.00")


def test_a_region_has_prices_of_its_own(state: EmulatorState) -> None:
    record = send(state, chat())
    here, there = cost_of(record), cost_of(record, "ap-southeast-1")
    assert here is not None
    assert there is not None
    assert (here["currency"], there["currency"]) == ("CNY", "USD")


def test_a_model_without_a_price_has_an_unknown_cost_and_a_reason(state: EmulatorState) -> None:
    cost = cost_of(send(state, {"model": "m", "messages": [asked("x")]}, CHAT))
    assert cost is not None
    assert (cost["total"], cost["shown"], cost["saved_shown"]) == (None, "unknown", "unknown")
    assert cost["reason"]
    assert cost["relative_shown"] != "unknown"


def test_what_was_reported_is_priced_before_what_was_predicted(state: EmulatorState) -> None:
    record = send(state, chat())
    record.answered = {
        "prompt_tokens": 2000,
        "completion_tokens": 0,
        "prompt_tokens_details": {
            "cached_tokens": 1000,
            "cache_creation_input_tokens": 500,
            "cache_type": "ephemeral",
        },
    }
    found = priced(record)
    assert (found.basis, found.input, found.read, found.written) == ("reported", 2000, 1000, 500)
    assert found.amounts is not None
    assert found.amounts.relative == pytest.approx(500 + 100 + 625)
    record.answered = None
    again = priced(record)
    assert (again.basis, again.read) == ("predicted", 0)


def test_a_refused_request_costs_nothing(state: EmulatorState) -> None:
    record = send(state, chat({"role": "user", "content": [{"type": "nonsense"}]}))
    assert cost_of(record) is None
    record.predicted = CacheResult(input=9.0, fresh=9.0)
    assert cost_of(record) is None


def test_rules_are_found_by_their_name(state: EmulatorState) -> None:
    record = send(state, chat())
    known = {entry.rules.name: entry.rules for entry in RULE_TABLE}
    assert record.rules is not None
    assert rules_of(record) is known[record.rules]
    record.rules = "somebody's own"
    assert rules_of(record) is not None
    assert rules_of(record, QWEN4) is QWEN4


def test_the_session_cache_has_the_prices_that_are_documented_of_it(state: EmulatorState) -> None:
    body = {"model": "qwen-plus", "input": "word " * 1500}
    path, session = "/compatible-mode/v1/responses", {"x-dashscope-session-cache": "enable"}
    first = send(state, body, path, session)
    assert rules_of(first) is DASHSCOPE_SESSION
    body = {"model": "qwen-plus", "input": "More", "previous_response_id": ""}
    body["previous_response_id"] = json.loads(first.response)["id"]
    second = send(state, body, path, session)
    wrote, read = priced(first).amounts, priced(second)
    assert first.predicted is not None
    assert wrote is not None
    fresh = first.predicted.fresh
    assert first.predicted.written > 1024
    assert wrote.relative == pytest.approx(fresh + 1.25 * first.predicted.written)
    assert read.read > 1024
    assert second.predicted is not None
    assert read.amounts is not None
    rest = second.predicted.fresh + 1.25 * second.predicted.written
    assert read.amounts.relative == pytest.approx(0.1 * read.read + rest)
    assert read.amounts.total is not None


def test_without_the_session_cache_reads_cost_what_they_do_in_chat(state: EmulatorState) -> None:
    body = {"model": "qwen-plus", "input": "word " * 1500}
    for _ in range(2):
        record = send(state, body, "/compatible-mode/v1/responses")
    cost = priced(record)
    assert cost.read > 1024
    assert cost.amounts is not None
    assert cost.amounts.relative == pytest.approx(0.2 * cost.read + cost.input - cost.read)
    assert cost.amounts.total is not None


def test_the_summary_is_the_sum_of_its_requests(state: EmulatorState) -> None:
    for _ in range(3):
        send(state, chat(asked("x")))
    send(state, {"model": "m", "messages": [asked("x")]}, CHAT)
    send(state, b"{")
    ledger = Ledger()
    told = ledger.summary(state.requests)
    assert (told["requests"], told["served"], told["refused"], told["hits"]) == (5, 4, 1, 2)
    predicted = [record.predicted for record in state.requests if record.predicted is not None]
    assert told["input"] == sum(each.input for each in predicted)
    assert told["read"] == sum(each.read for each in predicted)
    assert told["written"] == sum(each.written for each in predicted)
    assert told["hit_rate"] == pytest.approx(told["read"] / told["input"])
    (money,) = told["costs"]
    parts = [cost_of(record) for record in state.requests[:3]]
    assert Decimal(money["total"]) == sum(Decimal(each["total"]) for each in parts if each)
    assert (money["currency"], money["requests"], told["unpriced"]) == ("CNY", 3, 1)
    assert len(told["reasons"]) == 1
    assert ledger.summary(state.requests) == told
    assert summary_of([])["hit_rate"] is None


def test_currencies_are_not_added_up(state: EmulatorState) -> None:
    record = send(state, chat())
    told = summary_of([(record, priced(record)), (record, priced(record, "ap-southeast-1"))])
    assert [each["currency"] for each in told["costs"]] == ["CNY", "USD"]


def test_a_cost_is_computed_anew_until_its_request_has_ended(state: EmulatorState) -> None:
    ledger = Ledger()
    record = send(state, chat())
    record.ended = False
    assert ledger.priced(record) is not ledger.priced(record)
    record.ended = True
    assert ledger.priced(record) is ledger.priced(record)


def test_requests_that_begin_anew_are_noticed(state: EmulatorState) -> None:
    ledger = Ledger()
    for _ in range(3):
        ledger.priced(send(state, chat()))
    assert ledger.look(state.requests) == 0
    assert ledger.look(state.requests[1:]) == 0, "the oldest has been forgotten"
    state.reset()
    assert ledger.look(state.requests) == 1
    ledger.priced(send(state, chat()))
    state.reset()
    send(state, chat())
    assert ledger.look(state.requests) == 2
    assert Priced().to_dict() is None


# ------------------------------------------------------------------------------------------- paths


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running
        assert running.state.problems == []


def get(emulator: Emulator, path: str, **headers: str) -> tuple[int, Any, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=30)
    connection.request("GET", f"/_wiremark{path}", headers=headers)
    answer = connection.getresponse()
    raw = answer.read()
    connection.close()
    return answer.status, answer.headers, raw


def told(emulator: Emulator, path: str) -> Any:
    status, _, raw = get(emulator, path)
    assert status == 200
    return json.loads(raw)


def test_one_request_is_told_whole_with_its_view(emulator: Emulator) -> None:
    record = send(emulator.state, chat())
    got = told(emulator, "/requests/0")
    assert got["view"] == view_of(record)
    assert got["cost"] == cost_of(record)
    assert got["usage"] == usage_view(record)
    assert got["body"] == chat()
    assert "body" not in told(emulator, "/requests/0?bodies=0")
    for path in ("/requests/1", "/requests/1/body", "/requests/x", "/nothing"):
        assert get(emulator, path)[0] == 404
    assert len(emulator.requests) == 1, "looking is no request"


def test_an_emulator_s_own_counter_and_rules_are_those_of_the_page() -> None:
    counter = token_counter("m", count=len)
    rules = replace(DASHSCOPE_COMPATIBLE, min_tokens=9000, write_multipliers={"5m": 3.0})
    with Emulator(counter=counter, rules=rules) as running:
        record = send(running.state, chat(head="word " * 2000))
        got = told(running, "/requests/0")
        assert got["view"]["blocks"][0]["tokens"] >= 10000
        assert got["view"]["minimum"] == 9000
        assert record.predicted is not None
        written = record.predicted.written
        assert got["view"]["spans"][0]["to"] == round(written)
        assert got["cost"]["relative"] == pytest.approx(record.predicted.fresh + 3 * written)


def test_a_request_that_goes_on_is_told_with_what_it_goes_on_with(emulator: Emulator) -> None:
    first = send(emulator.state, {"model": "gpt-5.6", "input": "Hello"}, RESPONSES)
    body = {"model": "gpt-5.6", "input": "More"}
    body["previous_response_id"] = json.loads(first.response)["id"]
    send(emulator.state, body, RESPONSES)
    got = told(emulator, "/requests/1")
    assert [block["inherited"] for block in got["view"]["blocks"]] == [True, True, False]
    assert got["body"] == body


def test_a_body_is_told_as_it_arrived_and_is_never_a_page(emulator: Emulator) -> None:
    raw = b"<script>alert(1)</script>\xff"
    send(emulator.state, raw)
    status, headers, got = get(emulator, "/requests/0/body")
    assert (status, got) == (200, raw)
    assert headers["content-type"].startswith("text/plain")
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]


def test_the_summary_is_told(emulator: Emulator) -> None:
    send(emulator.state, chat())
    got = told(emulator, "/summary")
    assert got == {"now": 0.0, **Ledger().summary(emulator.requests)}


def test_requests_are_told_in_parts(emulator: Emulator) -> None:
    for _ in range(7):
        send(emulator.state, chat())

    def indices(query: str) -> tuple[list[int], bool]:
        got = told(emulator, f"/requests?bodies=0&{query}")
        assert (got["first"], got["last"], got["movable"]) == (0, 6, True)
        return [each["index"] for each in got["requests"]], got["more"]

    assert indices("") == ([0, 1, 2, 3, 4, 5, 6], False)
    assert indices("limit=3") == ([0, 1, 2], True)
    assert indices("after=2&limit=3") == ([3, 4, 5], True)
    assert indices("before=99&limit=3") == ([4, 5, 6], True)
    assert indices("before=2&limit=3") == ([0, 1], False)
    assert indices("after=5&also=1,6,x,,99") == ([6, 1], False)
    assert indices("after=nonsense&limit=&before=1e9&also=") == ([0, 1, 2, 3, 4, 5, 6], False)


def test_the_page_may_run_nothing_but_its_own_script(emulator: Emulator) -> None:
    status, headers, raw = get(emulator, "")
    policy = headers["content-security-policy"]
    assert status == 200
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert raw.count(b"<script") == 1
    assert b"innerHTML" not in raw


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}], ids=str
)
@pytest.mark.parametrize("path", ["", "/requests", "/requests/0", "/requests/0/body", "/summary"])
def test_others_may_not_look(emulator: Emulator, path: str, headers: dict[str, str]) -> None:
    send(emulator.state, chat())
    status, _, raw = get(emulator, path, **headers)
    assert status == 403
    assert b"word" not in raw
