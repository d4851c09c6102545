"""All figures of a cohort, out of the tables of results/cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .. import io
from . import cohort, cohort_curves

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

WORDS = dict.fromkeys(("grouping", "group", "level", "patient", "response", "event", "variable"), str)


def read(path: str) -> pd.DataFrame:
    """A table of results/cohort; names of groups and levels stay words where they look like numbers."""
    return io.read_table(path, dtype=WORDS)


def figures(inputs: Mapping[str, Any], *, scale: Sequence[str], footer: str) -> dict[str, Figure]:
    """The figures by name; `inputs` maps the names of tables, and ``summary``, to their paths."""
    found = io.read_json(inputs["summary"])
    tables = {name: read(inputs[name]) for name in dict(inputs.items()) if name != "summary"}
    labels, tests = found["labels"], tables["tests"]
    p_values = {
        (row["variable"], row["grouping"]): float(row["p"])
        for row in tests.to_dict("records")
        if row["analysis"] in ("survival", "incidence")
    }
    groups = {
        str(row["patient"]): row["group"] if isinstance(row["group"], str) else ""
        for row in tables["kinetics"].to_dict("records")
    }
    return {
        "swimmer": cohort.swimmer(tables["courses"], scale=scale, footer=footer),
        "survival": cohort_curves.survival(tables["curves"], tables["at_risk"], p_values, footer=footer),
        "incidence": cohort_curves.incidence(tables["curves"], tables["at_risk"], p_values, footer=footer),
        "responses": cohort.responses(tables["responses"], scale=scale, labels=labels, footer=footer),
        "subgroups": cohort.forest(tables["subgroups"], labels=labels, footer=footer),
        "adverse": cohort.adverse(tables["adverse"], total=found["patients"], footer=footer),
        "kinetics": cohort.kinetics(tables["series"], groups, footer=footer),
    }
