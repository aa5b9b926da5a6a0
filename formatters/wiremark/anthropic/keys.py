"""Keys under which block metadata keep what the Messages API wants back unchanged."""

from __future__ import annotations

from typing import Final

__all__ = ["BLOCK", "CALLER", "DATA", "REDACTED", "SIGNATURE"]

SIGNATURE: Final = "signature"
"""Of a thinking block: the API's proof that the model wrote it."""

REDACTED: Final = "redacted"
"""Of a thinking block: the encrypted thought of a `redacted_thinking` block."""

DATA: Final = "data"
"""The same under the API's own name, of a block without thinking."""

BLOCK: Final = "block"
"""Of an empty thinking block: a whole block of the API, sent back as it came."""

CALLER: Final = "caller"
"""Of a tool call: who made it, if not the model directly."""
