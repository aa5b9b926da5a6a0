"""Run agentscope-java's recorded cases, in both settings of `Quirks`, and compare.

`python -m wiremark.conformance.parity CASES OUT` reads `cases.jsonl` (and `expected.jsonl` where
there is one) from CASES, and writes to OUT what wiremark made of each case, in the form of
`expected.jsonl`: `java.jsonl` with `Quirks.JAVA`, `default.jsonl` with `Quirks.NONE`. Every
difference between the two is attributed to the quirk that makes it.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .. import jsontext
from ..base import BaseFormatter, Request
from ..dashscope import DashScopeChatFormatter, DashScopeMultiAgentFormatter
from ..errors import WiremarkError
from ..media import MediaPolicy
from ..messages import (
    GenerateOptions,
    Msg,
    ReasoningDetail,
    ThinkingBlock,
    ToolUseBlock,
    dump_messages,
    read_messages,
)
from ..openai import (
    DeepSeekFormatter,
    DeepSeekMultiAgentFormatter,
    GLMFormatter,
    GLMMultiAgentFormatter,
    KimiFormatter,
    KimiMultiAgentFormatter,
    MiniMaxFormatter,
    MiniMaxMultiAgentFormatter,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
)
from ..quirks import Quirks
from .replies import parsed, replies

__all__ = ["Case", "Outcome", "Report", "attribute", "compare", "load", "main", "run_case"]

_FORMATTERS: Final[dict[str, type[BaseFormatter]]] = {
    "dashscope_chat": DashScopeChatFormatter,
    "dashscope_multiagent": DashScopeMultiAgentFormatter,
    "openai_chat": OpenAIChatFormatter,
    "openai_multiagent": OpenAIMultiAgentFormatter,
    "deepseek": DeepSeekFormatter,
    "deepseek_multiagent": DeepSeekMultiAgentFormatter,
    "glm": GLMFormatter,
    "glm_multiagent": GLMMultiAgentFormatter,
    "kimi": KimiFormatter,
    "kimi_multiagent": KimiMultiAgentFormatter,
    "minimax": MiniMaxFormatter,
    "minimax_multiagent": MiniMaxMultiAgentFormatter,
}
_BASES: Final = {
    "dashscope": "https://dashscope.aliyuncs.com",
    "openai-chat": "https://api.openai.com",
}
_MILLIS: Final = 1_600_000_000_000
_MODEL_LEVEL: Final = (
    "cache_control",
    "tool_choice",
    "stream",
    "model_name",
    "endpoint_path",
    "base_url",
)

Case = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case gave: JSON text, or the class and message of an error."""

    text: str = ""
    error: tuple[str, str, str] | None = None
    crashed: bool = False
    """The error is none that wiremark means to raise."""

    @property
    def value(self) -> Any:
        """Return the JSON value; an error is the string `error`."""
        return "error" if self.error else json.loads(self.text)

    def line(self, case_id: str) -> str:
        """Return the outcome as a line of `expected.jsonl`."""
        name = jsontext.dumps(case_id)
        if self.error is None:
            return f'{{"id":{name},"ok":{self.text}}}'
        stage, kind, message = self.error
        said = jsontext.dumps({"stage": stage, "class": kind, "message": message})
        return f'{{"id":{name},"error":{said}}}'


@dataclass
class Report:
    """How many cases there were, and how they compare with Java's recorded results."""

    cases: int = 0
    not_run: int = 0
    equal: int = 0
    unequal: list[str] = field(default_factory=list)
    default_equal: int = 0
    by_quirk: Counter[str] = field(default_factory=Counter)
    several: int = 0
    unattributed: list[str] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Return the cases that show a fault of wiremark."""
        return sorted({*self.unequal, *self.unattributed, *self.crashed})

    def __str__(self) -> str:
        ran = self.cases - self.not_run
        by_quirk = ran - self.default_equal - len(self.unattributed)
        lines = [
            f"cases {self.cases}, of formatters or methods not built yet {self.not_run}, run {ran}",
            f"Quirks.JAVA: equal {self.equal}, unequal {len(self.unequal)}",
            (
                f"default: equal {self.default_equal}, equal by quirk {by_quirk}, "
                f"of these {self.several} by several, unequal {len(self.unattributed)}"
            ),
            *(f"  {name}: {count}" for name, count in self.by_quirk.most_common()),
        ]
        return "\n".join(lines)


def load(folder: Path, name: str = "cases.jsonl") -> list[dict[str, Any]]:
    """Return the lines of a JSON lines file as data."""
    with (folder / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def runs(case: Case) -> bool:
    """Say whether the case's formatter and method exist here."""
    if case["method"] == "roundtrip":
        return True
    return case.get("formatter") in _FORMATTERS


def run_case(case: Case, quirks: Quirks, assets: Path) -> Outcome:
    """Return what wiremark makes of a case; placeholders stand where runs differ."""
    with tempfile.TemporaryDirectory() as results:
        stage = "read_messages"
        try:
            data = _replace(case.get("messages", []), "<ASSETS>", str(assets))
            messages = read_messages(data)
            stage = case["method"]
            text = _METHODS[stage](case, messages, quirks, Path(results))
        except WiremarkError as problem:
            return Outcome(error=(stage, type(problem).__name__, str(problem)))
        except Exception as problem:  # noqa: BLE001 one broken case must not hide the others
            return Outcome(error=(stage, type(problem).__name__, str(problem)), crashed=True)
        return Outcome(_placeholders(text, assets, Path(results)))


def _placeholders(text: str, assets: Path, results: Path) -> str:
    text = re.sub(re.escape(str(results)) + r"/agentscope_[^./\"]*", "<TMPFILE>", text)
    text = text.replace(str(results), "<RESULTS>")
    text = text.replace(str(assets), "<ASSETS>")
    return text.replace(f"_{_MILLIS}", "_<MILLIS>")


def _replace(value: Any, old: str, new: str) -> Any:
    return json.loads(json.dumps(value).replace(old, new))


def _formatter(case: Case, quirks: Quirks, results: Path, **more: Any) -> Any:
    kind = _FORMATTERS[case["formatter"]]
    for name in ("history_prompt", "append_empty_user"):
        if name in case:
            more[name] = case[name]
    media = MediaPolicy(tool_result_dir=results)
    return kind(quirks=quirks, media=media, clock=lambda: _MILLIS, **more)


def _policy(case: Case) -> str:
    return "system_and_last" if case.get("cache_control") else "manual"


def _hydrated(case: Case, messages: list[Msg]) -> list[Msg]:
    """Return messages whose reasoning details are as they were right after parsing."""
    if not case.get("hydrate_reasoning"):
        return messages
    return [
        message.model_copy(update={"content": tuple(map(_hydrate, message.content))})
        for message in messages
    ]


def _hydrate(block: Any) -> Any:
    metadata = dict(getattr(block, "metadata", None) or {})
    if isinstance(block, ThinkingBlock) and "reasoningDetails" in metadata:
        metadata["reasoningDetails"] = [
            ReasoningDetail(item) for item in metadata["reasoningDetails"]
        ]
    elif isinstance(block, ToolUseBlock) and "reasoningDetail" in metadata:
        metadata["reasoningDetail"] = ReasoningDetail(metadata["reasoningDetail"])
    else:
        return block
    return block.model_copy(update={"metadata": metadata})


def _format(case: Case, messages: list[Msg], quirks: Quirks, results: Path) -> str:
    formatter = _formatter(case, quirks, results, policy=_policy(case))
    made = getattr(formatter, case["method"])(_hydrated(case, messages))
    return jsontext.dumps(made, java_numbers=quirks.java_numbers)


def _request(case: Case, messages: list[Msg], quirks: Quirks, results: Path) -> str:
    """Follow Java's formatter-level builder: it knows no option of the chat model's level."""
    formatter = _formatter(case, quirks, results, policy=_policy(case))
    form = formatter.format_multimodal if case.get("multimodal") else formatter.format
    model = case["model"]
    body = formatter.start_body(model, form(messages, model=model), stream=_stream(case))
    body = formatter.apply_tools(body, case.get("tools"))
    options = _options(case, "options", drop=_MODEL_LEVEL)
    if formatter.protocol == "dashscope":
        options = options.model_copy(update={"additional_body_params": {}})
    body = formatter.apply_options(body, options, _options(case, "default_options"))
    if case.get("tool_choice") is not None:
        body = formatter.apply_tool_choice(body, case["tool_choice"])
    return jsontext.dumps(body, java_numbers=quirks.java_numbers)


def _options(case: Case, name: str, drop: Iterable[str] = ()) -> GenerateOptions:
    unsent = {*drop, "api_key"}
    given = {key: value for key, value in (case.get(name) or {}).items() if key not in unsent}
    return GenerateOptions.from_dict(given)


def _key(case: Case, protocol: str) -> str:
    """Return the key that the chat model sends: DashScope's does not look into the options."""
    if protocol == "dashscope":
        return "test-key"
    options, defaults = case.get("options") or {}, case.get("default_options") or {}
    return str(options.get("api_key") or defaults.get("api_key") or "test-key")


def _stream(case: Case) -> bool:
    return bool(case.get("stream"))


def _wire(case: Case, messages: list[Msg], quirks: Quirks, results: Path) -> str:
    """Follow Java's chat model: the request that leaves it, and the replies where recorded."""
    formatter = _formatter(case, quirks, results, policy=_policy(case))
    options = _options(case, "options")
    more: dict[str, Any] = {}
    if formatter.protocol == "dashscope":
        switches = {key: case[key] for key in ("enable_thinking", "enable_search") if key in case}
        options = options.model_copy(update=switches)
        kind = case.get("endpoint_type", "AUTO")
        if kind != "AUTO":
            more["multimodal"] = kind == "MULTIMODAL"
    request: Request = formatter.build_request(
        case["model"],
        messages,
        tools=case.get("tools"),
        options=options,
        defaults=_options(case, "default_options"),
        tool_choice=case.get("tool_choice"),
        stream=_stream(case),
        **more,
    )
    key = _key(case, formatter.protocol)
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "<UA>", **request.headers}
    frame = {
        "url": request.url(_BASES[formatter.protocol]),
        "http_method": "POST",
        "headers": dict(sorted(headers.items())),
    }
    answered = replies(case, formatter, request)
    more_members = "" if answered is None else f",{answered}"
    return f'{jsontext.dumps(frame)[:-1]},"body":{request.to_json()}{more_members}}}'


def _parse(case: Case, _messages: list[Msg], quirks: Quirks, results: Path) -> str:
    return parsed(case, _formatter(case, quirks, results))


_CLASSES: Final = {
    "USER": "UserMessage",
    "ASSISTANT": "AssistantMessage",
    "SYSTEM": "SystemMessage",
    "TOOL": "ToolResultMessage",
}


def _roundtrip(case: Case, messages: list[Msg], quirks: Quirks, _results: Path) -> str:
    dumped = dump_messages(messages, quirks=quirks)
    for message, source in zip(dumped, case["messages"], strict=True):
        if message["usage"] is not None:
            message["usage"]["time"] = "<SECONDS>"
        if case.get("hide_generated_ids"):
            for block, given in zip(message["content"], source["content"], strict=True):
                if block["type"] == "data" and not given.get("id"):
                    block["id"] = "<HEX32>"
    value = {
        "classes": [
            _CLASSES.get(item.get("role"), "Msg") if isinstance(item.get("role"), str) else "Msg"
            for item in case["messages"]
        ],
        "text_content": [message.text for message in messages],
        "messages": dumped,
    }
    return jsontext.dumps(value, java_numbers=quirks.java_numbers)


_METHODS: Final = {
    "format": _format,
    "format_multimodal": _format,
    "request": _request,
    "wire": _wire,
    "parse": _parse,
    "roundtrip": _roundtrip,
}


def expected_text(expected: str, case: Case) -> str | None:
    """Return Java's JSON text for a case, or None for an error.

    Of an error after a request only that there was one is kept.
    """
    data = json.loads(expected)
    if "error" in data:
        return None
    if case["method"] == "wire":
        data = json.loads(expected, object_pairs_hook=_Pairs)
        kept = [
            (name, True if name == "stream_error" else value) for name, value in dict(data)["ok"]
        ]
        return _pairs_text(_Pairs(kept))
    start = expected.index('"ok":') + 5
    return expected.strip()[start:-1]


class _Pairs(list[tuple[str, Any]]):
    """An object with repeated keys kept."""


def _pairs_text(value: Any) -> str:
    if isinstance(value, _Pairs):
        inner = (f"{jsontext.dumps(key)}:{_pairs_text(item)}" for key, item in value)
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_pairs_text, value)) + "]"
    return jsontext.dumps(value, java_numbers=True)


def compare(outcome: Outcome, expected: str, case: Case, tags: Iterable[str] = ()) -> bool:
    """Say whether an outcome is Java's: bytes, or values where a tag says why bytes cannot be."""
    wanted = expected_text(expected, case)
    if wanted is None or outcome.error is not None:
        return wanted is None and outcome.error is not None
    if outcome.text == wanted:
        return True
    return bool(set(tags) & _INEXACT) and outcome.value == json.loads(wanted)


_INEXACT: Final = frozenset({"duplicate_json_keys", "java_npe_text"})


def attribute(case: Case, assets: Path) -> tuple[list[str], Outcome, Outcome]:
    """Return the quirks that lead from the default to Java, and the outcome of each setting.

    Quirks are turned on one after the other; each change is that quirk's, and no other's.
    """
    default = run_case(case, Quirks.NONE, assets)
    java = run_case(case, Quirks.JAVA, assets)
    if default.error is None and default.text == java.text:
        return [], default, java
    quirks, now = Quirks.NONE, default
    found = []
    for name in Quirks.names():
        quirks = quirks.with_(**{name: True})
        then = run_case(case, quirks, assets)
        if _differs(now, then):
            found.append(name)
        now = then
    return found, default, java


def _differs(one: Outcome, two: Outcome) -> bool:
    return one.text != two.text or (one.error is None) != (two.error is None)


def _run(folder: Path, out: Path | None) -> Report:
    cases = load(folder)
    expected = _expected(folder)
    tags_file = folder / "tags.json"
    tags = json.loads(tags_file.read_text("utf-8")) if tags_file.exists() else {}
    report = Report(cases=len(cases))
    lines: dict[str, list[str]] = {"java": [], "default": []}
    for case in cases:
        if not runs(case):
            report.not_run += 1
            continue
        name = case["id"]
        found, default, java = attribute(case, folder / "assets")
        lines["java"].append(java.line(name))
        lines["default"].append(default.line(name))
        if java.crashed or default.crashed:
            report.crashed.append(name)
        if name in expected:
            if compare(java, expected[name], case, tags.get(name, ())):
                report.equal += 1
            else:
                report.unequal.append(name)
        if not _differs(default, java):
            report.default_equal += 1
        elif found:
            report.by_quirk.update(found)
            report.several += len(found) > 1
        else:
            report.unattributed.append(name)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for setting, written in lines.items():
            (out / f"{setting}.jsonl").write_text("".join(f"{x}\n" for x in written), "utf-8")
    return report


def _expected(folder: Path) -> dict[str, str]:
    path = folder / "expected.jsonl"
    if not path.exists():
        return {}
    lines = path.read_text("utf-8").split("\n")
    return {json.loads(line)["id"]: line for line in lines if line.strip()}


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Stand in the folder of the cases: relative paths in them were recorded there."""
    with contextlib.chdir(folder):
        yield


def run(folder: Path, out: Path | None = None) -> Report:
    """Run every case of `folder` in both settings, and write the outcomes to `out`."""
    folder = folder.resolve()
    out = out.resolve() if out is not None else None
    with _inside(folder):
        return _run(folder, out)


def main(arguments: list[str]) -> int:
    """Run the cases of one folder; exit 1 when a case is unequal or a difference unattributed."""
    if len(arguments) != 2:
        print("usage: python -m wiremark.conformance.parity CASES OUT", file=sys.stderr)
        return 2
    folder, out = map(Path, arguments)
    if not (folder / "cases.jsonl").is_file():
        print(f"{folder} holds no cases.jsonl", file=sys.stderr)
        return 2
    report = run(folder, out)
    print(report)
    for name in report.faults:
        print(f"fault: {name}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
