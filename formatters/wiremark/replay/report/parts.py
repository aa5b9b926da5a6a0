"""The files that a page is made of, and the hashes by which its policy lets them run."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

__all__ = ["source_hash", "text_of"]


def text_of(package: str, name: str) -> str:
    """Return a text file that stands in a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def source_hash(source: str) -> str:
    """Return a script or a style sheet as a content security policy names it."""
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
