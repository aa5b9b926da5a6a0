"""What a request body says, apart from how its protocol writes it: the value that is carried over.

`Reading` gathers it while a body is read; each protocol's reader is a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..base.values import copy_json
from ..errors import MessageError, OptionError
from ..findings import Finding
from ..messages import GenerateOptions, Msg, ToolChoice, ToolSchema

__all__ = ["EPHEMERAL", "Conversation", "Reading", "list_of", "not_carried", "says_nothing"]


@dataclass(frozen=True)
class Conversation:
    """Messages, tools and settings of a request body, wishes for cache marks included.

    `automatic`: the mark of the request as a whole, `None` if it has none. `extras`: settings that
    `GenerateOptions` has no field for, under the protocol's own names; those inside an object such
    as Bedrock's `additionalModelRequestFields` stay inside it. `lost`: what the body says and
    nothing here holds. `origins`: where each message stands in the body. `places`: where each
    option, and each extra, stands in the body.
    """

    protocol: str
    model: str | None
    messages: tuple[Msg, ...]
    tools: tuple[ToolSchema, ...] = ()
    options: GenerateOptions = field(default_factory=GenerateOptions)
    tool_choice: ToolChoice | None = None
    stream: bool = False
    automatic: Any = None
    extras: Mapping[str, Any] = field(default_factory=dict)
    lost: tuple[Finding, ...] = ()
    origins: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)

    def origin(self, index: int) -> str:
        """Return where message `index` stands in the body."""
        return self.origins[index] if index < len(self.origins) else f"messages[{index}]"

    def place(self, name: str) -> str:
        """Return where an option or extra stands in the body."""
        return self.places.get(name, name)


def not_carried(path: str, what: str, advice: str = "") -> Finding:
    """Return the finding for something that is not carried over."""
    return Finding("not-carried", "note", path, what, advice)


def says_nothing(value: Any) -> bool:
    """Say whether a field might as well be absent."""
    return value is None or value is False or value in ("", [], {})


class Reading:
    """A body on its way to a `Conversation`: what was found so far, and what is lost."""

    def __init__(self, protocol: str, model: str | None) -> None:
        self.protocol = protocol
        self.model = model
        self.messages: list[Msg] = []
        self.origins: list[str] = []
        self.tools: list[ToolSchema] = []
        self.tool_choice: ToolChoice | None = None
        self.options: dict[str, Any] = {}
        self.stream = False
        self.automatic: Any = None
        self.extras: dict[str, Any] = {}
        self.places: dict[str, str] = {}
        self.lost: list[Finding] = []

    def lose(self, path: str, what: str, advice: str = "") -> None:
        """Note what nothing holds."""
        self.lost.append(not_carried(path, what, advice))

    def lose_rest(self, rest: Mapping[str, Any], at: str) -> None:
        """Note each field that was not taken out of `rest`, unless it says nothing."""
        for key, value in rest.items():
            if not says_nothing(value):
                self.lose(f"{at}.{key}", f"`{key}` has no place in a message or tool")

    def say(self, message: Msg, origin: str) -> None:
        """Add a message."""
        self.messages.append(message)
        self.origins.append(origin)

    def option(self, name: str, value: Any, at: str) -> None:
        """Set an option; null says nothing."""
        if value is not None:
            self.options[name] = value
            self.places[name] = at

    def keep(self, name: str, value: Any, at: str) -> None:
        """Set a field that no option holds; null says nothing."""
        if value is not None:
            self.extras[name] = copy_json(value)
            self.places[name] = at

    def take_options(self, rest: dict[str, Any], names: Mapping[str, str], at: str) -> None:
        """Move fields of the body to options; `names` is field to option."""
        for key, name in names.items():
            if key in rest:
                self.option(name, rest.pop(key), f"{at}{key}")

    def take_seed(self, rest: dict[str, Any], at: str) -> None:
        """Move a seed to the options if the formatters take it, else leave it as an extra."""
        seed = rest.get("seed")
        if isinstance(seed, int) and not isinstance(seed, bool) and -(2**31) <= seed < 2**31:
            self.option("seed", rest.pop("seed"), f"{at}seed")

    def take_tools(
        self, given: Any, at: str, read: Callable[[Any, str], ToolSchema | None]
    ) -> None:
        """Read the tools of a list; one that cannot be held is noted by `read`."""
        for index, item in enumerate(list_of(given, at, "tools")):
            tool = read(item, f"{at}[{index}]")
            if tool is not None:
                self.tools.append(tool)

    def finish(self) -> Conversation:
        """Return what was read."""
        try:
            options = GenerateOptions.from_dict(self.options)
        except OptionError as problem:
            name = problem.path.removeprefix("options.")
            raise OptionError(
                problem.problem, path=self.places.get(name, name), advice=problem.advice
            ) from None
        return Conversation(
            protocol=self.protocol,
            model=self.model,
            messages=tuple(self.messages),
            tools=tuple(self.tools),
            options=options,
            tool_choice=self.tool_choice,
            stream=self.stream,
            automatic=self.automatic,
            extras=self.extras,
            lost=tuple(self.lost),
            origins=tuple(self.origins),
            places=self.places,
        )


def list_of(value: Any, at: str, what: str) -> Iterable[Any]:
    """Return a list; null is an empty one, anything else an error."""
    if value is None:
        return ()
    if isinstance(value, list | tuple):
        return value
    raise MessageError(f"expected a list of {what}, got {type(value).__name__}", path=at)


EPHEMERAL: Final = "ephemeral"
"""The one type of mark; a wish is written in this form whatever the protocol's marker."""
