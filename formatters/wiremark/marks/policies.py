"""Automatic wishes: which slots a policy asks a mark for. None is on by default.

A policy is any callable from a `RequestView` to wishes. Those named here are `Policy` values: use
one as it is (`rolling`) or with a TTL (`rolling(ttl="1h")`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, overload

from ..errors import OptionError
from ..rules import ttl_seconds
from .view import RequestView
from .wish import Slot, Wish

__all__ = [
    "POLICIES",
    "Policy",
    "PolicyLike",
    "manual",
    "resolve_policy",
    "rolling",
    "stable_head",
    "system_and_last",
]

PolicyLike: TypeAlias = Callable[[RequestView], Iterable[Wish]]


@dataclass(frozen=True, slots=True)
class Policy:
    """A named way to choose slots; with `ttl`, the TTL of its marks (`None`: the provider's).

    `select` yields what a slot is, such as `"tail"`, and the slot, or whole wishes.
    """

    name: str
    select: Callable[[RequestView], Iterable[tuple[str, Slot | None] | Wish]]
    ttl: str | None = None

    @overload
    def __call__(self, view: RequestView) -> tuple[Wish, ...]: ...
    @overload
    def __call__(self, *, ttl: str | None) -> Policy: ...
    def __call__(
        self, view: RequestView | None = None, *, ttl: str | None = None
    ) -> tuple[Wish, ...] | Policy:
        """Return the wishes for a request; with `ttl` alone, the policy with that TTL."""
        return self.with_ttl(ttl) if view is None else tuple(self._wishes(view))

    def with_ttl(self, ttl: str | None) -> Policy:
        """Return the policy with another TTL. Raises `OptionError` if it is no duration."""
        if ttl is not None and ttl_seconds(ttl) is None:
            raise OptionError(
                f"{ttl!r} is not a TTL", path=f"policy {self.name}", advice="write '5m' or '1h'"
            )
        return replace(self, ttl=ttl)

    def _wishes(self, view: RequestView) -> Iterator[Wish]:
        seen: set[Slot] = set()
        for item in self.select(view):
            if isinstance(item, Wish):
                yield item
                continue
            what, slot = item
            if slot is not None and slot not in seen:
                seen.add(slot)
                yield Wish("auto", self.ttl or True, slot, f"policy {self.name}: {what}")


def _nothing(_: RequestView) -> Iterator[tuple[str, Slot | None]]:
    return iter(())


def _system_and_last(view: RequestView) -> Iterator[tuple[str, Slot | None]]:
    for slot in view.system_messages:
        yield "system", slot
    yield "tail", view.end


def _rolling(view: RequestView) -> Iterator[tuple[str, Slot | None]]:
    if view.rules.budget == 1:
        yield "tail", view.tail
        return
    yield "end of the tools", view.tools_end
    yield "end of the stable head", view.stable_head_end
    yield "previous tail", view.previous_tail
    yield "tail", view.tail


def _stable_head(view: RequestView) -> Iterator[tuple[str, Slot | None]]:
    yield "end of the stable head", view.stable_head_end


manual: Final = Policy("manual", _nothing)
"""Mark nothing by itself: the default."""

system_and_last: Final = Policy("system_and_last", _system_and_last)
"""Mark every system message, and the tail: what agentscope-java selects."""

rolling: Final = Policy("rolling", _rolling)
"""Mark the end of tools and stable head, the previous tail and the tail: for agent loops.

Where the provider reads a single mark, it is the tail alone.
"""

stable_head: Final = Policy("stable_head", _stable_head)
"""Mark the end of the stable head alone: one long system prompt, short changing questions."""

POLICIES: Final = {item.name: item for item in (manual, system_and_last, rolling, stable_head)}


def resolve_policy(policy: str | PolicyLike | None) -> Policy:
    """Return a policy from its name, with a TTL as in `"rolling:1h"`, or from any callable.

    `None` is `manual`. Raises `OptionError` for an unknown name.
    """
    if policy is None:
        return manual
    if isinstance(policy, Policy):
        return policy
    if isinstance(policy, str):
        name, _, ttl = policy.partition(":")
        named = POLICIES.get(name.replace("-", "_"))
        if named is not None:
            return named.with_ttl(ttl) if ttl else named
    elif callable(policy):
        return Policy(getattr(policy, "__name__", type(policy).__name__), policy)
    raise OptionError(
        f"{policy!r} is not a policy",
        path="policy",
        advice=f"use one of {', '.join(POLICIES)}, or a callable",
    )
