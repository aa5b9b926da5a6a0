"""Message threads: conversations of the Messages API that go on from an answer, by its id.

A request with `thread: {"type": "create"}` is kept with its answer; one with `{"type": "continue",
"previous_message_id": ...}` sends new messages alone, and has `system` and `tools` of the first. A
thread ends five minutes after its last answer, each answer is gone on with once, and nothing is
cached for it: https://platform.claude.com/docs/en/build-with-claude/message-threads. Status, type
and `error_code` of the refusals are those of anthropic 2.12.0, their words are assumed. The tool
runners of the official SDKs send threads unless they are told not to. All read 2026-11-21.

Marks on messages count for the request that sends them: the SDK takes them off when it sends a
conversation again, and leaves those on system and tools, which are assumed to stay in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .. import jsontext
from ..errors import SerializationError
from ..marks import strip_marks
from ..sse import read_events
from ..traffic.services import Service
from .failures import Failure

if TYPE_CHECKING:
    from ..traffic.records import Record

__all__ = ["Threads"]

_SECONDS: Final = 300.0
_MOST: Final = 1000
"""How many answers are kept, the latest."""

_FIXED: Final = ("system", "tools")
"""Fields of the first request that no later one may send."""


@dataclass(slots=True)
class _Kept:
    """A conversation up to and with an answer; `state` says whether it was gone on with."""

    fixed: dict[str, Any]
    messages: list[Any]
    ended: float
    account: str
    state: str = ""


class Threads:
    """Conversations by the ids of their answers, and what the requests under way go on with."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._under_way: dict[int, _Kept] = {}
        self._wholes: dict[int, dict[str, Any]] = {}

    def open(self, record: Record, service: Service) -> Failure | None:
        """Take up a request; return the error if it cannot go on with what it names."""
        before = _before(record, service)
        if before is None:
            return None
        repeated = next((name for name in _FIXED if name in record.body), None)
        if repeated is not None:
            return Failure(400, f"{repeated}: cannot be set on a `thread` of type `continue`.")
        kept = self._kept.get(before)
        if kept is None or kept.account != record.account or record.at - kept.ended > _SECONDS:
            words = f"No thread was found for previous_message_id '{before}'."
            return Failure(404, words, "not_found_error", extra=_code("thread_not_found"))
        if kept.state:
            words = f"The message '{before}' {_TAKEN[kept.state]}."
            return Failure(400, words, extra=_code(kept.state))
        kept.state = "thread_continue_in_flight"
        self._under_way[record.index] = kept
        sent = record.body.get("messages")
        messages = [*strip_marks(kept.messages), *(sent if isinstance(sent, list) else [])]
        own = {key: value for key, value in record.body.items() if key != "thread"}
        self._wholes[record.index] = {**own, **kept.fixed, "messages": messages}
        for old in list(self._wholes)[:-_MOST]:
            del self._wholes[old]
        return None

    def whole(self, record: Record) -> dict[str, Any] | None:
        """Return the body with all that it goes on with, `None` if it begins a conversation."""
        return self._wholes.get(record.index)

    def end(self, record: Record, service: Service, message: dict[str, Any]) -> None:
        """Keep what was said under the id of its answer, if the request is one of a thread."""
        if not _threaded(record, service):
            return
        body = self._wholes.get(record.index, record.body)
        before = self._under_way.pop(record.index, None)
        if before is not None:
            before.state = "thread_already_continued"
        said = [{"role": "assistant", "content": message["content"]}] if message["content"] else []
        self._kept[message["id"]] = _Kept(
            {name: body[name] for name in _FIXED if name in body},
            [*body["messages"], *said],
            record.at if record.ends_at is None else record.ends_at,
            record.account,
        )
        for old in list(self._kept)[:-_MOST]:
            del self._kept[old]

    def drop(self, record: Record) -> None:
        """Let another request go on with what a refused one named."""
        before = self._under_way.pop(record.index, None)
        if before is not None:
            before.state = ""

    def happened(self, record: Record, service: Service) -> None:
        """Keep the answer that a log holds, unless it was cut off."""
        message = _message_in(record.response) if _threaded(record, service) else None
        if message is None:
            self.drop(record)
        else:
            self.end(record, service, message)


_TAKEN: Final = {
    "thread_continue_in_flight": "is being continued by another request",
    "thread_already_continued": "has already been continued",
}


def _threaded(record: Record, service: Service) -> bool:
    """Say whether a request is one of a thread, which only Anthropic itself has."""
    own = service.wire == "messages" and service.host is None
    thread = record.body.get("thread") if own and isinstance(record.body, dict) else None
    return isinstance(thread, dict) and thread.get("type") in ("create", "continue")


def _before(record: Record, service: Service) -> str | None:
    """Return the id of the answer with which a request goes on."""
    if not _threaded(record, service) or record.body["thread"]["type"] != "continue":
        return None
    name = record.body["thread"].get("previous_message_id")
    return name if isinstance(name, str) else ""


def _code(code: str) -> dict[str, str]:
    return {"error_code": code}


def _message_in(sent: bytes) -> dict[str, Any] | None:
    """Return the message in an answer that was sent, whole or as events; `None` if cut off."""
    try:
        found = jsontext.loads(sent)
    except SerializationError:
        try:
            found = _assembled([jsontext.loads(each.data) for each in read_events(sent)])
        except SerializationError:
            return None
    whole = isinstance(found, dict) and found.get("type") == "message"
    return found if whole else None


def _assembled(events: list[Any]) -> dict[str, Any] | None:
    """Return the message that events of our own tell; `None` if they do not tell its end."""
    if not events or events[-1]["type"] != "message_stop":
        return None
    blocks: list[dict[str, Any]] = []
    arguments: dict[int, str] = {}
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
        elif event["type"] == "content_block_delta":
            for key, value in event["delta"].items():
                if key == "partial_json":
                    arguments[event["index"]] = arguments.get(event["index"], "") + value
                elif key != "type":
                    blocks[-1][key] += value
    for index, text in arguments.items():
        blocks[index]["input"] = jsontext.loads(text or "{}")
    return {**events[0]["message"], "content": blocks}
