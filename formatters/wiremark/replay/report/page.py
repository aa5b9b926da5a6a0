"""The page around the drawing: headings, the comparison, notes, and tables without scripts.

All text passes `_text`. The content security policy of the page lets run the one script and the
one style sheet that were written here, by their hashes, and forbids any request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from html import escape
from typing import Any, Final

from ...rules import RULE_TABLE
from ..model import Miss, Replay
from .data import embedded
from .figures import UNKNOWN, amount, clock, saving, share, tokens
from .palette import MISS_LETTERS, MISS_WORDS, stylesheet
from .parts import source_hash, text_of

__all__ = ["render_html"]

_WITHOUT_SCRIPTS = 200
"""Requests a policy that are written as a plain table, for readers without scripts."""

_ARMS: Final = {
    "neutral": "what the provider's documentation says",
    "pessimistic": "where reports or sources disagree, the worse reading",
}

_SEGMENTS: Final = (
    ("read", "read from cache"),
    ("written", "written to cache"),
    ("fresh", "fresh: neither read nor written"),
)


def render_html(
    replays: Sequence[Replay], *, title: str = "Cache replay", advice: object | None = None
) -> str:
    """Return one self-contained HTML page that shows replays side by side.

    `advice` may be a text, a list of texts, a mapping, a dataclass, or a value with `to_dict()`.
    Equal input gives equal text: no date is written but those of the rules.
    """
    style = stylesheet() + text_of(__package__, "report.css")
    script = text_of(__package__, "report.js")
    policy = (
        f"default-src 'none'; script-src {source_hash(script)}; style-src {source_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    body = "\n".join(
        part
        for part in (
            _header(replays, title),
            "<main>",
            _comparison(replays),
            _requests(replays),
            _advice(advice),
            _findings(replays),
            _tables(replays),
            "</main>",
        )
        if part
    )
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{_text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'{body}\n<script type="application/json" id="data">{embedded(replays)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )
    return page.encode("utf-8", "replace").decode("utf-8")


def _text(value: object) -> str:
    return escape(str(value), quote=True)


# -------------------------------------------------------------------------------------- the heading


def _header(replays: Sequence[Replay], title: str) -> str:
    facts = [
        ("Model", _distinct(replay.model for replay in replays)),
        ("Host", _distinct(replay.host for replay in replays)),
        ("Protocol", _distinct(replay.protocol for replay in replays)),
        ("Rules", _distinct(_dated(replay.rules) for replay in replays)),
        ("Requests", _distinct(f"{len(replay.rows):,}" for replay in replays)),
        ("Tokens", _distinct(_counted(replay) for replay in replays)),
        ("Arm", ", ".join(dict.fromkeys(replay.arm for replay in replays))),
    ]
    shown = "".join(
        f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in facts if value
    )
    return (
        f"<header><div><h1>{_text(title)}</h1>"
        '<button type="button" id="theme" hidden>Theme: system</button></div>'
        f"<dl>{shown}</dl></header>"
    )


def _distinct(values: Iterable[str | None]) -> str:
    return "; ".join(dict.fromkeys(value for value in values if value))


def _dated(name: str) -> str:
    """Return the name of rules with the dates at which their sources were read."""
    read = sorted(
        {
            source.read
            for entry in RULE_TABLE
            if entry.rules.name == name
            for source in entry.rules.sources.values()
        }
    )
    if not read:
        return name
    span = read[0] if len(read) == 1 else f"{read[0]} to {read[-1]}"
    return f"{name} (sources read {span})"


def _counted(replay: Replay) -> str:
    how = "exact" if replay.exact else "an estimate"
    return f"{replay.counter or 'counter not named'} ({how})"


# ----------------------------------------------------------------------------------- the comparison


def _comparison(replays: Sequence[Replay]) -> str:
    if not replays:
        return '<p class="empty">No policy was replayed, so there is nothing to compare.</p>'
    cheapest = _cheapest(replays)
    rows = "".join(
        _compared(number, replay, best=number in cheapest) for number, replay in enumerate(replays)
    )
    arms = "".join(
        f"<li><b>{_text(arm)}</b>: {_text(_ARMS.get(arm, ''))}</li>"
        for arm in dict.fromkeys(replay.arm for replay in replays)
    )
    return (
        '<section aria-labelledby="compared"><h2 id="compared">Policies compared</h2>'
        '<div class="scroll"><table class="compared"><thead><tr>'
        '<th scope="col">Policy</th><th scope="col">Arm</th>'
        + "".join(
            f'<th scope="col" class="n">{name}</th>'
            for name in ("Input", "Read", "Written", "Fresh", "Hit rate")
        )
        + '<th scope="col"><span class="unseen">Hit rate as a bar</span></th>'
        + "".join(
            f'<th scope="col" class="n">{name}</th>' for name in ("Cost", "Uncached", "Saved")
        )
        + f'<th scope="col">Misses</th></tr></thead><tbody>{rows}</tbody></table></div>'
        f'<ul class="note"><li>Input, read, written and fresh are tokens.</li>'
        f"{_unit_note(replays)}{arms}</ul></section>"
    )


def _unit_note(replays: Sequence[Replay]) -> str:
    every = [cost for replay in replays for cost in (replay.amounts, replay.uncached)]
    if any(cost.total is None and cost.relative is not None for cost in every):
        return "<li>Where no price is known, “×” counts in prices of one uncached input token.</li>"
    if any(amount(cost) == UNKNOWN for cost in every):
        return "<li>“Not known”: neither a price nor a multiplier is known.</li>"
    return ""


def _cheapest(replays: Sequence[Replay]) -> set[int]:
    """Return which replays cost least in their arm, where all of the arm are comparable."""
    found: set[int] = set()
    for arm in {replay.arm for replay in replays}:
        members = [(n, r.amounts) for n, r in enumerate(replays) if r.arm == arm]
        totals = [(n, cost.total) for n, cost in members if cost.total is not None]
        currencies = {cost.currency for _, cost in members}
        if len(members) < 2:
            continue
        if len(totals) == len(members) and len(currencies) == 1:
            least = min(total for _, total in totals)
            found |= {n for n, total in totals if total == least}
            continue
        relative = [(n, cost.relative) for n, cost in members if cost.relative is not None]
        if len(relative) == len(members):
            lowest = min(value for _, value in relative)
            found |= {n for n, value in relative if value == lowest}
    return found


def _compared(number: int, replay: Replay, *, best: bool) -> str:
    saved = saving(replay.amounts, replay.uncached)
    rate = replay.hit_rate
    width = 0 if rate is None else round(rate * 100, 1)
    badge = ' <span class="badge">cheapest</span>' if best else ""
    tone = "" if saved is None else (" good" if saved > 0 else " bad" if saved < 0 else "")
    cells = (
        "".join(
            f'<td class="n">{tokens(value)}</td>'
            for value in (replay.input, replay.read, replay.written, replay.fresh)
        )
        + f'<td class="n">{share(rate)}</td>'
        + '<td><svg class="rate" viewBox="0 0 100 10" preserveAspectRatio="none" '
        'aria-hidden="true"><rect class="track" width="100" height="10"/>'
        f'<rect class="part" width="{width}" height="10"/></svg></td>'
        + f'<td class="n">{_text(amount(replay.amounts))}</td>'
        + f'<td class="n">{_text(amount(replay.uncached))}</td>'
        + f'<td class="n{tone}">{share(saved)}</td>'
    )
    return (
        f'<tr data-replay="{number}"><th scope="row">{_text(replay.policy)}{badge}</th>'
        f"<td>{_text(replay.arm)}</td>{cells}<td>{_misses(replay)}</td></tr>"
    )


def _code(miss: Miss) -> str:
    return miss.code if miss.code in MISS_WORDS else "other"


def _misses(replay: Replay) -> str:
    counts = Counter(_code(row.miss) for row in replay.rows if row.miss is not None)
    if not counts:
        return "none"
    return " ".join(
        f'<span class="miss"><i class="swatch letter miss-{code}" aria-hidden="true">'
        f'{MISS_LETTERS[code]}</i><span class="unseen">{MISS_WORDS[code]}: </span>{counts[code]:,}'
        "</span>"
        for code in MISS_WORDS
        if counts[code]
    )


# ------------------------------------------------------------------------------------- the drawing


def _requests(replays: Sequence[Replay]) -> str:
    if not any(replay.rows for replay in replays):
        return (
            '<section><h2>Requests</h2><p class="empty">The trace holds no requests, so there is '
            "nothing to draw.</p></section>"
        )
    used = {_code(row.miss) for replay in replays for row in replay.rows if row.miss is not None}
    extras = ""
    if any(row.marks for replay in replays for row in replay.rows):
        extras += '<li><i class="tick"></i>mark</li>'
    if any(row.reported and row.reported.reported for replay in replays for row in replay.rows):
        extras += '<li><i class="diamond"></i>read, as the provider reported</li>'
    segments = "".join(
        f'<li><i class="swatch {name}"></i>{words}</li>' for name, words in _SEGMENTS
    )
    reasons = "".join(
        f'<li><i class="swatch letter miss-{code}">{MISS_LETTERS[code]}</i>{words}</li>'
        for code, words in MISS_WORDS.items()
        if code in used
    )
    lane = (
        f'<ul class="legend" aria-label="Legend of the lane"><li class="name">Lane: where the '
        f"prefix broke</li>{reasons}</ul>"
        if reasons
        else ""
    )
    return (
        '<section aria-labelledby="requests" id="drawing"><h2 id="requests">Requests</h2>'
        '<ul class="legend" aria-label="Legend of the bars"><li class="name">Bar: tokens of a '
        f"request</li>{segments}{extras}</ul>{lane}"
        '<fieldset id="choice" hidden><legend>Drawn</legend></fieldset>'
        '<div class="tools" hidden><button type="button" id="in" aria-label="Zoom in">+</button>'
        '<button type="button" id="out" aria-label="Zoom out">−</button>'
        '<button type="button" id="all">All requests</button>'
        '<button type="button" id="back" aria-label="Earlier requests">◀</button>'
        '<button type="button" id="on" aria-label="Later requests">▶</button>'
        '<span id="range" role="status"></span></div>'
        '<canvas id="overview" hidden aria-hidden="true"></canvas><div id="panels"></div>'
        '<p class="note" id="help" hidden>Drag over a chart to zoom; the arrow keys move from '
        "request to request, Page Up and Page Down by ten, + and − zoom, Enter or a click keeps "
        "a request below.</p>"
        '<div id="detail" aria-live="polite"></div>'
        '<div id="tip" role="tooltip" hidden></div></section>'
    )


# -------------------------------------------------------------------------------- advice, findings


def _advice(advice: object | None) -> str:
    if advice is None:
        return ""
    return (
        '<section aria-labelledby="advised"><h2 id="advised">Advice</h2>'
        f"{_value(_as_data(advice))}</section>"
    )


def _as_data(value: object) -> Any:
    to_dict = getattr(value, "to_dict", None)
    if callable(to_dict):
        return to_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value


def _value(value: Any) -> str:
    value = _as_data(value)
    if isinstance(value, Mapping):
        parts = "".join(
            f"<div><dt>{_text(str(name).replace('_', ' '))}</dt><dd>{_value(inner)}</dd></div>"
            for name, inner in value.items()
            if inner not in (None, "", [], (), {})
        )
        return f'<dl class="data">{parts}</dl>'
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return "<ul>" + "".join(f"<li>{_value(inner)}</li>" for inner in value) + "</ul>"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else _text(value)


def _findings(replays: Sequence[Replay]) -> str:
    lines: dict[str, None] = {}
    for replay in replays:
        for finding in replay.findings:
            advice = f" <i>{_text(finding.advice)}</i>" if finding.advice else ""
            lines[
                f"<li><b>{_text(finding.severity)}</b> {_text(replay.policy)}, "
                f"<code>{_text(finding.path or 'request')}</code>: {_text(finding.message)}"
                f"{advice}</li>"
            ] = None
    if not lines:
        return ""
    return (
        '<section aria-labelledby="noticed"><h2 id="noticed">Noticed</h2>'
        f'<ul class="findings">{"".join(lines)}</ul></section>'
    )


# ---------------------------------------------------------------------------------------- as tables


def _tables(replays: Sequence[Replay]) -> str:
    if not any(replay.rows for replay in replays):
        return ""
    plain = "".join(_plain_table(replay) for replay in replays if replay.rows)
    return (
        '<details id="tables" hidden><summary>The same as a table</summary>'
        '<label>Policy <select id="which"></select></label>'
        '<div class="scroll" id="table"></div></details>'
        f"<noscript><h2>Requests as tables</h2>{plain}</noscript>"
    )


def _plain_table(replay: Replay) -> str:
    start = replay.rows[0].at
    rows = "".join(
        f'<tr><th scope="row">{row.index + 1:,}</th><td>{clock(row.at - start)}</td>'
        + "".join(
            f'<td class="n">{tokens(value)}</td>'
            for value in (row.input, row.read, row.written, row.fresh)
        )
        + f'<td class="n">{_text(amount(row.amounts))}</td>'
        f"<td>{_text(row.miss.sentence) if row.miss else ''}</td></tr>"
        for row in replay.rows[:_WITHOUT_SCRIPTS]
    )
    left = len(replay.rows) - _WITHOUT_SCRIPTS
    more = f"<p>{left:,} more requests are shown with scripts only.</p>" if left > 0 else ""
    heads = ("Request", "At", "Input", "Read", "Written", "Fresh", "Cost", "Reason")
    return (
        f"<table><caption>{_text(replay.policy)}, {_text(replay.arm)}</caption><thead><tr>"
        + "".join(f'<th scope="col">{head}</th>' for head in heads)
        + f"</tr></thead><tbody>{rows}</tbody></table>{more}"
    )
