from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo.py"


def test_the_demo_runs_and_tells_what_a_provider_would_reject(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runpy.run_path(str(DEMO), run_name="__main__")
    said = capsys.readouterr().out
    dashscope, compatible, openai, java = said.split("\n=== ")[1:]
    assert "errors 0" in dashscope
    assert "errors 0" in compatible
    # the session holds a tool result with an image, which OpenAI takes in user messages alone
    assert "error media-out-of-place at messages[18].content[1]" in openai
    assert "Quirks.JAVA" in java
