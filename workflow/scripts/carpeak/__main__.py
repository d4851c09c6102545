"""``python -m carpeak COMMAND``: what the package does outside a workflow run."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .errors import UserError, nearest

# command: (module with add_arguments(parser) and run(args), what it does); imported when asked for
COMMANDS = {
    "check": (
        "preflight.check",
        "look at a study's libraries before it runs, and report every problem",
    ),
    "construct": ("construct.command", "check a CAR construct and write what aligners need"),
    "reads": ("reads.command", "count a transgene from FASTQ pairs and add it to a matrix that lacks it"),
    "align": ("reads.align", "count all genes from FASTQ pairs with STARsolo"),
}


def overview() -> str:
    """The text of ``--help`` without a command."""
    lines = [f"  {name:<12}{summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            "usage: python -m carpeak COMMAND ...",
            "",
            *lines,
            "",
            "python -m carpeak COMMAND --help tells more",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (1 for a mistake that the user can mend)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help"}:
        print(overview())
        return 0 if words else 2
    if words[0] not in COMMANDS:
        sys.stderr.write(f"carpeak: no command '{words[0]}'{nearest(words[0], COMMANDS)}\n\n{overview()}\n")
        return 2
    module_name, summary = COMMANDS[words[0]]
    module = importlib.import_module(f"carpeak.{module_name}")
    parser = argparse.ArgumentParser(prog=f"python -m carpeak {words[0]}", description=summary)
    module.add_arguments(parser)
    try:
        module.run(parser.parse_intermixed_args(words[1:]))
        sys.stdout.flush()
    except UserError as error:
        sys.stderr.write(f"carpeak: {error}\n")
        return 1
    except BrokenPipeError:  # `... | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
