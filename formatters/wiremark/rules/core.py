"""What a provider's prompt cache does, as one frozen value: `CacheRules`.

The formatter places marks by it, the validator judges by it. This module knows the shape of the
facts and no provider; the values stand in the modules beside it, each figure with its source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, TypeVar

from ..errors import RuleError

__all__ = [
    "Affinity",
    "CacheRules",
    "FrozenMap",
    "Implicit",
    "MarkerForm",
    "Source",
    "bare_model_name",
    "marker_value",
    "ttl_seconds",
]

MarkerForm: TypeAlias = Literal["cache_control", "prompt_cache_breakpoint", "cache_point", "none"]
"""How a mark is written: a field of the block, a block behind the block, or not at all."""

_V = TypeVar("_V")
_TTL = re.compile(r"([1-9][0-9]{0,8})([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MARKER_VALUES = {
    "prompt_cache_breakpoint": ("mode", "explicit"),
    "cache_point": ("type", "default"),
}


def ttl_seconds(ttl: object) -> int | None:
    """Return a TTL such as `"5m"` or `"1h"` in seconds, `None` if it is not one."""
    match = _TTL.fullmatch(ttl) if isinstance(ttl, str) else None
    return int(match[1]) * _UNIT_SECONDS[match[2]] if match else None


def marker_value(form: str, ttl: str | None = None) -> dict[str, Any]:
    """Return a fresh marker of a form; without `ttl` the provider's default applies.

    Of a `cache_point` it is what stands inside the `cachePoint` block.
    """
    value: dict[str, Any] = dict([_MARKER_VALUES.get(form, ("type", "ephemeral"))])
    if ttl is not None:
        value["ttl"] = ttl
    return value


def bare_model_name(model: str) -> str:
    """Return a model name in lower case without vendor path and fine-tune prefix.

    `openai/gpt-5.6` and `ft:gpt-5.6:org::id` both begin with `gpt-5.6` afterwards.
    """
    return model.strip().lower().removeprefix("ft:").rsplit("/", 1)[-1]


class FrozenMap(Mapping[str, _V]):
    """An immutable, hashable mapping with string keys; equal to any mapping with the same items."""

    __slots__ = ("_items",)
    _items: dict[str, _V]

    def __init__(self, items: Mapping[str, _V] | None = None) -> None:
        object.__setattr__(self, "_items", dict(items or {}))

    def __getitem__(self, key: str) -> _V:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a FrozenMap cannot be changed")

    def __reduce__(self) -> tuple[Any, ...]:
        return (FrozenMap, (self._items,))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a figure was read: `url`, the ISO date `read`, and what to know about it."""

    url: str
    read: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Implicit:
    """Caching that happens without any mark.

    `min_tokens` is the least prefix in tokens, `rounding` the step in which it grows,
    `read_multiplier` the price of a cached input token against an uncached one; `None` is unknown.
    `*_by_model` hold what differs, as pairs of a glob and a figure.
    `excludes_explicit`: a request has either this or explicit marks, never both.
    """

    min_tokens: int | None = None
    min_tokens_by_model: tuple[tuple[str, int], ...] = ()
    rounding: int | None = None
    read_multiplier: float | None = None
    read_multiplier_by_model: tuple[tuple[str, float | None], ...] = ()
    excludes_explicit: bool = False

    def min_tokens_for(self, model: str | None) -> int | None:
        """Return the least cacheable prefix of a model in tokens, `None` if unknown."""
        return by_model(self.min_tokens_by_model, model, self.min_tokens)

    def read_multiplier_for(self, model: str | None) -> float | None:
        """Return the price of a read token against an uncached one, `None` if unknown."""
        return by_model(self.read_multiplier_by_model, model, self.read_multiplier)


@dataclass(frozen=True, slots=True)
class Affinity:
    """A field of the body, or a header, that keeps a conversation on one cache.

    Its value is the session's id, of `max_length` characters at most, or the word `enable`.
    """

    where: Literal["body", "header"]
    name: str
    value: Literal["session", "enable"] = "session"
    max_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRules:
    """The prompt-cache rules of one provider and protocol.

    Change a figure with `dataclasses.replace(rules, max_marks=3)`. Every field that is not at its
    default has an entry in `sources`. Raises `RuleError` if the figures contradict each other.

    Marker:
      marker: the form in which a mark is written; `none` if the provider takes no marks
      reads_also: other forms that are read with the same meaning
      max_marks: most marks in a request, tools, system, messages and automatic one together
      implicit_marks: how many of `max_marks` the provider takes for itself
      over_limit: what the provider does beyond `max_marks`; wiremark never relies on it
      last_mark_only: the provider reads the last mark alone
      ttls: lifetimes from short to long, default_ttl: the one without a TTL in the marker
      ttl_ordered: over tools, system, messages a longer TTL must not follow a shorter one

    Slots:
      kinds: kinds of blocks that can carry a mark
      tool_slot: a tool definition can carry a mark
      tools_in_prefix: tools are written into the `system` turn, or are a prefix of their `own`
      automatic: the request as a whole can be marked; automatic_only: nothing else can
      reuse_at: reuse works at every block end, or at message ends only
      tool_batch_end: in a run of tool results only the last one may carry a mark
      array_refused: globs of models whose string content must not become an array
      array_refused_without_tools_only: ... and only in requests without tools
      models: globs of the models for which the provider lists explicit caching; empty is all

    Refusals:
      refused_markers: forms of a marker that are refused with an error wherever they stand
      error_texts: the provider's own words by code of the validator, with {fields} to fill in; a
        code that is not there is not known to be refused
      media_roles: the only roles whose messages may hold media; empty is not known
      legacy_fields: fields of the body that the provider replaced, and by what
      refused_fields: fields of the body that the provider refuses, and in what words

    Prefix and price:
      lookback_blocks: content blocks searched backwards from a mark for an older entry
      lookback_breakpoints: older marks that are matched
      min_tokens: least prefix in tokens, below it nothing is cached; by model in `*_by_model`
      write_multipliers: TTL to price of a written token against an uncached one
      read_multiplier: price of a read token against an uncached one; by model, `None` is unknown
    """

    name: str
    protocol: str
    marker: MarkerForm = "none"
    reads_also: tuple[MarkerForm, ...] = ()
    max_marks: int | None = None
    implicit_marks: int = 0
    over_limit: Literal["error", "last-win", "ignored"] | None = None
    last_mark_only: bool = False
    ttls: tuple[str, ...] = ()
    default_ttl: str | None = None
    ttl_ordered: bool = False
    kinds: frozenset[str] = frozenset()
    tool_slot: bool = False
    tools_in_prefix: Literal["system", "own"] | None = None
    automatic: Literal["top_level"] | None = None
    automatic_only: bool = False
    reuse_at: Literal["message", "block"] = "block"
    tool_batch_end: bool = False
    array_refused: tuple[str, ...] = ()
    array_refused_without_tools_only: bool = False
    models: tuple[str, ...] = ()
    refused_markers: tuple[MarkerForm, ...] = ()
    error_texts: Mapping[str, str] = field(default_factory=FrozenMap)
    media_roles: tuple[str, ...] = ()
    legacy_fields: tuple[tuple[str, str], ...] = ()
    refused_fields: tuple[tuple[str, str], ...] = ()
    lookback_blocks: int | None = None
    lookback_breakpoints: int | None = None
    min_tokens: int | None = None
    min_tokens_by_model: tuple[tuple[str, int], ...] = ()
    write_multipliers: Mapping[str, float] = field(default_factory=FrozenMap)
    read_multiplier: float | None = None
    read_multiplier_by_model: tuple[tuple[str, float | None], ...] = ()
    implicit: Implicit | None = None
    affinity: tuple[Affinity, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=FrozenMap)

    def __post_init__(self) -> None:
        object.__setattr__(self, "write_multipliers", FrozenMap(self.write_multipliers))
        object.__setattr__(self, "error_texts", FrozenMap(self.error_texts))
        object.__setattr__(self, "sources", FrozenMap(self.sources))
        problem = self._contradiction()
        if problem:
            raise RuleError(problem, path=f"rules {self.name!r}")

    def _contradiction(self) -> str:
        seconds = [ttl_seconds(ttl) for ttl in self.ttls]
        if None in seconds or seconds != sorted(s for s in seconds if s is not None):
            return f"ttls {self.ttls} are not durations from short to long, such as ('5m', '1h')"
        if self.default_ttl is not None and self.default_ttl not in self.ttls:
            return f"default_ttl {self.default_ttl!r} is not one of ttls {self.ttls}"
        if self.max_marks is not None and self.max_marks < max(1, self.implicit_marks):
            return f"max_marks {self.max_marks} leaves no mark to place"
        if self.automatic_only and self.automatic is None:
            return "automatic_only needs automatic"
        if self.marker == "none" and (self.tool_slot or self.automatic):
            return "rules without markers have no slot for one"
        return ""

    @property
    def budget(self) -> int | None:
        """Return how many marks a request may place; `None` is no limit."""
        if self.last_mark_only:
            return 1
        return None if self.max_marks is None else self.max_marks - self.implicit_marks

    def nearest_ttl(self, ttl: str) -> str | None:
        """Return the longest TTL of the rules that is not longer than `ttl`, else their shortest.

        `None` if the rules have no TTLs at all.
        """
        if ttl in self.ttls or not self.ttls:
            return ttl if self.ttls else None
        asked = ttl_seconds(ttl) or 0
        shorter = [own for own in self.ttls if (ttl_seconds(own) or 0) <= asked]
        return shorter[-1] if shorter else self.ttls[0]

    def marker_value(self, ttl: str | None = None) -> dict[str, Any]:
        """Return a fresh marker; without `ttl` the provider's default applies."""
        return marker_value(self.marker, ttl)

    def min_tokens_for(self, model: str | None) -> int | None:
        """Return the least cacheable prefix of a model in tokens, `None` if unknown."""
        return by_model(self.min_tokens_by_model, model, self.min_tokens)

    def read_multiplier_for(self, model: str | None) -> float | None:
        """Return the price of a read token against an uncached one, `None` if unknown."""
        return by_model(self.read_multiplier_by_model, model, self.read_multiplier)

    def write_multiplier_for(self, ttl: str | None = None) -> float | None:
        """Return the price of a written token against an uncached one, `None` if unknown."""
        return self.write_multipliers.get(ttl or self.default_ttl or "")

    def refuses_array(self, model: str | None, *, tools: bool) -> bool:
        """Say whether string content must stay a string for this model and request."""
        if not self.array_refused or (tools and self.array_refused_without_tools_only):
            return False
        return matches_any(self.array_refused, model)

    def lists(self, model: str | None) -> bool:
        """Say whether the provider lists explicit caching for the model; unnamed passes."""
        return not self.models or not model or matches_any(self.models, model)


def by_model(table: tuple[tuple[str, _V], ...], model: str | None, default: _V) -> _V:
    """Return the first value whose glob matches the bare model name."""
    name = bare_model_name(model or "")
    return next((value for glob, value in table if fnmatchcase(name, glob)), default)


def matches_any(globs: tuple[str, ...], model: str | None) -> bool:
    """Say whether one of the globs matches the bare model name."""
    name = bare_model_name(model or "")
    return any(fnmatchcase(name, glob) for glob in globs)
