"""The models that an emulator says it has, in the forms in which clients ask for them.

OpenAI's and Anthropic's forms are those of their SDKs' types; DashScope's is what the `Models` of
its SDK read: `models` within `output`, a page at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from ..traffic.services import Family
from .failures import Failure, known

__all__ = ["models_answer", "models_family"]

_MESSAGES: Final = ("anthropic", "dashscope-messages")
_PAGE: Final = 10
_CREATED: Final = 1763683200
_CREATED_AT: Final = "2025-11-21T00:00:00Z"


def models_answer(
    path: str, query: str, names: Sequence[str], family: Family, *, any_name: bool
) -> dict[str, Any] | Failure | None:
    """Return the list of models or one of them, `None` if the path asks for neither.

    any_name: a model is there whatever its name, as one that is asked for by a request is
    """
    _, asked, name = f"{path.rstrip('/')}/".partition("/models/")
    if not asked:
        return None
    if family == "native":
        return _dashscope(names, parse_qs(query, errors="replace"), any_name=any_name)
    messages = family in _MESSAGES
    name = unquote(name.rstrip("/"))  # there may be slashes in it
    if not name:
        return _anthropic_list(names) if messages else _openai_list(names)
    if not any_name and name not in names:
        return known(family, "unknown-model", model=name)
    return _anthropic(name) if messages else _openai(name)


def models_family(family: Family, query: str, version: str | None) -> Family:
    """Return in whose form models are listed where paths are alike.

    Anthropic's clients name a version, DashScope's a page.
    """
    if family == "openai" and version is not None:
        return "anthropic"
    return "native" if family == "openrouter" and "page_no=" in query else family


def _openai(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "wiremark"}


def _openai_list(names: Sequence[str]) -> dict[str, Any]:
    return {"object": "list", "data": [_openai(name) for name in names]}


def _anthropic(name: str) -> dict[str, Any]:
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": _CREATED_AT,
        "lifecycle": "active",
    }


def _anthropic_list(names: Sequence[str]) -> dict[str, Any]:
    return {
        "data": [_anthropic(name) for name in names],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }


def _dashscope(
    names: Sequence[str], page: dict[str, list[str]], *, any_name: bool
) -> dict[str, Any]:
    wanted = page.get("model", [""])[0]
    if wanted:
        names = [wanted] if any_name or wanted in names else []
    number, size = _count(page, "page_no", 1), _count(page, "page_size", _PAGE)
    shown = names[(number - 1) * size : number * size]
    output = {
        "total": len(names),
        "page_no": number,
        "page_size": size,
        "models": [{"model": name, "provider": "wiremark"} for name in shown],
    }
    return {"output": output}


def _count(page: dict[str, list[str]], key: str, usual: int) -> int:
    text = page.get(key, [""])[0]
    return max(1, int(text)) if text.isdecimal() and len(text) < 10 else usual
