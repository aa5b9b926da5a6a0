"""Our reading agrees with that of genai-prices, but for the differences listed here.

Compared are input, output, and what was read from and written to a cache, with its parts by
lifetime and the reasoning where genai-prices extracts them. A difference that is not listed fails,
and so does a listed one that is gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.types import ArrayMatch, ClauseEquals, Provider, UsageExtractor

from wiremark.sse import read_events
from wiremark.usage import Usage
from wiremark.usage.read import read_usage

ROWS = [
    json.loads(line)
    for line in (Path(__file__).parent / "data" / "usage.jsonl").read_text().splitlines()
]

NAMES = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "cache_write_1h": "cache_write_1h_tokens",
    "reasoning": "output_reasoning_tokens",
}
"""Our counts, and the units of genai-prices."""

COMPARED = ("input", "output", "cache_read", "cache_write")

Difference = Mapping[str, tuple[int | None, int | None]]


def difference(usage: Usage, theirs: Any) -> Difference:
    """Return the counts that differ, ours first; what one side does not report is `None`."""
    got = {name: theirs.__dict__.get(unit) for name, unit in NAMES.items()}
    out = {}
    for name in NAMES:
        if got[name] != getattr(usage, name) and (name in COMPARED or got[name] is not None):
            out[name] = (getattr(usage, name), got[name])
    return out


def extractor(provider: str, flavor: str) -> UsageExtractor:
    found = next(item for item in providers if item.id == provider)
    return next(item for item in found.extractors or () if item.api_flavor == flavor)


# ------------------------------------------------------------------- every extractor, on its own paths

FIGURES = {
    "input_tokens": 1000,
    "output_tokens": 500,
    "cache_read_tokens": 300,
    "cache_write_tokens": 200,
    "cache_write_5m_tokens": 120,
    "cache_write_1h_tokens": 80,
    "output_reasoning_tokens": 40,
}


def steps(path: Any) -> list[Any]:
    return [path] if isinstance(path, str) else list(path)


def put(target: Any, path: Any, value: int) -> None:
    """Set a value at one of genai-prices' paths, making what stands on the way."""
    *way, last = steps(path)
    for step, following in zip(way, [*way, last][1:], strict=True):
        if isinstance(step, ArrayMatch):
            assert isinstance(step.match, ClauseEquals)
            item = {step.field: step.match.equals}
            held = next((one for one in target if one[step.field] == step.match.equals), None)
            if held is None:
                target.append(held := item)
            target = held
        else:
            target = target.setdefault(step, [] if isinstance(following, ArrayMatch) else {})
    target[last] = value


def response_of(item: UsageExtractor) -> dict[str, Any]:
    """Return a response with a figure at every path that the extractor reads."""
    response: dict[str, Any] = {"model": "m"}
    root: Any = response
    for step in steps(item.root):
        root = root.setdefault(step, {})
    for mapping in item.mappings:
        units = [other.dest for other in item.mappings if other.path == mapping.path]
        special = [unit for unit in units if unit not in ("input_tokens", "output_tokens")]
        put(root, mapping.path, FIGURES.get((special or units)[0], 7))
    return response


def text_extractors() -> Iterator[tuple[Provider, UsageExtractor]]:
    """Return the extractors of replies; embeddings, pages and seconds have no output tokens."""
    for provider in providers:
        for item in provider.extractors or ():
            if any(mapping.dest == "output_tokens" for mapping in item.mappings):
                yield provider, item


UNNAMED_REASONING = (
    "xAI's reasoning stands beside the output; without a total only the provider's name tells it"
)
PERPLEXITY = (
    "Perplexity's reasoning and citation tokens are billed beside the output; its form is not read "
    "as one of its own, and a total would tell the reasoning"
)
CURSOR = "Cursor's usage events are an account's statistics and no response of a model"

BY_PATHS: dict[tuple[str, str, bool], tuple[str, Difference]] = {
    ("x-ai", "chat", False): (UNNAMED_REASONING, {"output": (500, 540)}),
    ("perplexity", "default", True): (PERPLEXITY, {"output": (500, 547)}),
    ("perplexity", "default", False): (PERPLEXITY, {"output": (500, 547)}),
    **{
        ("cursor", "usage-event", named): (
            CURSOR,
            {
                "input": (None, 1500),
                "output": (None, 500),
                "cache_read": (None, 300),
                "cache_write": (None, 200),
            },
        )
        for named in (True, False)
    },
}
"""What differs on an extractor's own paths: provider, flavor, whether we are told the provider."""


def test_every_extractor_agrees_on_its_own_paths():
    found = {}
    compared = 0
    for provider, item in text_extractors():
        response = response_of(item)
        _, theirs = item.extract(response)
        for named in (True, False):
            compared += 1
            ours = read_usage(response, provider.id if named else None)
            differs = difference(ours, theirs)
            if differs:
                found[provider.id, item.api_flavor, named] = differs
    assert found == {key: differs for key, (_, differs) in BY_PATHS.items()}
    assert compared >= 170


def test_every_provider_that_both_know_is_compared():
    known = {provider.id for provider, _ in text_extractors()}
    ours = {
        "anthropic",
        "aws",
        "cohere",
        "deepseek",
        "google",
        "groq",
        "minimax",
        "mistral",
        "moonshotai",
        "openai",
        "openrouter",
        "x-ai",
        "zai",
        "zhipuai",
    }
    assert ours <= known
    assert not {"dashscope", "alibaba", "ollama", "litellm", "langchain"} & known


# ------------------------------------------------------------------- our examples, and recorded ones

FLAVORS = {
    "anthropic-messages": ("anthropic", "default"),
    "bedrock-converse": ("aws", "default"),
    "cohere": ("cohere", "tokens"),
    "deepseek-chat": ("deepseek", "chat"),
    "gemini": ("google", "default"),
    "groq-chat": ("groq", "default"),
    "mistral-chat": ("mistral", "default"),
    "moonshot-chat": ("moonshotai", "chat"),
    "openai-chat": ("openai", "chat"),
    "openai-responses": ("openai", "responses"),
    "openrouter-chat": ("openrouter", "chat"),
    "xai-chat": ("x-ai", "chat"),
}
"""The extractor of genai-prices for each of our forms; other forms are unknown to it."""

BY_NAME = {
    "bedrock-invoke-model": ("aws", "anthropic"),
    "minimax-anthropic-form": ("minimax", "default"),
    "minimax-openai-form": ("minimax", "chat"),
    "gemini-compatible-mode": ("google", "chat"),
    "zhipu": ("zhipuai", "chat"),
    "xai-grpc": ("x-ai", "default"),
}
"""The extractor where the provider of an example is another one than its form's."""

EXAMPLES: dict[str, tuple[str, Difference]] = {
    "anthropic-only-parts-by-lifetime": (
        "we sum the parts where the sum is not given",
        {"input": (566, 10), "cache_write": (556, None)},
    ),
    "anthropic-compaction-beside-the-counts": (
        "Anthropic reports a compaction's tokens in `iterations` only; we count them",
        {"input": (203000, 23000), "output": (4500, 1000)},
    ),
    "mistral-other-spelling": (
        "recorded of api.mistral.ai, and read by us only",
        {"cache_read": (32, None)},
    ),
    "xai-by-its-total": (
        "the total tells that the reasoning stands beside the output",
        {"output": (4308, 1499)},
    ),
    "hit-rate-of-878-percent": (
        "more was read than the input has, so the input leaves the cached tokens out",
        {"input": (978, 100)},
    ),
    "cached-beside-by-the-total": (
        "the total tells that the input leaves the cached tokens out",
        {"input": (1300, 1000)},
    ),
}
"""What differs on our examples, ours first, and why."""

COHERE_BILLED = (
    "its flavor `default` gives billed units, which leave out what Cohere adds to the prompt and "
    "what was read from the cache; we give the tokens, as its flavor `tokens` does"
)

UNREAD = {
    "anthropic-message-start": "inside an event",
    "anthropic-without-thinking-count": "the usage object alone",
    "bedrock-converse-details": "inside an event",
    "bedrock-python-sdk-names": "names of another SDK",
    "cohere-message-end": "inside an event",
    "cohere-v1": "under `meta`",
    "deepseek-responses": "inside an event",
    "deepseek-without-prompt-tokens": "a field that it requires is not there",
    "gemini-sdk": "names of the SDK",
    "groq-stream": "under `x_groq`",
    "langchain-token-usage-alone": "under `response_metadata`",
    "openai-responses-event-by-lifetime": "inside an event",
    "realtime-event": "inside an event, for which it has a flavor",
}
"""Examples in which genai-prices finds no usage: where ours stands."""


def test_our_examples_agree():
    found: dict[str, Difference] = {}
    unread = set()
    compared = 0
    for row in ROWS:
        flavor = BY_NAME.get(row["name"]) or FLAVORS.get(row["protocol"])
        if flavor is None:
            continue
        try:
            _, theirs = extractor(*flavor).extract(row["payload"])
        except ValueError:
            unread.add(row["name"])
            continue
        compared += 1
        differs = difference(read_usage(row["payload"], row["provider"]), theirs)
        if differs:
            found[row["name"]] = differs
    assert found == {name: differs for name, (_, differs) in EXAMPLES.items()}
    assert unread == set(UNREAD)
    assert compared >= 30


def test_coheres_billed_units_are_not_its_tokens():
    (row,) = (row for row in ROWS if row["name"] == "cohere")
    _, theirs = extractor("cohere", "default").extract(row["payload"])
    differs = difference(read_usage(row["payload"]), theirs)
    assert differs == {"input": (71, 5), "cache_read": (64, None)}, COHERE_BILLED


PATHS = [
    ("/converse", "default"),
    ("/invoke", "anthropic"),
    ("/messages", "default"),
    ("/chat/completions", "chat"),
    ("/responses", "responses"),
]

RECORDED: dict[str, tuple[str, Difference]] = {
    "test_multimodal_tool_returns/test_multimodal_tool_return_matrix[direct-binary-audio-mistral]#0": (
        "`num_cached_tokens` is read by us only",
        {"cache_read": (32, None)},
    ),
    "test_multimodal_tool_returns/test_model_sees_multiple_images[mistral]#0": (
        "`num_cached_tokens` is read by us only",
        {"cache_read": (0, None)},
    ),
}
"""What differs on recorded exchanges, ours first, and why."""


def flavor_of(exchange: dict[str, Any]) -> UsageExtractor:
    """Return the extractor of the provider that an exchange was recorded of."""
    url = f"https://{exchange['host']}{exchange['path']}"
    provider = next(item for item in providers if re.match(item.api_pattern, url))
    wanted = next(flavor for path, flavor in PATHS if path in exchange["path"])
    flavors = {item.api_flavor: item for item in provider.extractors or ()}
    # A provider without a flavor for a protocol of OpenAI's is read as OpenAI is.
    return flavors.get(wanted) or (
        flavors["default"] if wanted == "chat" else extractor("openai", wanted)
    )


@pytest.mark.shared
def test_recorded_exchanges_agree(shared_dir):
    found: dict[str, Difference] = {}
    text = (shared_dir / "real" / "exchanges.jsonl").read_text()
    exchanges = [json.loads(line) for line in text.splitlines()]
    for exchange in exchanges:
        response = exchange["response"]
        if isinstance(response, str):
            chunks = [json.loads(e.data) for e in read_events(response) if e.data != "[DONE]"]
            response = [chunk for chunk in chunks if (chunk.get("response") or chunk).get("usage")][
                -1
            ]
            response = response.get("response") or response
        _, theirs = flavor_of(exchange).extract(response)
        differs = difference(read_usage(exchange["response"]), theirs)
        if differs:
            found[exchange["id"]] = differs
    assert found == {name: differs for name, (_, differs) in RECORDED.items()}
    assert len(exchanges) > 60
