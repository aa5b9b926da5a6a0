"""Usage as each provider writes it, of what the prefix cache read and wrote.

Where a field stands was read in the providers' pages and SDKs (see `usage.openai_forms` and
`usage.table`, which read the same fields); nothing is counted here but the reply.
"""

from __future__ import annotations

from typing import Any

from ..estimate import estimate_tokens
from ..replay.cache import CacheResult
from ..traffic.services import Service
from .scenario import Reply

__all__ = ["output_tokens", "usage_of"]


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
    if service.wire == "messages":
        return _messages(result, output)
    total = round(result.input)
    if service.wire == "responses":
        return _responses(service, result, output, thought)
    if service.wire == "native":
        return {
            "input_tokens": total,
            "output_tokens": output,
            "total_tokens": total + output,
            "prompt_tokens_details": _dashscope(result),
        }
    usage: dict[str, Any] = {
        "prompt_tokens": total,
        "completion_tokens": output,
        "total_tokens": total + output,
    }
    read, written = round(result.read), round(result.written)
    if rules.startswith("openrouter"):
        details = {"cached_tokens": read, "cache_write_tokens": written, "audio_tokens": 0}
        return {**usage, "prompt_tokens_details": details}
    if rules.startswith(("dashscope", "qwen4")) or (rules == "openai-compatible" and written):
        return {**usage, "prompt_tokens_details": _dashscope(result)}
    details = {"cached_tokens": read}
    if rules == "openai":
        details["cache_write_tokens"] = written
    elif rules == "deepseek":
        usage |= {"prompt_cache_hit_tokens": read, "prompt_cache_miss_tokens": total - read}
    elif rules.startswith("kimi"):
        usage["cached_tokens"] = read
        details["cache_write_tokens"] = written
    return {**usage, "prompt_tokens_details": details}


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
    thoughts = {"output_tokens_details": {"reasoning_tokens": min(thought, output)}}
    details: dict[str, Any] = {"cached_tokens": round(result.read)}
    if service.family == "compatible":
        own = {**counts, **thoughts, "prompt_tokens_details": _dashscope(result)}
        told = {"x_details": [{**own, "x_billing_type": "response_api"}]}
        return {**counts, "input_tokens_details": details, **thoughts, **told}
    details["cache_write_tokens"] = round(result.written)
    if result.written:
        by_ttl = result.written_by_ttl
        details["cache_write_tokens_details"] = {
            f"ttl_{ttl}_tokens": round(by_ttl.get(ttl, 0)) for ttl in ("30m", "12h")
        }
    return {**counts, "input_tokens_details": details, **thoughts}


def _messages(result: CacheResult, output: int) -> dict[str, Any]:
    """Return Anthropic's usage: `input_tokens` is what was neither read nor written."""
    return {
        "input_tokens": round(result.fresh),
        "cache_creation_input_tokens": round(result.written),
        "cache_read_input_tokens": round(result.read),
        "cache_creation": {
            f"ephemeral_{ttl}_input_tokens": round(result.written_by_ttl.get(ttl, 0))
            for ttl in ("5m", "1h")
        },
        "output_tokens": output,
    }
