"""The file of exchanges that the emulator and the recorder share: whole lines, and bytes again."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark import jsontext
from wiremark.cli import main
from wiremark.errors import MessageError
from wiremark.replay.cache import PrefixCache
from wiremark.replay.trace import read_trace
from wiremark.traffic.lines import line_of, record_of
from wiremark.traffic.log import RequestLog
from wiremark.traffic.records import Record

MARK = {"cache_control": {"type": "ephemeral"}}
BODY = {
    "model": "qwen-plus",
    "messages": [
        {"role": "system", "content": [{"type": "text", "text": "word " * 1500, **MARK}]},
        {"role": "user", "content": "hé 你好"},
    ],
}
USAGE = {
    "prompt_tokens": 1600,
    "completion_tokens": 1,
    "total_tokens": 1601,
    "prompt_tokens_details": {"cached_tokens": 1500},
}
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "model": "qwen-plus",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}}],
    "usage": USAGE,
}


def record(body: Any = BODY, *, raw: bytes | None = None, **more: Any) -> Record:
    fields: dict[str, Any] = {
        "index": 0,
        "at": 1.5,
        "ends_at": 3.0,
        "started": 1763700000.25,
        "method": "POST",
        "path": "/compatible-mode/v1/chat/completions",
        "query": "",
        "headers": (("authorization", "Bearer ***"), ("accept", "*/*"), ("accept", "text/plain")),
        "raw": jsontext.dumpb(body) if raw is None else raw,
        "body": body,
        "protocol": "openai-dashscope",
        "host": "dashscope.aliyuncs.com",
        "model": "qwen-plus",
        "status": 200,
        "answered": USAGE,
        "response": jsontext.dumpb(ANSWER),
        "response_headers": (("content-type", "application/json"),),
        "ended": True,
        "account": "0123456789abcdef",
    }
    return Record(**{**fields, **more})


def there_and_back(one: Record) -> Record:
    return record_of(jsontext.loads(jsontext.dumpb(line_of(one))))


@pytest.fixture
def log(tmp_path: Path) -> RequestLog:
    return RequestLog(tmp_path / "log.jsonl")


# ------------------------------------------------------------------------------------- a record


def test_a_record_comes_back_as_it_was() -> None:
    assert there_and_back(record()) == record()


def test_what_was_predicted_comes_back() -> None:
    cache = PrefixCache(protocol="openai-dashscope", host="dashscope.aliyuncs.com")
    other = {**BODY, "messages": [{**BODY["messages"][0], "content": "other"}]}
    refused = {**BODY, "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]}
    for body in (BODY, BODY, other, refused):
        one = record(predicted=cache.request(body, at=0.0))
        assert there_and_back(one) == one
    assert cache.request(other, at=0.0).miss is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b'"text"',
        b"not JSON",
        b"\xff\xfe\x00",
        b'{"a":1,"a":2}',
        b'{ "a" : 1.0e2 }\n',
        b'{"a":"\\u00e9\\ud83d"}',
        b"[" * 500 + b"]" * 500,
        json.dumps(BODY).encode(),
    ],
)
def test_the_bytes_of_a_request_and_of_an_answer_come_back(raw: bytes) -> None:
    try:
        body = jsontext.loads(raw)
    except ValueError:
        body = None
    back = there_and_back(record(body, raw=raw, response=raw))
    assert (back.raw, back.response, back.body) == (raw, raw, body)


@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: json.dumps(text).encode()))
def test_any_bytes_come_back(raw: bytes) -> None:
    back = there_and_back(record(None, raw=raw, response=raw))
    assert (back.raw, back.response) == (raw, raw)


def test_a_body_that_was_packed_on_its_way_keeps_value_and_bytes() -> None:
    one = record(raw=b"\x1f\x8bpacked")
    assert line_of(one)["request"] == BODY
    assert line_of(one)["raw"] == {"base64": "H4twYWNrZWQ="}
    assert there_and_back(one) == one


def test_bytes_stand_beside_a_value_only_where_it_does_not_tell_them() -> None:
    assert not {"raw", "response_raw"} & line_of(record()).keys()
    spaced = json.dumps(ANSWER, indent=1).encode()
    line = line_of(record(response=spaced))
    assert (line["response"], line["response_raw"]) == (ANSWER, spaced.decode())
    text = "data: {}\n\n"
    assert line_of(record(response=text.encode()))["response"] == text


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"index": None}, "'index' is wrong"),
        ({"index": True}, "'index' is wrong"),
        ({"at": "now"}, "'at' is wrong"),
        ({"at": None}, "'at' is wrong"),
        ({"path": 7}, "'path' is wrong"),
        ({"stream": 1}, "'stream' is wrong"),
        ({"model": 1}, "'model' is wrong"),
        ({"status": -1}, "'status' is wrong"),
        ({"usage": []}, "'usage' is wrong"),
        ({"raw": 7}, "neither text nor base64"),
        ({"raw": {"base64": "!"}}, "neither text nor base64"),
        ({"headers": [1]}, "is no record"),
        ({"predicted": {}}, "is no record"),
        ({"predicted": 3}, "is no record"),
    ],
)
def test_a_value_of_a_wrong_type_is_named(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(MessageError, match=problem):
        record_of({**line_of(record()), **changed})


@pytest.mark.parametrize("value", [None, [], "text", {}, {"index": 1}, BODY])
def test_a_foreign_value_is_no_record(value: Any) -> None:
    with pytest.raises(MessageError):
        record_of(value)


# --------------------------------------------------------------------------------------- the file


def test_a_record_is_a_line_that_only_the_owner_reads(log: RequestLog) -> None:
    log.append(record())
    log.append(record(index=1))
    assert len(log.path.read_bytes().splitlines()) == 2
    assert log.read() == ([record(), record(index=1)], [])
    if sys.platform != "win32":
        assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_a_line_is_in_the_file_when_append_returns(log: RequestLog) -> None:
    log.append(record())
    assert RequestLog(log.path).read() == ([record()], [])


def test_a_torn_last_line_is_named_and_does_not_swallow_the_next(log: RequestLog) -> None:
    log.append(record())
    log.append(record(index=1))
    log.close()
    log.path.write_bytes(log.path.read_bytes()[:-40])
    records, findings = log.read()
    assert [each.index for each in records] == [0]
    assert [(each.path, each.message) for each in findings] == [
        ("log.jsonl:2", "the line was cut off as it was written")
    ]
    again = RequestLog(log.path)
    again.append(record(index=1))
    assert [each.index for each in again.read()[0]] == [0, 1]


def test_a_last_line_that_lacks_only_its_end_is_read(log: RequestLog) -> None:
    log.append(record())
    log.close()
    log.path.write_bytes(log.path.read_bytes().rstrip())
    again = RequestLog(log.path)
    again.append(record(index=1))
    assert [each.index for each in again.read()[0]] == [0, 1]


def test_foreign_lines_are_named_and_cost_no_other(log: RequestLog) -> None:
    log.path.write_bytes(b'not JSON\n\n{"a":1}\n[]\n\xff\n')
    log.append(record())
    records, findings = log.read()
    assert records == [record()]
    assert [each.path for each in findings] == [f"log.jsonl:{n}" for n in (1, 3, 4, 5)]
    assert {each.severity for each in findings} == {"note"}


def test_threads_append_whole_lines(log: RequestLog) -> None:
    def write(number: int) -> None:
        for index in range(25):
            log.append(record(index=number * 25 + index))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records, findings = log.read()
    assert findings == []
    assert sorted(each.index for each in records) == list(range(200))


def test_two_processes_append_whole_lines_to_one_log(log: RequestLog) -> None:
    code = (
        "import sys; from wiremark.traffic.log import RequestLog; from wiremark.traffic.records "
        "import Record; log = RequestLog(sys.argv[1]); [log.append(Record(int(sys.argv[2]) + n, "
        "1.0, 'POST', '/', '', (), b'x' * 50_000)) for n in range(100)]"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(log.path), first])
        for first in ("0", "100")
    ]
    assert [each.wait(30) for each in both] == [0, 0]
    records, findings = log.read()
    assert findings == []
    assert sorted(each.index for each in records) == list(range(200))


def test_an_append_after_the_end_opens_the_file_again(log: RequestLog) -> None:
    log.close()
    log.close()
    log.append(record())
    assert log.read() == ([record()], [])


def test_a_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        RequestLog(tmp_path / "nowhere" / "log.jsonl")
    with pytest.raises(IsADirectoryError):
        RequestLog(tmp_path)


def test_what_a_link_leads_to_keeps_its_mode(tmp_path: Path) -> None:
    there = tmp_path / "kept.jsonl"
    there.touch(0o644)
    link = tmp_path / "log.jsonl"
    link.symlink_to(there)
    log = RequestLog(link)
    log.append(record())
    log.close()
    assert link.is_symlink()
    assert stat.S_IMODE(there.stat().st_mode) == 0o644
    assert len(there.read_bytes().splitlines()) == 1


# ------------------------------------------------------------------------- other readers of a log


def test_replay_reads_a_log(log: RequestLog) -> None:
    log.append(record())
    (one,) = read_trace(log.path)
    assert (one.body, one.at, one.duration, one.host) == (
        BODY,
        1.5,
        1.5,
        "dashscope.aliyuncs.com",
    )
    assert one.usage is not None
    assert one.usage.cache_read == 1500


def test_the_commands_read_a_log(log: RequestLog, capfd: pytest.CaptureFixture[str]) -> None:
    chunk = json.dumps({**ANSWER, "object": "chat.completion.chunk"})
    events = f"data: {chunk}\n\ndata: [DONE]\n\n".encode()
    log.append(record())
    log.append(record(index=1, at=4.0, ends_at=5.0, stream=True, response=events))
    assert main(["replay", str(log.path), "--json"]) == 0
    rows = json.loads(capfd.readouterr().out)["replays"][0]["requests"]
    assert [row["read"] > 0 for row in rows] == [False, True]
    assert main(["usage", str(log.path), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["turns"] == 2
    assert main(["validate", str(log.path), "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)) == 2


def test_what_failed_and_what_only_looked_is_no_fault_of_a_log(
    log: RequestLog, capfd: pytest.CaptureFixture[str]
) -> None:
    said = b'{"error":{"message":"slow down"}}'
    listed = b'{"object":"list","data":[]}'
    look = {"method": "GET", "path": "/v1/models", "answered": None, "response": listed}
    log.append(record())
    log.append(record(index=1, status=429, answered=None, response=said))
    log.append(record(None, raw=b"", index=2, **look))
    assert main(["replay", str(log.path), "--json"]) == 0
    out, err = capfd.readouterr()
    assert len(json.loads(out)["replays"][0]["requests"]) == 1
    assert "log.jsonl:2: note: a request that failed with 429 (it is left out)" in err
    assert "log.jsonl:3" not in err
    assert main(["usage", str(log.path), "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out)["turns"] == 1
    assert "log.jsonl:2: note: a request that failed with 429" in err
    assert main(["validate", str(log.path)]) == 0
    assert "1 requests are no chat requests and left out" in capfd.readouterr().err
