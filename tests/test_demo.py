from __future__ import annotations

import runpy
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[1] / "examples" / "demo.py"


def test_the_demo_runs_and_no_provider_would_reject_its_requests(
    capsys: pytest.CaptureFixture[str],
) -> None:
    runpy.run_path(str(DEMO), run_name="__main__")
    said = capsys.readouterr().out
    dashscope, compatible, openai, java = said.split("\n=== ")[1:]
    assert "errors 0" in dashscope
    assert "errors 0" in compatible
    assert "errors 0" in openai
    # the session holds a tool result with an image, which OpenAI takes in user messages alone
    assert "note media-moved at messages[19].content[1]: the image of tool result" in openai
    assert "Quirks.JAVA" in java
