"""What is tested: a formatter of the caller's, or a program, as one thing that answers cases.

A formatter may be a class, an instance or a factory; `operations` says what it is asked. How an
answer is judged is not known here.
"""

from __future__ import annotations

import copy
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from ..anthropic import AnthropicChatFormatter, AnthropicMultiAgentFormatter
from ..base import BaseFormatter
from ..bedrock import BedrockConverseFormatter
from ..dashscope import DashScopeChatFormatter, DashScopeMultiAgentFormatter
from ..errors import OptionError
from ..openai import (
    DeepSeekFormatter,
    DeepSeekMultiAgentFormatter,
    GLMFormatter,
    GLMMultiAgentFormatter,
    KimiFormatter,
    KimiMultiAgentFormatter,
    MiniMaxFormatter,
    MiniMaxMultiAgentFormatter,
    OpenAIBaseFormatter,
    OpenAIChatFormatter,
    OpenAIMultiAgentFormatter,
)
from .cases import Case

__all__ = [
    "FORMATTERS",
    "Answer",
    "FormatterLike",
    "Maker",
    "Raised",
    "Subject",
    "load_formatter",
    "maker_of",
]

FormatterLike: TypeAlias = "type[BaseFormatter] | BaseFormatter | Callable[..., BaseFormatter]"
"""A formatter class, an instance, or a callable that takes settings and returns an instance."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An error instead of output: its class by name, the path it names, its whole text."""

    name: str
    path: str
    text: str
    exception: BaseException | None = None
    is_ours: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a subject makes of a case: JSON values, or an error, or a fault.

    `plan` and `findings` are `None` where they were not asked for. `warnings` have `class` and
    `text`. `fault` says why there is no answer that could be judged.
    """

    value: Any = None
    plan: Any = None
    findings: Any = None
    warnings: tuple[Mapping[str, str], ...] = ()
    raised: Raised | None = None
    fault: str = ""


class Subject(Protocol):
    """What can be tested: it takes some cases, and answers each."""

    @property
    def label(self) -> str:
        """Return the name to show."""
        ...

    def takes(self, case: Case) -> bool:
        """Say whether a case is meant for it."""
        ...

    def answer(self, case: Case) -> Answer:
        """Return what it makes of a case whose files are in place."""
        ...


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes a formatter of one kind from the settings of a case.

    name: which of wiremark's formatters it stands for, `None` for no formatter at all
    """

    label: str
    name: str | None
    kind: type[BaseFormatter]
    make: Callable[..., BaseFormatter] = field(repr=False)


def maker_of(formatter: object, *, label: str = "") -> Maker:
    """Return how to make a formatter with a case's settings.

    A class and a factory are called with the settings. Of an instance a copy is made, whose
    settings that wiremark knows are set anew; what its class added stays as it is. Raises
    `OptionError` for what derives from none of wiremark's formatters.
    """
    if isinstance(formatter, type):
        return Maker(label or formatter.__name__, _name_of(formatter), formatter, formatter)
    if isinstance(formatter, BaseFormatter):
        kind = type(formatter)
        name = _name_of(kind)
        return Maker(label or kind.__name__, name, kind, _renewal(formatter, FORMATTERS[name]))
    if callable(formatter):
        said = getattr(formatter, "__name__", type(formatter).__name__)
        try:
            kind = type(formatter())
        except Exception as problem:
            raise OptionError(
                f"the factory {said} failed without settings: {_said(problem)}",
                path="formatter",
                advice="it is called with a case's settings as keywords, none by default",
            ) from problem
        return Maker(label or said, _name_of(kind), kind, formatter)
    raise _no_formatter(formatter)


def _renewal(formatter: BaseFormatter, known: type[BaseFormatter]) -> Callable[..., BaseFormatter]:
    def renew(**settings: Any) -> BaseFormatter:
        made = copy.copy(formatter)
        known.__init__(made, **settings)
        return made

    return renew


def _name_of(kind: type) -> str:
    names: dict[object, str] = {OpenAIBaseFormatter: "openai-chat"}
    names.update((known, name) for name, known in FORMATTERS.items())
    for base in kind.__mro__:
        if base in names:
            return names[base]
    raise _no_formatter(kind)


def _no_formatter(what: object) -> OptionError:
    return OptionError(
        f"{what!r} is no class that derives from one of wiremark's formatters, and no instance or"
        " factory of one",
        path="formatter",
        advice=f"derive it from {', '.join(known.__name__ for known in FORMATTERS.values())}",
    )


def load_formatter(spec: str, *, folder: Path | str | None = None) -> FormatterLike:
    """Return what `spec` names, `package.module:Name`: a formatter class, instance or factory.

    folder: where modules are looked for besides the import path, by default the working folder.
    Raises `OptionError` for a spec of another form, a module that cannot be imported, or a name
    that it lacks.
    """
    module_name, colon, attribute = spec.partition(":")
    if not (colon and module_name and attribute):
        raise OptionError(
            f"{spec!r} names no formatter", path="formatter", advice="write package.module:Name"
        )
    try:
        value: Any = _import(module_name, str(folder or Path.cwd()))
    except Exception as problem:
        raise OptionError(
            f"{module_name} cannot be imported: {_said(problem)}{_place(problem)}",
            path="formatter",
        ) from problem
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise OptionError(
                f"{module_name} has no {attribute}", path="formatter", advice=_near(value, part)
            ) from None
    found: FormatterLike = value
    return found


def _import(name: str, folder: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as problem:
        lacking = problem.name or ""
        if folder in sys.path or not (name == lacking or name.startswith(f"{lacking}.")):
            raise
    sys.path.insert(0, folder)
    return import_module(name)


def _said(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"


def _place(problem: BaseException) -> str:
    """Return the last line of the caller's own code that an import reached."""
    frames = [
        frame
        for frame in traceback.extract_tb(problem.__traceback__)
        if frame.filename != __file__ and "importlib" not in frame.filename
    ]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def _near(holder: object, name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, dir(holder), n=1)
    return f"did you mean {near[0]}?" if near else ""


FORMATTERS: Final[Mapping[str, type[BaseFormatter]]] = {
    "dashscope-chat": DashScopeChatFormatter,
    "dashscope-multi-agent": DashScopeMultiAgentFormatter,
    "openai-chat": OpenAIChatFormatter,
    "openai-multi-agent": OpenAIMultiAgentFormatter,
    "anthropic-chat": AnthropicChatFormatter,
    "anthropic-multi-agent": AnthropicMultiAgentFormatter,
    "bedrock-converse": BedrockConverseFormatter,
    "deepseek": DeepSeekFormatter,
    "deepseek-multi-agent": DeepSeekMultiAgentFormatter,
    "glm": GLMFormatter,
    "glm-multi-agent": GLMMultiAgentFormatter,
    "kimi": KimiFormatter,
    "kimi-multi-agent": KimiMultiAgentFormatter,
    "minimax": MiniMaxFormatter,
    "minimax-multi-agent": MiniMaxMultiAgentFormatter,
}
"""The formatters that cases name."""
