"""`Form`: where the counts stand in one form of a usage object, as a frozen value.

The forms themselves stand in `table`. Knows no provider, and reads nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["PLACES", "Form"]

PLACES: Final = (
    "usage",
    "message.usage",  # Anthropic: message_start
    "response.usage",  # OpenAI Responses and Realtime events
    "delta.usage",  # Cohere: message-end
    "metadata.usage",  # Bedrock: the last event of ConverseStream
    "result.usage",  # Cloudflare
    "body.usage",  # a line of a batch's output
    "response.body.usage",
    "response_metadata.token_usage",  # LangChain, beside its own `usage_metadata`
    "response_metadata.usage",
    "llm_output.token_usage",
    "x_groq.usage",  # Groq: the last chunk of a stream
    "",  # the usage object itself
)
"""Where a usage object may stand in a response, `""` being the response itself."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Form:
    """One form of a usage object.

    A path is written `a.b`; `a[0]` is an item of a list, `a[*]` the sum over all, `a[ttl=5m]` the
    items whose `ttl` is `5m`; `a+b` the sum of two paths, of which both are given.

    name: of the form
    providers: who answers in this form; empty where a framework or anyone may
    sole: it is written by `providers[0]` alone, so that it names the provider
    places: where the usage object stands in a response, `""` being the response itself
    keys: paths in the usage object, of which one is there
    marks: paths in the usage object, of which one is there unless the caller names the provider
    beside: an object next to the usage object, that does for `marks`
    input, output, cache_read, cache_write, cache_write_5m, cache_write_1h, reasoning, total:
        paths of the counts, the preferred one first
    more: a count, and the path of tokens that its own paths leave out
    write_parts: paths whose sum is the cache write where `cache_write` is not given or too low
    cache_outside: `input` leaves out what is read from and written to a cache
    reasoning_outside: `output` leaves out the reasoning
    source, read: where this is written, and when that was read
    """

    name: str
    providers: tuple[str, ...] = ()
    sole: bool = False
    places: tuple[str, ...] = PLACES
    keys: tuple[str, ...]
    marks: tuple[str, ...] = ()
    beside: str = ""
    input: tuple[str, ...]
    more: tuple[tuple[str, str], ...] = ()
    output: tuple[str, ...]
    cache_read: tuple[str, ...] = ()
    cache_write: tuple[str, ...] = ()
    cache_write_5m: tuple[str, ...] = ()
    cache_write_1h: tuple[str, ...] = ()
    write_parts: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    cache_outside: bool = False
    reasoning_outside: bool = False
    source: str
    read: str = "2026-11-21"

    @property
    def paths(self) -> tuple[str, ...]:
        """Return all paths of counts."""
        return (
            *(path for _, path in self.more),
            *self.input,
            *self.output,
            *self.cache_read,
            *self.cache_write,
            *self.cache_write_5m,
            *self.cache_write_1h,
            *self.write_parts,
            *self.reasoning,
            *self.total,
        )
