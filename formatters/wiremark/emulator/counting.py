"""Usage as each provider writes it, of what the prefix cache read and wrote.

Where a field stands was read in the providers' pages and SDKs (see `usage.openai_forms` and
`usage.table`, which read the same fields), and in answers that were recorded; nothing is counted
here but the reply. What is never used here, such as audio, is there where providers name it.
"""

from __future__ import annotations

from typing import Any, Final

from ..estimate import estimate_tokens
from ..replay.cache import CacheResult
from ..traffic.services import Service
from .scenario import Reply

__all__ = ["output_tokens", "thought_details", "usage_of"]


def output_tokens(reply: Reply, text: str) -> int:
    """Return about how many tokens a reply has, one at least."""
    said = [reply.thinking, text]
    for call in reply.calls:
        said += [call.name, call.arguments]
    return max(1, round(sum(estimate_tokens(each).estimate for each in said if each)))


def usage_of(
    service: Service, rules: str, result: CacheResult, output: int, thought: int = 0
) -> dict[str, Any]:
    """Return the usage object of an answer under the rules of this name.

    `thought` is how many of the output tokens are a thought, where the provider says so.
    """
    thought = min(thought, output)
    if service.wire == "messages":
        return _messages(service, result, output, thought)
    total = round(result.input)
    if service.wire == "responses":
        return _responses(service, result, output, thought)
    if service.wire == "native":
        details = {"output_tokens_details": thought_details(service, output, thought)}
        return {
            "input_tokens": total,
            "output_tokens": output,
            "total_tokens": total + output,
            **(details if thought else {}),
            "prompt_tokens_details": _dashscope(result),
        }
    return _chat(rules, result, output, thought)


def thought_details(service: Service, output: int, thought: int) -> dict[str, int]:
    """Return how DashScope's own protocol splits output of which a part is a thought."""
    details = {"reasoning_tokens": thought}
    return {**details, "text_tokens": output - thought} if service.multimodal else details


def _chat(rules: str, result: CacheResult, output: int, thought: int) -> dict[str, Any]:
    """Return the usage of chat completions."""
    total = round(result.input)
    usage: dict[str, Any] = {
        "prompt_tokens": total,
        "completion_tokens": output,
        "total_tokens": total + output,
    }
    read, written = round(result.read), round(result.written)
    if rules.startswith("openrouter"):
        details = {"cached_tokens": read, "cache_write_tokens": written, **_NO_MEDIA}
        return {**usage, **_FREE, "prompt_tokens_details": details} | {
            "completion_tokens_details": {"reasoning_tokens": thought, **_NO_OUTPUT_MEDIA}
        }
    if thought:
        usage["completion_tokens_details"] = {"reasoning_tokens": thought}
    if rules.startswith(("dashscope", "qwen4")) or (rules == "openai-compatible" and written):
        return {**usage, "prompt_tokens_details": _dashscope(result)}
    details = {"cached_tokens": read}
    if rules in ("openai", "openai-implicit"):
        details["audio_tokens"] = 0
        usage["completion_tokens_details"] = {"reasoning_tokens": thought, **_NO_PREDICTION}
    if rules == "openai":
        details["cache_write_tokens"] = written
    elif rules == "deepseek":
        usage |= {"prompt_cache_hit_tokens": read, "prompt_cache_miss_tokens": total - read}
    elif rules.startswith("kimi"):
        usage["cached_tokens"] = read
        details["cache_write_tokens"] = written
    return {**usage, "prompt_tokens_details": details}


_READS_ALONE: Final = "api.deepseek.com"
"""Who does not tell what was written, in answers that were recorded in 2026-08."""
_NO_PREDICTION: Final = {
    "audio_tokens": 0,
    "accepted_prediction_tokens": 0,
    "rejected_prediction_tokens": 0,
}
_NO_MEDIA: Final = {"audio_tokens": 0, "video_tokens": 0}
_NO_OUTPUT_MEDIA: Final = {"image_tokens": 0, "audio_tokens": 0}
_FREE: Final = {
    "cost": 0,
    "is_byok": False,
    "cost_details": {
        "upstream_inference_cost": 0,
        "upstream_inference_prompt_cost": 0,
        "upstream_inference_completions_cost": 0,
    },
}
"""OpenRouter tells what it takes for an answer; nothing is taken here."""


def _dashscope(result: CacheResult) -> dict[str, Any]:
    """Return DashScope's details: what was written, and the type, in explicit mode only."""
    details: dict[str, Any] = {"cached_tokens": round(result.read)}
    if result.marks:
        written = round(result.written)
        by_ttl = {ttl: round(count) for ttl, count in result.written_by_ttl.items()}
        creation = {"ephemeral_5m_input_tokens": by_ttl.get("5m", 0)}
        if "1h" in by_ttl:
            creation["ephemeral_1h_input_tokens"] = by_ttl["1h"]
        details |= {
            "cache_creation_input_tokens": written,
            "cache_creation": creation,
            "cache_type": "ephemeral",
        }
    return details


def _responses(service: Service, result: CacheResult, output: int, thought: int) -> dict[str, Any]:
    """Return the usage of Responses: OpenAI splits what was written by lifetime.

    DashScope tells of its session cache in `x_details` (compatibility-with-openai-responses-api,
    September 2026).
    """
    total = round(result.input)
    counts = {"input_tokens": total, "output_tokens": output, "total_tokens": total + output}
    thoughts = {"output_tokens_details": {"reasoning_tokens": thought}}
    details: dict[str, Any] = {"cached_tokens": round(result.read)}
    if service.family == "compatible":
        own = {**counts, **thoughts, "prompt_tokens_details": _dashscope(result)}
        told = {"x_details": [{**own, "x_billing_type": "response_api"}]}
        return {**counts, "input_tokens_details": details, **thoughts, **told}
    if service.host == _READS_ALONE:
        return {**counts, "input_tokens_details": details, **thoughts}
    details["cache_write_tokens"] = round(result.written)
    if result.written:
        by_ttl = result.written_by_ttl
        details["cache_write_tokens_details"] = {
            f"ttl_{ttl}_tokens": round(by_ttl.get(ttl, 0)) for ttl in ("30m", "12h")
        }
    return {**counts, "input_tokens_details": details, **thoughts}


def _messages(service: Service, result: CacheResult, output: int, thought: int) -> dict[str, Any]:
    """Return Anthropic's usage: `input_tokens` is what was neither read nor written."""
    usage = {
        "input_tokens": round(result.fresh),
        "cache_creation_input_tokens": round(result.written),
        "cache_read_input_tokens": round(result.read),
        "cache_creation": {
            f"ephemeral_{ttl}_input_tokens": round(result.written_by_ttl.get(ttl, 0))
            for ttl in ("5m", "1h")
        },
        "output_tokens": output,
    }
    if service.host is not None:
        return usage
    details = {"output_tokens_details": {"thinking_tokens": thought}}
    return {**usage, **details, "service_tier": "standard", "inference_geo": "not_available"}
