"""One subject in a process of its own: does what the driver asks, one line of JSON a request.

`python worker.py MODULE` answers on its standard output. One worker is busy at a time, so a busy
machine slows all subjects alike. The garbage collector runs between what is timed, never in it.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import sys
from collections.abc import Callable
from importlib import import_module
from time import perf_counter_ns
from typing import Any

import workloads

__all__ = ["Worker", "main"]

_WARM_UP = 5


class Worker:
    """Holds the messages and the formatters that were asked for before."""

    def __init__(self, subject: Any) -> None:
        self._subject = subject
        self._messages: dict[str, Any] = {}
        self._formatting: dict[tuple[str, str], Callable[[Any], Any]] = {}
        self._warm: set[tuple[str, str, str]] = set()

    async def about(self) -> str:
        """Return the subject's name and version."""
        version: str = self._subject.VERSION
        return version

    async def shape(self, workload: str, case: str, setting: str) -> dict[str, int]:
        """Return what the output holds, to see that all subjects do the same work."""
        wire = await self._format(workload, case, setting)
        return {
            "messages": len(wire),
            "tool calls": sum(len(message.get("tool_calls", ())) for message in wire),
            "tool results": sum(message["role"] == "tool" for message in wire),
        }

    async def same(self, workload: str, case: str, settings: list[str]) -> bool:
        """Say whether two settings give equal messages."""
        one, other = [await self._format(workload, case, setting) for setting in settings]
        return bool(one == other)

    async def again(self, workload: str, case: str, setting: str, repeat: int) -> list[int]:
        """Return nanoseconds of formatting messages that were formatted before."""
        messages, call = self._prepared(workload, case, setting)
        if (workload, case, setting) not in self._warm:
            for _ in range(_WARM_UP):
                await _timed(call, messages)
            self._warm.add((workload, case, setting))
            gc.freeze()
        return [await _timed(call, messages) for _ in range(repeat)]

    async def cut(self, workload: str, case: str, setting: str, size: int) -> int:
        """Return nanoseconds of formatting a workload as conversations of `size` messages.

        Whatever the size, the same objects are read, so that only the formatter's growth shows
        and not where the processor's caches end.
        """
        messages, call = self._prepared(workload, case, setting)
        parts = [messages[at : at + size] for at in range(0, len(messages), size)]
        return await _timed(lambda _: [call(part) for part in parts], None)

    async def fresh(self, workload: str, case: str, setting: str) -> list[int]:
        """Return nanoseconds of the first and the second formatting of new messages."""
        messages = self._subject.messages(workloads.load(workload))
        _, call = self._prepared(workload, case, setting)
        return [await _timed(call, messages) for _ in range(2)]

    async def bytes(self, workload: str, case: str, setting: str, repeat: int) -> list[int]:
        """Return nanoseconds of making JSON bytes of formatted messages."""
        wire = await self._format(workload, case, "manual")
        write = self._subject.writing(setting)
        return [await _timed(write, wire) for _ in range(repeat)]

    def _prepared(self, workload: str, case: str, setting: str) -> tuple[Any, Callable[[Any], Any]]:
        if workload not in self._messages:
            self._messages[workload] = self._subject.messages(workloads.load(workload))
            gc.collect()
            gc.freeze()
        if (case, setting) not in self._formatting:
            self._formatting[case, setting] = self._subject.formatting(case, setting)
        return self._messages[workload], self._formatting[case, setting]

    async def _format(self, workload: str, case: str, setting: str) -> Any:
        messages, call = self._prepared(workload, case, setting)
        result = call(messages)
        return await result if inspect.isawaitable(result) else result


async def _timed(call: Callable[[Any], Any], argument: Any) -> int:
    gc.collect()
    gc.disable()
    try:
        if inspect.iscoroutinefunction(call):
            start = perf_counter_ns()
            await call(argument)
            return perf_counter_ns() - start
        start = perf_counter_ns()
        result = call(argument)
        took = perf_counter_ns() - start
    finally:
        gc.enable()
    if inspect.isawaitable(result):
        raise TypeError("what is measured gave an awaitable that was not awaited")
    return took


async def main(module: str) -> None:
    """Answer until the driver closes the pipe."""
    worker = Worker(import_module(module))
    for line in sys.stdin:
        request = json.loads(line)
        answer = await getattr(worker, request.pop("do"))(**request)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
