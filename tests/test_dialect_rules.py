"""Dialects as data: which rules hold for a request, and what their figures are."""

from __future__ import annotations

import pytest

from wiremark.rules import (
    ANTHROPIC,
    ANTHROPIC_CLOUD,
    ANTHROPIC_COMPATIBLE,
    BEDROCK,
    DASHSCOPE,
    DASHSCOPE_ANTHROPIC,
    DASHSCOPE_COMPATIBLE,
    DASHSCOPE_RESPONSES,
    DEEPSEEK,
    GEMINI_CHAT,
    GLM,
    GROQ,
    KIMI_CHAT,
    KIMI_MESSAGES,
    MINIMAX,
    MINIMAX_OPENAI,
    NO_MARKERS,
    NO_MARKERS_RESPONSES,
    OLLAMA,
    OPENAI,
    OPENAI_COMPATIBLE,
    OPENAI_IMPLICIT,
    OPENROUTER,
    OPENROUTER_ANTHROPIC,
    OPENROUTER_ANY,
    OPENROUTER_GEMINI,
    OPENROUTER_OPENAI,
    OPENROUTER_QWEN,
    QWEN4,
    XAI,
    Affinity,
    CacheRules,
    select_rules,
)

CHAT = "openai-chat"
MESSAGES = "anthropic"


@pytest.mark.parametrize(
    ("protocol", "host", "model", "rules"),
    [
        (CHAT, "https://openrouter.ai/api/v1", "anthropic/claude-opus-4.6", OPENROUTER_ANTHROPIC),
        (CHAT, "openrouter.ai", "google/gemini-3-pro", OPENROUTER_GEMINI),
        (CHAT, "openrouter.ai", "qwen/qwen3-coder-plus", OPENROUTER_QWEN),
        (CHAT, "openrouter.ai", "openai/gpt-5.6", OPENROUTER_OPENAI),
        (CHAT, "openrouter.ai", "openai/gpt-5", OPENROUTER),
        (CHAT, "openrouter.ai", "deepseek/deepseek-v3.2", OPENROUTER),
        (CHAT, "openrouter.ai", "openrouter/auto", OPENROUTER_ANY),
        (CHAT, "openrouter.ai", None, OPENROUTER_ANY),
        (CHAT, "api.deepseek.com", "deepseek-chat", DEEPSEEK),
        (CHAT, "https://open.bigmodel.cn/api/paas/v4", "glm-5.1", GLM),
        (CHAT, "api.z.ai", "glm-5.1", GLM),
        (CHAT, "api.moonshot.cn", "kimi-k3", KIMI_CHAT),
        (CHAT, "api.moonshot.ai", "moonshot-v1-8k", KIMI_CHAT),
        (CHAT, "api.kimi.com", "kimi-k3", KIMI_CHAT),
        (CHAT, "api.minimax.io", "MiniMax-M2.7", MINIMAX_OPENAI),
        (CHAT, "api.minimaxi.com", "MiniMax-M2.7", MINIMAX_OPENAI),
        (CHAT, "api.x.ai", "grok-4", XAI),
        (CHAT, "api.groq.com", "openai/gpt-oss-120b", GROQ),
        (CHAT, "generativelanguage.googleapis.com", "gemini-2.5-flash", GEMINI_CHAT),
        (CHAT, "api.mistral.ai", "mistral-large", NO_MARKERS),
        (CHAT, "dashscope.aliyuncs.com", "kimi-k2.6", DASHSCOPE_COMPATIBLE),
        (CHAT, "ws.cn-beijing.maas.aliyuncs.com", "qwen4-max", QWEN4),
        (CHAT, None, "qwen4-max", QWEN4),
        (CHAT, None, "deepseek-chat", DEEPSEEK),
        (CHAT, None, "glm-5.1", GLM),
        (CHAT, None, "kimi-k3", KIMI_CHAT),
        (CHAT, None, "moonshot-v1-8k", KIMI_CHAT),
        (CHAT, None, "MiniMax-M2.7", MINIMAX_OPENAI),
        (CHAT, None, "grok-4", XAI),
        (CHAT, None, "gemini-2.5-pro", GEMINI_CHAT),
        (CHAT, None, "claude-opus-5", OPENAI_COMPATIBLE),
        (MESSAGES, "api.anthropic.com", "claude-opus-5", ANTHROPIC),
        (MESSAGES, None, "claude-opus-5", ANTHROPIC),
        (MESSAGES, None, "us.anthropic.claude-opus-4-6-v1:0", ANTHROPIC_CLOUD),
        (MESSAGES, "us-east5-aiplatform.googleapis.com", "claude-opus-4-6", ANTHROPIC_CLOUD),
        (MESSAGES, "bedrock-runtime.us-east-1.amazonaws.com", "claude", ANTHROPIC_CLOUD),
        (
            MESSAGES,
            "https://dashscope.aliyuncs.com/apps/anthropic",
            "qwen-plus",
            DASHSCOPE_ANTHROPIC,
        ),
        (MESSAGES, "ws.cn-beijing.maas.aliyuncs.com", "kimi-k2.6", DASHSCOPE_ANTHROPIC),
        (MESSAGES, "https://api.minimax.io/anthropic", "MiniMax-M2.7", MINIMAX),
        (MESSAGES, "https://api.moonshot.ai/anthropic", "kimi-k3", KIMI_MESSAGES),
        (MESSAGES, None, "MiniMax-M2.7", MINIMAX),
        (MESSAGES, None, "kimi-k3", KIMI_MESSAGES),
        (MESSAGES, None, "qwen-plus", DASHSCOPE_ANTHROPIC),
        (MESSAGES, None, None, ANTHROPIC_COMPATIBLE),
        ("bedrock-converse", None, "us.anthropic.claude-opus-4-6-v1:0", BEDROCK),
        ("bedrock-converse", None, "amazon.nova-pro-v1:0", BEDROCK),
        ("openai-responses", "dashscope.aliyuncs.com", "qwen-plus", DASHSCOPE_RESPONSES),
        ("openai-responses", None, None, NO_MARKERS_RESPONSES),
    ],
)
def test_protocol_host_and_model_choose_the_rules(
    protocol: str, host: str | None, model: str | None, rules: CacheRules
) -> None:
    assert select_rules(protocol, host=host, model=model).rules == rules


@pytest.mark.parametrize(
    ("protocol", "host", "model", "says"),
    [
        (CHAT, None, "deepseek-chat", "chosen by model name"),
        (CHAT, "llm.example.org", "kimi-k3", "'llm.example.org' is unknown"),
        (CHAT, "openrouter.ai", "x-ai/grok-4", "no rule knows"),
        (CHAT, "openrouter.ai", None, "not named"),
        (CHAT, "api.mistral.ai", "mistral-large", "nothing is known"),
        (CHAT, "dashscope.aliyuncs.com", "qwen4-max", "four marks at most"),
        (MESSAGES, None, None, "no rule knows"),
        (MESSAGES, "openrouter.ai", "claude-opus-5", "'openrouter.ai' is unknown"),
        (MESSAGES, "dashscope.aliyuncs.com", "qwen4-max", "qwen4"),
        (MESSAGES, "dashscope.aliyuncs.com", "qwen-turbo", "not among those"),
        (MESSAGES, "us-east5-aiplatform.googleapis.com", "claude-opus-5", "automatic"),
        ("bedrock-converse", None, "amazon.nova-pro-v1:0", "not in the rules"),
    ],
)
def test_what_a_choice_does_not_know_is_in_its_note(
    protocol: str, host: str | None, model: str | None, says: str
) -> None:
    assert says in select_rules(protocol, host=host, model=model).note


@pytest.mark.parametrize(
    ("protocol", "host", "model"),
    [
        (CHAT, "openrouter.ai", "anthropic/claude-opus-5"),
        (CHAT, "api.deepseek.com", "deepseek-chat"),
        (MESSAGES, "api.anthropic.com", "claude-opus-5"),
        (MESSAGES, "api.moonshot.ai", "kimi-k3"),
        ("bedrock-converse", "bedrock-runtime.eu-west-1.amazonaws.com", "anthropic.claude-opus-5"),
    ],
)
def test_a_provider_at_its_own_host_needs_no_note(protocol: str, host: str, model: str) -> None:
    assert select_rules(protocol, host=host, model=model).note == ""


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("claude-fable-5-1", 512),
        ("claude-mythos-5", 512),
        ("claude-opus-5-5", 512),
        ("claude-opus-5", 512),
        ("claude-sonnet-5-5", 512),
        ("claude-opus-4-8", 1024),
        ("claude-sonnet-5", 1024),
        ("claude-sonnet-4-6", 1024),
        ("claude-sonnet-4-20250514", 1024),
        ("claude-opus-4-1-20250805", 1024),
        ("claude-opus-4-20250514", 1024),
        ("claude-mythos-preview", 2048),
        ("claude-opus-4-7", 2048),
        ("claude-3-5-haiku-20241022", 2048),
        ("claude-opus-4-6", 4096),
        ("claude-opus-4-5-20251101", 4096),
        ("claude-haiku-4-5", 4096),
        ("us.anthropic.claude-opus-4-6-v1:0", 4096),
        ("claude-2", None),
    ],
)
def test_anthropics_minimum_depends_on_the_model(model: str, tokens: int | None) -> None:
    assert ANTHROPIC.min_tokens_for(model) == tokens


def test_openrouter_asks_more_tokens_of_two_models() -> None:
    assert OPENROUTER_ANTHROPIC.min_tokens_for("anthropic/claude-opus-4.8") == 4096
    assert OPENROUTER_ANTHROPIC.min_tokens_for("anthropic/claude-opus-4.7") == 4096
    assert OPENROUTER_ANTHROPIC.min_tokens_for("anthropic/claude-opus-4.1") == 1024


def test_anthropics_prices_are_by_ttl_and_model() -> None:
    assert (ANTHROPIC.write_multiplier_for("5m"), ANTHROPIC.write_multiplier_for("1h")) == (1.25, 2)
    assert ANTHROPIC.read_multiplier_for("claude-opus-5") == 0.1
    assert ANTHROPIC.read_multiplier_for("claude-opus-5-5") == 0.05
    assert ANTHROPIC.read_multiplier_for("claude-fable-5-1") == 0.025
    assert MINIMAX.read_multiplier_for("MiniMax-M2.7") == 0.2
    assert MINIMAX.read_multiplier_for("MiniMax-M2.5") == 0.1


@pytest.mark.parametrize("rules", [ANTHROPIC, OPENROUTER_ANTHROPIC, BEDROCK])
def test_claude_takes_four_marks_on_tools_and_blocks_the_longer_first(rules: CacheRules) -> None:
    assert (rules.budget, rules.ttls, rules.ttl_ordered) == (4, ("5m", "1h"), True)
    assert rules.tool_slot
    assert rules.tools_in_prefix == "own"
    assert "thinking" not in rules.kinds


def test_only_claude_at_home_and_at_openrouter_and_kimi_take_an_automatic_mark() -> None:
    automatic = [ANTHROPIC, OPENROUTER_ANTHROPIC, KIMI_MESSAGES]
    assert all(rules.automatic == "top_level" for rules in automatic)
    others = [ANTHROPIC_CLOUD, ANTHROPIC_COMPATIBLE, MINIMAX, BEDROCK, DASHSCOPE_ANTHROPIC, QWEN4]
    assert all(rules.automatic is None for rules in others)
    assert KIMI_MESSAGES.automatic_only


@pytest.mark.parametrize(
    ("rules", "form", "ttl", "marker"),
    [
        (ANTHROPIC, "cache_control", "1h", {"type": "ephemeral", "ttl": "1h"}),
        (QWEN4, "prompt_cache_breakpoint", None, {"mode": "explicit"}),
        (OPENAI, "prompt_cache_breakpoint", "12h", {"mode": "explicit", "ttl": "12h"}),
        (BEDROCK, "cache_point", None, {"type": "default"}),
        (BEDROCK, "cache_point", "1h", {"type": "default", "ttl": "1h"}),
        (MINIMAX, "cache_control", "5m", {"type": "ephemeral", "ttl": "5m"}),
    ],
)
def test_each_provider_has_its_form_of_a_marker(
    rules: CacheRules, form: str, ttl: str | None, marker: dict[str, str]
) -> None:
    assert rules.marker == form
    assert rules.marker_value(ttl) == marker


def test_gemini_on_openrouter_reads_the_last_mark_alone() -> None:
    assert OPENROUTER_GEMINI.last_mark_only
    assert OPENROUTER_GEMINI.budget == 1


def test_dashscopes_endpoints_share_one_cache() -> None:
    for rules in (DASHSCOPE_COMPATIBLE, DASHSCOPE_ANTHROPIC):
        assert (rules.max_marks, rules.over_limit) == (4, "last-win")
        assert (rules.min_tokens, rules.lookback_blocks) == (1024, 20)
        assert rules.models == DASHSCOPE.models
        assert not rules.tool_slot
    assert (QWEN4.min_tokens, QWEN4.lookback_blocks) == (1024, 20)


def test_a_ttl_is_never_written_where_its_place_is_unknown_or_it_is_dropped() -> None:
    assert QWEN4.nearest_ttl("1h") is OPENROUTER_OPENAI.nearest_ttl("1h") is None


KEY = Affinity("body", "prompt_cache_key")


@pytest.mark.parametrize(
    ("rules", "affinity"),
    [
        (OPENAI, (KEY,)),
        (OPENAI_IMPLICIT, (KEY,)),
        (OPENROUTER_QWEN, (KEY, Affinity("body", "session_id", max_length=256))),
        (XAI, (Affinity("header", "x-grok-conv-id"),)),
        (DASHSCOPE_RESPONSES, (Affinity("header", "x-dashscope-session-cache", "enable"),)),
        (DEEPSEEK, ()),
        (ANTHROPIC, ()),
        (DASHSCOPE, ()),
        (OPENAI_COMPATIBLE, ()),
    ],
)
def test_a_session_reaches_the_wire_by_the_providers_own_field(
    rules: CacheRules, affinity: tuple[Affinity, ...]
) -> None:
    assert rules.affinity == affinity


@pytest.mark.parametrize(
    "rules",
    [OPENROUTER, OPENROUTER_ANTHROPIC, OPENROUTER_GEMINI, OPENROUTER_OPENAI, OPENROUTER_QWEN],
)
def test_all_of_openrouter_has_the_same_affinity(rules: CacheRules) -> None:
    assert [item.name for item in rules.affinity] == ["prompt_cache_key", "session_id"]


@pytest.mark.parametrize(
    "rules",
    [DEEPSEEK, GLM, XAI, GROQ, GEMINI_CHAT, OLLAMA, KIMI_CHAT, MINIMAX_OPENAI, OPENAI_IMPLICIT],
)
def test_providers_without_markers_cache_by_themselves(rules: CacheRules) -> None:
    assert rules.marker == "none"
    assert rules.implicit is not None


def test_implicit_figures_are_asked_by_model() -> None:
    implicit = GEMINI_CHAT.implicit
    assert implicit is not None
    assert implicit.min_tokens_for("gemini-2.5-flash") == 1024
    assert implicit.min_tokens_for("gemini-2.5-pro") == 4096
    assert implicit.min_tokens_for("gemini-next") is None
    assert DASHSCOPE.implicit is not None
    assert DASHSCOPE.implicit.read_multiplier_for("kimi-k3") == 0.1
    assert DASHSCOPE.implicit.read_multiplier_for("qwen-plus") == 0.2
