"""`CacheWatch`: notices marks that do nothing, which no provider reports as an error.

Looks at requests and at the usage of their responses, and judges by the rule table. It has no
clock: whoever knows when a request was sent may say so. Knows no provider by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ..errors import MessageError, OptionError
from ..findings import Finding
from ..rules import LARGEST_MINIMUM, CacheRules, select_rules, ttl_seconds
from .model import Usage
from .prefix import Mark, Prefix, read_prefix
from .sums import usage_of

__all__ = ["REASONS_OF_SILENCE", "CacheWatch"]

REASONS_OF_SILENCE: Final[Mapping[str, str]] = {
    "no-markers": "leave the marks out: what is cached here, is cached without them",
    "model-not-listed": "use a listed model, or leave the marks out",
    "other-form": "write the marks in the form that the rules name",
    "bad-place": "put the mark on the last content block of a message",
    "unknown-ttl": "ask for a lifetime that the provider has, or for none",
    "under-minimum": "mark further behind, so that more tokens stand before the mark",
    "prefix-changed": "move what changes behind the last mark",
    "beyond-lookback": "mark the end of the previous request too, as the policy rolling does",
    "ttl-passed": "ask for a longer lifetime, or send the next request sooner",
    "uncertain-rules": "pass rules, or the host",
}
"""What may be the reason that marks do nothing, and what to do."""


@dataclass(slots=True)
class _Run:
    """Requests to one model since the last hit or write."""

    last: Prefix | None = None
    at: float | None = None
    silent: int = 0
    unreported: int = 0
    reasons: dict[str, str] = field(default_factory=dict)

    def begin_anew(self) -> None:
        self.silent = self.unreported = 0
        self.reasons = {}


class CacheWatch:
    """Counts requests whose marks had no effect, and says so at every `after`-th of them.

    A request counts if it carries marks, and its response reports at least the provider's minimum
    of input tokens (the largest that any provider has where it is unknown). A hit or a write
    begins the count anew; each model has its own. The rules are the given ones, else those of
    protocol, host and the model that the request names. Not for several threads at once.

    Findings: `silent-no-op` (waste) where nothing was written or read, with the likely reasons,
    by the code of each in `REASONS_OF_SILENCE`; `cache-unreported` (note) where the responses have
    no cache counters, so that nobody can tell.
    """

    def __init__(
        self,
        rules: CacheRules | None = None,
        *,
        protocol: str | None = None,
        host: str | None = None,
        model: str | None = None,
        after: int = 3,
    ) -> None:
        if rules is None and protocol is None:
            raise OptionError(
                "no rules to judge by", path="rules", advice="pass rules, or a protocol and a host"
            )
        if after < 1:
            raise OptionError(f"{after} requests", path="after", advice="1 or more")
        if rules is None and protocol is not None:
            select_rules(protocol, host=host, model=model)  # an unknown protocol is refused here
        self._rules = rules
        self._protocol = protocol or ""
        self._host = host
        self._model = model
        self.after = after
        self._runs: dict[str, _Run] = {}

    def add(
        self,
        request: object,
        response: object,
        *,
        at: float | None = None,
        provider: str | None = None,
    ) -> Finding | None:
        """Take one exchange, and return a finding if marks have done nothing for too long.

        `request` is a body, or what has one as `body`; `response` is what `UsageTotals.add` takes.
        `at`: when it was sent, in seconds from any fixed moment.
        """
        body = request if isinstance(request, Mapping) else getattr(request, "body", None)
        if not isinstance(body, Mapping):
            raise MessageError(
                f"{type(request).__name__} is no request", path="request", advice="give its body"
            )
        usage = usage_of(response, provider=provider)
        named = body.get("model") if isinstance(body.get("model"), str) else None
        model = named or self._model or usage.model
        rules, note = self._rules_for(model)
        prefix = read_prefix(body, rules, self._protocol or None)
        if not prefix.marks:
            return None
        exchange = _Exchange(prefix, usage, model, at)
        run = self._runs.setdefault(exchange.model or "", _Run())
        found = self._judge(exchange, run, rules, note)
        run.last, run.at = prefix, at
        return found

    def reasons(self, model: str | None = None) -> dict[str, str]:
        """Return the likely reasons found since the last hit or write, by code.

        Of all models, or of one.
        """
        runs = self._runs.values() if model is None else [self._runs.get(model, _Run())]
        return {code: sentence for run in runs for code, sentence in run.reasons.items()}

    def _judge(
        self, exchange: _Exchange, run: _Run, rules: CacheRules, note: str
    ) -> Finding | None:
        usage = exchange.usage
        if usage.cache_read or usage.cache_write:
            run.begin_anew()
            return None
        if usage.input is None or usage.input < _minimum(rules, exchange.model):
            return None
        if usage.cache_read is None:
            run.unreported += 1
            return None if run.unreported % self.after else _cannot_tell(exchange, run.unreported)
        run.silent += 1
        run.reasons.update(_reasons(exchange, run, rules))
        if note:
            run.reasons["uncertain-rules"] = f"the rules do not know all: {note}"
        return None if run.silent % self.after else _silent(exchange, run, rules)

    def _rules_for(self, model: str | None) -> tuple[CacheRules, str]:
        """Return the rules, and what their choice does not know besides the listed models."""
        if self._rules is not None:
            return self._rules, ""
        chosen = select_rules(self._protocol, host=self._host, model=model)
        return chosen.rules, chosen.note if chosen.rules.lists(model) else ""


@dataclass(frozen=True, slots=True)
class _Exchange:
    prefix: Prefix
    usage: Usage
    model: str | None
    at: float | None

    @property
    def mark(self) -> Mark:
        """Return the mark that stands last."""
        return max(self.prefix.marks, key=lambda mark: mark.end)


def _minimum(rules: CacheRules, model: str | None) -> int:
    explicit = rules.min_tokens_for(model)
    implicit = rules.implicit.min_tokens_for(model) if rules.implicit is not None else None
    return explicit or implicit or LARGEST_MINIMUM


def _reasons(exchange: _Exchange, run: _Run, rules: CacheRules) -> dict[str, str]:
    """Return what the rules and the two requests say, the surest first."""
    out: dict[str, str] = {}
    if rules.marker == "none":
        out["no-markers"] = f"{rules.name} takes no marks"
    elif not rules.lists(exchange.model):
        out["model-not-listed"] = (
            f"{rules.name} lists explicit caching for {', '.join(rules.models)},"
            f" {exchange.model!r} is not among them"
        )
    if rules.marker != "none":
        out.update(_of_markers(exchange.prefix.marks, rules))
    out.update(_of_size(exchange, rules))
    if run.last is not None and run.last.marks:
        out.update(_of_previous(exchange, run.last, rules))
        out.update(_of_time(exchange, run, run.last, rules))
    return out


def _of_markers(marks: tuple[Mark, ...], rules: CacheRules) -> dict[str, str]:
    out = {}
    for mark in marks:
        marker = mark.marker
        if marker.key not in (rules.marker, *rules.reads_also):
            out["other-form"] = f"{mark.path} is not the form that {rules.name} reads"
        if marker.where not in _places(rules):
            out["bad-place"] = f"{rules.name} reads no mark at {mark.path}"
        if marker.ttl is not None and rules.ttls and marker.ttl not in rules.ttls:
            out["unknown-ttl"] = (
                f"{rules.name} has lifetimes of {', '.join(rules.ttls)},"
                f" {mark.path} asks for {marker.ttl}"
            )
    return out


def _places(rules: CacheRules) -> tuple[str, ...]:
    if rules.automatic_only:
        return ("request",)
    return ("part", *(["tool"] * rules.tool_slot), *(["request"] * (rules.automatic is not None)))


def _of_size(exchange: _Exchange, rules: CacheRules) -> dict[str, str]:
    minimum = rules.min_tokens_for(exchange.model)
    if minimum is None:
        return {}
    share = exchange.prefix.share(exchange.mark.end)
    tokens = round((exchange.usage.input or 0) * share)
    if tokens >= minimum:
        return {}
    return {
        "under-minimum": f"about {tokens} tokens, by their share of the text, stand before the"
        f" last mark, and {rules.name} caches from {minimum} on"
    }


def _of_previous(exchange: _Exchange, last: Prefix, rules: CacheRules) -> dict[str, str]:
    """Say why nothing that the previous request could write was found again."""
    now = exchange.prefix
    common = now.common(last)
    intact = [mark.end for mark in last.marks if mark.end <= common]
    if not intact:
        at = now.pieces[common].path if common < len(now.pieces) else "its end"
        return {
            "prefix-changed": f"the text before the mark changed since the previous request,"
            f" first at {at}"
        }
    if rules.lookback_blocks is None:
        return {}
    ways = [now.blocks(end, mark.end) for end in intact for mark in now.marks if mark.end >= end]
    if ways and min(ways) <= rules.lookback_blocks:
        return {}
    far = f"{min(ways)} blocks" if ways else "no mark"
    return {
        "beyond-lookback": f"{far} behind the end of the previous request's marks,"
        f" {rules.name} looks back over {rules.lookback_blocks}"
    }


def _of_time(exchange: _Exchange, run: _Run, last: Prefix, rules: CacheRules) -> dict[str, str]:
    if exchange.at is None or run.at is None:
        return {}
    lived = [
        ttl_seconds(mark.marker.ttl if mark.marker.ttl in rules.ttls else rules.default_ttl)
        for mark in last.marks
    ]
    longest = max((seconds for seconds in lived if seconds is not None), default=None)
    passed = exchange.at - run.at
    if longest is None or passed <= longest:
        return {}
    return {"ttl-passed": f"{passed:.0f} s since the previous request, entries live {longest} s"}


def _silent(exchange: _Exchange, run: _Run, rules: CacheRules) -> Finding:
    writes = "written or read" if exchange.usage.cache_write == 0 else "read, and no write reported"
    likely = "; ".join(run.reasons.values())
    why = f"likely: {likely}" if likely else "the rules know no reason"
    advice = "; ".join(REASONS_OF_SILENCE[code] for code in run.reasons)
    return Finding(
        "silent-no-op",
        "waste",
        exchange.mark.path,
        f"{_requests(run.silent, exchange)} carried cache marks, and nothing was {writes}"
        f" ({rules.name}); {why}",
        advice or "see whether what lies between takes the marks out, such as a proxy or an SDK",
    )


def _cannot_tell(exchange: _Exchange, count: int) -> Finding:
    return Finding(
        "cache-unreported",
        "note",
        exchange.mark.path,
        f"{_requests(count, exchange)} carried cache marks, and the responses report no cache"
        " reads: whether the marks work cannot be told",
        "ask the provider for usage with details, or compare its bill",
    )


def _requests(count: int, exchange: _Exchange) -> str:
    named = f" to {exchange.model}" if exchange.model else ""
    return f"{count} request{'s' if count > 1 else ''}{named}"
