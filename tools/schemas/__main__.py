"""Write `schemas/*/official*.json` anew from the SDKs that are installed, or compare them.

    python -m tools.schemas [--check] [openai] [anthropic] [openrouter] [bedrock]

An SDK that is absent is passed over. `--check` writes nothing: it exits with 1 if a file is not
what the SDK of its own version says, and tells what a newer SDK changes. Which version of
Anthropic's API is written hangs on the SDK: 0.x sends 2023-06-01, 2.x sends 2026-10-21.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys

from tools.schemas.files import FOLDER, changes, document, recorded, text_of
from tools.schemas.sources import SOURCES


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="tools.schemas", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("names", nargs="*", help=f"of {', '.join(SOURCES)}; all by default")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.names) - set(SOURCES)
    if unknown:
        parser.error(f"no such source: {', '.join(sorted(unknown))}")
    return max([_one(name, check=chosen.check) for name in chosen.names or SOURCES])


def _one(name: str, *, check: bool) -> int:
    source = SOURCES[name]
    installed = source.installed
    if installed is None:
        _say(f"{name}: {source.distribution} is not installed, its file is left as it is")
        return 0
    derived = source.derive()
    present = recorded(derived.file)
    known = present["x-derived-from"]["version"] if present else None
    differ = changes(present["$defs"] if present else {}, derived.definitions)
    if check:
        heading = f"{derived.file} is of {source.distribution} {known}, {installed} is installed"
        _say("\n  ".join([heading, *(differ or ["no change"])]))
        return int(bool(differ) and known == installed)
    if present and known == installed and not differ:
        _say(f"{derived.file}: up to date with {source.distribution} {installed}")
        return 0
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    path = FOLDER / derived.file
    path.parent.mkdir(exist_ok=True)
    contents = document(derived, source.distribution, installed, today)
    path.write_text(text_of(contents) + "\n", encoding="utf-8")
    _say(f"{derived.file}: written from {source.distribution} {installed}, {len(differ)} changes")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
