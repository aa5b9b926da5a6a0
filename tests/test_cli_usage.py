"""`wiremark usage`: the table on standard output, what could not be read on standard error."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wiremark.cli import commands, main
from wiremark.cli.records import Record, read_records
from wiremark.usage.ledger import UsageLedger
from wiremark.usage.model import Usage
from wiremark.usage.totals import UsageTotals

REGION = ("--region", "cn-beijing")


def chat(prompt: int, read: int | None = None, written: int | None = None, **more: Any) -> Any:
    """A response of DashScope's compatible mode."""
    details = {"cached_tokens": read, "cache_creation_input_tokens": written}
    known = {name: count for name, count in details.items() if count is not None}
    usage = {"prompt_tokens": prompt, "completion_tokens": 0, "prompt_tokens_details": known}
    return {"id": "c", "model": "qwen3-coder-plus", "choices": [], "usage": usage, **more}


WRITE, READ = chat(1618, 0, 1605), chat(1620, 1605, 0)
CLAUDE = {
    "type": "message",
    "id": "m",
    "model": "claude-sonnet-4-5",
    "content": [],
    "usage": {
        "input_tokens": 3000,
        "output_tokens": 100,
        "cache_read_input_tokens": 4000,
        "cache_creation_input_tokens": 3000,
    },
}


@dataclass(frozen=True)
class Result:
    """What a run gave."""

    status: int
    out: str
    err: str

    @property
    def rows(self) -> dict[str, list[str]]:
        """The cells of the table by the first of each row."""
        cells = [re.split(r" {2,}", line) for line in self.out.splitlines()]
        return {row[0]: row[1:] for row in cells if len(row) > 1}


Run = Callable[..., Result]


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(content: Any, *words: str) -> Result:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        status = main(["usage", "-", *words])
        out, err = capfdbinary.readouterr()
        return Result(status, out.decode(), err.decode())

    return call


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in values)


def sse(*chunks: Any, done: bool = True) -> bytes:
    out = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return (out + ("data: [DONE]\n\n" if done else "")).encode()


def test_command_is_named_usage() -> None:
    assert commands.commands["usage"].name == "usage"


# The table.


def test_a_response_is_a_row_of_its_model(run: Run) -> None:
    done = run(WRITE, *REGION)
    assert (done.status, done.err) == (0, "")
    assert done.out == (
        "model             turns  input  cache read  hit rate  cache write  output  reasoning"
        "          cost         saving\n"
        "qwen3-coder-plus      1  1,618           0      0.0%        1,605       0          -"
        "  0.008077 CNY  -0.001605 CNY\n"
        "not reported, of 1 turn: cache_write_5m by 1, cache_write_1h by 1, reasoning by 1\n"
    )


def test_turns_are_added_and_their_hit_rate_weighted_by_tokens(run: Run) -> None:
    done = run([WRITE, READ], *REGION)
    row = done.rows["qwen3-coder-plus"]
    assert row[:5] == ["2", "3,238", "1,605", "49.6%", "1,605"]
    # 13 x 4 + 1605 x 5, then 15 x 4 + 1605 x 0.4 millionths; uncached 3238 x 4
    assert row[7:] == ["0.008779 CNY", "0.004173 CNY"]


def test_what_was_not_reported_is_a_dash_and_not_0(run: Run) -> None:
    done = run({"model": "m", "usage": {"prompt_tokens": 5, "completion_tokens": 1}}, "--no-price")
    assert done.rows["m"] == ["1", "5", "-", "-", "-", "1", "-"]


def test_no_price_leaves_cost_out(run: Run) -> None:
    done = run(WRITE, "--no-price")
    assert (done.status, done.err) == (0, "")
    assert "cost" not in done.out


def test_several_models_have_a_row_of_all(run: Run) -> None:
    done = run([WRITE, chat(100, 0, 0, model="qwen3-max")], *REGION)
    assert list(done.rows)[1:] == ["qwen3-coder-plus", "qwen3-max", "all"]
    assert done.rows["all"][:2] == ["2", "1,718"]


def test_currencies_are_never_added(run: Run) -> None:
    pytest.importorskip("genai_prices")
    done = run([WRITE, CLAUDE], *REGION, "--json")
    costs = json.loads(done.out)["cost"]
    assert [(cost["currency"], cost["total"]) for cost in costs] == [
        ("CNY", "0.008077"),
        ("USD", "0.02295"),  # 3000 x 3 + 4000 x 0.3 + 3000 x 3.75 + 100 x 15 millionths
    ]
    done = run([WRITE, CLAUDE], *REGION)
    assert "0.008077 CNY (1 of 2) + 0.022950 USD (1 of 2)" in done.rows["all"]


def test_a_model_without_price_says_why_and_is_no_finding(run: Run) -> None:
    done = run([WRITE, chat(5, model="qwen9")])
    assert done.status == 0
    assert done.err == (
        "qwen3-coder-plus: no price of 1 turn: the price of qwen3-coder-plus depends on the region:"
        " give cn-beijing or ap-southeast-1\n"
        "qwen9: no price of 1 turn: no price of qwen9 on DashScope is known\n"
    )
    assert done.rows["qwen9"][7:] == ["-", "-"]


def test_assumptions_are_told_once(run: Run) -> None:
    done = run([chat(5, model="qwen-plus"), chat(6, model="qwen-plus")], *REGION)
    assert done.err == (
        "note: qwen-plus: reasoning is not reported: output priced as without thinking (2 turns)\n"
    )


# Options.


def test_model_stands_in_for_the_responses_own(run: Run) -> None:
    done = run(WRITE, "--model", "qwen3-max", *REGION)
    assert list(done.rows) == ["model", "qwen3-max"]


def test_provider_is_who_answered(run: Run) -> None:
    pytest.importorskip("genai_prices")
    given = {"model": "kimi-k2.5", "usage": {"prompt_tokens": 1000, "completion_tokens": 0}}
    assert "USD" in run(given, "--provider", "moonshot", *REGION).rows["kimi-k2.5"][7]
    assert "CNY" in run(given, "--provider", "dashscope", *REGION).rows["kimi-k2.5"][7]


def test_json_has_stable_keys(run: Run) -> None:
    data = json.loads(run([WRITE, chat(5, model="qwen9")], *REGION, "--json").out)
    counts = ["input", "output", "cache_read", "cache_write", "cache_write_5m", "cache_write_1h"]
    totals = ["turns", *counts, "reasoning", "hit_rate", "unreported", "cost", "unpriced"]
    assert list(data) == [*totals, "by_model", "findings"]
    assert list(data["by_model"]) == ["qwen3-coder-plus", "qwen9"]
    model = data["by_model"]["qwen3-coder-plus"]
    assert list(model) == totals
    assert model["cost"] == [
        {
            "currency": "CNY",
            "turns": 1,
            "total": "0.008077",
            "input": "0.000052",
            "cache_read": "0",
            "cache_write": "0.008025",
            "output": "0",
            "other": "0",
            "uncached_total": "0.006472",
            "saving": "-0.001605",
        }
    ]
    assert data["unpriced"] == [{"reason": "no price of qwen9 on DashScope is known", "turns": 1}]
    assert (model["reasoning"], model["input"], data["findings"]) == (None, 1618, [])


def test_json_without_prices_has_none(run: Run) -> None:
    data = json.loads(run(WRITE, "--no-price", "--json").out)
    assert "cost" not in data
    assert "cost" not in data["by_model"]["qwen3-coder-plus"]


# What is read.


def turns_of(done: Result) -> tuple[int, int]:
    data = json.loads(done.out)
    return data["turns"], data["input"]


@pytest.mark.parametrize(
    "content",
    [
        lines(WRITE, READ),
        b"\n" + lines(WRITE) + b"\n\r\n" + lines(READ).rstrip(),
        b"\xef\xbb\xbf" + lines(WRITE, READ),
        json.dumps([WRITE, READ], indent=2).encode(),
        lines([WRITE], [READ]),
        lines({"request": {}, "response": WRITE}, {"request": {}, "response": json.dumps(READ)}),
        lines(
            {"custom_id": "1", "response": {"status_code": 200, "body": WRITE}, "error": None},
            {"custom_id": "2", "response": {"status_code": 200, "body": READ}, "error": None},
        ),
        lines({"response": WRITE}, {"response": READ}),
    ],
    ids=["lines", "blanks", "bom", "array", "arrays", "records", "batch", "wrapped"],
)
def test_responses_are_read_in_each_form_of_json(run: Run, content: bytes) -> None:
    done = run(content, "--no-price", "--json")
    assert (done.status, done.err) == (0, "")
    assert turns_of(done) == (2, 3238)


def test_one_response_on_several_lines_is_read(run: Run) -> None:
    done = run(json.dumps(WRITE, indent=2).encode(), "--no-price", "--json")
    assert turns_of(done) == (1, 1618)


CHUNK = {"id": "a", "object": "chat.completion.chunk", "model": "m", "choices": []}
LAST = {**CHUNK, "usage": {"prompt_tokens": 7, "completion_tokens": 1}}
EVENTS = (
    {"type": "message_start", "message": {"model": "c", "usage": {"input_tokens": 7}}},
    {"type": "content_block_delta", "delta": {}},
    {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
)
NATIVE = (
    {"request_id": "r", "output": {}, "usage": {"input_tokens": 7, "output_tokens": 1}},
    {"request_id": "r", "output": {}, "usage": {"input_tokens": 7, "output_tokens": 2}},
)
OLLAMA = (
    {"model": "m", "done": False, "response": "a"},
    {"model": "m", "done": True, "response": "", "prompt_eval_count": 7, "eval_count": 2},
)
RESPONSES = (
    {"type": "response.created", "response": {"model": "m"}},
    {
        "type": "response.completed",
        "response": {"model": "m", "usage": {"input_tokens": 7, "output_tokens": 1}},
    },
)


def renamed(chunks: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same chunks as another request's."""
    ids = ("id", "request_id", "responseId")
    return tuple({**chunk, **{key: "z" for key in ids if key in chunk}} for chunk in chunks)


GEMINI = (
    {"responseId": "r", "candidates": [], "usageMetadata": {"promptTokenCount": 7}},
    {"responseId": "r", "candidates": [], "usageMetadata": {"promptTokenCount": 7}},
)


@pytest.mark.parametrize(
    "chunks",
    [
        pytest.param((CHUNK, LAST), id="chat"),
        pytest.param(EVENTS, id="anthropic"),
        pytest.param(NATIVE, id="dashscope"),
        pytest.param(OLLAMA, id="ollama"),
        pytest.param(RESPONSES, id="responses"),
        pytest.param(GEMINI, id="gemini"),
    ],
)
class TestStreams:
    """The pieces of a stream are one turn, however they were kept."""

    @pytest.fixture(params=["lines", "array", "capture", "text"])
    def kept(self, request: pytest.FixtureRequest, chunks: tuple[Any, ...]) -> bytes:
        return {
            "lines": lines(*chunks, *renamed(chunks)),
            "array": lines([*chunks], [*renamed(chunks)]),
            "capture": sse(*chunks) + sse(*renamed(chunks)),
            "text": lines(
                {"request": {}, "response": sse(*chunks).decode()},
                {"request": {}, "response": sse(*chunks, done=False).decode()},
            ),
        }[request.param]

    def test_two_streams_are_two_turns(self, run: Run, kept: bytes) -> None:
        done = run(kept, "--no-price", "--json")
        assert (done.status, done.err) == (0, "")
        assert turns_of(done) == (2, 14)

    def test_captures_of_several_protocols_may_follow_each_other(
        self, run: Run, chunks: tuple[Any, ...]
    ) -> None:
        ends = bool(chunks[-1].get("done")) or chunks is RESPONSES or chunks is EVENTS
        content = sse(*chunks, done=not ends) + sse(CHUNK, LAST)
        assert turns_of(run(content, "--no-price", "--json")) == (2, 14)


def test_a_capture_may_be_cut_and_have_names_and_comments(run: Run) -> None:
    content = b": hello\nevent: x\n" + sse(LAST, done=False).rstrip()
    assert turns_of(run(content, "--no-price", "--json")) == (1, 7)


def test_ollamas_field_named_response_is_no_wrapped_response(run: Run) -> None:
    answer = {"model": "m", "response": "Hi.", "prompt_eval_count": 7, "eval_count": 2}
    assert turns_of(run(answer, "--no-price", "--json")) == (1, 7)


def test_a_ledger_is_read(run: Run, tmp_path: Path) -> None:
    with UsageLedger(tmp_path / "ledger.jsonl") as ledger:
        ledger.add(WRITE)
        ledger.add(READ, model="other", session="s")
    done = run((tmp_path / "ledger.jsonl").read_bytes(), "--json", *REGION)
    data = json.loads(done.out)
    assert (data["turns"], [*data["by_model"]]) == (2, ["other", "qwen3-coder-plus"])
    assert data["by_model"]["qwen3-coder-plus"]["cost"][0]["total"] == "0.008077"


def test_record_tells_model_host_and_region(run: Run) -> None:
    record = {
        "host": "dashscope-intl.aliyuncs.com",
        "request": {"model": "qwen3-max"},
        "response": {"usage": {"prompt_tokens": 1000, "completion_tokens": 0}},
    }
    assert run(record).rows["qwen3-max"][7] == "0.001200 USD"
    assert run(record, *REGION).rows["qwen3-max"][7] == "0.002500 CNY"


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse", None),
        ("/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash"),
    ],
)
def test_path_of_a_request_names_the_model(run: Run, path: str, model: str | None) -> None:
    record = {"path": path, "request": {}, "response": {"usage": {"input_tokens": 5}}}
    expected = model or "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert list(run(record, "--no-price").rows) == ["model", expected]


def test_a_response_that_tells_its_time_is_priced_as_of_then(run: Run) -> None:
    early = chat(5, model="qwen3.8-max", created=1_767_225_600)  # 2026-01-01
    assert "is known before 2026-08-02" in run(early, *REGION).err
    late = chat(5, model="qwen3.8-max", created=1_790_000_000)
    assert run(late, *REGION).rows["qwen3.8-max"][7] == "0.000060 CNY"


def test_files_are_added(run: Run, tmp_path: Path, capfdbinary: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(WRITE), encoding="utf-8")
    (tmp_path / "b.sse").write_bytes(sse(LAST))
    assert main(["usage", "a.json", "b.sse", "--no-price", "--json"]) == 0
    assert json.loads(capfdbinary.readouterr().out)["input"] == 1625


def test_json_lines_are_read_one_at_a_time() -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 1
            yield lines(WRITE)

    class Endless(io.RawIOBase):
        def __iter__(self) -> Any:
            return endless()

    class Stdin:
        buffer = Endless()

        @staticmethod
        def isatty() -> bool:
            return False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", Stdin())
        records = read_records("-")
        assert isinstance(next(records), Record)
        assert isinstance(next(records), Record)
    assert taken <= 3


# What cannot be read.


def test_unreadable_records_are_lines_with_their_place_and_status_1(run: Run) -> None:
    content = lines(WRITE) + b'{"torn": \n' + lines(7, {"event": "started"}) + lines(READ)
    done = run(content, "--no-price", "--json")
    assert done.status == 1
    assert turns_of(done) == (2, 3238)
    assert [line.partition(" ")[0] for line in done.err.splitlines()] == [
        "stdin:2:",
        "stdin:3:",
        "stdin:4:",
    ]
    findings = json.loads(done.out)["findings"]
    assert [finding["place"] for finding in findings] == ["stdin:2", "stdin:3", "stdin:4"]
    assert findings[1]["message"] == "is no response"
    assert findings[2]["message"] == "reports no usage: the payload holds no usage"


def test_a_first_line_that_is_torn_does_not_hide_the_rest(run: Run) -> None:
    done = run(b'"prompt_tokens": 5}}\n' + lines(WRITE), "--no-price")
    assert (done.status, done.rows["qwen3-coder-plus"][0]) == (1, "1")
    assert done.err.startswith("stdin:1: ")


def test_an_error_in_place_of_a_response_is_a_finding(run: Run) -> None:
    content = lines({"response": None, "error": {"code": "x"}, "request": {}}, WRITE)
    done = run(content, "--no-price")
    assert done.status == 1
    assert done.err == 'stdin:1: has no response, but an error: {"code": "x"}\n'


def test_a_stream_without_usage_says_what_to_ask_for(run: Run) -> None:
    done = run(sse(CHUNK, {**CHUNK}) + sse(LAST), "--no-price")
    assert done.status == 1
    assert done.err == "stdin: stream 1: reports no usage: the payload holds no usage\n"


def test_an_event_that_is_no_json_is_a_finding(run: Run) -> None:
    done = run(b"data: oops\n\n" + sse(LAST), "--no-price")
    assert (done.status, done.rows["m"][0]) == (1, "1")
    assert done.err == "stdin: event 1: its data is no JSON object\n"


def test_sums_are_refused_with_the_way_to_read_them(run: Run) -> None:
    totals = UsageTotals()
    totals.add(Usage(input=1, output=1))
    done = run(lines(totals.snapshot(), WRITE), "--no-price")
    assert done.status == 1
    assert done.err == (
        "stdin:1: holds sums of turns, not a response: restore it with UsageTotals\n"
    )


def test_a_line_of_a_ledger_with_an_impossible_count_is_a_finding(run: Run) -> None:
    bad = {"wiremark": "usage", "version": 1, "model": "m", "input": -1}
    done = run(lines(bad, WRITE), "--no-price")
    assert (done.status, done.err.partition(" ")[0]) == (1, "stdin:1:")


def test_what_was_corrected_while_reading_is_a_note(run: Run) -> None:
    odd = {"model": "m", "usage": {"prompt_tokens": 5, "completion_tokens": "many"}}
    done = run([odd, odd], "--no-price")
    assert done.status == 0
    assert done.err == (
        "note: usage.completion_tokens: 'many' is no count of tokens; it was left out (2 turns)\n"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "stdin: empty, no responses"),
        (b" \n\n", "stdin: empty, no responses"),
        (b"\xef\xbb\xbf", "stdin: empty, no responses"),
        (b"hello\nworld\n", "stdin: neither JSON nor events: "),
        (b"\x00\xff", "stdin: neither JSON nor events: "),
        (b"{", "stdin: neither JSON nor events: "),
        (b"[]", "no response with a usage was found"),
        (b"{}", "no response with a usage was found"),
        (b"data: [DONE]\n\n", "no response with a usage was found"),
    ],
)
def test_unusable_input_has_a_reason_and_status_2(run: Run, content: bytes, reason: str) -> None:
    done = run(content, "--json")
    assert (done.status, done.out) == (2, "")
    assert done.err.splitlines()[-1].startswith(f"wiremark: {reason}")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl: no such file or directory"),
        (["."], ".: is a directory"),
        (["a\0b"], "embedded null byte"),
        (["-", "-"], "standard input can be read once"),
        ([], "Missing argument 'FILE...'"),
    ],
)
def test_files_that_cannot_be_read_have_a_reason_and_status_2(
    run: Run, capfdbinary: Any, words: list[str], reason: str
) -> None:
    assert main(["usage", *words]) == 2
    out, err = capfdbinary.readouterr()
    assert out == b""
    assert reason in err.decode()


def test_closed_standard_input_is_unusable(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["usage", "-"]) == 2
    assert capfd.readouterr().err == "wiremark: stdin: it is closed\n"


def test_names_of_models_cannot_break_lines(run: Run) -> None:
    done = run(chat(5, model="a\nb\x1b[2J"), "--no-price")
    assert len(done.out.splitlines()) == 3
    assert "\x1b" not in done.out


# On a terminal.


def test_terminal_gets_a_table(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setattr(sys, "stdout", screen)
    run([WRITE, READ], *REGION)
    shown = screen.getvalue()
    assert "\x1b" not in shown
    assert re.search(r"qwen3-coder-plus +2 +3,238 +1,605 +49\.6%", shown)
    assert "not reported, of 2 turns" in shown
    assert "─" in shown


# Recorded data.


@pytest.mark.shared
def test_every_recorded_exchange_is_read(run: Run, shared_dir: Path) -> None:
    done = run((shared_dir / "real" / "exchanges.jsonl").read_bytes(), "--no-price", "--json")
    assert (done.status, done.err) == (0, "")
    content = (shared_dir / "real" / "exchanges.jsonl").read_text(encoding="utf-8")
    assert json.loads(done.out)["turns"] == len(content.splitlines())


@pytest.mark.shared
def test_recorded_streams_in_one_capture_are_told_apart(run: Run, shared_dir: Path) -> None:
    content = (shared_dir / "real" / "exchanges.jsonl").read_text(encoding="utf-8")
    exchanges = [json.loads(line) for line in content.splitlines()]
    streams = [exchange["response"] for exchange in exchanges if exchange["stream"]]
    apart = [Usage.from_response(stream) for stream in streams]
    done = run("".join(streams).encode(), "--no-price", "--json")
    assert turns_of(done) == (len(streams), sum(usage.input or 0 for usage in apart))


@pytest.mark.shared
def test_native_captures_are_read_but_the_one_without_counts(run: Run, shared_dir: Path) -> None:
    done = run(
        (shared_dir / "real" / "dashscope_native.jsonl").read_bytes(), "--no-price", "--json"
    )
    assert done.status == 1
    assert json.loads(done.out)["turns"] == 10
    assert [finding["place"] for finding in json.loads(done.out)["findings"]] == ["stdin:4"]
