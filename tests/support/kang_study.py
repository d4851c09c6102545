"""Kang's eight donors (paired, control and interferon) as a study on disk: one h5ad, a sheet, a patients' table."""

import anndata
import numpy as np
import pandas as pd
from scipy import io as matrix_io
from scipy import sparse

CONDITIONS = ("ctrl", "stim")
CONFIG = """\
title: Interferon on blood cells of eight donors
samples: samples.tsv
transgene: {name: none, features: []}
qc: {preset: paper, min_cells: 20}
car: {rule: sorted}
contrasts: {stim_vs_ctrl: {test: stim, reference: ctrl}}
donors:
  formula: "~ donor + condition"
  outcome: response
  times: [ctrl, stim]
  patients: patients.tsv
"""


def write(folder, real_data):
    """The study; every library is called sorted for the CAR, so that all T cells count as CAR+."""
    source = real_data / "kang_8donors"
    cells = pd.read_csv(source / "cells.csv").astype({"donor": str})
    counts = sparse.csr_matrix(matrix_io.mmread(source / "counts" / "matrix.mtx.gz").T)
    genes = pd.read_csv(source / "counts" / "features.tsv.gz", sep="\t", header=None)[0].astype(str)
    kept = (cells["demuxlet"] == "SNG").to_numpy()
    obs = cells.loc[kept, ["donor", "condition"]].set_axis(
        [f"cell{number}" for number in np.flatnonzero(kept)], axis=0
    )
    data = anndata.AnnData(counts[kept], obs=obs, var=pd.DataFrame(index=genes.to_list()))
    data.write_h5ad(folder / "cells.h5ad")
    donors = sorted(cells["donor"].unique())
    rows = [
        f"d{donor}_{side}\t{side}\t{donor}\tcells.h5ad\tdonor={donor} & condition={side}\tCAR+"
        for donor in donors for side in CONDITIONS
    ]  # fmt: skip
    sheet = ["sample\tcondition\tdonor\tpath\tselect\tsorted", *rows]
    (folder / "samples.tsv").write_text("\n".join(sheet) + "\n")
    patients = [f"{donor}\t{'yes' if number % 2 else 'no'}" for number, donor in enumerate(donors)]
    (folder / "patients.tsv").write_text("\n".join(["patient\tresponse", *patients]) + "\n")
    (folder / "config.yaml").write_text(CONFIG)
