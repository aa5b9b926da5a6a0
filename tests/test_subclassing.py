"""The hooks that subclasses change: each works for `format` and for `build_request`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from wiremark import (
    CacheBudgetWarning,
    DashScopeChatFormatter,
    DashScopeMultiAgentFormatter,
    GenerateOptions,
    Msg,
    OpenAIBaseFormatter,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
    ToolUseBlock,
)
from wiremark.base import Group, Trace
from wiremark.marks import Policy, RequestView, Slot, Wish
from wiremark.rules import DASHSCOPE, Selection

TALK = [Msg.system("s"), Msg.user("a", name="Ann"), Msg.assistant("b", name="Bob")]
TOOL = {"name": "f", "description": "d", "strict": True}


def sent(formatter: Any, messages: Sequence[Msg], **given: Any) -> tuple[Any, Any]:
    """Return the messages of `format` and those of `build_request`."""
    request = formatter.build_request("qwen-plus", messages, **given)
    return formatter.format(messages, model="qwen-plus"), request.messages


# ---------------------------------------------------------------- convert_message


@pytest.mark.parametrize(
    "base",
    [DashScopeChatFormatter, OpenAIBaseFormatter, OpenAIChatFormatter],
)
def test_convert_message_changes_one_messages_conversion(base: Any) -> None:
    class Shouting(base):  # type: ignore[misc]
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            if message.role is not None and message.role.wire == "user":
                return [{"role": "user", "content": message.text.upper()}]
            made: list[dict[str, Any]] = super().convert_message(message, trace)
            return made

    for made in sent(Shouting(), TALK):
        assert [message["content"] for message in made] == ["s", "A", "b"]


def test_convert_message_may_give_none_or_several() -> None:
    class Splitting(DashScopeChatFormatter):
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            return [{"role": "user", "content": line} for line in message.text.split()]

    messages = [Msg.user(""), Msg.user("a b").with_cache_control(), Msg.user("c")]
    for made in sent(Splitting(), messages):
        assert [message["content"] for message in made] == [
            "a",
            [{"text": "b", "cache_control": {"type": "ephemeral"}}],
            "c",
        ]


@pytest.mark.parametrize("base", [DashScopeMultiAgentFormatter, OpenAIMultiAgentFormatter])
def test_convert_message_of_multi_agent_formatters_sees_what_is_not_merged(base: Any) -> None:
    seen: list[str] = []

    class Watching(base):  # type: ignore[misc]
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            seen.append(f"{trace.path} {message.role}")
            made: list[dict[str, Any]] = super().convert_message(message, trace)
            return made

    messages = [*TALK, Msg.assistant(ToolUseBlock("c", "f")), Msg.tool_result("c", "f", "r")]
    Watching().format(messages)
    assert seen == ["messages[0] SYSTEM", "messages[3] ASSISTANT", "messages[4] TOOL"]


# ---------------------------------------------------------------- convert_multimodal


def test_convert_multimodal_changes_the_multimodal_layout_alone() -> None:
    class Tagged(DashScopeChatFormatter):
        def convert_multimodal(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            made = super().convert_multimodal(message, trace)
            made[0]["content"].insert(0, {"text": "[tag]"})
            return made

    formatter = Tagged()
    tagged = [{"text": "[tag]"}, {"text": "x"}]
    assert formatter.format_multimodal([Msg.user("x")])[0]["content"] == tagged
    request = formatter.build_request("qwen3-vl-plus", [Msg.user("x")])
    assert request.messages[0]["content"] == tagged
    for made in sent(formatter, [Msg.user("x")]):
        assert made == [{"role": "user", "content": "x"}]


# ---------------------------------------------------------------- group_messages


@pytest.mark.parametrize("base", [DashScopeMultiAgentFormatter, OpenAIMultiAgentFormatter])
def test_group_messages_changes_what_is_merged(base: Any) -> None:
    class Apart(base):  # type: ignore[misc]
        def group_messages(self, messages: Sequence[Msg]) -> list[Group]:
            found: list[Group] = []
            for group in super().group_messages(messages):
                if group.kind == "conversation":
                    found += [
                        Group("conversation", group.start + index, (message,))
                        for index, message in enumerate(group.messages)
                    ]
                else:
                    found.append(group)
            return found

    for made in sent(Apart(), TALK):
        assert [message["role"] for message in made] == ["system", "user", "user"]


@pytest.mark.parametrize("base", [DashScopeMultiAgentFormatter, OpenAIMultiAgentFormatter])
def test_a_group_of_kind_bypass_is_converted_message_by_message(base: Any) -> None:
    class Bypassing(base):  # type: ignore[misc]
        def group_messages(self, messages: Sequence[Msg]) -> list[Group]:
            return [Group("bypass", 0, tuple(messages))]

    made = Bypassing().format([Msg.user("a"), Msg.assistant("b").with_cache_control()])
    assert [message["role"] for message in made] == ["user", "assistant"]
    assert made[1]["content"][0]["cache_control"] == {"type": "ephemeral"}


# ---------------------------------------------------------------- convert_history


def test_convert_history_of_dashscope_changes_the_runs_text() -> None:
    class Terse(DashScopeMultiAgentFormatter):
        def convert_history(
            self, group: Group, trace: Trace, *, first: bool
        ) -> list[dict[str, Any]]:
            said = "; ".join(message.text for message in group.messages)
            return [{"role": "user", "content": f"{'so far: ' if first else ''}{said}"}]

    call = Msg.assistant(ToolUseBlock("c", "f"))
    messages = [*TALK, call, Msg.tool_result("c", "f", "r"), Msg.user("q").with_cache_control()]
    for made in sent(Terse(), messages):
        assert made[1] == {"role": "user", "content": "so far: a; b"}
        assert made[4]["content"] == [{"text": "q", "cache_control": {"type": "ephemeral"}}]


def test_convert_history_multimodal_changes_the_runs_parts() -> None:
    class Terse(DashScopeMultiAgentFormatter):
        def convert_history_multimodal(
            self, group: Group, trace: Trace, *, first: bool
        ) -> list[dict[str, Any]]:
            parts = [{"text": message.text} for message in group.messages]
            return [{"role": "user", "content": parts}]

    formatter = Terse()
    wanted = [{"text": "a"}, {"text": "b"}]
    assert formatter.format_multimodal(TALK)[1]["content"] == wanted
    assert formatter.build_request("qwen3-vl-plus", TALK).messages[1]["content"] == wanted


def test_convert_history_of_openai_changes_the_runs_message() -> None:
    class Terse(OpenAIMultiAgentFormatter):
        def convert_history(self, group: Group, trace: Trace) -> list[dict[str, Any]]:
            return [{"role": "user", "content": " ".join(m.text for m in group.messages)}]

    for made in sent(Terse(), TALK):
        assert made[1] == {"role": "user", "content": "a b"}


# ---------------------------------------------------------------- select_marks


@pytest.mark.parametrize(
    "base",
    [
        DashScopeChatFormatter,
        DashScopeMultiAgentFormatter,
        OpenAIChatFormatter,
        OpenAIMultiAgentFormatter,
    ],
)
def test_select_marks_adds_wishes_without_a_policy(base: Any) -> None:
    class First(base):  # type: ignore[misc]
        def select_marks(self, view: RequestView, policy: Policy) -> Iterable[Wish]:
            assert policy.name == "manual"
            return [Wish("auto", True, Slot(message=0), "the first message")]

    for made in sent(First(), TALK):
        assert made[0]["content"][-1]["cache_control"] == {"type": "ephemeral"}
        assert "cache_control" not in str(made[1:])


def test_select_marks_may_filter_a_policy() -> None:
    class NoSystem(DashScopeChatFormatter):
        def select_marks(self, view: RequestView, policy: Policy) -> Iterable[Wish]:
            return [wish for wish in policy(view) if wish.at.message != 0]

    for made in sent(
        NoSystem(policy="system_and_last"), TALK, options=GenerateOptions(cache_control=True)
    ):
        assert [isinstance(message["content"], list) for message in made] == [False, False, True]


def test_a_callable_is_a_policy() -> None:
    def tail(view: RequestView) -> Iterable[Wish]:
        assert view.tail is not None
        return [Wish("auto", True, view.tail, "tail")]

    formatter = DashScopeChatFormatter(policy=tail)
    for made in (formatter.format(TALK), formatter.apply_cache_control(formatter.format(TALK))):
        assert isinstance(made[-1]["content"], list)
    options = GenerateOptions(cache_control=tail)
    made = DashScopeChatFormatter().build_request("qwen-plus", TALK, options=options).messages
    assert isinstance(made[-1]["content"], list)


# ---------------------------------------------------------------- cache_rules


@pytest.mark.parametrize("base", [DashScopeChatFormatter, OpenAIChatFormatter])
def test_cache_rules_changes_the_budget(base: Any) -> None:
    class OneMark(base):  # type: ignore[misc]
        def cache_rules(self, model: str | None) -> Selection:
            selection: Selection = super().cache_rules(model)
            return replace(selection, rules=replace(selection.rules, max_marks=1))

    formatter = OneMark(policy="system_and_last")
    with pytest.warns(CacheBudgetWarning):
        results = sent(formatter, TALK)
    for made in results:
        assert sum(isinstance(message["content"], list) for message in made) == 1
    with pytest.warns(CacheBudgetWarning):
        plan = formatter.explain(TALK)
    assert [decision.decision for decision in plan.decisions].count("dropped") == 1
    with pytest.warns(CacheBudgetWarning):
        marked = formatter.apply_cache_control(OneMark().format(TALK))
    assert sum(isinstance(message["content"], list) for message in marked) == 1


def test_rules_given_to_the_formatter_win() -> None:
    rules = replace(DASHSCOPE, max_marks=1)
    formatter = DashScopeChatFormatter(rules=rules, policy="system_and_last")
    with pytest.warns(CacheBudgetWarning):
        results = sent(formatter, TALK)
    for made in results:
        assert sum(isinstance(message["content"], list) for message in made) == 1


# ---------------------------------------------------------------- supports_strict


def test_supports_strict_decides_by_model() -> None:
    class Careful(OpenAIChatFormatter):
        def supports_strict(self, model: str | None) -> bool:
            return model is not None and model.startswith("gpt-")

    formatter = Careful()
    for model, keys in (
        ("gpt-4o", ["name", "description", "parameters", "strict"]),
        ("qwen-plus", ["name", "description", "parameters"]),
    ):
        body = formatter.build_request(model, TALK, tools=[TOOL]).body
        assert list(body["tools"][0]["function"]) == keys
        body = formatter.apply_tools(formatter.start_body(model, []), [TOOL])
        assert list(body["tools"][0]["function"]) == keys
    options = GenerateOptions(model_name="qwen-plus")
    body = formatter.build_request("gpt-4o", TALK, tools=[TOOL], options=options).body
    assert "strict" not in body["tools"][0]["function"]


# ---------------------------------------------------------------- what hooks may rely on


@pytest.mark.parametrize("base", [DashScopeChatFormatter, OpenAIChatFormatter])
def test_a_hook_gets_fresh_dicts_that_it_may_change(base: Any) -> None:
    class Named(base):  # type: ignore[misc]
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            made: list[dict[str, Any]] = super().convert_message(message, trace)
            for wire in made:
                wire["name"] = wire.get("name", "") + "!"
            return made

    formatter = Named()
    assert formatter.format(TALK) == formatter.format(TALK)


def test_a_hook_can_report_what_it_does_not_send() -> None:
    class Dropping(DashScopeChatFormatter):
        def convert_message(self, message: Msg, trace: Trace) -> list[dict[str, Any]]:
            if message.text == "a":
                trace.not_sent("content", "a secret", "ask another way")
                return []
            return super().convert_message(message, trace)

    formatter = Dropping()
    (finding,) = formatter.explain(TALK).findings
    assert (finding.code, finding.path) == ("content-not-sent", "messages[1].content")
    assert formatter.build_request("qwen-plus", TALK).findings == (finding,)


class Mute(DashScopeChatFormatter):
    """Sends nothing of messages without text."""

    def convert_message(self, message, trace):
        return super().convert_message(message, trace) if message.text else []


def test_a_message_that_is_not_sent_passes_its_wish_to_the_one_before() -> None:
    told = [Msg.user("a"), Msg.user("").with_cache_control(), Msg.user("b")]
    made = Mute().format(told)
    assert ["cache_control" in str(message) for message in made] == [True, False]
    assert [row.reason for row in Mute().explain(told[1:]).decisions] == ["no-slot"]


def test_what_an_unsent_message_forbids_is_void() -> None:
    told = [Msg.user("a"), Msg.user("").with_cache_control(False)]
    assert "cache_control" in str(Mute(policy="system_and_last").format(told))
