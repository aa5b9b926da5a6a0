"""Bodies of OpenAI's Responses API: rules, prefix, validation, replay, and the way from chat."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from wiremark import Msg, OpenAIChatFormatter, TextBlock, ThinkingBlock, ToolUseBlock
from wiremark.emulator.conversations import Conversations
from wiremark.emulator.failures import Failure
from wiremark.errors import MessageError
from wiremark.integrations.openai_responses import chat_completion, responses_body
from wiremark.marks import strip_body
from wiremark.prefix import read_context
from wiremark.replay import PrefixCache, compare, read_trace, replay
from wiremark.replay.model import TraceRequest
from wiremark.rules import (
    DASHSCOPE_RESPONSES,
    DEEPSEEK_RESPONSES,
    KIMI_RESPONSES,
    NO_MARKERS_RESPONSES,
    OPENAI_RESPONSES,
    OPENAI_RESPONSES_IMPLICIT,
    RULE_TABLE,
    XAI_RESPONSES,
    select_rules,
)
from wiremark.traffic.records import Record
from wiremark.validation import compare_prefix, detect_protocol, judge, validate

FORM = "openai-responses"
MARK = {"mode": "explicit"}
LONG = "You plan trips. " * 400


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "input_text", "text": words, **more}


def user(*content: Any) -> dict[str, Any]:
    alone = len(content) == 1 and isinstance(content[0], str)
    return {"role": "user", "content": content[0] if alone else list(content)}


def call(name: str = "f", call_id: str = "c1", arguments: str = "{}") -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def output(said: Any, call_id: str = "c1") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": said}


def body(*items: Any, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.6", "input": list(items), **more}


def codes(value: Any, **more: Any) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in validate(value, FORM, **more)]


# ----------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("host", "model", "rules"),
    [
        ("api.openai.com", "gpt-5.6", OPENAI_RESPONSES),
        (None, "gpt-5.10-mini", OPENAI_RESPONSES),
        ("api.openai.com", "gpt-5.5", OPENAI_RESPONSES_IMPLICIT),
        ("api.openai.com", "o3", OPENAI_RESPONSES_IMPLICIT),
        ("api.openai.com", "codex-latest", OPENAI_RESPONSES_IMPLICIT),
        (None, "gpt-oss-120b", NO_MARKERS_RESPONSES),
        ("dashscope.aliyuncs.com", "qwen-plus", DASHSCOPE_RESPONSES),
        ("api.x.ai", "grok-5", XAI_RESPONSES),
        ("api.deepseek.com", "deepseek-v4-flash", DEEPSEEK_RESPONSES),
        ("api.moonshot.ai", "kimi-k3", KIMI_RESPONSES),
        ("example.com", "llama", NO_MARKERS_RESPONSES),
    ],
)
def test_rules_go_by_host_and_model(host: str | None, model: str, rules: Any) -> None:
    assert select_rules(FORM, host=host, model=model).rules == rules


def test_every_rule_of_responses_is_written_for_their_items() -> None:
    rules = [entry.rules for entry in RULE_TABLE if entry.protocol == FORM]
    assert {each.protocol for each in rules} == {FORM}


def test_breakpoints_stand_on_texts_images_and_files_for_half_an_hour_or_twelve() -> None:
    assert OPENAI_RESPONSES.kinds == {"text", "image", "file"}
    assert OPENAI_RESPONSES.ttls == ("30m", "12h")
    assert (OPENAI_RESPONSES.max_marks, OPENAI_RESPONSES.min_tokens) == (4, 1024)
    assert not OPENAI_RESPONSES.tool_slot


# ---------------------------------------------------------------------------------------- prefix


def pieces(value: dict[str, Any]) -> list[tuple[str, str]]:
    ctx = read_context(value, form=FORM, rules=OPENAI_RESPONSES)
    return [(piece.name, piece.text) for piece in ctx.pieces]


def test_tools_stand_before_instructions_and_these_before_the_input() -> None:
    value = body(user("hi"), tools=[{"type": "function", "name": "f"}], instructions="Be brief.")
    ctx = read_context(value, form=FORM, rules=OPENAI_RESPONSES)
    assert [piece.path for piece in ctx.pieces] == [
        "tools[0]",
        "instructions",
        "input[0].role",
        "input[0].content",
    ]
    assert [piece.section for piece in ctx.pieces] == ["tools", "system", "messages", "messages"]


@pytest.mark.parametrize(
    "other",
    [
        {"model": "gpt-5.6", "input": "hi"},
        body({"type": "message", "role": "user", "content": [text("hi")]}),
        body({"id": "msg_1", "status": "completed", **user("hi")}),
        body({"role": "user", "content": [text("hi", prompt_cache_breakpoint=MARK)]}),
    ],
    ids=["a text", "a part", "with an id", "marked"],
)
def test_one_message_is_the_same_prefix_in_each_form(other: dict[str, Any]) -> None:
    assert pieces(other) == pieces(body(user("hi")))


def test_an_answer_is_the_same_text_with_its_empty_lists_and_without() -> None:
    part = {"type": "output_text", "text": "yes"}
    full = {**part, "annotations": [], "logprobs": []}
    said = [{"role": "assistant", "content": each} for each in ("yes", [part], [full])]
    assert pieces(body(said[0])) == pieces(body(said[1])) == pieces(body(said[2]))
    cited = {**part, "annotations": [{"type": "file_path", "file_id": "f", "index": 0}]}
    assert pieces(body({"role": "assistant", "content": [cited]})) != pieces(body(said[0]))


def test_calls_results_and_references_are_told_apart() -> None:
    assert pieces(body(call())) != pieces(body(call(arguments='{"a":1}')))
    assert pieces(body(output("a"))) != pieces(body(output("b")))
    refers = [{"type": "item_reference", "id": name} for name in ("a", "b")]
    assert pieces(body(refers[0])) != pieces(body(refers[1]))


def test_only_parts_that_are_sent_to_the_model_carry_marks() -> None:
    value = body(
        {"role": "system", "content": [text("a")]},
        user(text("b"), {"type": "input_image", "image_url": "https://x/y.png"}),
        {"role": "assistant", "content": [{"type": "output_text", "text": "c"}]},
        {"role": "assistant", "content": "d"},
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "e"}]},
        call(),
        output([text("f")]),
        output("g"),
        instructions="h",
    )
    ctx = read_context(value, form=FORM, rules=OPENAI_RESPONSES)
    assert [block.path for block in ctx.blocks if ctx.carries(block)] == [
        "input[0].content[0]",
        "input[1].content[0]",
        "input[1].content[1]",
        "input[6].output[0]",
        "input[7].output",
    ]


def test_the_first_difference_is_named_in_an_output() -> None:
    found = compare_prefix(
        body(user("a"), call(), output("warm")), body(user("a"), call(), output("cold")), FORM
    )
    assert (found.relation, found.path) == ("departs", "input[2].output")
    assert (found.before, found.after) == ("warm", "cold")


# ----------------------------------------------------------------------------------------- cache


def test_a_cache_reads_what_a_mark_in_an_output_wrote() -> None:
    cache = PrefixCache(protocol=FORM, model="gpt-5.6")
    marked = text(LONG, prompt_cache_breakpoint={**MARK, "ttl": "12h"})
    options = {"mode": "explicit"}
    first = body(user("go"), call(), output([marked]), prompt_cache_options=options)
    wrote = cache.request(first, at=0.0)
    again = copy.deepcopy(first)
    again["input"].append(user(text("on", prompt_cache_breakpoint=MARK)))
    read = cache.request(again, at=40_000.0)
    assert wrote.written_by_ttl == {"12h": wrote.written}
    assert wrote.written_at == ("input[2].output[0]",)
    assert (read.read, read.read_as) == (wrote.written, "explicit")
    assert read.matched_at == "input[2].output[0]"


def test_a_mark_without_a_lifetime_has_that_of_the_request() -> None:
    marked = text(LONG, prompt_cache_breakpoint=MARK)
    options = {"mode": "explicit", "ttl": "12h"}
    result = PrefixCache(protocol=FORM, model="gpt-5.6").request(
        body(user(marked), prompt_cache_options=options), at=0.0
    )
    assert set(result.written_by_ttl) == {"12h"}


@pytest.mark.parametrize("said", [LONG, [user(LONG)]], ids=["a text", "an item"])
def test_older_models_cache_by_themselves(said: Any) -> None:
    cache = PrefixCache(protocol=FORM, model="gpt-5.4")
    asked = {"model": "gpt-5.4", "input": said * 2 if isinstance(said, str) else [*said, *said]}
    first, second = (cache.request(asked, at=at) for at in (0.0, 1.0))
    assert (first.read, second.read_as) == (0.0, "implicit")
    assert second.read > 2048


# ------------------------------------------------------------------------------------ validation


@pytest.mark.parametrize(
    ("value", "protocol"),
    [
        ({"model": "gpt-5.6", "input": "hi"}, FORM),
        ({"model": "m", "input": "hi", "instructions": "x"}, FORM),
        ({"model": "m", "input": [user("hi")]}, FORM),
        ({"model": "m", "input": [call()]}, FORM),
        ({"model": "m", "input": "hi"}, None),
        ({"model": "text-embedding-3-small", "input": "hi"}, None),
        ({"model": "gpt-4o-mini-tts", "input": "hi", "voice": "alloy"}, None),
        ({"model": "omni-moderation", "input": [{"type": "text", "text": "hi"}]}, None),
        ({"model": "text-embedding-3-small", "input": ["hi"]}, None),
        ({"model": "m", "input": []}, None),
    ],
)
def test_a_body_is_known_by_its_input(value: Any, protocol: str | None) -> None:
    assert detect_protocol(value) == protocol


def test_a_body_as_sdks_and_clients_send_it_is_sound() -> None:
    value = body(
        user(text("a"), {"type": "input_image", "image_url": "https://x/y.png"}),
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        {"role": "assistant", "content": [{"type": "output_text", "text": "b"}]},
        call(),
        output([text("c")]),
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        instructions="d",
    )
    assert codes(value) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"model": "gpt-5.6"}, ("missing-key", "")),
        ({"model": "gpt-5.6", "input": 7}, ("wrong-type", "input")),
        (body({"type": "nonsense"}), ("bad-value", "input[0].type")),
        (
            body({"role": "assistant", "content": [text("a")]}),
            ("bad-value", "input[0].content[0].type"),
        ),
        (
            body(user({"type": "text", "text": "a"}, text("b"))),
            ("bad-value", "input[0].content[0].type"),
        ),
        (body(user("a"), temperature=3), ("out-of-range", "temperature")),
        (
            body(user(text("a", prompt_cache_breakpoint={"mode": "implicit"}), text("b"))),
            ("bad-value", "input[0].content[0].prompt_cache_breakpoint.mode"),
        ),
        (body(call()), ("tool-call-unanswered", "input[0]")),
        (body(output("a")), ("tool-result-without-call", "input[0]")),
        (
            body(user("a"), tools=[{"type": "function", "name": "a b"}]),
            ("tool-name", "tools[0].name"),
        ),
    ],
)
def test_what_is_wrong_is_found(value: Any, found: tuple[str, str]) -> None:
    assert found in codes(value)


@pytest.mark.parametrize("name", ["prompt_cache_options", "text", "tool_choice", "tools", "user"])
def test_null_is_taken_for_a_field_that_is_not_set(name: str) -> None:
    # Measured at OpenAI on 2026-08-30; LlamaIndex sends `user: null` with every request.
    assert codes(body(user("a"), **{name: None})) == []
    assert codes(body(user("a"), **{name: 1})) == [("wrong-type", name)]


MOVED = (
    "Unsupported parameter: 'messages'. In the Responses API, this parameter has moved to 'input'."
    " Try again with the new parameter. See the API documentation for more information:"
    " https://platform.openai.com/docs/api-reference/responses/create."
)


@pytest.mark.parametrize("model", ["gpt-5.6", "gpt-4.1"])
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n", 2, "Unknown parameter: 'n'."),
        ("seed", 1, "Unknown parameter: 'seed'."),
        ("logprobs", True, "Unknown parameter: 'logprobs'."),
        ("max_tokens", 16, "Unknown parameter: 'max_tokens'."),
        ("stop", ["ZZ"], "Unknown parameter: 'stop'. Did you mean 'store'?"),
        (
            "messages",
            [{"role": "user", "content": "ping"}],
            MOVED,
        ),
    ],
)
def test_openai_refuses_in_responses_what_chat_alone_has(
    model: str, name: str, value: Any, words: str
) -> None:
    asked = {**body(user("a")), "model": model}
    assert validate(asked, FORM) == ()
    [found] = validate({**asked, name: value}, FORM)
    assert (found.code, found.path, found.severity) == ("refused-field", name, "error")
    assert found.provider_text == words
    assert validate({**asked, "model": "qwen-plus", name: value}, FORM, host="vllm.local") == ()
    assert validate({**asked, "presence_penalty": 0.5, "frequency_penalty": 0.5}, FORM) == ()


def test_refusals_of_calls_are_quoted_from_openai() -> None:
    [orphan] = validate(body(output("a")), FORM)
    [unanswered] = validate(body(call()), FORM)
    assert orphan.provider_text == "No tool call found for function call output with call_id c1."
    assert unanswered.provider_text == "No tool output found for function call c1."


@pytest.mark.parametrize("more", [{"previous_response_id": "resp_1"}, {"conversation": "conv"}])
def test_an_output_may_answer_what_the_request_goes_on_with(more: dict[str, Any]) -> None:
    assert codes(body(output("a"), **more)) == []
    refers = {"type": "item_reference", "id": "fc_1"}
    assert codes(body(refers, output("a"))) == []


@pytest.mark.parametrize("more", [{"previous_response_id": "resp_1"}, {"conversation": "conv"}])
def test_how_much_stands_before_a_mark_cannot_be_told_of_a_request_that_goes_on(
    more: dict[str, Any],
) -> None:
    marked = body(user(text("And then?", prompt_cache_breakpoint=MARK)))
    assert codes(marked) == [("under-minimum", "input[0].content[0]")]
    verdict = judge({**marked, **more}, FORM)
    assert verdict.findings == ()
    assert [each.code for each in verdict.abstentions] == ["under-minimum"]


def test_kimi_refuses_breakpoints_in_responses_as_in_chat() -> None:
    value = body(user(text("a", prompt_cache_breakpoint=MARK)))
    found = dict(codes(value, host="api.moonshot.ai", model="kimi-k3"))
    assert found["refused-marker"] == "input[0].content[0]"


def test_an_output_may_answer_a_search_for_tools() -> None:
    search = {"type": "tool_search_call", "call_id": "c1", "arguments": {}, "execution": "client"}
    assert codes(body(user("a"), search, output("found"))) == []


def test_too_many_marks_and_marks_out_of_place_are_waste() -> None:
    marked = [text("a", prompt_cache_breakpoint=MARK) for _ in range(4)]
    found = dict(codes(body(user(*marked))))
    assert found["too-many-markers"] == "input[0].content[0]"
    on_tool = {"type": "function", "name": "f", "prompt_cache_breakpoint": MARK}
    found = dict(codes(body(user("a"), tools=[on_tool])))
    assert found["tool-marker-ignored"] == "tools[0]"
    other = text("a", cache_control={"type": "ephemeral"})
    assert dict(codes(body(user(other, text("b")))))["other-marker-form"] == "input[0].content[0]"
    said = {"type": "output_text", "text": "a", "prompt_cache_breakpoint": MARK}
    found = dict(codes(body({"role": "assistant", "content": [said]})))
    assert found["marker-on-unknown-kind"] == "input[0].content[0]"


# ---------------------------------------------------------------------------------------- replay


def session(turns: int = 4) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [{"role": "system", "content": LONG}, user("Where to?")]
    bodies = []
    for turn in range(turns):
        bodies.append(body(*items, prompt_cache_options={"mode": "explicit"}))
        items = [*items, call(call_id=f"c{turn}"), output("mild " * 50, call_id=f"c{turn}")]
    return bodies


def test_a_trace_of_responses_is_replayed(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    usage = {"input_tokens": 9, "output_tokens": 1, "input_tokens_details": {"cached_tokens": 4}}
    lines = [{"request": each, "usage": usage, "at": at} for at, each in enumerate(session())]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    requests = [one for one in read_trace(log) if isinstance(one, TraceRequest)]
    assert len(requests) == 4
    assert requests[0].messages[0] is requests[3].messages[0]
    made = replay(log)
    assert (made.protocol, made.rules, made.read) == (FORM, "openai-responses", 0.0)
    assert [row.reported.cache_read for row in made.rows if row.reported] == [4] * 4


def test_a_request_that_goes_on_with_another_is_a_part_of_what_was_sent() -> None:
    made = replay([body(user("a"), previous_response_id="resp_1")])
    assert made.rows[0].partial
    assert any("more was sent" in each.message for each in made.findings)


def test_a_policy_marks_the_items_of_a_session() -> None:
    made = replay(session(), policy="rolling")
    assert made.findings == () or {each.severity for each in made.findings} == {"note"}
    assert [bool(row.read) for row in made.rows] == [False, True, True, True]
    assert made.rows[-1].marks[-1].path == "input[7].output[0]"


def test_every_policy_is_compared_and_the_recorded_marks_come_first() -> None:
    marked = session()
    for each in marked:
        part = text(LONG, prompt_cache_breakpoint=MARK)
        each["input"][0] = {"role": "system", "content": [part]}
    before = copy.deepcopy(marked)
    found = {one.policy: one for one in compare(marked)}
    assert list(found)[:3] == ["as recorded", "none", "implicit"]
    assert found["as recorded"].read > 0
    assert found["none"].read == 0
    assert found["rolling"].read >= found["as recorded"].read
    assert marked == before


def test_a_text_is_marked_as_a_part() -> None:
    made = replay([{"model": "gpt-5.6", "input": LONG}], policy="rolling")
    assert [mark.path for mark in made.rows[0].marks] == ["input[0].content[0]"]


def test_marks_are_stripped_from_messages_and_outputs() -> None:
    marked = text("a", prompt_cache_breakpoint=MARK)
    value = body(user(marked, text("b")), call(), output([marked]), output("c"))
    bare = body(user(text("a"), text("b")), call(), output([text("a")]), output("c"))
    assert strip_body(value) == bare


@pytest.mark.shared
def test_recorded_writes_and_reads_are_predicted(shared_dir: Path) -> None:
    """Two requests to gpt-5.6-sol, the same body: all but what is around it was written, then read.

    How many tokens that are is an estimate here; where the cache ends is not.
    """
    recorded = [
        one
        for one in read_trace(shared_dir / "real" / "exchanges.jsonl")
        if isinstance(one, TraceRequest) and one.body.get("model") == "gpt-5.6-sol"
    ]
    rows = replay([one for one in recorded if "input" in one.body]).rows
    told = [row.reported for row in rows if row.reported is not None]
    assert [(each.cache_write, each.cache_read) for each in told] == [(4012, 0), (0, 4012)]
    assert rows[0].written == rows[1].read > 0.8 * 4012
    assert rows[0].read == rows[1].written == 0
    left = [each.input - each.cache_write - each.cache_read for each in told]
    assert [row.fresh for row in rows] == left == [8, 8]


# ------------------------------------------------------------------------------------- from chat


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.6", "messages": list(messages), **more}


def sent(*messages: Any, **more: Any) -> list[Any]:
    made = responses_body(chat(*messages, **more))
    assert [each for each in validate(made.body, FORM) if each.severity == "error"] == []
    items: list[Any] = made.body["input"]
    return items


def test_each_message_becomes_its_items() -> None:
    calls = [
        {"id": name, "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for name in ("a", "b")
    ]
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}}
    document = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:,x"}}
    assert sent(
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "u"}, image, document]},
        {"role": "assistant", "content": "t", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "1"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "x"}], "refusal": "no"},
    ) == [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                text("u"),
                {"type": "input_image", "image_url": "https://x/y.png", "detail": "low"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:,x"},
            ],
        },
        {"role": "assistant", "content": "t"},
        call(call_id="a"),
        call(call_id="b"),
        output("1", call_id="a"),
        output([text("2")], call_id="b"),
        {
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "x", "annotations": []},
                {"type": "refusal", "refusal": "no"},
            ],
        },
    ]


def test_settings_are_written_in_the_form_of_responses() -> None:
    parameters = {"type": "object", "properties": {}}
    wanted = {"name": "r", "schema": parameters, "strict": True}
    made = responses_body(
        chat(
            {"role": "user", "content": "u"},
            tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}],
            tool_choice={"type": "function", "function": {"name": "f"}},
            response_format={"type": "json_schema", "json_schema": wanted},
            verbosity="low",
            max_completion_tokens=99,
            max_tokens=7,
            reasoning_effort="high",
            stream=True,
            stream_options={"include_usage": True, "include_obfuscation": False},
            logprobs=True,
            prompt_cache_key="k",
            prompt_cache_options={"mode": "implicit"},
            n=1,
            temperature=None,
        )
    )
    assert made.findings == ()
    assert made.body == {
        "model": "gpt-5.6",
        "input": [user("u")],
        "tools": [{"type": "function", "name": "f", "parameters": parameters, "strict": False}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", **wanted}, "verbosity": "low"},
        "max_output_tokens": 99,
        "reasoning": {"effort": "high"},
        "stream": True,
        "stream_options": {"include_obfuscation": False},
        "include": ["message.output_text.logprobs"],
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "implicit"},
        "store": False,
    }
    assert codes(made.body) == []


def test_custom_tools_and_allowed_tools_are_flat_as_well() -> None:
    grammar = {"syntax": "lark", "definition": "start: /a/"}
    custom = {"name": "g", "format": {"type": "grammar", "grammar": grammar}}
    allowed = {"mode": "auto", "tools": [{"type": "custom", "custom": {"name": "g"}}]}
    asked = {"id": "c", "type": "custom", "custom": {"name": "g", "input": "a"}}
    made = responses_body(
        chat(
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": None, "tool_calls": [asked]},
            {"role": "tool", "tool_call_id": "c", "content": "1"},
            tools=[{"type": "custom", "custom": custom}],
            tool_choice={"type": "allowed_tools", "allowed_tools": allowed},
            store=True,
        )
    ).body
    assert made["tools"] == [
        {"type": "custom", "name": "g", "format": {"type": "grammar", **grammar}}
    ]
    assert made["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "custom", "name": "g"}],
    }
    assert made["input"][1] == {
        "type": "custom_tool_call",
        "call_id": "c",
        "name": "g",
        "input": "a",
    }
    assert made["store"] is True


def test_tools_and_choices_that_are_not_chats_are_left_as_they_are() -> None:
    search = {"type": "web_search"}
    made = responses_body(
        {"messages": [], "tools": [search], "tool_choice": "auto", "response_format": {"type": "x"}}
    )
    assert made.body == {
        "input": [],
        "tools": [search],
        "tool_choice": "auto",
        "text": {"format": {"type": "x"}},
        "store": False,
    }


def test_images_by_their_address_and_messages_without_content_are_taken() -> None:
    image = {"type": "image_url", "image_url": "https://x/y.png"}
    refusal = {"type": "refusal", "refusal": "no"}
    assert sent(
        {"role": "user", "content": [image]},
        {"role": "assistant", "content": [refusal]},
        {"role": "assistant", "content": "t", "refusal": "no"},
        {"role": "assistant", "content": None},
    ) == [
        user({"type": "input_image", "image_url": "https://x/y.png", "detail": "auto"}),
        {"role": "assistant", "content": [refusal]},
        {
            "role": "assistant",
            "content": [{"type": "output_text", "text": "t", "annotations": []}, refusal],
        },
    ]
    assert responses_body(chat({"role": "user", "content": None})).body["input"] == [user("")]


def test_an_old_function_call_is_named_by_its_function() -> None:
    [item] = responses_body(chat({"role": "function", "name": "f", "content": "1"})).body["input"]
    assert item == output("1", call_id="f")


def test_what_has_no_place_is_named() -> None:
    audio = {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}}
    made = responses_body(
        chat(
            {"role": "user", "name": "Ann", "content": [audio, {"type": "text", "text": "u"}]},
            {"role": "assistant", "content": "t", "reasoning_content": "hm"},
            stop=["x"],
            seed=1,
            n=2,
        )
    )
    assert [each.path for each in made.findings] == [
        "messages[0].content[0]",
        "messages[0].name",
        "messages[1].reasoning_content",
        "stop",
        "seed",
        "n",
    ]
    assert {(each.code, each.severity) for each in made.findings} == {("not-carried", "note")}


def test_what_only_the_sdk_does_not_know_may_be_sent_beside() -> None:
    made = responses_body(chat({"role": "user", "content": "u"}, presence_penalty=0.5))
    assert "presence_penalty" not in made.body
    (finding,) = made.findings
    assert (finding.path, "extra_body" in finding.advice) == ("presence_penalty", True)


def part(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_marks_keep_their_places_among_the_items() -> None:
    marked = {"prompt_cache_breakpoint": {**MARK, "ttl": "12h"}}
    made = responses_body(
        chat(
            {"role": "system", "content": [part("s", **marked)]},
            {"role": "assistant", "content": "t"},
            {"role": "user", "content": [part("u"), part("v", **marked)]},
        )
    )
    assert made.moved == {
        "messages[0].content[0]": "input[0].content[0]",
        "messages[2].content[1]": "input[2].content[1]",
    }
    assert made.body["input"][2]["content"][1] == text("v", **marked)
    assert made.findings == ()


def test_a_mark_on_the_assistants_text_moves_to_the_part_before_it() -> None:
    marked = {"prompt_cache_breakpoint": MARK}
    made = responses_body(
        chat(
            {"role": "user", "content": "u"},
            {"role": "assistant", "content": [part("a", **marked), part("b", **marked)]},
        )
    )
    assert made.body["input"][0]["content"] == [text("u", **marked)]
    assert made.moved == {"messages[1].content[1]": "input[0].content[0]"}
    assert [each.code for each in made.findings] == ["mark-moved", "not-carried"]
    alone = responses_body(chat({"role": "assistant", "content": [part("a", **marked)]}))
    assert (alone.moved, [each.code for each in alone.findings]) == ({}, ["not-carried"])


def test_marks_without_a_carrier_are_named() -> None:
    marked = {"prompt_cache_breakpoint": MARK}
    audio = {"type": "input_audio", "input_audio": {"data": "x", "format": "wav"}, **marked}
    tool = {"type": "function", "function": {"name": "f"}, **marked}
    made = responses_body(chat({"role": "user", "content": [audio, part("u")]}, tools=[tool]))
    lost = [each.path for each in made.findings]
    assert "messages[0].content[0].prompt_cache_breakpoint" in lost
    assert "tools[0].prompt_cache_breakpoint" in lost
    assert made.moved == {}
    assert "prompt_cache_breakpoint" not in json.dumps(made.body)


def test_the_chat_body_is_left_as_it_was() -> None:
    given = chat({"role": "user", "content": [part("u")]}, metadata={"a": "b"})
    before = copy.deepcopy(given)
    made = responses_body(given)
    made.body["metadata"]["a"] = "c"
    made.body["input"][0]["content"][0]["text"] = "w"
    assert given == before


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"model": "m"}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": ["x"]}, "messages[0]"),
        ({"messages": [], "tools": {}}, "tools"),
        ({"messages": [{"role": "assistant", "tool_calls": 7}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "bot", "content": "x"}]}, "messages[0].role"),
    ],
)
def test_what_is_no_chat_body_is_refused(given: Any, path: str) -> None:
    with pytest.raises(MessageError) as caught:
        responses_body(given)
    assert caught.value.path == path


def test_a_formatters_request_is_carried_over_whole() -> None:
    formatter = OpenAIChatFormatter(policy="rolling")
    request = formatter.build_request(
        "gpt-5.6",
        [
            Msg.system(LONG),
            Msg.user("u"),
            Msg.assistant([TextBlock("t"), ToolUseBlock("c", "f", {"a": 1})]),
            Msg.tool_result("c", "f", "mild"),
        ],
    )
    made = responses_body(request)
    assert [made.moved[path] for path, _ in request.plan.placed]
    assert [item.get("type", item.get("role")) for item in made.body["input"]] == [
        "system",
        "user",
        "assistant",
        "function_call",
        "function_call_output",
    ]
    assert codes(made.body) == []


# ---------------------------------------------------------------------------------- back to chat

ANSWER: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1.0,
    "status": "completed",
    "model": "gpt-5.6",
    "output": [
        {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [
                {"type": "output_text", "text": "It is "},
                {"type": "output_text", "text": "mild."},
            ],
        },
        call(arguments='{"a":1}'),
    ],
    "usage": {
        "input_tokens": 9,
        "output_tokens": 3,
        "total_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens_details": {"reasoning_tokens": 1},
    },
}


def test_an_answer_is_read_by_the_formatter() -> None:
    reply = OpenAIChatFormatter().parse_response(chat_completion(ANSWER))
    assert (reply.text, reply.finish_reason) == ("It is mild.", "tool_calls")
    assert [each.input for each in reply.tool_calls] == [{"a": 1}]
    assert any(isinstance(each, ThinkingBlock) for each in reply.message.content)
    usage = chat_completion(ANSWER)["usage"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 4, "cache_write_tokens": 2}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 1}


@pytest.mark.parametrize(
    ("reason", "told"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("other", "other")],
)
def test_an_answer_that_is_cut_says_why(reason: str, told: str) -> None:
    answer = {**ANSWER, "status": "incomplete", "incomplete_details": {"reason": reason}}
    assert chat_completion(answer)["choices"][0]["finish_reason"] == told


def test_refusals_custom_calls_and_empty_answers_are_carried_over() -> None:
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}
    custom = {"type": "custom_tool_call", "call_id": "c", "name": "g", "input": "a"}
    message = chat_completion({"output": [refusal, custom]})["choices"][0]["message"]
    assert (message["refusal"], message["content"]) == ("no", None)
    assert message["tool_calls"] == [
        {"id": "c", "type": "custom", "custom": {"name": "g", "input": "a"}}
    ]
    empty = chat_completion({"output": [{"type": "web_search_call"}]})
    assert empty["choices"][0]["message"] == {"role": "assistant", "content": ""}
    assert "usage" not in empty


def test_dashscopes_details_of_the_cache_are_carried_over() -> None:
    details = {"cached_tokens": 0, "cache_creation_input_tokens": 7, "cache_type": "ephemeral"}
    usage = {**ANSWER["usage"], "x_details": [{"prompt_tokens_details": details}]}
    told = chat_completion({**ANSWER, "usage": usage})["usage"]["prompt_tokens_details"]
    assert told["cache_creation_input_tokens"] == 7


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "r", "status": "failed", "error": {"code": "server_error", "message": "Too bad."}},
        [{"type": "error", "code": "server_error", "message": "Too bad.", "param": None}],
        {"type": "error", "code": "server_error", "message": "Too bad."},
    ],
    ids=["failed", "in a stream", "one event"],
)
def test_errors_are_told_as_those_of_chat(answer: Any) -> None:
    told = chat_completion(answer)["error"]
    assert (told["code"], told["message"]) == ("server_error", "Too bad.")


@pytest.mark.parametrize(
    "answer", [[], [{"type": "response.created"}], {"id": "x"}, 7, "x"], ids=str
)
def test_what_holds_no_answer_is_refused(answer: Any) -> None:
    with pytest.raises(MessageError):
        chat_completion(answer)


# --------------------------------------------------------------------------------- conversations


def record(index: int, value: dict[str, Any], response: bytes = b"") -> Record:
    made = Record(index, 0.0, "POST", "/v1/responses", "", (), b"", body=value)
    made.response = response
    return made


def kept(conversations: Conversations, index: int, value: dict[str, Any]) -> str:
    name = f"resp_{index}"
    taken = record(index, value)
    assert conversations.open(taken) is None
    conversations.end(
        taken, {"id": name, "object": "response", "status": "completed", "output": []}
    )
    return name


def test_a_thousand_responses_are_kept_the_latest() -> None:
    conversations = Conversations()
    for index in range(1001):
        kept(conversations, index, body(user("a")))
    assert isinstance(conversations.look("GET", "/v1/responses/resp_0", "openai"), Failure)
    assert isinstance(conversations.look("GET", "/v1/responses/resp_1", "openai"), dict)


def test_input_items_are_listed_the_last_one_first() -> None:
    conversations = Conversations()
    first = kept(conversations, 0, body(user("a")))
    asked = body(
        user("b"),
        {"role": "assistant", "content": "c"},
        output("d"),
        previous_response_id=first,
    )
    second = kept(conversations, 1, asked)
    listed = conversations.look("GET", f"/v1/responses/{second}/input_items", "openai")
    assert isinstance(listed, dict)
    assert [item["type"] for item in listed["data"]] == [
        "function_call_output",
        "message",
        "message",
    ]
    assert listed["data"][1]["content"] == [{"type": "output_text", "text": "c"}]
    assert listed["data"][2]["content"] == [text("b")]
    assert listed["first_id"] == listed["data"][0]["id"]
    prompted = kept(conversations, 2, {"model": "m", "prompt": {"id": "p"}})
    empty = conversations.look("GET", f"/v1/responses/{prompted}/input_items", "openai")
    assert empty == {"object": "list", "data": [], "has_more": False}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/models"), ("POST", "/v1/responses/r/cancel"), ("GET", "/v1/responses/r/x")],
)
def test_other_paths_are_left_to_others(method: str, path: str) -> None:
    assert Conversations().look(method, path, "openai") is None


@pytest.mark.parametrize(
    "sent", [b"", b"{}", b"data: 1\n\n", b'data: {"type":"response.created"}\n\n']
)
def test_an_answer_that_was_cut_off_is_not_kept_again(sent: bytes) -> None:
    conversations = Conversations()
    taken = record(0, body(user("a")), sent)
    assert conversations.open(taken) is None
    conversations.happened(taken)
    assert isinstance(conversations.look("GET", "/v1/responses/resp_0", "openai"), Failure)
