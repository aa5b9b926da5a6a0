"""The clocks that cache entries live by: one stands still until it is moved, one goes as time does.

Neither knows what time of day it is.
"""

from __future__ import annotations

import math
import time
from threading import Lock

from ..errors import OptionError

__all__ = ["RealClock", "VirtualClock"]


class VirtualClock:
    """Seconds from a moment of no meaning; may be moved from any thread, forwards only."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = float(now)
        self._lock = Lock()

    def now(self) -> float:
        """Return the seconds that have passed."""
        return self._now

    def advance(self, seconds: float) -> float:
        """Let seconds pass and return the new time; raises `OptionError` for less than none."""
        if not math.isfinite(seconds) or seconds < 0:
            raise OptionError(
                f"{seconds} seconds cannot pass", path="seconds", advice="give a number from 0 on"
            )
        with self._lock:
            self._now += seconds
        return self.now()


class RealClock(VirtualClock):
    """Seconds that pass as they do, and may be moved on besides."""

    def __init__(self, now: float = 0.0) -> None:
        super().__init__(now)
        self._began = time.monotonic()

    def now(self) -> float:
        """Return the seconds that have passed."""
        return self._now + time.monotonic() - self._began
