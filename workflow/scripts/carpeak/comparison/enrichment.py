"""Over-representation of gene sets among changed genes (hypergeometric test, by gseapy).

The background is the tested genes of the same comparison, never the whole genome. Terms are kept by
their size within the background.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from . import ambient_marks
from .gene_sets import GeneSet

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ..settings import ChangeLimits, EnrichmentLimits

DIRECTIONS = {"up": 1, "down": -1}
COLUMNS = [
    *("population", "group", "direction", "library", "term_id", "term", "overlap", "set_size"),
    *("odds_ratio", "p_value", "p_adjusted", "genes"),
]


@dataclass(frozen=True)
class GeneSetMatrix:
    """A library as a matrix: `members` is sets x `genes` (sorted), one where the gene belongs to the set."""

    sets: Sequence[GeneSet]
    genes: NDArray[Any]
    members: sparse.csr_matrix

    @classmethod
    def of(cls, sets: Sequence[GeneSet]) -> GeneSetMatrix:
        """Build the matrix of `sets`."""
        genes = sorted({gene for one in sets for gene in one.genes})
        place = {gene: number for number, gene in enumerate(genes)}
        indices = np.fromiter((place[gene] for one in sets for gene in one.genes), dtype=np.int64)
        indptr = np.concatenate([[0], np.cumsum([len(one.genes) for one in sets])])
        shape = (len(sets), len(genes))
        members = sparse.csr_matrix((np.ones(len(indices), dtype=np.int64), indices, indptr), shape=shape)
        return cls(sets, np.array(genes, dtype=object), members)

    def only(self, genes: Collection[str]) -> GeneSetMatrix:
        """The same sets, cut to `genes`."""
        kept = np.flatnonzero([gene in genes for gene in self.genes])
        return GeneSetMatrix(self.sets, self.genes[kept], self.members[:, kept])

    def sizes(self) -> NDArray[np.int64]:
        """The number of genes of each set."""
        return np.diff(self.members.indptr)

    def of_set(self, number: int) -> list[str]:
        """The genes of set `number`, sorted."""
        start, end = self.members.indptr[number : number + 2]
        return list(self.genes[np.sort(self.members.indices[start:end])])


def changed(de: pd.DataFrame, direction: str, limits: ChangeLimits) -> pd.Series:
    """Which rows of a DE table count as changed up or down; none that is marked as ambient RNA."""
    change = DIRECTIONS[direction] * de["log2_fold_change"]
    found = (de["p_adjusted"] < limits.adjusted_p) & (change >= limits.log2_fold_change) & (change > 0)
    return found & ~ambient_marks.is_marked(de)


def over_representation(
    de: pd.DataFrame,
    libraries: Mapping[str, GeneSetMatrix],
    *,
    limits: EnrichmentLimits,
    named: Collection[str] = (),
) -> pd.DataFrame:
    """Test every set of every library in every population, group and direction of `de`.

    `de` is a DE table of one depth and variant. By `limits`, a gene is changed below
    ``adjusted_p`` and from ``log2_fold_change`` on, and sets with ``min_size`` to ``max_size`` genes in the
    background are tested, and those
    whose ids are `named`, whatever their size. p is adjusted by Benjamini-Hochberg over all tested sets of
    a library, those without any changed gene (p = 1) included; only sets with changed genes are listed.
    Columns: `COLUMNS`; `odds_ratio` has 0.5 added to each cell of the 2 x 2 table (Haldane-Anscombe), as
    gseapy does it.
    """
    import pandas as pd

    tables = []
    for place, part in de.groupby(["population", "group"], sort=False):
        population, group = map(str, place)  # type: ignore[arg-type]
        background = set(part["gene"])
        measured = {name: library.only(background) for name, library in libraries.items()}
        for direction in DIRECTIONS:
            which = changed(part, direction, limits)
            query = set(part["gene"][which])
            for name, library in measured.items():
                is_named = np.array([one.term_id in named for one in library.sets])
                size = library.sizes()
                is_tested = ((size >= limits.min_size) & (size <= limits.max_size)) | is_named
                table = _test(library, is_tested, query, background)
                tables.append(
                    table.assign(population=population, group=group, direction=direction, library=name)
                )
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else pd.DataFrame(columns=COLUMNS)


def _test(
    library: GeneSetMatrix, is_tested: NDArray[np.bool_], query: set[str], background: set[str]
) -> pd.DataFrame:
    """The tested sets of `library` (cut to `background`) that hold genes of `query`, by p and then id."""
    import pandas as pd
    from scipy.stats import false_discovery_control

    found = library.only(query)
    size, overlap = library.sizes(), found.sizes()
    hits = np.flatnonzero(is_tested & (overlap > 0))
    p_value, odds_ratio = np.ones(len(size)), np.zeros(len(size))
    p_value[hits], odds_ratio[hits] = _ask(library, hits, overlap, query, background)
    p_adjusted = np.ones(len(size))
    if is_tested.any():
        p_adjusted[is_tested] = false_discovery_control(p_value[is_tested], method="bh")
    order = sorted(map(int, hits), key=lambda n: (p_value[n], library.sets[n].term_id))
    return pd.DataFrame(
        {
            "term_id": [library.sets[n].term_id for n in order],
            "term": [library.sets[n].term for n in order],
            "overlap": overlap[order],
            "set_size": size[order],
            "odds_ratio": odds_ratio[order],
            "p_value": p_value[order],
            "p_adjusted": p_adjusted[order],
            "genes": [";".join(found.of_set(n)) for n in order],
        }
    )


def _ask(
    library: GeneSetMatrix, hits: NDArray[Any], overlap: NDArray[Any], query: set[str], background: set[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give p and odds ratio, by gseapy, of the sets `hits`.

    Within one query both depend on overlap and size alone, so gseapy is asked once for each pair of them:
    it takes sets one by one, and thousands of sets share a few hundred pairs. `gseapy.enrich` itself is
    not used: it adjusts p over the sets with hits only and may turn gene names into upper case.
    """
    from gseapy.stats import calc_pvalues

    pairs = np.column_stack([overlap[hits], library.sizes()[hits]])
    _, first, which = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    asked = {number: library.of_set(int(hits[n])) for number, n in enumerate(first)}
    answers = list(calc_pvalues(query, asked, background=background)) if asked else [[], [], []]
    p_value, odds_ratio = np.zeros(len(asked)), np.zeros(len(asked))
    p_value[list(answers[0])], odds_ratio[list(answers[0])] = answers[1], answers[2]
    return p_value[which.ravel()], odds_ratio[which.ravel()]


def sensitivity(
    de: pd.DataFrame,
    de_sensitivity: pd.DataFrame,
    libraries: Mapping[str, GeneSetMatrix],
    *,
    groups: Collection[tuple[str, str]],
    limits: EnrichmentLimits,
    named: Collection[str] = (),
) -> pd.DataFrame:
    """The same at full depth, on clusters without Harmony and with CAR+ from one UMI on, by `variant`.

    Only for `groups` (population, group): those that claims ask for. `de_sensitivity` has the column
    `variant`; `libraries`, `limits` and `named` as in `over_representation`.
    """
    import pandas as pd

    varied = de_sensitivity[de_sensitivity["depth"] == "equal"]
    variants = {"full_depth": de[de["depth"] == "full"]}
    variants |= {name: varied[varied["variant"] == name] for name in ("unintegrated", "umi_rule")}
    tables = []
    for name, table in variants.items():
        wanted = pd.MultiIndex.from_frame(table[["population", "group"]]).isin([tuple(g) for g in groups])
        found = over_representation(table[wanted], libraries, limits=limits, named=named)
        tables.append(found.assign(variant=name))
    filled = [table for table in tables if len(table)] or tables[:1]
    return pd.concat(filled, ignore_index=True)[["variant", *COLUMNS]]
