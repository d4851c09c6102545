"""The page that sets runs side by side: verdicts, shares as forest plots, settings that differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..compare import differences, matrix
from ..compare.runs import Run
from ..figures import palette
from . import tables, wording
from .page import VERDICTS

STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25)  # between two marks of an axis
MARKS = 6  # at most, on one axis


def html(runs: Sequence[Run], *, resources: Path) -> str:
    """The HTML of the page; `resources` is the workflow's folder resources/report."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"told": _told, "share": _share, "typeset": wording.typeset}
    rows = matrix.claims(runs)
    settings, inputs = differences.settings(runs), differences.inputs(runs)
    style = (resources / name for name in ("style.css", "compare.css"))
    return environment.get_template("compare.html.j2").render(
        css="\n".join(path.read_text(encoding="utf-8") for path in style),
        title=_title(runs),
        lead=_lead(runs, settings),
        warnings=_warnings(runs),
        simulated=[bool(run.provenance["simulated"]) for run in runs],
        runs=runs,
        colours=list(palette.sample_colours([run.name for run in runs]).values()),
        libraries=[", ".join(run.car["sample"].astype(str)) for run in runs],
        tallies=[_tally(run) for run in runs],
        claims=rows,
        findings=_findings(rows),
        car=[_drawn(plot) for plot in matrix.car_shares(runs)],
        subsets=[_drawn(plot) for plot in matrix.subsets(runs)],
        differing={
            "Settings": settings,
            "Inputs": inputs,
            "Software": differences.software(runs),
        },
        verdicts=VERDICTS,
        version=__version__,
    )


def _title(runs: Sequence[Run]) -> str:
    titles = {str(run.provenance["title"]) for run in runs}
    return f"{len(runs)} runs compared" + (f": {titles.pop()}" if len(titles) == 1 else "")


def _lead(runs: Sequence[Run], settings: Sequence[differences.Difference]) -> str:
    n = len(settings)
    counted = "no setting differs" if not n else f"{n} setting{' differs' if n == 1 else 's differ'}"
    if differences.same_libraries(runs):
        return (
            f"The same libraries in every run; {counted}. What differs below comes from settings or software."
        )
    if n:
        return (
            f"Other libraries in each run; {counted}. What differs below may come from the patients, the "
            "libraries or from settings: runs that were set differently do not tell which."
        )
    return f"Other libraries in each run; {counted}. Each interval covers the cells of one library only."


def _warnings(runs: Sequence[Run]) -> list[str]:
    found = []
    if len({run.version for run in runs}) > 1:
        told = "; ".join(f"{run.name}: {run.version}" for run in runs)
        found.append(
            f"The runs were made by different versions of carpeak ({told}). Run all with one to compare."
        )
    simulated = {bool(run.provenance["simulated"]) for run in runs}
    if len(simulated) > 1:
        names = wording.joined([run.name for run in runs if run.provenance["simulated"]])
        found.append(f"Simulated data beside measured: {names}.")
    if len({tuple(sorted(set(run.car["condition"]))) for run in runs}) > 1:
        found.append("The runs name their conditions differently; shares are grouped by these names.")
    return found


def _findings(rows: Sequence[matrix.Row]) -> list[str]:
    shared = [row for row in rows if sum(cell is not None for cell in row.cells) > 1]
    differ = [row.claim for row in shared if row.differs]
    if not shared:
        return ["No claim is judged by two of the runs."]
    if not differ:
        return [f"All {len(shared)} claims that several runs judge have the same verdict in each."]
    return [f"Verdicts differ in {len(differ)} of {len(shared)} claims: {wording.joined(differ)}."]


def _tally(run: Run) -> dict[str, int]:
    return {str(verdict): int(n) for verdict, n in run.claims["verdict"].value_counts().items()}


def _drawn(plot: matrix.Plot) -> dict[str, Any]:
    """A plot with its axis: every place is a percentage of the axis' length."""
    step = next((s for s in STEPS if plot.largest <= s * (MARKS - 1)), STEPS[-1])
    end = max(step, step * np.ceil(plot.largest / step - 1e-9))
    marks = np.arange(0, end + step / 2, step)
    return {
        "title": plot.title,
        "marks": [(100 * mark / end, f"{100 * mark:g}") for mark in marks],
        "groups": [
            (
                name,
                [
                    {"run": s.run, "sample": s.sample, "value": s.value, "low": s.low, "high": s.high}
                    | {
                        f"at_{k}": 100 * v / end
                        for k, v in (("value", s.value), ("low", s.low), ("high", s.high))
                    }
                    for s in shares
                ],
            )
            for name, shares in plot.groups
        ],
    }


def _told(cell: matrix.Cell) -> tuple[str, str, str]:
    """Estimate, interval and unit as the report of the run says them."""
    numbers = {"estimate": cell.estimate, "low": cell.low, "high": cell.high}
    plain = tables.plain(numbers, cell.kind, over_donors=cell.over_donors)
    if plain:
        return plain
    value, low, high = map(wording.significant, (cell.estimate, cell.low, cell.high))
    return value, f"{low} to {high}" if np.isfinite(cell.low) and cell.low != cell.high else "", cell.unit


def _share(value: float) -> str:
    return f"{100 * value:.1f}" if np.isfinite(value) else "–"
