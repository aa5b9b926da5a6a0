"""Real traffic in the form of the emulator's, without its secrets: a proxy, and a transport.

    with Recorder("https://dashscope.aliyuncs.com", log="session.jsonl") as proxy:
        client = OpenAI(base_url=f"{proxy.url}/compatible-mode/v1")

    OpenAI(http_client=DefaultHttpxClient(transport=RecordingTransport(log="session.jsonl")))

Names are loaded when first used; they stand on the extra `recorder` (starlette, uvicorn, httpx2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from ..traffic.records import Record
    from .proxy import Recorder
    from .recording import Recording
    from .transport import RecordingTransport

__all__ = ["Record", "Recorder", "Recording", "RecordingTransport"]

_EXPORTS = {
    "Record": ".traffic.records",
    "Recorder": "proxy",
    "Recording": "recording",
    "RecordingTransport": "transport",
}

# Hidden from type checkers: a module-level `__getattr__` would let any misspelt name pass.
if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _EXPORTS)
