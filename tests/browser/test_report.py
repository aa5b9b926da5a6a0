"""The report in a real browser: what is drawn, pointed at, typed, and asked of the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from wiremark.replay.model import Amounts, MarkAt, Miss, Replay, ReplayRow
from wiremark.replay.report import render_html
from wiremark.replay.report.palette import COLOURS
from wiremark.usage import Usage

POLICIES = ("rolling", "system_and_last", "stable_head", "none")
HOSTILE = (
    "</script ><script>window.hacked=1</script><img src=x onerror=window.hacked=2><!--<script x"
)

Opener = Callable[..., Any]


def session(policy: str, count: int, *, arm: str = "neutral", **more: Any) -> Replay:
    """Return a session that grows; of `rolling`, request 4 misses since a clock changed."""
    random = Random(count)
    rows: list[ReplayRow] = []
    size = 2000.0
    before = 0.0
    for number in range(count):
        size += random.randint(100, 600)
        miss: Miss | None = None
        read = before
        if number == 0:
            miss = Miss("first", "Nothing was written before this request.")
        elif policy == "none":
            miss = Miss("no-marks", "The request carries no mark.")
            read = 0.0
        elif number == 3:
            miss = Miss(
                "changed",
                "The clock in messages[1] changed.",
                "messages[1].content[0]",
                before="It is 13:20.",
                after="It is 13:21.",
            )
            read = 0.0
        elif number % 50 == 49:
            miss = Miss("expired", "The TTL passed by 17 s.", by=17.0)
            read = 0.0
        written = 0.0 if policy == "none" else size - 200 - read
        cost = (size - read - written) + 1.25 * written + 0.1 * read
        rows.append(
            ReplayRow(
                number,
                number * 5.0,
                "qwen-plus",
                size,
                read,
                written,
                size - read - written,
                common=800.0 if number == 3 else before,
                marks=() if policy == "none" else (MarkAt("messages[0]", "5m", size - 200),),
                miss=miss,
                amounts=Amounts(cost, Decimal(str(round(cost))) / 1_000_000, "CNY"),
                reported=Usage(input=int(size), cache_read=7) if number == 1 else None,
                place=f"trace.jsonl:{number + 1}",
            )
        )
        before = 0.0 if policy == "none" else size - 200
    return Replay(policy, arm, "dashscope", "dashscope", tuple(rows), **more)  # type: ignore[arg-type]


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opener]:
    """Open replays in the browser; in the end nothing was complained of, nothing asked for."""
    file = tmp_path / "report.html"

    def open_(*replays: Replay, title: str = "Report", advice: object = None, **how: Any) -> Any:
        file.write_text(render_html(replays, title=title, advice=advice), encoding="utf-8")
        browser.open(file, **how)
        return browser

    yield open_
    assert browser.complaints() == []
    assert browser.requests() == [file.as_uri()]


PLACE = """(() => {
  const canvas = document.querySelectorAll('canvas[role=slider]')[%d];
  canvas.scrollIntoView({block: 'center'});
  const box = canvas.getBoundingClientRect();
  return [box.left, box.top, box.width, box.height];
})()"""


def middle(page: Any, panel: int, number: int, count: int) -> tuple[float, float]:
    """Return where the bar of a request stands in the window; 64 and 18 are the margins."""
    left, top, width, height = page.run(PLACE % panel)
    return left + 64 + (width - 82) / count * (number + 0.5), top + height / 3


PIXELS = """(() => {
  const canvas = document.querySelectorAll('canvas[role=slider]')[%d];
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const pen = copy.getContext('2d', {willReadFrequently: true});
  pen.drawImage(canvas, 0, 0);
  const slot = (canvas.width - 82) / %d;
  const column = Math.round(64 + slot * (%d + 0.5) - slot * 0.2);
  const all = pen.getImageData(column, 0, 1, canvas.height).data;
  const seen = [];
  for (let n = 0; n < all.length; n += 4) {
    const parts = [...all.slice(n, n + 3)].map(k => k.toString(16).padStart(2, '0'));
    if (all[n + 3] === 255) seen.push('#' + parts.join(''));
  }
  return seen;
})()"""


def colours(page: Any, panel: int, number: int, count: int) -> list[str]:
    """Return the colours of the pixels of a bar and its lane from top to bottom, beside its middle."""
    return page.run(PIXELS % (panel, count, number))


def tip(page: Any) -> str:
    return page.run("(t => t.hidden ? '' : t.innerText)(document.getElementById('tip'))")


def shown(page: Any, selector: str) -> str:
    return page.run(f"document.querySelector({selector!r}).innerText")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_bars_are_drawn_in_the_colours_of_what_they_hold(opened: Opener, dark: bool) -> None:
    page = opened(session("rolling", 8), session("none", 8), dark=dark)
    colour = {name: pair[dark] for name, pair in COLOURS.items()}
    first, second, fourth = (colours(page, 0, number, 8) for number in (0, 1, 3))
    assert {colour["written"], colour["fresh"], colour["mark"], colour["miss-first"]} <= set(first)
    assert colour["read"] not in first
    assert {colour["read"], colour["written"], colour["mark"]} <= set(second)
    held = [
        value
        for value in dict.fromkeys(second)
        if value in {colour[n] for n in ("read", "written", "fresh")}
    ]
    assert held == [colour["fresh"], colour["written"], colour["read"]], "read lies lowest"
    assert not {value for name, value in colour.items() if name.startswith("miss-")} & set(second)
    assert colour["miss-changed"] in fourth
    assert colour["read"] not in fourth
    uncached = colours(page, 1, 1, 8)
    assert colour["fresh"] in uncached
    assert not {colour["read"], colour["written"]} & set(uncached)


def test_lane_is_coloured_from_where_the_prefix_broke(opened: Opener) -> None:
    rolling = session("rolling", 8)
    page = opened(rolling)
    broken = colours(page, 0, 3, 8).count(COLOURS["miss-changed"][0])
    row = rolling.rows[3]
    assert broken == pytest.approx(29 * (1 - row.common / row.input), abs=1)


def test_pointing_at_a_bar_shows_figures_reason_and_text(opened: Opener) -> None:
    page = opened(session("rolling", 8), session("none", 8))
    page.hover(*middle(page, 0, 3, 8))
    text = tip(page)
    row = session("rolling", 8).rows[3]
    assert "Request 4, rolling" in text
    assert f"{row.written:,.0f}" in text
    assert "The clock in messages[1] changed." in text
    assert "It is 13:20." in text
    assert "It is 13:21." in text
    page.hover(*middle(page, 1, 3, 8))
    assert "The request carries no mark." in tip(page)
    page.hover(2, 2)
    assert tip(page) == ""


def test_pointing_shows_what_the_provider_reported_beside_the_prediction(opened: Opener) -> None:
    rolling = session("rolling", 8)
    page = opened(rolling)
    page.hover(*middle(page, 0, 1, 8))
    less = f"{rolling.rows[1].read - 7:,.0f} less than predicted"
    assert f"Reported: read 7 ({less}), written not said" in tip(page)


def test_tip_stays_inside_the_window(opened: Opener) -> None:
    page = opened(session("rolling", 8), width=500, height=500)
    for number in (0, 3, 7):
        page.hover(*middle(page, 0, number, 8))
        left, top, right, bottom = page.run(
            "(b => [b.left, b.top, b.right, b.bottom])"
            "(document.getElementById('tip').getBoundingClientRect())"
        )
        assert left >= 0
        assert top >= 0
        assert right <= 500
        assert bottom <= 500


def test_keyboard_moves_from_request_to_request_and_is_spoken(opened: Opener) -> None:
    page = opened(session("rolling", 60), session("none", 60))
    page.run("document.getElementById('theme').focus()")
    for _ in range(20):
        page.key("Tab")
        if page.run("document.activeElement.getAttribute('role')") == "slider":
            break
    spoken = "document.activeElement.getAttribute('aria-valuetext')"
    assert page.run(spoken).startswith("request 1: 0 tokens read")
    for _ in range(3):
        page.key("ArrowRight")
    assert "The clock in messages[1] changed." in page.run(spoken)
    assert "Request 4, rolling" in tip(page)
    page.key("End")
    assert page.run("document.activeElement.getAttribute('aria-valuenow')") == "60"
    page.key("PageDown")
    assert page.run(spoken).startswith("request 50: 0 tokens read")
    page.key("Escape")
    assert tip(page) == ""


def test_enter_keeps_a_request_under_every_policy(opened: Opener) -> None:
    page = opened(session("rolling", 8), session("none", 8, arm="pessimistic"))
    page.run("document.querySelector('canvas[role=slider]').focus()")
    page.key("Home")
    for _ in range(3):
        page.key("ArrowRight")
    page.key("Enter", "\r")
    detail = shown(page, "#detail")
    assert "Request 4 under each policy" in detail
    assert "rolling, neutral" in detail
    assert "none, pessimistic" in detail
    assert "trace.jsonl:4" in detail
    assert "It is 13:21." in detail
    page.run("document.querySelector('#detail button').click()")
    assert shown(page, "#detail") == ""


def test_a_click_keeps_a_request_and_a_second_lets_it_go(opened: Opener) -> None:
    page = opened(session("rolling", 8))
    x, y = middle(page, 0, 3, 8)
    page.drag(x, y, x)
    assert "Request 4 under each policy" in shown(page, "#detail")
    page.drag(x, y, x)
    assert shown(page, "#detail") == ""


def test_dragging_zooms_in_and_a_button_returns(opened: Opener) -> None:
    page = opened(*(session(policy, 1000) for policy in POLICIES), height=1200)
    assert "Requests 1 to 1,000 of 1,000; each bar is the mean of 3" in shown(page, "#range")
    left, top, width, _ = page.run(PLACE % 0)
    start = left + 64 + (width - 82) * 0.5
    page.drag(start, top + 40, start + (width - 82) * 0.02)
    said = shown(page, "#range")
    assert "mean" not in said
    assert said.startswith(("Requests 50", "Requests 49"))
    page.run("document.getElementById('all').click()")
    page.settle()
    assert "Requests 1 to 1,000" in shown(page, "#range")


def test_buttons_zoom_and_move_and_stop_at_the_ends(opened: Opener) -> None:
    page = opened(session("rolling", 100))
    able = "['in', 'out', 'all', 'back', 'on'].filter(n => !document.getElementById(n).disabled)"
    assert page.run(able) == ["in"]
    page.run("document.getElementById('in').click()")
    assert shown(page, "#range") == "Requests 26 to 75 of 100"
    page.run("document.getElementById('on').click()")
    page.run("document.getElementById('on').click()")
    assert shown(page, "#range") == "Requests 51 to 100 of 100"
    assert page.run(able) == ["in", "out", "all", "back"]


def test_a_thousand_requests_under_four_policies_are_drawn_quickly(opened: Opener) -> None:
    page = opened(*(session(policy, 1000) for policy in POLICIES), height=1200)
    x, y = middle(page, 0, 500, 1000)
    start = time.monotonic()
    for step in range(10):
        page.hover(x + 4 * step, y)
    assert (time.monotonic() - start) / 10 < 0.25
    assert "Requests 5" in tip(page)


def test_panels_share_their_axis(opened: Opener) -> None:
    page = opened(*(session(policy, 60) for policy in POLICIES))
    boxes = page.run(
        "[...document.querySelectorAll('canvas[role=slider]')]"
        ".map(c => [c.getBoundingClientRect().left, c.getBoundingClientRect().width])"
    )
    assert len(boxes) == 4
    assert all(box == boxes[0] for box in boxes)


def test_of_many_policies_four_that_cache_are_drawn_until_others_are_chosen(opened: Opener) -> None:
    page = opened(
        *(session(policy, 8, arm=arm) for arm in ("neutral", "pessimistic") for policy in POLICIES)
    )
    drawn = "[...document.querySelectorAll('figure')].filter(f => !f.hidden).map(f => f.innerText)"
    assert [caption.split()[0] for caption in page.run(drawn)] == [*POLICIES[:3], "rolling"]
    page.run("document.querySelectorAll('#choice input')[0].click()")
    page.run("document.querySelectorAll('#choice input')[7].click()")
    page.settle()
    captions = page.run(drawn)
    assert len(captions) == 4
    assert captions[0].startswith("system_and_last")
    assert "pessimistic arm" in captions[3]
    assert COLOURS["fresh"][0] in colours(page, 7, 1, 8)
    page.run("document.querySelectorAll('#choice input:checked').forEach(box => box.click())")
    assert page.run(drawn) == []


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_page_never_scrolls_sideways(opened: Opener, width: int) -> None:
    page = opened(*(session(policy, 60) for policy in POLICIES), width=width, title="x" * 300)
    assert page.run("document.documentElement.scrollWidth") <= width


def test_button_overrules_the_theme_of_the_system(opened: Opener) -> None:
    page = opened(session("rolling", 8), dark=True)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark, light = page.run(ground), "rgb(246, 247, 249)"
    assert dark == "rgb(15, 19, 24)"
    page.run("document.getElementById('theme').click()")
    assert page.run(ground) == light
    assert COLOURS["read"][0] in colours(page, 0, 1, 8)
    page.run("document.getElementById('theme').click()")
    assert page.run(ground) == dark
    page.run("document.getElementById('theme').click()")
    assert shown(page, "#theme") == "Theme: system"


def test_a_change_of_the_theme_of_the_system_is_followed(opened: Opener) -> None:
    page = opened(session("rolling", 8))
    assert COLOURS["read"][0] in colours(page, 0, 1, 8)
    page.prefer(dark=True)
    assert COLOURS["read"][1] in colours(page, 0, 1, 8)


def test_table_holds_every_request_of_the_chosen_policy(opened: Opener) -> None:
    page = opened(session("rolling", 60), session("none", 60))
    page.run("document.querySelector('#tables summary').click()")
    page.settle()
    rows = "document.querySelectorAll('#table tbody tr').length"
    assert page.run(rows) == 60
    assert "The clock in messages[1] changed." in shown(page, "#table")
    page.run(
        "(s => { s.value = '1'; s.dispatchEvent(new Event('change')); })"
        "(document.getElementById('which'))"
    )
    assert page.run(rows) == 60
    assert "The request carries no mark." in shown(page, "#table")


def test_hostile_texts_are_shown_and_never_run(opened: Opener) -> None:
    row = ReplayRow(
        0,
        0.0,
        HOSTILE,
        10.0,
        0.0,
        10.0,
        0.0,
        marks=(MarkAt(HOSTILE, HOSTILE, 5.0),),
        miss=Miss("changed", HOSTILE, HOSTILE, before=HOSTILE, after=HOSTILE),
        place=HOSTILE,
    )
    hostile = Replay(HOSTILE, "neutral", HOSTILE, HOSTILE, (row,), host=HOSTILE, counter=HOSTILE)
    page = opened(hostile, title=HOSTILE, advice={HOSTILE: HOSTILE})
    page.hover(*middle(page, 0, 0, 1))
    assert HOSTILE in tip(page)
    x, y = middle(page, 0, 0, 1)
    page.drag(x, y, x)
    page.run("document.querySelector('#tables summary').click()")
    page.settle()
    assert HOSTILE in shown(page, "#detail")
    assert HOSTILE in shown(page, "#table")
    assert HOSTILE in shown(page, "h1")
    assert page.run("typeof window.hacked") == "undefined"
    assert page.run("document.images.length") == 0


@pytest.mark.parametrize(
    "replays",
    [
        (),
        (session("rolling", 0),),
        (session("rolling", 1),),
        (session("rolling", 5), session("none", 0)),
        (session("rolling", 3), session("none", 9)),
    ],
    ids=["no policy", "no requests", "one request", "one policy empty", "unequal lengths"],
)
def test_sparse_replays_open_without_a_complaint(
    opened: Opener, replays: tuple[Replay, ...]
) -> None:
    page = opened(*replays)
    page.run("document.querySelector('#tables summary')?.click()")
    page.settle()
    expected = sum(bool(replay.rows) for replay in replays)
    assert page.run("document.querySelectorAll('canvas[role=slider]').length") == expected


def test_without_scripts_the_page_still_tells(opened: Opener) -> None:
    text = shown(opened(session("rolling", 8), scripts=False), "main")
    assert "The clock in messages[1] changed." in text
    assert "Policies compared" in text
