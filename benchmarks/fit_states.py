"""Learn the axes of T-cell states from sorted blood cells, and write workflow/resources/t_states.json.

usage: python benchmarks/fit_states.py [--data FOLDER] [--out workflow/resources/t_states.json]

Genes and the end they speak for come from the literature (Hao 2021, Zheng 2021, Terekhova 2023, Novershtern
2011). Their weights come from a ridge logistic regression that starts from equal weights, cannot turn a
gene's sign, and sees most cells at two or three depths: FACS-sorted blood (Zheng 2017, the part `mudan`),
both CITE-seq sets, the clusters of PBMC 3k and of Kang's patients. The other part of Zheng 2017 (`casi`)
teaches nothing. Leaving a study out tells how far apart the ends lie, and how wide, where nothing was
learned (`left_out`). The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import labelled
import numpy as np
import pandas as pd
from carpeak.populations import axes, lineages, markers, programmes, states
from labelled import ROOT, Labelled
from scipy.optimize import minimize
from scipy.special import expit

# Without ribosomal genes and those of actin and of stress, which move with kit, culture and handling.
NAIVE = """
    CCR7 SELL LEF1 TCF7 MAL NOSIP ACTN1 FHIT AIF1 SERINC5 BACH2 TXK CAMK4 MYC LDHB PIK3IP1 RGS10 TSHZ2 CA6
    NDFIP1 NELL2 TRABD2A EPHX2 SCML1 SNHG8 APBA2 LDLRAP1 FAM117B FOXP1 OXNAD1 CHMP7 SATB1 NUCB2 ABLIM1 CD27
    PCED1B PRKCQ-AS1 ADTRP TGFBR2 MAML2 RCAN3 TMIGD2 LINC00861 LRRN3 AK5 LEPROTL1 CMTM8 PLAC8 IL6ST
    LINC02446 PDE3B DGKA FCMR SNHG29 ATM VNN2
"""
MEMORY = """
    S100A4 S100A10 S100A11 S100A6 ANXA1 ANXA2 ITGB1 IL32 AHNAK LGALS1 LGALS3 VIM CRIP1 KLRB1 CD99 TIMP1 EMP3
    SH3BGRL3 MYO1F CAPN2 TNFRSF1B KLF6 CD63 PRDM1 MAF TNFRSF4 ITGB7 GZMK GZMA CCL5 CST7 NKG7 CXCR3 CCR6 FAS
    ALOX5AP FLNA RORA IL2RB GPR183 LYAR DUSP2 LMNA ISG20 COTL1 ITGA4 TIGIT ICOS TOX CLDND1 SYNE2 CYTOR CTLA4
    HLA-DPA1 HLA-DPB1 HLA-DRB1 HLA-DRA CD74 LIMS1 PDCD1 PPP2R5C CLIC1 ANXA5 IL10RA CASP1 OPTN CTSH CTSC CD58
    PTGER2 STOM GATA3 NR3C1 CD2 SLAMF1 DOK2 CKLF PTTG1 CAPG HOPX BHLHE40 ID2 TAGLN2 GSTK1 PLP2 TXN DUSP4
    KLRG1 GZMH PRF1 GNLY
"""
# Not the cytotoxic genes: the CD4 cells of a peak of expansion have them too. Not CD8A: see states.py.
CD4 = """
    CD4 CD40LG ADTRP TSHZ2 MAL AQP3 TNFRSF4 ICOS FHIT TRAT1 PASK CD28 LTB TNFRSF25 INPP4B ITM2A CD5 CORO1B
    CCR4 CCR6 FXYD5 CD6 TIMP1 IL6ST STING1 ANXA1
"""
CD8 = """
    CD8B LINC02446 CD248 NELL2 S100B CRTAM CTSW KLRK1 KLRC3 KLRC4 KLRC1 KLRD1 GZMM HCST TRGC2 CMC1 EOMES
    XCL2 APOBEC3G CD160 PPP2R5C YBX3 NUCB2 RGS10 LYAR DUSP2 PIK3R1 TRAPPC6A PTGDR
"""
TREG = """
    FOXP3 IKZF2 RTKN2 CTLA4 TIGIT IL2RA TNFRSF1B BATF CCR4 IL10RA FCRL3 TNFRSF4 TNFRSF18 CD74 HLA-DRB1
    HLA-DPB1 LGALS3 F5 IL32 CD27 TBC1D4 SHMT2 CTSC GBP5 PBXIP1 DUSP4 SPATS2L IKZF4 LAIR2 CCR10 SAT1
    PTTG1 ARID5B STAM PMAIP1 IL2RB ICA1 TRIB2 PIM2 ZC2HC1A VAV3 CEACAM4 LAYN TNFRSF9 ICOS UCP2 FANK1 SMS
    ACP5 MIR4435-2HG
"""
CONVENTIONAL = """
    ANXA1 KLRB1 GZMK GZMA CCL5 IL7R LMNA CD40LG GPR183 CCR7 LEF1 TCF7 NOSIP ACTN1 FHIT MAL ID2 TNFAIP3 ANK3
    THEMIS CXCR3 CAMK4 ABLIM1 PDE3B TXK
"""
CENTRAL = "CCR7 SELL LEF1 TCF7 MAL LTB AQP3 GPR183 TIMP1 CD27 CD28 IL7R CD40LG TRADD FXYD5 LDHB NOSIP PASK"
EFFECTOR = """
    GZMK GZMA GZMH CCL5 CCL4 CST7 NKG7 KLRG1 EOMES CMC1 DUSP2 LYAR CXCR3 TBX21 SAMD3 PRF1 GNLY GZMB HLA-DRB1
    HLA-DPA1 CRTAM ITM2C F2R FASLG LITAF ZEB2 PLEK CD74
"""
STILL = "GZMK CXCR3 CD27 CD28 IL7R LTB EOMES CRTAM DUSP2 GPR183 CCR7 SELL CMC1 TCF7"
CYTOTOXIC = """
    GNLY NKG7 GZMB GZMH PRF1 FGFBP2 CX3CR1 KLRD1 CST7 ADGRG1 S1PR5 TBX21 ZEB2 SPON2 KLRG1 CCL4 PLEK TGFBR3
    FCGR3A EFHD2 FCRL6 C1orf21 GZMM CTSW HOPX PRSS23 ASCL2
"""
AXES = {  # low end, high end, programmes of the low and the high end, beta prior of the high end's share
    "cd8": (CD4, CD8, (), (), (1, 1)),
    "memory": (NAIVE, MEMORY, ("naive",), ("memory",), (1, 1)),
    "effector": (CENTRAL, EFFECTOR, ("central_memory",), ("effector_memory",), (1, 1)),
    "cytotoxic": (STILL, CYTOTOXIC, ("early_effector",), ("cytotoxic",), (1, 1)),
    # regulatory cells are 5 to 10 % of the CD4 cells of blood
    "treg": (CONVENTIONAL, TREG, ("conventional",), ("regulatory",), (40, 460)),
}
PROGRAMMES = {
    # Hao 2021 (Azimuth), Terekhova 2023 and Zheng 2021; cycling: Tirosh 2016
    "naive": """
        CCR7 SELL LEF1 TCF7 MAL NOSIP ACTN1 FHIT AIF1 TXK BACH2 NELL2 TRABD2A OXNAD1 PIK3IP1 LDHB RGS10
        NUCB2 SATB1
    """,
    "memory": """
        S100A4 S100A10 S100A11 S100A6 ANXA1 ANXA2 ITGB1 IL32 AHNAK LGALS1 CRIP1 KLRB1 CD99 EMP3 SH3BGRL3
        ALOX5AP VIM CLIC1 COTL1
    """,
    "central_memory": """
        CCR7 SELL TCF7 LTB AQP3 GPR183 TIMP1 CD27 CD28 IL7R CD40LG TRADD FXYD5 INPP4B TNFRSF4
    """,
    "effector_memory": """
        GZMK GZMA CCL5 CST7 NKG7 DUSP2 LYAR CXCR3 KLRG1 EOMES CMC1 SAMD3 HLA-DRB1 CRTAM ITM2C
    """,
    "early_effector": "GZMK CXCR3 CD27 CD28 IL7R EOMES CRTAM DUSP2 GPR183 CMC1 LTB",
    "cytotoxic": """
        GNLY NKG7 GZMB GZMH PRF1 FGFBP2 CX3CR1 KLRD1 ADGRG1 S1PR5 TBX21 ZEB2 SPON2 PLEK TGFBR3 EFHD2 FCRL6
        C1orf21
    """,
    "conventional": "ANXA1 KLRB1 GZMK CCL5 IL7R LMNA CD40LG GPR183 CCR7 NOSIP FHIT ID2 TNFAIP3",
    "regulatory": """
        FOXP3 IKZF2 RTKN2 CTLA4 TIGIT IL2RA TNFRSF1B BATF IL10RA FCRL3 TNFRSF18 TBC1D4 STAM GBP5 PBXIP1
        ZC2HC1A PMAIP1 LAIR2
    """,
    "exhausted": """
        PDCD1 HAVCR2 LAG3 TIGIT CTLA4 TOX TOX2 ENTPD1 CXCL13 LAYN RBPJ ETV1 TNFRSF9 DUSP4 KRT86 GEM
    """,
    "interferon": """
        ISG15 IFI6 IFI44L IFIT1 IFIT2 IFIT3 MX1 MX2 RSAD2 OAS1 STAT1 IRF7 XAF1 EIF2AK2 EPSTI1 PLSCR1 SP100
        TNFSF10
    """,
    "cycling": """
        MKI67 TOP2A TYMS RRM2 CENPF UBE2C BIRC5 TPX2 NUSAP1 CDK1 PCNA MCM2 MCM5 MCM7 HMGB2 STMN1 TUBA1B TUBB
        PCLAF CLSPN
    """,
    "gamma_delta": "TRDC TRDV1 TRDV2 TRDV3 TRGV2 TRGV9 TRGC1 TRGC2 KLRC1 KLRD1 TRGV3 TRGV5",
    "mait": "SLC4A10 TRAV1-2 KLRB1 NCR3 ZBTB16 RORC IL18RAP TRBV6-4 DPP4 CEBPD ERN1 PRR5",
}
DEPTHS = {
    "facs_mudan": (1.0, 0.42, 0.25),
    "cite_malt": (1.0, 0.5),
    "cite_mimitou": (1.0, 0.4),
    "pbmc3k": (1.0, 0.5),
    "kang_ctrl": (1.0,),
    "kang_stim": (1.0,),
}
RIDGE, EQUAL, SPREAD = 0.03, 0.05, 0.15


class Scored:
    """One set at one depth, with what the axes need of it."""

    def __init__(self, cells: Labelled, genes: list[str]) -> None:
        self.cells = cells
        umis = np.asarray(cells.counts.sum(axis=1), dtype=float).ravel()
        self.log_umis = np.log10(np.maximum(umis, 1))
        self.genes = genes
        self.expression = axes.log_expression(cells.counts, umis / 1e4, cells.genes, genes)
        self.around = axes.average(self.expression)
        listed = {name: text.split() for name, text in PROGRAMMES.items()}
        found = programmes.scores(cells.counts, cells.genes, list(listed.values()))
        self.ranks = pd.DataFrame(found, columns=[*listed])

    def columns(self, wanted: list[str]) -> np.ndarray:
        """Log expression of the wanted genes (cells x wanted)."""
        return self.expression[:, [self.genes.index(gene) for gene in wanted]]

    def smoothed(self, score: np.ndarray) -> np.ndarray:
        """A cell's own score plus the mean of its neighbours'."""
        return score + self.around @ score


Question = tuple[np.ndarray, np.ndarray]  # which cells are asked, and which are at the high end


def questions(name: str, scored: Scored) -> list[Question]:
    """The groups of cells that teach an axis: each a mask of the cells asked and the answers.

    Not asked: CD4 or CD8 of clusters of naive cells (PBMC 3k's hold both) and of Kang's; naive CD8 of the
    lymphoma, a gate without CCR7 and CD62L.
    """
    lineage, gate, cells = scored.cells.lineage, scored.cells.gate, scored.cells.name
    cd4, cd8, facs = lineage == "CD4", lineage == "CD8", cells == "facs_mudan"
    conventional = np.isin(gate, ["naive", "memory"])
    if name == "cd8":
        if facs:
            return [(gate == "naive", cd8), (gate != "naive", cd8)]
        asked = gate != "naive" if cells == "pbmc3k" else gate != ""
        return [] if cells.startswith("kang") else [(asked, cd8)]
    if name == "memory":
        found = [(cd4 & conventional, gate == "memory")]
        return [*found, (cd8 & (gate != "other"), gate == "cytotoxic")] if cells in BOTH_ENDS else found
    if name == "treg":
        asked = cd4 & (conventional | (gate == "regulatory"))
        return [(asked, gate == "regulatory")] if cells in {"facs_mudan", "cite_malt"} else []
    asked = (gate == "cytotoxic") | (cd4 & conventional)
    if name == "effector":
        return [(asked, gate == "cytotoxic")] if cells in EFFECTORS else []
    # no gate parts GZMK+ from GZMB+ cells: single UMIs of genes that mark them name the clearest cells
    kept = scored.columns(["GZMB", "FGFBP2", "GNLY", "CX3CR1"])
    killer, early = (kept > 0).sum(axis=1) >= 2, scored.columns(["GZMK"])[:, 0] > 0
    silent = (kept > 0).sum(axis=1) == 0
    asked = (gate == "cytotoxic") & (killer | (early & silent))
    return [(asked, killer)] if cells in EFFECTORS else []


BOTH_ENDS = {"facs_mudan", "cite_mimitou"}  # sets with naive and cytotoxic CD8 cells
EFFECTORS = {"facs_mudan", "pbmc3k"}


def weights(name: str, sets: list[Scored]) -> dict[str, float]:
    """Weights of an axis' genes; both ends of every group of cells count the same."""
    low, high = AXES[name][0].split(), AXES[name][1].split()
    genes = list(dict.fromkeys(low + high))
    sign = np.where(np.isin(genes, low), -1.0, 1.0)
    x, answer, weight = [], [], []
    groups = [(s, asked, high_end) for s in sets for asked, high_end in questions(name, s)]
    for scored, asked, high_end in groups:
        values, y = scored.columns(genes)[asked], high_end[asked]
        x.append(values - (values[y].mean(axis=0) + values[~y].mean(axis=0)) / 2)
        answer.append(np.where(y, 1.0, -1.0))
        weight.append(np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum()) / len(groups))
    values, t, w = np.vstack(x), np.concatenate(answer), np.concatenate(weight)
    spread = np.sqrt((w[:, None] * values**2).sum(axis=0)) + SPREAD
    scaled = values / spread * sign

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = t * (scaled @ beta)
        value = (w * np.logaddexp(0, -margin)).sum() + RIDGE * ((beta - EQUAL) ** 2).sum()
        return value, -(scaled.T @ (w * t * expit(-margin))) + 2 * RIDGE * (beta - EQUAL)

    start = np.full(len(genes), EQUAL)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * len(genes))
    return {gene: round(float(value), 4) for gene, value in zip(genes, found.x * sign / spread)}


def lines(name: str, sets: list[Scored], values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and slope against depth at both ends of smoothed scores, and their deviation.

    `values` holds, for each set, the score of every cell, or several (cells x scores). The means are
    2 x 2 x scores (low and high end; mean at 2,000 UMIs and slope), the deviations one per score.
    """
    found, spreads = [], []
    for end in (False, True):
        score, depth, weight = [], [], []
        for scored, value in zip(sets, values):
            for asked, high in questions(name, scored):
                cells = asked & (high == end)
                score.append(value.reshape(len(value), -1)[cells])
                depth.append(scored.log_umis[cells] - axes.DEPTH)
                weight.append(np.full(cells.sum(), 1 / cells.sum()))
        y, w = np.vstack(score), np.concatenate(weight)
        design = np.column_stack([np.ones(len(y)), np.concatenate(depth)])
        root = np.sqrt(w)[:, None]
        line, *_ = np.linalg.lstsq(design * root, y * root, rcond=None)
        found.append(line)
        spreads.append(np.average((y - design @ line) ** 2, weights=w, axis=0))
    return np.array(found), np.sqrt(np.mean(spreads, axis=0))


def ends(name: str, sets: list[Scored], values: list[np.ndarray]) -> axes.Ends:
    """The ends of one score (see `lines`), rounded."""
    found, deviation = lines(name, sets, values)
    low, high = (tuple(round(float(v), 4) for v in line[:, 0]) for line in found)
    return axes.Ends(low, high, round(float(deviation[0]), 4))


def teachers(name: str, sets: list[Scored]) -> list[Scored]:
    """The sets that teach an axis; the lymphoma's ten regulatory cells only where no sorted ones do."""
    found = [s for s in sets if questions(name, s)]
    sorted_cells = [s for s in found if study(s) == "zheng"]
    return sorted_cells if name == "treg" and sorted_cells else found


def learn(name: str, sets: list[Scored], calibration: Calibration) -> dict:
    """Weights and ends of one axis, both lines of evidence, as the resource holds them."""
    _, _, low, high, share = AXES[name]
    used = teachers(name, sets)
    learned = weights(name, used)
    values = np.array([*learned.values()])
    parts, _ = lines(name, used, [s.smoothed(s.columns([*learned]) * values) for s in used])
    per_gene = {
        gene: [weight, *(round(float(v), 4) + 0.0 for v in parts[:, :, i].ravel())]
        for i, (gene, weight) in enumerate(learned.items())
    }
    whole = ends(name, used, [smoothed_score(s, learned) for s in used])
    axis = axes.Axis(name, learned, np.empty((0, 2, 2)), 1.0, 1.0, 1.0, (low, high), None, share)
    ranks = None
    if low or high:
        of_ranks = ends(name, used, [s.smoothed(states.rank_contrast(s.ranks, axis)) for s in used])
        ranks = {"low": list(of_ranks.low), "high": list(of_ranks.high), "sd": of_ranks.sd}
    return {
        "genes": per_gene,
        "sd": round(whole.sd * calibration.width, 4),
        "kept": round(calibration.kept, 3),
        "temper": round(calibration.temper, 2),
        "programmes": {"low": list(low), "high": list(high)},
        "ranks": ranks,
        "share": list(share),
    }


def smoothed_score(scored: Scored, learned: Mapping[str, float]) -> np.ndarray:
    """The axis' score of every cell, its own plus the mean of its neighbours'."""
    return scored.smoothed(scored.columns([*learned]) @ np.array([*learned.values()]))


@dataclass(frozen=True)
class Calibration:
    """What is left of an axis in a study that taught nothing (see `axes.Axis`); `width`: of the deviation."""

    kept: float = 1.0
    width: float = 1.0
    temper: float = 1.0


def study(scored: Scored) -> str:
    return labelled.STUDY[scored.cells.name]


def left_out(name: str, sets: list[Scored]) -> dict[str, tuple[float, float]]:
    """Per study: distance and width of an axis' ends under weights of the other studies, as ratios."""
    asked = [s for s in sets if questions(name, s)]
    result = {}
    for one in dict.fromkeys(study(s) for s in asked):
        others, own = ([s for s in asked if (study(s) == one) == here] for here in (False, True))
        if not others:
            continue
        learned = weights(name, others)
        expected = ends(name, others, [smoothed_score(s, learned) for s in others])
        kept, width = [], []
        for scored in own:
            values = smoothed_score(scored, learned)
            centred, half = expected.standardised(values, scored.log_umis)
            for cells, high in questions(name, scored):
                if min(high[cells].sum(), (~high[cells]).sum()) < LEAST_END:
                    continue
                parts = [centred[cells & (high == end)] for end in (False, True)]
                kept.append((parts[1].mean() - parts[0].mean()) / (2 * half[cells].mean()))
                width.append(np.sqrt(np.mean([part.var() for part in parts])))
        if kept:
            result[one] = (float(np.mean(kept)), float(np.mean(width)))
    return result


# Factor of the log odds with which, in studies left out, names are right as often as they say; else 0.8
TEMPER = {"treg": 1.0}
LEAST_END = 5  # cells at an end of a group, for its mean to say anything


def scored_sets(folder: Path) -> list[Scored]:
    """Every set that teaches, at its depths."""
    genes = list(dict.fromkeys(g for low, high, *_ in AXES.values() for g in (low + " " + high).split()))
    wanted = list(dict.fromkeys([*genes, *(g for text in PROGRAMMES.values() for g in text.split())]))
    found = labelled.every_set(folder, wanted)
    return [
        Scored(found[name] if share == 1 else found[name].thinned(share, seed=1), genes)
        for name, shares in DEPTHS.items()
        for share in shares
    ]


def fitted(
    sets: list[Scored],
    ratios: Mapping[str, Mapping[str, tuple[float, float]]],
    *,
    without: str = "",
) -> dict:
    """The resource as learned from every study but one (`without`).

    `ratios` (see `left_out`; axis, then study) says what holds in other studies.
    """
    taught = [s for s in sets if study(s) != without]
    found = {}
    for name in AXES:
        # an axis that one study teaches is taken to hold as well as the others do
        axis = ratios.get(name) or {one: row for rows in ratios.values() for one, row in rows.items()}
        kept, width = np.mean([row for one, row in axis.items() if one != without], axis=0)
        found[name] = learn(name, taught, Calibration(float(kept), float(width), TEMPER.get(name, 0.8)))
    return {
        "made_by": "benchmarks/fit_states.py",
        "axes": found,
        "programmes": {name: text.split() for name, text in PROGRAMMES.items()},
    }


SEVERAL = ("cd8", "memory")  # axes that more than one study teaches


def call(cells: Labelled, model: axes.Model) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Labels of one library's T cells and what was found of it."""
    n = len(cells.gate)
    inside = lineages.Cells(
        cells.counts,
        [str(i) for i in range(n)],
        cells.genes,
        np.repeat("library", n),
        np.zeros(len(cells.genes), dtype=bool),
        np.repeat("0", n),
    )
    frame, _, found = states.label_states(inside, markers.load(ROOT / "config/markers.yaml"), model)
    return frame, found


def cross_fitted(folder: Path) -> tuple[dict, dict[str, axes.Model], dict[str, Labelled]]:
    """The resource learned from all studies, the model without each study, and all sets."""
    sets = scored_sets(folder)
    ratios = {name: left_out(name, sets) for name in SEVERAL}
    studies = list(dict.fromkeys(labelled.STUDY.values()))
    folds = {one: axes.model_of(fitted(sets, ratios, without=one)) for one in studies}
    result = fitted(sets, ratios)
    return result, folds, labelled.every_set(folder, axes.model_of(result).every_gene())


def written(result: dict) -> str:
    """JSON with a line per gene or programme."""
    text = json.dumps(result, indent=1)
    return re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: "[" + re.sub(r",\s+", ", ", m[1]) + "]", text) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    default = os.environ.get("CARPEAK_TEST_DATA", ROOT.parent / "shared/data")
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--out", type=Path, default=ROOT / "workflow/resources/t_states.json")
    options = parser.parse_args()
    result, *_ = cross_fitted(options.data)
    options.out.write_text(written(result), encoding="utf-8")
    for name, axis in result["axes"].items():
        total = np.array([row[1:] for row in axis["genes"].values()]).sum(axis=0)
        print(name, total.round(3), *(axis[key] for key in ("sd", "kept", "temper", "ranks")))


if __name__ == "__main__":
    main()
