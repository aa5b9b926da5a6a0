"""`wiremark validate`: what it reads bodies from, where it says that findings are, and its forms."""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from wiremark.cli import main
from wiremark.cli.bodyfiles import Body, Skipped, Unreadable, read_bodies
from wiremark.cli.captures import endpoint_of
from wiremark.cli.io import Unusable
from wiremark.cli.positions import Positions, joined, steps_of
from wiremark.validation import CODES
from wiremark.validation.shape import write_path

SCHEMA = Path(__file__).parent / "data" / "sarif-schema-2.1.0.json"
MARK = {"type": "ephemeral"}
GOOD = {"model": "qwen-plus", "messages": [{"role": "user", "content": "hi"}]}
BAD = {"model": "qwen-plus", "messages": [{"role": "bot", "content": "hi"}]}
CLAUDE = {"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": GOOD["messages"]}
# How many tokens an image has, and so whether the 1,024 are reached, the body does not tell.
IMAGE = {"type": "image_url", "image_url": {"url": "https://h/a.png"}}
SEEN = [IMAGE, {"type": "text", "text": "Look.", "cache_control": MARK}]
UNSURE = {"model": "qwen3-vl-plus", "messages": [{"role": "user", "content": SEEN}]}
NOTABLE = {**GOOD, "model": "gpt-5.6", "prompt_cache_retention": "24h"}


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    status: int
    out: str
    err: str

    @property
    def codes(self) -> list[str]:
        return re.findall(r"\[([a-z-]+)\]$", self.out, re.MULTILINE)


Run = Callable[..., Result]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Run:
    """Run `validate` in a folder of its own, with each content written to the file of its name."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str, stdin: bytes = b"", **files: Any) -> Result:
        for name, content in files.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            Path(name).write_bytes(data)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main(["validate", *(words or files)])
        out, err = capfdbinary.readouterr()
        return Result(status, out.decode(), err.decode())

    return call


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


# The answer.


def test_passing_body_is_0(run: Run) -> None:
    assert run(body=GOOD) == Result(0, "", "")


def test_failing_body_is_1(run: Run) -> None:
    done = run(body=BAD)
    assert (done.status, done.codes) == (1, ["bad-value"])


def test_body_that_cannot_be_told_is_3_where_the_question_counts(run: Run) -> None:
    done = run("body", "--fail-on", "waste", body=UNSURE)
    assert (done.status, done.codes) == (3, ["under-minimum"])
    assert "messages[0].content[1]: waste: cannot tell: " in done.out
    assert run("body", body=UNSURE) == Result(0, "", "")


def test_question_about_an_error_is_3_by_default(run: Run) -> None:
    """Older models refuse an automatic mark on Bedrock (providers.md); which is not in the rules."""
    words = ("--as", "anthropic", "--host", "bedrock-runtime.us-east-1.amazonaws.com")
    done = run("body", *words, body={**CLAUDE, "cache_control": MARK})
    assert (done.status, done.codes) == (3, ["automatic-not-taken"])


def test_finding_wins_over_a_question(run: Run) -> None:
    assert run("unsure", "bad", "--fail-on", "waste", unsure=UNSURE, bad=BAD).status == 1


def test_what_cannot_be_read_is_2_whatever_else_was_found(run: Run) -> None:
    done = run("bad", "none", bad=BAD)
    assert (done.status, done.codes) == (2, ["bad-value"])
    assert done.err == "wiremark: none: no such file or directory\n"


@pytest.mark.parametrize(
    ("fail_on", "statuses"), [("error", [0, 0]), ("waste", [0, 1]), ("note", [1, 1])]
)
def test_fail_on_is_the_mildest_that_fails(run: Run, fail_on: str, statuses: list[int]) -> None:
    wasteful = {**GOOD, "messages": [{**GOOD["messages"][0], "cache_control": MARK}]}
    noted = run("noted", "--fail-on", fail_on, noted=NOTABLE)
    assert noted.codes == ["legacy-field"]
    wasted = run("wasted", "--fail-on", fail_on, wasted=wasteful)
    assert wasted.codes == ["message-level-marker"]
    assert [noted.status, wasted.status] == statuses


def test_host_and_model_choose_the_rules(run: Run) -> None:
    body = {**UNSURE, "model": "mine"}
    words = ("body", "--model", "deepseek-chat")
    assert run(*words, body=body).codes == ["no-markers"]
    assert run(*words, "--host", "https://dashscope.aliyuncs.com", body=body).codes == [
        "model-not-listed"
    ]


# Two requests.


def turn(clock: str, *more: str) -> dict[str, Any]:
    system = {"type": "text", "text": f"Rules. It is {clock}. " + "rule " * 2000}
    asked = [{"role": "user", "content": text} for text in more]
    content = [{**system, "cache_control": MARK}]
    return {"model": "qwen-plus", "messages": [{"role": "system", "content": content}, *asked]}


def test_previous_body_is_compared(run: Run) -> None:
    done = run("now", "--previous", "before", now=turn("noon"), before=turn("dawn"))
    assert (done.status, done.codes) == (0, ["prefix-changed"])
    assert run("now", "--previous", "now", now=turn("noon")).out == ""


def test_lines_in_sequence_are_compared_with_the_line_before(run: Run) -> None:
    log = lines(turn("noon"), turn("noon", "a"), turn("dusk", "a", "b"))
    assert run("log", log=log).out == ""
    done = run("log", "--sequence", log=log)
    assert done.codes == ["prefix-changed"]
    assert done.out.startswith("log:3:")


def test_sequence_goes_over_files_of_one_body_each(run: Run) -> None:
    files = {"a": turn("noon"), "b": turn("dusk")}
    assert run("a", "b", "--sequence", **files).codes == ["prefix-changed"]


def test_file_of_several_bodies_is_a_sequence_of_its_own(run: Run) -> None:
    files = {"a": lines(turn("noon"), turn("noon")), "b": lines(turn("dusk"), turn("dusk"))}
    assert run("a", "b", "--sequence", **files).out == ""


def test_sequence_compares_requests_to_one_model_only(run: Run) -> None:
    other = {**turn("dusk"), "model": "qwen-flash"}
    assert run("log", "--sequence", log=lines(turn("noon"), other, turn("noon"))).out == ""


def test_previous_of_another_form_is_refused(run: Run) -> None:
    native = {"model": "qwen-plus", "input": {"messages": GOOD["messages"]}}
    done = run("now", "--previous", "before", now=GOOD, before=native)
    assert done.status == 2
    assert "before: has the form of dashscope, now that of openai" in done.err


@pytest.mark.parametrize("before", [lines(GOOD, GOOD), b"{", lines({"request": 3})])
def test_previous_holds_one_body(run: Run, before: bytes) -> None:
    done = run("now", "--previous", "before", now=GOOD, before=before)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith("wiremark: before: ") or done.err.startswith("wiremark: before:1: ")


def test_standard_input_is_body_or_previous_body(run: Run) -> None:
    done = run("-", "--previous", "-")
    assert (done.status, done.out) == (2, "")
    assert "read once" in done.err


# What is read.


def bodies(data: Any, tmp_path: Path) -> list[Any]:
    file = tmp_path / "file"
    file.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return list(read_bodies(str(file)))


RECORDS = [
    ({"request": GOOD, "response": {}}, "request"),
    ({"request": json.dumps(GOOD)}, "request"),
    ({"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": GOOD}, "body"),
    ({"custom_id": "1", "params": CLAUDE}, "params"),
    (
        {"request": {"method": "POST", "uri": "https://h/v1/chat/completions", "body": GOOD}},
        "request.body",
    ),
]


@pytest.mark.parametrize(("record", "within"), RECORDS)
def test_record_is_unwrapped(tmp_path: Path, record: Any, within: str) -> None:
    [found] = bodies(lines(record), tmp_path)
    assert isinstance(found, Body)
    assert found.value in (GOOD, CLAUDE)
    assert found.within == within


def test_records_host_and_path_tell_the_form(tmp_path: Path) -> None:
    record = {
        "host": "bedrock-runtime.us-east-1.amazonaws.com",
        "path": "/model/us.amazon.nova-lite-v1%3A0/converse",
        "request": {"messages": []},
    }
    [found] = bodies(record, tmp_path)
    at = found.endpoint
    assert (at.protocol, at.model) == ("bedrock-converse", "us.amazon.nova-lite-v1:0")
    assert at.host == record["host"]


def test_record_of_another_endpoint_is_left_out(tmp_path: Path) -> None:
    record = {"host": "api.openai.com", "path": "/v1/embeddings", "request": {"input": "hi"}}
    assert [type(each) for each in bodies(lines(record, GOOD), tmp_path)] == [Skipped, Body]


def test_list_of_bodies_is_one_after_the_other(run: Run) -> None:
    done = run("body", "--format", "json", body=[GOOD, {"request": BAD}])
    assert [each["within"] for each in json.loads(done.out)] == ["[0]", "[1].request"]


def test_line_that_cannot_be_read_does_not_hide_the_others(run: Run) -> None:
    done = run(log=lines(GOOD) + b'{"torn\n' + lines(BAD) + b"\n" + lines({"request": None}))
    assert (done.status, done.codes) == (2, ["bad-value"])
    assert done.out.startswith("log:3:")
    torn, no_body = done.err.splitlines()
    assert torn.startswith("wiremark: log:2: ")
    assert no_body == "wiremark: log:5: request is no request body"


def test_log_whose_first_line_is_torn_is_read_all_the_same(run: Run) -> None:
    done = run(log=b'...ssages": []}\n' + lines(BAD))
    assert (done.status, done.codes) == (2, ["bad-value"])
    assert done.err.startswith("wiremark: log:1: ")


def test_lines_are_judged_before_the_last_is_there(tmp_path: Path) -> None:
    code = "import sys; from wiremark.cli import main; sys.exit(main(['validate', '-']))"
    running = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert running.stdin is not None
    assert running.stdout is not None
    with running.stdin, running.stdout:
        running.stdin.write(lines(BAD, GOOD) + b" " * 300_000 + b"\n")
        running.stdin.flush()
        assert running.stdout.readline().startswith(b"stdin:1:")
    assert running.wait() in (1, 141)


def har(*requests: dict[str, Any]) -> dict[str, Any]:
    return {"log": {"version": "1.2", "entries": [{"request": each} for each in requests]}}


def posted(url: str, body: Any, **more: Any) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"method": "POST", "url": url, "postData": {"text": text, **more}}


CHAT = "https://dashscope.aliyuncs.com/compatible-mode/v1/chat/completions"


def test_har_gives_the_chat_requests_and_counts_the_others(run: Run) -> None:
    file = har(
        {"method": "GET", "url": "https://shop.example/"},
        posted(CHAT, BAD),
        posted("https://shop.example/api", {"a": 1}),
        posted("https://api.anthropic.com/v1/messages/count_tokens", CLAUDE),
        posted("https://shop.example/api", "a=1"),
    )
    done = run("traffic", "--format", "json", traffic=file)
    [judged] = json.loads(done.out)
    assert (done.status, judged["protocol"]) == (1, "openai-dashscope")
    assert judged["within"] == "log.entries[1].request.postData.text"
    assert done.err == "traffic: 4 requests are no chat requests and left out\n"


def test_har_without_a_chat_request_is_unusable(run: Run) -> None:
    done = run(traffic=har({"method": "GET", "url": "https://shop.example/"}))
    assert done.status == 2
    assert done.err == "wiremark: traffic: no chat request among its 1 requests\n"


def test_har_entry_of_a_chat_endpoint_that_cannot_be_read_is_told(run: Run) -> None:
    file = har(posted(CHAT, "{"), {"method": "POST", "url": CHAT}, posted(CHAT, GOOD))
    done = run(traffic=file)
    assert done.status == 2
    torn, absent = done.err.splitlines()
    assert torn.startswith("wiremark: traffic:1: log.entries[0].request.postData.text: line 1")
    assert absent == "wiremark: traffic:1: its body was not recorded"


def test_har_with_a_body_in_base64_is_read(run: Run) -> None:
    coded = base64.b64encode(json.dumps(BAD).encode()).decode()
    done = run(traffic=har(posted(CHAT, coded, encoding="base64")))
    assert (done.status, done.codes) == (1, ["bad-value"])


def test_har_with_a_body_in_broken_base64_is_told(tmp_path: Path) -> None:
    [found] = bodies(har(posted(CHAT, "?", encoding="base64")), tmp_path)
    assert isinstance(found, Unreadable)
    assert found.problem == "it has no body"


def test_records_host_may_be_a_base_url(tmp_path: Path) -> None:
    record = {"host": "https://openrouter.ai", "path": "/api/v1/chat/completions", "request": GOOD}
    [found] = bodies(record, tmp_path)
    assert (found.endpoint.host, found.endpoint.protocol) == ("openrouter.ai", "openrouter")


def http(body: bytes, *headers: str, target: str = "/v1/chat/completions") -> bytes:
    head = "\r\n".join((f"POST {target} HTTP/1.1", "Host: api.openai.com", *headers))
    return head.encode() + b"\r\n\r\n" + body


def test_raw_capture_gives_its_requests_and_passes_over_responses(run: Run) -> None:
    first = json.dumps({**GOOD, "model": "gpt-5.6"}).encode()
    second = json.dumps({**BAD, "model": "gpt-5.6"}, indent=1).encode()
    capture = (
        http(first, f"Content-Length: {len(first)}")
        + b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}\r\n"
        + http(second)
        + b"\r\nGET /v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n"
    )
    done = run(capture=capture)
    assert (done.status, done.codes) == (1, ["bad-value"])
    line = capture[: capture.index(b'"bot"')].count(b"\n") + 1
    assert done.out.startswith(f"capture:{line}:12: messages[0].role: ")
    assert done.err == "capture: 1 requests are no chat requests and left out\n"


def test_request_without_an_empty_line_has_no_body(tmp_path: Path) -> None:
    capture = b"POST /v1/messages HTTP/1.1\r\nHost: h\r\n" + http(RAW)
    first, second = bodies(capture, tmp_path)
    assert (first.problem, first.line) == ("it has no body", 1)
    assert second.value == BAD


def test_broken_chunks_are_read_as_they_stand(tmp_path: Path) -> None:
    [found] = bodies(http(b"3\r\n{}...", "Transfer-Encoding: chunked"), tmp_path)
    assert "not JSON" in found.problem


def chunked(data: bytes, size: int = 10) -> bytes:
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


RAW = json.dumps(BAD).encode()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (RAW, [f"Content-Length: {len(RAW)}"]),
        (RAW, ["Content-Length: 7"]),
        (RAW, ["Content-Length: 999"]),
        (RAW, []),
        (chunked(RAW), ["Transfer-Encoding: chunked"]),
        (RAW, ["Transfer-Encoding: chunked"]),
        (gzip.compress(RAW, mtime=0), ["Content-Encoding: gzip"]),
        (gzip.compress(RAW, mtime=0), ["content-encoding: GZIP", f"content-length: {len(gzip.compress(RAW, mtime=0))}"]),
        (zlib.compress(RAW), ["Content-Encoding: deflate"]),
        (chunked(gzip.compress(RAW, mtime=0)), ["Content-Encoding: gzip", "Transfer-Encoding: chunked"]),
        (RAW, ["Content-Encoding: br"]),
    ],
    ids=[
        "length", "short-length", "long-length", "no-length", "chunks", "chunks-joined", "gzip",
        "gzip-with-length", "deflate", "gzip-in-chunks", "unpacked-before",
    ],
)  # fmt: skip
def test_body_of_a_capture_is_read_however_it_is_packed(
    tmp_path: Path, body: bytes, headers: list[str]
) -> None:
    found = bodies(http(body, *headers) + b"\r\n\r\n" + http(RAW), tmp_path)
    assert [each.value for each in found] == [BAD, BAD]


@pytest.mark.parametrize(
    ("body", "coding", "problem"),
    [
        (b"\x1b\x00", "br", "its content encoding br cannot be read"),
        (b"\x1b\x00", "gzip", "its body is not gzip, as its header says"),
        (gzip.compress(RAW, mtime=0)[:-9], "gzip", "its gzip body is cut off"),
        (b"\xff", "identity", "its body is not UTF-8"),
        (b"", "identity", "it has no body"),
        (b"{", "identity", "line 1, column 2: not JSON"),
    ],
)
def test_body_of_a_capture_that_cannot_be_unpacked_says_why(
    tmp_path: Path, body: bytes, coding: str, problem: str
) -> None:
    [found] = bodies(http(body, f"Content-Encoding: {coding}"), tmp_path)
    assert isinstance(found, Unreadable)
    assert problem in found.problem


def test_compressed_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wiremark.cli.captures._LARGEST", 1000)
    [found] = bodies(
        http(gzip.compress(b" " * 100_000, mtime=0), "Content-Encoding: gzip"), tmp_path
    )
    assert found.problem == "its gzip body is cut off, or too large"


def test_file_of_an_editor_s_requests_is_read(tmp_path: Path) -> None:
    text = (
        f"### ask\nPOST {CHAT}\nContent-Type: application/json\n\n{json.dumps(BAD)}\n\n### again\n"
    )
    found = bodies((text * 2).encode(), tmp_path)
    assert [each.value for each in found] == [BAD, BAD]
    assert [each.region("messages[0].role").line for each in found] == [5, 12]
    assert found[0].endpoint.protocol == "openai-dashscope"


ADDRESSES = [
    ("https://api.openai.com/v1/chat/completions", "openai", None),
    ("https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=1", "openai", None),
    (CHAT, "openai-dashscope", None),
    ("https://ws.cn-beijing.maas.aliyuncs.com/compatible-mode/v1/chat/completions", "openai-dashscope", None),
    ("https://dashscope.aliyuncs.com/api/v1/services/aigc/text-generation/generation", "dashscope-text", None),
    ("https://dashscope-intl.aliyuncs.com/api/v1/services/aigc/multimodal-generation/generation", "dashscope-multimodal", None),
    ("https://dashscope.aliyuncs.com/apps/anthropic/v1/messages", "anthropic", None),
    ("https://openrouter.ai/api/v1/chat/completions", "openrouter", None),
    ("https://api.anthropic.com/v1/messages?beta=true", "anthropic-2023-06-01", None),
    ("https://bedrock-runtime.us-east-1.amazonaws.com/model/m%3A0/converse-stream", "bedrock-converse", "m:0"),
    ("https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.c/invoke", "anthropic", "us.anthropic.c"),
    ("https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.n/invoke", None, None),
    ("https://e-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/claude:streamRawPredict", "anthropic", "claude"),
    ("https://api.openai.com/v1/threads/t/messages", None, None),
    ("https://api.openai.com/v1/embeddings", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("address", "protocol", "model"), ADDRESSES)
def test_address_tells_the_form(address: str, protocol: str | None, model: str | None) -> None:
    """Addresses: providers.md, and the providers' references of the calls."""
    found = endpoint_of(address, headers={"anthropic-version": "2023-06-01"})
    assert (found.protocol, found.model) == (protocol, model)


@pytest.mark.shared
def test_recorded_requests_that_were_accepted_have_no_error(run: Run, shared_dir: Path) -> None:
    logs = [
        str(shared_dir / "real" / name) for name in ("exchanges.jsonl", "dashscope_native.jsonl")
    ]
    done = run(*logs, "--format", "json")
    judged = json.loads(done.out)
    assert (done.status, len(judged)) == (0, 78)
    assert {each["answer"] for each in judged} == {"pass"}


junk = st.recursive(
    st.none()
    | st.integers(-5, 5)
    | st.sampled_from(
        ["", "a", "https://h/v1/messages", "https://[", "{", '{"messages":[]}', "\ud800"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "request",
                    "url",
                    "path",
                    "host",
                    "headers",
                    "name",
                    "value",
                    "postData",
                    "text",
                    "encoding",
                    "body",
                    "params",
                    "custom_id",
                    "messages",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
pieces = st.sampled_from(
    [
        "POST /v1/messages HTTP/1.1", "GET http://[ HTTP/1.1", "HTTP/1.1 200 OK", "\r\n", "\n", "###",
        "Host: http://[", "Content-Length: 5", "Content-Length: \u00b2", "Transfer-Encoding: chunked",
        "Content-Encoding: gzip", "{", "{}", "5\r\nabc", "0\r\n\r\n",
    ]
)  # fmt: skip


@given(
    st.lists(junk, max_size=3).map(lambda entries: json.dumps({"log": {"entries": entries}}))
    | st.lists(junk, max_size=3).map(lambda some: json.dumps(har(*some)))
    | junk.map(json.dumps)
    | st.lists(pieces, max_size=14).map("".join)
)
def test_any_file_gives_bodies_or_a_reason(text: str) -> None:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_text(text, encoding="utf-8")
        with contextlib.suppress(Unusable):
            for each in read_bodies(file.name):
                assert isinstance(each, Skipped | Unreadable) or each.region("messages[0]").line > 0


# Places.

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)


def paths_of(
    value: Any, parts: tuple[str | int, ...] = ()
) -> list[tuple[tuple[str | int, ...], Any]]:
    children: Any = enumerate(value) if isinstance(value, list) else ()
    nested = value.items() if isinstance(value, dict) else children
    return [(parts, value), *(p for key, child in nested for p in paths_of(child, (*parts, key)))]


def cut(text: str, positions: Positions, path: str) -> str:
    """Return what stands in a region of a text."""
    at = positions.region(path)
    starts = [0, *(found.end() for found in re.finditer("\n", text))]
    return text[starts[at.line - 1] + at.column - 1 : starts[at.end_line - 1] + at.end_column - 1]


@given(json_values, st.sampled_from([None, 0, 2]), st.booleans())
def test_region_of_a_path_holds_the_value(value: Any, indent: int | None, ascii_: bool) -> None:
    text = "\n " + json.dumps(value, indent=indent, ensure_ascii=ascii_) + "\n"
    positions = Positions(text)
    for parts, part in paths_of(value):
        path = write_path(parts)
        assert steps_of(path) == list(parts)
        assert json.loads(cut(text, positions, path)) == part


@given(json_values, st.booleans(), st.booleans())
def test_region_in_json_within_a_string_is_that_of_the_file(
    value: Any, inner_ascii: bool, outer_ascii: bool
) -> None:
    inner = json.dumps(value, indent=1, ensure_ascii=inner_ascii)
    text = json.dumps({"a": "\n\ud83d\ude00", "text": inner}, ensure_ascii=outer_ascii)
    within = Positions(text).inside("text")
    for parts, part in paths_of(value):
        literal = cut(text, within, write_path(parts))
        assert json.loads(json.loads(f'"{literal}"')) == part


def test_place_of_what_is_absent_is_that_of_what_it_is_absent_from() -> None:
    text = '{"messages": [\n  {"role": "user"}\n]}'
    assert cut(text, Positions(text), "messages[0].content") == '{"role": "user"}'
    assert cut(text, Positions(text), "nothing[3]") == text


def test_last_of_equal_keys_is_the_one_that_counts() -> None:
    text = '{"a": 1, "a": 2}'
    assert cut(text, Positions(text), "a") == "2"


def test_region_counts_characters_and_not_bytes() -> None:
    at = Positions('["日本",\n "😀", 1]', line=7).region("[2]")
    assert (at.line, at.column, at.end_line, at.end_column) == (8, 7, 8, 8)


@pytest.mark.parametrize(
    ("outer", "inner", "path"),
    [("", "a", "a"), ("a", "b", "a.b"), ("a", "[0]", "a[0]"), ("a", "", "a")],
)
def test_paths_are_joined(outer: str, inner: str, path: str) -> None:
    assert joined(outer, inner) == path


def test_finding_in_a_har_stands_inside_the_string(run: Run) -> None:
    file = har(posted("https://h/v1/chat/completions", json.dumps(BAD, indent=1)))
    text = json.dumps(file, indent=1)
    done = run(traffic=text.encode())
    [line] = [n for n, each in enumerate(text.splitlines(), start=1) if "bot" in each]
    column = text.splitlines()[line - 1].index('\\"bot') + 1
    assert done.out.startswith(f"traffic:{line}:{column}: messages[0].role: ")


def test_finding_in_a_compressed_body_stands_at_its_first_line(run: Run) -> None:
    done = run(capture=http(gzip.compress(RAW, mtime=0), "Content-Encoding: gzip"))
    assert done.out.startswith("capture:5:1: messages[0].role: ")


def test_thousand_findings_in_a_large_body_are_found_quickly(run: Run) -> None:
    messages = [{"role": "bot", "content": "x" * 1000}] * 1000
    start = time.perf_counter()
    done = run(body=json.dumps({"model": "m", "messages": messages}, indent=1).encode())
    assert time.perf_counter() - start < 10
    places = [int(place) for place in re.findall(r"^body:(\d+):", done.out, re.MULTILINE)]
    assert places == [5 + 4 * index for index in range(1000)]


# Forms.


@pytest.mark.parametrize(
    "words", [("--json",), ("--format", "json"), ("--json", "--format", "json")]
)
def test_json_has_an_object_a_body_with_stable_keys(run: Run, words: tuple[str, ...]) -> None:
    done = run("log", *words, log=lines(GOOD, UNSURE))
    good, unsure = json.loads(done.out)
    assert good == {
        "file": "log",
        "line": 1,
        "within": "",
        "protocol": "openai",
        "answer": "pass",
        "findings": [],
        "abstentions": [],
    }
    [question] = unsure["abstentions"]
    assert (unsure["line"], unsure["answer"]) == (2, "pass")
    assert set(question) == {"code", "path", "reason", "line", "column"}


def test_json_and_another_form_are_refused(run: Run) -> None:
    done = run("body", "--json", "--format", "sarif", body=GOOD)
    assert (done.status, done.out) == (2, "")


def test_github_form_is_a_workflow_command_a_finding(run: Run) -> None:
    """Commands and escapes: docs.github.com, workflow commands; actions/toolkit, command.ts."""
    done = run("--format", "github", "a,b:c%.json", **{"a,b:c%.json": BAD})
    [line] = done.out.splitlines()
    found = re.fullmatch(
        r"::error file=(\S+),line=1,col=(\d+),title=wiremark bad-value::(.*)", line
    )
    assert found is not None
    assert found[1] == "a%2Cb%3Ac%25.json"
    assert int(found[2]) == json.dumps(BAD).index('"bot"') + 1
    assert found[3].startswith("messages[0].role: 'bot' is not one of")


def test_github_form_names_severities_as_github_does(run: Run) -> None:
    wasteful = {**GOOD, "messages": [{**GOOD["messages"][0], "cache_control": MARK}]}
    log = lines(BAD, wasteful, NOTABLE, UNSURE)
    done = run("log", "--format", "github", "--fail-on", "waste", log=log)
    kinds = [line.split(" ", 1)[0] for line in done.out.splitlines()]
    assert kinds == ["::error", "::warning", "::notice", "::warning"]


def test_github_form_escapes_what_would_end_a_command(run: Run) -> None:
    role = "100%\n::warning::"
    done = run("body", "--format", "github", body={"messages": [{"role": role}], "model": "m"})
    [line] = done.out.splitlines()
    assert line.startswith("::error file=body,line=1,")
    assert r"'100%25\n::warning::' is not one of" in line


def test_github_form_tells_of_what_cannot_be_read(run: Run) -> None:
    done = run("none", "log", "--format", "github", log=lines(GOOD) + b"{\n")
    assert done.status == 2
    assert done.out == (
        "::error file=none,title=wiremark unusable::no such file or directory\n"
        "::error file=log,line=2,col=1,title=wiremark unusable::column 2: not JSON:"
        " Expecting property name enclosed in double quotes\n"
    )


def test_standard_input_has_no_file_in_the_github_form(run: Run) -> None:
    done = run("-", "--format", "github", stdin=json.dumps(BAD).encode())
    assert done.out.startswith("::error title=wiremark bad-value::")


def sarif(done: Result) -> Any:
    """Return the run of a log that the official schema takes."""
    log = json.loads(done.out)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    checker = Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)
    assert [error.message for error in checker.iter_errors(log)] == []
    [only] = log["runs"]
    return only


def test_sarif_log_is_valid_and_says_where(run: Run) -> None:
    text = json.dumps(BAD, indent=1)
    done = run("a b.json", "--format", "sarif", **{"a b.json": text.encode()})
    [result] = sarif(done)["results"]
    assert (done.status, result["ruleId"], result["level"]) == (1, "bad-value", "error")
    [location] = result["locations"]
    line = text[: text.index('"bot"')].count("\n") + 1
    assert location == {
        "physicalLocation": {
            "artifactLocation": {"uri": "a%20b.json"},
            "region": {"startLine": line, "startColumn": 12, "endLine": line, "endColumn": 17},
        },
        "logicalLocations": [{"fullyQualifiedName": "messages[0].role"}],
    }


def test_sarif_log_has_every_rule_with_its_words_and_source(run: Run) -> None:
    found = sarif(run("body", "--format", "sarif", body=BAD))
    rules = found["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(CODES)
    assert [rules[each["ruleIndex"]]["id"] for each in found["results"]] == ["bad-value"]
    [rule] = [rule for rule in rules if rule["id"] == "under-minimum"]
    code = CODES["under-minimum"]
    assert rule["shortDescription"]["text"] == code.meaning
    assert rule["help"]["text"] == code.remedy
    assert rule["defaultConfiguration"]["level"] == "warning"
    assert code.source.startswith(rule["helpUri"])


def test_sarif_log_holds_open_questions_as_open(run: Run) -> None:
    """`open`: not enough is known to decide; no level but `none` then (SARIF 2.1.0, 3.27.9 f.)."""
    [result] = sarif(run("body", "--format", "sarif", body=UNSURE))["results"]
    assert (result["kind"], result["level"]) == ("open", "none")


def test_sarif_log_of_good_bodies_is_empty_and_valid(run: Run) -> None:
    found = sarif(run("body", "--format", "sarif", body=GOOD))
    assert found["results"] == []
    assert found["invocations"][0]["executionSuccessful"] is True


def test_sarif_log_tells_of_what_cannot_be_read(run: Run) -> None:
    done = run("log", "none", "--format", "sarif", log=lines(GOOD) + b"{\n")
    [invocation] = sarif(done)["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    torn, absent = invocation["toolExecutionNotifications"]
    assert torn["locations"][0]["physicalLocation"]["region"] == {"startLine": 2}
    assert absent["message"] == {"text": "no such file or directory"}


@pytest.mark.parametrize("source", ["-", "absolute"])
def test_sarif_log_is_valid_for_other_sources(run: Run, tmp_path: Path, source: str) -> None:
    name = "-" if source == "-" else str(tmp_path / "body")
    data = json.dumps(BAD).encode()
    [result] = sarif(run(name, "--format", "sarif", stdin=data, body=data))["results"]
    place = result["locations"][0].get("physicalLocation")
    if source == "-":
        assert place is None
    else:
        assert place["artifactLocation"]["uri"] == (tmp_path / "body").as_uri()


@pytest.mark.slow
def test_official_schema_tells_a_wrong_log() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert not Draft4Validator(schema).is_valid({"version": "2.1.0", "runs": [{"results": []}]})


def test_long_log_is_not_held_in_memory(run: Run) -> None:
    message = {"role": "user", "content": "word " * 2_000}
    line = json.dumps({**GOOD, "messages": [message]}).encode() + b"\n"
    Path("long.jsonl").write_bytes(line * 1_000)
    run("long.jsonl")  # schemas are compiled, modules are there
    tracemalloc.start()
    try:
        assert run("long.jsonl") == Result(0, "", "")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 < len(line) * 100
    finally:
        tracemalloc.stop()
