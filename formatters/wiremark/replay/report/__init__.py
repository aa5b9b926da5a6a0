"""The report of a replay: one HTML file that opens without network.

`render_html` turns replays into text; it reads no clock and writes no file.
"""

from .page import render_html

__all__ = ["render_html"]
