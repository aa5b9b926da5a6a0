"""A request as it is sent: the body, where it goes, and why each cache mark stands there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from .. import jsontext
from ..findings import Finding
from ..marks import Plan
from ..quirks import Quirks

__all__ = ["Request"]

_VERSION: Final = re.compile(r"/v\d+$")


@dataclass(frozen=True)
class Request:
    """A body of plain dicts and lists, the plan of its cache marks, and what was noticed.

    `path` follows the host, `headers` and `query` are what the options ask for; credentials are
    the caller's. `findings` names what could not be sent, and what validation found when asked.
    """

    body: dict[str, Any]
    plan: Plan
    path: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    base_url: str = ""
    """Where the options send the request; empty if they do not say."""
    quirks: Quirks = Quirks.NONE
    repeated: Mapping[str, Any] = field(default_factory=dict)
    """Values that later parameters replaced, written twice under `Quirks.duplicate_keys`."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Return the messages of the body, wherever the protocol keeps them."""
        found = self.body.get("messages")
        if found is None:
            found = self.body["input"]["messages"]
        assert isinstance(found, list)
        return found

    def url(self, base: str = "") -> str:
        """Return the full URL behind `base`, or behind the options' `base_url`, query included.

        What ends the path of `base` is not repeated: `/v1` or `/api/v1`, as SDKs take it, or
        another version such as `/v4`.
        """
        query = f"?{urlencode(self.query)}" if self.query else ""
        base = (self.base_url or base).rstrip("/")
        return f"{base}{self._behind(urlsplit(base).path)}{query}"

    def _behind(self, given: str) -> str:
        segments = self.path.split("/")
        for count in range(len(segments), 1, -1):
            head = "/".join(segments[:count])
            if given.endswith(head):
                return self.path.removeprefix(head)
        return self.path.removeprefix("/v1") if _VERSION.search(given) else self.path

    def to_json(self) -> str:
        """Return the body as compact JSON text; the same request gives the same bytes."""
        numbers = self.quirks.java_numbers
        if not (self.repeated and self.quirks.duplicate_keys):
            return jsontext.dumps(self.body, java_numbers=numbers)
        first = {key: self.repeated.get(key, value) for key, value in self.body.items()}
        again = {key: self.body[key] for key in self.repeated}
        text = jsontext.dumps(first, java_numbers=numbers)
        return f"{text[:-1]},{jsontext.dumps(again, java_numbers=numbers)[1:]}"
