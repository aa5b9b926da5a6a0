"""The live page of the emulator in a real browser: what comes in, where marks stand, what it costs."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
pytest.importorskip("starlette", reason="the extra `emulator` is not installed")

from starlette.applications import Starlette

from wiremark.emulator import Emulator, Reply
from wiremark.traffic.costing import Ledger, cost_of
from wiremark.traffic.inspection import inspection_routes
from wiremark.traffic.loopback import LoopbackServer

COMPATIBLE = "/compatible-mode/v1/chat/completions"
PATIENCE = 15.0
MARK = {"cache_control": {"type": "ephemeral"}}
HOSTILE = '</script><script>window.hacked=1</script><img src=x onerror="window.hacked=2">'
TOOL = {
    "type": "function",
    "function": {
        "name": "find_manual",
        "description": "Search the manuals",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
    },
}

Opener = Callable[..., Any]


def text(words: str, *, marked: bool = False) -> dict[str, Any]:
    return {"type": "text", "text": words, **(MARK if marked else {})}


def turns(count: int = 1, *, clock: str = "") -> dict[str, Any]:
    """Return a request of an agent: tools, a marked system, and turns of which the last is marked."""
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": [text(f"{clock}word " * 1500, marked=True)]}
    ]
    for number in range(count):
        call = {"name": "find_manual", "arguments": '{"query": "pumps"}'}
        messages += [
            {"role": "user", "content": [text(f"Question {number} about the pumps. " * 9)]},
            {
                "role": "assistant",
                "content": "Let me look.",
                "tool_calls": [{"id": f"call_{number}", "type": "function", "function": call}],
            },
            {
                "role": "tool",
                "tool_call_id": f"call_{number}",
                "content": [text("A pump moves water. " * 20, marked=number == count - 1)],
            },
        ]
    return {"model": "qwen-plus", "messages": messages, "tools": [TOOL]}


def send(emulator: Emulator, body: Any, path: str = COMPATIBLE, **headers: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=30)
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running
        assert running.state.problems == []


@pytest.fixture
def opened(browser: Any, emulator: Emulator) -> Iterator[Opener]:
    """Open the page; in the end nothing was complained of, and nobody else was asked."""

    def open_(**how: Any) -> Any:
        browser.open(f"{emulator.url}/_wiremark", **how)
        return browser

    yield open_
    assert browser.complaints() == []
    assert browser.run("window.hacked === undefined")
    asked = browser.requests()
    assert asked
    assert all(each.startswith(f"{emulator.url}/_wiremark") for each in asked)
    browser.open("about:blank")  # polls no more


def until(page: Any, script: str) -> Any:
    """Wait until a script returns something true, and return it."""
    end = time.monotonic() + PATIENCE
    while not (found := page.run(script)):
        assert time.monotonic() < end, f"never came true: {script}"
        time.sleep(0.05)
    return found


def rows(page: Any) -> int:
    count: int = page.run("document.querySelectorAll('#rows tr').length")
    return count


def chosen(page: Any, index: int) -> None:
    """Wait until a request is drawn below the list."""
    until(page, f"document.getElementById('detail').dataset.index === '{index}'")


def shown(page: Any, selector: str) -> str:
    found: str = page.run(f"document.querySelector({selector!r}).innerText")
    return found


def drawn(page: Any) -> list[list[str]]:
    """Return the prefix as it is drawn: blocks with their state, and marks with their effect."""
    found: list[list[str]] = page.run(
        "[...document.querySelectorAll('#prefix .block, #prefix .mark, #prefix .broke')].map(e =>"
        " e.dataset.path ? [e.dataset.path, e.dataset.state] :"
        " e.dataset.mark ? ['mark', e.dataset.mark, e.dataset.effect] : ['broke'])"
    )
    return found


def test_a_request_appears_while_the_page_is_open(opened: Opener, emulator: Emulator) -> None:
    page = opened()
    assert rows(page) == 0
    assert "None so far" in shown(page, "#list")
    send(emulator, turns())
    until(page, "document.querySelectorAll('#rows tr').length === 1")
    chosen(page, 0)
    assert "qwen-plus" in shown(page, "#rows tr")
    send(emulator, turns(2))
    until(page, "document.querySelectorAll('#rows tr').length === 2")
    chosen(page, 1)
    first = page.run("document.querySelector('#rows tr').dataset.index")
    assert first == "1", "the newest stands first"


def test_marks_stand_at_their_blocks_and_colours_follow_the_cache(
    opened: Opener, emulator: Emulator
) -> None:
    send(emulator, turns(1))
    send(emulator, turns(2))
    page = opened()
    chosen(page, 1)
    assert drawn(page) == [
        ["tools[0]", "read"],
        ["messages[0].content[0]", "read"],
        ["mark", "messages[0].content[0].cache_control", "read"],
        ["messages[1].content[0]", "read"],
        ["messages[2].content", "read"],
        ["messages[2].tool_calls[0]", "read"],
        ["messages[3].content[0]", "read"],
        ["messages[4].content[0]", "written"],
        ["messages[5].content", "written"],
        ["messages[5].tool_calls[0]", "written"],
        ["messages[6].content[0]", "written"],
        ["mark", "messages[6].content[0].cache_control", "written"],
    ]
    assert "5m" in shown(page, "#prefix .mark")
    widths = page.run("[...document.querySelectorAll('#whole .bar i')].map(e => e.className)")
    assert widths == ["s-read", "s-written", "s-fresh"]


def test_a_hit_is_shown_from_the_second_request_on(opened: Opener, emulator: Emulator) -> None:
    page = opened()
    send(emulator, turns())
    until(page, "document.getElementById('sum').innerText.includes('0 of 1')")
    send(emulator, turns())
    until(page, "document.getElementById('sum').innerText.includes('1 of 2')")
    read = round(emulator.requests[1].predicted.read)  # type: ignore[union-attr]
    assert read > 1500
    cells = page.run(
        "[...document.querySelectorAll('#rows tr:first-child td')].map(e => e.innerText)"
    )
    assert cells[6] == f"{read:,}"


def test_the_place_where_the_prefix_broke_is_drawn_with_its_reason(
    opened: Opener, emulator: Emulator
) -> None:
    send(emulator, turns(clock="10:01 "))
    send(emulator, turns(clock="10:02 "))
    page = opened()
    chosen(page, 1)
    parts = drawn(page)
    assert parts.index(["broke"]) == 1 + parts.index(["tools[0]", "written"])
    assert "10:01" in shown(page, "#broke")
    assert "10:02" in shown(page, "#broke")


def test_the_cost_on_the_page_is_what_python_computes(opened: Opener, emulator: Emulator) -> None:
    for count in (1, 2, 3):
        send(emulator, turns(count))
    page = opened()
    chosen(page, 2)
    cost = cost_of(emulator.requests[2])
    assert cost is not None
    assert cost["currency"] == "CNY"
    table = shown(page, "#cost")
    for name in ("shown", "uncached_shown", "saved_shown", "saved_share_shown"):
        assert cost[name] in table
    (total,) = Ledger().summary(emulator.requests)["costs"]
    figures = until(page, "document.getElementById('sum').innerText")
    for name in ("shown", "uncached_shown", "saved_shown", "saved_share_shown"):
        assert total[name] in figures


def test_what_was_reported_otherwise_than_predicted_is_shown_with_the_difference(
    opened: Opener, emulator: Emulator
) -> None:
    send(emulator, turns())
    record = emulator.requests[0]
    details = {"cached_tokens": 1024}
    record.answered = {
        "prompt_tokens": 1900,
        "completion_tokens": 5,
        "total_tokens": 1905,
        "prompt_tokens_details": details,
    }
    page = opened()
    chosen(page, 0)
    cells = page.run("[...document.querySelectorAll('#rows td')].map(e => e.innerText)")
    assert cells[5:8] == ["1,900", "1,024", "0"]
    assert "not as predicted" in cells[10]
    usage = page.run("[...document.querySelectorAll('#usage td')].map(e => e.innerText)")
    assert usage[3:6] == ["0", "1,024", "+1,024"]


def test_without_a_price_the_cost_is_unknown(opened: Opener, emulator: Emulator) -> None:
    send(
        emulator,
        {"model": "m", "messages": [{"role": "user", "content": "x"}]},
        "/v1/chat/completions",
    )
    page = opened()
    chosen(page, 0)
    assert "unknown" in shown(page, "#cost")
    until(page, "document.getElementById('sum').innerText.includes('unknown')")


def test_hostile_texts_stay_texts(opened: Opener, emulator: Emulator) -> None:
    body = turns()
    body["model"] = HOSTILE
    body["tools"][0] = {"type": "function", "function": {"name": HOSTILE}}
    for message in body["messages"]:
        message["name"] = HOSTILE
        message["content"] = [
            {"type": "text", "text": HOSTILE, "cache_control": {"type": HOSTILE, "ttl": HOSTILE}}
        ]
    send(emulator, body, f"{COMPATIBLE}?q={'%3Cimg%20src%3Dx%3E'}", **{"x-note": HOSTILE})
    send(
        emulator,
        {HOSTILE: HOSTILE, "messages": [{"role": HOSTILE, "content": HOSTILE}], "model": HOSTILE},
        "/v1/chat/completions",
    )
    send(emulator, [HOSTILE])
    page = opened()
    chosen(page, 2)
    for index in (2, 1, 0):
        page.run(f"document.querySelector('#rows tr[data-index=\"{index}\"]').click()")
        chosen(page, index)
        page.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
        until(
            page,
            "!document.querySelector('pre') || document.querySelector('pre').innerText !== '…'",
        )
        assert "<img src=x" in shown(page, "#detail")
    assert page.run("document.querySelectorAll('img').length") == 0
    assert page.run("document.querySelectorAll('script').length") == 1


def test_a_refusal_shows_its_error_and_leads_to_the_block(
    opened: Opener, emulator: Emulator
) -> None:
    body = turns()
    body["messages"][1] = {"role": "user", "content": [{"type": "nonsense", "text": "x"}]}
    assert send(emulator, body) == 400
    page = opened()
    chosen(page, 0)
    assert "400" in shown(page, "#rows tr")
    assert emulator.requests[0].error in shown(page, "#detail")
    page.run("document.querySelector('.found button').click()")
    assert page.run("document.querySelector('.block.flash').dataset.path").startswith("messages[1]")


def test_what_a_request_goes_on_with_is_set_apart(opened: Opener, emulator: Emulator) -> None:
    said = {"model": "gpt-5.6", "instructions": "Be brief.", "input": "Hello"}
    assert send(emulator, said, "/v1/responses") == 200
    before = json.loads(emulator.requests[0].response)["id"]
    more = {**said, "previous_response_id": before}
    assert send(emulator, more, "/v1/responses") == 200
    page = opened()
    chosen(page, 1)
    assert before in shown(page, "#before")
    assert "2 items of before" in shown(page, "#before")
    heads = "[...document.querySelectorAll('.part')].map(e => e.firstChild.textContent)"
    assert page.run(heads)[:3] == ["System", "Messages of before", "Messages of this request"]
    grey = "[...document.querySelectorAll('.block.inherited')].map(e => e.dataset.path)"
    assert [path.partition("]")[0] for path in page.run(grey)] == ["input[0", "input[1"]
    assert send(emulator, {**said, "previous_response_id": "resp_gone"}, "/v1/responses") == 400
    chosen(page, 2)
    assert "not known here" in shown(page, "#before")


def test_body_and_headers_come_on_demand(opened: Opener, emulator: Emulator, browser: Any) -> None:
    send(emulator, turns(), **{"x-thing": "a thing"})
    page = opened()
    chosen(page, 0)
    assert "a thing" not in shown(page, "#detail")
    assert not any(each.endswith("/body") for each in browser.requests())
    page.run("document.querySelectorAll('details').forEach(e => { e.open = true })")
    until(page, "document.querySelector('#body pre').innerText.includes('A pump moves water')")
    assert "a thing" in shown(page, "#headers")
    assert page.run("document.querySelector('#body pre').textContent") == json.dumps(turns())
    page.run("document.querySelector('#body button').click()")
    assert json.loads(page.run("document.querySelector('#body pre').textContent")) == turns()


def test_a_body_that_cannot_be_drawn_shows_its_json(opened: Opener, emulator: Emulator) -> None:
    send(emulator, {"model": "m", "messages": "none"}, "/v1/chat/completions")
    page = opened()
    chosen(page, 0)
    until(page, "document.querySelector('#detail pre').innerText.includes('messages')")
    assert page.run("document.getElementById('prefix')") is None


def test_the_clock_is_advanced_on_the_page(opened: Opener, emulator: Emulator) -> None:
    send(emulator, turns())
    page = opened()
    until(page, "!document.getElementById('moving').hidden")
    page.run("document.querySelector('[data-advance=\"301\"]').click()")
    until(page, "document.getElementById('now').value === '301 s'")
    assert emulator.clock.now() == 301
    page.run(
        "document.getElementById('seconds').value = '60'; document.getElementById('advance').click()"
    )
    until(page, "document.getElementById('now').value === '361 s'")
    send(emulator, turns())
    chosen(page, 1)
    until(page, "document.getElementById('broke') !== null")
    assert "TTL" in page.run("document.getElementById('broke').textContent")


def test_where_no_clock_can_be_moved_there_is_no_control(browser: Any, emulator: Emulator) -> None:
    send(emulator, turns())
    state = emulator.state

    class Kept:
        requests = state.requests

        def now(self) -> float:
            return 1.8e9

    class Watching(LoopbackServer):
        def application(self, hosts: frozenset[str]) -> Starlette:
            return Starlette(routes=inspection_routes(Kept(), hosts))

    with Watching() as server:
        browser.open(f"{server.url}/_wiremark")
        chosen(browser, 0)
        assert browser.run("document.getElementById('moving').hidden")
        assert re.fullmatch(r"\d\d:\d\d:\d\d", browser.run("document.getElementById('now').value"))
        assert browser.complaints() == []
        browser.open("about:blank")


def test_a_server_that_has_stopped_is_told(browser: Any) -> None:
    with Emulator() as running:
        send(running, turns())
        browser.open(f"{running.url}/_wiremark")
        chosen(browser, 0)
        running.stop()
        until(browser, "document.getElementById('state').innerText.includes('stopped')")
    browser.open("about:blank")


def test_everything_is_reached_by_keyboard(opened: Opener, emulator: Emulator) -> None:
    for count in (1, 2, 3):
        send(emulator, turns(count))
    page = opened()
    chosen(page, 2)
    page.run("document.getElementById('follow').focus()")
    page.key("Tab", "")
    assert page.run("document.activeElement.tagName") in ("DIV", "TR")
    page.run("document.querySelector('#rows tr[tabindex=\"0\"]').focus()")
    page.key("ArrowDown")
    chosen(page, 1)
    page.key("End")
    chosen(page, 0)
    assert page.run("document.activeElement.dataset.index") == "0"
    send(emulator, turns(4))
    until(page, "document.querySelectorAll('#rows tr').length === 4")
    time.sleep(0.2)
    assert page.run("document.getElementById('detail').dataset.index") == "0", "it stays chosen"
    page.key("Home")
    chosen(page, 3)


def test_a_reset_begins_the_page_anew(opened: Opener, emulator: Emulator) -> None:
    send(emulator, turns())
    send(emulator, turns())
    page = opened()
    chosen(page, 1)
    emulator.reset()
    until(page, "document.querySelectorAll('#rows tr').length === 0")
    send(emulator, turns(3))
    until(page, "document.querySelectorAll('#rows tr').length === 1")
    chosen(page, 0)


def test_a_request_under_way_is_finished_on_the_page(opened: Opener, emulator: Emulator) -> None:
    emulator.reset([Reply("late", delay=1.5)])
    page = opened()
    thread = threading.Thread(target=send, args=(emulator, turns()))
    thread.start()
    until(page, "document.querySelectorAll('#rows tr').length === 1")
    until(page, "document.querySelector('#rows tr').innerText.includes('…')")
    thread.join()
    until(page, "!document.querySelector('#rows tr').innerText.includes('…')")
    until(page, "!document.getElementById('detail').innerText.includes('under way')")


def test_a_thousand_requests_do_not_slow_the_page(opened: Opener, emulator: Emulator) -> None:
    body = {"model": "qwen-plus", "messages": [{"role": "user", "content": "a short one"}]}
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=30)
    for _ in range(1000):
        connection.request("POST", COMPATIBLE, json.dumps(body))
        connection.getresponse().read()
    page = opened()
    until(page, "document.querySelectorAll('#rows tr').length === 1000")
    page.run(
        "window.first = document.querySelectorAll('#rows tr')[1];"
        "window.tasks = []; new PerformanceObserver(l => tasks.push(...l.getEntries().map(e =>"
        " e.duration))).observe({entryTypes: ['longtask']})"
    )
    for count in range(1, 4):
        send(emulator, turns(count))
        chosen(page, 999 + count)
    connection.close()
    assert page.run("window.first.isConnected"), "rows are not drawn again"
    assert rows(page) == 1000, "what the emulator forgot has left the page"
    longest = page.run("Math.max(0, ...tasks)")
    assert longest < 500, f"the page was busy for {longest} ms"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_follow_the_system(opened: Opener, emulator: Emulator, dark: bool) -> None:
    send(emulator, turns())
    page = opened(dark=dark)
    chosen(page, 0)
    page_colour = page.run("getComputedStyle(document.documentElement).backgroundColor")
    assert page_colour == ("rgb(15, 19, 24)" if dark else "rgb(246, 247, 249)")
    written = page.run("getComputedStyle(document.querySelector('.s-written')).backgroundColor")
    assert written == ("rgb(240, 171, 60)" if dark else "rgb(194, 120, 0)")
