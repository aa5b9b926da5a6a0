"""A value that a frozen model computes once, on first use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

__all__ = ["lazy"]

_Model = TypeVar("_Model")
_Value = TypeVar("_Value")


class lazy(Generic[_Model, _Value]):  # noqa: N801 used as a decorator
    """Compute an attribute on first read and keep it beside the fields.

    As `functools.cached_property`, without the lock that it takes before Python 3.12: two threads
    may compute the same value twice, which does no harm to a pure one.
    """

    def __init__(self, compute: Callable[[_Model], _Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type[Any]) -> Self: ...
    @overload
    def __get__(self, instance: _Model, owner: type[Any]) -> _Value: ...
    def __get__(self, instance: _Model | None, owner: type[Any]) -> _Value | Self:
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value
