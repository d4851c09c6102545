"""What only shows later: the run ends, tables are header-only where nothing can be said, the report says why."""

import html
import re

import fixtures_tiny as tiny
import pandas as pd
import pytest
from runs import snakemake

T_CELLS = {"CD4 Tn": 120, "CD4 Tem": 80, "CD8 Teff": 80}
OTHERS = {"Monocyte": 150, "Red cell": 100}
HEADER_ONLY = ("de.peak_vs_product", "enrichment.peak_vs_product")


def no_t_cells_in_one(folder):
    """The peak holds no T cell, and no library mitochondrial genes."""
    ip = tiny.without(tiny.library({**T_CELLS, "Monocyte": 40}, seed=1), tiny.MITO)
    pk = tiny.without(tiny.library(OTHERS, seed=2), tiny.MITO)
    return tiny.write(folder, {"ip": ("product", *ip), "pk": ("peak", *pk)})


def no_car_anywhere(folder):
    """No CAR+ cell in any library, and a third library that fails quality control (fewer cells than PCs)."""
    counts = [tiny.library(T_CELLS, car=0, seed=1), tiny.library({**T_CELLS, "Monocyte": 40}, car=0, seed=2)]
    small = tiny.library({"CD4 Tn": 12}, car=0, seed=3)
    libraries = {"ip": ("product", counts[0]), "pk": ("peak", counts[1]), "tiny": ("peak", small)}
    return tiny.write(folder, {name: (*what, tiny.GENES) for name, what in libraries.items()})


def one_cluster_and_no_feature(folder):
    """All cells are of one kind, and one library's reference lacks the transgene."""
    ip = (tiny.library({"CD4 Tn": 150}, seed=1), tiny.GENES)
    pk = tiny.without(tiny.library({"CD4 Tn": 150}, seed=2), [tiny.CAR])
    return tiny.write(folder, {"ip": ("product", *ip), "pk": ("peak", *pk)})


def hardly_any_cells(folder):
    """Fewer cells than principal components in the whole study."""
    ip, pk = tiny.library({"CD4 Tn": 14}, seed=1), tiny.library({"CD4 Tem": 10}, seed=2)
    return tiny.write(folder, {"ip": ("product", ip, tiny.GENES), "pk": ("peak", pk, tiny.GENES)})


CASES = {
    no_t_cells_in_one: (
        [*HEADER_ONLY],
        [
            "Library ip: no mitochondrial genes (MT-) in the data: no cell was removed for their share.",
            "Library pk holds no T cells: nothing is said of their shares and changes.",
            "peak holds no T cells, too few for conclusions",
        ],
    ),
    no_car_anywhere: (
        ["enrichment.peak_vs_product", "markers.car_t"],
        [
            "Each of 3 libraries (ip, pk, tiny): no UMI of the transgene in 12 to 320 cells.",
            "Library tiny: It holds only 12 barcodes: too few for conclusions about this library.",
            "Library tiny holds only 12 T cells",
            "the depth to which others are thinned is set without it",
            "CAR+ T cells: 0 cells, fewer than embedding.min_cells (30): not embedded and not clustered",
            "Subsets of CAR+ T cells were not compared: one side holds none.",
        ],
    ),
    one_cluster_and_no_feature: (
        ["enrichment.peak_vs_product", "markers.t_cells"],
        [
            "Library pk: without the feature CLL1_scFv, which other libraries have",
            "missed, not absent",
            "all cells fall into one cluster, so no cluster has markers of its own",
        ],
    ),
    hardly_any_cells: (
        [*HEADER_ONLY, "markers.all", "markers.t_cells", "markers.car_t"],
        [
            "Library ip: Only 13 of 14 barcodes passed",
            "Library pk: It holds only 10 barcodes",
            "All cells: 23 cells, fewer than embedding.min_cells (30): not embedded and not clustered",
        ],
    ),
}


@pytest.mark.slow  # a run each
@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_the_rest_is_finished(tmp_path, make):
    study = make(tmp_path / "a study")
    snakemake(study, "--configfile", str(study / "config.yaml"))
    empty, sentences = CASES[make]
    for name in empty:
        table = pd.read_csv(study / f"results/tables/{name}.tsv", sep="\t")
        assert len(table) == 0
        assert len(table.columns) > 5, "the header stays"
    text = re.sub(r"<[^>]+>", " ", (study / "results/report.html").read_text())
    text = re.sub(r"\s+", " ", html.unescape(text))
    assert not [sentence for sentence in sentences if sentence not in text]
    assert not [word for word in ("nan", "None", "Traceback") if re.search(rf"[ >]{word}[ <,.]", text)]
    claims = pd.read_csv(study / "results/tables/claims.tsv", sep="\t")
    assert "supported" not in set(claims["verdict"][claims["claim"].str.startswith("G2")])
    assert (study / "results/atlas.h5ad").is_file()
