"""What agents, frameworks and the tool runners of SDKs were seen to send, without installing them.

Seen 2026-11-21: anthropic 2.12.0 and @anthropic-ai/sdk 1.12.0 send threads from their tool runners;
Qwen Code marks nothing unless its base URL has DashScope's host in it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from wiremark.sse import read_events

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from wiremark.emulator import Emulator, threads

MARK = {"cache_control": {"type": "ephemeral"}}
SYSTEM = [{"type": "text", "text": "You plan trips. " * 500, **MARK}]
TOOLS = [{"name": "weather", "input_schema": {"type": "object", "properties": {}}}]
TWO = [{"name": "weather", "arguments": {"city": city}} for city in ("Cologne", "Rome")]
CREATE = {"type": "create"}


def post(
    emulator: Emulator,
    body: dict[str, Any],
    *,
    key: str = "x",
    path: str = "/v1/messages",
    headers: dict[str, str] | None = None,
) -> tuple[int, Any]:
    """Send a body as the SDKs do; of a stream return its events."""
    parts = urlsplit(emulator.url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    sent = {"anthropic-version": "2023-06-01", "anthropic-beta": "message-threads-2026-08-12"}
    sent |= {"x-api-key": key, **(headers or {})}
    with contextlib.closing(connection):
        connection.request("POST", path, json.dumps(body), sent)
        response = connection.getresponse()
        with response:
            raw = response.read()
    if "event-stream" in (response.getheader("content-type") or ""):
        return response.status, [json.loads(event.data) for event in read_events(raw)]
    return response.status, json.loads(raw)


def _got(emulator: Emulator, path: str) -> bytes:
    with urllib.request.urlopen(emulator.url + path, timeout=10) as response:
        raw: bytes = response.read()
        return raw


def begin(emulator: Emulator, **more: Any) -> Any:
    asked = [{"role": "user", "content": "Where is it warm?"}]
    body = {"model": "claude-opus-5-5", "max_tokens": 500, "messages": asked, "thread": CREATE}
    status, answer = post(emulator, {**body, "system": SYSTEM, "tools": TOOLS, **more})
    assert status == 200
    return answer


def go_on(emulator: Emulator, before: str, *messages: Any, **more: Any) -> tuple[int, Any]:
    thread = {"type": "continue", "previous_message_id": before}
    key = more.pop("key", "x")
    body = {"model": "claude-opus-5-5", "max_tokens": 500, "messages": list(messages)}
    return post(emulator, {**body, "thread": thread, **more}, key=key)


def results(answer: Any) -> dict[str, Any]:
    calls = [block["id"] for block in answer["content"] if block["type"] == "tool_use"]
    content = [{"type": "tool_result", "tool_use_id": call, "content": "mild"} for call in calls]
    return {"role": "user", "content": content}


def said(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text, **more}]}


def code_of(answer: tuple[int, Any]) -> tuple[int, str, str]:
    error = answer[1]["error"]
    return answer[0], error["type"], error["details"]["error_code"]


NOT_FOUND = (404, "not_found_error", "thread_not_found")
CONTINUED = (400, "invalid_request_error", "thread_already_continued")
IN_FLIGHT = (400, "invalid_request_error", "thread_continue_in_flight")


def test_results_alone_go_on_with_the_calls_of_a_thread() -> None:
    with Emulator([{"calls": TWO}, "In Rome."]) as emulator:
        first = begin(emulator)
        status, second = go_on(emulator, first["id"], results(first))
        assert (status, second["content"][0]["text"]) == (200, "In Rome.")
        read = second["usage"]["cache_read_input_tokens"]
        assert read == first["usage"]["cache_creation_input_tokens"] > 2000
        assert not [each for each in emulator.requests[-1].findings if each.severity == "error"]


def test_a_thread_counts_what_a_whole_conversation_would() -> None:
    with Emulator([{"calls": TWO}, "In Rome.", "In Rome."]) as emulator:
        first = begin(emulator)
        more = results(first)
        _, alone = go_on(emulator, first["id"], more)
        asked = {"role": "user", "content": "Where is it warm?"}
        before = {"role": "assistant", "content": first["content"]}
        whole = begin(emulator, messages=[asked, before, more])
        assert alone["usage"] == whole["usage"]


def test_a_streamed_answer_is_gone_on_with() -> None:
    with Emulator([{"calls": TWO}, "In Rome."]) as emulator:
        events = begin(emulator, stream=True)
        name = events[0]["message"]["id"]
        status, second = go_on(emulator, name, results({"content": _calls(events)}), stream=True)
        assert status == 200
        assert second[0]["message"]["usage"]["cache_read_input_tokens"] > 2000


def test_marks_on_messages_of_earlier_turns_do_not_count() -> None:
    with Emulator(["a", "b", "c", "d", "e", "f"]) as emulator:
        answer = begin(emulator, messages=[said("1", **MARK)])
        for number in range(2, 7):
            status, answer = go_on(emulator, answer["id"], said(str(number), **MARK))
            assert status == 200


def test_a_thread_is_told_to_be_lost() -> None:
    with Emulator() as emulator:
        first = begin(emulator)
        assert code_of(go_on(emulator, "msg_unknown", said("a"))) == NOT_FOUND
        assert code_of(go_on(emulator, first["id"], said("a"), key="another")) == NOT_FOUND
        emulator.clock.advance(301)
        assert code_of(go_on(emulator, first["id"], said("a"))) == NOT_FOUND
        emulator.reset()
        assert code_of(go_on(emulator, first["id"], said("a"))) == NOT_FOUND


def test_each_answer_restarts_the_five_minutes() -> None:
    with Emulator() as emulator:
        answer = begin(emulator)
        for _ in range(3):
            emulator.clock.advance(299)
            status, answer = go_on(emulator, answer["id"], said("a"))
            assert status == 200


def test_an_answer_is_gone_on_with_once() -> None:
    with Emulator() as emulator:
        first = begin(emulator)
        assert go_on(emulator, first["id"], said("a"))[0] == 200
        assert code_of(go_on(emulator, first["id"], said("a"))) == CONTINUED


def test_two_cannot_go_on_with_one_answer_at_a_time() -> None:
    with Emulator(["a", {"timeout": True}]) as emulator:
        first = begin(emulator)
        with pytest.raises(TimeoutError):
            _waiting(emulator, first["id"])


def _waiting(emulator: Emulator, before: str) -> None:
    parts = urlsplit(emulator.url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=0.3)
    thread = {"type": "continue", "previous_message_id": before}
    body = {"model": "claude-opus-5-5", "max_tokens": 5, "messages": [said("a")], "thread": thread}
    headers = {"anthropic-version": "2023-06-01", "x-api-key": "x"}
    connection.request("POST", "/v1/messages", json.dumps(body), headers)
    while len(emulator.requests) < 2:
        time.sleep(0.01)
    assert code_of(go_on(emulator, before, said("b"))) == IN_FLIGHT
    try:
        connection.getresponse()
    finally:
        connection.close()


@pytest.mark.parametrize("failing", [{"status": 429}, {"error": "overloaded"}])
def test_a_refused_turn_is_sent_again(failing: dict[str, Any]) -> None:
    with Emulator(["a", failing, "b"]) as emulator:
        first = begin(emulator)
        assert go_on(emulator, first["id"], said("a"))[0] in (429, 529)
        assert go_on(emulator, first["id"], said("a"))[0] == 200


@pytest.mark.parametrize(("name", "value"), [("system", SYSTEM), ("tools", TOOLS)])
def test_what_a_thread_keeps_is_not_sent_again(name: str, value: Any) -> None:
    with Emulator() as emulator:
        first = begin(emulator)
        status, answer = go_on(emulator, first["id"], said("a"), **{name: value})
        assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
        assert answer["error"]["message"].startswith(f"{name}: ")
        assert go_on(emulator, first["id"], said("a"))[0] == 200


def test_only_the_latest_answers_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_MOST", 2)
    with Emulator() as emulator:
        names = [begin(emulator)["id"] for _ in range(3)]
        assert code_of(go_on(emulator, names[0], said("a"))) == NOT_FOUND
        assert [go_on(emulator, name, said("a"))[0] for name in names[1:]] == [200, 200]


def test_only_anthropic_has_threads() -> None:
    with Emulator() as emulator:
        body = {"model": "qwen-plus", "max_tokens": 5, "messages": [said("a")], "thread": CREATE}
        _, first = post(emulator, body, path="/apps/anthropic/v1/messages")
        body["thread"] = {"type": "continue", "previous_message_id": first["id"]}
        status, second = post(emulator, body, path="/apps/anthropic/v1/messages")
        assert (status, second["usage"]["input_tokens"]) == (200, first["usage"]["input_tokens"])


def test_the_page_shows_all_that_a_thread_goes_on_with() -> None:
    with Emulator([{"calls": TWO}, "In Rome."]) as emulator:
        first = begin(emulator)
        go_on(emulator, first["id"], results(first))
        whole = emulator.state.whole(emulator.requests[-1])
        assert whole is not None
        assert [each["role"] for each in whole["messages"]] == ["user", "assistant", "user"]
        assert whole["system"] == SYSTEM
        view = json.loads(_got(emulator, "/_wiremark/requests/1"))["view"]
        assert "You plan trips." in json.dumps(view)


@pytest.mark.parametrize("stream", [False, True])
def test_a_thread_goes_on_after_a_restart_with_its_log(tmp_path: Path, stream: bool) -> None:
    replies = [{"calls": TWO, "thinking": "Rome is south.", "text": "I look."}, "b", "c"]
    log = tmp_path / "log.jsonl"
    with Emulator(replies, log=log) as emulator:
        first = begin(emulator, stream=stream)
    asked = {"id": "msg_00000000", "content": _calls(first) if stream else first["content"]}
    with Emulator(replies, log=log) as emulator:
        status, second = go_on(emulator, asked["id"], results(asked))
        assert status == 200
    with Emulator(replies, log=log) as emulator:
        assert code_of(go_on(emulator, asked["id"], said("a"))) == CONTINUED
        assert go_on(emulator, second["id"], said("a"))[0] == 200
        whole = emulator.state.whole(emulator.requests[-1])
        assert whole is not None
        thought, told, *calls = whole["messages"][1]["content"]
        assert (thought["thinking"], told["text"]) == ("Rome is south.", "I look.")
        assert [call["input"] for call in calls] == [{"city": "Cologne"}, {"city": "Rome"}]
        assert not [each for each in emulator.requests[1].findings if each.severity == "error"]


def test_an_answer_that_was_cut_off_is_not_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with Emulator([{"text": "In Rome.", "cut_after": 3}], log=log) as emulator:
        with pytest.raises(http.client.IncompleteRead):
            begin(emulator, stream=True)
        while not emulator.requests[0].ended:
            time.sleep(0.01)
    with Emulator(log=log) as emulator:
        assert code_of(go_on(emulator, "msg_00000000", said("a"))) == NOT_FOUND


def _calls(events: list[Any]) -> list[Any]:
    return [each["content_block"] for each in events if each["type"] == "content_block_start"]


# --------------------------------------------------------------------------- a host in the address


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("/dashscope.aliyuncs.com/compatible-mode/v1", "dashscope.aliyuncs.com"),
        ("/DASHSCOPE.aliyuncs.com/v1", "dashscope.aliyuncs.com"),
        ("/api.deepseek.com/v1", "api.deepseek.com"),
        ("/v1", None),
    ],
)
def test_an_address_may_begin_with_the_host_that_it_stands_for(
    address: str, host: str | None
) -> None:
    with Emulator() as emulator:
        body = {"model": "qwen-plus", "messages": [{"role": "user", "content": "a"}]}
        status, _ = post(emulator, body, path=f"{address}/chat/completions")
        record = emulator.requests[-1]
        assert (status, record.host) == (200, host)
        assert record.path.endswith("/v1/chat/completions")
        assert not record.path.startswith("/dashscope")


@pytest.mark.parametrize("path", ["/favicon.ico", "/v1.0/chat/completions", "/a.b./v1/models"])
def test_what_is_no_host_is_part_of_the_path(path: str) -> None:
    with Emulator() as emulator:
        assert post(emulator, {"model": "m", "messages": []}, path=path)[0] == 404
        assert emulator.requests[-1].path == path


def test_a_header_that_names_a_host_is_before_an_address() -> None:
    with Emulator() as emulator:
        body = {"model": "m", "messages": [{"role": "user", "content": "a"}]}
        named = {"x-wiremark-host": "openrouter"}
        post(emulator, body, path="/api.deepseek.com/v1/chat/completions", headers=named)
        assert emulator.requests[-1].host == "openrouter.ai"
