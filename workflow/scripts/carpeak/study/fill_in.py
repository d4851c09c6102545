"""What `carpeak init` could not know: it writes a mark there, and a study that still has one is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .samples import Sample

FILL_IN = "FILL_IN"
COLUMNS = ("condition", "donor")


def unfilled(config: Mapping[str, Any], samples: Iterable[Sample], *, source: str) -> list[str]:
    """One sentence that names every place that still holds the mark; none where none does."""
    rows: dict[str, list[str]] = {}
    for sample in samples:
        columns = [column for column in COLUMNS if getattr(sample, column) == FILL_IN]
        if columns:
            rows.setdefault(" and ".join(columns), []).append(sample.sample)
    places = [f"{config['samples']} ({columns} of {', '.join(names)})" for columns, names in rows.items()]
    if FILL_IN in config.get("transgene", {}).get("features", []):
        places.append(f"{source} (transgene.features)")
    if not places:
        return []
    return [f"{FILL_IN} still stands in {', and in '.join(places)}: write the true values there."]
