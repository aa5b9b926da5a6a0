"""The dashscope SDK takes a text for a file and uploads it; the adapter sends it as a text."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wiremark import (
    DashScopeChatFormatter,
    GenerateOptions,
    ImageBlock,
    Msg,
    OpenAIChatFormatter,
    TextBlock,
    URLSource,
    VideoBlock,
)
from wiremark.base import Request
from wiremark.errors import OptionError

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")
pytest.importorskip("dashscope", reason="the dashscope package is not installed")

from wiremark.emulator import Emulator
from wiremark.integrations import dashscope as adapter

pytestmark = pytest.mark.sdk

TEXT, PARTS = "qwen-plus", "qwen3.6-plus"
PATHS = {"text": "text-generation", "parts": "multimodal-generation"}
MARK = [("input.messages[0].content[0]", "cache_control", {"type": "ephemeral"})]


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    import dashscope

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(dashscope, "base_http_api_url", f"{running.url}/api/v1")
    monkeypatch.setattr(dashscope, "api_key", "sk-secret")
    running.reset()
    yield running
    assert running.state.problems == []


@pytest.fixture(params=["absolute", "file URL", "relative", "home"])
def named(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a text that names a file which is there."""
    secret = tmp_path / "notes.txt"
    secret.write_text("the contents of a file", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    texts = {
        "absolute": str(secret),
        "file URL": secret.as_uri(),
        "relative": "notes.txt",
        "home": "~/notes.txt",
    }
    return texts[request.param]


def run(coroutine: Any) -> Any:
    from dashscope.api_entities.aio_session import close_shared_aio_session

    async def closing() -> Any:
        try:
            return await coroutine
        finally:
            await close_shared_aio_session()

    return asyncio.run(closing())


async def gathered(answer: Any) -> list[Any]:
    return [each async for each in answer]


# ------------------------------------------------------------------------------- the SDK by itself


async def bare_aio(stream: bool, **arguments: Any) -> Any:
    import dashscope

    answer = await dashscope.AioMultiModalConversation.call(**arguments, stream=stream)
    return await gathered(answer) if stream else answer


def bare(way: str, request: Request) -> Any:
    import dashscope

    arguments: dict[str, Any] = {
        "model": PARTS,
        "messages": request.messages,
        **request.body["parameters"],
    }
    stream = "stream" in way
    if way.startswith("a"):
        return run(bare_aio(stream, **arguments))
    answer = dashscope.MultiModalConversation.call(**arguments, stream=stream)
    return list(answer) if stream else answer


@pytest.mark.parametrize("way", ["call", "stream", "acall", "astream"])
@pytest.mark.parametrize("key", ["text", "image", "audio", "video"])
def test_the_sdk_asks_for_an_upload(emulator: Emulator, named: str, way: str, key: str) -> None:
    from dashscope.common.error import UploadFileException

    request = DashScopeChatFormatter().build_request(
        PARTS, [Msg.user("here")], stream="stream" in way
    )
    request.messages[0]["content"][0] = {key: named}
    with pytest.raises(UploadFileException, match="Get upload certificate failed"):
        bare(way, request)
    (asked,) = emulator.requests
    assert (asked.method, asked.path) == ("GET", "/api/v1/uploads")
    assert asked.query == f"action=getPolicy&model={PARTS}"


def test_the_sdk_sends_the_file_where_the_policy_says(
    emulator: Emulator, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashscope.common.error import UploadFileException
    from dashscope.utils.oss_utils import OssUtils

    names = ("oss_access_key_id", "signature", "policy", "upload_dir")
    more = ("x_oss_object_acl", "x_oss_forbid_overwrite")
    policy = {**dict.fromkeys((*names, *more), "x"), "upload_host": f"{emulator.url}/oss"}
    granted = SimpleNamespace(status_code=200, output=policy)
    monkeypatch.setattr(OssUtils, "get_upload_certificate", lambda **_: granted)
    request = DashScopeChatFormatter().build_request(PARTS, [Msg.user(named)])
    with pytest.raises(UploadFileException, match="to oss failed"):
        bare("call", request)
    (uploaded,) = emulator.requests
    assert (uploaded.method, uploaded.path) == ("POST", "/oss")
    assert b"the contents of a file" in uploaded.raw


def test_the_sdk_refuses_a_text_that_names_no_file(emulator: Emulator) -> None:
    from dashscope.common.error import InvalidInput

    request = DashScopeChatFormatter().build_request(PARTS, [Msg.user("file:///not/there.txt")])
    with pytest.raises(InvalidInput):
        bare("call", request)
    assert emulator.requests == ()
    adapter.call(request)
    assert emulator.requests[0].body == request.body


def test_the_sdk_drops_a_search_that_is_off(emulator: Emulator) -> None:
    import dashscope

    request = DashScopeChatFormatter().build_request(
        TEXT, [Msg.user("x")], options=GenerateOptions(enable_search=False)
    )
    body = request.body
    dashscope.Generation.call(TEXT, messages=request.messages, **body["parameters"])
    adapter.call(request)
    changed, kept = (record.body["parameters"] for record in emulator.requests)
    assert "enable_search" not in changed
    assert kept == body["parameters"]
    assert kept["enable_search"] is False


# ----------------------------------------------------------------------------------- the adapter


def adapted(way: str, request: Request, **settings: Any) -> list[Any]:
    if way == "call":
        return [adapter.call(request, **settings)]
    if way == "stream":
        return list(adapter.stream(request, **settings))
    if way == "acall":
        return [run(adapter.acall(request, **settings))]
    answers: list[Any] = run(gathered(adapter.astream(request, **settings)))
    return answers


@pytest.fixture(params=["call", "stream", "acall", "astream"])
def way(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize("form", ["text", "parts"])
def test_a_text_that_names_a_file_arrives_as_a_text(
    emulator: Emulator, named: str, way: str, form: str
) -> None:
    request = DashScopeChatFormatter().build_request(
        TEXT if form == "text" else PARTS,
        [Msg.user(named).with_cache_control()],
        stream="stream" in way,
        validate=True,
    )
    answers = adapted(way, request)
    (arrived,) = emulator.requests
    assert arrived.path == f"/api/v1/services/aigc/{PATHS[form]}/generation"
    assert arrived.body == request.body
    assert arrived.marks == MARK
    assert json.dumps(request.messages, ensure_ascii=False).encode() in arrived.raw
    assert b"the contents of a file" not in arrived.raw
    assert arrived.header("x-dashscope-ossresourceresolve") is None
    assert {answer.status_code for answer in answers} == {200}
    kind = "GenerationResponse" if form == "text" else "MultiModalConversationResponse"
    assert {type(answer).__name__ for answer in answers} == {kind}


@pytest.mark.parametrize("key", ["image", "audio", "video"])
def test_media_that_name_a_file_arrive_as_they_are(
    emulator: Emulator, named: str, way: str, key: str
) -> None:
    request = DashScopeChatFormatter().build_request(
        PARTS, [Msg.user("here")], stream="stream" in way
    )
    request.messages[0]["content"] += [{key: named}, {"video": [named, named]}]
    adapted(way, request)
    assert [record.path for record in emulator.requests] == [request.path]
    assert emulator.requests[0].body == request.body


def test_no_function_of_the_sdk_that_looks_for_files_is_entered(
    emulator: Emulator, named: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dashscope
    from dashscope.utils import oss_utils

    def entered(*_: Any, **__: Any) -> None:
        raise AssertionError("the SDK looks for a file")

    for name in ("upload_file", "check_and_upload_local", "check_and_upload"):
        monkeypatch.setattr(oss_utils, name, entered)
    for kind in ("MultiModalConversation", "AioMultiModalConversation"):
        monkeypatch.setattr(getattr(dashscope, kind), "_preprocess_messages", entered)
    request = DashScopeChatFormatter().build_request(
        PARTS, [Msg.user(named)], stream="stream" in way
    )
    adapted(way, request)
    assert len(emulator.requests) == 1


@pytest.mark.parametrize(
    ("block", "resolved"),
    [
        (ImageBlock(URLSource("oss://bucket/a.png")), True),
        (VideoBlock(URLSource("oss://bucket/a.mp4")), True),
        (ImageBlock(URLSource("https://example.com/a.png")), False),
        (TextBlock("oss://bucket/a.png"), False),
    ],
)
def test_only_media_in_oss_ask_to_be_resolved(
    emulator: Emulator, block: Any, resolved: bool
) -> None:
    request = DashScopeChatFormatter().build_request(
        PARTS, [Msg.user([TextBlock("What is it?"), block])]
    )
    adapter.call(request)
    asked = emulator.requests[0].header("x-dashscope-ossresourceresolve")
    assert asked == ("enable" if resolved else None)


def test_frames_in_oss_ask_to_be_resolved(emulator: Emulator) -> None:
    request = DashScopeChatFormatter().build_request(PARTS, [Msg.user("x")])
    request.messages[0]["content"].append({"video": ["https://example.com/a", "oss://bucket/b"]})
    adapter.call(request)
    assert emulator.requests[0].header("x-dashscope-ossresourceresolve") == "enable"


def test_headers_query_and_settings_go_along(emulator: Emulator, way: str) -> None:
    request = DashScopeChatFormatter().build_request(
        TEXT,
        [Msg.user("x")],
        stream="stream" in way,
        options=GenerateOptions(
            session_id="trip-1",
            additional_headers={"X-DashScope-DataInspection": "enable", "X-Own": "request"},
            additional_query_params={"trip": "1 & 2"},
        ),
    )
    headers = dict(request.headers)
    settings = {"X-Own": "caller"}
    adapted(
        way, request, headers=settings, api_key="sk-other", workspace="ws-1", request_timeout=10
    )
    (arrived,) = emulator.requests
    assert arrived.query == "trip=1+%26+2"
    assert arrived.header("x-dashscope-datainspection") == "enable"
    assert arrived.header("x-own") == "caller"
    assert arrived.header("x-dashscope-workspace") == "ws-1"
    for name, value in headers.items():
        if name != "X-Own":
            assert arrived.header(name) == value
    assert arrived.header("x-dashscope-sse") == ("enable" if "stream" in way else None)
    assert dict(request.headers) == headers
    assert settings == {"X-Own": "caller"}


def test_the_options_say_where_it_goes(emulator: Emulator) -> None:
    built = DashScopeChatFormatter().build_request(TEXT, [Msg.user("x")])
    for base in (emulator.url, f"{emulator.url}/api/v1"):
        adapter.call(Request(built.body, built.plan, path=built.path, base_url=base))
    adapter.call(built, base_address=f"{emulator.url}/api/v1")
    assert [record.path for record in emulator.requests] == [built.path] * 3


def test_refusals_of_the_service_come_back_as_the_sdk_tells_them(emulator: Emulator) -> None:
    request = DashScopeChatFormatter().build_request(TEXT, [Msg.user("x")])
    request.messages[0]["role"] = "stranger"
    answer = adapter.call(request)
    assert (answer.status_code, answer.code) == (400, "InvalidParameter")


# ------------------------------------------------------------------------- what it does not send


def plain(**parameters: Any) -> Request:
    request = DashScopeChatFormatter().build_request(TEXT, [Msg.user("x")])
    request.body["parameters"].update(parameters)
    return request


def test_arguments_of_the_sdk_are_the_ones_that_no_parameter_may_be_named_as() -> None:
    from dashscope.api_entities.api_request_factory import _build_api_request

    named = inspect.signature(_build_api_request).parameters.keys() - {"kwargs"}
    assert named | {"workspace"} == adapter._TAKEN


@pytest.mark.parametrize("name", ["stream", "headers", "session", "workspace", "base_address"])
def test_a_parameter_that_the_sdk_would_keep_is_refused(emulator: Emulator, name: str) -> None:
    with pytest.raises(OptionError, match="cannot send") as refused:
        adapter.call(plain(**{name: "x"}))
    assert refused.value.path == f"parameters.{name}"
    assert emulator.requests == ()


def streams(stream: bool) -> Request:
    return DashScopeChatFormatter().build_request(TEXT, [Msg.user("x")], stream=stream)


@pytest.mark.parametrize(
    ("send", "match"),
    [
        (lambda: adapter.call(streams(True)), "the request streams"),
        (lambda: adapter.stream(streams(False)), "not built to be streamed"),
        (lambda: adapter.call(plain(), temperature=1), "no argument of the SDK's transport"),
        (
            lambda: adapter.call(OpenAIChatFormatter().build_request(TEXT, [Msg.user("x")])),
            "no endpoint of the dashscope SDK",
        ),
        (
            lambda: adapter.call(
                Request({**plain().body, "resources": {}}, plain().plan, path=plain().path)
            ),
            "cannot send 'resources'",
        ),
    ],
)
def test_what_cannot_be_carried_is_refused_before_it_is_sent(
    emulator: Emulator, send: Callable[[], Any], match: str
) -> None:
    with pytest.raises(OptionError, match=match):
        send()
    assert emulator.requests == ()


# ------------------------------------------------------------------ the client of dashscope 2


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Any]:
    import dashscope

    with dashscope.Client(
        api_key="sk-secret", base_url=f"{emulator.url}/api/v1", protocol="native", max_retries=0
    ) as client:
        yield client


def test_the_second_client_uploads_media_and_no_text(
    emulator: Emulator, client: Any, named: str
) -> None:
    from dashscope.common.error import UploadFileException

    request = DashScopeChatFormatter().build_request(PARTS, [Msg.user(named)])
    client.multimodal.chat.create(model=PARTS, messages=request.messages)
    assert emulator.requests[0].body["input"]["messages"] == request.messages
    request.messages[0]["content"].append({"image": named})
    with pytest.raises(UploadFileException):
        client.multimodal.chat.create(model=PARTS, messages=request.messages)
    assert emulator.requests[1].path == "/api/v1/uploads"


@pytest.mark.parametrize(
    "part",
    [
        {"text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"image": "https://example.com/a.png", "enable_rotate": True},
        {"video": "https://example.com/a.mp4", "max_frames": 8},
    ],
)
def test_the_second_client_refuses_parts_that_it_does_not_know(
    emulator: Emulator, client: Any, part: dict[str, Any]
) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        client.chat.completions.create(model=PARTS, messages=[{"role": "user", "content": [part]}])
    assert emulator.requests == ()
    request = DashScopeChatFormatter().build_request(PARTS, [Msg.user("x")])
    request.messages[0]["content"] = [part]
    adapter.call(request)
    assert emulator.requests[0].body["input"]["messages"][0]["content"] == [part]


def test_the_transport_of_the_second_client_sends_our_bytes(
    emulator: Emulator, client: Any
) -> None:
    request = DashScopeChatFormatter(policy="rolling").build_request(
        TEXT, [Msg.user("\x1b[31mKöln\x1b[0m \u2028 \ud83d")]
    )
    answer = client.transport.request(
        "POST",
        request.path.removeprefix("/api/v1"),
        content=request.to_json().encode(),
        headers=request.headers,
    )
    assert answer.status_code == 200
    assert emulator.requests[0].raw == request.to_json().encode()
