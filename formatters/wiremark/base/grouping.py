"""Runs of messages that multi-agent formatters treat alike."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from ..messages import Msg

__all__ = ["Group", "GroupKind"]

GroupKind: TypeAlias = Literal["system", "conversation", "tools", "bypass"]


class Group(NamedTuple):
    """A run of messages of one kind; `start` is the index of the first in the conversation."""

    kind: GroupKind
    start: int
    messages: tuple[Msg, ...]
