"""Expected expression of every kind of cell in both libraries: the biology of the simulation.

A profile is a vector over the nuclear genes that sums to 1: the share of each gene in the UMIs that a cell
has beside its mitochondrial and transgene UMIs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from . import programmes as prog
from .design import Variant

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH_SD = 0.18  # log2, each gene, between the libraries
BATCH_LIMIT = 2.5  # in sd
# Shares of genes that blood cells do not express: of all, and of the planted and decoy terms.
SILENT, SILENT_SPECIAL = 0.35, 0.55
# How strongly a T cell runs the programme of its state, and how often.
ACTIVITY = {0.75: 0.25, 1.0: 0.5, 1.25: 0.25}
TISSUE = r"^(?:OR\d|TAS2R|KRT|PCDH|DEFB|PRAME|SPATA|LCE|CST\d|MAGE|ZSCAN|CYP|SLC6|GABR|CHRN|COL\d|WNT)"
# Number of weak genes of each programme, and the sd of their log2 effects.
WEAK = {
    "naive": (100, 0.60), "effector": (120, 0.60), "CD4": (150, 0.80), "CD8": (150, 0.80),
    "CD4 Tn": (40, 0.40), "CD4 Tem": (70, 0.55), "CD8 Tn": (40, 0.40), "CD8 Teff": (70, 0.55),
    "Treg": (180, 0.85), "cycling": (30, 0.40),
}  # fmt: skip
SEGMENTS = {"T": (r"^TR[AB]V", 2.2), "B cell": (r"^IG[HK]V", 9.0)}  # V genes: pattern, CP10k together


@dataclass(frozen=True)
class Key:
    """What decides a cell's expected profile."""

    kind: str
    cycling: bool = False
    activity: float = 1.0
    origin: str = "donor"


@dataclass
class Biology:
    """Log2 levels and effects of one simulated study; build it with `biology`."""

    genes: pd.Index
    mito: NDArray[np.bool_]
    log_levels: dict[str, NDArray[np.float64]]  # kind -> log2 CP10k, nuclear genes
    cycling: NDArray[np.float64]  # log2 effect
    batch: NDArray[np.float64]  # log2, added half and half with opposite sign
    planted: dict[str, NDArray[np.float64]]  # T state -> log2 effect, peak over product
    female: NDArray[np.bool_]
    male: NDArray[np.bool_]
    segments: dict[str, NDArray[np.intp]]
    size: NDArray[np.float64]  # NB size of each gene
    programmes: dict[str, set[str]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)  # of the planted terms
    decoys: dict[str, set[str]] = field(default_factory=dict)

    @cached_property
    def mito_profile(self) -> NDArray[np.float64]:
        """Shares of the mitochondrial genes among mitochondrial UMIs."""
        values = pd.Series(prog.MITOCHONDRIAL).reindex(self.genes).fillna(0.0).to_numpy()
        return values / values.sum()

    def profile(self, key: Key, *, sign: float, at_peak: bool) -> NDArray[np.float64]:
        """Shares of the nuclear genes in a cell of `key`; `sign` is the side of the batch, -1 or 1."""
        levels = self.log_levels[key.kind]
        if key.kind in prog.T_STATES:
            middle = self._t_mean
            levels = middle + key.activity * (levels - middle)
            levels = np.where(self._markers, self.log_levels[key.kind], levels)
            if at_peak:
                levels = levels + self.planted[key.kind]
        if key.cycling:
            levels = levels + self.cycling
        values = np.exp2(levels + sign * self.batch / 2)
        values[self.mito] = 0.0
        values[self.male if key.origin == "recipient" else self.female] = 0.0
        return values / values.sum()

    @cached_property
    def _t_mean(self) -> NDArray[np.float64]:
        return np.mean([self.log_levels[s] for s in prog.T_STATES], axis=0)

    @cached_property
    def _markers(self) -> NDArray[np.bool_]:
        """Genes that no activity changes: a resting CD8 cell has its CD8A."""
        return self.genes.isin(["CD4", "CD8A", "CD8B", "FOXP3", "CD40LG", "CD3D", "CD3E", "CD3G", "TRAC"])


def biology(genes: pd.DataFrame, terms: dict[str, set[str]], *, variant: Variant, seed: int) -> Biology:
    """Draw the levels and effects of a study over `genes` (columns symbol, chromosome, type)."""
    rng = np.random.default_rng([seed, 1])
    index = pd.Index(genes["symbol"])
    base = _base(genes, set().union(*terms.values()), rng)
    named = _named_levels(index)
    carriers = _carriers(index, terms, rng)
    log_levels = _kinds(index, base, named, carriers, rng)
    programmes = {name: set(frame) for name, frame in _named_programmes(named).items()}
    weak = _weak_programmes(index, base, set(named.index) | set(carriers) | set(prog.CULTURE), rng)
    for name, effects in weak.items():
        programmes.setdefault(name, set()).update(index[effects != 0])
        for kind in () if name == "cycling" else _KINDS_OF.get(name, (name,)):
            log_levels[kind] = log_levels[kind] + effects
    cycling, cyclers = _cycling(index, weak)
    programmes["cycling"] = cyclers
    segments = _segments(index, log_levels)
    batch = np.clip(rng.normal(0, BATCH_SD, len(index)), -BATCH_LIMIT * BATCH_SD, BATCH_LIMIT * BATCH_SD)
    return Biology(
        genes=index,
        mito=index.str.startswith("MT-"),
        log_levels=log_levels,
        cycling=cycling,
        batch=batch,
        planted=_planted(index, carriers, variant, rng),
        female=index.isin(list(prog.SEX_FEMALE)),
        male=index.isin(list(prog.SEX_MALE)),
        segments=segments,
        size=_sizes(base, rng),
        programmes=programmes,
        members={t: terms[t] & set(index) for t in prog.TERMS},
        decoys={t: terms[t] & set(index) for t in prog.DECOYS},
    )


_KINDS_OF = {
    "naive": ("CD4 Tn", "CD8 Tn"),
    "effector": ("CD4 Tem", "CD8 Teff"),
    "CD4": prog.CD4_STATES,
    "CD8": ("CD8 Tn", "CD8 Teff"),
    "T": prog.T_STATES,
}


def _base(genes: pd.DataFrame, special: set[str], rng: np.random.Generator) -> NDArray[np.float64]:
    """Log2 CP10k of a blood cell: named genes as given, the rest a mixture of expressed and silent genes.

    Members of the planted and decoy terms (`special`) are mostly silent where they carry nothing: much of
    an immune term belongs to other tissues.
    """
    n = len(genes)
    symbols = genes["symbol"]
    rare = np.where(genes["type"] == "lncRNA", 0.8, np.where(symbols.isin(special), SILENT_SPECIAL, SILENT))
    silent = rng.random(n) < rare
    silent |= symbols.str.contains(TISSUE).to_numpy() | genes["type"].isin(["TR", "IG"]).to_numpy()
    values = np.where(silent, rng.normal(-8.0, 1.2, n), rng.normal(-2.75, 1.75, n))
    values = np.minimum(values, 2.6)
    ribosomal = symbols.str.match(r"^RP[LS]\d+[A-Z]?\d*$|^RPLP\d$|^RPSA$").to_numpy()
    share = rng.lognormal(0, 0.55, n) * ribosomal
    with np.errstate(divide="ignore"):
        values = np.where(ribosomal, np.log2(prog.RIBOSOMAL_TOTAL * share / share.sum()), values)
    known = {**prog.EVERYWHERE, **prog.CYCLING_BASES, **prog.SEX_FEMALE, **prog.SEX_MALE}
    _put(values, pd.Index(symbols), {gene: np.log2(level) for gene, level in known.items()})
    return values


def _put(values: NDArray[np.float64], index: pd.Index, known: dict[str, float]) -> None:
    """Set `values` of the genes in `known`, passing over those that the study lacks."""
    positions = index.get_indexer(pd.Index(known))
    values[positions[positions >= 0]] = np.array(list(known.values()))[positions >= 0]


def _named_levels(index: pd.Index) -> pd.DataFrame:
    """CP10k of the known genes in the nucleated kinds."""
    frame = pd.DataFrame.from_dict(prog.levels(), orient="index", columns=list(prog.NUCLEATED))
    return frame.loc[frame.index.isin(index)]


def _named_programmes(named: pd.DataFrame) -> dict[str, pd.Index]:
    """The kinds' named genes: twice the mean of the nucleated kinds or more."""
    mean = np.log2(named).mean(axis=1)
    return {kind: named.index[np.log2(named[kind]) > mean + 1] for kind in named.columns}


def _carriers(index: pd.Index, terms: dict[str, set[str]], rng: np.random.Generator) -> dict[str, float]:
    """Genes that carry the planted terms, with their level in the product (CP10k) unless a table has one."""
    listed = sorted(set().union(*(set(prog.TERMS[t].split()) & terms[t] for t in prog.TERMS)))
    draws = np.exp2(rng.uniform(np.log2(0.5), np.log2(2.0), len(listed)))
    return {gene: float(level) for gene, level in zip(listed, draws) if gene in index}


def _kinds(
    index: pd.Index,
    base: NDArray[np.float64],
    named: pd.DataFrame,
    carriers: dict[str, float],
    rng: np.random.Generator,
) -> dict[str, NDArray[np.float64]]:
    """Log2 CP10k of every kind: base, the lineage's own deviation, then the known genes."""
    result = {}
    lineage = {"T": 0.0, "NK cell": 0.5, "B cell": 0.7, "Monocyte/DC": 1.2, "Red cell": 0.8, "Platelet": 0.9}
    deviation = {
        name: rng.normal(0, sd, len(index)) * (rng.random(len(index)) < 0.35) if sd else np.zeros(len(index))
        for name, sd in lineage.items()
    }
    for kind in prog.KINDS:
        values = base + deviation["T" if kind in prog.T_STATES else kind]
        if kind == "Monocyte/DC":
            values = values - 0.7 * index.str.match(r"^RP[LS]")
        special = {"Red cell": (prog.RED, -3.2), "Platelet": (prog.PLATELET, -1.6)}.get(kind)
        table = named[kind] if special is None else named.min(axis=1)
        levels = {gene: level for gene, (_, level) in prog.CULTURE.items() if level}
        levels |= carriers | {str(gene): float(level) for gene, level in table.items()}
        levels |= {gene: max(level / 30, 0.01) for gene, level in prog.CYCLING.items()}
        silent = set(prog.RED) - set(prog.EVERYWHERE) - set(named.index) - {"UBB", "SNCA"}
        silent |= set(prog.PLATELET) - set(prog.EVERYWHERE) - set(named.index)
        levels |= dict.fromkeys(silent, 0.01)
        if special is not None:
            values = values + special[1]
            levels = {gene: level * 2 ** special[1] for gene, level in levels.items()} | special[0]
        _put(values, index, {gene: float(np.log2(level)) for gene, level in levels.items()})
        result[kind] = values
    return result


def _weak_programmes(
    index: pd.Index, base: NDArray[np.float64], taken: set[str], rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Programmes' many weaker genes: log2 effects (0 for genes that are not in it)."""
    reserved = taken | set(prog.CYCLING) | set(prog.CYCLING_BASES) | set(prog.EVERYWHERE) | set(prog.KILLING)
    free = ~index.isin(list(reserved)) & ~index.str.match(r"^(MT-|TR[ABDG]|IG[HKL]|HB|RP[LS])")
    eligible = np.flatnonzero(free & (base > -2.6) & (base < 2.6))
    weights = 2.0 ** (0.7 * base[eligible])
    result = {}
    for name, (number, sd) in WEAK.items():
        chosen = rng.choice(eligible, number, replace=False, p=weights / weights.sum())
        effects = np.zeros(len(index))
        effects[chosen] = np.clip(rng.normal(0.12, sd, number), -1.8, 1.8)
        result[name] = effects
    cycling = result["cycling"]
    cycling[cycling != 0] = np.abs(cycling[cycling != 0])
    return result


def _cycling(index: pd.Index, weak: dict[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], set[str]]:
    """Log2 effect of cycling on each gene, and the genes' names."""
    effects = weak["cycling"].copy()
    on_off = {gene: float(np.log2(level / max(level / 30, 0.01))) for gene, level in prog.CYCLING.items()}
    _put(effects, index, on_off | prog.CYCLING_EFFECTS)
    return effects, set(index[effects != 0])


def _segments(index: pd.Index, log_levels: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.intp]]:
    """Positions of the V genes; their levels are set to an equal share in the cells that use them."""
    result = {}
    for name, (pattern, total) in SEGMENTS.items():
        positions = np.flatnonzero(index.str.contains(pattern))
        result[name] = positions
        for kind in _KINDS_OF.get(name, (name,)):
            log_levels[kind][positions] = np.log2(total / len(positions))
    return result


def _planted(
    index: pd.Index, carriers: dict[str, float], variant: Variant, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Log2 effects, peak over product, of each gene in each T state."""
    result = {state: np.zeros(len(index)) for state in prog.T_STATES}
    positions = index.get_indexer(pd.Index(carriers))
    strengths = rng.uniform(1.0, 1.8, len(positions))
    for state, effects in result.items():
        effects[positions] = strengths
        _put(effects, index, {gene: effect for gene, (effect, _) in prog.CULTURE.items()})
        if state in prog.CD4_STATES:
            _put(effects, index, prog.KILLING)
    sign = {"paper": 1.0, "null": 0.0, "reversed": -1.0}[variant]
    return {state: sign * effects for state, effects in result.items()}


def _sizes(base: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """NB size of each gene: about 3, larger (less dispersed) for genes that are expressed highly."""
    return np.exp(rng.normal(np.log(3.0), 0.5, len(base))) * np.exp2(np.clip(base, 0, 5) * 0.5)
