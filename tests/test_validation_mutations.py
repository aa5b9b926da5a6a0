"""Faults put into legal bodies at random legal places: each is found, at its place.

The bodies are the golden cases' and, where the shared folder is at hand, recorded requests; their
own marks are taken out first. A mutation is seeded, so a failure can be repeated.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from wiremark.marks import strip_body
from wiremark.validation import RULES, detect_protocol, validate

ROOT = Path(__file__).parent.parent
TIMES = 100
MARK = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
POINT = {"cachePoint": {"type": "default"}}
WORDS = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
]
MODELS = {"anthropic": "claude-opus-4-5", "dashscope": "qwen-plus", "openai": "gpt-5.6"}


@dataclass
class Mutated:
    """A body with a fault, where it is, and what else is asked."""

    body: Any
    path: str
    asked: dict[str, Any] = field(default_factory=dict)


@dataclass
class Draft:
    """A legal body that a fault is put into."""

    rng: random.Random
    form: str
    body: dict[str, Any]

    @property
    def prefix(self) -> str:
        return "input.messages" if self.form == "dashscope" else "messages"

    @property
    def messages(self) -> list[Any]:
        holder = self.body["input"] if self.form == "dashscope" else self.body
        found: list[Any] = holder["messages"]
        return found

    @property
    def tools(self) -> list[Any]:
        places = {"dashscope": "parameters", "bedrock-converse": "toolConfig"}
        place = places.get(self.form)
        holder = self.body.setdefault(place, {}) if place else self.body
        found: list[Any] = holder.setdefault("tools", [])
        return found

    def words(self, count: int = 8) -> str:
        return " ".join(self.rng.choices(WORDS, k=count))

    def text(self, count: int = 8, mark: Any = None) -> dict[str, Any]:
        words = {"text": self.words(count)}
        part = words if self.form == "bedrock-converse" else {"type": "text", **words}
        return part if mark is None else {**part, "cache_control": mark}

    def places(self) -> list[int]:
        """Return where a message may be put without parting a call from its result."""
        return [
            index
            for index, message in enumerate(self.messages)
            if message["role"] in ("user", "assistant") and not self._tied(index)
        ] + [len(self.messages)]

    def _tied(self, index: int) -> bool:
        around = self.messages[max(0, index - 1) : index + 1]
        text = json.dumps(around)
        return any(
            word in text
            for word in ("tool_use", "toolUse", "tool_calls", '"tool"', "tool_result", "toolResult")
        )

    def put(self, *blocks: Any, role: str = "user", at: int | None = None) -> str:
        """Put a message at a random legal place and return its path."""
        index = self.rng.choice(self.places()) if at is None else at
        self.messages.insert(index, {"role": role, "content": list(blocks)})
        return f"{self.prefix}[{index}]"

    def around(
        self, block: Any, *, behind: int = 0, before: int | None = None
    ) -> tuple[list[Any], int]:
        """Return blocks with one among them, and its number."""
        count = self.rng.randrange(3) if before is None else before
        blocks = [self.text() for _ in range(count)]
        return [*blocks, block, *(self.text() for _ in range(behind))], count

    def tool(self, name: str = "f") -> dict[str, Any]:
        schema = {"type": "object", "properties": {self.rng.choice(WORDS): {"type": "string"}}}
        if self.form == "anthropic":
            return {"name": name, "input_schema": schema}
        if self.form == "bedrock-converse":
            return {"toolSpec": {"name": name, "inputSchema": {"json": schema}}}
        return {"type": "function", "function": {"name": name, "parameters": schema}}

    def done(self, path: str, **asked: Any) -> Mutated:
        return Mutated(self.body, path, asked)


def lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line:
            yield json.loads(line)


@cache
def legal(form: str) -> tuple[str, ...]:
    """Return the legal bodies of a form as JSON, without marks."""
    if form == "openai-responses":  # of the chats that are text alone
        chats = [json.loads(each) for each in legal("openai")]
        kept = [each["messages"] for each in chats if all(map(_plain, each["messages"]))]
        return tuple(json.dumps({"model": "gpt-5.6", "input": messages}) for messages in kept)
    found = []
    for body in _bodies():
        if detect_protocol(body) != form or not isinstance(body.get("messages", []), list):
            continue
        bare = strip_body(body)
        if form in MODELS:
            bare["model"] = MODELS[form]
        for key in ("prompt_cache_options", "prompt_cache_retention", "functions"):
            bare.pop(key, None)
        if not any(each.severity == "error" for each in validate(bare, form)):
            found.append(json.dumps(bare))
    return tuple(dict.fromkeys(found))


def _plain(message: dict[str, Any]) -> bool:
    return message.keys() == {"role", "content"} and isinstance(message["content"], str)


def _bodies() -> Iterator[dict[str, Any]]:
    for file in sorted((ROOT / "fixtures" / "cases").glob("*/*.json")):
        case = json.loads(file.read_text(encoding="utf-8"))
        expected = case.get("expected")
        if case.get("operation") == "validate":
            expected = case["input"]["body"]
        if isinstance(expected, dict) and isinstance(expected.get("body", expected), dict):
            body = expected.get("body", expected)
            if isinstance(body.get("messages") or body.get("input"), list | dict):
                yield body
    shared = os.environ.get("WIREMARK_SHARED")
    if shared:
        for name in ("exchanges", "dashscope_native"):
            for row in lines(Path(shared) / "real" / f"{name}.jsonl"):
                if isinstance(row["request"], dict) and "temperature" not in row["request"]:
                    yield row["request"]


def draft(rng: random.Random, form: str) -> Draft:
    body = json.loads(rng.choice(legal(form)))
    made = Draft(rng, form, body)
    if form == "dashscope" and "messages" not in body.get("input", {}):
        return draft(rng, form)
    return made


MUTATIONS: dict[str, tuple[str, Callable[[Draft], Mutated]]] = {}


def mutation(
    code: str, form: str
) -> Callable[[Callable[[Draft], Mutated]], Callable[[Draft], Mutated]]:
    def keep(make: Callable[[Draft], Mutated]) -> Callable[[Draft], Mutated]:
        MUTATIONS[f"{code} {form}"] = (form, make)
        return make

    return keep


# ---------------------------------------------------------------- how many, and for how long


@mutation("too-many-markers", "anthropic")
def _(d: Draft) -> Mutated:
    count = d.rng.randrange(5, 9)
    automatic = d.rng.random() < 0.5
    path = d.put(*[d.text(mark=MARK) for _ in range(count - automatic)])
    if automatic:
        d.body["cache_control"] = MARK
    return d.done(f"{path}.content[0]")


@mutation("too-many-markers", "dashscope")
def _(d: Draft) -> Mutated:
    path = d.put(d.text(mark=MARK))
    for _ in range(d.rng.randrange(4, 7)):
        d.put(d.text(mark=MARK), at=len(d.messages))
    return d.done(f"{path}.content[0]")


@mutation("ttl-order", "anthropic")
def _(d: Draft) -> Mutated:
    where = d.rng.randrange(3)
    if where == 0:
        d.tools.insert(0, {**d.tool("first"), "cache_control": MARK})
    elif where == 1:
        d.body["system"] = [d.text(mark=MARK)]
    blocks, at = d.around(d.text(mark=HOUR))
    if where == 2:
        blocks, at = [d.text(mark={**MARK, "ttl": "5m"}), *blocks], at + 1
    return d.done(f"{d.put(*blocks)}.content[{at}]")


@mutation("unknown-ttl", "dashscope")
def _(d: Draft) -> Mutated:
    blocks, at = d.around(d.text(mark=HOUR))
    return d.done(f"{d.put(*blocks)}.content[{at}]")


@mutation("automatic-not-taken", "openai")
def _(d: Draft) -> Mutated:
    d.body["cache_control"] = d.rng.choice([MARK, HOUR])
    return d.done("cache_control")


@mutation("automatic-ttl-conflict", "anthropic")
def _(d: Draft) -> Mutated:
    first, second = d.rng.sample([MARK, HOUR], 2)
    blocks, _ = d.around(d.text(mark=first))
    d.put(*blocks, at=len(d.messages))
    d.body["cache_control"] = second
    return d.done("cache_control")


@mutation("explicit-without-marker", "openai")
def _(d: Draft) -> Mutated:
    d.body["prompt_cache_options"] = {"mode": "explicit"}
    return d.done("prompt_cache_options")


# ---------------------------------------------------------------- where they stand


@mutation("marker-on-empty-text", "anthropic")
@mutation("marker-on-empty-text", "dashscope")
@mutation("marker-on-empty-text", "openai")
def _(d: Draft) -> Mutated:
    blank = {
        "type": "text",
        "text": d.rng.choice([" ", "\n", "\t \n", "\u3000", "\u00a0"]),
        "cache_control": MARK,
    }
    blocks, at = d.around(blank, behind=d.rng.randrange(2))
    return d.done(f"{d.put(*blocks)}.content[{at}]")


@mutation("marker-on-thinking", "anthropic")
def _(d: Draft) -> Mutated:
    thought = d.rng.choice(
        [
            {"type": "thinking", "thinking": d.words(), "signature": "s"},
            {"type": "redacted_thinking", "data": "x"},
        ]
    )
    blocks, at = d.around({**thought, "cache_control": d.rng.choice([MARK, HOUR])}, behind=1)
    return d.done(f"{d.put(*blocks, role='assistant')}.content[{at}].cache_control")


@mutation("marker-on-thinking", "bedrock-converse")
def _(d: Draft) -> Mutated:
    thought = {"reasoningContent": {"reasoningText": {"text": d.words()}}}
    blocks, at = d.around(thought)
    path = d.put(*blocks, POINT, d.text(), role="assistant")
    return d.done(f"{path}.content[{at + 1}]")


@mutation("marker-in-tool-result", "anthropic")
def _(d: Draft) -> Mutated:
    blocks, at = d.around(d.text(mark=MARK), behind=d.rng.randrange(2))
    call = {"type": "tool_use", "id": "new", "name": "f", "input": {}}
    d.put(d.text(), call, role="assistant", at=len(d.messages))
    result = {"type": "tool_result", "tool_use_id": "new", "content": blocks}
    path = d.put(result, at=len(d.messages))
    return d.done(f"{path}.content[0].content[{at}].cache_control")


@mutation("message-level-marker", "anthropic")
@mutation("message-level-marker", "openai")
@mutation("message-level-marker", "dashscope")
def _(d: Draft) -> Mutated:
    index = d.rng.randrange(len(d.messages))
    d.messages[index] = {**d.messages[index], "cache_control": MARK}
    return d.done(f"{d.prefix}[{index}]")


@mutation("marker-on-unknown-kind", "dashscope")
def _(d: Draft) -> Mutated:
    document = {"type": "doc_url", "doc_url": ["https://example.com/a"], "cache_control": MARK}
    blocks, at = d.around(document)
    return d.done(f"{d.put(*blocks)}.content[{at}]")


@mutation("tool-marker-ignored", "dashscope")
@mutation("tool-marker-ignored", "openai")
def _(d: Draft) -> Mutated:
    place = "parameters.tools" if d.form == "dashscope" else "tools"
    at = d.rng.randrange(len(d.tools) + 1)
    tool = d.tool("new")
    if d.rng.random() < 0.5:
        d.tools.insert(at, {**tool, "cache_control": MARK})
        return d.done(f"{place}[{at}]")
    d.tools.insert(at, {**tool, "function": {**tool["function"], "cache_control": MARK}})
    return d.done(f"{place}[{at}].function")


@mutation("automatic-only", "anthropic")
def _(d: Draft) -> Mutated:
    blocks, at = d.around(d.text(mark=MARK))
    return d.done(f"{d.put(*blocks)}.content[{at}]", model=d.rng.choice(["kimi-k3", "kimi-k2.6"]))


@mutation("refused-marker", "openai")
def _(d: Draft) -> Mutated:
    blocks, at = d.around({**d.text(), "prompt_cache_breakpoint": {"mode": "explicit"}})
    return d.done(f"{d.put(*blocks)}.content[{at}]", host="https://api.moonshot.cn/v1")


@mutation("no-markers", "openai")
def _(d: Draft) -> Mutated:
    blocks, at = d.around(d.text(mark=MARK))
    host = d.rng.choice(["api.deepseek.com", "api.x.ai", "api.groq.com", "open.bigmodel.cn"])
    return d.done(f"{d.put(*blocks)}.content[{at}]", host=host)


@mutation("other-marker-form", "openai")
def _(d: Draft) -> Mutated:
    blocks, at = d.around(d.text(mark=MARK))
    return d.done(f"{d.put(*blocks)}.content[{at}]")


@mutation("model-not-listed", "dashscope")
def _(d: Draft) -> Mutated:
    blocks, at = d.around(d.text(mark=MARK))
    model = d.rng.choice(["qwen-turbo", "qwen2.5-72b-instruct", "qwen-long", "baichuan2"])
    return d.done(f"{d.put(*blocks)}.content[{at}]", model=model)


@mutation("mid-message", "dashscope")
def _(d: Draft) -> Mutated:
    blocks, at = d.around(d.text(mark=MARK), behind=d.rng.randrange(1, 4))
    return d.done(f"{d.put(*blocks)}.content[{at}]")


@mutation("inside-tool-batch", "dashscope")
def _(d: Draft) -> Mutated:
    count = d.rng.randrange(2, 6)
    calls = [
        {"id": f"new{n}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for n in range(count)
    ]
    d.messages.append({"role": "assistant", "content": "", "tool_calls": calls})
    marked = d.rng.randrange(count - 1)
    start = len(d.messages)
    for n in range(count):
        content: Any = [d.text(mark=MARK)] if n == marked else d.words()
        d.messages.append({"role": "tool", "tool_call_id": f"new{n}", "content": content})
    return d.done(f"{d.prefix}[{start + marked}].content[0]")


@mutation("cache-point-misplaced", "bedrock-converse")
def _(d: Draft) -> Mutated:
    kind = d.rng.randrange(3)
    if kind == 0:
        return d.done(f"{d.put(POINT, d.text())}.content[0]")
    if kind == 1:
        d.body["system"] = [POINT, d.text()]
        return d.done("system[0]")
    blocks, at = d.around(d.text())
    return d.done(f"{d.put(*blocks, POINT, POINT)}.content[{at + 2}]")


@mutation("cache-point-behind-document", "bedrock-converse")
def _(d: Draft) -> Mutated:
    kind = d.rng.choice(["csv", "txt", "md", "html", "docx", "xlsx"])
    document = {"document": {"format": kind, "name": "a", "source": {"bytes": "AA=="}}}
    blocks, at = d.around(document, before=1 + d.rng.randrange(2))
    return d.done(f"{d.put(*blocks, POINT)}.content[{at + 1}]")


# ---------------------------------------------------------------- whether they can help


@mutation("under-minimum", "anthropic")
def _(d: Draft) -> Mutated:
    d.body = {"model": MODELS["anthropic"], "max_tokens": 9, "messages": []}
    blocks, at = d.around(d.text(d.rng.randrange(1, 900), mark=MARK))
    return d.done(f"{d.put(*blocks)}.content[{at}]")


@mutation("dynamic-text", "anthropic")
def _(d: Draft) -> Mutated:
    rng = d.rng
    clock = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
    day = f"2026-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
    identifier = f"{rng.getrandbits(32):08x}-{rng.getrandbits(16):04x}-4{rng.getrandbits(12):03x}-a{rng.getrandbits(12):03x}-{rng.getrandbits(48):012x}"
    words = rng.choice(
        [
            f"Current time: {clock}",
            f"today is {day}",
            f"{day}T{clock}Z",
            f"session {identifier}",
            f"Request #{rng.randrange(1000)}",
            f"timestamp: {rng.randrange(1_500_000_000, 1_999_999_999)}",
        ]
    )
    blocks = [d.text(rng.randrange(1, 40)) for _ in range(3)]
    at = rng.randrange(3)
    blocks[at]["text"] += f"\n{words}\n{d.words()}"
    d.body["system"] = blocks
    d.put(d.text(mark=MARK), at=len(d.messages))
    return d.done(f"system[{at}]")


@mutation("tools-changed", "openai")
@mutation("tools-changed", "dashscope")
@mutation("tools-changed", "anthropic")
def _(d: Draft) -> Mutated:
    d.tools[:] = [d.tool(f"{word}{n}") for n, word in enumerate(d.rng.sample(WORDS, 5))]
    previous = copy.deepcopy(d.body)
    at = d.rng.randrange(4)
    kind = d.rng.randrange(3)
    if kind == 0:
        d.tools[at], d.tools[at + 1] = d.tools[at + 1], d.tools[at]
    elif kind == 1:
        d.tools[at] = d.tool("other")
    else:
        del d.tools[at]
    place = "parameters.tools" if d.form == "dashscope" else "tools"
    return d.done(f"{place}[{at}]", previous=previous)


@mutation("prefix-changed", "anthropic")
@mutation("prefix-changed", "dashscope")
def _(d: Draft) -> Mutated:
    first = d.put(d.text(), at=d.rng.choice(d.places()))
    d.put(d.text(mark=MARK), at=len(d.messages))
    previous = copy.deepcopy(d.body)
    index = int(first.rpartition("[")[2][:-1])
    words = d.messages[index]["content"][0]["text"]
    cut = d.rng.randrange(len(words))
    d.messages[index]["content"][0]["text"] = f"{words[:cut]}!{words[cut + 1 :]}"
    return d.done(f"{first}.content[0]", previous=previous)


@mutation("beyond-lookback", "anthropic")
@mutation("beyond-lookback", "dashscope")
def _(d: Draft) -> Mutated:
    d.put(d.text(mark=MARK), at=len(d.messages))
    previous = copy.deepcopy(d.body)
    d.messages[-1]["content"] = [
        {k: v for k, v in d.messages[-1]["content"][0].items() if k != "cache_control"}
    ]
    left = d.rng.randrange(20, 40)
    while left > 0:
        count = min(left, d.rng.randrange(1, 5))
        left -= count
        role = "assistant" if d.messages[-1]["role"] == "user" else "user"
        d.put(*[d.text() for _ in range(count)], role=role, at=len(d.messages))
    path = d.put(d.text(mark=MARK), at=len(d.messages))
    return d.done(f"{path}.content[0]", previous=previous)


# ---------------------------------------------------------------- tools


def calls(d: Draft, names: list[str]) -> dict[str, Any]:
    if d.form == "anthropic":
        uses = [{"type": "tool_use", "id": name, "name": "f", "input": {}} for name in names]
        return {"role": "assistant", "content": [d.text(), *uses]}
    if d.form == "bedrock-converse":
        nested = [{"toolUse": {"toolUseId": name, "name": "f", "input": {}}} for name in names]
        return {"role": "assistant", "content": [d.text(), *nested]}
    function = {"name": "f", "arguments": "{}"}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": name, "type": "function", "function": function} for name in names],
    }


def results(d: Draft, names: list[str]) -> list[dict[str, Any]]:
    if d.form == "anthropic":
        blocks = [{"type": "tool_result", "tool_use_id": name, "content": "r"} for name in names]
        return [{"role": "user", "content": blocks}] if names else []
    if d.form == "bedrock-converse":
        nested = [{"toolResult": {"toolUseId": name, "content": [d.text()]}} for name in names]
        return [{"role": "user", "content": nested}] if names else []
    return [{"role": "tool", "tool_call_id": name, "content": "r"} for name in names]


@mutation("tool-call-unanswered", "anthropic")
@mutation("tool-call-unanswered", "bedrock-converse")
@mutation("tool-call-unanswered", "openai")
@mutation("tool-call-unanswered", "dashscope")
def _(d: Draft) -> Mutated:
    names = [f"new{n}" for n in range(d.rng.randrange(1, 5))]
    kept = [name for name in names if d.rng.random() < 0.5][: len(names) - 1]
    d.put(d.text(), at=len(d.messages))
    index = len(d.messages)
    d.messages.extend([calls(d, names), *results(d, kept)])
    if d.rng.random() < 0.5:
        d.put(d.text(), role="assistant", at=len(d.messages))
    return d.done(f"{d.prefix}[{index}]")


@mutation("tool-result-without-call", "anthropic")
@mutation("tool-result-without-call", "bedrock-converse")
@mutation("tool-result-without-call", "openai")
@mutation("tool-result-without-call", "dashscope")
def _(d: Draft) -> Mutated:
    names = [f"new{n}" for n in range(d.rng.randrange(3))]
    d.put(d.text(), at=len(d.messages))
    if names:
        d.messages.append(calls(d, names))
    else:
        d.put(d.text(), role="assistant", at=len(d.messages))
    start = len(d.messages)
    d.messages.extend(results(d, [*names, "stray"]))
    if d.form in ("anthropic", "bedrock-converse"):
        return d.done(f"{d.prefix}[{start}].content[{len(names)}]")
    return d.done(f"{d.prefix}[{start + len(names)}]")


@mutation("empty-tool-calls", "openai")
def _(d: Draft) -> Mutated:
    index = d.rng.choice(d.places())
    d.messages.insert(index, {"role": "assistant", "content": d.words(), "tool_calls": []})
    return d.done(f"messages[{index}].tool_calls")


@mutation("tool-name", "openai")
def _(d: Draft) -> Mutated:
    name = d.rng.choice(["a b", "查询", "", "x" * 65, "f.g", "f\n", "é"])
    at = d.rng.randrange(len(d.tools) + 1)
    d.tools.insert(at, d.tool(name))
    return d.done(f"tools[{at}].function.name")


# ---------------------------------------------------------------- content


@mutation("array-not-accepted", "dashscope")
def _(d: Draft) -> Mutated:
    d.body.pop("parameters", None)
    d.messages[:] = [
        {"role": d.rng.choice(["user", "assistant", "system"]), "content": d.words()}
        for _ in range(d.rng.randrange(1, 6))
    ]
    path = d.put(d.text(), at=d.rng.randrange(len(d.messages) + 1))
    return d.done(f"{path}.content", model=d.rng.choice(["glm-5.1", "glm-5", "glm-4.6"]))


@mutation("media-out-of-place", "openai")
def _(d: Draft) -> Mutated:
    part = d.rng.choice(
        [
            {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}},
            {"type": "file", "file": {"file_id": "a"}},
        ]
    )
    blocks, at = d.around(part)
    role = d.rng.choice(["system", "developer", "assistant"])
    return d.done(f"{d.put(*blocks, role=role)}.content[{at}]")


@mutation("legacy-field", "openai")
def _(d: Draft) -> Mutated:
    name, value = d.rng.choice(
        [
            ("functions", [{"name": "f", "parameters": {}}]),
            ("function_call", "auto"),
            ("prompt_cache_retention", "24h"),
        ]
    )
    d.body[name] = value
    return d.done(name)


@mutation("refused-field", "openai-responses")
def _(d: Draft) -> Mutated:
    fields = {"n": 1, "seed": 0, "stop": ["x"], "logprobs": False, "max_tokens": 9, "messages": []}
    name = d.rng.choice(list(fields))
    d.body[name] = fields[name]
    return d.done(name)


# ---------------------------------------------------------------- the claims


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_hundred_mutated_bodies_are_found_out(name: str) -> None:
    form, mutate = MUTATIONS[name]
    code = name.partition(" ")[0]
    for seed in range(TIMES):
        made = mutate(draft(random.Random(f"{name} {seed}"), form))
        found = {(each.code, each.path) for each in validate(made.body, form, **made.asked)}
        assert (code, made.path) in found, (seed, sorted(found), made.body)


def test_every_code_of_a_rule_has_a_mutation() -> None:
    assert {name.partition(" ")[0] for name in MUTATIONS} == {
        code for rule in RULES for code in rule.codes
    }


@pytest.mark.parametrize("form", ["openai", "dashscope", "anthropic", "bedrock-converse"])
def test_the_bodies_before_they_are_mutated_are_legal(form: str) -> None:
    assert len(legal(form)) >= 2
    for seed in range(TIMES):
        made = draft(random.Random(seed), form)
        made.put(made.text())
        found = [str(each) for each in validate(made.body, form) if each.severity != "note"]
        assert found == [], made.body
