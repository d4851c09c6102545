"""The simulator keeps what it promises: its numbers, its distributions, its files, its truth."""

import gzip
import hashlib
import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from carpeak.errors import UserError
from carpeak.simulate import counts as sampling
from carpeak.simulate import design
from carpeak.simulate import programmes as prog
from carpeak.simulate import study as demo
from carpeak.simulate.truth import cell_table, gene_table, term_table
from runs import ROOT
from scipy import io as scipy_io
from scipy import sparse, stats

RESOURCES = ROOT / "workflow/resources"
SEED = 11
KILLING = ["NKG7", "LAG3", "PRF1", "CST7", "GZMB", "GNLY", "GZMK"]


@cache
def reference():
    return demo.read_genes(RESOURCES / "genes.tsv.gz"), demo.read_terms(RESOURCES / "go_bp.gmt.gz")


@cache
def study(variant="paper", cells=design.CELLS):
    """The study, its cells with measured columns, and its genes."""
    genes, terms = reference()
    nature, libraries = demo.simulate(genes, terms, cells=cells, variant=variant, seed=SEED)
    tables = []
    for library in libraries:
        table = cell_table(library)
        matrix = library.matrix[np.flatnonzero(library.barcodes.cell)]
        table["umis"] = np.asarray(matrix.sum(axis=1)).ravel()
        table["genes"] = np.diff(matrix.indptr)
        mito = np.flatnonzero(nature.mito)
        table["mito"] = 100 * np.asarray(matrix[:, mito].sum(axis=1)).ravel() / table["umis"]
        table["car_umis"] = np.asarray(matrix[:, -2:].sum(axis=1)).ravel()
        tables.append(table)
    cells_ = pd.concat(tables, ignore_index=True)
    for flag in ("car", "cycling", "doublet_between"):
        cells_[flag] = cells_[flag] == "true"
    return nature, libraries, cells_, gene_table(nature, libraries).set_index("gene")


def states(cells, sample, *, car):
    chosen = (cells["sample"] == sample) & (cells["kind"] == "singlet") & (cells["state"] != "")
    return cells.loc[chosen & (cells["car"] | (not car)), "state"].value_counts(normalize=True)


def cd4_change(genes, cells):
    """Expected log2 ratio peak / product of every gene in the study's CD4 singlets."""
    means = []
    for sample in ("peak", "product"):
        chosen = (
            cells["state"].isin(prog.CD4_STATES) & (cells["kind"] == "singlet") & (cells["sample"] == sample)
        )
        columns = "mean|" + sample + "|" + cells["state"] + "|" + cells["cycling"].astype(int).astype(str)
        share = columns[chosen].value_counts(normalize=True)
        means.append((genes[share.index] * share).sum(axis=1))
    return np.log2(means[0] / means[1])


def test_reference_is_a_human_annotation():
    genes, _ = reference()
    assert 19_500 <= len(genes) <= 20_500
    assert genes["symbol"].is_unique
    assert genes["symbol"].str.startswith("MT-").sum() == 13
    assert {"HBA1", "HBB", "XIST", "RPS4Y1", "TRAC", "IGKC"} <= set(genes["symbol"])
    missing = {g for g in prog.levels() if g not in set(genes["symbol"])}
    assert missing == set()


@pytest.mark.parametrize("mean,size", [(0.02, 1.5), (0.2, 0.7), (1.2, 2.0), (12.0, 3.0)])
def test_counts_are_negative_binomial(mean, size):
    """Both samplers against the probabilities of scipy's negative binomial, in cells of two scales."""
    n = 60_000
    scales = np.repeat([1.0, 3.0], n // 2)
    entries = sampling.negative_binomial(
        np.array([mean]), scales, np.array([size]), np.arange(n, dtype=np.int32), rng=np.random.default_rng(3)
    )
    drawn = sampling.gather(entries, (n, 1)).toarray().ravel()
    for part, scale in ((drawn[: n // 2], 1.0), (drawn[n // 2 :], 3.0)):
        law = stats.nbinom(size, size / (size + mean * scale))
        top = int(law.ppf(0.999))
        expected = np.append(law.pmf(np.arange(top)), law.sf(top - 1)) * len(part)
        observed = np.bincount(np.minimum(part, top), minlength=top + 1)
        common = expected > 5
        assert stats.chisquare(
            np.append(observed[common], observed[~common].sum()),
            np.append(expected[common], expected[~common].sum()) + 1e-9,
        ).pvalue > 1e-4  # fmt: skip


def test_size_of_the_study():
    _, libraries, cells, _ = study()
    assert len(cells) == 15_414
    single = cells[cells["kind"] == "singlet"]
    assert 2_300 <= cells["umis"].median() <= 2_800
    kept = single[(single["mito"] < 12) & ~single["cell_type"].isin(["Red cell", "Platelet"])]
    assert 2_300 <= kept["umis"].median() <= 2_900
    assert 1_100 <= kept["genes"].median() <= 1_300
    wanted = {"T cell", "B cell", "NK cell", "Monocyte/DC", "Red cell", "Platelet"}
    assert set(single["cell_type"]) == wanted
    assert (single.groupby(["sample", "cell_type"]).size() >= 50).all()
    assert (
        single.loc[single["cell_type"] == "Platelet", "umis"]
        .groupby(single["sample"])
        .median()
        .between(500, 1100)
        .all()
    )
    red = single[single["cell_type"] == "Red cell"]
    assert red["umis"].median() > 1_200
    assert red["genes"].median() < 400
    for library in libraries:
        empty = np.asarray(library.matrix[np.flatnonzero(~library.barcodes.cell)].sum(axis=1)).ravel()
        assert len(empty) > 15_000
        assert 20 <= np.median(empty) <= 90


def test_depth_mitochondria_damage_and_doublets():
    _, _, cells, _ = study()
    single = cells[cells["kind"] == "singlet"]
    for state in ("CD4 Tn", "CD4 Tem", "CD8 Teff"):
        median = single[(single["state"] == state) & ~single["cycling"]].groupby("sample")["umis"].median()
        assert median["peak"] / median["product"] <= 0.70
    assert single.loc[single["state"] != "", "mito"].quantile([0.1, 0.9]).between(2.5, 8.5).all()
    damaged = cells[cells["kind"] == "damaged"]
    assert 0.03 <= len(damaged) / len(cells) <= 0.06
    assert damaged["mito"].median() > 20
    assert damaged["genes"].median() < 0.7 * single.loc[single["state"] != "", "genes"].median()
    for sample, part in cells.groupby("sample"):
        doublets = part["kind"] == "doublet"
        assert doublets.mean() == pytest.approx(0.008 * len(part) / 1000, rel=0.01), sample
        assert part.loc[doublets, "doublet_between"].sum() >= 50
        assert (~part.loc[doublets, "doublet_between"]).sum() >= 50
    within = cells[(cells["kind"] == "doublet") & (cells["state"] != "") & (cells["second_state"] != "")]
    assert 1.3 <= within["umis"].median() / single.loc[single["state"] != "", "umis"].median() <= 1.8


def test_car_true_and_detected_shares_move_in_opposite_directions():
    _, _, cells, _ = study()
    alone = cells[(cells["cell_type"] == "T cell") & (cells["kind"] != "doublet")]
    true = alone.groupby("sample")["car"].agg(["sum", "size"])
    assert true.loc["product", "sum"] == round(0.3396 * true.loc["product", "size"])
    share = alone.assign(seen=alone["car_umis"] >= 1).groupby("sample")[["car", "seen"]].mean()
    assert share.loc["peak", "car"] > share.loc["product", "car"] + 0.05
    assert share.loc["peak", "seen"] < share.loc["product", "seen"] - 0.02
    seen = alone[alone["car_umis"] >= 1].groupby("sample").size()
    assert (seen >= 800).all()
    own = alone[alone["car"]].groupby(["sample", "state"])["car_umis_true"].mean()
    assert own["product"].between(1.0, 3.2).all()
    assert own["product"]["CD8 Teff"] > 1.3 * own["product"]["CD8 Tn"]
    umis = alone.loc[
        alone["car"] & (alone["sample"] == "product") & (alone["state"] == "CD4 Tn"), "car_umis_true"
    ]
    size = umis.mean() ** 2 / (umis.var() - umis.mean())
    assert 0.8 <= size <= 2.2  # depth varies too, so that it lies below the construct's own size
    false = alone.loc[~alone["car"], "car_umis"]
    assert 0.002 <= (false >= 1).mean() <= 0.03  # ambient RNA carries the transgene
    assert (alone.loc[~alone["car"], "car_umis_true"] == 0).all()


@pytest.mark.slow
def test_subsets_of_every_variant():
    for variant, (product, peak), cd4_above in (
        ("paper", ("CD4 Tn", "CD4 Tem"), True),
        ("null", ("CD4 Tn", "CD4 Tn"), True),
        ("reversed", ("CD8 Teff", "CD8 Tn"), False),
    ):
        _, _, cells, _ = study(variant)
        for sample, largest in (("product", product), ("peak", peak)):
            share = states(cells, sample, car=True)
            assert share.index[0] == largest, (variant, sample)
            assert share.iloc[0] - share.iloc[1] > 0.04
            cd4 = share.reindex(list(prog.CD4_STATES)).sum()
            assert (cd4 > 0.55) if cd4_above else (cd4 < 0.45), (variant, sample)
            assert set(share.index) == set(prog.T_STATES)
        cycling = (
            cells[(cells["state"] != "") & (cells["kind"] == "singlet")].groupby("sample")["cycling"].mean()
        )
        assert cycling["product"] > 0.15
        assert (cycling["peak"] < 0.5 * cycling["product"]) == (variant != "null")


def test_planted_effects():
    """Within a state the planted log2 effects hold as they are written, and reverse or vanish in the variants."""
    _, terms = reference()
    for variant, sign in (("paper", 1), ("reversed", -1), ("null", 0)):
        nature, _, cells, genes = study(variant)
        table = term_table(nature, {t: n for t, (n, _) in terms.items()}).set_index("term_id")
        assert set(table.index[table["role"] == "planted"]) == {"GO:0006954", "GO:0071346", "GO:0032729"}
        planted = table[table["role"] == "planted"]
        assert (planted["share"] <= 0.30).all()
        assert (planted["carriers"] >= 15).all() == (variant != "null")
        decoys = table[table["role"] == "decoy"]
        shared = [len(terms[t][1] & set().union(*(terms[p][1] for p in planted.index))) for t in decoys.index]
        assert min(shared) >= 18
        assert (decoys["share"] < 0.12).all()
        change = cd4_change(genes, cells)
        if sign:
            assert (sign * change[KILLING] > 0.7).all()
            effects = (
                genes.loc[genes["planted"] != "", "planted"]
                .str.extract(r"CD4 Tn:(-?[\d.]+)")[0]
                .astype(float)
            )
            one = np.log2(genes["mean|peak|CD4 Tn|0"] / genes["mean|product|CD4 Tn|0"]) - genes["batch_log2"]
            high = genes["mean|product|CD4 Tn|0"].reindex(effects.index) > 0.2
            assert np.median(np.abs((one[effects.index] - effects)[high])) < 0.15
            assert ((sign * effects) < 0).sum() >= 30
        else:
            assert (genes["planted"] == "").all()
            assert (change[KILLING].abs() < 0.5).all()


def test_batch_effect():
    _, _, _, genes = study()
    assert 0.15 <= genes["batch_log2"].std() <= 0.25
    assert genes["batch_log2"].abs().max() < 0.5


def test_expected_means_are_the_means_of_the_counts():
    """The mean of normalised counts against the truth, for all genes of a state at once."""
    _, libraries, cells, genes = study()
    for library, label in (
        (libraries[0], "CD4 Tn|0"),
        (libraries[1], "CD4 Tem|0"),
        (libraries[1], "Red cell|0"),
    ):
        mine = cells[cells["sample"] == library.name].reset_index(drop=True)
        state = mine["state"].where(mine["state"] != "", mine["cell_type"])
        chosen = (state == label.split("|")[0]) & ~mine["cycling"] & (mine["kind"] == "singlet")
        matrix = library.matrix[np.flatnonzero(library.barcodes.cell)[chosen]][:, :-2]
        scaled = sparse.diags_array(1e4 / np.asarray(matrix.sum(axis=1)).ravel()) @ matrix
        seen = np.asarray(scaled.mean(axis=0)).ravel()
        expected = genes[f"mean|{library.name}|{label}"].to_numpy()
        assert expected.sum() == pytest.approx(1e4)
        error = np.sqrt((np.asarray(scaled.multiply(scaled).mean(axis=0)).ravel() - seen**2) / chosen.sum())
        z = (seen - expected)[expected > 0.1] / error[expected > 0.1]
        assert abs(np.median(z)) < 0.5
        assert np.mean(np.abs(z) < 3) > 0.97


def test_sex_and_mitochondrial_genes_tell_the_donor_from_the_patient():
    _, libraries, cells, _ = study()
    genes, _ = reference()
    xist = int(genes.index[genes["symbol"] == "XIST"][0])
    peak = cells[cells["sample"] == "peak"].reset_index(drop=True)
    matrix = libraries[1].matrix[np.flatnonzero(libraries[1].barcodes.cell)]
    seen = np.asarray(matrix[:, [xist]].todense()).ravel() > 0
    mono = (peak["cell_type"] == "Monocyte/DC") & (peak["kind"] == "singlet")
    assert (
        seen[mono & (peak["origin"] == "recipient")].mean()
        > 5 * seen[mono & (peak["origin"] == "donor")].mean()
    )
    assert not (peak["car"] & (peak["origin"] == "recipient") & (peak["kind"] != "doublet")).any()
    assert (cells.loc[cells["sample"] == "product", "origin"] == "donor").all()


def write(folder, *, seed):
    genes, terms = reference()
    nature, libraries = demo.simulate(genes, terms, cells=600, variant="paper", seed=seed)
    demo.write_study(folder, genes, {t: name for t, (name, _) in terms.items()}, nature, libraries)
    return libraries


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_files_are_what_cell_ranger_writes_and_repeat(tmp_path):
    libraries = write(tmp_path / "a", seed=5)
    write(tmp_path / "b", seed=5)
    write(tmp_path / "c", seed=6)
    first, again, other = (digests(tmp_path / name) for name in "abc")
    assert first == again
    assert len(first) == 15
    assert all(first[f] != other[f] for f in first if not f.endswith(("features.tsv.gz", "truth.terms.tsv")))
    folder = tmp_path / "a/peak/filtered_feature_bc_matrix"
    barcodes = gzip.decompress((folder / "barcodes.tsv.gz").read_bytes()).decode().split()
    assert all(re.fullmatch(r"[ACGT]{16}-1", barcode) for barcode in barcodes)
    assert barcodes == sorted(barcodes)
    features = pd.read_csv(folder / "features.tsv.gz", sep="\t", header=None)
    assert features.shape[1] == 3
    assert list(features[0][-2:]) == list(features[1][-2:]) == ["RQR8", "CLL1_scFv"]
    assert set(features[2]) == {"Gene Expression"}
    lines = gzip.decompress((folder / "matrix.mtx.gz").read_bytes()).decode().split("\n")
    assert lines[0] == "%%MatrixMarket matrix coordinate integer general"
    assert lines[1].startswith('%metadata_json: {"software_version"')
    entries = np.array([line.split() for line in lines[3:-1]], dtype=int)
    order = entries[:, 1] * 100_000 + entries[:, 0]
    assert (np.diff(order) > 0).all()
    read = scipy_io.mmread(folder / "matrix.mtx.gz").tocsr().T
    kept = np.flatnonzero(libraries[1].barcodes.cell)
    assert (read != libraries[1].matrix[kept]).nnz == 0
    raw = (
        gzip.decompress((tmp_path / "a/peak/raw_feature_bc_matrix/barcodes.tsv.gz").read_bytes())
        .decode()
        .split()
    )
    assert set(barcodes) < set(raw)
    truth = pd.read_csv(tmp_path / "a/truth.cells.tsv.gz", sep="\t")
    assert list(truth.loc[truth["sample"] == "peak", "barcode"]) == barcodes


def test_wrong_options_are_refused():
    genes, terms = reference()
    with pytest.raises(UserError, match=r"demo\.variant"):
        demo.simulate(genes, terms, variant="other")
    with pytest.raises(UserError, match="at least"):
        demo.simulate(genes, terms, cells=10)
