"""Genes of the cell cycle, by their current HGNC symbols.

The S and G2/M genes of Tirosh et al., Science 2016;352:189, with further textbook genes of DNA replication,
mitosis and the histones that are made with the DNA. Former symbols of the same genes stand beside the
current ones, since libraries are named by the reference of their day.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

S_PHASE = """
    MCM5 PCNA TYMS FEN1 MCM2 MCM4 RRM1 UNG GINS2 MCM6 CDCA7 DTL PRIM1 UHRF1 CENPU MLF1IP HELLS RFC2
    RPA2 NASP RAD51AP1 GMNN WDR76 SLBP CCNE2 UBR7 POLD3 MSH2 ATAD2 RAD51 RRM2 CDC45 CDC6 EXO1 TIPIN
    DSCC1 BLM CASP8AP2 USP1 CLSPN POLA1 CHAF1B BRIP1 E2F8 MCM3 MCM7 TK1 DUT PCLAF KIAA0101 DHFR
""".split()  # noqa: SIM905 (as a list, 51 lines)
G2M_PHASE = """
    HMGB2 CDK1 NUSAP1 UBE2C BIRC5 TPX2 TOP2A NDC80 CKS2 NUF2 CKS1B MKI67 TMPO CENPF TACC3 PIMREG
    FAM64A SMC4 CCNB2 CKAP2L CKAP2 AURKB BUB1 KIF11 ANP32E TUBB4B GTSE1 KIF20B HJURP CDCA3 JPT1 HN1
    CDC20 TTK CDC25C KIF2C RANGAP1 NCAPD2 DLGAP5 CDCA2 CDCA8 ECT2 KIF23 HMMR AURKA PSRC1 ANLN LBR
    CKAP5 CENPE CTCF NEK2 G2E3 GAS2L3 CBX5 CENPA STMN1 TUBA1B TUBB H2AZ1 H2AFZ HMGN2 CCNB1 CCNA2
    PTTG1 CENPW TUBA1C ZWINT MAD2L1 ASPM PRC1 KIF15 KIF4A SPC25 KNL1
""".split()  # noqa: SIM905
HISTONES = ("HIST1H", "HIST2H", "H1-", "H2AC", "H2BC", "H3C", "H4C")  # replication-dependent clusters


def mask(symbols: Iterable[str]) -> NDArray[np.bool_]:
    """Which of the gene `symbols` belong to the cell cycle."""
    known = {*S_PHASE, *G2M_PHASE}
    return np.array([name in known or name.startswith(HISTONES) for name in symbols], dtype=bool)
