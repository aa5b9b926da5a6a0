"""What holds for every conversation in Anthropic's form, whatever is wished."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wiremark import (
    AnthropicChatFormatter,
    AnthropicMultiAgentFormatter,
    Base64Source,
    CacheBudgetWarning,
    DataBlock,
    GenerateOptions,
    ImageBlock,
    Msg,
    TextBlock,
    ThinkingBlock,
    ToolResultBlock,
    ToolSchema,
    ToolUseBlock,
    URLSource,
    dump_messages,
)
from wiremark.findings import Finding
from wiremark.marks import strip_body
from wiremark.validation import validate

MODELS = ("claude-opus-4-8", "claude-sonnet-4-5")
WORDS = st.sampled_from(["", " ", "a", "Grüße 🙂", "x\n", "\u2028b"])
WISH = st.sampled_from([None, None, None, True, False, "5m", "1h", {"type": "ephemeral"}])
IDS = st.sampled_from(["c1", "c2", "c3"])
PNG = Base64Source(media_type="image/png", data="iVBORw0KGgo=")
PDF = Base64Source(media_type="application/pdf", data="JVBERg==")

texts = st.builds(lambda t, w: TextBlock(t, cache_control=w), WORDS, WISH)
media = st.builds(
    lambda kind, w: (
        DataBlock(PDF, cache_control=w)
        if kind == 2
        else ImageBlock(URLSource("https://e.com/a.png") if kind else PNG, cache_control=w)
    ),
    st.integers(0, 2),
    WISH,
)
thoughts = st.builds(
    lambda t, m, w: ThinkingBlock(t, metadata=m, cache_control=w),
    WORDS,
    st.sampled_from([None, {"signature": "s"}, {"redacted": "r"}]),
    WISH,
)
uses = st.builds(lambda i, w: ToolUseBlock(i, "f", {"b": 1}, cache_control=w), IDS, WISH)
results = st.builds(
    lambda i, out, w: ToolResultBlock(i, "f", out, cache_control=w),
    IDS,
    st.lists(texts | media, max_size=2),
    WISH,
)


def message(make: Any, blocks: Any) -> st.SearchStrategy[Msg]:
    def build(content: list[Any], wish: Any, dynamic: bool) -> Msg:
        made: Msg = make(content, name="Ann")
        made = made if wish is None else made.with_cache_control(wish)
        return made.with_metadata({"_cache_dynamic": True}) if dynamic else made

    one_in_ten = st.integers(0, 9).map(lambda n: n == 0)
    return st.builds(build, st.lists(blocks, max_size=4), WISH, one_in_ten)


conversations = st.lists(
    message(Msg.system, texts)
    | message(Msg.user, texts | media)
    | message(Msg.assistant, texts | thoughts | uses | media)
    | message(Msg.tool, results | texts),
    max_size=9,
)
toolboxes = st.lists(
    st.builds(lambda w: ToolSchema(name="f", description="F", cache_control=w), WISH), max_size=3
)
policies = st.sampled_from(["manual", "rolling", "system_and_last", "stable_head"])
formatters = st.sampled_from(
    [
        AnthropicChatFormatter(),
        AnthropicMultiAgentFormatter(),
        AnthropicMultiAgentFormatter(history_layout="append_only"),
    ]
)


def marks(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield path, holder and marker in the order in which the API reads them."""
    holders = [(f"tools[{i}]", tool) for i, tool in enumerate(body.get("tools", []))]
    holders += [(f"system[{i}]", block) for i, block in enumerate(body.get("system", []))]
    for i, turn in enumerate(body["messages"]):
        holders += [(f"messages[{i}].content[{j}]", b) for j, b in enumerate(turn["content"])]
    holders.append(("(request)", body))
    for path, holder in holders:
        if "cache_control" in holder:
            yield path, holder, holder["cache_control"]


@settings(max_examples=300)
@given(conversations, toolboxes, policies, formatters, st.sampled_from(MODELS))
def test_every_request_is_legal(
    messages: list[Msg],
    tools: list[ToolSchema],
    policy: str,
    formatter: AnthropicChatFormatter,
    model: str,
) -> None:
    before = json.dumps(dump_messages(messages))
    options = GenerateOptions(cache_control=policy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheBudgetWarning)
        request = formatter.build_request(model, messages, tools=tools, options=options)
        again = formatter.build_request(model, messages, tools=tools, options=options)
        bare = formatter.build_request(
            model,
            [without_wishes(each) for each in messages],
            tools=[tool.model_copy(update={"cache_control": None}) for tool in tools],
        )
    body = request.body
    assert json.dumps(dump_messages(messages)) == before
    assert again.to_json() == request.to_json()

    found = list(marks(body))
    assert tuple((path, value) for path, _, value in found) == request.plan.placed
    assert len(found) <= 4
    assert json.dumps(body["messages"]).count("cache_control") == sum(
        path.startswith("messages") for path, _, _ in found
    )
    hours = [value.get("ttl") == "1h" for _, _, value in found]
    assert hours == sorted(hours, reverse=True)
    assert all(holder.get("type") != "thinking" for _, holder, _ in found)
    assert all(holder.get("text", "x").strip() for _, holder, _ in found)

    assert strip_body(body, plan=request.plan) == bare.body
    roles = [turn["role"] for turn in body["messages"]]
    assert all(one != two for one, two in pairwise(roles))
    for index, turn in enumerate(body["messages"]):
        kinds = [part["type"] != "tool_result" for part in turn["content"]]
        assert turn["content"]
        assert kinds == sorted(kinds) or index == 0
    for index, role in enumerate(roles):
        if role == "system":
            assert roles[index - 1] == "user"
            assert index > 0
            assert roles[index + 1 : index + 2] in ([], ["assistant"])
    if body["messages"]:
        assert errors_in(validate(body, protocol="anthropic")) == []


def errors_in(found: tuple[Finding, ...]) -> list[Finding]:
    """Return the errors but those of pairing: calls and results are generated apart."""
    return [
        each
        for each in found
        if each.severity == "error"
        and each.code not in {"tool-call-unanswered", "tool-result-without-call"}
    ]


def without_wishes(message: Msg) -> Msg:
    data = copy.deepcopy(message.to_dict())
    data["metadata"].pop("_cache_control", None)
    data["metadata"].pop("_cache_dynamic", None)
    for block in data["content"]:
        block.pop("cache_control", None)
        for inner in block.get("output", []):
            inner.pop("cache_control", None)
    return Msg.model_validate(data)


@pytest.mark.parametrize("host", ["api.moonshot.ai", "api.minimax.io", "dashscope.aliyuncs.com"])
@settings(max_examples=50)
@given(messages=conversations, tools=toolboxes, policy=policies)
def test_requests_of_compatible_services_are_legal(
    host: str, messages: list[Msg], tools: list[ToolSchema], policy: str
) -> None:
    formatter = AnthropicChatFormatter(host=host, policy=policy)
    rules = formatter.cache_rules("m").rules
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheBudgetWarning)
        request = formatter.build_request("m", messages, tools=tools)
    found = list(marks(request.body))
    assert tuple((path, value) for path, _, value in found) == request.plan.placed
    assert len(found) <= (rules.max_marks or 4)
    if rules.automatic_only:
        assert {path for path, _, _ in found} <= {"(request)"}
    if request.body["messages"]:
        judged = validate(request.body, protocol="anthropic", rules=rules)
        assert errors_in(judged) == []
