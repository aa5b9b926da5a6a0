"""Read JSON without repeated keys, lay it out for a reader, and write a file whole or not at all.

What the JSON means is not known here.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

__all__ = ["json_text", "read_unique", "write_atomically"]


def read_unique(text: str) -> Any:
    """Return the value of a JSON text. Raises `ValueError` also for a key that stands twice."""
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    repeated = [key for key, count in Counter(key for key, _ in pairs).items() if count > 1]
    if repeated:
        raise ValueError(f"key {repeated[0]!r} stands twice in one object")
    return dict(pairs)


def json_text(value: Any, *, width: int = 100) -> str:
    """Return JSON text with a line for each key, and below them one for what fits into `width`."""
    return _laid_out(value, "", 0, width, top=True) + "\n"


def _laid_out(value: Any, indent: str, used: int, width: int, *, top: bool = False) -> str:
    flat = _flat(value)
    if not (value and isinstance(value, dict | list)):
        return flat
    if not top and len(indent) + used + len(flat) <= width:
        return flat
    inner = indent + "  "
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            head = f"{_flat(key)}: "
            lines.append(inner + head + _laid_out(item, inner, len(head) + 1, width))
        opening, closing = "{}"
    else:
        lines = [inner + _laid_out(item, inner, 1, width) for item in value]
        opening, closing = "[]"
    return f"{opening}\n" + ",\n".join(lines) + f"\n{indent}{closing}"


def _flat(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value)
    return text


def write_atomically(file: Path, text: str) -> None:
    """Replace a file by a text: readers see the old one or the new one, also after a crash."""
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        if file.exists():
            Path(name).chmod(file.stat().st_mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
