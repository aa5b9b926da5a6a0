"""The report of a replay and its rows in plain text: what is said, escaped, rounded and left out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from wiremark.findings import Finding
from wiremark.replay.model import Amounts, MarkAt, Miss, Replay, ReplayRow
from wiremark.replay.report import render_html
from wiremark.replay.report.figures import amount, clock, money, saving, share
from wiremark.replay.report.palette import COLOURS, MISS_LETTERS, MISS_WORDS
from wiremark.replay.terminal import COMPACT_HEADER, compact_rows, sparkline
from wiremark.usage import Usage

HOSTILE = "</script ><script>window.hacked=1</script><img src=x onerror=window.hacked=2>\u2028<!--<script x"


def row(number: int, read: float, written: float, fresh: float = 0.0, **more: Any) -> ReplayRow:
    return ReplayRow(
        number, number * 10.0, "qwen-plus", read + written + fresh, read, written, fresh, **more
    )


def replayed(*rows: ReplayRow, **more: Any) -> Replay:
    values: dict[str, Any] = {
        "policy": "rolling",
        "arm": "neutral",
        "rules": "dashscope",
        "protocol": "dashscope",
        "counter": "estimate",
    }
    return Replay(**{**values, **more}, rows=rows)


def session(count: int = 3, **more: Any) -> Replay:
    rows = [
        row(
            number,
            1000.0 * number,
            1000.0,
            24.0,
            marks=(MarkAt(f"messages[{number}]", "5m", 1000.0 * (number + 1)),),
            miss=Miss("first", "Nothing was written before.") if not number else None,
            place=f"line {number + 1}",
        )
        for number in range(count)
    ]
    return replayed(*rows, **more)


class Page(HTMLParser):
    """Reads a page as a browser does: elements, and the text outside of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.words: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in self.raw:
            self.raw[self._inside].append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.raw["script"][0])


# ----------------------------------------------------------------------------------------- the page


def test_equal_input_gives_equal_bytes() -> None:
    assert render_html([session()]) == render_html([session()])


def test_page_names_no_other_file_or_host() -> None:
    page = Page(render_html([session()]))
    addresses = [
        (tag, name, value)
        for tag, attributes in page.tags
        for name, value in attributes.items()
        if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert addresses == [("link", "href", "data:,")]
    assert not re.search(r"@import|url\(|@font-face", page.raw["style"][0])
    assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|import)\b", page.raw["script"][1])


def test_policy_of_the_page_allows_its_one_script_and_its_one_style_by_hash() -> None:
    page = Page(render_html([session()]))
    policy = next(
        attributes["content"] or "" for tag, attributes in page.tags if "http-equiv" in attributes
    )
    for kind, source in (("script", page.raw["script"][1]), ("style", page.raw["style"][0])):
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_script_writes_text_only_as_text() -> None:
    script = Page(render_html([])).raw["script"][1]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_hostile_text_stays_text_wherever_it_stands() -> None:
    bad = row(
        0,
        0.0,
        10.0,
        miss=Miss("changed", HOSTILE, HOSTILE, before=HOSTILE, after=HOSTILE),
        marks=(MarkAt(HOSTILE, HOSTILE, 3.0),),
        place=HOSTILE,
    )
    hostile = replayed(
        replace(bad, model=HOSTILE),
        policy=HOSTILE,
        rules=HOSTILE,
        protocol=HOSTILE,
        host=HOSTILE,
        model=HOSTILE,
        counter=HOSTILE,
        amounts=Amounts(total=Decimal(1), currency=HOSTILE),
        findings=(Finding(HOSTILE, "note", HOSTILE, HOSTILE, HOSTILE),),
    )
    harmless = json.loads(json.dumps(HOSTILE).replace("<", "(").replace(">", ")"))
    tame = Page(render_html([session(1)], title=harmless, advice={harmless: [harmless]}))
    page = Page(render_html([hostile], title=HOSTILE, advice={HOSTILE: [HOSTILE]}))
    assert [tag for tag, _ in page.tags if tag in {"script", "img"}] == ["script", "script"]
    assert [tag for tag, _ in tame.tags if tag in {"script", "img"}] == ["script", "script"]
    assert "onerror" not in {name for _, attributes in page.tags for name in attributes}
    assert HOSTILE in page.data["texts"]
    assert "window.hacked=1" in page.text


def test_half_a_surrogate_pair_does_not_stop_the_page_from_being_written() -> None:
    broken = row(0, 0.0, 1.0, miss=Miss("changed", "cut \ud83d here", before="\ud83d"))
    page = render_html([replayed(broken)], title="\ud83d")
    assert page.encode("utf-8")
    assert Page(page).data["texts"].count("\ud83d") == 1


def test_figures_of_the_comparison_are_written_with_separators() -> None:
    text = Page(render_html([session(3)])).text
    assert "rolling neutral 6,072 3,000 3,000 72 49.4 %" in text


def test_arm_rules_with_date_and_counter_are_stated() -> None:
    pair = [session(2), session(2, arm="pessimistic")]
    text = Page(render_html(pair)).text
    assert re.search(r"dashscope \(sources read \d{4}-\d\d-\d\d\)", text)
    assert "estimate (an estimate)" in text
    assert "neutral : what the provider's documentation says" in text
    assert "pessimistic : where reports or sources disagree, the worse reading" in text
    exact = Page(render_html([session(2, exact=True, counter="qwen")])).text
    assert "qwen (exact)" in exact


def test_cost_and_saving_are_stated_and_the_cheapest_of_an_arm_is_named() -> None:
    uncached = Amounts(10_000.0, Decimal("0.8"), "CNY")
    dear = session(policy="none", amounts=uncached, uncached=uncached)
    cheap = session(amounts=Amounts(2500.0, Decimal("0.2"), "CNY"), uncached=uncached)
    text = Page(render_html([dear, cheap])).text
    assert "CNY 0.2000 CNY 0.8000 75.0 %" in text
    assert text.count("cheapest") == 1
    assert "rolling cheapest" in text


def test_captions_of_the_charts_state_cost_and_saving() -> None:
    uncached = Amounts(10_000.0, Decimal("0.8"), "CNY")
    paid = session(amounts=Amounts(2500.0, Decimal("0.2"), "CNY"), uncached=uncached)
    assert "cost CNY 0.2000, 75.0 % saved" in Page(render_html([paid])).data["texts"]
    assert "cost not known" in Page(render_html([session()])).data["texts"]


def test_no_policy_is_called_cheapest_where_a_cost_is_not_known() -> None:
    known = session(amounts=Amounts(1.0, Decimal(1), "CNY"))
    assert "cheapest" not in Page(render_html([known, session(policy="none")])).text


def test_arms_are_not_played_off_against_each_other() -> None:
    costs = [Amounts(1.0), Amounts(2.0)]
    pair = [
        session(arm=arm, amounts=cost)
        for arm, cost in zip(("neutral", "pessimistic"), costs, strict=True)
    ]
    assert "cheapest" not in Page(render_html(pair)).text


def test_costs_without_a_price_say_their_unit() -> None:
    text = Page(render_html([session(amounts=Amounts(1234.0), uncached=Amounts(2468.0))])).text
    assert "1,234 × 2,468 × 50.0 %" in text
    assert "prices of one uncached input token" in text


def test_unknown_cost_says_so() -> None:
    text = Page(render_html([session()])).text
    assert "not known not known –" in text


def test_misses_are_counted_by_reason_in_words() -> None:
    rows = [row(n, 0.0, 9.0, miss=Miss("expired", "Too late.")) for n in range(3)]
    text = Page(render_html([replayed(*rows)])).text
    assert "E entry expired: 3" in text


@pytest.mark.parametrize("replays", [[], [replayed()]])
def test_nothing_to_show_is_said(replays: list[Replay]) -> None:
    page = Page(render_html(replays))
    assert "nothing to draw" in page.text
    assert "canvas" not in {tag for tag, _ in page.tags}


def test_legend_names_only_what_is_drawn() -> None:
    without = Page(render_html([replayed(row(0, 0.0, 5.0))])).text
    assert "mark" not in without
    assert "reported" not in without
    assert "Lane" not in without
    usage = Usage(input=5, cache_read=2)
    with_all = replayed(row(0, 0.0, 5.0, marks=(MarkAt("", None, 1.0),), reported=usage))
    assert "mark read, as the provider reported" in Page(render_html([with_all])).text


def test_readers_without_scripts_get_tables_up_to_a_stated_number() -> None:
    few = render_html([session(3)])
    many = render_html([session(203)])
    assert few.count('<tr><th scope="row">') == 3
    assert many.count('<tr><th scope="row">') == 200
    assert "3 more requests are shown with scripts only." in many


def test_findings_are_listed_once_a_policy() -> None:
    finding = Finding("x", "waste", "messages[1]", "A mark that nobody reads.", "Drop it.")
    text = Page(render_html([session(findings=(finding, finding))])).text
    assert text.count("A mark that nobody reads.") == 1
    assert "waste rolling, messages[1] : A mark that nobody reads. Drop it." in text


@dataclass(frozen=True)
class Told:
    saved_tokens: int
    note: str
    nothing: None = None


class Telling:
    def to_dict(self) -> dict[str, Any]:
        return {"saved_tokens": 12345, "note": "Move the clock."}


@pytest.mark.parametrize(
    "advice",
    [
        Told(12345, "Move the clock."),
        Telling(),
        {"saved_tokens": 12345, "note": "Move the clock."},
    ],
    ids=["dataclass", "to_dict", "mapping"],
)
def test_advice_is_shown_in_words(advice: object) -> None:
    assert "saved tokens 12,345 note Move the clock." in Page(render_html([], advice=advice)).text


def test_advice_may_be_plain_text_or_a_list() -> None:
    assert "Advice Sort the tools." in Page(render_html([], advice="Sort the tools.")).text
    assert "Advice One. Two." in Page(render_html([], advice=["One.", "Two."])).text


def test_equal_texts_are_embedded_once() -> None:
    rows = [
        row(n, 0.0, 9.0, miss=Miss("changed", "It changed.", before="b" * 99)) for n in range(9)
    ]
    texts = Page(render_html([replayed(*rows)])).data["texts"]
    assert texts.count("It changed.") == texts.count("b" * 99) == 1


def test_overlong_excerpts_are_cut_and_say_so() -> None:
    long = row(0, 0.0, 9.0, miss=Miss("changed", "It changed.", before="b" * 10_000))
    texts = Page(render_html([replayed(long)])).data["texts"]
    assert "b" * 4000 + " … (6,000 more characters)" in texts


def test_a_thousand_requests_under_four_policies_stay_under_a_megabyte() -> None:
    policies = ("rolling", "system_and_last", "stable_head", "none")
    page = render_html([session(1000, policy=policy) for policy in policies])
    assert len(page.encode()) < 1_000_000


# --------------------------------------------------------------------------------------- the colours


def luminance(colour: str) -> float:
    # WCAG 2.2, "relative luminance"
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_reaches_the_contrast_for_reading(theme: int) -> None:
    low = {
        (name, ground): contrast(COLOURS[name][theme], COLOURS[ground][theme])
        for name in ("text", "soft", "good", "bad", "accent")
        for ground in ("page", "card")
    }
    assert min(low.values()) >= 4.5, low


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_marks_reach_the_contrast_for_graphics(theme: int) -> None:
    drawn = [
        name for name in COLOURS if name.startswith("miss-") or name in {"read", "written", "fresh"}
    ]
    low = {name: contrast(COLOURS[name][theme], COLOURS["card"][theme]) for name in drawn}
    assert len(low) == 12
    assert min(low.values()) >= 3.0, low


def test_every_reason_has_a_letter_of_its_own() -> None:
    assert MISS_LETTERS.keys() == MISS_WORDS.keys()
    assert len(set(MISS_LETTERS.values())) == len(MISS_LETTERS)
    assert {f"miss-{code}" for code in MISS_WORDS} <= COLOURS.keys()


# --------------------------------------------------------------------------------------- the figures


def test_money_has_four_decimals_and_six_below_a_tenth() -> None:
    assert money(Decimal("1234.56789")) == "1,234.5679"
    assert money(Decimal("0.0123456")) == "0.012346"
    assert money(Decimal("-2.5")) == "-2.5000"
    assert money(Decimal(0)) == "0"


def test_amounts_prefer_money_over_relative_cost() -> None:
    assert amount(Amounts(5.0, Decimal("2.5"), "USD")) == "USD 2.5000"
    assert amount(Amounts(5000.4)) == "5,000 ×"
    assert amount(Amounts()) == "not known"


def test_saving_is_unknown_between_currencies_and_of_nothing() -> None:
    one, other = (
        Amounts(total=Decimal(1), currency="USD"),
        Amounts(total=Decimal(2), currency="CNY"),
    )
    assert saving(one, other) is None
    assert saving(Amounts(0.0), Amounts(0.0)) is None
    assert saving(Amounts(125.0), Amounts(100.0)) == pytest.approx(-0.25)


def test_shares_and_times_are_written_for_people() -> None:
    assert (share(None), share(0.12345), share(1.0)) == ("–", "12.3 %", "100.0 %")
    assert (clock(0), clock(59.6), clock(3725), clock(-61)) == (
        "0:00:00",
        "0:01:00",
        "1:02:05",
        "-0:01:01",
    )


# -------------------------------------------------------------------------------------- the terminal


def test_sparkline_has_a_character_a_value_scaled_to_its_largest() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7, 8]) == "▁▂▃▄▅▆▇██"
    assert sparkline([]) == ""
    assert sparkline([0, 0]) == "▁▁"


def test_sparkline_is_scaled_to_a_given_top_and_marks_what_is_unknown() -> None:
    assert sparkline([None, 0.5, 1.0, 3.0], top=1.0) == "·▅██"


def test_sparkline_of_a_width_shows_means() -> None:
    assert sparkline([0, 0, 8, 8, None, None], width=3) == "▁█·"
    assert sparkline(range(5), width=80) == sparkline(range(5))
    assert len(sparkline(range(1000), width=7)) == 7


def test_compact_rows_show_every_request_of_a_short_session() -> None:
    rows = compact_rows(session(2))
    assert rows == [
        ("1", "1,024", "0", "1,000", "24", "0.0 %", "not known", "Nothing was written before."),
        ("2", "2,024", "1,000", "1,000", "24", "49.4 %", "not known", ""),
    ]
    assert {len(line) for line in rows} == {len(COMPACT_HEADER)}


def test_compact_rows_show_the_first_the_worst_and_the_last() -> None:
    rows = list(session(100).rows)
    rows[40] = row(40, 0.0, 41_000.0, miss=Miss("expired", "The TTL passed by 3 s."))
    rows[60] = row(60, 0.0, 61_000.0, miss=Miss("changed", "messages[0] changed."))
    rows[70] = row(70, 69_000.0, 1_000.0, miss=Miss("changed", "messages[9] changed."))
    lines = compact_rows(replayed(*rows), limit=4)
    assert [(line[0], line[-1]) for line in lines] == [
        ("1", "Nothing was written before."),
        ("…", "39 more requests"),
        ("41", "The TTL passed by 3 s."),
        ("…", "19 more requests"),
        ("61", "messages[0] changed."),
        ("…", "38 more requests"),
        ("100", ""),
    ]
    assert {len(line) for line in lines} == {len(COMPACT_HEADER)}


def test_compact_rows_of_no_room_say_how_many_there_are() -> None:
    assert compact_rows(session(1), limit=0)[0][-1] == "1 more request"
    assert [line[0] for line in compact_rows(session(5), limit=1)] == ["1", "…"]
    assert compact_rows(replayed()) == []


def test_control_characters_of_a_trace_do_not_reach_the_terminal() -> None:
    bad = row(0, 0.0, 1.0, miss=Miss("changed", "a\x1b[2Jb\r\nc\u202ed\x9be"))
    assert compact_rows(replayed(bad))[0][-1] == "a [2Jb c d e"
