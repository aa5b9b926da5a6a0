"""Which URLs `java.net.URI` accepts, and the path it finds in them.

The grammar is that of JDK 17: RFC 2396 with IPv6 literals (RFC 2732) and the JDK's own additions,
"other" characters (non-ASCII, neither control nor space) and an empty authority.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

__all__ = ["uri_path"]

_OTHER = (
    "\xa1-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff\u3001-\U0010ffff"
)
_UNRESERVED = rf"A-Za-z0-9_.!~*'()\-{_OTHER}"
_ESCAPE = "%[0-9A-Fa-f]{2}"

_PARTS = re.compile(
    r"(?:[a-z]+)://(?P<authority>[^/?#]*)(?P<path>[^?#]*)(?P<query>\?[^#]*)?(?P<fragment>\#.*)?",
    re.DOTALL,
)
_PATH = re.compile(rf"(?:[{_UNRESERVED}/;:@&=+$,]|{_ESCAPE})*+")
_URIC = re.compile(rf"[?#]?(?:[{_UNRESERVED}/;:@&=+$,?\[\]]|{_ESCAPE})*+")
_REGISTRY_NAME = re.compile(rf"(?:[{_UNRESERVED};:@&=+$,]|{_ESCAPE})*+")
_SERVER_WITH_IPV6 = re.compile(
    rf"(?:(?:[{_UNRESERVED};:&=+$,]|{_ESCAPE})*+@)?"
    r"\[(?P<address>[0-9A-Fa-f:.]+)(?:%[A-Za-z0-9_.]+)?\](?::(?P<port>[0-9]*))?"
)


def uri_path(url: str) -> str | None:
    """Return the raw path of `url`, or None where `java.net.URI` refuses it.

    `url` starts with a lower-case scheme and `://`.
    """
    parts = _PARTS.fullmatch(url)
    if parts is None:
        return None
    authority, path = parts["authority"], parts["path"]
    tail = (parts["query"] or "", parts["fragment"] or "")
    if not authority and not path and not any(tail):
        return None
    if authority and not _is_authority(authority):
        return None
    if _PATH.fullmatch(path) is None or not all(_URIC.fullmatch(part) for part in tail):
        return None
    return path


def _is_authority(text: str) -> bool:
    if _REGISTRY_NAME.fullmatch(text):
        return True
    server = _SERVER_WITH_IPV6.fullmatch(text)
    if server is None or int(server["port"] or 0) > 2**31 - 1:
        return False
    try:
        IPv6Address(server["address"])
    except AddressValueError:
        return False
    return True
