"""The names of this machine, under which a server is reached by nobody else."""

from __future__ import annotations

from typing import Final

__all__ = ["LOOPBACK"]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
"""As hosts in an address; the peer of a connection has one of the two numbers."""
