"""Responses that are kept, and the requests that go on with one: `previous_response_id`.

What a request says is its input behind all that was said before; a cache is asked for that whole.
`instructions` are of one request alone (openai 3.52.0, response_create_params).

OpenAI's words for what it has not kept: of a response that is gone on with maximhq/bifrost#2441
(2026-03-31), of an item vercel/ai#7543 (2025-07-25), of a conversation, of which none is ever kept
here, kangminlee-maker/local-OAuth-CLI-API-adapter (probed 2026-08-30: 404 without code and
parameter, and what it goes on with is looked up after the input was judged), of a response that is
looked up the tests of BerriAI/litellm. DashScope's: yobo2u/omugw, docs/research (probed
2026-09-27), and retrieve-a-response and delete-a-response in Model Studio's reference. All read
2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from .. import jsontext
from ..errors import SerializationError
from ..findings import Finding
from ..prefix import as_items
from ..replay.cache import CacheRequest
from ..rules import DASHSCOPE_SESSION
from ..sse import EventReader
from ..traffic.services import Family, Service, service_at
from .failures import Failure

if TYPE_CHECKING:
    from ..rules import CacheRules
    from ..traffic.records import Record

__all__ = ["Conversations", "flattened", "narrowed"]

_PATH: Final = "/responses/"
_SESSION: Final = "x-dashscope-session-cache"
_ENDED: Final = ("completed", "incomplete")
_MOST: Final = 1000
"""How many responses are kept, the latest."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A response, all items up to and with its output, how many of them were its own input.

    session: the id of the first response of the conversation
    """

    response: dict[str, Any]
    items: list[Any]
    own: int
    session: str


class Conversations:
    """Responses by their ids, and what the requests under way go on with."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._items: dict[str, Any] = {}
        self._under_way: dict[int, tuple[dict[str, Any], str]] = {}
        self._wholes: dict[int, dict[str, Any]] = {}

    def open(self, record: Record) -> Failure | None:
        """Take up a request; return the error if what it goes on with is not there."""
        body = record.body
        before = body.get("previous_response_id")
        given = as_items(body.get("input"))
        items = given if isinstance(given, list) else []
        whole, session = body, ""
        talk = body.get("conversation")
        talk = talk.get("id") if isinstance(talk, dict) else talk
        if isinstance(talk, str):
            return Failure(404, f"Conversation with id '{talk}' not found.")
        found = self._resolved(items)
        if isinstance(found, Failure):
            return found
        if found is not items:
            items, whole = found, {**body, "input": found}
        if isinstance(before, str):
            kept = self._kept.get(before)
            if kept is None:
                return _unknown_before(before, record)
            rest = {key: value for key, value in body.items() if key != "previous_response_id"}
            whole, session = {**rest, "input": [*kept.items, *items]}, kept.session
        self._under_way[record.index] = (whole, session)
        if whole is not body:
            self._wholes[record.index] = whole
            for old in list(self._wholes)[:-_MOST]:
                del self._wholes[old]
        return None

    def _resolved(self, items: list[Any]) -> list[Any] | Failure:
        """Return items with those in place that others refer to; the list itself if none do."""
        names = [item.get("id") if _refers(item) else None for item in items]
        for name in names:
            if isinstance(name, str) and name not in self._items:
                return Failure(404, f"Item with id '{name}' not found.{_UNSTORED}", param="input")
        if not any(map(_refers, items)):
            return items
        return [
            self._items.get(name, item) if isinstance(name, str) else item
            for name, item in zip(names, items, strict=True)
        ]

    def whole(self, record: Record) -> dict[str, Any] | None:
        """Return the body with all that it goes on with, `None` if it begins a conversation."""
        return self._wholes.get(record.index)

    def rules(self, record: Record) -> CacheRules | None:
        """Return the rules of DashScope's session cache where a request turns it on."""
        asked = {name.lower(): value for name, value in record.headers}.get(_SESSION, "")
        told = _is_dashscopes(record.host) and asked.lower() == "enable"
        return DASHSCOPE_SESSION if told else None

    def asked(self, record: Record) -> CacheRequest | None:
        """Return what the cache is asked for a request, `None` for one that was not taken up.

        The session cache is one conversation's: no other reads what it has written.
        """
        if record.index not in self._under_way:
            return None
        whole, session = self._under_way[record.index]
        rules, account = self.rules(record), record.account
        if rules is not None:
            account = f"{account}/{session or record.index}"
        return CacheRequest(
            whole, record.protocol, record.host, record.model, account=account, rules=rules
        )

    def end(self, record: Record, response: Mapping[str, Any]) -> None:
        """Keep a response unless the request asked not to; a failed one is not kept either."""
        whole, session = self._under_way.pop(record.index, ({}, ""))
        if record.body.get("store") is False or response.get("status") not in _ENDED:
            return
        name = str(response["id"])
        given = as_items(record.body.get("input"))
        own = len(given) if isinstance(given, list) else 0
        before = as_items(whole.get("input")) or []
        rules = self.rules(record)
        first = session or (str(record.index) if rules is not None else name)
        items = [*before, *response["output"]]
        self._kept[name] = _Kept(dict(response), items, own, first)
        self._items |= {item["id"]: item for item in response["output"]}
        for old in list(self._kept)[:-_MOST]:
            self._forget(old)

    def drop(self, record: Record) -> None:
        """Forget a request that was refused."""
        self._under_way.pop(record.index, None)

    def happened(self, record: Record) -> None:
        """Keep the response that a log holds."""
        response = _response_in(record.response)
        if response is not None:
            self.end(record, response)

    def _forget(self, name: str) -> None:
        for item in self._kept.pop(name).response["output"]:
            self._items.pop(item["id"], None)

    # -------------------------------------------------------------------------------- looking up

    def look(self, method: str, path: str, family: Family) -> dict[str, Any] | Failure | None:
        """Return a kept response, its input, or that it is deleted; `None` for other paths."""
        dashscopes = family == "compatible"
        _, found, name = path.rstrip("/").partition(_PATH)
        name, _, rest = unquote(name).partition("/")
        if not found or (method, rest) not in _LOOKS:
            return None
        kept = self._kept.get(name)
        if kept is None:
            failure = Failure(404, f"Response with id '{name}' not found.")
            if dashscopes:
                failure = replace(failure, type="InvalidParameter", shape="edge")
            return failure
        if method == "DELETE":
            self._forget(name)
            kind = {} if dashscopes else {"object": "response"}
            return {"id": name, **kind, "deleted": True}
        return _listed(kept) if rest else kept.response


def _unknown_before(name: str, record: Record) -> Failure:
    if _is_dashscopes(record.host):
        return Failure(400, f"Not found previous_response_id: {name}")
    words = f"Previous response with id '{name}' not found."
    code, param = "previous_response_not_found", "previous_response_id"
    return Failure(400, words, code=code, param=param)


def _is_dashscopes(host: str | None) -> bool:
    return host is not None and host.endswith(".aliyuncs.com")


def _refers(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "item_reference"


_UNSTORED: Final = (
    " Items are not persisted when `store` is set to false. Try again with `store` set to true, or"
    " remove this item from your input."
)
_LOOKS: Final = (("GET", ""), ("GET", "input_items"), ("DELETE", ""))


def _listed(kept: _Kept) -> dict[str, Any]:
    """Return the items of a response's own request, the last one first."""
    end = len(kept.items) - len(kept.response["output"])
    data = []
    for number in range(end - 1, end - kept.own - 1, -1):
        item = kept.items[number]
        tag = f"item_{kept.response['id']}_{number}"
        data.append({"id": tag, "type": "message", "status": "completed", **_in_parts(item)})
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return {"object": "list", "data": data, "has_more": False, **ends}


def _in_parts(item: dict[str, Any]) -> dict[str, Any]:
    content = item.get("content")
    if not isinstance(content, str):
        return item
    kind = "output_text" if item.get("role") == "assistant" else "input_text"
    return {**item, "content": [{"type": kind, "text": content}]}


def _response_in(sent: bytes) -> dict[str, Any] | None:
    """Return the response in an answer that was sent, whole or as events; `None` if cut off."""
    found = _loaded(sent)
    if found is None:
        reader = EventReader()
        told = [each.data for each in (*reader.feed(sent), *reader.close())]
        last = _loaded(told[-1]) if told else None
        ends = [f"response.{each}" for each in _ENDED]
        if isinstance(last, dict) and last.get("type") in ends:
            found = last["response"]
    whole = isinstance(found, dict) and found.get("object") == "response"
    return found if whole else None


def _loaded(data: bytes | str) -> Any:
    try:
        return jsontext.loads(data)
    except SerializationError:
        return None


def flattened(failure: Failure, record: Record, family: Family) -> Failure:
    """Return a refusal as DashScope tells it of Responses: as in its own protocol."""
    service = service_at(record.path)
    if family != "compatible" or service is None or service.wire != "responses" or failure.shape:
        return failure
    return replace(failure, code=_CODES.get(failure.status, failure.code), shape="native")


_CODES: Final[Mapping[int, str]] = {
    400: "InvalidParameter",
    401: "InvalidApiKey",
    404: "Not Found",
    405: "Method Not Allowed",
}


def narrowed(failure: Failure, finding: Finding, service: Service) -> Failure:
    """Return a refusal as OpenAI tells it: a call without output is a fault of the input.

    `param` is `input` there (microsoft/vscode#320060, 2026-06-05).
    """
    if service.wire != "responses" or finding.code not in _OF_INPUT:
        return failure
    return Failure(failure.status, failure.message, failure.type, failure.code, "input")


_OF_INPUT: Final = frozenset({"tool-result-without-call", "tool-call-unanswered"})
