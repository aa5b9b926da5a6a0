"""The command line: commands read, call and print; what they know is known on the floors below.

Standard output carries the answer alone, standard error everything else. Exit status: 0 good,
1 findings, 2 unusable input or arguments with a reason of one line, 3 cannot tell, 130 interrupted,
141 the reader of the output went away. Pydantic, jsonschema and rich are imported by the commands
that need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import click

from ..errors import WiremarkError
from . import io
from .bodies import diff, strip, validate
from .convert import convert
from .emulate import emulate
from .formatting import explain, format_
from .proxy import proxy
from .replay import replay
from .usage import usage

__all__ = ["commands", "main"]


def _show_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        import wiremark

        io.emit(f"wiremark {wiremark.__version__}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, no_args_is_help=False)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def commands() -> None:
    """Agent messages as provider JSON, with prompt-cache marks where the provider reads them.

    INPUT and BODY are files, or - for standard input. Exit status: 0 good, 1 findings, 2 unusable
    input, 3 cannot tell.
    """


for command in (format_, explain, convert, strip, validate, diff, usage, replay, emulate, proxy):
    commands.add_command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command with `argv`, by default the process's own, and return its exit status."""
    try:
        status = commands.main(argv, prog_name="wiremark", standalone_mode=False)
    except (click.ClickException, io.Unusable, WiremarkError) as problem:
        return _refuse(_reason(problem))
    except RecursionError:
        return _refuse("the input is nested too deeply")
    except OSError as problem:
        return _refuse(f"{problem.strerror or problem}")
    except click.Abort:
        return 130
    except io.ReaderGone:
        return 141
    return status if isinstance(status, int) else 0


def _reason(problem: Exception) -> str:
    if not isinstance(problem, click.ClickException):
        return str(problem)
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    hint = f" (see '{context.command_path} --help')" if context is not None else ""
    return f"{problem.format_message()}{hint}"


def _refuse(reason: str) -> int:
    with suppress(io.ReaderGone, io.Unusable):  # the status says it where nobody reads
        io.say(f"wiremark: {reason}")
    return 2
