"""Run golden cases: one case, or all that concern a formatter class of the caller's.

`check(MyFormatter)` hands the class the settings and input of every case written for the formatter
it derives from, and compares what comes out. Nothing here belongs to a test framework.
"""

from __future__ import annotations

import base64
import copy
import json
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from ..anthropic import AnthropicChatFormatter, AnthropicMultiAgentFormatter
from ..base import BaseFormatter
from ..bedrock import BedrockConverseFormatter
from ..dashscope import DashScopeChatFormatter, DashScopeMultiAgentFormatter
from ..errors import OptionError, WiremarkError
from ..marks import Plan, Slot, Wish, strip_body, strip_marks
from ..media import MediaPolicy
from ..messages import GenerateOptions, dump_messages, read_messages
from ..openai import (
    DeepSeekFormatter,
    DeepSeekMultiAgentFormatter,
    GLMFormatter,
    GLMMultiAgentFormatter,
    KimiFormatter,
    KimiMultiAgentFormatter,
    MiniMaxFormatter,
    MiniMaxMultiAgentFormatter,
    OpenAIBaseFormatter,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
)
from ..quirks import Quirks
from ..rules import CacheRules, select_rules
from ..validation import validate
from .cases import Case, load
from .diff import Difference, diff, unordered_diff

__all__ = ["FORMATTERS", "Outcome", "Report", "check", "run"]

FORMATTERS: Final[Mapping[str, type[BaseFormatter]]] = {
    "dashscope-chat": DashScopeChatFormatter,
    "dashscope-multi-agent": DashScopeMultiAgentFormatter,
    "openai-chat": OpenAIChatFormatter,
    "openai-multi-agent": OpenAIMultiAgentFormatter,
    "anthropic-chat": AnthropicChatFormatter,
    "anthropic-multi-agent": AnthropicMultiAgentFormatter,
    "bedrock-converse": BedrockConverseFormatter,
    "deepseek": DeepSeekFormatter,
    "deepseek-multi-agent": DeepSeekMultiAgentFormatter,
    "glm": GLMFormatter,
    "glm-multi-agent": GLMMultiAgentFormatter,
    "kimi": KimiFormatter,
    "kimi-multi-agent": KimiMultiAgentFormatter,
    "minimax": MiniMaxFormatter,
    "minimax-multi-agent": MiniMaxMultiAgentFormatter,
}
"""The formatters that cases name."""

_FILES: Final = "<FILES>"
_RESULTS: Final = "<RESULTS>"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a case went: what it gave, and what differs from what it must give.

    `actual` is the JSON that came out, `None` after an error; `raised` is that error.
    """

    case: Case
    differences: tuple[Difference, ...] = ()
    actual: Any = None
    raised: BaseException | None = None

    @property
    def passed(self) -> bool:
        """Say whether the case gave what it must give."""
        return not self.differences

    def __str__(self) -> str:
        if self.passed:
            return f"{self.case.id}: passed"
        head = f"{self.case.id}: {self.case.description}\n  {self.case.citation}"
        return "\n".join([head, *(f"  {item}" for item in self.differences)])


@dataclass(frozen=True, slots=True)
class Report:
    """How the cases went, by id; `expected_failures` have the reasons that the caller gave."""

    passed: tuple[str, ...]
    failed: tuple[Outcome, ...] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    unexpected_passes: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Say whether every case passed, but for the expected failures, and those all failed."""
        return not self.failed and not self.unexpected_passes

    def __str__(self) -> str:
        passed = len(self.passed) + len(self.unexpected_passes)
        expected = len(self.expected_failures)
        lines = [f"{passed} passed, {len(self.failed)} failed, {expected} failed as expected"]
        lines += [str(outcome) for outcome in self.failed]
        lines += [
            f"{name}: passed, though it is expected to fail ({reason})"
            for name, reason in self.unexpected_passes.items()
        ]
        return "\n".join(lines)

    __repr__ = __str__


def check(
    formatter: type[BaseFormatter],
    cases: Iterable[Case] | None = None,
    *,
    skip: Mapping[str, str] | None = None,
    key_order: bool = True,
) -> Report:
    """Return how a formatter class does on golden cases.

    formatter: a subclass of one of wiremark's formatters, made with the settings of each case.
    cases: by default the packaged ones; those written for the nearest of wiremark's formatters
        among its bases are run, the others left out.
    skip: expected failures, case id to the reason. Such a case is run all the same: one that
        passes makes the report fail.
    key_order: objects must have their keys in the expected order.

    Raises `OptionError` for a class that derives from no formatter, for a reason that is missing
    or a case that does not exist in `skip`, and where no case is left to run.
    """
    name = _name_of(formatter)
    chosen = [case for case in (load() if cases is None else cases) if case.formatter == name]
    if not chosen:
        raise OptionError(f"no cases for {name}", path="cases", advice="hand in cases for it")
    reasons = _reasons(skip or {}, chosen)
    passed: list[str] = []
    failed: list[Outcome] = []
    as_expected: dict[str, str] = {}
    unexpected: dict[str, str] = {}
    for case in chosen:
        outcome = run(case, formatter, key_order=key_order)
        reason = reasons.get(case.id)
        if reason is not None:
            (unexpected if outcome.passed else as_expected)[case.id] = reason
        elif outcome.passed:
            passed.append(case.id)
        else:
            failed.append(outcome)
    return Report(tuple(passed), tuple(failed), as_expected, unexpected)


def _name_of(formatter: object) -> str:
    names: dict[object, str] = {OpenAIBaseFormatter: "openai-chat"}
    names.update((known, name) for name, known in FORMATTERS.items())
    for base in getattr(formatter, "__mro__", ()):
        if base in names:
            return names[base]
    raise OptionError(
        f"{formatter!r} is no class that derives from one of wiremark's formatters",
        path="formatter",
        advice=f"derive it from {', '.join(known.__name__ for known in FORMATTERS.values())}",
    )


def _reasons(skip: Mapping[str, str], cases: Sequence[Case]) -> Mapping[str, str]:
    known = {case.id for case in cases}
    for name, reason in skip.items():
        if name not in known:
            raise OptionError(f"there is no case {name!r} to skip", path="skip")
        if not (reason and reason.strip()):
            raise OptionError(f"no reason is given to skip {name!r}", path="skip")
    return skip


def run(
    case: Case, formatter_class: type[BaseFormatter] | None = None, *, key_order: bool = True
) -> Outcome:
    """Return how one case goes, by default with the formatter that it names.

    An invalid case must give its error, and must give none once its fault is put right.
    """
    outcome = _run(case, formatter_class, key_order)
    if case.fix is None or not outcome.passed:
        return outcome
    fixed = _run(case.repaired(), formatter_class, key_order)
    if fixed.raised is None and not _errors(case, fixed.actual):
        return outcome
    problem = fixed.raised or fixed.actual
    said = Difference("fix", "unexpected", None, f"still an error once put right: {problem}")
    return replace(outcome, differences=(said,))


def _run(case: Case, formatter_class: type[BaseFormatter] | None, key_order: bool) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder).resolve()
        places = {_FILES: str(home / "files"), _RESULTS: str(home / "results")}
        for name, content in case.files.items():
            file = home / "files" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(content, validate=True))
        ready = replace(
            case, settings=_replaced(case.settings, places), input=_replaced(case.input, places)
        )
        given: list[str] = []
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = _OPERATIONS[case.operation](ready, formatter_class or _class_of(case))
            given = [f"{item.category.__name__}: {item.message}" for item in caught]
        except Exception as problem:  # noqa: BLE001  a subclass may raise anything
            return Outcome(case, tuple(_compare_error(case, problem)), None, problem)
        back = {place: name for name, place in places.items()}
        result = _Result(*(_replaced(part, back) for part in result.parts))
    if case.error is None and case.expected is None:  # a repaired case
        return Outcome(case, (), result.value)
    if case.error is not None:
        found = _errors(case, result.value)
        return Outcome(case, tuple(_compare_found(case.error, found)), result.value)
    changed = diff(case.input, _replaced(ready.input, back), path="input")
    compared = tuple(_compare(case, result, given, key_order))
    return Outcome(case, changed + compared, result.value)


def _class_of(case: Case) -> type[BaseFormatter]:
    return FORMATTERS[case.formatter] if case.formatter else BaseFormatter


def _replaced(value: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of JSON data with names replaced in every string."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(name, text)
        return value
    if isinstance(value, Mapping):
        return {key: _replaced(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_replaced(item, names) for item in value]
    return copy.deepcopy(value)


@dataclass(frozen=True, slots=True)
class _Result:
    """What an operation gave: the value to compare, decisions, and findings."""

    value: Any
    plan: Any = None
    findings: Any = None

    @property
    def parts(self) -> tuple[Any, Any, Any]:
        return self.value, self.plan, self.findings

    @classmethod
    def of(cls, value: Any, plan: Plan, findings: Iterable[Any]) -> _Result:
        return cls(
            value,
            [item.to_dict() for item in plan.decisions],
            [item.to_dict() for item in findings],
        )


def _formatter(case: Case, kind: type[BaseFormatter]) -> Any:
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
        settings["rules"] = _rules(kind, settings["rules"], host, model)
    if "media" in settings:
        settings["media"] = MediaPolicy(**settings["media"])
    if "clock" in settings:
        now = settings["clock"]
        settings["clock"] = lambda: now
    return kind(**settings)


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


def _format(case: Case, kind: type[BaseFormatter]) -> _Result:
    formatter = _formatter(case, kind)
    messages = read_messages(case.input["messages"])
    model = case.input.get("model")
    made = getattr(formatter, case.operation)(messages, model=model)
    if case.plan is None and case.findings is None:
        return _Result(made)
    with warnings.catch_warnings():  # `format` has given them already
        warnings.simplefilter("ignore")
        plan = formatter.explain(messages, model=model)
    return _Result.of(made, plan, plan.findings)


def _plan(case: Case, kind: type[BaseFormatter]) -> _Result:
    messages = read_messages(case.input["messages"])
    plan = _formatter(case, kind).explain(messages, model=case.input.get("model"))
    decisions = [item.to_dict() for item in plan.decisions]
    return _Result(decisions, decisions)


def _request(case: Case, kind: type[BaseFormatter]) -> _Result:
    formatter = _formatter(case, kind)
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
    return _Result.of(value, request.plan, request.findings)


def _apply(case: Case, kind: type[BaseFormatter]) -> _Result:
    given = dict(case.input)
    return _Result(_formatter(case, kind).apply_cache_control(given.pop("messages"), **given))


def _strip(case: Case, kind: type[BaseFormatter]) -> _Result:
    converted = case.input.get("converted")
    plan = None if converted is None else Plan(converted=tuple(converted))
    if "body" in case.input:
        return _Result(strip_body(case.input["body"], plan=plan, shape=kind.shape))
    return _Result(strip_marks(case.input["messages"], plan=plan, shape=kind.shape))


def _read(case: Case, _: type[BaseFormatter]) -> _Result:
    return _Result(dump_messages(read_messages(case.input["messages"])))


def _validate(case: Case, _: type[BaseFormatter]) -> _Result:
    return _Result([item.to_dict() for item in validate(**case.input)])


_OPERATIONS: Final[Mapping[str, Callable[[Case, type[BaseFormatter]], _Result]]] = {
    "format": _format,
    "format_multimodal": _format,
    "request": _request,
    "plan": _plan,
    "apply_cache_control": _apply,
    "strip": _strip,
    "read": _read,
    "validate": _validate,
}


def _compare(
    case: Case, result: _Result, given: Sequence[str], key_order: bool
) -> Iterable[Difference]:
    if case.operation in ("plan", "validate"):
        yield from unordered_diff(case.expected, result.value, path="expected")
    elif case.operation == "request":
        for name, wanted in case.expected.items():
            ordered = key_order and name == "body"
            yield from diff(wanted, result.value[name], path=name, key_order=ordered)
    else:
        yield from diff(case.expected, result.value, key_order=key_order)
    if case.plan is not None:
        yield from unordered_diff(case.plan, result.plan, path="plan")
    if case.findings is not None:
        yield from unordered_diff(case.findings, result.findings, path="findings")
    yield from _compare_warnings(case.warning, given)


def _compare_warnings(
    wanted: Mapping[str, Any] | None, given: Sequence[str]
) -> Iterable[Difference]:
    if wanted is None:
        yield from (Difference("warning", "unexpected", None, text) for text in given)
    elif len(given) != 1 or not given[0].startswith(wanted["class"]):
        yield Difference("warning", "changed", wanted["class"], list(given))
    else:
        yield from _lacking(wanted, given[0], "warning")


def _compare_error(case: Case, problem: Exception) -> Iterable[Difference]:
    said = f"{type(problem).__name__}: {problem}"
    if case.error is None:
        yield Difference("", "unexpected", None, said)
        return
    if type(problem).__name__ != case.error.get("class") or not isinstance(problem, WiremarkError):
        yield Difference("error.class", "changed", case.error.get("class"), said)
        return
    if problem.path != case.error["path"]:
        yield Difference("error.path", "changed", case.error["path"], problem.path)
    yield from _lacking(case.error, str(problem), "error")


def _errors(case: Case, value: Any) -> list[Mapping[str, Any]]:
    """Return the findings of severity error among what `validate` gave."""
    if case.operation != "validate" or value is None:
        return []
    return [item for item in value if item["severity"] == "error"]


def _compare_found(
    wanted: Mapping[str, Any], found: Sequence[Mapping[str, Any]]
) -> Iterable[Difference]:
    if len(found) != 1:
        yield Difference("error", "changed", dict(wanted), list(found))
        return
    for key in ("code", "path"):
        if found[0][key] != wanted[key]:
            yield Difference(f"error.{key}", "changed", wanted[key], found[0][key])
    yield from _lacking(wanted, json.dumps(found[0], ensure_ascii=False), "error")


def _lacking(wanted: Mapping[str, Any], text: str, path: str) -> Iterable[Difference]:
    for piece in wanted.get("contains", ()):
        if piece not in text:
            yield Difference(f"{path}.contains", "missing", piece, text)
