"""T-cell states: a chance for every state of both schemes, and the finest name that it carries.

A cell stands on five axes (CD4 or CD8; naive or memory; effector memory; cytotoxic; regulatory), each judged
within the cell's own library, so that other libraries and their integration change nothing. A state is a
combination of ends (config/markers.yaml, `axes`). Where no state is likely, a coarser name is given openly.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from ..names import UNASSIGNED
from ..stats import matrix
from . import axes, lineages, posterior, programmes
from .markers import T_LINEAGES, coarse_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

WITHIN = ("treg", "memory", "effector", "cytotoxic")  # axes within a lineage, in the order they are asked
LINES = ("weights", "ranks")  # the two lines of evidence; the first names the cells
LEAST_PROBABILITY = 0.5  # a state must be likelier than all others together ...
COARSE_PROBABILITY = 0.8  # ... a name that joins several, likelier by so much
LINEAGE_PROBABILITY = 0.8  # below, neither CD4 nor CD8
DISPERSION = 0.5  # of the negative binomial of one gene's UMIs; low, since a zero is weak evidence
MAX_EVIDENCE, PSEUDOCELLS = 6.0, 5.0
# So rare an end must not follow the library's commoner programmes, nor the other cells' offset.
REGULATORY_ODDS, REGULATORY_TAUGHT = 0.5, 1.0
LEAST_FOXP3, FOXP3_RATIO = 3.0, 2.0  # UMIs of regulatory cells, and times the rate of other CD4 cells
TOLD_APART = 0.75  # expected share of cells on the right side of an axis; below, a library does not tell
TOLD_APART_STATE = 0.6  # expected precision and recall of a state; below, a library does not tell it
LEAST_EXPECTED = 5.0  # cells; of fewer nothing can be said
CYCLING_SCORE = 0.3


@dataclass(frozen=True)
class Chances:
    """P(high end) of every T cell on each axis (columns of `frame`), and what was found per library."""

    frame: pd.DataFrame
    found: pd.DataFrame


def label_states(
    cells: lineages.Cells, markers: Mapping[str, Any], model: axes.Model
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], pd.DataFrame]:
    """Name the state of every T cell in all schemes of `markers`, by both lines of evidence.

    Returns a frame with t_lineage, probability_cd8 and, per scheme, t_state_SCHEME (from the weighted axes),
    probability_SCHEME, margin_SCHEME, score_SCHEME, t_state_ranks_SCHEME (from the rank scores),
    agreement_SCHEME and chance_SCHEME_STATE, and programme_NAME (rank scores); the rank scores of the states'
    marker genes (cells x states) per scheme; and per library and axis how well its ends can be told apart
    (see `posterior.high_end`).
    """
    merged, ranks, found = _libraries(cells, model)
    chance = merged["weights"]["cd8"].to_numpy()
    columns: dict[str, Any] = {
        "t_lineage": lineage_names(chance),
        "probability_cd8": chance.astype(np.float32),
    }
    schemes, scores = markers["t_states"], {}
    genes = [state["genes"] for states in schemes.values() for state in states.values()]
    ranked = programmes.scores(cells.counts, cells.genes, genes)  # of all schemes: ranks take longest
    ends = np.cumsum([len(states) for states in schemes.values()])[:-1]
    for (scheme, states), own in zip(schemes.items(), np.split(ranked, ends, axis=1), strict=True):
        scores[scheme] = pd.DataFrame(own, columns=[*states])
        columns |= _scheme(scheme, states, markers, merged, own)
    return pd.DataFrame(columns).join(ranks), scores, found


def _libraries(
    cells: lineages.Cells, model: axes.Model
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, pd.DataFrame]:
    """Chances by line of evidence, rank scores, and what was found, library by library."""
    both: dict[str, list[pd.DataFrame]] = {line: [] for line in LINES}
    found, ranked = [], []
    for sample in np.unique(cells.samples):
        inside = np.flatnonzero(cells.samples == sample)
        chances, ranks = _library(cells, inside, model)
        for line in LINES:
            both[line].append(chances[line].frame)
            found.append(chances[line].found.assign(sample=sample, line=line))
        ranked.append(ranks)
    order = range(len(cells.cells))
    merged = {line: pd.concat(parts).reindex(order) for line, parts in both.items()}
    ranks = pd.concat(ranked).reindex(order).add_prefix("programme_").astype(np.float32)
    return merged, ranks, pd.concat(found, ignore_index=True)[FOUND_COLUMNS]


FOUND_COLUMNS = [
    "sample", "line", "lineage", "axis", "cells", "genes", "share", "offset", "width", "separation",
    "certainty", "told_apart",
]  # fmt: skip


def _library(
    cells: lineages.Cells, inside: NDArray[np.intp], model: axes.Model
) -> tuple[dict[str, Chances], pd.DataFrame]:
    """Chances by line, and the programmes' rank scores, of the cells `inside`: one library."""
    counts = cells.counts[inside].tocsr()
    factors = matrix.size_factors(counts, exclude=cells.transgene)
    log_umis = np.log10(np.maximum(factors * 1e4, 1.0))
    wanted = model.genes()
    expression = axes.log_expression(counts, factors, cells.genes, wanted)
    around = axes.average(expression)
    place = {gene: i for i, gene in enumerate(wanted)}
    weighted = {
        name: expression[:, [place[gene] for gene in axis.weights]] @ np.array([*axis.weights.values()])
        for name, axis in model.axes.items()
    }
    found_ranks = programmes.scores(counts, cells.genes, list(model.programmes.values()))
    ranks = pd.DataFrame(found_ranks, columns=[*model.programmes], index=inside)
    by_rank = {name: rank_contrast(ranks, axis) for name, axis in model.axes.items()}
    measured = set(cells.genes)
    single = Markers(
        cd8a=umis_of("CD8A", counts, cells.genes),
        foxp3=umis_of("FOXP3", counts, cells.genes),
        factors=factors,
        programme=posterior.variable_components(counts, factors, cells.transgene),
    )
    chances = {}
    cd8 = None
    for line, values in (("weights", weighted), ("ranks", by_rank)):
        smoothed = {name: value + around @ value for name, value in values.items()}
        if cd8 is None:
            cd8 = probability_cd8(smoothed["cd8"], log_umis, model.axes["cd8"], single, measured)
        ends = {name: model.axes[name].ends(line, measured) for name in WITHIN}
        # the rank scores stand alone: no weights, no genes beyond the published programmes
        programme = single.programme if line == "weights" else None
        frame, found = _tree(smoothed, log_umis, (ends, model, single), cd8, programme)
        frame.index = inside
        found["genes"] = [sum(g in measured for g in model.axes[a].weights) for a in found["axis"]]
        chances[line] = Chances(frame, found)
    return chances, ranks


def rank_contrast(ranks: pd.DataFrame, axis: axes.Axis) -> NDArray[np.float64]:
    """Mean rank score of the programmes at the axis' high end minus that at its low end."""
    low, high = (
        ranks[[*names]].mean(axis=1).to_numpy() if names else np.zeros(len(ranks))
        for names in axis.programmes
    )
    return high - low


def umis_of(gene: str, counts: sparse.csr_matrix, genes: Sequence[str]) -> NDArray[np.float64]:
    """UMIs of `gene` in every cell; zeros where it was not measured."""
    genes = list(genes)
    if gene not in genes:
        return np.zeros(counts.shape[0])
    return counts[:, [genes.index(gene)]].toarray().ravel().astype(np.float64)


def shows_foxp3(
    chance: NDArray[np.float64],
    weight: NDArray[np.float64],
    umis: NDArray[np.float64],
    factors: NDArray[np.float64],
) -> bool:
    """Whether the cells at the regulatory end of a library have FOXP3 at a clearly higher rate than the rest.

    Activation and memory move the axis, too; without FOXP3 its high end is not regulatory cells.
    """
    high, low = weight * chance, weight * (1 - chance)
    rate_high, rate_low = ((w * umis).sum() / max((w * factors).sum(), 1e-9) for w in (high, low))
    return bool((high * umis).sum() >= LEAST_FOXP3 and rate_high >= FOXP3_RATIO * rate_low)


@dataclass(frozen=True)
class Markers:
    """What speaks for a lineage or state beside its axis, in one library: arrays over its cells.

    UMIs of CD8A and FOXP3, size `factors`, and the principal components `programme` of the library's
    variable genes.
    """

    cd8a: NDArray[np.float64]
    foxp3: NDArray[np.float64]
    factors: NDArray[np.float64]
    programme: NDArray[np.float64]


def probability_cd8(
    score: NDArray[np.float64],
    log_umis: NDArray[np.float64],
    axis: axes.Axis,
    other: Markers,
    measured: Collection[str],
) -> tuple[NDArray[np.float64], dict[str, float]]:
    """P(CD8) of one library's cells: from the axis, from CD8A, and from their programme in this library.

    RQR8 holds CD8A sequence, so that CD4 cells with the CAR may have CD8A UMIs. CD8A therefore has no
    weight on the axis; its rates among CD4 and CD8 cells of the library are estimated (negative binomial,
    EM), and it weighs as much as it then tells apart. So is the share of CD8 cells among cells of a
    programme: where cytotoxic cells are CD8 by their own UMIs, one without any probably is, too.
    """
    everyone = np.ones(len(score))

    def evidence(chance: NDArray[np.float64]) -> NDArray[np.float64]:
        ratio = _log_ratio(other.cd8a, other.factors, chance, everyone)
        return ratio + posterior.programme_odds(other.programme, chance, everyone)

    return posterior.high_end(
        score,
        log_umis,
        axis.ends("weights", measured),
        axis.share,
        weight=everyone,
        evidence=evidence,
        temper=axis.temper,
    )


def _evidence(
    name: str, programme: NDArray[np.float64] | None, single: Markers, weight: NDArray[np.float64]
) -> posterior.Evidence | None:
    """What speaks for an axis' high end beside its score: the library's programmes, FOXP3 for treg."""
    if programme is None:
        return None

    def evidence(chance: NDArray[np.float64]) -> NDArray[np.float64]:
        odds = posterior.programme_odds(programme, chance, weight)
        if name != "treg":
            return odds
        odds = np.clip(odds, -REGULATORY_ODDS, REGULATORY_ODDS)
        return odds + _log_ratio(single.foxp3, single.factors, chance, weight)

    return evidence


def _log_ratio(
    umis: NDArray[np.float64],
    factors: NDArray[np.float64],
    chance: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Log likelihood ratio of the high end against the low one from one gene's UMIs, at most MAX_EVIDENCE.

    The gene's rates are those of the library's cells, counted by `chance` and by `weight`.
    """
    overall = umis.sum() / factors.sum() if len(umis) else 0.0
    high, low = (
        ((w * umis).sum() + PSEUDOCELLS * overall) / ((w * factors).sum() + PSEUDOCELLS) * factors + 1e-9
        for w in (weight * chance, weight * (1 - chance))
    )
    ratio = umis * (np.log(high / (DISPERSION + high)) - np.log(low / (DISPERSION + low)))
    ratio = ratio + DISPERSION * np.log((DISPERSION + low) / (DISPERSION + high))
    return np.clip(ratio, -MAX_EVIDENCE, MAX_EVIDENCE)


def _tree(
    scores: Mapping[str, NDArray[np.float64]],
    log_umis: NDArray[np.float64],
    given: tuple[Mapping[str, axes.Ends], axes.Model, Markers],
    cd8: tuple[NDArray[np.float64], dict[str, float]],
    programme: NDArray[np.float64] | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """P(high end) on each axis within each lineage; every axis is asked of the cells it applies to."""
    ends, model, single = given
    columns = {"cd8": cd8[0]}
    found = [{"lineage": "T", "axis": "cd8"} | cd8[1]]
    for lineage, chance_of_lineage in (("CD4", 1 - cd8[0]), ("CD8", cd8[0])):
        left = chance_of_lineage  # of the cells that an axis is asked of
        for name in WITHIN:
            if name == "treg" and lineage == "CD8":
                columns["CD8 treg"] = np.zeros(len(left))
                continue
            axis = model.axes[name]
            chance, one = posterior.high_end(
                scores[name],
                log_umis,
                ends[name],
                axis.share,
                weight=left,
                evidence=_evidence(name, programme, single, left),
                taught=REGULATORY_TAUGHT if name == "treg" else posterior.TAUGHT,
                temper=axis.temper,
            )
            if name == "treg" and not shows_foxp3(chance, left, single.foxp3, single.factors):
                chance = np.full(len(chance), axis.share[0] / sum(axis.share))  # no more than is known anyway
                one |= {"share": float(chance[0]), "certainty": np.nan}
            columns[f"{lineage} {name}"] = chance
            found.append({"lineage": lineage, "axis": name} | one)
            left = left * (1 - chance if name == "treg" else chance)
    table = pd.DataFrame(found)
    table["told_apart"] = table["certainty"] >= TOLD_APART
    return pd.DataFrame(columns), table


def lineage_names(chance: NDArray[np.float64]) -> NDArray[np.object_]:
    """CD4, CD8 or unassigned, from P(CD8)."""
    names = np.where(chance >= 0.5, "CD8", "CD4").astype(object)
    names[np.maximum(chance, 1 - chance) < LINEAGE_PROBABILITY] = UNASSIGNED
    return names


def state_probability(chances: pd.DataFrame, states: Mapping[str, Any]) -> NDArray[np.float64]:
    """P(state) (cells x states): the lineage's chance times that of every end the state names."""
    result = np.ones((len(chances), len(states)))
    cd8 = chances["cd8"].to_numpy()
    for column, state in enumerate(states.values()):
        result[:, column] = cd8 if state["lineage"] == "CD8" else 1 - cd8
        for axis, end in state["axes"].items():
            chance = chances[f"{state['lineage']} {axis}"].to_numpy()
            result[:, column] *= chance if end == "high" else 1 - chance
    return result


def named(
    probability: NDArray[np.float64], states: Mapping[str, Any], coarser: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """The finest name that the chances carry: a frame (label, probability, margin).

    A state where its chance reaches LEAST_PROBABILITY; else the name in `coarser` (name: states) with the
    fewest states whose joint chance reaches COARSE_PROBABILITY; else CD4 or CD8 by the same rule; else
    `unassigned`. `probability` is that of the label given, `margin` its lead over the best state it
    leaves out.
    """
    names = list(states)
    order = np.sort(probability, axis=1)
    label = np.asarray(names, dtype=object)[probability.argmax(axis=1)]
    chance = order[:, -1].copy()
    rival = order[:, -2] if len(names) > 1 else np.zeros(len(order))
    open_ = chance < LEAST_PROBABILITY
    label[open_], chance[open_], rival[open_] = UNASSIGNED, 0.0, 0.0
    lineage = np.array([state["lineage"] for state in states.values()])
    unions = sorted(coarser.items(), key=lambda item: len(item[1]))
    unions += [(name, [n for n, one in zip(names, lineage) if one == name]) for name in T_LINEAGES]
    for name, members in unions:
        columns = np.isin(names, members)
        if not columns.any():
            continue
        joint = probability[:, columns].sum(axis=1)
        fits = open_ & (joint >= COARSE_PROBABILITY)
        label[fits], chance[fits] = name, joint[fits]
        rival[fits] = probability[fits][:, ~columns].max(axis=1, initial=0.0)
        open_ &= ~fits
    return pd.DataFrame({"label": label, "probability": chance, "margin": chance - rival})


def _scheme(
    scheme: str,
    states: Mapping[str, Any],
    markers: Mapping[str, Any],
    chances: Mapping[str, pd.DataFrame],
    scores: NDArray[np.float64],
) -> dict[str, Any]:
    coarser = markers.get("coarser", {}).get(scheme, {})
    probability = {line: state_probability(chances[line], states) for line in LINES}
    by_line = {line: named(probability[line], states, coarser) for line in LINES}
    first, second = by_line["weights"], by_line["ranks"]
    place = {name: i for i, name in enumerate(states)}
    column = first["label"].map(place)
    score = np.full(len(first), np.nan)
    known = column.notna().to_numpy()
    score[known] = scores[np.flatnonzero(known), column[known].astype(int)]
    return {
        f"t_state_{scheme}": first["label"],
        f"probability_{scheme}": first["probability"].astype(np.float32),
        f"margin_{scheme}": first["margin"].astype(np.float32),
        f"score_{scheme}": score.astype(np.float32),
        f"t_state_ranks_{scheme}": second["label"],
        f"agreement_{scheme}": agreement(first["label"], second["label"], states, coarser),
    } | {f"chance_{scheme}_{name}": probability["weights"][:, i] for i, name in enumerate(states)}


def agreement(
    first: pd.Series, second: pd.Series, states: Mapping[str, Any], coarser: Mapping[str, Sequence[str]]
) -> pd.Series:
    """Whether two names can be of one cell: they share a state, as `CD4 Tn` and `CD4 Tn/Tcm` do."""
    members = {name: {name} for name in states} | {name: set(listed) for name, listed in coarser.items()}
    members |= {
        lineage: {name for name, state in states.items() if state["lineage"] == lineage}
        for lineage in T_LINEAGES
    }
    members[UNASSIGNED] = set()
    together = {(a, b): bool(members[a] & members[b]) for a, b in product(members, members)}
    return pd.Series([together[pair] for pair in zip(first, second)], index=first.index, dtype=bool)


def resolution(
    frame: pd.DataFrame, samples: NDArray[np.str_], found: pd.DataFrame, markers: Mapping[str, Any]
) -> dict[str, Any]:
    """How well states can be told apart in each library, for tables and for claims that rest on them.

    `axes`: the rows of `found` (see `label_states`) of the first line of evidence. `states`: per library,
    scheme and state the number of cells so named, the `precision` expected of the name (mean probability),
    the `recall` expected (share of the state's summed probability that lies in cells so named), and
    `told_apart`: whether both reach TOLD_APART_STATE, missing where hardly a cell is expected to be of it.
    `coarser`: per scheme the names that join several states.
    """
    rows = []
    for sample in np.unique(samples):
        inside = samples == sample
        for scheme, states in markers["t_states"].items():
            label = frame.loc[inside, f"t_state_{scheme}"].to_numpy()
            for state in states:
                chance = frame.loc[inside, f"chance_{scheme}_{state}"].to_numpy(dtype=np.float64)
                named_so = label == state
                expected = float(chance.sum())
                precision = float(chance[named_so].mean()) if named_so.any() else None
                recall = float(chance[named_so].sum() / expected) if expected > 0 else None
                enough = min(precision or 0.0, recall or 0.0) >= TOLD_APART_STATE
                rows.append(
                    {
                        "sample": str(sample), "scheme": scheme, "state": state, "cells": int(named_so.sum()),
                        "expected_cells": round(expected, 1), "precision": precision, "recall": recall,
                        "told_apart": None if expected < LEAST_EXPECTED else bool(enough),
                    }
                )  # fmt: skip
    first = found[found["line"] == LINES[0]].drop(columns="line")
    coarser = {scheme: coarse_labels(markers, scheme) for scheme in markers["t_states"]}
    return {"axes": first.to_dict(orient="records"), "states": rows, "coarser": coarser}


def cycling(cells: lineages.Cells, genes: list[str]) -> NDArray[np.bool_]:
    """Whether a cell cycles: mean log expression of the listed genes, relative to the rest of its library.

    A cell cycles when it has UMIs of at least three of the genes and its mean log1p counts per 10,000
    exceeds the library's median by `CYCLING_SCORE`.
    """
    found, counts = cells.select(genes)
    if not found:
        return np.zeros(len(cells.cells), dtype=bool)
    mean = lineages.own_expression(counts, cells.factors(), found, {"cycling": {"genes": found}}).ravel()
    several = np.diff(counts.tocsr().indptr) >= min(3, len(found))
    result = np.zeros(len(mean), dtype=bool)
    for sample in np.unique(cells.samples):
        inside = cells.samples == sample
        result[inside] = several[inside] & (mean[inside] > np.median(mean[inside]) + CYCLING_SCORE)
    return result
