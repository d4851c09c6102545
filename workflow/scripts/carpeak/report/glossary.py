"""Words of the field that a reader may not know, as the page explains them."""

from __future__ import annotations

WORDS = {
    "Tn": "naive T cells: have not met their antigen; CCR7, SELL, TCF7, LEF1.",
    "Tcm": "central memory T cells: have met their antigen and go back to lymph nodes; CCR7, IL7R.",
    "Tem": "effector memory T cells: have met their antigen, stay in blood and tissue; GZMK, CCL5.",
    "Teff": "effector T cells: kill; GZMB, PRF1, GNLY.",
    "CTL": "cytotoxic CD4 T cells: CD4 cells that kill; GZMB, GNLY, NKG7.",
    "Treg": "regulatory T cells: hold other T cells back; FOXP3, IL2RA.",
    "CAR": "chimeric antigen receptor: the receptor that was put into the T cells.",
    "CAR+": "called as carrying the CAR; by which rule is said in the section on the CAR.",
    "CAR-undetected": "T cells without a detected CAR transcript. Many carry it: they are not CAR-negative.",
    "P(CAR+)": "the probability that a cell carries the CAR, from its CAR UMIs, its depth and ambient RNA.",
    "UMI": "unique molecular identifier: one UMI is one molecule of RNA that was caught.",
    "UMIs": "unique molecular identifiers: one UMI is one molecule of RNA that was caught.",
    "UMAP": "a map that places cells with similar expression together; distances and areas mean nothing.",
    "Harmony": "a method that pulls samples together in the embedding, so that like cells lie together.",
    "LISI": "how many samples the neighbours of a cell come from, in effect: 1 is no mixing.",
    "ARI": "adjusted Rand index, how far two clusterings agree: 1 the same, 0 by chance.",
    "AUC": "the chance that a cell of one side expresses more of a gene than one of the other.",
    "FDR": "false discovery rate: the expected share of wrong ones among those called.",
    "log2 fold change": "1 is twice as much, 2 four times, −1 half as much.",
    "equal depth": "counts of both sides thinned to the same number of UMIs per cell.",
    "ambient RNA": "RNA of broken cells that floats in the suspension and is counted in every droplet.",
    "doublet": "two cells in one droplet.",
    "doublets": "droplets with two cells.",
    "adjusted P": "P value after adjustment for the number of tests (Benjamini and Hochberg).",
    "odds ratio": "how much more often the genes of a set are among the changed ones than other genes are.",
    "flow cytometry": "protein on single cells, measured on another sample of the same material.",
}
