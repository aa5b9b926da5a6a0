"""One `Usage` from any provider: what is read, what is left out and said, and what always holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiremark.errors import MessageError
from wiremark.findings import Finding
from wiremark.usage import COUNTS, Usage
from wiremark.usage.form import PLACES
from wiremark.usage.read import read_stream_usage, read_usage
from wiremark.usage.table import ALIASES, FORMS, MODELS, forms_of, provider_name

DATA = Path(__file__).parent / "data" / "usage.jsonl"
ROWS = [json.loads(line) for line in DATA.read_text().splitlines()]


def counts(usage: Usage) -> dict[str, int | None]:
    return {name: getattr(usage, name) for name in COUNTS}


def codes(usage: Usage) -> list[str]:
    return [finding.code for finding in usage.findings]


def some(**given: int) -> dict[str, int | None]:
    return {name: given.get(name) for name in COUNTS}


def objects(value: Any) -> Any:
    """Return the same data as objects with attributes, as an SDK would give it."""
    if isinstance(value, dict):
        return SimpleNamespace(**{key: objects(item) for key, item in value.items()})
    return [objects(item) for item in value] if isinstance(value, list) else value


# ------------------------------------------------------------------------ forms, one after another


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
class TestEveryKnownForm:
    def test_its_counts_are_read(self, row):
        usage = read_usage(row["payload"], row["provider"])
        assert counts(usage) == row["expected"]
        assert usage.protocol == row["protocol"]
        assert codes(usage) == row["findings"]

    def test_objects_text_and_bytes_read_like_dicts(self, row):
        usage = read_usage(row["payload"], row["provider"])
        text = json.dumps(row["payload"])
        assert read_usage(text, row["provider"]) == usage
        assert read_usage(text.encode(), row["provider"]) == usage
        assert counts(read_usage(objects(row["payload"]), row["provider"])) == counts(usage)

    def test_it_is_the_last_chunk_of_a_stream_too(self, row):
        chunks = [{"choices": []}, row["payload"], "[DONE]"]
        assert counts(read_stream_usage(chunks, row["provider"])) == row["expected"]

    def test_a_repeated_chunk_is_not_summed(self, row):
        chunks = [row["payload"], row["payload"]]
        assert counts(read_stream_usage(chunks, row["provider"])) == row["expected"]

    def test_reading_leaves_the_payload_as_it_was(self, row):
        before = json.dumps(row["payload"])
        read_usage(row["payload"], row["provider"])
        assert json.dumps(row["payload"]) == before

    def test_it_survives_a_dict(self, row):
        usage = read_usage(row["payload"], row["provider"])
        assert Usage.from_dict(json.loads(json.dumps(usage.to_dict()))) == usage


def test_the_examples_cover_every_form_of_the_table():
    assert {row["protocol"] for row in ROWS} >= {form.name for form in FORMS} - {"tokens"}


def test_every_form_has_a_source_a_date_and_readable_paths():
    for form in FORMS:
        assert form.source.startswith("https://"), form.name
        assert form.read >= "2026-09-01", form.name
        assert all(count in COUNTS for count, _ in form.more), form.name
        assert all(path and ".." not in path for path in form.paths), form.name
        assert form.places, form.name
        assert not form.sole or form.providers, form.name


def test_a_bare_pair_of_counts_is_read_without_naming_a_provider():
    usage = read_usage({"input_tokens": 5, "output_tokens": 3})
    assert counts(usage) == some(input=5, output=3)
    assert (usage.protocol, usage.provider) == ("tokens", None)


@pytest.mark.parametrize("place", PLACES)
def test_the_usage_object_is_found_wherever_it_stands(place):
    payload: Any = {"prompt_tokens": 10, "completion_tokens": 2}
    for name in reversed(place.split(".") if place else []):
        payload = {name: payload}
    assert counts(read_usage(payload)) == some(input=10, output=2)


@pytest.mark.parametrize("place", MODELS)
def test_the_model_is_found_wherever_it_stands(place):
    payload: Any = "qwen-plus"
    for name in reversed(place.split(".")):
        payload = {name: payload}
    assert read_usage({**payload, "usage": {"prompt_tokens": 1}}).model == "qwen-plus"


# -------------------------------------------------------------------------------------- providers


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("qwen", "dashscope"),
        ("Model Studio", "dashscope"),
        ("KIMI", "moonshot"),
        ("moonshot", "moonshot"),
        ("zhipu", "zhipu"),
        ("glm", "zhipu"),
        ("z.ai", "zhipu"),
        ("aws.bedrock", "bedrock"),
        ("bedrock", "bedrock"),
        ("gemini", "google"),
        ("google", "google"),
        ("x_ai", "xai"),
        ("mistral_ai", "mistral"),
        ("nobody", None),
        ("", None),
    ],
)
def test_providers_have_other_names(name, wanted):
    assert provider_name(name) == wanted


def test_every_alias_means_a_provider_of_the_table():
    assert all(provider_name(alias) == name for alias, name in ALIASES.items())
    assert all(forms_of(name) for name in ALIASES.values())


def test_an_unknown_provider_is_told_and_the_shape_decides():
    usage = read_usage({"usage": {"prompt_tokens": 10}}, provider="nobody")
    assert counts(usage) == some(input=10)
    assert codes(usage) == ["usage-provider-unknown"]
    assert usage.provider is None


def test_a_form_that_the_provider_does_not_speak_is_read_and_told():
    usage = read_usage({"promptTokenCount": 10}, provider="groq")
    assert counts(usage) == some(input=10)
    assert codes(usage) == ["usage-form-unexpected"]
    assert usage.provider == "groq"


def test_a_provider_settles_what_the_shape_leaves_open():
    payload = {"usage": {"input_tokens": 10, "output_tokens": 2}}
    assert read_usage(payload, "anthropic").protocol == "anthropic-messages"
    assert read_usage(payload, "qwen").protocol == "dashscope-native"
    assert read_usage(payload, "xai").protocol == "openai-responses"


def test_only_a_form_of_one_provider_names_it():
    assert read_usage({"usageMetadata": {"promptTokenCount": 1}}).provider == "google"
    assert read_usage({"usage": {"prompt_tokens": 1}}).provider is None


def test_named_xai_reasoning_is_added_without_a_total():
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 3}}
    assert read_usage({"usage": usage}, "xai").output == 8
    assert read_usage({"usage": usage}, "openai").output == 5


def test_reasoning_that_a_gateway_added_is_not_added_again():
    usage = {"prompt_tokens": 10, "completion_tokens": 8, "total_tokens": 18}
    usage |= {"completion_tokens_details": {"reasoning_tokens": 3}}
    assert read_usage({"usage": usage}, "xai").output == 8


# ------------------------------------------------------------------- what is missing, null or wrong


@pytest.mark.parametrize("details", [{}, None, {"audio_tokens": 0}, {"cached_tokens": None}])
def test_details_without_the_cache_field_report_nothing(details):
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": details}
    assert counts(read_usage({"usage": usage})) == some(input=10, output=5)


def test_zero_is_reported():
    usage = {"input_tokens": 10, "output_tokens": 5, "prompt_tokens_details": {"cached_tokens": 0}}
    assert read_usage({"usage": usage}).cache_read == 0
    assert read_usage({"usage": usage}).hit_rate == 0


@pytest.mark.parametrize("value", ["12", " 12 ", 12, 12.0])
def test_a_whole_number_is_read_also_from_text_and_float(value):
    usage = read_usage({"usage": {"prompt_tokens": value, "completion_tokens": 1}})
    assert usage.input == 12
    assert type(usage.input) is int
    assert codes(usage) == []


@pytest.mark.parametrize(
    "value",
    [-1, 1.5, True, math.nan, math.inf, "", "twelve", "1.5", "-3", "²", "9" * 5000, [], {}, 2**60],
)
def test_what_is_no_count_is_left_out_and_named(value):
    usage = read_usage({"usage": {"prompt_tokens": value, "completion_tokens": 1}})
    assert counts(usage) == some(output=1)
    (finding,) = usage.findings
    assert (finding.code, finding.severity) == ("usage-unreadable", "note")
    assert finding.path == "usage.prompt_tokens"
    assert finding.advice


def test_details_of_another_kind_are_left_out_and_named_once():
    usage = read_usage({"usage": {"prompt_tokens": 10, "prompt_tokens_details": "none"}})
    assert counts(usage) == some(input=10)
    assert [finding.path for finding in usage.findings] == ["usage.prompt_tokens_details"]


def test_content_that_is_no_data_does_not_hide_the_counts():
    payload = SimpleNamespace(
        content=[object(), len], usage=SimpleNamespace(prompt_tokens=10, extra=len)
    )
    assert counts(read_usage(payload)) == some(input=10)


def test_a_count_that_is_no_data_is_left_out_and_named():
    usage = read_usage({"usage": {"prompt_tokens": 10, "completion_tokens": len}})
    assert counts(usage) == some(input=10)
    assert [finding.path for finding in usage.findings] == ["usage.completion_tokens"]


def test_a_property_that_raises_counts_as_absent():
    class Response:
        def __init__(self) -> None:
            self.usage = {"prompt_tokens": 10}

        @property
        def message(self) -> None:
            raise RuntimeError("not parsed yet")

    assert read_usage(Response()).input == 10


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"choices": []}, {"usage": None}, "null", [], "[]", SimpleNamespace(), {"usage": 3}],
)
def test_no_usage_at_all_is_told(payload):
    usage = read_usage(payload)
    assert not usage.reported
    assert codes(usage) == ["usage-absent"]


@pytest.mark.parametrize("payload", [12, 1.5, True, "no JSON", "12", b"\xff", len, int, ""])
def test_what_is_no_data_raises(payload):
    with pytest.raises(MessageError):
        read_usage(payload)


def test_a_usage_is_returned_as_it_is_also_inside_a_reply():
    usage = Usage(input=10)
    assert read_usage(usage) is usage
    assert read_usage(SimpleNamespace(usage=usage)) is usage
    assert Usage.from_response(usage) is usage
    assert read_stream_usage([SimpleNamespace(usage=usage)]) is usage


def test_counts_that_disagree_give_the_larger_and_say_so():
    usage = read_usage(
        {"usage": {"prompt_tokens": 100, "num_cached_tokens": 9, "cached_tokens": 60}}
    )
    assert usage.cache_read == 60
    assert codes(usage) == ["usage-disagrees"]


def test_a_write_below_its_parts_is_the_sum_of_the_parts():
    parts = {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 200}
    payload = {"input_tokens": 1, "cache_creation_input_tokens": 10, "cache_creation": parts}
    usage = read_usage(payload)
    assert counts(usage) == some(input=501, cache_write=500, cache_write_5m=300, cache_write_1h=200)
    assert codes(usage) == ["usage-disagrees"]


def test_writes_of_other_lifetimes_count_as_written():
    details = {"cache_write_tokens_details": {"ttl_30m_tokens": 300, "ttl_12h_tokens": 0}}
    usage = read_usage({"usage": {"input_tokens": 400, "input_tokens_details": details}})
    assert counts(usage) == some(input=400, cache_write=300)


# ------------------------------------------------------------------------------------------ streams


def sse(*events: dict[str, Any]) -> str:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"


def start(**usage: Any) -> dict[str, Any]:
    return {"type": "message_start", "message": {"model": "claude-sonnet-5", "usage": usage}}


def delta(**usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}


def test_anthropic_counts_of_start_and_delta_are_joined():
    usage = read_stream_usage(
        [
            start(
                input_tokens=25,
                output_tokens=1,
                cache_read_input_tokens=100,
                cache_creation_input_tokens=7,
                cache_creation={"ephemeral_5m_input_tokens": 7, "ephemeral_1h_input_tokens": 0},
            ),
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}},
            delta(output_tokens=10),
            delta(output_tokens=15),
            {"type": "message_stop"},
        ]
    )
    assert counts(usage) == some(
        input=132, output=15, cache_read=100, cache_write=7, cache_write_5m=7, cache_write_1h=0
    )
    assert (usage.protocol, usage.model) == ("anthropic-messages", "claude-sonnet-5")


def test_dashscopes_anthropic_form_has_its_cache_counts_in_the_delta():
    usage = read_stream_usage(
        [
            start(input_tokens=0, output_tokens=0),
            delta(
                input_tokens=13,
                output_tokens=20,
                cache_read_input_tokens=1605,
                cache_creation_input_tokens=0,
            ),
        ],
        "qwen",
    )
    assert counts(usage) == some(input=1618, output=20, cache_read=1605, cache_write=0)


def test_a_delta_replaces_the_input_and_the_writes_of_the_start():
    parts = {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}
    usage = read_stream_usage(
        [
            start(
                input_tokens=900,
                output_tokens=1,
                cache_creation_input_tokens=0,
                cache_creation=parts,
            ),
            delta(input_tokens=20, output_tokens=5, cache_creation_input_tokens=880),
        ]
    )
    assert counts(usage) == some(input=900, output=5, cache_write=880)
    assert codes(usage) == []


def test_null_in_a_delta_replaces_nothing():
    usage = read_stream_usage(
        [
            start(input_tokens=25, output_tokens=1, cache_read_input_tokens=100),
            delta(output_tokens=15, input_tokens=None, cache_read_input_tokens=None),
        ]
    )
    assert counts(usage) == some(input=125, output=15, cache_read=100)


def test_a_second_message_begins_anew():
    first = [start(input_tokens=25, cache_read_input_tokens=100), delta(output_tokens=15)]
    second = [start(input_tokens=3), delta(output_tokens=2)]
    assert counts(read_stream_usage([*first, *second])) == some(input=3, output=2)


def test_cumulative_usage_in_every_chunk_is_taken_from_the_last():
    chunks = [
        {"output": {}, "usage": {"input_tokens": 16, "output_tokens": count, "total_tokens": total}}
        for count, total in [(3, 19), (30, 46), (53, 69)]
    ]
    assert counts(read_stream_usage(chunks)) == some(input=16, output=53)


def test_the_last_chunk_of_a_chat_stream_has_the_usage():
    chunk = {"object": "chat.completion.chunk", "model": "gpt-4o", "usage": None}
    chunks = [
        {**chunk, "choices": [{"delta": {"content": "hi"}}]},
        {**chunk, "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
    ]
    for form in (chunks, objects(chunks), [json.dumps(item) for item in chunks], iter(chunks)):
        usage = read_stream_usage(form)
        assert counts(usage) == some(input=10, output=2)
        assert usage.model == "gpt-4o"


def test_a_field_that_the_last_chunk_leaves_out_keeps_its_value():
    chunks = [
        {"usageMetadata": {"promptTokenCount": 30, "cachedContentTokenCount": 20}},
        {"usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 4}},
    ]
    assert counts(read_stream_usage(chunks)) == some(input=30, output=4, cache_read=20)


def test_ollama_counts_when_it_is_done():
    chunks = [
        {"model": "qwen3", "message": {"content": "hi"}, "done": False},
        {"model": "qwen3", "done": True, "prompt_eval_count": 26, "eval_count": 2},
    ]
    assert counts(read_stream_usage(chunks)) == some(input=26, output=2)


def test_a_captured_stream_is_read_as_text_and_as_bytes():
    text = sse({"choices": [{}]}, {"choices": [], "usage": {"prompt_tokens": 10}})
    wanted = some(input=10)
    assert counts(read_usage(text)) == wanted
    assert counts(read_usage(text.encode())) == wanted
    assert counts(read_stream_usage(text)) == wanted
    assert counts(read_usage(json.dumps([{"usage": {"prompt_tokens": 10}}]))) == wanted


def test_a_chunk_that_is_no_data_raises_with_its_place():
    with pytest.raises(MessageError) as caught:
        read_stream_usage([{}, 12])
    assert caught.value.path == "chunks[1]"


@pytest.mark.parametrize("chunks", [[], [{}], ["", "[DONE]"], [": keep-alive"]])
def test_a_stream_without_usage_says_so(chunks):
    assert codes(read_stream_usage(chunks)) == ["usage-absent"]


# ---------------------------------------------------------------------------------------- the value


def test_rates_and_remainders():
    usage = Usage(input=1000, output=10, cache_read=600, cache_write=300)
    assert (usage.hit_rate, usage.uncached, usage.total) == (0.6, 100, 1010)
    assert Usage(input=0, cache_read=0).hit_rate is None
    assert Usage(input=10).hit_rate is None
    assert (Usage().uncached, Usage(input=1).total) == (None, None)


def test_fields_of_a_newer_version_are_left_out():
    assert Usage.from_dict({"input": 3, "cache_write_12h": 4}) == Usage(input=3)


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"input": -1}, "usage.input"),
        ({"output": "12"}, "usage.output"),
        ({"cache_read": True}, "usage.cache_read"),
        ({"cache_write": 1.0}, "usage.cache_write"),
        ({"model": 3}, "usage.model"),
        ({"findings": "x"}, "usage.findings"),
        ({"findings": [3]}, "usage.findings"),
        ({"findings": [{"code": 3}]}, "usage.findings.code"),
    ],
)
def test_a_dict_that_is_no_usage_is_refused(data, path):
    with pytest.raises(MessageError) as caught:
        Usage.from_dict(data)
    assert caught.value.path == path


def test_a_usage_with_all_it_may_hold_survives_a_dict():
    finding = Finding("usage-unreadable", "note", "usage.x", "no count", "read it", "text")
    usage = Usage(
        input=9,
        output=1,
        cache_read=0,
        provider="dashscope",
        protocol="dashscope-native",
        model="qwen-plus",
        findings=(finding,),
    )
    assert Usage.from_dict(json.loads(json.dumps(usage.to_dict()))) == usage


# ---------------------------------------------------------------------------------------- telemetry

FULL = Usage(
    input=1000,
    output=50,
    cache_read=600,
    cache_write=0,
    reasoning=20,
    provider="bedrock",
    model="claude-sonnet-5",
)


def test_opentelemetry_attributes_bear_the_conventions_names():
    from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as names

    assert FULL.to_otel(conversation_id="c1") == {
        names.GEN_AI_USAGE_INPUT_TOKENS: 1000,
        names.GEN_AI_USAGE_OUTPUT_TOKENS: 50,
        names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 600,
        names.GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: 0,
        names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 20,
        names.GEN_AI_RESPONSE_MODEL: "claude-sonnet-5",
        names.GEN_AI_PROVIDER_NAME: "aws.bedrock",
        names.GEN_AI_CONVERSATION_ID: "c1",
    }


def test_openinference_attributes_bear_the_conventions_names():
    assert FULL.to_openinference(session_id="s1") == {
        "llm.token_count.prompt": 1000,
        "llm.token_count.completion": 50,
        "llm.token_count.total": 1050,
        "llm.token_count.prompt_details.cache_read": 600,
        "llm.token_count.prompt_details.cache_write": 0,
        "llm.token_count.completion_details.reasoning": 20,
        "llm.model_name": "claude-sonnet-5",
        "llm.provider": "aws",
        "session.id": "s1",
    }


def test_what_is_not_reported_has_no_attribute():
    assert Usage().to_otel() == Usage().to_openinference() == {}
    assert Usage(input=3).to_otel() == {"gen_ai.usage.input_tokens": 3}
    assert Usage(input=3).to_openinference() == {"llm.token_count.prompt": 3}


@pytest.mark.parametrize(
    ("provider", "otel"),
    [
        ("openai", "openai"),
        ("anthropic", "anthropic"),
        ("google", "gcp.gen_ai"),
        ("xai", "x_ai"),
        ("mistral", "mistral_ai"),
        ("deepseek", "deepseek"),
        ("dashscope", "dashscope"),
    ],
)
def test_providers_bear_the_conventions_words(provider, otel):
    assert Usage(provider=provider).to_otel() == {"gen_ai.provider.name": otel}


# --------------------------------------------------------------------------------------- properties

NAMES = sorted(
    {word for form in FORMS for path in form.paths for word in path.replace("+", ".").split(".")}
    | {word for form in FORMS for place in form.places for word in place.split(".") if word}
    | {"type", "output", "model", "x"}
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**7)
    | st.floats()
    | st.sampled_from(["12", "x", "", "5m", "message_start"])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([name.split("[")[0] for name in NAMES]), inner, max_size=6
        )
    ),
    max_leaves=25,
)
PAYLOADS = st.dictionaries(
    st.sampled_from(["usage", "usageMetadata", "usage_metadata", "message", "meta", *NAMES]),
    VALUES,
    max_size=6,
)


@st.composite
def reports(draw: st.DrawFn) -> tuple[dict[str, Any], str | None]:
    """A usage object of one form, with any numbers at its paths."""
    form = draw(st.sampled_from(FORMS))
    values: dict[str, Any] = {}
    for path in draw(st.lists(st.sampled_from(form.paths), min_size=1, unique=True)):
        if "[" in path or "+" in path:
            continue
        *steps, last = path.split(".")
        target = values
        for step in steps:
            target = target.setdefault(step, {})
            if not isinstance(target, dict):
                break
        else:
            target[last] = draw(st.integers(0, 10**6))
    provider = draw(st.sampled_from((None, *form.providers)))
    return {form.places[0] or "usage": values}, provider


def holds(usage: Usage) -> None:
    for name in COUNTS:
        count = getattr(usage, name)
        assert count is None or (type(count) is int and count >= 0)
    assert usage.hit_rate is None or 0 <= usage.hit_rate <= 1
    if usage.input is not None:
        assert usage.input >= (usage.cache_read or 0) + (usage.cache_write or 0)
        assert usage.uncached == usage.input - (usage.cache_read or 0) - (usage.cache_write or 0)
    if None not in (usage.cache_write, usage.cache_write_5m, usage.cache_write_1h):
        assert usage.cache_write >= usage.cache_write_5m + usage.cache_write_1h
    if None not in (usage.output, usage.reasoning):
        assert usage.output >= usage.reasoning
    assert Usage.from_dict(usage.to_dict()) == usage
    assert json.dumps([usage.to_dict(), usage.to_otel(), usage.to_openinference()])


@settings(max_examples=300)
@given(PAYLOADS, st.sampled_from([None, "anthropic", "openai", "qwen", "gemini", "aws", "nobody"]))
def test_any_json_is_read_and_holds_together(payload, provider):
    holds(read_usage(payload, provider))


@settings(max_examples=300)
@given(reports())
def test_any_numbers_of_any_form_hold_together(report):
    payload, provider = report
    holds(read_usage(payload, provider))


@given(st.lists(PAYLOADS, max_size=4))
def test_any_stream_is_read_and_holds_together(chunks):
    holds(read_stream_usage(chunks))


@given(VALUES | st.text() | st.binary())
def test_only_what_is_no_data_raises(payload):
    try:
        holds(read_usage(payload))
    except MessageError:
        assert not isinstance(payload, dict)


@given(PAYLOADS.filter(lambda payload: payload.get("type") != "message_start"))
def test_a_stream_of_one_chunk_reads_like_the_chunk(payload):
    assert counts(read_stream_usage([payload, payload])) == counts(read_usage(payload))


def test_the_cached_part_at_a_stream_s_end_is_not_counted_twice() -> None:
    # DashScope's Messages endpoint, https://github.com/jeremychone/rust-genai/pull/258
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 3602}}}
    end = {"type": "message_delta", "usage": {"cache_read_input_tokens": 3604, "output_tokens": 9}}
    found = read_stream_usage([start, end])
    assert (found.input, found.cache_read, found.output) == (3604, 3604, 9)


def test_an_end_without_input_keeps_the_counts_of_the_start() -> None:
    counts = {"input_tokens": 25, "cache_read_input_tokens": 5}
    start = {"type": "message_start", "message": {"usage": counts}}
    end = {"type": "message_delta", "usage": {"input_tokens": 0, "output_tokens": 15}}
    found = read_stream_usage([start, end])
    assert (found.input, found.cache_read, found.output) == (30, 5, 15)
