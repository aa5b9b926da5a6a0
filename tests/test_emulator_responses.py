"""The Responses API of the emulator, as the released openai SDK speaks to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from wiremark import Msg, OpenAIChatFormatter, ToolSchema
from wiremark.integrations.openai_responses import chat_completion, responses_body
from wiremark.sse import read_events
from wiremark.usage import Usage

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")
pytest.importorskip("openai")

import httpx
import openai
import pydantic

from wiremark.emulator import Emulator, VirtualClock

pytestmark = pytest.mark.sdk

SESSION = {"x-dashscope-session-cache": "enable"}
LONG = "You plan trips. " * 400
TOOLS = [
    ToolSchema(
        name="weather",
        description="The weather in a city.",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}},
    )
]
SCENARIO: list[Any] = [
    {"calls": [{"name": "weather", "arguments": {"city": city}} for city in ("Köln", "Paris")]},
    {"calls": [{"name": "weather", "arguments": {"city": "Rome"}}], "thinking": "One more."},
    {"text": "Wrap up warm."},
]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Iterator[Emulator]:
    running.reset()
    yield running
    assert running.state.problems == []


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Any]:
    with client_of(emulator) as found:
        yield found


def client_of(emulator: Emulator, base: str = "/v1", **more: Any) -> Any:
    return openai.OpenAI(
        base_url=f"{emulator.url}{base}", api_key="sk-secret", max_retries=0, timeout=10, **more
    )


def ask(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5.6", "input": text, **more}


# ------------------------------------------------------------------------------- the agent loop

Send = Callable[[dict[str, Any]], Any]


def loop(emulator: Emulator, send: Send, *, stream: bool) -> list[Usage]:
    """Run an agent until it calls no tool; return the usage that each answer reports."""
    formatter = OpenAIChatFormatter(policy="rolling")
    messages = [Msg.system(LONG), Msg.user("Where is it warm?")]
    seen: list[Usage] = []
    for _ in range(5):
        request = formatter.build_request(
            "gpt-5.6", messages, tools=TOOLS, stream=stream, validate=True
        )
        sent = responses_body(request)
        assert not [each for each in sent.findings if each.code == "mark-lost"]
        answer = send(sent.body)
        arrived = {path: value for path, _, value in emulator.requests[-1].marks}
        planned = {sent.moved[path]: mark for path, mark in request.plan.placed}
        assert arrived == planned
        assert planned
        reply = formatter.parse_response(chat_completion(answer))
        seen.append(Usage.from_response(answer))
        messages.append(reply.message)
        if not reply.tool_calls:
            assert reply.text == "Wrap up warm."
            return seen
        messages += [Msg.tool_result(each.id, each.name, "mild") for each in reply.tool_calls]
    raise AssertionError("the loop did not end")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_a_loop_with_parallel_tools_hits_from_the_second_request_on(
    emulator: Emulator, client: Any, stream: bool
) -> None:
    emulator.reset(SCENARIO)

    def send(body: dict[str, Any]) -> Any:
        answer = client.responses.create(**body)
        return list(answer) if stream else answer

    seen = loop(emulator, send, stream=stream)
    assert len(seen) == len(emulator.requests) == 3
    before = 0
    for usage, record in zip(seen, emulator.requests, strict=True):
        predicted = record.predicted
        assert predicted is not None
        assert (usage.input, usage.cache_read) == (predicted.input, predicted.read)
        assert usage.cache_write == predicted.written
        assert usage.cache_read == before
        assert not [each for each in record.findings if each.severity == "error"]
        before = int(predicted.read + predicted.written)
    assert before > 1500
    assert "secret" not in json.dumps([record.to_dict() for record in emulator.requests])


def test_asynchronous_clients_are_answered_alike(emulator: Emulator) -> None:
    body = ask(input=[{"role": "system", "content": LONG}, {"role": "user", "content": "x"}])

    async def run() -> list[Usage]:
        async with openai.AsyncOpenAI(
            base_url=f"{emulator.url}/v1", api_key="k", max_retries=0, timeout=10
        ) as client:
            first = await client.responses.create(**body)
            events = [each async for each in await client.responses.create(**body, stream=True)]
            assert chat_completion(events)["choices"][0]["message"]["content"] == "x"
            return [Usage.from_response(first), Usage.from_response(events)]

    first, second = asyncio.run(run())
    assert first.cache_write
    assert second.cache_read == first.cache_write


# ------------------------------------------------------------------------------------ one answer


def test_the_events_of_a_stream_come_in_the_providers_order(
    emulator: Emulator, client: Any
) -> None:
    emulator.reset([{"text": "Hi.", "thinking": "Hm.", "calls": [{"name": "f"}]}])
    events = list(client.responses.create(**ask(stream=True)))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type.removeprefix("response.") for event in events] == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    whole = events[-1].response
    items = [event.item for event in events if event.type.endswith("item.done")]
    assert [item.to_dict() for item in whole.output] == [item.to_dict() for item in items]
    assert whole.status == "completed"
    assert whole.usage.output_tokens_details.reasoning_tokens > 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_every_object_holds_what_the_sdks_types_require(
    emulator: Emulator, client: Any, stream: bool
) -> None:
    from openai.types.responses import Response, ResponseStreamEvent
    from pydantic import TypeAdapter

    emulator.reset([{"text": "Hi.", "thinking": "Hm.", "calls": [{"name": "f"}]}])
    answer = client.responses.create(**ask(stream=stream))
    assert not stream or list(answer)
    raw = emulator.requests[-1].response.decode()
    if stream:
        for event in raw.split("\n\n"):
            if event:
                data = event.partition("data: ")[2]
                TypeAdapter(ResponseStreamEvent).validate_json(data, strict=True)
    else:
        Response.model_validate_json(raw, strict=True)


# What was recorded and is not emulated, and the other way round, each with its reason.
RECORDED_ONLY = {
    "billing": "who pays is not in the SDK's types",
    "tool_usage": "no tool is run",
    "tools": "OpenAI repeats tools with what it fills in",
    "reasoning.context": "by model",
    "reasoning.mode": "by model",
    "output[message].phase": "by model",
    "output[message].content[output_text].annotations[url_citation]": "no search is made",
    "output[function_call].namespace": "no tool of a namespace is called",
    "output[web_search_call]": "no search is made",
    "output[tool_search_call]": "no search is made",
    "output[tool_search_output]": "no search is made",
    "content_filters": "DeepSeek's alone",
}
EMULATED_ONLY = {
    "moderation": "not yet in the oldest recording",
    "output[reasoning].summary[summary_text]": "OpenAI tells it only if asked to",
    "usage.input_tokens_details.cache_write_tokens": "not yet in the oldest recording",
    "usage.input_tokens_details.cache_write_tokens_details": "in the SDK's types since",
    "tools": "OpenAI repeats tools with what it fills in",
    "name": "of the call, in the SDK's types: response.function_call_arguments.done",
}


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each key; items of a list are told apart by their type."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield (inner := f"{path}.{key}" if path else key)
            yield from paths(each, inner)
    elif isinstance(value, list):
        for each in value:
            kind = each.get("type", "") if isinstance(each, dict) else ""
            yield (inner := f"{path}[{kind}]")
            yield from paths(each, inner)


def differences(recorded: Any, emulated: Any, used: set[str]) -> list[str]:
    """Return the keys that only one has and is not allowed to."""
    one, other = set(paths(recorded)), set(paths(emulated))
    told = []
    for own, allowed, who in (
        (one - other, RECORDED_ONLY, "recorded"),
        (other - one, EMULATED_ONLY, "emulated"),
    ):
        for path in sorted(own):
            inside = {each for each in allowed if f"{path}.".startswith((f"{each}.", f"{each}["))}
            used |= {f"{who} {each}" for each in inside}
            if not inside:
                told.append(f"{who} only: {path}")
    return told


def as_reply(output: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a scenario's reply that says what was recorded."""
    said: dict[str, Any] = {"text": "", "thinking": "", "calls": []}
    for item in output:
        if item["type"] == "message":
            said["text"] += item["content"][0]["text"]
        elif item["type"] == "reasoning":
            told = [*item["summary"], *(item.get("content") or [])]
            said["thinking"] += "".join(part["text"] for part in told) or "hm"
        elif item["type"] == "function_call":
            call = {"name": item["name"], "arguments": item["arguments"], "id": item["call_id"]}
            said["calls"].append(call)
    return said


def plain(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event with its response or its item as if they were an answer."""
    rest = {key: value for key, value in event.items() if key not in ("response", "item")}
    item = {"output": [event["item"]]} if "item" in event else {}
    return {**rest, **event.get("response", {}), **item}


def step(event: dict[str, Any]) -> tuple[str, str]:
    return event.get("type", ""), event.get("item", {}).get("type", "")


def events_in(raw: str) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in read_events(raw)]


def test_answers_have_the_shape_that_was_recorded(emulator: Emulator, shared_dir: Path) -> None:
    used: set[str] = set()
    told, compared = [], 0
    for line in (shared_dir / "real" / "exchanges.jsonl").read_text().splitlines():
        row = json.loads(line)
        if not row["path"].endswith("/responses"):
            continue
        recorded = events_in(row["response"]) if row["stream"] else [row["response"]]
        emulator.reset([as_reply((recorded[-1].get("response") or recorded[-1])["output"])])
        url, host = f"{emulator.url}/v1/responses", {"x-wiremark-host": row["host"]}
        answer = httpx.post(url, json=row["request"], headers=host)
        assert answer.status_code == 200, answer.text
        emulated = events_in(answer.text) if row["stream"] else [answer.json()]
        in_order = [[each for each, _ in groupby(map(step, sent))] for sent in (recorded, emulated)]
        assert in_order[0] == in_order[1]
        mine = {step(event): plain(event) for event in emulated}
        for event in recorded:
            found = differences(plain(event), mine[step(event)], used)
            told += [f"{row['id']} {step(event)} {each}" for each in found]
        compared += 1
    assert told == []
    assert compared >= 14
    allowed = {f"recorded {each}" for each in RECORDED_ONLY}
    assert used == allowed | {f"emulated {each}" for each in EMULATED_ONLY}


def test_the_sdks_own_stream_helper_gathers_the_answer(emulator: Emulator, client: Any) -> None:
    emulator.reset([{"text": "It is warm in Rome.", "thinking": "Hm."}])
    with client.responses.stream(model="gpt-5.6", input="Where?") as stream:
        deltas = [each.delta for each in stream if each.type == "response.output_text.delta"]
        answer = stream.get_final_response()
    assert len(deltas) > 1
    assert "".join(deltas) == answer.output_text == "It is warm in Rome."


class Advice(pydantic.BaseModel):
    """What a structured answer says."""

    clothes: list[str]
    warm: bool


class Weather(pydantic.BaseModel):
    """The arguments of a tool."""

    city: str


ADVICE = '{"clothes": ["a coat"], "warm": false}'


def test_structured_answers_and_calls_are_parsed_by_the_sdk(
    emulator: Emulator, client: Any
) -> None:
    calls = [{"name": "Weather", "arguments": {"city": city}} for city in ("Köln", "Paris")]
    emulator.reset([{"text": ADVICE, "calls": calls, "thinking": "Hm."}] * 2)
    asked = ask(text_format=Advice, tools=[openai.pydantic_function_tool(Weather)])
    answer = client.responses.parse(**asked)
    with client.responses.stream(**asked) as stream:
        events = list(stream)
        streamed = stream.get_final_response()
    for each in (answer, streamed):
        assert each.output_parsed == Advice(clothes=["a coat"], warm=False)
        cities = [item.parsed_arguments.city for item in each.output if "call" in item.type]
        assert cities == ["Köln", "Paris"]
    done = [each for each in events if each.type == "response.output_text.done"]
    assert [each.parsed for each in done] == [answer.output_parsed]
    text_format = emulator.requests[0].body["text"]["format"]
    assert answer.to_dict()["text"]["format"] == text_format
    assert answer.text.verbosity == "medium", "what is not set of an object has its usual value"


def test_the_asynchronous_stream_helper_gathers_the_answer(emulator: Emulator) -> None:
    emulator.reset([{"text": ADVICE, "calls": [{"name": "f", "arguments": {}}]}])

    async def gather() -> Any:
        async with (
            openai.AsyncOpenAI(base_url=f"{emulator.url}/v1", api_key="k") as client,
            client.responses.stream(**ask(text_format=Advice)) as stream,
        ):
            kinds = [each.type async for each in stream]
            return kinds, await stream.get_final_response()

    kinds, answer = asyncio.run(gather())
    assert kinds[-1] == "response.completed"
    assert (answer.output_parsed.warm, answer.output[1].name) == (False, "f")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_an_answer_that_is_cut_short_says_why(
    emulator: Emulator, client: Any, stream: bool
) -> None:
    emulator.reset([{"text": "It is", "finish": "length"}, {"text": "warm."}])
    answer = client.responses.create(**ask(stream=stream))
    if stream:
        last = list(answer)[-1]
        assert last.type == "response.incomplete"
        answer = last.response
    assert (answer.status, answer.output[0].status) == ("incomplete", "incomplete")
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage.output_tokens > 0
    more = client.responses.create(**ask("Go on", previous_response_id=answer.id))
    assert more.output_text == "warm.", "what was cut short is kept"


def test_dashscope_tells_only_what_is_set_and_its_status_in_each_event(emulator: Emulator) -> None:
    client = openai.OpenAI(base_url=f"{emulator.url}/compatible-mode/v1", api_key="k")
    asked = ask(model="qwen-plus", instructions="Be brief.")
    assert client.responses.create(**asked).output_text == "hi"
    told = json.loads(emulator.requests[-1].response)
    assert None not in told.values()
    assert "truncation" not in told
    assert told["instructions"] == "Be brief."
    assert list(client.responses.create(**asked, stream=True))[-1].type == "response.completed"
    sent = read_events(emulator.requests[-1].response)
    assert {event.status for event in sent} == {200}
    assert [event.id for event in sent] == [str(n + 1) for n in range(len(sent))]
    assert sent[-1].name == "response.completed"


def test_deepseek_tells_thoughts_whole_and_nothing_of_what_it_writes() -> None:
    with Emulator([{"text": "Hi.", "thinking": "Hm."}] * 2, as_="api.deepseek.com") as emulator:
        client = openai.OpenAI(base_url=f"{emulator.url}/v1", api_key="k")
        answer = client.responses.create(model="deepseek-v4-flash", input="x")
        assert (answer.output[0].content[0].text, answer.output[0].summary) == ("Hm.", [])
        assert set(answer.usage.to_dict()["input_tokens_details"]) == {"cached_tokens"}
        events = list(client.responses.create(model="deepseek-v4-flash", input="x", stream=True))
        thought = [each.delta for each in events if each.type == "response.reasoning_text.delta"]
        assert "".join(thought) == "Hm."


def test_an_answer_repeats_what_was_asked(client: Any) -> None:
    answer = client.responses.create(
        **ask(instructions="Be brief.", metadata={"a": "b"}, temperature=0.5, max_output_tokens=99)
    )
    assert (answer.instructions, answer.metadata) == ("Be brief.", {"a": "b"})
    assert (answer.temperature, answer.max_output_tokens) == (0.5, 99)
    assert answer.output_text == "hi"


def test_written_tokens_are_told_by_lifetime(client: Any) -> None:
    mark = {"mode": "explicit", "ttl": "12h"}
    part = {"type": "input_text", "text": LONG, "prompt_cache_breakpoint": mark}
    body = ask(
        input=[{"role": "user", "content": [part]}],
        prompt_cache_options={"mode": "explicit"},
    )
    first = client.responses.create(**body).usage.input_tokens_details
    again = client.responses.create(**body).usage.input_tokens_details
    assert first.cache_write_tokens == first.cache_write_tokens_details.ttl_12h_tokens > 1500
    assert first.cache_write_tokens_details.ttl_30m_tokens == 0
    assert (again.cached_tokens, again.cache_write_tokens) == (first.cache_write_tokens, 0)


def test_the_tokens_of_a_request_are_counted_and_nothing_is_cached(client: Any) -> None:
    counted = client.responses.input_tokens.count(**ask(LONG))
    first = client.responses.create(**ask(LONG))
    assert counted.input_tokens == first.usage.input_tokens
    assert first.usage.input_tokens_details.cached_tokens == 0
    more = {"previous_response_id": first.id}
    goes_on = client.responses.input_tokens.count(**ask("more", **more))
    assert goes_on.input_tokens > counted.input_tokens


def test_a_signed_thought_is_told_where_it_is_asked_for(emulator: Emulator, client: Any) -> None:
    emulator.reset([{"text": "Hi.", "thinking": "Hm."}] * 2)
    include = {"include": ["reasoning.encrypted_content"]}
    signed, plain = (client.responses.create(**ask(**more)) for more in (include, {}))
    assert signed.output[0].encrypted_content
    assert plain.output[0].encrypted_content is None
    items = [item.to_dict() for item in signed.output]
    again = client.responses.create(model="gpt-5.6", input=[*items, *ask_items("more")])
    assert again.output_text == "more"


def ask_items(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


# ----------------------------------------------------------------------------- DashScope's errors


@pytest.fixture
def sessions(emulator: Emulator) -> Any:
    url = f"{emulator.url}/compatible-mode/v1"
    return openai.OpenAI(base_url=url, api_key="k", max_retries=0)


def test_dashscope_tells_what_is_wrong_flat_and_in_its_own_words(
    emulator: Emulator, sessions: Any
) -> None:
    with pytest.raises(openai.BadRequestError):
        sessions.responses.create(**ask(model="qwen-plus", previous_response_id="resp_x"))
    told = json.loads(emulator.requests[-1].response)
    assert set(told) == {"code", "message", "request_id"}
    assert told["code"] == "InvalidParameter"
    assert told["message"] == "Not found previous_response_id: resp_x"
    with pytest.raises(openai.BadRequestError):
        sessions.responses.create(model="qwen-plus", input=7)
    assert json.loads(emulator.requests[-1].response)["code"] == "InvalidParameter"


def test_dashscope_refuses_to_stream_with_an_event_under_status_200(
    emulator: Emulator, sessions: Any
) -> None:
    asked = ask(model="qwen-plus", previous_response_id="resp_x", stream=True)
    (event,) = sessions.responses.create(**asked)
    assert (event.type, event.sequence_number) == ("response.failed", 0)
    assert (event.response.status, event.response.error.code) == ("failed", "InvalidParameter")
    assert event.response.error.message == "Not found previous_response_id: resp_x"
    assert emulator.requests[-1].status == 400, "what was meant is kept"


def test_dashscope_looks_up_and_deletes_as_documented(emulator: Emulator, sessions: Any) -> None:
    kept = sessions.responses.create(**ask(model="qwen-plus"))
    assert sessions.responses.retrieve(kept.id).output_text == "hi"
    sessions.responses.delete(kept.id)
    assert json.loads(emulator.requests[-1].response) == {"id": kept.id, "deleted": True}
    with pytest.raises(openai.NotFoundError):
        sessions.responses.retrieve(kept.id)
    words = f"Response with id '{kept.id}' not found."
    error = {"type": "InvalidParameter", "message": words}
    assert json.loads(emulator.requests[-1].response) == {"error": error}


# --------------------------------------------------------------------------------- conversations


def test_a_conversation_goes_on_with_the_response_before(emulator: Emulator, client: Any) -> None:
    emulator.reset(["Paris.", "It is mild."])
    first = client.responses.create(**ask(LONG + "Name a city."))
    second = client.responses.create(**ask("How is it there?", previous_response_id=first.id))
    predicted = emulator.requests[-1].predicted
    assert predicted is not None
    assert second.previous_response_id == first.id
    assert second.usage.input_tokens > first.usage.input_tokens
    assert second.usage.input_tokens_details.cached_tokens == predicted.read
    assert predicted.read == first.usage.input_tokens_details.cache_write_tokens > 1500


def test_a_conversation_reads_as_its_items_sent_whole(client: Any) -> None:
    first = client.responses.create(**ask(LONG))
    kept = client.responses.create(**ask("more", previous_response_id=first.id))
    items = [
        {"role": "user", "content": LONG},
        *[item.to_dict() for item in first.output],
        {"role": "user", "content": "more"},
    ]
    whole = client.responses.create(model="gpt-5.6", input=items)
    assert whole.usage.input_tokens == kept.usage.input_tokens
    assert whole.usage.input_tokens_details.cache_write_tokens == 0


def test_kept_responses_are_looked_up_listed_and_deleted(client: Any) -> None:
    first = client.responses.create(**ask("one"))
    second = client.responses.create(**ask("two", previous_response_id=first.id))
    assert client.responses.retrieve(second.id).output_text == "two"
    [item] = client.responses.input_items.list(second.id).data
    assert item.content[0].text == "two"
    client.responses.delete(second.id)
    with pytest.raises(openai.NotFoundError, match=f"Response with id '{second.id}' not found"):
        client.responses.retrieve(second.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.delete(second.id)


@pytest.mark.parametrize("store", [None, False], ids=["never there", "not stored"])
def test_an_unknown_response_is_refused_in_openais_words(client: Any, store: bool | None) -> None:
    name = "resp_1" if store is None else client.responses.create(**ask(store=store)).id
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**ask(previous_response_id=name))
    error = caught.value
    assert error.body["message"] == f"Previous response with id '{name}' not found."
    assert (error.code, error.param) == ("previous_response_not_found", "previous_response_id")


def test_an_input_is_judged_before_what_it_goes_on_with_is_looked_up(client: Any) -> None:
    wrong = [{"role": "user", "content": [{"type": "bogus", "text": "x"}]}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**ask(input=wrong, previous_response_id="resp_x"))
    assert caught.value.param.startswith("input[0]")


def test_a_reference_stands_for_the_item_that_was_kept(client: Any) -> None:
    first = client.responses.create(**ask(LONG))
    items = [{"role": "user", "content": LONG}, {"type": "item_reference", "id": "?"}]
    items[1]["id"] = first.output[0].id
    referred = client.responses.create(model="gpt-5.6", input=items)
    whole = client.responses.create(model="gpt-5.6", input=[items[0], first.output[0].to_dict()])
    assert referred.usage.input_tokens == whole.usage.input_tokens
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError, match="Items are not persisted when `store`"):
        client.responses.create(model="gpt-5.6", input=items)


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}], ids=["id", "object"])
def test_a_conversation_that_was_never_made_is_not_found(client: Any, conversation: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="Conversation with id 'conv_1' not found"):
        client.responses.create(**ask(conversation=conversation))


def test_calls_that_a_conversation_left_open_must_be_answered(
    emulator: Emulator, client: Any
) -> None:
    emulator.reset([{"calls": [{"name": "f", "id": "call_1"}]}])
    first = client.responses.create(**ask())
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**ask("well?", previous_response_id=first.id))
    assert caught.value.body["message"] == "No tool output found for function call call_1."
    assert caught.value.param == "input"
    output = {"type": "function_call_output", "call_id": "call_1", "output": "mild"}
    answer = client.responses.create(model="gpt-5.6", input=[output], previous_response_id=first.id)
    assert answer.status == "completed"


def test_conversations_go_on_after_a_restart(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with Emulator(log=log) as emulator, client_of(emulator) as client:
        first = client.responses.create(**ask(LONG))
        stream = list(client.responses.create(**ask("b", stream=True)))
    with Emulator(log=log) as emulator, client_of(emulator) as client:
        again = client.responses.create(**ask("more", previous_response_id=first.id))
        kept = client.responses.retrieve(stream[-1].response.id)
        assert emulator.state.problems == []
    assert again.usage.input_tokens_details.cached_tokens > 1500
    assert kept.output_text == "b"


# ---------------------------------------------------------------------------------- DashScope


def test_dashscopes_session_cache_follows_the_conversation(emulator: Emulator) -> None:
    body = {"model": "qwen-plus", "input": LONG}
    with client_of(emulator, "/compatible-mode/v1", default_headers=SESSION) as client:
        first = client.responses.create(**body)
        second = client.responses.create(
            model="qwen-plus", input="more", previous_response_id=first.id
        )
        other = client.responses.create(**body)
    written = first.usage.to_dict()["x_details"][0]["prompt_tokens_details"]
    assert written["cache_type"] == "ephemeral"
    created = written["cache_creation_input_tokens"]
    assert created == written["cache_creation"]["ephemeral_5m_input_tokens"] > 1500
    assert second.usage.input_tokens_details.cached_tokens == created
    assert other.usage.input_tokens_details.cached_tokens == 0
    usage = Usage.from_response(first, "dashscope")
    assert (usage.cache_write, usage.cache_read) == (created, 0)
    assert emulator.requests[0].rules == "dashscope-session"


def test_the_session_cache_ends_after_five_minutes() -> None:
    with (
        Emulator(clock=VirtualClock()) as emulator,
        client_of(emulator, "/compatible-mode/v1", default_headers=SESSION) as client,
    ):
        first = client.responses.create(model="qwen-plus", input=LONG)
        emulator.clock.advance(301)
        late = client.responses.create(
            model="qwen-plus", input="more", previous_response_id=first.id
        )
    assert late.usage.input_tokens_details.cached_tokens == 0


def test_without_the_header_dashscope_caches_by_itself(emulator: Emulator) -> None:
    with client_of(emulator, "/compatible-mode/v1") as client:
        usages = [client.responses.create(model="qwen-plus", input=LONG).usage for _ in range(2)]
    details = usages[1].to_dict()["x_details"][0]["prompt_tokens_details"]
    assert usages[0].input_tokens_details.cached_tokens == 0
    assert details == {"cached_tokens": usages[1].input_tokens_details.cached_tokens}
    assert details["cached_tokens"] > 1500


# ------------------------------------------------------------------------------------- errors


def test_errors_are_raised_as_the_sdk_names_them(emulator: Emulator, client: Any) -> None:
    emulator.reset([{"status": 429}, {"status": 500}])
    for kind in (openai.RateLimitError, openai.InternalServerError):
        with pytest.raises(kind):
            client.responses.create(**ask())
    part = {"type": "input_text", "text": "x"}
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="gpt-5.6", input=[{"role": "assistant", "content": [part]}])
    assert caught.value.param == "input[0].content[0].type"
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="gpt-5.6")
    with pytest.raises(openai.APIStatusError) as wrong:
        client.put("/responses", cast_to=object, body={})
    assert wrong.value.status_code == 405


@pytest.mark.parametrize(("status", "code"), [(500, "server_error"), (429, "rate_limit_exceeded")])
def test_a_stream_that_fails_ends_with_the_failed_response(
    emulator: Emulator, client: Any, status: int, code: str
) -> None:
    emulator.reset([{"text": "It is", "status": status, "message": "Too bad."}])
    events = list(client.responses.create(**ask(stream=True)))
    last = events[-1]
    assert last.type == "response.failed"
    assert (last.response.error.code, last.response.error.message) == (code, "Too bad.")
    assert last.response.usage is None
    assert chat_completion(events)["error"]["message"] == "Too bad."
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(last.response.id)


def test_a_stream_that_breaks_off_has_no_answer(emulator: Emulator, client: Any) -> None:
    from wiremark.errors import MessageError

    emulator.reset([{"text": "It is warm.", "cut_after": 6}])
    events: list[Any] = []
    with pytest.raises(openai.APIConnectionError):
        events.extend(client.responses.create(**ask(stream=True)))
    with pytest.raises(MessageError, match="no last event"):
        chat_completion(events)


@pytest.mark.parametrize(
    ("name", "value", "param", "code"),
    [
        ("seed", 1, "seed", "unknown_parameter"),
        ("messages", [{"role": "user", "content": "a"}], None, "unsupported_parameter"),
    ],
)
def test_what_chat_alone_has_is_refused(
    client: Any, name: str, value: Any, param: str | None, code: str
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**ask("a"), extra_body={name: value})
    assert (caught.value.param, caught.value.code) == (param, code)
