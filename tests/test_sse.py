"""Server-sent events from bytes that are cut anywhere."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wiremark.sse import DONE, Event, EventReader, read_events


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted({place % (len(stream) + 1) for place in places}), len(stream)]
    return [stream[start:end] for start, end in pairwise(ends)]


def read(pieces: list[bytes]) -> list[Event]:
    reader = EventReader()
    return [event for piece in pieces for event in reader.feed(piece)] + reader.close()


# The examples of the standard, https://html.spec.whatwg.org/multipage/server-sent-events.html


def test_data_lines_are_joined_by_newlines() -> None:
    assert read_events("data: YHOO\ndata: +2\ndata: 10\n\n") == [Event("YHOO\n+2\n10")]


def test_a_line_that_begins_with_a_colon_is_a_comment() -> None:
    assert read_events(": test stream\n\ndata: first event\nid: 1\n\n") == [
        Event("first event", id="1")
    ]


def test_one_space_behind_the_colon_is_no_part_of_the_data() -> None:
    assert read_events("data:test\n\ndata: test\n\ndata:  test\n\n") == [
        Event("test"),
        Event("test"),
        Event(" test"),
    ]


def test_an_event_without_data_is_none() -> None:
    assert read_events("event: ping\nid: 3\nretry: 10\n\n") == []


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_line_end_is_read(end: str) -> None:
    stream = f"event: a{end}data: 1{end}data: 2{end}{end}data: 3{end}{end}"
    assert read_events(stream) == [Event("1\n2", "a"), Event("3")]


def test_a_byte_order_mark_in_front_is_skipped() -> None:
    assert read_events("\ufeffdata: x\n\n".encode()) == [Event("x")]


# Beyond it.


def test_the_status_that_dashscope_writes_as_a_comment_is_kept() -> None:
    stream = 'id:1\nevent:error\n:HTTP_STATUS/400\ndata:{"code":"x"}\n\n'
    assert read_events(stream) == [Event('{"code":"x"}', "error", "1", 400)]


def test_whole_data_ends_an_event_where_the_blank_line_is_missing() -> None:
    stream = 'id:1\nevent:a\ndata:{"n":1}\nid:2\nevent:b\n:HTTP_STATUS/200\ndata:{"n":2}\n'
    assert read_events(stream) == [
        Event('{"n":1}', "a", "1"),
        Event('{"n":2}', "b", "2", 200),
    ]


def test_a_name_behind_the_data_is_the_events_own_when_a_blank_line_follows() -> None:
    assert read_events('data: {"n":1}\nevent: error\nid: 4\n\n') == [Event('{"n":1}', "error", "4")]


def test_the_end_mark_of_chat_streams_ends_an_event_too() -> None:
    assert read_events("data: [DONE]") == [Event(DONE)]


def test_torn_data_is_left_out_and_told() -> None:
    reader = EventReader()
    assert reader.feed('data: {"a": 1}\n\ndata: {"b": ') == [Event('{"a": 1}')]
    assert reader.close() == []
    assert reader.torn


def test_a_whole_event_without_its_end_is_not_torn() -> None:
    reader = EventReader()
    assert reader.feed('data: {"a": 1}') == []
    assert reader.close() == [Event('{"a": 1}')]
    assert not reader.torn


def test_a_body_in_place_of_events_is_kept_apart() -> None:
    reader = EventReader()
    body = '{\n  "error": {"message": "no"},\n  "id": "x"\n}'
    assert reader.feed(body) + reader.close() == []
    assert json.loads(reader.outside) == {"error": {"message": "no"}, "id": "x"}


def test_what_is_no_field_between_events_is_dropped() -> None:
    reader = EventReader()
    assert reader.feed("data: 1\n\nnonsense\n\ndata: 2\n\n") == [Event("1"), Event("2")]
    assert reader.outside == ""


def test_bytes_that_are_no_utf8_become_replacement_characters() -> None:
    assert read_events(b'data: "\xff\xc3"\n\n') == [Event('"\ufffd\ufffd"')]


def test_a_long_line_in_small_pieces_is_read_in_linear_time() -> None:
    body = b"x" * 1_000_000
    stream = b"data: " + body + b"\n\n"
    reader = EventReader()
    found = [e for at in range(0, len(stream), 100) for e in reader.feed(stream[at : at + 100])]
    assert [len(event.data) for event in found] == [1_000_000]


STREAM = (
    '\ufeff: hello\r\n\r\nevent: größe\r\ndata: {"a":\rdata: 1}\r\n\r\n'
    'id:1\ndata:{"x":"é🙂"}\nid:2\nevent:b\n:HTTP_STATUS/200\ndata:{"n":2}\n\ndata: [DONE]\n\n'
).encode()


def test_a_stream_cut_at_every_byte_gives_the_same_events() -> None:
    whole = read_events(STREAM)
    assert len(whole) == 4
    for place in range(len(STREAM) + 1):
        assert read([STREAM[:place], STREAM[place:]]) == whole
    assert read([bytes([byte]) for byte in STREAM]) == whole


@given(st.lists(st.integers(0, 10_000), max_size=12))
def test_a_stream_cut_anywhere_gives_the_same_events(places: list[int]) -> None:
    assert read(cut(STREAM, places)) == read_events(STREAM)


@given(st.text(), st.lists(st.integers(0, 10_000), max_size=6))
def test_any_text_is_read_alike_whole_and_in_pieces(text: str, places: list[int]) -> None:
    stream = text.encode("utf-8", "replace")
    assert read(cut(stream, places)) == read_events(stream)


events = st.builds(
    Event,
    st.dictionaries(st.text(), st.text() | st.integers()).map(json.dumps),
    st.sampled_from(["", "result", "error"]),
    st.sampled_from(["", "1", "b"]),
    st.none() | st.integers(200, 599),
)


@given(st.lists(events), st.booleans(), st.sampled_from(["\n", "\r\n", "\r"]))
def test_written_events_are_read_back(wanted: list[Event], blank: bool, end: str) -> None:
    lines: list[str] = []
    for event in wanted:
        lines += [f"id:{event.id or 0}", f"event:{event.name or 'message'}"]
        lines += [f":HTTP_STATUS/{event.status}"] if event.status else []
        lines += [f"data:{event.data}", *([""] if blank else [])]
    stream = "".join(line + end for line in lines)
    assert read_events(stream) == [
        Event(event.data, event.name or "message", event.id or "0", event.status)
        for event in wanted
    ]


@pytest.mark.shared
def test_every_recorded_dashscope_event_is_found(shared_dir: Path) -> None:
    found = 0
    for line in (shared_dir / "real/dashscope_native.jsonl").read_text("utf-8").splitlines():
        exchange = json.loads(line)
        if exchange["name"].endswith("-sse"):
            stream = exchange["response"]
            events = read_events(stream)
            assert len(events) == stream.count("data:")
            assert [event.id for event in events] == [str(n + 1) for n in range(len(events))]
            assert {event.status for event in events} == {200}
            found += len(events)
    assert found > 100
