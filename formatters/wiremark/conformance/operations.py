"""What a case asks of a formatter in Python: one function an operation.

It knows the formatters and their settings. What must come out is not known here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ..base import BaseFormatter
from ..errors import WiremarkError
from ..marks import Plan, Slot, Wish, strip_body, strip_marks
from ..media import MediaPolicy
from ..messages import GenerateOptions, dump_messages, read_messages
from ..quirks import Quirks
from ..rules import CacheRules, select_rules
from ..validation import validate
from .cases import Case
from .subject import FORMATTERS, Answer, Maker, Raised, maker_of

__all__ = ["FormatterSubject", "own_subject"]


@dataclass(frozen=True, slots=True)
class FormatterSubject:
    """A formatter in this process, as a subject."""

    maker: Maker

    @property
    def label(self) -> str:
        """Return the name to show."""
        return self.maker.label

    def takes(self, case: Case) -> bool:
        """Say whether a case is written for the formatter that this one stands for."""
        return case.formatter == self.maker.name

    def answer(self, case: Case) -> Answer:
        """Return what the formatter makes of a case, errors and warnings included."""
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                answer = _OPERATIONS[case.operation](case, self.maker)
        except Exception as problem:  # noqa: BLE001  a subclass may raise anything
            path = getattr(problem, "path", "")
            ours = isinstance(problem, WiremarkError)
            name = type(problem).__name__
            return Answer(raised=Raised(name, path, str(problem), problem, ours))
        given = ({"class": w.category.__name__, "text": str(w.message)} for w in caught)
        return replace(answer, warnings=tuple(given))


def own_subject(case: Case) -> FormatterSubject:
    """Return wiremark's own formatter that a case names, as a subject."""
    if case.formatter is None:
        return FormatterSubject(Maker("wiremark", None, BaseFormatter, BaseFormatter))
    return FormatterSubject(maker_of(FORMATTERS[case.formatter]))


def _with_plan(value: Any, plan: Plan, findings: Iterable[Any]) -> Answer:
    decisions = [item.to_dict() for item in plan.decisions]
    return Answer(value, decisions, [item.to_dict() for item in findings])


def _formatter(case: Case, maker: Maker) -> BaseFormatter:
    settings = dict(case.settings)
    quirks = settings.pop("quirks", "none")
    if quirks == "java":
        settings["quirks"] = Quirks.JAVA
    elif quirks != "none":
        settings["quirks"] = Quirks.NONE.with_(**dict.fromkeys(quirks, True))
    if isinstance(settings.get("policy"), list):
        settings["policy"] = _policy(settings["policy"])
    if "rules" in settings:
        host, model = settings.get("host"), case.input.get("model")
        settings["rules"] = _rules(maker.kind, settings["rules"], host, model)
    if "media" in settings:
        settings["media"] = MediaPolicy(**settings["media"])
    if "clock" in settings:
        now = settings["clock"]
        settings["clock"] = lambda: now
    return maker.make(**settings)


def _policy(wishes: Sequence[Mapping[str, Any]]) -> Callable[[object], list[Wish]]:
    def own(_: object) -> list[Wish]:
        return [Wish("auto", wish["value"], Slot(**wish["at"]), "policy own") for wish in wishes]

    return own


def _rules(
    kind: type[BaseFormatter], changes: Mapping[str, Any], host: str | None, model: str | None
) -> CacheRules:
    values: dict[str, Any] = {
        name: frozenset(value)
        if name == "kinds"
        else tuple(value)
        if isinstance(value, list)
        else value
        for name, value in changes.items()
    }
    return replace(select_rules(kind.protocol, host=host, model=model).rules, **values)


def _format(case: Case, maker: Maker) -> Answer:
    formatter = _formatter(case, maker)
    messages = read_messages(case.input["messages"])
    model = case.input.get("model")
    made = getattr(formatter, case.operation)(messages, model=model)
    if case.plan is None and case.findings is None and not case.is_draft:
        return Answer(made)
    with warnings.catch_warnings():  # `format` has given them already
        warnings.simplefilter("ignore")
        plan = formatter.explain(messages, model=model)
    return _with_plan(made, plan, plan.findings)


def _plan(case: Case, maker: Maker) -> Answer:
    messages = read_messages(case.input["messages"])
    plan = _formatter(case, maker).explain(messages, model=case.input.get("model"))
    decisions = [item.to_dict() for item in plan.decisions]
    return Answer(decisions, decisions)


def _request(case: Case, maker: Maker) -> Answer:
    formatter: Any = _formatter(case, maker)
    given = dict(case.input)
    messages = read_messages(given.pop("messages"))
    for name in ("options", "defaults"):
        if name in given:
            given[name] = GenerateOptions.from_dict(given[name])
    request = formatter.build_request(given.pop("model"), messages, **given)
    value = {
        "body": request.body,
        "path": request.path,
        "headers": dict(request.headers),
        "query": dict(request.query),
    }
    return _with_plan(value, request.plan, request.findings)


def _apply(case: Case, maker: Maker) -> Answer:
    given = dict(case.input)
    return Answer(_formatter(case, maker).apply_cache_control(given.pop("messages"), **given))


def _strip(case: Case, maker: Maker) -> Answer:
    converted = case.input.get("converted")
    plan = None if converted is None else Plan(converted=tuple(converted))
    shape = maker.kind.shape
    if "body" in case.input:
        return Answer(strip_body(case.input["body"], plan=plan, shape=shape))
    return Answer(strip_marks(case.input["messages"], plan=plan, shape=shape))


def _read(case: Case, _: Maker) -> Answer:
    return Answer(dump_messages(read_messages(case.input["messages"])))


def _validate(case: Case, _: Maker) -> Answer:
    return Answer([item.to_dict() for item in validate(**case.input)])


_OPERATIONS: Final[Mapping[str, Callable[[Case, Maker], Answer]]] = {
    "format": _format,
    "format_multimodal": _format,
    "request": _request,
    "plan": _plan,
    "apply_cache_control": _apply,
    "strip": _strip,
    "read": _read,
    "validate": _validate,
}
