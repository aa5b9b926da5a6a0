"""Requests through the dashscope SDK with what is said left unchanged, and nothing uploaded.

`MultiModalConversation.call` takes a text of the user that names a file for the file: it asks for
an upload, sends the file to OSS, and puts the address in place of the text. Both of the SDK's chat
classes also drop `enable_search: false` and turn `incremental_output` on. The functions here call
what stands under these classes, which sends a body as it is (dashscope 1.25.0 and 2.0.2); no
function of the SDK that looks for files is ever entered. Replies are the SDK's own objects.

The SDK, which the extra `dashscope` installs, is imported at the first call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import OptionError

if TYPE_CHECKING:
    from ..base import Request

__all__ = ["acall", "astream", "call", "stream"]

_SERVICES: Final = "/services/"
_CLASSES: Final = {
    "text-generation": ("Generation", "AioGeneration", "GenerationResponse"),
    "multimodal-generation": (
        "MultiModalConversation",
        "AioMultiModalConversation",
        "MultiModalConversationResponse",
    ),
}
_MEDIA: Final = ("image", "audio", "video")
_TAKEN: Final = frozenset(
    {
        "api_key",
        "api_protocol",
        "async_request",
        "base_address",
        "enable_encryption",
        "extra_url_parameters",
        "flattened_output",
        "form",
        "function",
        "headers",
        "http_method",
        "input",
        "is_binary_input",
        "is_service",
        "model",
        "pre_task_id",
        "query",
        "request_timeout",
        "resources",
        "sdk_module",
        "session",
        "stream",
        "task",
        "task_group",
        "task_id",
        "user_agent",
        "workspace",
        "ws_stream_mode",
    }
)
"""Arguments of the SDK, which would take a parameter of the same name for their own."""

_SETTINGS: Final = frozenset(
    {
        "api_key",
        "base_address",
        "enable_encryption",
        "headers",
        "request_timeout",
        "session",
        "user_agent",
        "workspace",
    }
)


def call(request: Request, **settings: Any) -> Any:
    """Send a request, and return the SDK's response.

    `settings` are arguments of the SDK that are no part of the body: `api_key`, `workspace`,
    `base_address`, `request_timeout`, `headers` (over the request's own), `session`, `user_agent`,
    `enable_encryption`. Raises `OptionError`, before anything is sent, for another setting, for a
    request that was built to be streamed, and for a body that the SDK cannot carry as it is.
    """
    arguments = _arguments(request, settings, streams=False)
    send, read = _ends(arguments["task"], asynchronous=False)
    return read(send(**arguments))


def stream(request: Request, **settings: Any) -> Iterator[Any]:
    """Send a request that was built with `stream=True`, and yield the SDK's responses.

    They are what the service sends: new text alone, or with `incremental_output` false all so far.
    `settings` and errors are those of `call`.
    """
    arguments = _arguments(request, settings, streams=True)
    send, read = _ends(arguments["task"], asynchronous=False)
    return map(read, send(**arguments))


async def acall(request: Request, **settings: Any) -> Any:
    """Send a request, and return the SDK's response; `settings` and errors are those of `call`."""
    arguments = _arguments(request, settings, streams=False)
    send, read = _ends(arguments["task"], asynchronous=True)
    return read(await send(**arguments))


async def astream(request: Request, **settings: Any) -> AsyncIterator[Any]:
    """Send a request that was built with `stream=True`, and yield the SDK's responses.

    `settings` and errors are those of `call`; errors are raised when the first is asked for.
    """
    arguments = _arguments(request, settings, streams=True)
    send, read = _ends(arguments["task"], asynchronous=True)
    async for each in await send(**arguments):
        yield read(each)


def _ends(task: str, *, asynchronous: bool) -> tuple[Any, Any]:
    """Return what sends, from under the SDK's class for a task, and what reads an answer."""
    import dashscope
    from dashscope.api_entities import dashscope_response

    plain, aio, response = _CLASSES[task]
    own = getattr(dashscope, aio if asynchronous else plain)
    return super(own, own).call, getattr(dashscope_response, response).from_api_response


def _arguments(request: Request, settings: Mapping[str, Any], *, streams: bool) -> dict[str, Any]:
    unknown = sorted(settings.keys() - _SETTINGS)
    if unknown:
        raise OptionError(
            "no argument of the SDK's transport",
            path=unknown[0],
            advice=f"use one of {', '.join(sorted(_SETTINGS))}; parameters belong to the request",
        )
    _check_stream(request, streams=streams)
    group, task, function = _address(request)
    body = request.body
    parameters = body.get("parameters", {})
    for path, name in (
        *((name, name) for name in body.keys() - {"model", "input", "parameters"}),
        *((f"parameters.{name}", name) for name in sorted(parameters.keys() & _TAKEN)),
    ):
        raise OptionError(
            f"the dashscope SDK cannot send {name!r} here",
            path=path,
            advice="post request.to_json() to request.url() by an HTTP client",
        )
    headers = dict(request.headers)
    if _in_oss(request):
        headers["X-DashScope-OssResourceResolve"] = "enable"
    headers.update(settings.get("headers") or {})
    addressed: dict[str, Any] = {"headers": headers}
    if request.query:
        addressed["extra_url_parameters"] = dict(request.query)
    if request.base_url:
        addressed["base_address"] = _base_of(request)
    return {
        **parameters,
        "model": body["model"],
        "input": body["input"],
        "task_group": group,
        "task": task,
        "function": function,
        "stream": streams,
        **{name: value for name, value in settings.items() if name != "headers"},
        **addressed,
    }


def _check_stream(request: Request, *, streams: bool) -> None:
    asked = {name.lower(): value for name, value in request.headers.items()}
    if (asked.get("x-dashscope-sse") == "enable") is not streams:
        raise OptionError(
            "the request was not built to be streamed" if streams else "the request streams",
            path="request",
            advice="build it with stream=True" if streams else "send it by stream() or astream()",
        )


def _address(request: Request) -> tuple[str, str, str]:
    """Return the three names of an endpoint that the SDK puts together again."""
    head, found, tail = request.path.rpartition(_SERVICES)
    names = tail.split("/")
    if not found or len(names) != 3 or names[1] not in _CLASSES or not head.endswith("/v1"):
        raise OptionError(
            f"{request.path!r} is no endpoint of the dashscope SDK's chat classes",
            path="request.path",
            advice="build the request with a DashScope formatter",
        )
    return names[0], names[1], names[2]


def _base_of(request: Request) -> str:
    """Return where the options send the request, as the SDK takes it: `.../api/v1`."""
    return request.url().partition("?")[0].rpartition(_SERVICES)[0]


def _in_oss(request: Request) -> bool:
    """Say whether media stand in OSS, which the service looks into only when it is told to."""
    contents = [message.get("content") for message in request.messages]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    media = [part.get(kind) for part in parts if isinstance(part, dict) for kind in _MEDIA]
    addresses = [each for it in media for each in (it if isinstance(it, list) else [it])]
    return any(isinstance(each, str) and each.startswith("oss://") for each in addresses)
