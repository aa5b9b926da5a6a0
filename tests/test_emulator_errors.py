"""The emulator's errors: as they were recorded, for every fault, and as the SDKs read them."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wiremark import jsontext
from wiremark.errors import OptionError

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Emulator, EmulatorState, Reply
from wiremark.emulator.exchange import Arrived
from wiremark.emulator.failures import body_of, known, simple
from wiremark.rules.failures import FAILURES, SHAPES, STATUS_NAMES
from wiremark.traffic.services import SERVICES

CHAT = "/v1/chat/completions"
COMPATIBLE = "/compatible-mode/v1/chat/completions"
ROUTER = "/api/v1/chat/completions"
MESSAGES = "/v1/messages"
ON_DASHSCOPE = "/apps/anthropic/v1/messages"
TEXT = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL = "/api/v1/services/aigc/multimodal-generation/generation"
COUNT = f"{MESSAGES}/count_tokens"
POSTS = (CHAT, COMPATIBLE, ROUTER, MESSAGES, ON_DASHSCOPE, TEXT, MULTIMODAL)
VERSION = {"anthropic-version": "2023-06-01"}
MARK = {"cache_control": {"type": "ephemeral"}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}


def body_for(path: str) -> dict[str, Any]:
    """Return a body with marks, tools, a call and its result, which the provider takes."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": SCHEMA}}]
    if path in (MESSAGES, ON_DASHSCOPE, COUNT):
        used = {"type": "tool_use", "id": "c1", "name": "f", "input": {"city": "x"}}
        result = {"type": "tool_result", "tool_use_id": "c1", "content": "mild", **MARK}
        return {
            "model": "claude-opus-5-5" if path != ON_DASHSCOPE else "qwen-plus",
            **({} if path == COUNT else {"max_tokens": 100, "stop_sequences": ["end"]}),
            "system": [{"type": "text", "text": "head " * 9, **MARK}],
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": [{"type": "text", "text": "hm"}, used]},
                {"role": "user", "content": [result]},
            ],
            "tools": [{"name": "f", "input_schema": SCHEMA}],
        }
    head: Any = [{"type": "text", "text": "head " * 9, **MARK}]
    if path == MULTIMODAL:
        head = [{"text": "head " * 9, **MARK}]
    messages = [
        {"role": "system", "content": head},
        {"role": "user", "content": [{"text": "hello"}] if path == MULTIMODAL else "hello"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "mild"},
    ]
    if path in (TEXT, MULTIMODAL):
        parameters = {"result_format": "message", "tools": tools, "temperature": 0.5}
        return {"model": "qwen-plus", "input": {"messages": messages}, "parameters": parameters}
    return {"model": "qwen-plus", "messages": messages, "tools": tools, "temperature": 0.5}


class Got:
    """An answer as it arrived."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers, self.raw = response.status, response.headers, response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


def send(
    emulator: Emulator,
    path: str,
    body: Any = None,
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> Got:
    """Send a body (bytes and iterators of them as they are) and return the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=20)
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    try:
        connection.request(method, path, data, VERSION | (headers or {}))
        return Got(connection.getresponse())
    finally:
        connection.close()


def ask(
    state: EmulatorState,
    path: str,
    body: Any = b"",
    *,
    method: str = "POST",
    headers: dict[str, str] | None = None,
    query: str = "",
) -> tuple[int, Any]:
    """Send without a socket, to the end; return the status and what was told."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = tuple((VERSION | (headers or {})).items())
    answer = state.handle(Arrived(method, path, query, sent, raw))
    text = answer.body.decode() if answer.events is None else "".join(answer.events)
    answer.finish()
    told = json.loads(text) if answer.events is None else text
    return answer.status, told


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
def state() -> Iterator[EmulatorState]:
    state = EmulatorState()
    yield state
    assert state.problems == []


def shaped(body: Any, family: str) -> bool:
    """Say whether a body is an error in the shape of a family, with words in it."""
    if family == "native":
        return list(body) == ["code", "message", "request_id"] and bool(body["message"])
    error = body["error"]
    if not isinstance(error["message"], str) or not error["message"]:
        return False
    if family in ("anthropic", "dashscope-messages"):
        if "type" not in body:  # what stands before the API
            return list(error) == ["type", "message"]
        return body["type"] == "error" and list(body)[:2] == ["type", "error"]
    if family == "openrouter":
        return list(error)[:2] == ["message", "code"] and isinstance(error["code"], int)
    return list(error) == ["message", "type", "param", "code"]


# ------------------------------------------------------------------------------- what is known

ROWS = [(family, name) for family, rows in FAILURES.items() for name in rows]


@pytest.mark.parametrize(("family", "name"), ROWS)
def test_every_row_has_a_source_or_says_what_is_assumed(family: str, name: str) -> None:
    row = FAILURES[family][name]
    assert row.source is not None or row.assumed
    if row.source is not None:
        assert re.fullmatch(r"https://[^ ]+", row.source.url)
        assert re.fullmatch(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]", row.source.read)
    assert 400 <= row.status <= 599
    assert row.shape in SHAPES


@pytest.mark.parametrize("family", FAILURES)
def test_every_provider_has_words_for_what_may_happen(family: Any) -> None:
    needed = {"wrong-key", "denied", "no-balance", "unknown-model", "unknown-path", "wrong-method"}
    needed |= {"bad-json", "unknown-encoding", "too-large", "too-many-requests", "server"}
    assert needed <= FAILURES[family].keys()
    for name in STATUS_NAMES.values():
        told = body_of(known(family, name, model="m"), family, "id")
        assert shaped(told, family), (name, told)


RECORDED = [
    (
        "openai",
        "wrong-key",  # continuedev/continue#11409, the key left out
        {},
        (
            '{"error":{"message":"Incorrect API key provided: ***. You can find your API key at'
            ' https://platform.openai.com/account/api-keys.","type":"invalid_request_error",'
            '"param":null,"code":"invalid_api_key"}}'
        ),
    ),
    (
        "openai",
        "unknown-model",  # shobrook/wut#14
        {"model": "gpt-4o"},
        (
            '{"error":{"message":"The model `gpt-4o` does not exist or you do not have access to it.",'
            '"type":"invalid_request_error","param":null,"code":"model_not_found"}}'
        ),
    ),
    (
        "openai",
        "unknown-path",  # harry0703/MoneyPrinterTurbo#57
        {"method": "POST", "path": "/v1/chat/completions/chat/completions"},
        (
            '{"error":{"message":"Invalid URL (POST /v1/chat/completions/chat/completions)",'
            '"type":"invalid_request_error","param":null,"code":null}}'
        ),
    ),
    (
        "openai",
        "server",  # openai/openai-cua-sample-app#54
        {},
        (
            '{"error":{"message":"The server had an error processing your request. Sorry about that!'
            " You can retry your request, or contact us through our help center at help.openai.com if"
            ' you keep seeing this error. (Please include the request ID ID in your email.)",'
            '"type":"server_error","param":null,"code":null}}'
        ),
    ),
    (
        "anthropic",
        "wrong-bearer",  # kubewall/kubewall#132
        {},
        (
            '{"type":"error","error":{"type":"authentication_error","message":"Invalid bearer token"},'
            '"request_id":"ID"}'
        ),
    ),
    (
        "anthropic",
        "wrong-version",  # directus-labs/extensions#285
        {"version": "2023-10-01"},
        (
            '{"type":"error","error":{"type":"invalid_request_error","message":"anthropic-version:'
            ' \\"2023-10-01\\" is not a valid version"},"request_id":"ID"}'
        ),
    ),
    (
        "anthropic",
        "too-large",  # anthropics/anthropic-sdk-python#938
        {},
        '{"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}',
    ),
    (
        "anthropic",
        "overloaded",  # anthropics/claude-code#35792
        {},
        (
            '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},'
            '"request_id":"ID"}'
        ),
    ),
    (
        "anthropic",
        "too-many-requests",  # anthropics/claude-code#49036
        {},
        (
            '{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed'
            ' your account\'s rate limit. Please try again later."},"request_id":"ID"}'
        ),
    ),
    (
        "compatible",
        "unknown-model",  # ChatLunaLab/chatluna#482
        {"model": "qwen-plus-latest-thinking"},
        (
            '{"error":{"message":"The model `qwen-plus-latest-thinking` does not exist or you do not'
            ' have access to it.","type":"invalid_request_error","param":null,'
            '"code":"model_not_found"},"request_id":"ID"}'
        ),
    ),
    (
        "compatible",
        "bad-json",  # olimorris/codecompanion.nvim#3109
        {},
        (
            '{"error":{"message":"Required body invalid, please check the request body format.",'
            '"type":"invalid_request_error","param":null,"code":null},"request_id":"ID"}'
        ),
    ),
    (
        "compatible",
        "moderated",  # 666ghj/BettaFish#449
        {},
        (
            '{"error":{"message":"Input data may contain inappropriate content. For details, see:'
            ' https://help.aliyun.com/zh/model-studio/error-code#inappropriate-content",'
            '"type":"data_inspection_failed","param":null,"code":"data_inspection_failed"},'
            '"id":"chatcmpl-ID","request_id":"ID"}'
        ),
    ),
    (
        "native",
        "wrong-key",  # dinoanderson/qwen_cli_coder#1
        {},
        '{"code":"InvalidApiKey","message":"Invalid API-key provided.","request_id":"ID"}',
    ),
    (
        "openrouter",
        "unknown-model",  # sipeed/picoclaw#1790
        {"model": "minimax-m2.5:free"},
        (
            '{"error":{"message":"minimax-m2.5:free is not a valid model ID","code":400},'
            '"user_id":"user_emulated"}'
        ),
    ),
    (
        "openrouter",
        "wrong-key",  # apurvsinghgautam/robin#103
        {},
        '{"error":{"message":"User not found.","code":401}}',
    ),
    (
        "openrouter",
        "no-balance",  # open-assistant-org/open-assistant#80
        {},
        (
            '{"error":{"message":"Insufficient credits. Add more using'
            ' https://openrouter.ai/settings/credits","code":402,"metadata":{"limit_source":'
            '"openrouter_credits","remedy_hint":"Add credits at https://openrouter.ai/settings/credits,'
            ' or lower max_tokens / prompt size to fit your remaining balance."}}}'
        ),
    ),
]


@pytest.mark.parametrize(("family", "name", "fields", "text"), RECORDED)
def test_bodies_are_those_that_were_recorded(
    family: Any, name: str, fields: dict[str, str], text: str
) -> None:
    assert jsontext.dumps(body_of(known(family, name, **fields), family, "ID")) == text


@pytest.mark.parametrize("family", FAILURES)
def test_a_status_without_a_row_keeps_its_number_and_gets_the_shape(family: Any) -> None:
    for status in (400, 402, 404, 408, 409, 418, 422, 451, 499, 500, 502, 507, 520, 529, 599):
        failure = simple(family, status, model="m")
        assert failure.status == status
        assert shaped(body_of(failure, family, "id"), family)
    assert simple(family, 503, message="closed").message == "closed"


def test_what_a_client_writes_is_not_taken_for_a_field() -> None:
    told = known("openai", "unknown-model", model="{path} {request_id} {0}")
    assert told.message.startswith("The model `{path} {request_id} {0}` does")


@pytest.mark.parametrize("path", POSTS)
def test_a_scenario_may_have_any_error_by_its_name(path: str) -> None:
    family = SERVICES[path].family
    own = sorted(FAILURES[family])
    state = EmulatorState([{"error": name} for name in own])
    for name in own:
        status, told = ask(state, path, body_for(path))
        assert (status, shaped(told, family)) == (FAILURES[family][name].status, True)
    words = EmulatorState([{"error": "moderated", "message": "no"}])
    assert "no" in json.dumps(ask(words, path, body_for(path))[1])
    with pytest.raises(OptionError, match=r"none of .*moderated"):
        Reply(error="none-such")


# ---------------------------------------------------------------------------------- who may ask


@pytest.mark.parametrize("path", POSTS)
def test_any_key_or_none_is_taken_by_default(state: EmulatorState, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer x"}, {"x-api-key": "y"}):
        assert ask(state, path, body_for(path), headers=headers)[0] == 200


@pytest.mark.parametrize("path", POSTS)
def test_of_named_keys_one_has_to_be_brought(path: str) -> None:
    state = EmulatorState(keys=("sk-good", "sk-too"))
    for key in ("sk-good", "sk-too"):
        for scheme in ("Bearer", "bearer"):
            headers = {"authorization": f"{scheme} {key}"}
            assert ask(state, path, body_for(path), headers=headers)[0] == 200
    family = SERVICES[path].family
    for headers in ({}, {"authorization": "Bearer sk-bad"}, {"authorization": "sk-good"}):
        status, told = ask(state, path, body_for(path), headers=headers)
        assert status == 401
        assert shaped(told, family)
        assert "sk-" not in json.dumps(told)
    assert state.requests[-1].predicted is None
    assert "sk-good" not in repr(vars(state))


def test_the_key_of_messages_stands_in_a_header_of_its_own() -> None:
    state = EmulatorState(keys=["sk-good"])
    for path in (MESSAGES, ON_DASHSCOPE, COUNT):
        assert ask(state, path, body_for(path), headers={"x-api-key": "sk-good"})[0] == 200
    assert ask(state, CHAT, body_for(CHAT), headers={"x-api-key": "sk-good"})[0] == 401

    def told(headers: dict[str, str]) -> Any:
        return ask(state, MESSAGES, body_for(MESSAGES), headers=headers)[1]["error"]["message"]

    assert told({}) == "x-api-key header is required"
    assert told({"x-api-key": "sk-bad"}) == "invalid x-api-key"
    assert told({"authorization": "Bearer sk-bad"}) == "Invalid bearer token"


def test_keys_are_looked_at_wherever_a_provider_answers() -> None:
    state = EmulatorState(keys=["sk-good"])
    for path in ("/v1/models", "/v1/models/gpt-5.6", "/none"):
        assert ask(state, path, method="GET")[0] == 401
        good = {"authorization": "Bearer sk-good"}
        assert ask(state, path, method="GET", headers=good)[0] in (200, 404)
    status, told = ask(state, "/api/v1/models", method="GET", query="page_no=1")
    assert (status, told["code"]) == (401, "InvalidApiKey")


# -------------------------------------------------------------------------- tokens, and versions


@pytest.mark.parametrize("path", [MESSAGES, ON_DASHSCOPE])
def test_counted_tokens_are_those_of_the_message(state: EmulatorState, path: str) -> None:
    body = body_for(path)
    body["system"][0]["text"] = "word " * 3000
    counting = {key: body[key] for key in body if key not in ("max_tokens", "stop_sequences")}
    status, told = ask(state, f"{path}/count_tokens", counting)
    assert status == 200
    assert list(told) == ["input_tokens"]
    usage = ask(state, path, body)[1]["usage"]
    assert usage["cache_read_input_tokens"] == 0  # counting has cached nothing
    assert told["input_tokens"] == sum(
        usage[key]
        for key in ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    )
    again = ask(state, f"{path}/count_tokens", counting)[1]
    assert again == told
    counted, sent = state.requests[:2]
    assert (counted.status, counted.predicted, counted.answered) == (200, None, None)
    assert counted.findings == sent.findings
    assert counted.model == body["model"]


def test_counting_takes_no_reply_of_the_scenario() -> None:
    state = EmulatorState(["first"])
    ask(state, COUNT, body_for(COUNT))
    told = ask(state, MESSAGES, body_for(MESSAGES))[1]
    assert told["content"][0]["text"] == "first"


def test_what_is_no_message_is_not_counted(state: EmulatorState) -> None:
    def error(body: dict[str, Any], path: str = COUNT) -> Any:
        status, told = ask(state, path, body)
        assert (status, shaped(told, "anthropic")) == (400, True)
        return told["error"]["message"]

    good = body_for(COUNT)
    assert error({"model": "claude-opus-5-5"}) == "messages: Field required"
    assert error(good | {"max_tokens": 5}) == "max_tokens: Extra inputs are not permitted"
    assert error(good | {"stream": True}) == "stream: Extra inputs are not permitted"
    assert "messages" in error(good | {"messages": "x"})
    assert ask(state, COUNT, method="GET")[0] == 405
    assert ask(state, f"{CHAT}/count_tokens", body_for(CHAT))[0] == 404


@pytest.mark.parametrize("version", ["2023-10-01", "2023-06-01, 2023-06-01", "x"])
def test_anthropic_names_a_version_that_it_does_not_have(
    state: EmulatorState, version: str
) -> None:
    for path in (MESSAGES, COUNT):
        status, told = ask(state, path, body_for(path), headers={"anthropic-version": version})
        words = f'anthropic-version: "{version}" is not a valid version'
        assert (status, told["error"]["message"]) == (400, words)
        body = body_for(path)
        told = ask(state, path, body, headers={"anthropic-version": ""})[1]
        assert told["error"]["message"] == "anthropic-version: header is required"
    twice = [("anthropic-version", "2023-06-01")] * 2
    raw = json.dumps(body_for(MESSAGES)).encode()
    answer = state.handle(Arrived("POST", MESSAGES, "", twice, raw))
    assert b'\\"2023-06-01, 2023-06-01\\" is not a valid version' in answer.body


def test_beta_features_are_no_error(state: EmulatorState) -> None:
    beta = {"anthropic-beta": "prompt-caching-2024-07-31,none-such-2030-01-01"}
    assert ask(state, MESSAGES, body_for(MESSAGES), headers=beta)[0] == 200


def test_dashscope_takes_any_version_of_messages(state: EmulatorState) -> None:
    for version in ("2023-10-01", ""):
        headers = {"anthropic-version": version}
        assert ask(state, ON_DASHSCOPE, body_for(ON_DASHSCOPE), headers=headers)[0] == 200


# ---------------------------------------------------------------------------------- the models


def test_models_are_listed_in_each_form() -> None:
    state = EmulatorState(models=["qwen-plus", "acme/own model"])
    bare = {"anthropic-version": ""}
    told = ask(state, "/compatible-mode/v1/models", method="GET")[1]
    assert [each["id"] for each in told["data"]] == ["qwen-plus", "acme/own model"]
    told = ask(state, "/v1/models/acme/own%20model", method="GET")[1]
    assert (told["type"], told["id"], told["lifecycle"]) == ("model", "acme/own model", "active")
    status, told = ask(state, "/v1/models/none", method="GET")
    assert (status, told["error"]["message"]) == (404, "model: none")
    status, told = ask(state, "/compatible-mode/v1/models/none", method="GET", headers=bare)
    assert (status, told["error"]["code"]) == (404, "model_not_found")
    query = "page_no=2&page_size=1"
    told = ask(state, "/api/v1/models", method="GET", query=query)[1]
    assert [each["model"] for each in told["output"]["models"]] == ["acme/own model"]
    assert (told["output"]["total"], told["output"]["page_no"]) == (2, 2)
    for query in ("page_no=&page_size=x", "page_no=0&model=none", "page_no=99999999999999"):
        status, told = ask(state, "/api/v1/models", method="GET", query=query)
        assert status == 200
        assert isinstance(told["output"]["models"], list)
    assert ask(EmulatorState(models=()), "/v1/models", method="GET")[1]["first_id"] is None


def test_without_a_list_every_model_is_there(state: EmulatorState) -> None:
    assert ask(state, "/v1/models/any-name", method="GET")[1]["id"] == "any-name"
    told = ask(state, "/api/v1/models", method="GET", query="page_no=1&model=any-name")[1]
    assert told["output"]["models"][0]["model"] == "any-name"


# ----------------------------------------------------------------------------- the SDKs' parsers


@pytest.mark.sdk
def test_openai_reads_its_errors() -> None:
    openai = pytest.importorskip("openai", reason="the extra `openai` is not installed")
    replies = [Reply(status=status) for status in (429, 500, 503)]
    with Emulator(replies, keys=["sk-good"], models=["gpt-5.6"]) as emulator:

        def client(key: str) -> Any:
            url = f"{emulator.url}/v1"
            return openai.OpenAI(base_url=url, api_key=key, max_retries=0)

        with client("sk-bad") as wrong, pytest.raises(openai.AuthenticationError) as caught:
            wrong.models.list()
        assert caught.value.code == "invalid_api_key"
        with client("sk-good") as right:
            assert right.models.retrieve("gpt-5.6").id == "gpt-5.6"
            assert [each.id for each in right.models.list()] == ["gpt-5.6"]
            with pytest.raises(openai.NotFoundError) as missing:
                right.models.retrieve("none")
            assert missing.value.code == "model_not_found"
            said = {"model": "gpt-5.6", "messages": [{"role": "user", "content": "x"}]}
            with pytest.raises(openai.RateLimitError) as limited:
                right.chat.completions.create(**said)
            assert (limited.value.type, limited.value.code) == ("requests", "rate_limit_exceeded")
            assert str(limited.value.request_id).startswith("emulated-")
            for _ in range(2):
                with pytest.raises(openai.InternalServerError) as broken:
                    right.chat.completions.create(**said)
                assert broken.value.type == "server_error"
        assert emulator.state.problems == []


@pytest.mark.sdk
def test_anthropic_reads_its_errors() -> None:
    anthropic = pytest.importorskip("anthropic", reason="the extra `anthropic` is not installed")
    replies = [Reply(status=status) for status in (429, 529, 500)]
    with Emulator(replies, keys=["sk-good"], models=["claude-opus-5-5"]) as emulator:

        def client(key: str) -> Any:
            return anthropic.Anthropic(base_url=emulator.url, api_key=key, max_retries=0)

        with client("sk-bad") as wrong, pytest.raises(anthropic.AuthenticationError) as caught:
            wrong.models.list()
        assert caught.value.type == "authentication_error"
        with client("sk-good") as right:
            assert right.models.retrieve("claude-opus-5-5").lifecycle == "active"
            assert [each.id for each in right.models.list()] == ["claude-opus-5-5"]
            with pytest.raises(anthropic.NotFoundError, match="model: none"):
                right.models.retrieve("none")
            said = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "hello"}]}
            assert right.messages.count_tokens(**said).input_tokens > 0
            for name in ("RateLimitError", "OverloadedError", "InternalServerError"):
                with pytest.raises(getattr(anthropic, name)) as told:
                    right.messages.create(max_tokens=5, **said)
                assert str(told.value.request_id).startswith("emulated-")
            packed = {"content-encoding": "br"}
            with pytest.raises(anthropic.BadRequestError) as encoded:
                right.messages.create(max_tokens=5, extra_headers=packed, **said)
            assert encoded.value.error_code == "request_body_encoding_unsupported"
        assert emulator.state.problems == []


@pytest.mark.sdk
def test_dashscope_reads_its_errors() -> None:
    dashscope = pytest.importorskip("dashscope", reason="the extra `dashscope` is not installed")
    said = {"model": "qwen-plus", "messages": [{"role": "user", "content": "x"}]}
    with Emulator([Reply(status=429)], keys=["sk-good"], models=["qwen-plus"]) as emulator:

        def call(key: str, **more: Any) -> Any:
            url = f"{emulator.url}/api/v1"
            return dashscope.Generation.call(base_address=url, api_key=key, **(said | more))

        told = call("sk-bad")
        assert (told.status_code, told.code) == (401, "InvalidApiKey")
        assert told.message == "Invalid API-key provided."
        assert told.request_id
        told = call("sk-good")
        assert (told.status_code, told.code) == (429, "Throttling.RateQuota")
        told = call("sk-good", model="none")
        assert (told.status_code, told.message) == (400, "Model not exist.")
        assert call("sk-good", result_format="message").status_code == 200
        assert emulator.state.problems == []


# ------------------------------------------------------------------------------- what is no JSON

DEEP = 10_000
BROKEN = [
    b"",
    b" ",
    b"{",
    b'{"model"',
    b"[]",
    b"[{}]",
    b"null",
    b"true",
    b"3",
    b'"x"',
    b"NaN",
    b'{"model":"m","messages":[],"temperature":NaN}',
    b'{"model":"m","messages":[],"temperature":-Infinity}',
    b'{"model":"m","messages":[],"temperature":1e999}',
    b'{"model":"m","messages":[],"n":' + b"9" * 5000 + b"}",
    b"\xff\xfe{}",
    b"\xef\xbb\xbf{}",
    b'{"model":"\xc3\x28"}',
    b'{"model":"\xed\xa0\x80"}',
    b'{"model":"m"}x',
    b"{'model':'m'}",
    b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    b"[" * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    gzip.compress(b'{"model":"m"}'),
    b"--x\r\ncontent-disposition: form-data\r\n\r\n",
    b"model=qwen-plus&messages=hello",
]


@pytest.mark.parametrize("path", [*SERVICES, COUNT])
def test_what_is_no_body_is_refused_in_shape(state: EmulatorState, path: str) -> None:
    family = "anthropic" if path == COUNT else SERVICES[path].family
    for raw in BROKEN:
        for headers in ({}, {"x-dashscope-sse": "enable"}):
            status, told = ask(state, path, raw, headers=headers)
            if isinstance(told, str):  # an event
                assert '"code":' in told
            else:
                assert (status, shaped(told, family)) == (400, True), raw[:60]
    assert len(state.requests) == 2 * len(BROKEN)


def test_lone_surrogates_and_equal_keys_are_read(state: EmulatorState) -> None:
    raw = rb'{"model":"m","model":"n","messages":[{"role":"user","content":"a \ud800"}]}'
    status, told = ask(state, CHAT, raw)
    assert (status, told["model"]) == (200, "n")
    raw = rb'{"model":"\udfff","messages":[{"role":"user","content":"x"}]}'
    other = EmulatorState(models=["m"])
    for path in (CHAT, COMPATIBLE, ROUTER):
        status, told = ask(other, path, raw)
        assert status in (400, 404)
        assert "\udfff" in told["error"]["message"]
    assert other.problems == []


@pytest.mark.parametrize("path", POSTS)
def test_bodies_may_be_packed(state: EmulatorState, path: str) -> None:
    raw = json.dumps(body_for(path)).encode()
    for encoding, packed in (
        ("gzip", gzip.compress(raw)),
        ("X-GZIP", gzip.compress(raw)),
        ("deflate", zlib.compress(raw)),
        ("identity", raw),
        ("deflate, gzip", gzip.compress(zlib.compress(raw))),
    ):
        status, _ = ask(state, path, packed, headers={"content-encoding": encoding})
        assert (encoding, status) == (encoding, 200)
        assert state.requests[-1].raw == packed
        assert state.requests[-1].body == json.loads(raw)
    family = SERVICES[path].family
    whole = gzip.compress(raw)
    for encoding, packed, statuses in (
        ("br", raw, (400, 415)),
        ("zstd", raw, (400, 415)),
        ("gzip", raw, (400, 415)),
        ("gzip", whole[:-9], (400, 415)),
        ("gzip", b"", (400, 415)),
    ):
        status, told = ask(state, path, packed, headers={"content-encoding": encoding})
        assert status in statuses
        assert shaped(told, family)


def test_a_packed_body_does_not_grow_without_end() -> None:
    state = EmulatorState(max_body=1 << 20)
    bomb = gzip.compress(b"x" * (64 << 20))
    assert len(bomb) < 1 << 20
    status, told = ask(state, CHAT, bomb, headers={"content-encoding": "gzip"})
    assert (status, shaped(told, "openai")) == (413, True)
    assert state.problems == []


# -------------------------------------------------------------------------- whatever may be sent

_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "text", "user", "auto", "1h", "\ud800", "\x00", "{}", "image_url"]),
    st.sampled_from(["a" * 5000, {"type": "ephemeral"}, {"type": "text", "text": ""}]),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "text", "cache_control", "role", "content", "ttl", "x"]),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys = (
        value.keys()
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    for key in keys:
        yield (*path, key)
        yield from _places(value[key], (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return a path, and a body for it in which something was replaced, dropped or put in."""
    path = draw(st.sampled_from([*POSTS, COUNT]))
    body = json.loads(json.dumps(body_for(path)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(sorted(_places(body), key=repr) or [("model",)]))
        holder: Any = body
        for key in place[:-1]:
            holder = holder[key]
        act = draw(st.sampled_from(["replace", "drop", "add", "twice"]))
        if act == "replace":
            holder[place[-1]] = deepcopy(draw(_VALUES))
        elif act == "drop":
            del holder[place[-1]]
        elif isinstance(holder, list):
            holder.append(deepcopy(draw(_VALUES)) if act == "add" else deepcopy(holder[place[-1]]))
        else:
            holder[draw(st.sampled_from(["cache_control", "stream", "x", "type"]))] = deepcopy(
                draw(_VALUES)
            )
    return path, body


@settings(deadline=None, max_examples=400, suppress_health_check=list(HealthCheck))
@given(mutated(), st.booleans())
def test_any_body_gets_an_answer_or_an_error_in_shape(
    case: tuple[str, dict[str, Any]], sse: bool
) -> None:
    path, body = case
    state = EmulatorState(models=["qwen-plus", "claude-opus-5-5"])
    family = "anthropic" if path == COUNT else SERVICES[path].family
    headers = {"x-dashscope-sse": "enable"} if sse else {}
    for _ in range(2):
        status, told = ask(state, path, jsontext.dumpb(body), headers=headers)
        assert state.problems == []
        assert 200 <= status < 500
        if status != 200:
            assert shaped(told, family), told
    assert state.requests[0].status in (200, *range(400, 500))
    assert "Traceback" not in json.dumps(state.requests[0].to_dict())


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(
        [*POSTS, COUNT, "/", "/none", "/v1/models", "/api/v1/tasks/x", "//", "/v1/%ff"]
    ),
    st.sampled_from(["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "POST", "TRACE", "X"]),
    st.binary(max_size=50),
    st.dictionaries(
        st.sampled_from(
            ["authorization", "x-api-key", "content-encoding", "x-wiremark-host", "accept"]
        ),
        st.text(st.characters(max_codepoint=255), max_size=20),
    ),
    st.text(max_size=20),
)
def test_any_request_gets_an_answer(
    path: str, method: str, raw: bytes, headers: dict[str, str], query: str
) -> None:
    state = EmulatorState(keys=["sk-good"] if raw[:1] > b"\x80" else None)
    status, _ = ask(state, path, raw, method=method, headers=headers, query=query)
    assert state.problems == []
    assert 200 <= status < 500


# ---------------------------------------------------------------------------------- on the wire


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_wrong_methods_are_told_so_in_shape(emulator: Emulator, method: str) -> None:
    for path in POSTS:
        got = send(emulator, path, method=method)
        assert (got.status, got.headers["allow"]) == (405, "POST")
        assert shaped(got.json, SERVICES[path].family)


def test_browsers_of_other_pages_are_not_let_in(emulator: Emulator) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    for path in (*POSTS, "/v1/models", "/none"):
        got = send(emulator, path, method="OPTIONS", headers=asked)
        assert got.status in (404, 405)
        assert not [name for name in got.headers if name.startswith("access-control")]


def test_a_head_has_no_body(emulator: Emulator) -> None:
    assert send(emulator, "/v1/models", method="HEAD").raw == b""
    got = send(emulator, CHAT, method="HEAD")
    assert (got.status, got.raw) == (405, b"")
    assert send(emulator, CHAT, body_for(CHAT)).status == 200


@pytest.mark.parametrize("path", [*POSTS, COUNT])
def test_a_body_may_come_in_pieces_and_slowly(emulator: Emulator, path: str) -> None:
    raw = json.dumps(body_for(path)).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(raw), 200):
            time.sleep(0.002)
            yield raw[start : start + 200]

    assert send(emulator, path, pieces()).status == 200  # in chunks, without a length
    assert emulator.requests[-1].raw == raw


def test_large_headers_are_taken_and_huge_ones_refused(emulator: Emulator) -> None:
    assert send(emulator, CHAT, body_for(CHAT), headers={"x-large": "x" * 8000}).status == 200
    with contextlib.suppress(OSError, http.client.HTTPException):
        got = send(emulator, CHAT, body_for(CHAT), headers={"x-huge": "x" * 5_000_000})
        assert 400 <= got.status < 500
        assert b"Traceback" not in got.raw
    assert send(emulator, CHAT, body_for(CHAT)).status == 200


def _raw(emulator: Emulator, data: bytes, *, wait: bool = True) -> bytes:
    with socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as connection:
        connection.sendall(data)
        if not wait:
            return b""
        connection.shutdown(socket.SHUT_WR)
        got = b""
        with contextlib.suppress(OSError):
            while chunk := connection.recv(65536):
                got += chunk
        return got


def test_what_is_no_http_does_no_harm(emulator: Emulator) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\n".encode()
    for data in (
        b"\x16\x03\x01\x00\xa5\x01\x00\x00",
        b"GET\r\n\r\n",
        head + b"content-length: -1\r\n\r\n",
        head + b"content-length: 5\r\ncontent-length: 6\r\n\r\n{}",
        head + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
        head + b"content-length: 100\r\n\r\n{",
        b"POST /\xff\xfe HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    ):
        assert b"Traceback" not in _raw(emulator, data)
        _raw(emulator, data, wait=False)
    assert send(emulator, CHAT, body_for(CHAT)).status == 200


def test_clients_that_leave_in_the_middle_do_no_harm() -> None:
    reply = {"text": "a long answer " * 20, "pause": 0.01}
    with Emulator([reply] * 8) as emulator:
        raw = json.dumps(body_for(CHAT) | {"stream": True}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(raw)}\r\n\r\n".encode()

        def leave() -> None:
            with socket.create_connection(("127.0.0.1", emulator.port), timeout=5) as connection:
                connection.sendall(head + raw)
                assert connection.recv(100).startswith(b"HTTP/1.1 200")

        threads = [threading.Thread(target=leave) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert send(emulator, CHAT, body_for(CHAT)).status == 200
        until = time.monotonic() + 10
        while time.monotonic() < until and not all(each.ended for each in emulator.requests):
            time.sleep(0.01)
        assert all(each.ended for each in emulator.requests)
        assert emulator.state.problems == []
