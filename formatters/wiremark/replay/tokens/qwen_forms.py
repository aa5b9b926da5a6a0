"""The families of Qwen's models: which vocabulary, which form of prompt, and how far that is known.

Each figure has its source beside it. Documented is what the provider's pages print, reported what
it answered to others in recorded exchanges; the rest is assumed, and says so in its note.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final, Literal

__all__ = ["FORMS", "QwenForm", "form_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QwenForm:
    """How one family of models writes a request, and how far that is known.

    name: what it is called in notes
    models: globs of bare model names
    vocabulary: `qwen-151k` or `qwen-248k`
    tools: `hermes` is JSON behind the system text, `first` JSON before it, `xml` XML behind it
    figures: tokens of the fixed instructions before and behind the tools
    thinks: the model thinks unless it is told not to
    preserves: thoughts of the whole history are written, not those behind the last query alone;
        `None` if that cannot be asked for
    efforts: tokens of the instruction at the very front by `reasoning_effort`
    json_scalars: numbers and Booleans in calls are JSON, else Python's text
    thinking_tail, off_tail: what asks for a reply with thinking, and with thinking switched off
    exact: the figures of DashScope are reproduced; tools_exact: with tools too
    note: what is assumed
    """

    name: str
    models: tuple[str, ...]
    vocabulary: Literal["qwen-151k", "qwen-248k"]
    tools: Literal["hermes", "xml", "first"]
    figures: tuple[int, int]
    thinks: bool = False
    preserves: bool | None = False
    efforts: tuple[tuple[str, int], ...] = ()
    json_scalars: bool = True
    thinking_tail: str = ""
    off_tail: str = ""
    exact: bool = True
    tools_exact: bool = False
    note: str = ""


_HERMES: Final = (34, 39)
_CODER: Final = (13, 166)
_FIRST: Final = (14, 175)
_EFFORTS: Final = (("xhigh", 36), ("low", 24))

_NO_THOUGHT: Final = "<think>\n\n</think>\n\n"
_THINK: Final = "<think>\n"


def form_of(model: str) -> QwenForm | None:
    """Return the form of a bare model name, `None` if it is not one of Qwen's."""
    name = model.lower()
    return next(
        (form for form in FORMS if any(fnmatchcase(name, glob) for glob in form.models)), None
    )


FORMS: Final[tuple[QwenForm, ...]] = (
    # Documented, help.aliyun.com/zh/model-studio/context-cache (read 2026-11-21): qwen3.6-plus with
    # three tools, 2,156 tokens created of 2,174. Reported: qwen3.6-plus with a tool and thinking,
    # 304 tokens of text (cnblogs/dashscope-sdk).
    QwenForm(
        name="qwen3.5",
        models=("qwen3.5*",),
        vocabulary="qwen-248k",
        tools="first",
        figures=_FIRST,
        thinks=True,
        preserves=None,
        json_scalars=False,
        thinking_tail=_THINK,
        off_tail=_NO_THOUGHT,
        tools_exact=True,
    ),
    QwenForm(
        name="qwen3.6",
        models=("qwen3.6*",),
        vocabulary="qwen-248k",
        tools="first",
        figures=_FIRST,
        thinks=True,
        thinking_tail=_THINK,
        off_tail=_NO_THOUGHT,
        tools_exact=True,
    ),
    QwenForm(
        name="qwen3.7",
        models=("qwen3.7*",),
        vocabulary="qwen-248k",
        tools="first",
        figures=_FIRST,
        thinks=True,
        thinking_tail=_THINK,
        off_tail=_NO_THOUGHT,
        exact=False,
        note="qwen3.7's vocabulary and template are not published: those of qwen3.6 are assumed",
    ),
    # Qwen3.8's published weights have the vocabulary of Qwen3.6, byte for byte, and keep thoughts.
    QwenForm(
        name="qwen3.8",
        models=("qwen3.8*",),
        vocabulary="qwen-248k",
        tools="first",
        figures=_FIRST,
        thinks=True,
        preserves=True,
        efforts=_EFFORTS,
        thinking_tail=_THINK,
        off_tail=_NO_THOUGHT,
        exact=False,
        note="the template of Qwen3.8's published weights is assumed for the hosted model",
    ),
    QwenForm(
        name="qwen4",
        models=("qwen4*",),
        vocabulary="qwen-248k",
        tools="first",
        figures=_FIRST,
        thinks=True,
        preserves=True,
        efforts=_EFFORTS,
        thinking_tail=_THINK,
        off_tail=_NO_THOUGHT,
        exact=False,
        note="qwen4's vocabulary and template are not published: those of Qwen3.8-Flash-Next, its"
        " preview, are assumed",
    ),
    # Documented on the same page: 1,605 tokens created, totals of 1,618 and 1,620.
    QwenForm(
        name="qwen3-coder",
        models=("qwen3-coder*",),
        vocabulary="qwen-151k",
        tools="xml",
        figures=_CODER,
        json_scalars=False,
    ),
    QwenForm(
        name="qwen3, thinking only",
        models=("qwq*", "qvq*", "qwen*-thinking*"),
        vocabulary="qwen-151k",
        tools="hermes",
        figures=_HERMES,
        thinks=True,
        thinking_tail=_THINK,
        off_tail=_THINK,
        exact=False,
        note="the template of the published weights is assumed for the hosted model",
    ),
    # The open weights that can do both take an empty thought where thinking is switched off.
    QwenForm(
        name="qwen3, open weights",
        models=("qwen3-[0-9]*b", "qwen3-[0-9]*b-a[0-9]*b"),
        vocabulary="qwen-151k",
        tools="hermes",
        figures=_HERMES,
        off_tail=_NO_THOUGHT,
        exact=False,
        note="the template of the published weights is assumed for the hosted model",
    ),
    # Reported: qwen-plus 22 (2025-11), qwen-plus-latest thinking 16, qwen-plus-character 186.
    QwenForm(
        name="qwen-plus",
        models=("qwen-plus*",),
        vocabulary="qwen-151k",
        tools="hermes",
        figures=_HERMES,
    ),
    QwenForm(
        name="qwen3 and before",
        models=("qwen*",),
        vocabulary="qwen-151k",
        tools="hermes",
        figures=_HERMES,
        exact=False,
        note="vocabulary and form are assumed to be those that are reported of qwen-plus",
    ),
)
"""First match wins."""
