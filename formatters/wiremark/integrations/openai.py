"""Chat requests as arguments of the openai SDK.

    client.chat.completions.create(**create_arguments(request))

`create(**request.body)` raises `TypeError` for a field that the SDK does not know, such as
`thinking_budget`, and sends neither the headers nor the query of a request. Here what it does not
know goes into `extra_body`, which arrives in the body all the same.

The SDK, which the extra `openai` installs, is imported at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..errors import OptionError
from .arguments import as_arguments

if TYPE_CHECKING:
    from ..base import Request

__all__ = ["Method", "create_arguments"]

Method: TypeAlias = Literal["create", "parse", "stream"]
"""A method of `client.chat.completions`, synchronous or asynchronous."""

_PATH: Final = "/chat/completions"


def create_arguments(request: Request, *, method: Method = "create") -> dict[str, Any]:
    """Return the keyword arguments with which a method of the SDK sends a request unchanged.

    `parse` refuses tools that are not `strict`, a word that not every provider knows; such tools go
    into `extra_body`, and their arguments are not parsed. `stream` streams by itself, and asks for
    usage only if `stream_options` of the request do. Raises `OptionError` for a request to another
    endpoint than the SDK's.
    """
    from openai.resources.chat import Completions

    if not request.path.endswith(_PATH):
        raise OptionError(
            f"{request.path!r} is not where chat.completions.{method} sends",
            path="request.path",
            advice="send it by client.post()",
        )
    loose = method == "parse" and not all(map(_strict, request.body.get("tools", ())))
    beside = frozenset({"tools"} if loose else ())
    return as_arguments(request, getattr(Completions, method), beside=beside)


def _strict(tool: Any) -> bool:
    function = tool.get("function")
    return isinstance(function, dict) and function.get("strict") is True
