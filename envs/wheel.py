"""What the wheel carries beside the package: the workflow, as carpeak/share, where carpeak/home.py finds it.

hatchling calls this when it builds the wheel (pyproject.toml); an editable install finds the checkout itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TAKEN = ("Snakefile", "config", "envs", "profiles", "workflow")
LEFT_OUT = (
    "workflow/scripts/carpeak",
    "workflow/resources/make_resources.py",
    "config/studies/*/data",
    "envs/test.*",
)


def files(root: Path) -> Iterator[Path]:
    """The files of the workflow without the package, relative to `root`."""
    for name in TAKEN:
        for path in sorted((root / name).rglob("*")) or [root / name]:
            relative = path.relative_to(root)
            places = (relative, *relative.parents)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
            if path.is_file() and not hidden and not any(p.match(out) for p in places for out in LEFT_OUT):
                yield relative


class Share(BuildHookInterface):
    """Adds the files to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Map every file to its place in the wheel."""
        if version != "editable":
            root = Path(self.root)
            build_data["force_include"] |= {str(root / path): f"carpeak/share/{path}" for path in files(root)}
