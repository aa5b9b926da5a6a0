"""The page that shows requests as they come in: one file, nothing loaded from elsewhere.

Its colours and its looks are those of the report of a replay. The content security policy lets run
the one script and the one style sheet that stand in it, by their hashes, and lets it ask nobody but
its own server.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import Final

from ...replay import report
from ...replay.report.palette import stylesheet

__all__ = ["page_and_policy"]

_STYLE: Final = "/*style*/"
_SCRIPT: Final = "/*script*/"


@cache
def page_and_policy() -> tuple[str, str]:
    """Return the page, and the content security policy that it is sent with."""
    style = stylesheet() + _file(report.__name__, "report.css") + _file(__name__, "page.css")
    script = _file(__name__, "page.js")
    page = _file(__name__, "page.html").replace(_STYLE, style).replace(_SCRIPT, script)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return page, policy


def _file(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
