"""The page that shows requests as they come in: one file, nothing loaded from elsewhere.

Its colours and its looks are those of the report of a replay. The content security policy lets run
the one script and the one style sheet that stand in it, by their hashes, and lets it ask nobody but
its own server.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from ...replay import report
from ...replay.report.palette import stylesheet
from ...replay.report.parts import source_hash, text_of

__all__ = ["page_and_policy"]

_STYLE: Final = "/*style*/"
_SCRIPT: Final = "/*script*/"


@cache
def page_and_policy() -> tuple[str, str]:
    """Return the page, and the content security policy that it is sent with."""
    style = stylesheet() + text_of(report.__name__, "report.css") + text_of(__name__, "page.css")
    script = text_of(__name__, "page.js")
    page = text_of(__name__, "page.html").replace(_STYLE, style).replace(_SCRIPT, script)
    policy = (
        f"default-src 'none'; script-src {source_hash(script)}; style-src {source_hash(style)}; "
        "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return page, policy
