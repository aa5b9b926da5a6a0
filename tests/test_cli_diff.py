"""`wiremark diff`: the first place where the prefix of a request departs from that of another."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wiremark.cli import main
from wiremark.validation import compare_prefix

MARK = {"type": "ephemeral"}
Run = Callable[..., tuple[int, str, str]]


def body(clock: str = "noon", *more: str, marked: bool = False) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "text", "text": f"You help. It is {clock}."}
    if marked:
        part["cache_control"] = MARK
    asked = [{"role": "user", "content": text} for text in ("Hi", *more)]
    return {"model": "qwen-plus", "messages": [{"role": "system", "content": [part]}, *asked]}


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(a: Any, b: Any, *words: str, stdin: Any = None) -> tuple[int, str, str]:
        names = []
        for name, content in (("a", a), ("b", b)):
            if content == "-":
                names.append("-")
                continue
            data = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
            Path(name).write_bytes(data)
            names.append(name)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(stdin).encode())))
        status = main(["diff", *names, *words])
        out, err = capfdbinary.readouterr()
        return status, out.decode(), err.decode()

    return call


def test_place_offset_and_both_texts_are_told(run: Run) -> None:
    status, out, err = run(body("noon"), body("dusk"))
    text = json.dumps(body(), indent=1)
    line = text[: text.index('{\n     "type"')].count("\n") + 1
    assert (status, err) == (1, "")
    assert out.splitlines() == [
        "departs: at messages[0].content[0], character 16 (system)",
        f"- a:{line}:5: 'You help. It is noon.'",
        f"+ b:{line}:5: 'You help. It is dusk.'",
        "in common: 0 blocks, 22 characters",  # the role is one of what comes before the text
    ]


@pytest.mark.parametrize(
    ("b", "relation"),
    [
        (body(), "equal"),
        (body(marked=True), "equal"),
        (body("noon", "And?"), "extends"),
        (body("noon", "And?", marked=True), "extends"),
        ({**body(), "messages": body()["messages"][:1]}, "shortened"),
    ],
)
def test_what_does_not_depart_is_0(run: Run, b: Any, relation: str) -> None:
    status, out, err = run(body(), b)
    assert (status, err) == (0, "")
    assert out.startswith(f"{relation}: B ")
    assert out.splitlines()[1].startswith("in common: ")


def test_end_of_one_side_is_called_so(run: Run) -> None:
    before = {**body(), "tools": [{"type": "function", "function": {"name": "f"}}]}
    status, out, _ = run(before, body())
    assert status == 1
    assert out.startswith("departs: at ")
    assert "(tools)" in out.splitlines()[0]


def test_other_model_departs(run: Run) -> None:
    status, out, _ = run(body(), {**body(), "model": "qwen-max"})
    assert (status, out.splitlines()[0]) == (1, "departs: at model, character 5 (model)")


def test_json_is_the_comparison_with_its_places(run: Run) -> None:
    status, out, _ = run(body("noon"), body("dusk"), "--json")
    found = json.loads(out)
    places = {name: found.pop(name) for name in ("previous", "body")}
    assert status == 1
    assert found == compare_prefix(body("noon"), body("dusk")).to_dict()
    assert [places["previous"]["file"], places["body"]["file"]] == ["a", "b"]
    assert places["previous"]["line"] == places["body"]["line"] > 1


def test_either_may_be_standard_input_or_a_record(run: Run) -> None:
    assert run("-", {"request": body()}, stdin=body())[0] == 0
    assert run(body("dusk"), "-", stdin=body())[0] == 1


@pytest.mark.parametrize(
    ("a", "b", "words", "reason"),
    [
        (b"{", body(), (), "a: line 1"),
        (b"", body(), (), "a: empty"),
        (body(), {}, (), "b: cannot tell whose form the body has (give --as)"),
        (body(), b"{}\n{}", (), "b: one body is needed, it holds 2"),
        (body(), {"request": 3}, (), "b:1: request is no request body"),
        (body(), {"input": {"messages": []}}, (), "a: has the form of openai, b that of dashscope"),
        ("-", "-", (), "read once"),
        (body(), body(), ("--as", "x"), "'x' is not one of"),
    ],
)
def test_what_cannot_be_compared_is_2_with_one_line(
    run: Run, a: Any, b: Any, words: tuple[str, ...], reason: str
) -> None:
    status, out, err = run(a, b, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert reason in err


def test_named_form_is_that_of_both(run: Run) -> None:
    assert run({}, {}, "--as", "openai")[0] == 0


def test_text_cannot_break_its_line_or_the_terminal(run: Run) -> None:
    status, out, _ = run(body("a\n\x1b[31m"), body("b\n\x1b[31m"))
    assert status == 1
    assert len(out.splitlines()) == 4
    assert "\x1b" not in out
