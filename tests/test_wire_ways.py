"""Every way to send through the released SDKs: what arrives, what comes back, and that loops hit.

One table of ways, one agent loop with parallel tools for all of them. What is measured on the way
is written as the table that the documentation shows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    DashScopeChatFormatter,
    GenerateOptions,
    Msg,
    OpenAIChatFormatter,
    ToolSchema,
    UsageTotals,
    jsontext,
)
from wiremark.base import Request
from wiremark.usage import Usage

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")
pytest.importorskip("dashscope", reason="the dashscope package is not installed")
pytest.importorskip("openai", reason="the openai package is not installed")
pytest.importorskip("anthropic", reason="the anthropic package is not installed")

from wiremark.emulator import Emulator, Record
from wiremark.integrations import anthropic as to_anthropic
from wiremark.integrations import dashscope as to_dashscope
from wiremark.integrations import openai as to_openai

pytestmark = pytest.mark.sdk

TABLE = Path(__file__).parent / "data" / "wire-table.md"
ALIYUN = "dashscope.aliyuncs.com"
TEXT, PARTS = "qwen-plus", "qwen3.6-plus"
USAGE = {"stream_options": {"include_usage": True}}
ALL_SO_FAR = {"incremental_output": False}
HARD = 'Weather in Köln \u2028 and "Paris"? 用中文 🙂\n</script>\t\\'
TOOLS = [
    ToolSchema(
        name="weather",
        description="The weather in a city, 城市.",
        parameters={"type": "object", "properties": {"city": {"type": "string"}}},
    )
]
SCENARIO: list[Any] = [
    {"calls": [{"name": "weather", "arguments": {"city": city}} for city in ("Köln", "Paris")]},
    {"calls": [{"name": "weather", "arguments": {"city": city}} for city in ("Rome", "Oslo")]},
    {"text": "Wrap up warm."},
]


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    import dashscope

    with pytest.MonkeyPatch.context() as patch, Emulator() as running:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setattr(dashscope, "base_http_api_url", f"{running.url}/api/v1")
        patch.setattr(dashscope, "base_compatible_api_url", f"{running.url}/compatible-mode/v1")
        patch.setattr(dashscope, "api_key", "sk-secret")
        yield running


# --------------------------------------------------------------------------------- ways to send


@dataclass(frozen=True)
class Way:
    """A call of an SDK: `send` returns an answer, or the list of what was streamed.

    helper: the SDK joins a stream itself; cumulative: each piece has all so far
    """

    sdk: str
    call: str
    service: str
    formatter: Any
    model: str
    send: Callable[[Emulator, Request], Any]
    stream: bool = False
    helper: bool = False
    cumulative: bool = False
    body: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.sdk} {self.call}, {self.service}"


def _all(stream: bool, answer: Any) -> Any:
    return list(answer) if stream else answer


def _run(coroutine: Any) -> Any:
    """Run in a loop of its own, and leave no connection of dashscope behind."""
    from dashscope.api_entities.aio_session import close_shared_aio_session

    async def closing() -> Any:
        try:
            return await coroutine
        finally:
            await close_shared_aio_session()

    return asyncio.run(closing())


async def _gathered(answer: Any) -> Any:
    return [each async for each in answer]


def native_arguments(request: Request) -> dict[str, Any]:
    body = request.body
    return {"model": body["model"], "messages": request.messages, **body["parameters"]}


def _classes(api: Any, stream: bool, _: Emulator, request: Request) -> Any:
    more = {"stream": True} if stream else {}
    return _all(stream, api.call(**native_arguments(request), **more))


def _aio_classes(api: Any, stream: bool, _: Emulator, request: Request) -> Any:
    async def run() -> Any:
        more = {"stream": True} if stream else {}
        answer = await api.call(**native_arguments(request), **more)
        return await _gathered(answer) if stream else answer

    return _run(run())


def _adapter(name: str, _: Emulator, request: Request) -> Any:
    if name == "call":
        return to_dashscope.call(request)
    if name == "stream":
        return list(to_dashscope.stream(request))
    if name == "acall":
        return _run(to_dashscope.acall(request))
    return _run(_gathered(to_dashscope.astream(request)))


def dashscope_ways() -> Iterator[Way]:
    import dashscope

    native = DashScopeChatFormatter(policy="rolling")
    for service, model, names in (
        ("text", TEXT, ("Generation", "AioGeneration")),
        ("multimodal", PARTS, ("MultiModalConversation", "AioMultiModalConversation")),
    ):
        ways: list[tuple[str, bool, Any]] = []
        for name, send in zip(names, (_classes, _aio_classes), strict=True):
            api = getattr(dashscope, name)
            ways.append((f"{name}.call", False, partial(send, api, False)))
            ways.append((f"{name}.call(stream=True)", True, partial(send, api, True)))
        for name in ("call", "acall", "stream", "astream"):
            call = f"integrations.dashscope.{name}"
            ways.append((call, name.endswith("stream"), partial(_adapter, name)))
        for call, stream, sent in ways:
            yield Way("dashscope", call, service, native, model, sent, stream)
            if stream:
                yield Way(
                    "dashscope",
                    f"{call}, all so far",
                    service,
                    native,
                    model,
                    sent,
                    stream,
                    cumulative=True,
                    body=ALL_SO_FAR,
                )


def _until_it_breaks(chunks: Iterator[Any]) -> Iterator[Any]:
    """Yield the chunks of a stream whose end, `data: [DONE]`, dashscope 2.0.2 does not read."""
    with pytest.raises(AttributeError, match="JSONDecodeError"):
        yield from chunks


def compatible_class() -> Iterator[Way]:
    """The class of dashscope 1 for the compatible mode."""
    from dashscope.aigc.chat_completion import Completions

    def send(stream: bool, _: Emulator, request: Request) -> Any:
        body = request.body
        answer = Completions.create(
            model=body["model"],
            messages=body["messages"],
            stream=body["stream"],
            extra_body=body,
        )
        return list(_until_it_breaks(answer)) if stream else answer

    chat = OpenAIChatFormatter(host=ALIYUN, policy="rolling")
    for stream in (False, True):
        call = f"Completions.create{'(stream=True)' if stream else ''}"
        yield Way(
            "dashscope",
            call,
            "compatible mode",
            chat,
            TEXT,
            partial(send, stream),
            stream,
            body=USAGE if stream else {},
        )


def second_client() -> Iterator[Way]:
    """The client that is new in dashscope 2, in its three protocols."""
    import dashscope

    def options(emulator: Emulator, protocol: str) -> dict[str, Any]:
        base = {"native": "api/v1", "openai": "compatible-mode/v1", "anthropic": "apps/anthropic"}
        url = f"{emulator.url}/{base[protocol]}"
        return {"api_key": "sk-secret", "base_url": url, "protocol": protocol, "max_retries": 0}

    def arguments(request: Request) -> dict[str, Any]:
        own = ("model", "messages", "input", "parameters", "stream", "stream_options")
        beside = {key: value for key, value in request.body.items() if key not in own}
        parameters = {**request.body.get("parameters", {}), **beside}
        return {
            "model": request.body["model"],
            "messages": request.messages,
            "parameters": parameters,
        }

    def plain(
        protocol: str, resource: str, stream: bool, emulator: Emulator, request: Request
    ) -> Any:
        with dashscope.Client(**options(emulator, protocol)) as client:
            api = client.multimodal.chat if resource == "multimodal" else client.chat.completions
            return _all(stream, api.create(**arguments(request), stream=stream))

    def aio(
        protocol: str, resource: str, stream: bool, emulator: Emulator, request: Request
    ) -> Any:
        async def run() -> Any:
            async with dashscope.AsyncClient(**options(emulator, protocol)) as client:
                api = (
                    client.multimodal.chat if resource == "multimodal" else client.chat.completions
                )
                answer = await api.create(**arguments(request), stream=stream)
                return await _gathered(answer) if stream else answer

        return asyncio.run(run())

    native = DashScopeChatFormatter(policy="rolling")
    chat = OpenAIChatFormatter(host=ALIYUN, policy="rolling")
    for protocol, resource, service, formatter, model in (
        ("native", "chat.completions", "text", native, TEXT),
        ("native", "multimodal", "multimodal", native, PARTS),
        ("openai", "chat.completions", "compatible mode", chat, TEXT),
    ):
        for kind, send in (("Client", plain), ("AsyncClient", aio)):
            for stream in (False, True):
                name = "multimodal.chat" if resource == "multimodal" else resource
                call = f"{kind}.{name}.create{'(stream=True)' if stream else ''}"
                sent = partial(send, protocol, resource, stream)
                yield Way("dashscope", call, service, formatter, model, sent, stream)
    sent = partial(plain, "anthropic", "chat.completions", False)
    yield Way("dashscope", "Client.chat.completions.create", "Messages", chat, TEXT, sent)


def openai_ways() -> Iterator[Way]:
    import openai

    def options(emulator: Emulator, base: str) -> dict[str, Any]:
        url = f"{emulator.url}{base}"
        return {"base_url": url, "api_key": "sk-secret", "max_retries": 0, "timeout": 10}

    def plain(base: str, method: str, emulator: Emulator, request: Request) -> Any:
        with openai.OpenAI(**options(emulator, base)) as client:
            api = client.chat.completions
            if method == "create":
                return _all(request.body["stream"], api.create(**request.body))
            arguments = to_openai.create_arguments(request, method=method)  # type: ignore[arg-type]
            if method == "parse":
                return api.parse(**arguments)
            with api.stream(**arguments) as stream:
                return stream.get_final_completion()

    def aio(base: str, method: str, emulator: Emulator, request: Request) -> Any:
        async def run() -> Any:
            async with openai.AsyncOpenAI(**options(emulator, base)) as client:
                api = client.chat.completions
                if method == "create":
                    answer = await api.create(**request.body)
                    return await _gathered(answer) if request.body["stream"] else answer
                arguments = to_openai.create_arguments(request, method=method)  # type: ignore[arg-type]
                if method == "parse":
                    return await api.parse(**arguments)
                async with api.stream(**arguments) as stream:
                    return await stream.get_final_completion()

        return asyncio.run(run())

    for service, base, host, model in (
        ("compatible mode", "/compatible-mode/v1", ALIYUN, TEXT),
        ("OpenAI", "/v1", None, "gpt-5.6"),
        ("OpenRouter", "/api/v1", "openrouter.ai", "anthropic/claude-sonnet-4.5"),
    ):
        formatter = OpenAIChatFormatter(host=host, policy="rolling")
        for kind, send in (("OpenAI", plain), ("AsyncOpenAI", aio)):
            for name, method, stream, helper in (
                ("create", "create", False, False),
                ("create(stream=True)", "create", True, False),
                ("parse", "parse", False, False),
                ("stream", "stream", True, True),
            ):
                call = f"{kind}.chat.completions.{name}"
                body = USAGE if stream else {}
                sent = partial(send, base, method)
                yield Way(
                    "openai", call, service, formatter, model, sent, stream, helper, body=body
                )


def anthropic_ways() -> Iterator[Way]:
    import anthropic

    def options(emulator: Emulator, base: str) -> dict[str, Any]:
        url = f"{emulator.url}{base}"
        return {"base_url": url, "api_key": "sk-secret", "max_retries": 0, "timeout": 10}

    def plain(base: str, method: str, emulator: Emulator, request: Request) -> Any:
        with anthropic.Anthropic(**options(emulator, base)) as client:
            if method == "create":
                return _all(request.body["stream"], client.messages.create(**request.body))
            arguments = to_anthropic.create_arguments(request, method="stream")
            with client.messages.stream(**arguments) as stream:
                return stream.get_final_message()

    def aio(base: str, method: str, emulator: Emulator, request: Request) -> Any:
        async def run() -> Any:
            async with anthropic.AsyncAnthropic(**options(emulator, base)) as client:
                if method == "create":
                    answer = await client.messages.create(**request.body)
                    return await _gathered(answer) if request.body["stream"] else answer
                arguments = to_anthropic.create_arguments(request, method="stream")
                async with client.messages.stream(**arguments) as stream:
                    return await stream.get_final_message()

        return asyncio.run(run())

    for service, base, host, model in (
        ("Anthropic", "", "api.anthropic.com", "claude-opus-5-5"),
        ("DashScope", "/apps/anthropic", ALIYUN, TEXT),
    ):
        formatter = AnthropicChatFormatter(host=host, policy="rolling")
        for kind, send in (("Anthropic", plain), ("AsyncAnthropic", aio)):
            for name, method, stream, helper in (
                ("create", "create", False, False),
                ("create(stream=True)", "create", True, False),
                ("stream", "stream", True, True),
            ):
                call = f"{kind}.messages.{name}"
                sent = partial(send, base, method)
                yield Way("anthropic", call, service, formatter, model, sent, stream, helper)


WAYS = [
    *dashscope_ways(),
    *compatible_class(),
    *second_client(),
    *openai_ways(),
    *anthropic_ways(),
]
LOSING = [way for way in WAYS if (way.sdk, way.service) == ("dashscope", "Messages")]
KEEPING = [way for way in WAYS if way not in LOSING]


# ------------------------------------------------------------------------------- one loop for all


@dataclass
class Turn:
    request: Request
    record: Record
    usage: Usage

    @property
    def arrived(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.record.raw)
        return body

    @property
    def parts(self) -> list[tuple[Any, Any]]:
        """Return what carries marks, as it was built and as it arrived: messages, system, tools."""
        built, arrived = self.request.body, self.arrived
        out = [
            (built.get("input", built)["messages"], arrived.get("input", arrived).get("messages"))
        ]
        out += [(built[key], arrived.get(key)) for key in ("system", "tools") if key in built]
        return out


@dataclass
class Seen:
    """What an agent loop showed."""

    turns: list[Turn]
    totals: UsageTotals
    text: str

    @property
    def marks_in_place(self) -> bool:
        return all(
            {path: value for path, _, value in turn.record.marks} == dict(turn.request.plan.placed)
            for turn in self.turns
        )

    @property
    def messages(self) -> str:
        """Say what became of the parts: their bytes, their values, or neither."""
        pairs = [(turn, *pair) for turn in self.turns for pair in turn.parts]
        if not all(built == arrived for _, built, arrived in pairs):
            return "changed"
        if all(jsontext.dumpb(built) in turn.record.raw for turn, built, _ in pairs):
            return "bytes kept"
        spaced = all(
            json.dumps(built, ensure_ascii=False).encode() in turn.record.raw
            for turn, built, _ in pairs
        )
        return "value kept, written with spaces" if spaced else "value kept, keys in another order"

    @property
    def beside(self) -> str:
        """Say what else of the body is not as it was built."""
        changes = {
            each for turn in self.turns for each in _changes(turn.request.body, turn.arrived)
        }
        return ", ".join(sorted(changes)) or "as built"


def _changes(built: dict[str, Any], arrived: dict[str, Any], at: str = "") -> Iterator[str]:
    for key in built.keys() | arrived.keys():
        one, other = built.get(key), arrived.get(key)
        if key in ("parameters", "input") and isinstance(one, dict) and isinstance(other, dict):
            yield from _changes(one, other, f"{key}.")
        elif key not in arrived:
            yield f"`{at}{key}` left out"
        elif key not in built:
            yield f"`{at}{key}` added"
        elif one != other:
            yield f"`{at}{key}` changed"


def run_loop(emulator: Emulator, way: Way) -> Seen:
    """Run an agent that calls tools in parallel until it calls none."""
    emulator.reset(SCENARIO)
    messages = [Msg.system("You plan trips. 用中文. " * 400), Msg.user(HARD)]
    seen = Seen([], UsageTotals(), "")
    for _ in range(5):
        request = way.formatter.build_request(
            way.model,
            messages,
            tools=TOOLS,
            stream=way.stream,
            options=GenerateOptions(additional_body_params=dict(way.body)),
            validate=True,
        )
        before = request.to_json()
        try:
            answer = way.send(emulator, request)
        finally:
            assert emulator.state.problems == []
        assert request.to_json() == before
        usage = seen.totals.add(answer, model=way.model)
        seen.turns.append(Turn(request, emulator.requests[-1], usage))
        reply = _reply(way, answer)
        messages.append(reply.message)
        if not reply.tool_calls:
            seen.text = reply.text
            assert emulator.state.problems == []
            return seen
        assert len(reply.tool_calls) == 2
        messages += [Msg.tool_result(each.id, each.name, "mild") for each in reply.tool_calls]
    raise AssertionError("the loop did not end")


def _reply(way: Way, answer: Any) -> Any:
    if not isinstance(answer, list):
        return way.formatter.parse_response(answer)
    whole = way.formatter.parse_stream(iter(answer), incremental=not way.cumulative)
    list(whole)
    return whole.reply


@pytest.fixture(scope="module")
def loops(emulator: Emulator) -> Callable[[Way], Seen]:
    """Return what runs the loop of a way once."""
    done: dict[str, Seen] = {}

    def loop(way: Way) -> Seen:
        if str(way) not in done:
            done[str(way)] = run_loop(emulator, way)
        return done[str(way)]

    return loop


@pytest.mark.parametrize("way", KEEPING, ids=str)
def test_all_planned_marks_arrive_in_place(loops: Callable[[Way], Seen], way: Way) -> None:
    seen = loops(way)
    assert seen.marks_in_place
    assert seen.text == "Wrap up warm."
    assert all(len(turn.record.marks) >= 2 for turn in seen.turns)
    assert [turn.record.path for turn in seen.turns] == [seen.turns[0].record.path] * 3


@pytest.mark.parametrize("way", KEEPING, ids=str)
def test_usage_comes_back_as_the_prefix_cache_predicts(
    loops: Callable[[Way], Seen], way: Way
) -> None:
    seen = loops(way)
    told = [turn.record.predicted for turn in seen.turns]
    for turn, predicted in zip(seen.turns, told, strict=True):
        assert predicted is not None
        assert (turn.usage.input, turn.usage.cache_read) == (predicted.input, predicted.read)
        assert (turn.usage.cache_write or 0) == predicted.written
        assert turn.record.usage is not None
        assert turn.usage.output == turn.record.usage.output
    total = seen.totals.total
    assert total.input == sum(each.input for each in told if each)
    assert total.cache_read == sum(each.read for each in told if each)
    assert total.cache_write == sum(each.written for each in told if each)
    assert total.turns == 3


@pytest.mark.parametrize("way", KEEPING, ids=str)
def test_a_loop_with_parallel_tools_hits_from_the_second_request_on(
    loops: Callable[[Way], Seen], way: Way
) -> None:
    before = 0
    for turn in loops(way).turns:
        predicted = turn.record.predicted
        assert predicted is not None
        assert turn.usage.cache_read == before
        before = int(predicted.read + predicted.written)
    assert before > 1500


@pytest.mark.parametrize("way", [way for way in KEEPING if not way.stream], ids=str)
def test_control_characters_are_written_with_small_letters(emulator: Emulator, way: Way) -> None:
    emulator.reset()
    request = way.formatter.build_request(way.model, [Msg.user("\x1b[31mred\x1b[0m")])
    way.send(emulator, request)
    (record,) = emulator.requests
    messages = json.loads(record.raw)
    assert messages.get("input", messages)["messages"] == request.messages
    assert rb"\u001b[31mred\u001b[0m" in record.raw
    assert rb"\u001B[31mred\u001B[0m" in request.to_json().encode()


@pytest.mark.parametrize("way", LOSING, ids=str)
def test_the_second_client_loses_the_marks_of_tool_results_where_it_translates(
    loops: Callable[[Way], Seen], way: Way
) -> None:
    turn = loops(way).turns[-1]
    planned = [path for path, _ in turn.request.plan.placed]
    assert planned == [f"messages[{index}].content[0]" for index in (0, 4, 7)]
    assert [turn.request.messages[index]["role"] for index in (4, 7)] == ["tool", "tool"]
    assert [path for path, _, _ in turn.record.marks] == ["system[0]"]


def table(loops: Callable[[Way], Seen]) -> str:
    """Return what became of the bodies as a table; calls that do the same share a row."""
    services: dict[tuple[str, ...], list[str]] = {}
    for way in WAYS:
        seen = loops(way)
        marks = "all in place" if seen.marks_in_place else "lost"
        found = (way.sdk, way.call, seen.messages, marks, seen.beside)
        services.setdefault(found, []).append(way.service)
    calls: dict[tuple[str, ...], list[str]] = {}
    for (sdk, call, *rest), names in services.items():
        calls.setdefault((sdk, ", ".join(names), *rest), []).append(f"`{call}`")
    head = "| SDK | call | service | messages | marks | else |\n|---|---|---|---|---|---|\n"
    return head + "".join(
        f"| {' | '.join((sdk, ', '.join(names), *rest))} |\n"
        for (sdk, *rest), names in calls.items()
    )


def test_the_table_of_the_documentation_is_what_arrives(loops: Callable[[Way], Seen]) -> None:
    assert table(loops) == TABLE.read_text(encoding="utf-8")
