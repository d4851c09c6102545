"""The demo study, simulated to the paper's description of patient 4.

Two libraries with the properties that make such a study hard: depth and batch differ between them, cells are
damaged or come in pairs, ambient RNA carries CAR transcripts, and only a part of the transduced cells shows
its transgene. The truth is written beside them.
"""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import UserError
from ..io import read_table, write_table
from ..readers.write_tenx import write_folder
from . import cohort, design
from .library import Simulated, simulate_library
from .profiles import Biology, biology
from .programmes import DECOYS, TERMS
from .truth import cell_table, gene_table, term_table

LNCRNA = ("MALAT1", "NEAT1", "XIST", "MIR155HG", "LINC02446", "GAS5", "SNHG8", "EPB41L4A-AS1", "LINC-PINT")
LNCRNA_EVERY = 10  # of the other long non-coding genes, one in so many
SOFTWARE = "carpeak simulate"
MIN_CELLS = 200


def read_genes(path: str | Path) -> pd.DataFrame:
    """The genes of the demo's reference, about 20,000, in their order: symbol, gene_id, chromosome, type."""
    genes = read_table(path, dtype=str)
    lncrna = genes["type"] == "lncRNA"
    some = lncrna & (lncrna.cumsum() % LNCRNA_EVERY == 0)
    return genes[~lncrna | some | genes["symbol"].isin(LNCRNA)].reset_index(drop=True)


def read_terms(path: str | Path) -> dict[str, tuple[str, set[str]]]:
    """Name and members of the planted and the decoy terms, from a gene-set file keyed by GO id."""
    wanted = {*TERMS, *DECOYS}
    found = {}
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            term, name, *members = line.rstrip("\n").split("\t")
            if term in wanted:
                found[term] = name, set(members)
    if missing := sorted(wanted - set(found)):
        msg = f"{path}: lacks {', '.join(missing)}. Restore the file that came with carpeak."
        raise UserError(msg)
    return found


def simulate(
    genes: pd.DataFrame,
    terms: dict[str, tuple[str, set[str]]],
    *,
    cells: int = design.CELLS,
    variant: design.Variant = "paper",
    seed: int = 1,
    donors: int = 1,
) -> tuple[Biology, Sequence[Simulated] | Iterator[Simulated]]:
    """Simulate the study with `cells` captured cells in all libraries together.

    With several `donors` every one has two libraries, which come one after the other (those of 30 would not
    fit into memory), and the biology returned is what they have in common.
    """
    if variant not in design.VARIANTS:
        msg = f"demo.variant is '{variant}'. Choose one of {', '.join(design.VARIANTS)}."
        raise UserError(msg)
    if cells < MIN_CELLS:
        msg = f"demo.cells is {cells}. Simulate at least {MIN_CELLS} cells."
        raise UserError(msg)
    nature = biology(genes, {t: members for t, (_, members) in terms.items()}, variant=variant, seed=seed)
    if donors > 1:
        return nature, _cohort(nature, donors, cells=cells, variant=variant, seed=seed)
    product, peak = design.libraries(variant)
    first = round(product.share * cells)
    numbers = {product: first, peak: cells - first}
    return nature, [
        simulate_library(
            library, nature, number, at_peak=library is peak, rng=np.random.default_rng([seed, stream])
        )
        for stream, (library, number) in enumerate(numbers.items(), start=2)
    ]


def _cohort(
    nature: Biology, donors: int, *, cells: int, variant: design.Variant, seed: int
) -> Iterator[Simulated]:
    """The libraries of several donors, those of the first donor first."""
    for rank, donor in enumerate(cohort.donors(nature, donors, cells=cells, variant=variant, seed=seed)):
        for side, (library, number) in enumerate(donor.libraries):
            rng = np.random.default_rng([seed, 200, rank, side])
            at_peak = library.name.endswith("peak")
            yield simulate_library(library, donor.nature, number, at_peak=at_peak, rng=rng)


def write_study(
    folder: str | Path,
    genes: pd.DataFrame,
    names: dict[str, str],
    nature: Biology,
    libraries: Iterable[Simulated],
) -> None:
    """Write all libraries as Cell Ranger does, and the truth, into `folder`; each is let go once written."""
    folder = Path(folder)
    own = pd.DataFrame({"gene_id": list(design.FEATURES), "symbol": list(design.FEATURES)})
    features = pd.concat([genes[["gene_id", "symbol"]], own], ignore_index=True)
    cells, written = [], []
    for library in libraries:
        kept, raw = library.barcodes.cell, library.matrix
        for kind, matrix, barcodes in (
            ("filtered", raw[np.flatnonzero(kept)], library.names),
            ("raw", raw, library.barcodes.names),
        ):
            target = folder / library.name / f"{kind}_feature_bc_matrix"
            write_folder(target, matrix, features=features, barcodes=list(barcodes), software=SOFTWARE)
        cells.append(cell_table(library))
        written.append(dataclasses.replace(library, matrix=raw[:0]))
    write_table(pd.concat(cells, ignore_index=True), folder / "truth.cells.tsv.gz")
    write_table(gene_table(nature, written), folder / "truth.genes.tsv")
    write_table(term_table(nature, names), folder / "truth.terms.tsv")
