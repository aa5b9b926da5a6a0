"""The colours of the report in light and dark, after Okabe and Ito, darkened or lit for contrast.

Text reaches a contrast of 4.5 and every mark 3.0 against its background (WCAG 2.2, 1.4.3 and
1.4.11). Colour is never alone: segments have their order, reasons of a miss their letter.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COLOURS", "MISS_LETTERS", "MISS_WORDS", "stylesheet"]

COLOURS: Final[dict[str, tuple[str, str]]] = {
    "page": ("#f6f7f9", "#0f1318"),
    "card": ("#ffffff", "#181e25"),
    "text": ("#1a2129", "#e6ebf0"),
    "soft": ("#56616d", "#a3afba"),
    "line": ("#dce1e6", "#2d3640"),
    "accent": ("#0b5cad", "#7ab8f5"),
    "hover": ("#e9eef4", "#242d37"),
    "read": ("#0072b2", "#4aa3df"),
    "written": ("#c27800", "#f0ab3c"),
    "fresh": ("#8590a0", "#788595"),
    "mark": ("#1a2129", "#ffffff"),
    "good": ("#00704f", "#3fc79a"),
    "bad": ("#b0340c", "#ff9166"),
    "miss-first": ("#7b8694", "#7d8997"),
    "miss-changed": ("#d04a0a", "#ff7a45"),
    "miss-expired": ("#b1478a", "#e48cc0"),
    "miss-beyond-lookback": ("#6c4bb8", "#b39bf0"),
    "miss-under-minimum": ("#8a7200", "#d9c536"),
    "miss-no-marks": ("#6b7786", "#8d99a6"),
    "miss-no-cache": ("#6b7786", "#8d99a6"),
    "miss-not-ready": ("#00866a", "#3fc7a0"),
    "miss-other": ("#5f6b78", "#97a3af"),
}

MISS_LETTERS: Final[dict[str, str]] = {
    "first": "1",
    "changed": "C",
    "expired": "E",
    "beyond-lookback": "L",
    "under-minimum": "U",
    "no-marks": "M",
    "no-cache": "N",
    "not-ready": "R",
    "other": "?",
}

MISS_WORDS: Final[dict[str, str]] = {
    "first": "first request",
    "changed": "prefix changed",
    "expired": "entry expired",
    "beyond-lookback": "beyond the lookback",
    "under-minimum": "under the minimum",
    "no-marks": "no marks",
    "no-cache": "no caching",
    "not-ready": "not yet written",
    "other": "other",
}


def stylesheet() -> str:
    """Return the custom properties: light, dark by preference, and dark by the toggle."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in COLOURS.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in COLOURS.items())
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media (prefers-color-scheme:dark)"
        f"{{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f":root[data-theme=dark]{{color-scheme:dark;{dark}}}\n"
    )
