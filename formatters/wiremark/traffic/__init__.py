"""Requests on their way: which service they are for, what is judged in them, what is kept of them.

What the emulator and the recorder share. Knows no answer and no provider's socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .log import RequestLog
    from .records import Record

__all__ = ["Record", "RequestLog"]

_EXPORTS = {"Record": "records", "RequestLog": "log"}

# Hidden from type checkers: a module-level `__getattr__` would let any misspelt name pass.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _EXPORTS)
