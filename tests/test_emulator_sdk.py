"""The released SDKs against the emulator: lists of models, and errors as they raise them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Emulator, Reply

pytestmark = pytest.mark.sdk


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
def dashscope(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Any:
    package = pytest.importorskip("dashscope")
    monkeypatch.setattr(package, "base_http_api_url", f"{emulator.url}/api/v1")
    monkeypatch.setattr(package, "api_key", "sk-secret")
    return package


def openai_client(emulator: Emulator) -> Any:
    openai = pytest.importorskip("openai")
    return openai.OpenAI(
        base_url=f"{emulator.url}/v1", api_key="sk-secret", max_retries=0, timeout=10
    )


def anthropic_client(emulator: Emulator) -> Any:
    anthropic = pytest.importorskip("anthropic")
    return anthropic.Anthropic(
        base_url=emulator.url, api_key="sk-secret", max_retries=0, timeout=10
    )


def test_errors_are_raised_as_the_sdks_name_them() -> None:
    openai, anthropic = pytest.importorskip("openai"), pytest.importorskip("anthropic")
    asked = [{"role": "user", "content": "x"}]
    failures = [{"status": 429}, {"status": 500}] * 2
    with (
        Emulator(failures) as emulator,
        openai_client(emulator) as chat,
        anthropic_client(emulator) as claude,
    ):
        for kind in (openai.RateLimitError, openai.InternalServerError):
            with pytest.raises(kind):
                chat.chat.completions.create(model="gpt-5.6", messages=asked)
        for kind in (anthropic.RateLimitError, anthropic.InternalServerError):
            with pytest.raises(kind):
                claude.messages.create(model="claude-opus-5-5", max_tokens=9, messages=asked)
        part = {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}
        with pytest.raises(anthropic.BadRequestError, match=r"A maximum of 4 blocks .* Found 5\."):
            claude.messages.create(
                model="claude-opus-5-5",
                max_tokens=9,
                messages=[{"role": "user", "content": [part] * 5}],
            )
        with pytest.raises(openai.BadRequestError) as caught:
            chat.chat.completions.create(model="gpt-5.6", messages="x")
        assert (caught.value.code, caught.value.param) == ("invalid_type", "messages")
        assert [each.id for each in chat.models.list()]
        assert [each.id for each in claude.models.list()]


def test_dashscope_reads_errors_whole_and_streamed(emulator: Emulator, dashscope: Any) -> None:
    messages = [{"role": "tool", "tool_call_id": "c", "content": "x"}]
    plain = dashscope.Generation.call(model="qwen-plus", messages=messages)
    streamed = list(dashscope.Generation.call(model="qwen-plus", messages=messages, stream=True))
    for answer in (plain, streamed[-1]):
        assert answer.status_code == 400
        assert answer.code == "InvalidParameter"
        assert "InternalError.Algo.InvalidParameter" in answer.message


def test_the_client_retries_what_a_scenario_fails_once() -> None:
    openai = pytest.importorskip("openai")
    with (
        Emulator([{"status": 429, "retry_after": 0}, "at last"]) as emulator,
        openai.OpenAI(
            base_url=f"{emulator.url}/v1", api_key="k", max_retries=1, timeout=10
        ) as client,
    ):
        answer = client.chat.completions.create(
            model="gpt-5.6", messages=[{"role": "user", "content": "x"}]
        )
        assert answer.choices[0].message.content == "at last"
        assert [record.status for record in emulator.requests] == [429, 200]


# ---------------------------------------------------------------------- what a scenario lets happen

SDKS = ("openai", "anthropic", "dashscope", "dashscope multimodal")
Ask = Callable[[bool], Any]


@pytest.fixture
def ask(request: pytest.FixtureRequest, emulator: Emulator, dashscope: Any) -> Iterator[Ask]:
    """Yield a call of an SDK, which waits for half a second; streamed or not, it is read out."""
    said = [{"role": "user", "content": "a long question"}]
    if request.param == "openai":
        with openai_client(emulator).with_options(timeout=0.5) as client:
            create = client.chat.completions.create
            yield lambda stream: read(create(model="gpt-5.6", messages=said, stream=stream))
    elif request.param == "anthropic":
        with anthropic_client(emulator).with_options(timeout=0.5) as client:
            make = client.messages.create
            more = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": said}
            yield lambda stream: read(make(**more, stream=stream))
    else:
        api = dashscope.Generation
        more = {"model": "qwen-plus", "messages": said, "result_format": "message"}
        if request.param != "dashscope":
            api = dashscope.MultiModalConversation
            parts = [{"role": "user", "content": [{"text": "a long question"}]}]
            more = {"model": "qwen3-vl-plus", "messages": parts}
        yield lambda stream: read(api.call(**more, stream=stream, request_timeout=0.5))


def read(answer: Any) -> list[Any]:
    is_whole = hasattr(answer, "model_dump") or hasattr(answer, "status_code")
    return [answer] if is_whole else list(answer)


def raised(ask: Ask, stream: bool) -> list[str]:
    """Return the names of the error that a call raises and of those that it is one of."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 which one is what the tests ask
        ask(stream)
    return [kind.__name__ for kind in type(caught.value).__mro__]


@pytest.mark.parametrize("ask", SDKS, indirect=True)
@pytest.mark.parametrize("reply", [Reply(delay=60), Reply(timeout=True)], ids=["late", "never"])
def test_an_answer_that_does_not_come_is_a_timeout(
    ask: Ask, reply: Reply, emulator: Emulator
) -> None:
    emulator.reset([reply, reply])
    for stream in (False, True):
        assert {"APITimeoutError", "ReadTimeout"} & set(raised(ask, stream))


@pytest.mark.parametrize("ask", SDKS, indirect=True)
def test_a_stream_that_stops_in_the_middle_is_a_timeout(ask: Ask, emulator: Emulator) -> None:
    emulator.reset([Reply(text="a long answer", cut_after=2, timeout=True)])
    names = {"APITimeoutError", "ReadTimeout", "ConnectionError"}
    assert names & set(raised(ask, stream=True))


@pytest.mark.parametrize("ask", SDKS, indirect=True)
def test_a_stream_that_is_cut_is_an_error(ask: Ask, emulator: Emulator) -> None:
    emulator.reset([Reply(text="a long answer", cut_after=2)])
    names = {"APIConnectionError", "RemoteProtocolError", "ChunkedEncodingError"}
    assert names & set(raised(ask, stream=True))


@pytest.mark.parametrize("ask", SDKS, indirect=True)
def test_an_answer_that_is_no_json_is_an_error(ask: Ask, emulator: Emulator) -> None:
    emulator.reset([Reply(text="a long answer", malformed_at=0)])
    assert "JSONDecodeError" in raised(ask, stream=False)


@pytest.mark.parametrize("ask", SDKS[:2], indirect=True)
def test_a_broken_event_is_an_error(ask: Ask, emulator: Emulator) -> None:
    emulator.reset([Reply(text="a long answer", malformed_at=1)])
    assert "JSONDecodeError" in raised(ask, stream=True)


@pytest.mark.parametrize("ask", SDKS[2:], indirect=True)
def test_dashscope_tells_of_a_broken_event_and_goes_on(ask: Ask, emulator: Emulator) -> None:
    emulator.reset([Reply(text="a long answer", malformed_at=1)])
    codes = [int(event.status_code) for event in ask(True)]
    assert codes[:3] == [200, 400, 200]
    assert codes[-1] == 200


@pytest.mark.parametrize("ask", SDKS, indirect=True)
@pytest.mark.parametrize(
    ("status", "kind"), [(429, "RateLimitError"), (500, "InternalServerError")]
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_raised_or_told_by_its_status(
    request: pytest.FixtureRequest,
    ask: Ask,
    status: int,
    kind: str,
    stream: bool,
    emulator: Emulator,
) -> None:
    emulator.reset([Reply(status=status)])
    if "dashscope" in request.node.callspec.params["ask"]:
        (answer,) = ask(stream)
        assert answer.status_code == status
        assert answer.code
    else:
        assert kind in raised(ask, stream)
