"""Find the data folders `schemas` and `fixtures`, and read JSON from them.

An installed wheel holds them inside the package; a checkout, and an editable install of one, holds
them at its root. What the files mean is not known here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wiremark.errors import WiremarkError

__all__ = ["read_json", "resource_dir"]

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def resource_dir(name: str) -> Path:
    """Return the data folder `name` of the package, else of the checkout around it.

    Raises `WiremarkError` when neither has it. The checkout counts only where a pyproject.toml
    stands at its root, so that a stranger's folder beside an installed package is never taken.
    """
    inside = _PACKAGE / name
    if inside.is_dir():
        return inside
    at_root = _CHECKOUT / name
    if at_root.is_dir() and (_CHECKOUT / "pyproject.toml").is_file():
        return at_root
    raise WiremarkError(
        "this data folder is neither in the installed package nor in a checkout around it",
        path=name,
        advice="install wiremark from its wheel, or work in a full checkout",
    )


def read_json(name: str, *parts: str) -> Any:
    """Return the content of the JSON file `parts` in the data folder `name`, fresh at each call.

    Raises `WiremarkError` when the folder or file is absent or is not JSON.
    """
    where = "/".join((name, *parts))
    file = resource_dir(name).joinpath(*parts)
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WiremarkError("no such data file", path=where) from error
    except ValueError as error:
        raise WiremarkError(f"not JSON: {error}", path=where) from error
