"""What a caller may get wrong: each is an error with a path, or is read as meant."""

from __future__ import annotations

from typing import Any

import pytest

from wiremark import (
    AnthropicChatFormatter,
    BedrockConverseFormatter,
    DashScopeChatFormatter,
    Msg,
    OpenAIChatFormatter,
    ToolUseBlock,
)
from wiremark.errors import OptionError, SerializationError

HI = [Msg.user("Hi")]
ALL = [
    DashScopeChatFormatter,
    OpenAIChatFormatter,
    AnthropicChatFormatter,
    BedrockConverseFormatter,
]


@pytest.mark.parametrize("kind", ALL)
def test_options_may_be_a_dict(kind: Any) -> None:
    request = kind().build_request("m", HI, options={"max_tokens": 7}, defaults={"top_p": 0.5})
    assert "7" in request.to_json()
    assert "0.5" in request.to_json()


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    ("name", "given", "path"),
    [
        ("options", {"temprature": 1}, "options.temprature"),
        ("defaults", {"seed": "x"}, "defaults.seed"),
        ("options", 3, "options"),
    ],
)
def test_options_that_cannot_be_read_name_the_path(
    kind: Any, name: str, given: Any, path: str
) -> None:
    with pytest.raises(OptionError) as caught:
        kind().build_request("m", HI, **{name: given})
    assert caught.value.path == path


@pytest.mark.parametrize("kind", [DashScopeChatFormatter, OpenAIChatFormatter])
def test_a_number_that_json_lacks_names_its_message(kind: Any) -> None:
    call = Msg.assistant(ToolUseBlock("c", "f", {"x": float("nan")}))
    with pytest.raises(SerializationError) as caught:
        kind().format([*HI, call])
    assert caught.value.path == "messages[1].input.x"
