"""Gene sets over-represented among changed genes (hypergeometric test).

The background is what could have been found: the tested genes of the same comparison that any set of the
library names and that ambient RNA does not explain. Genes without any annotation would make every annotated
list look special; genes marked as ambient RNA are in neither the list nor the background. The test is
scipy's, for all sets at once: gseapy, which gives the same numbers, takes sets one by one.
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
    *("query", "background", "odds_ratio", "p_value", "p_adjusted", "leader", "genes"),
]
FOLDED_BELOW = 0.05  # adjusted p of the terms among which redundant ones are folded
SHARED = 2 / 3  # of a term's changed genes in a leader from which it says nothing of its own


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
    a library, those without any changed gene (p = 1) included; only sets with changed genes are listed, and
    those that are named.
    Columns: `COLUMNS`; `query` and `background` are the numbers of genes tested against each other,
    `odds_ratio` has 0.5 added to each cell of the 2 x 2 table (Haldane-Anscombe), `leader` is the term that
    stands for a redundant one (see `leaders`).
    """
    import pandas as pd

    tables = []
    for place, part in de.groupby(["population", "group"], sort=False):
        population, group = map(str, place)  # type: ignore[arg-type]
        usable = set(part["gene"][~ambient_marks.is_marked(part)])
        measured = {name: library.only(usable) for name, library in libraries.items()}
        for direction in DIRECTIONS:
            which = changed(part, direction, limits)
            query = set(part["gene"][which])
            for name, library in measured.items():
                is_named = np.array([one.term_id in named for one in library.sets])
                size = library.sizes()
                is_tested = ((size >= limits.min_size) & (size <= limits.max_size)) | is_named
                table = _test(library, is_tested, query, is_named)
                tables.append(
                    table.assign(population=population, group=group, direction=direction, library=name)
                )
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else pd.DataFrame(columns=COLUMNS)


def _test(
    library: GeneSetMatrix,
    is_tested: NDArray[np.bool_],
    query: set[str],
    is_named: NDArray[np.bool_],
) -> pd.DataFrame:
    """The tested sets of `library` (cut to the background), by p and then id.

    Listed are sets that hold genes of `query`, and those that are named: of a set in question it is to be
    read that none of its genes changed.
    """
    import pandas as pd
    from scipy.stats import false_discovery_control

    found = library.only(query)
    size, overlap = library.sizes(), found.sizes()
    hits = np.flatnonzero(is_tested & ((overlap > 0) | (is_named & (size > 0))))
    n_query, n_background = len(found.genes), len(library.genes)
    p_value = np.ones(len(size))
    p_value[hits] = tail(overlap[hits], size[hits], n_query, n_background)
    p_adjusted = np.ones(len(size))
    if is_tested.any():
        p_adjusted[is_tested] = false_discovery_control(p_value[is_tested], method="bh")
    order = sorted(map(int, hits), key=lambda n: (p_value[n], library.sets[n].term_id))
    a, m = overlap[order] + 0.5, size[order] + 1.0
    odds = a * (n_background - m - n_query + a + 1) / ((m - a) * (n_query - a + 1))
    ids = [library.sets[n].term_id for n in order]
    return pd.DataFrame(
        {
            "term_id": ids,
            "term": [library.sets[n].term for n in order],
            "overlap": overlap[order],
            "set_size": size[order],
            "query": n_query,
            "background": n_background,
            "odds_ratio": odds,
            "p_value": p_value[order],
            "p_adjusted": p_adjusted[order],
            "leader": leaders(ids, found.members[order], p_adjusted[order]),
            "genes": [";".join(found.of_set(n)) for n in order],
        }
    )


def tail(overlap: NDArray[Any], size: NDArray[Any], n_query: int, n_background: int) -> NDArray[np.float64]:
    """P of at least `overlap` genes of a set of `size` in a list of `n_query` out of `n_background`.

    Within one list p depends on overlap and size alone, and thousands of sets share a few hundred pairs.
    """
    from scipy.stats import hypergeom

    pairs, which = np.unique(np.column_stack([overlap, size]), axis=0, return_inverse=True)
    p: NDArray[np.float64] = hypergeom.sf(pairs[:, 0] - 1, n_background, pairs[:, 1], n_query)
    return p[which.ravel()]


def leaders(ids: Sequence[str], members: sparse.csr_matrix, p_adjusted: NDArray[np.float64]) -> list[str]:
    """For every term the one that stands for it: itself, or a term before it; "" where it is not significant.

    `members`: terms, by rising p, x changed genes. A term below `FOLDED_BELOW` is folded into the first
    leader that holds at least `SHARED` of its changed genes.
    """
    found = [""] * len(ids)
    lead: list[int] = []
    significant = np.flatnonzero(p_adjusted < FOLDED_BELOW)
    shared = (members[significant] @ members[significant].T).toarray()
    for n, place in enumerate(significant):
        before = [one for one in lead if shared[n, one] >= SHARED * shared[n, n]]
        if not before:
            lead.append(n)
        found[place] = ids[significant[before[0] if before else n]]
    return found


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
