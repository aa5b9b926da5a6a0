"""Cache events as structured log records; nothing is logged unless it is asked for.

A record bears counts and names, never content. What a JSON formatter writes stands in one
attribute of the record, `wiremark`.
"""

from __future__ import annotations

import logging
from typing import Any, Final, Literal, TypeAlias

from ..errors import OptionError
from .model import COUNTS, Usage

__all__ = ["CACHE_LOGGER", "CacheEvent", "cache_event", "log_usage"]

CacheEvent: TypeAlias = Literal["cache.read", "cache.write", "cache.miss", "cache.unreported"]
"""Tokens were read; none read, but some written; none of both; or it is not reported."""

CACHE_LOGGER: Final = "wiremark.cache"
"""The logger that is used unless another is given."""


def cache_event(usage: Usage) -> CacheEvent:
    """Name what happened to the cache in one turn."""
    if usage.cache_read:
        return "cache.read"
    if usage.cache_write:
        return "cache.write"
    return "cache.unreported" if usage.cache_read is None else "cache.miss"


def log_usage(
    usage: Usage,
    *,
    logger: logging.Logger | None = None,
    level: int = logging.INFO,
    **context: Any,
) -> CacheEvent:
    """Log one turn as one record, and return its event.

    `record.wiremark` holds `event`, `model`, `provider`, `protocol`, the counts (`None` is not
    reported), `hit_rate`, and under `context` what the caller adds, such as `session="s1"`. Values
    of the context are text, numbers, Booleans or `None`, so that no messages slip in; else
    `OptionError` is raised.
    """
    for name, value in context.items():
        if not isinstance(value, str | int | float | None):
            raise OptionError(
                f"{type(value).__name__} is no value to log",
                path=name,
                advice="give text, a number, a Boolean or None",
            )
    event = cache_event(usage)
    fields: dict[str, Any] = {"event": event}
    fields |= {name: getattr(usage, name) for name in ("model", "provider", "protocol", *COUNTS)}
    fields["hit_rate"] = usage.hit_rate
    if context:
        fields["context"] = context
    (logger or logging.getLogger(CACHE_LOGGER)).log(
        level,
        "%s model=%s input=%s cache_read=%s cache_write=%s",
        event,
        usage.model,
        usage.input,
        usage.cache_read,
        usage.cache_write,
        extra={"wiremark": fields},
        stacklevel=2,
    )
    return event
