"""The command ``carpeak``, also as ``python -m carpeak``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from .errors import UserError, nearest

# command: what it does; its module in commands/ is imported when asked for. In the order of use.
COMMANDS = {
    "demo": "run the demo study and write its report",
    "init": "start a study from a folder of count matrices",
    "check": "look at a study's libraries before it runs, and report every problem",
    "run": "run a study and write its report",
    "compare": "set finished runs side by side, on one page",
    "construct": "check a CAR construct and write what aligners need",
    "reads": "count a transgene from FASTQ pairs and add it to a matrix that lacks it",
    "align": "count all genes from FASTQ pairs with STARsolo",
}
EXAMPLE = """\
Your first study:
  carpeak init my_study path/to/matrices   writes my_study/config.yaml and my_study/samples.tsv
  (replace FILL_IN in both files)
  carpeak check my_study                   what each library holds, and what is wrong
  carpeak run my_study                     writes my_study/results/report.html
"""


def overview() -> str:
    """The text of ``--help`` without a command."""
    lines = [f"  {name:<12}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join(
        [
            "usage: carpeak COMMAND ...",
            "",
            "What changed between a CAR-T infusion product and blood at the peak of expansion.",
            "",
            *lines,
            "",
            EXAMPLE,
            "carpeak COMMAND --help explains one command; carpeak --version prints the version",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (1 for a mistake that the user can correct)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help"}:
        print(overview())
        return 0 if words else 2
    if words[0] == "--version":
        from . import __version__

        print(f"carpeak {__version__}")
        return 0
    if words[0] not in COMMANDS:
        sys.stderr.write(f"carpeak: no command '{words[0]}'{nearest(words[0], COMMANDS)}\n\n{overview()}\n")
        return 2
    module = importlib.import_module(f"carpeak.commands.{words[0]}")
    parser = argparse.ArgumentParser(
        prog=f"carpeak {words[0]}",
        description=f"{COMMANDS[words[0]][0].upper()}{COMMANDS[words[0]][1:]}.",
        epilog=getattr(module, "EPILOG", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    try:
        if hasattr(module, "run_with"):  # passes options on to Snakemake
            return int(module.run_with(parser.parse_args(words[1:])))
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
