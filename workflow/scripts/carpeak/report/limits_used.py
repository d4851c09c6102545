"""Every limit in use, its value, and who set it: the default, a preset, the configuration, the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..settings import Settings, TransgeneSettings
from ..study import presets
from . import wording

DEFAULT, PRESET, USER, DATA = "default", "preset", "configuration", "the data"
# Block and key of the settings, and what the limit is.
SHOWN = {
    ("qc", "preset"): "limits of quality control",
    ("qc", "doublets"): "doublets removed",
    ("qc", "min_genes"): "fewest genes of a cell",
    ("qc", "max_genes"): "most genes of a cell",
    ("qc", "mads"): "deviations above the median mitochondrial share",
    ("qc", "max_mito_percent"): "highest mitochondrial share, in percent",
    ("qc", "doublet_rate_per_1000"): "expected doublets per cell and 1,000 cells",
    ("qc", "min_cells"): "fewest cells of a library",
    ("embedding", "n_variable_genes"): "variable genes",
    ("embedding", "n_pcs"): "principal components",
    ("embedding", "n_neighbors"): "neighbours",
    ("embedding", "integration"): "integration",
    ("annotation", "scheme"): "scheme of T-cell states",
    ("car", "rule"): "rule of the CAR call",
    ("car", "min_umis"): "CAR UMIs of a CAR+ cell, at least",
    ("car", "fdr"): "CAR+ calls that may be wrong",
    ("de", "min_pct"): "share of cells that detect a tested gene",
    ("de", "min_cells"): "fewest cells on a side of a comparison",
    ("enrichment", "adjusted_p"): "adjusted P of a changed gene or term, below",
    ("enrichment", "log2_fold_change"): "log2 change of a changed gene, at least",
    ("enrichment", "min_size"): "fewest tested genes of a gene set",
    ("enrichment", "max_size"): "most tested genes of a gene set",
}


@dataclass(frozen=True)
class Limit:
    """One limit: what it is, its value, who set it, and the key to change it by."""

    what: str
    value: str
    set_by: str
    key: str


def listed(
    settings: Settings, *, thresholds: Mapping[str, Mapping[str, Any]], claims: str | Path | None
) -> list[Limit]:
    """The limits of the configuration, those that the data gave, and those of the claims.

    A value that the configuration states and that equals the default, or the preset's, counts as theirs.
    `thresholds` are the files of quality control by sample, `claims` is the claims file, None where nothing
    is claimed.
    """
    usual = Settings(samples="", transgene=TransgeneSettings(features=()))
    found = []
    for (block, key), what in SHOWN.items():
        value, default = (getattr(getattr(one, block), key) for one in (settings, usual))
        if value is None:
            continue
        given = presets.PAPER.get(block, {}) if settings.preset == "paper" else {}
        who = DEFAULT if value == default else USER
        if key in given and value == given[key]:
            who = f"{PRESET} {settings.preset}"
        found.append(Limit(what, _text(value), who, f"{block}.{key}"))
    found += _from_data(thresholds)
    return found + (_of_claims(claims) if claims else [])


def _from_data(thresholds: Mapping[str, Mapping[str, Any]]) -> Iterable[Limit]:
    names = {
        "max_mito_percent": "highest mitochondrial share, in percent",
        "doublet_threshold": "doublet score, below",
    }
    for sample, found in thresholds.items():
        for key, what in names.items():
            value = found.get(key)
            if isinstance(value, int | float) and value == value:  # noqa: PLR0124 (missing)
                yield Limit(f"{what}, {sample}", _text(float(value)), DATA, "")


def _of_claims(file: str | Path) -> list[Limit]:
    import yaml

    claims = yaml.safe_load(Path(file).read_text(encoding="utf-8")).get("claims", [])
    by_limit: dict[tuple[str, float], list[str]] = {}
    for claim in claims:
        quantity = claim.get("quantity", {})
        if quantity.get("min_effect") is not None:
            by_limit.setdefault((quantity["kind"], float(quantity["min_effect"])), []).append(claim["id"])
    units = {"gene_change": "log2 fold change", "term_change": "log2 odds ratio"}
    return [
        Limit(
            f"limit of interest of {wording.joined(ids)}: {units.get(kind, 'difference of shares')}",
            _text(value),
            "claims file",
            "min_effect",
        )
        for (kind, value), ids in by_limit.items()
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
