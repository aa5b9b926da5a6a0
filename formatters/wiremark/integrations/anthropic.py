"""Messages requests as arguments of the anthropic SDK.

    client.messages.create(**create_arguments(request))

`create(**request.body)` raises `TypeError` for a field that the SDK does not know, such as
`temperature`, and sends its own `anthropic-version`: 2026-10-21 by anthropic 2.11.0, under which
other rules hold than under the version that a request was built for. Here what the SDK does not
know goes into `extra_body`, and the version of the request into `extra_headers`.

The SDK, which the extra `anthropic` installs, is imported at the first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..errors import OptionError
from .arguments import as_arguments

if TYPE_CHECKING:
    from ..base import Request

__all__ = ["Method", "create_arguments"]

Method: TypeAlias = Literal["create", "stream"]
"""A method of `client.messages`, synchronous or asynchronous."""

_PATH: Final = "/messages"


def create_arguments(request: Request, *, method: Method = "create") -> dict[str, Any]:
    """Return the keyword arguments with which a method of the SDK sends a request unchanged.

    Raises `OptionError` for a request to another endpoint than the SDK's.
    """
    from anthropic.resources.messages import Messages

    if not request.path.endswith(_PATH):
        raise OptionError(
            f"{request.path!r} is not where messages.{method} sends",
            path="request.path",
            advice="send it by client.post()",
        )
    return as_arguments(request, getattr(Messages, method))
