"""How well a finished run of the demo answers what is known: every measure compares with the truth files."""

from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

LINEAGES_FROM = 50  # cells from which a lineage is judged
FOUND_P, FOUND_LFC = 0.01, 0.5
GROUPS = ("all", "CD4", "CD8")


# Every claim's verdict in every variant. S supported, O opposed, A absent, I indeterminate, N not estimable.
# The limits (1.5-fold, twice the odds, five points) were frozen before; a planted change that does not surely
# exceed them is rightly indeterminate, and so is a null gene whose library effect (sd 0.18, up to 0.45 log2)
# leaves an interval that reaches 0.58.
VERDICTS = {
    # claim: (paper, null, reversed) with the seed developed on
    "C1": ("S", "S", "S"),
    "C2": ("S", "S", "S"),
    # C3 to C5 rest on states: indeterminate where a library cannot tell them apart (docs/states.md). They and C6
    # are statements on single libraries: in the null study, whose peak holds what the product holds, five
    # subsets with CD4 Tn the largest are the truth (tests/unit/test_expected_verdicts.py derives each).
    "C3": ("I", "S", "S"),
    "C4": ("S", "S", "O"),
    "C5": ("S", "O", "I"),
    "C6": ("S", "S", "O"),
    "C7a": ("S", "A", "O"),
    "C7b": ("S", "A", "O"),
    "C7c": ("S", "I", "O"),
    "C7d": ("S", "A", "O"),
    "C7e": ("S", "A", "O"),
    # GNLY falls by 0.92 (1.25 to 0.587) in the reversed study, beyond 0.58: opposed alone, not among 13 (Holm).
    "C7f": ("S", "A", "I"),
    "C8": ("S", "A", "O"),
    "C9a": ("S", "I", "O"),
    "C9b": ("S", "I", "O"),
    "C9c": ("S", "I", "O"),
    "C10": ("N", "N", "N"),
}
LETTER = {"supported": "S", "opposed": "O", "absent": "A", "indeterminate": "I", "not_estimable": "N"}
GENES = ["C7a", "C7b", "C7c", "C7d", "C7e", "C7f", "C8"]
# With other seeds, library effects and the sampling of cells fall elsewhere: what may be indeterminate besides.
UNSEEN_TOO = {
    "paper": dict.fromkeys([*GENES, "C4", "C5", "C9a", "C9b", "C9c"], "I") | {"C3": "S"},
    "null": dict.fromkeys(GENES, "AI") | {"C3": "I", "C4": "I", "C5": "I"},
    "reversed": dict.fromkeys([*GENES, "C9a", "C9b", "C9c"], "I")
    | {"C3": "I", "C4": "I", "C5": "O", "C7f": "O"},
}
LEAST_SURE = 4  # of the seven genes, that nevertheless get the definite verdict


class Answers:
    """A run (`folder` holds demo/ and results/) beside its truth."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.results = folder / "results"

    @cached_property
    def truth(self) -> pd.DataFrame:
        frame = pd.read_csv(self.folder / "demo/truth.cells.tsv.gz", sep="\t", keep_default_na=False)
        for column in ("cycling", "car", "doublet_between"):
            frame[column] = frame[column].astype(str).str.lower() == "true"
        return frame.set_index("cell")

    @cached_property
    def genes(self) -> pd.DataFrame:
        return pd.read_csv(
            self.folder / "demo/truth.genes.tsv", sep="\t", index_col="gene", keep_default_na=False
        )

    @cached_property
    def barcodes(self) -> pd.DataFrame:
        """Every captured barcode with its QC verdict."""
        parts = [pd.read_parquet(p) for p in sorted((self.results / "qc").glob("*.cells.parquet"))]
        return pd.concat(parts).set_index("cell")

    def labels(self, population: str) -> pd.DataFrame:
        return pd.read_parquet(self.results / f"populations/{population}/labels.parquet").set_index("cell")

    def table(self, name: str) -> pd.DataFrame:
        return pd.read_csv(
            self.results / f"tables/{name}.tsv", sep="\t", keep_default_na=False, na_values=[""]
        )

    def claims(self) -> dict[str, str]:
        frame = self.table("claims")
        return dict(zip(frame["claim"], frame["verdict"]))

    def lineages(self, labels: pd.Series | None = None) -> pd.DataFrame:
        """Recall and precision of each lineage over the kept singlets."""
        given = self.labels("all")["cell_type"] if labels is None else labels
        true = self.truth.loc[given.index]
        singlet = true["kind"] == "singlet"
        true, given = true.loc[singlet, "cell_type"], given[singlet]
        rows = {}
        for lineage, n in true.value_counts().items():
            if n >= LINEAGES_FROM:
                hit = ((true == lineage) & (given == lineage)).sum()
                rows[lineage] = {
                    "n": n,
                    "recall": hit / n,
                    "precision": hit / max((given == lineage).sum(), 1),
                }
        return pd.DataFrame(rows).T

    def damaged(self, removed: pd.Series | None = None) -> float:
        """Share of the damaged cells that QC removed."""
        gone = self.barcodes["removed_by"] != "" if removed is None else removed
        return float(gone[self.truth.loc[gone.index, "kind"] == "damaged"].mean())

    def states(self) -> float:
        """Share of the true CAR+ singlets of car_t with the right canonical state."""
        given = self.labels("car_t")["t_state_canonical"]
        true = self.truth.loc[given.index]
        judged = (true["kind"] == "singlet") & true["car"]
        return float((given[judged] == true.loc[judged, "state"]).mean())

    def shares(self) -> pd.DataFrame:
        """Per sample and state: given and true share of the cells of car_t, in percent points."""
        given = self.labels("car_t")["t_state_canonical"]
        true = self.truth.loc[given.index]
        parts = {}
        for sample in true["sample"].unique():
            here = true["sample"] == sample
            both = {"given": given[here], "true": true.loc[here, "state"]}
            parts[sample] = pd.DataFrame(
                {k: 100 * v.value_counts(normalize=True) for k, v in both.items()}
            ).fillna(0)
        return pd.concat(parts)

    def doublets(self) -> dict[str, float]:
        """Precision of the called, and recall between lineages and within T cells, past the limits."""
        table = self.barcodes[self.barcodes["removed_by"].isin(["", "doublet"])]
        true = self.truth.loc[table.index]
        called, real = table["removed_by"] == "doublet", true["kind"] == "doublet"
        within = real & ~true["doublet_between"] & (true["cell_type"] == "T cell")
        return {
            "precision": float(real[called].mean()) if called.any() else 0.0,
            "recall_between": float(called[real & true["doublet_between"]].mean()),
            "recall_within_t": float(called[within].mean()),
        }

    def compared(self, group: str) -> pd.DataFrame:
        """Truth of the CAR+ T cells that the contrast compares in `group`."""
        labels = self.labels("car_t")
        chosen = labels.index if group == "all" else labels.index[labels["t_lineage"] == group]
        return self.truth.loc[chosen]

    def expected(self, group: str) -> pd.DataFrame:
        """Log2 ratio (peak over product) per gene of the expected means, and the same without batch effect."""
        cells = self.compared(group)
        means = {}
        for sample in ("product", "peak"):
            here = cells[cells["sample"] == sample]
            kind = np.where(here["cell_type"] == "T cell", here["state"], here["cell_type"])
            names = (
                "mean|"
                + sample
                + "|"
                + pd.Series(kind)
                + "|"
                + here["cycling"].astype(int).astype(str).to_numpy()
            )
            weights = names.value_counts(normalize=True)
            means[sample] = self.genes[list(weights.index)].to_numpy() @ weights.to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log2(means["peak"] / means["product"])
        return pd.DataFrame(
            {"truth": ratio, "biology": ratio - self.genes["batch_log2"]}, index=self.genes.index
        )

    def de(self, group: str, depth: str = "equal") -> pd.DataFrame:
        """The contrast's rows of CAR+ T cells in `group`, with truth beside."""
        table = self.table("de.peak_vs_product")
        rows = table[(table["population"] == "car_t") & (table["group"] == group) & (table["depth"] == depth)]
        rows = rows.set_index("gene").join(self.expected(group))
        rows["found"] = (rows["p_adjusted"] < FOUND_P) & (rows["log2_fold_change"].abs() >= FOUND_LFC)
        return rows

    def found(self, group: str) -> dict[str, float]:
        """Recall among clearly changed genes, share of the found that hardly change, share that is batch."""
        rows = self.de(group)
        expressed = rows[["pct_test", "pct_reference"]].max(axis=1) >= 0.10
        clear = rows[(rows["truth"].abs() >= 1) & expressed]
        agrees = np.sign(clear["log2_fold_change"]) == np.sign(clear["truth"])
        found = rows[rows["found"]]
        return {
            "clear": len(clear),
            "recall": float((clear["found"] & agrees).mean()),
            "n_found": len(found),
            "null_share": float((found["truth"].abs() < 0.25).mean()),
            "batch_share": float((found["biology"].abs() < 0.25).mean()),
        }

    def depth_bias(self, group: str, depth: str) -> float:
        """Share of the hardly changed, expressed genes whose AUC is off one half by more than 0.03."""
        rows = self.de(group, depth)
        null = rows[(rows["truth"].abs() < 0.1) & (rows[["pct_test", "pct_reference"]].min(axis=1) >= 0.10)]
        return float(((null["auc"] - 0.5).abs() > 0.03).mean())

    def term_ranks(self, group: str, direction: str = "up") -> pd.DataFrame:
        """Rank by P of the planted and the decoy terms."""
        table = self.table("enrichment.peak_vs_product")
        rows = table[
            (table["population"] == "car_t") & (table["group"] == group) & (table["direction"] == direction)
        ]
        rows = rows.sort_values("p_value", kind="stable").reset_index(drop=True)
        rank = pd.Series(np.arange(1, len(rows) + 1), index=rows["term_id"])
        terms = pd.read_csv(self.folder / "demo/truth.terms.tsv", sep="\t", index_col="term_id")
        terms["rank"] = rank.reindex(terms.index)
        return terms
