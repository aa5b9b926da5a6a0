"""Which of DashScope's two native endpoints a model is served on.

Sources: agentscope-java at c2d43f86 (2026-08-22), endpoint choice by model name; the same split in
https://help.aliyun.com/zh/model-studio/qwen-api-reference (read 2026-11-21).
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

__all__ = ["MULTIMODAL_PATH", "TEXT_PATH", "Endpoint", "endpoint_of", "path_of"]

Endpoint: TypeAlias = Literal["text", "multimodal"]

TEXT_PATH: Final = "/api/v1/services/aigc/text-generation/generation"
MULTIMODAL_PATH: Final = "/api/v1/services/aigc/multimodal-generation/generation"

_TEXT_NAMES: Final = ("qwen3.6-max-preview",)
_TEXT_PREFIXES: Final = ("qwen3.7-max",)
_MULTIMODAL_PREFIXES: Final = ("qvq", "qwen3.5", "qwen3.6", "qwen3.7", "qwen3.8-max")
_MULTIMODAL_PIECES: Final = ("-vl", "-asr", "kimi-k2.5", "kimi-k2.6")


def endpoint_of(model: str) -> Endpoint:
    """Return the endpoint for a model by its name, case ignored."""
    name = model.lower()
    if name in _TEXT_NAMES or name.startswith(_TEXT_PREFIXES):
        return "text"
    if name.startswith(_MULTIMODAL_PREFIXES) or any(piece in name for piece in _MULTIMODAL_PIECES):
        return "multimodal"
    return "text"


def path_of(endpoint: Endpoint) -> str:
    """Return the URL path of an endpoint, behind the host."""
    return MULTIMODAL_PATH if endpoint == "multimodal" else TEXT_PATH
