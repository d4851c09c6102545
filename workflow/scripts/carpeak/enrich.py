"""Over-representation of gene sets among changed genes (hypergeometric test, by gseapy).

The background is the tested genes of the same comparison, never the whole genome. Terms are kept by
their size within the background.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse, stats

from .gene_sets import GeneSet

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

DIRECTIONS = {"up": 1, "down": -1}
COLUMNS = [
    *("population", "group", "direction", "library", "term_id", "term", "overlap", "set_size"),
    *("odds_ratio", "p_value", "p_adjusted", "genes"),
]


@dataclass(frozen=True)
class Library:
    """A library as a matrix: `members` is sets x `genes`, one where the gene belongs to the set."""

    sets: Sequence[GeneSet]
    genes: NDArray[Any]
    members: sparse.csr_matrix

    @classmethod
    def of(cls, sets: Sequence[GeneSet]) -> Library:
        """Build the matrix of `sets`."""
        genes = sorted({gene for one in sets for gene in one.genes})
        place = {gene: number for number, gene in enumerate(genes)}
        indices = np.fromiter((place[g] for one in sets for g in one.genes), dtype=np.int64)
        indptr = np.concatenate([[0], np.cumsum([len(one.genes) for one in sets])])
        shape = (len(sets), len(genes))
        members = sparse.csr_matrix((np.ones(len(indices), dtype=np.int64), indices, indptr), shape=shape)
        return cls(sets, np.array(genes, dtype=object), members)

    def has(self, genes: set[str]) -> NDArray[np.int64]:
        """For each gene of the library, one where it is among `genes`."""
        return np.fromiter((gene in genes for gene in self.genes), dtype=np.int64, count=len(self.genes))

    def within(self, number: int, genes: set[str]) -> list[str]:
        """The genes of set `number` that are among `genes`, sorted."""
        return [gene for gene in self.sets[number].genes if gene in genes]


def changed(de: pd.DataFrame, direction: str, *, adjusted_p: float, log2_fold_change: float) -> pd.Series:
    """Which rows of a DE table count as changed up or down."""
    change = DIRECTIONS[direction] * de["log2_fold_change"]
    return (de["p_adjusted"] < adjusted_p) & (change >= log2_fold_change) & (change > 0)


def over_representation(
    de: pd.DataFrame,
    libraries: Mapping[str, Library],
    *,
    adjusted_p: float,
    log2_fold_change: float,
    min_size: int,
    max_size: int,
) -> pd.DataFrame:
    """Test every set of every library in every population, group and direction of `de`.

    `de` is a DE table of one depth and variant. A gene is changed below `adjusted_p` and from
    `log2_fold_change` on. Sets with `min_size` to `max_size` genes in the background are tested. p is
    adjusted by Benjamini-Hochberg over all tested sets of a library, those without any changed gene
    (p = 1) included; only sets with changed genes are listed. Columns: `COLUMNS`; `odds_ratio` has 0.5
    added to each cell of the 2 x 2 table (Haldane-Anscombe), as gseapy does it.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for (population, group), part in de.groupby(["population", "group"], sort=False):
        background = set(part["gene"])
        for direction in DIRECTIONS:
            which = changed(part, direction, adjusted_p=adjusted_p, log2_fold_change=log2_fold_change)
            query = set(part["gene"][which])
            for name, library in libraries.items():
                place = {"population": population, "group": group, "direction": direction, "library": name}
                tested = _test(library, query, background, min_size, max_size)
                rows.extend(place | row for row in tested)
    return pd.DataFrame(rows, columns=COLUMNS)


def _test(
    library: Library, query: set[str], background: set[str], smallest: int, largest: int
) -> Iterator[dict[str, Any]]:
    """Rows of the sets that hold genes of `query`, by p and then id."""
    size = library.members @ library.has(background)
    overlap = library.members @ library.has(query)
    is_tested = (size >= smallest) & (size <= largest)
    pairs: dict[tuple[int, int], list[int]] = {}
    for index in np.flatnonzero(is_tested & (overlap > 0)):
        pairs.setdefault((int(overlap[index]), int(size[index])), []).append(int(index))
    answers = _ask(library, [numbers[0] for numbers in pairs.values()], query, background)
    found = {number: answers[numbers[0]] for numbers in pairs.values() for number in numbers}
    p_value = np.ones(len(size))
    p_value[list(found)] = [p for p, _ in found.values()]
    p_adjusted = np.ones(len(size))
    if is_tested.any():
        p_adjusted[is_tested] = stats.false_discovery_control(p_value[is_tested], method="bh")
    for number in sorted(found, key=lambda n: (p_value[n], library.sets[n].term_id)):
        one = library.sets[number]
        yield {
            "term_id": one.term_id,
            "term": one.term,
            "overlap": int(overlap[number]),
            "set_size": int(size[number]),
            "odds_ratio": found[number][1],
            "p_value": p_value[number],
            "p_adjusted": p_adjusted[number],
            "genes": ";".join(library.within(number, query)),
        }


def _ask(
    library: Library, numbers: Sequence[int], query: set[str], background: set[str]
) -> dict[int, tuple[float, float]]:
    """Give p and odds ratio by gseapy of one set for each pair of overlap and size.

    Within one query both depend on these two counts alone. gseapy takes sets one by one, and thousands
    of sets share a few hundred pairs. `gseapy.enrich` itself is not used: it adjusts p over the sets
    with hits only and may turn gene names into upper case.
    """
    from gseapy.stats import calc_pvalues

    sets = {number: library.within(number, background) for number in numbers}
    answers = list(calc_pvalues(query, sets, background=background)) if sets else []
    return {number: (float(p), float(odds)) for number, p, odds, *_ in zip(*answers, strict=True)}


def sensitivity(de: pd.DataFrame, de_sensitivity: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """The same at full depth and on clusters without Harmony, with the column `variant` in front.

    `de_sensitivity` has the column `variant`. `options` and the other columns as in `over_representation`.
    """
    import pandas as pd

    unintegrated = de_sensitivity[de_sensitivity["variant"] == "unintegrated"]
    variants = {
        "full_depth": de[de["depth"] == "full"],
        "unintegrated": unintegrated[unintegrated["depth"] == "equal"],
    }
    tables = [over_representation(table, **options) for table in variants.values()]
    for name, table in zip(variants, tables, strict=True):
        table.insert(0, "variant", name)
    filled = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(filled, ignore_index=True)
