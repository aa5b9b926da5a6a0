"""Session affinity: where `GenerateOptions(session_id=...)` goes, by provider."""

from __future__ import annotations

from typing import Any

import pytest

from wiremark import DashScopeChatFormatter, GenerateOptions, Msg, OpenAIChatFormatter
from wiremark.base import Request
from wiremark.errors import OptionError

OPTIONS = GenerateOptions(session_id="talk-7")


def request(formatter: Any, model: str, options: GenerateOptions = OPTIONS) -> Request:
    made = formatter.build_request(model, [Msg.user("Hi")], options=options)
    assert isinstance(made, Request)
    return made


@pytest.mark.parametrize(
    ("host", "model", "fields"),
    [
        ("api.openai.com", "gpt-5.6", {"prompt_cache_key": "talk-7"}),
        ("api.openai.com", "gpt-4.1", {"prompt_cache_key": "talk-7"}),
        (
            "openrouter.ai",
            "anthropic/claude-sonnet-5",
            {"prompt_cache_key": "talk-7", "session_id": "talk-7"},
        ),
    ],
)
def test_a_session_id_becomes_body_fields(host: str, model: str, fields: dict[str, str]) -> None:
    body = request(OpenAIChatFormatter(host=host), model).body
    assert {key: body.get(key) for key in fields} == fields


def test_xai_takes_it_in_a_header() -> None:
    made = request(OpenAIChatFormatter(host="api.x.ai"), "grok-5")
    assert made.headers["x-grok-conv-id"] == "talk-7"
    assert "talk-7" not in made.to_json()


def test_a_header_of_the_options_wins() -> None:
    options = GenerateOptions(session_id="a", additional_headers={"x-grok-conv-id": "b"})
    made = request(OpenAIChatFormatter(host="api.x.ai"), "grok-5", options)
    assert made.headers["x-grok-conv-id"] == "b"


@pytest.mark.parametrize(
    ("formatter", "model"),
    [
        (DashScopeChatFormatter(), "qwen-plus"),
        (OpenAIChatFormatter(host="api.deepseek.com"), "deepseek-chat"),
    ],
)
def test_a_provider_without_a_field_is_named_in_the_plan(formatter: Any, model: str) -> None:
    made = request(formatter, model)
    assert [finding.code for finding in made.plan.findings] == ["session-not-sent"]
    assert made.plan.findings[0].path == "options.session_id"
    assert "talk-7" not in made.to_json()


def test_without_a_session_id_nothing_is_added() -> None:
    made = request(OpenAIChatFormatter(host="api.openai.com"), "gpt-5.6", GenerateOptions())
    assert "prompt_cache_key" not in made.body
    assert made.findings == ()


def test_an_id_that_is_too_long_is_refused() -> None:
    options = GenerateOptions(session_id="x" * 257)
    with pytest.raises(OptionError, match="too long") as caught:
        request(OpenAIChatFormatter(host="openrouter.ai"), "anthropic/claude-sonnet-5", options)
    assert caught.value.path == "options.session_id"
