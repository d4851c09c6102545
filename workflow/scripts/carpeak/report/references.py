"""The works that the methods rest on: as a list, as BibTeX, and which paragraph cites which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..settings import Settings


@dataclass(frozen=True)
class Work:
    """An article: `key` of its BibTeX entry, `short` as text cites it."""

    key: str
    short: str
    authors: str
    title: str
    journal: str
    year: int
    where: str  # volume, and pages or number
    doi: str

    @property
    def listed(self) -> str:
        """The work in a list of references."""
        authors = self.authors.replace(" and others", " et al").replace(" and ", ", ").rstrip(".")
        return f"{authors}. {self.title}. {self.journal} {self.year};{self.where}. doi:{self.doi}"

    @property
    def bibtex(self) -> str:
        """The work as a BibTeX entry; braces keep capitals of the title."""
        volume, _, pages = self.where.partition(":")
        fields = {"author": self.authors, "title": f"{{{self.title}}}", "journal": self.journal}
        fields |= {
            "year": str(self.year),
            "volume": volume,
            "pages": pages.replace("-", "--"),
            "doi": self.doi,
        }
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
        return f"@article{{{self.key},\n{body}\n}}\n"


WORKS = {
    work.key: work
    for work in (
        Work("wolf2018", "Wolf et al. 2018", "Wolf, F. A. and Angerer, P. and Theis, F. J.",
             "SCANPY: large-scale single-cell gene expression data analysis", "Genome Biology", 2018,
             "19:15", "10.1186/s13059-017-1382-0"),
        Work("moelder2021", "Mölder et al. 2021", "Mölder, F. and Jablonski, K. P. and others",
             "Sustainable data analysis with Snakemake", "F1000Research", 2021, "10:33",
             "10.12688/f1000research.29032.2"),
        Work("wolock2019", "Wolock et al. 2019", "Wolock, S. L. and Lopez, R. and Klein, A. M.",
             "Scrublet: computational identification of cell doublets in single-cell transcriptomic "
             "data",
             "Cell Systems", 2019, "8:281-291", "10.1016/j.cels.2018.11.005"),
        Work("young2020", "Young and Behjati 2020", "Young, M. D. and Behjati, S.",
             "SoupX removes ambient RNA contamination from droplet-based single-cell RNA sequencing "
             "data",
             "GigaScience", 2020, "9:giaa151", "10.1093/gigascience/giaa151"),
        Work("lun2019", "Lun et al. 2019", "Lun, A. T. L. and Riesenfeld, S. and others",
             "EmptyDrops: distinguishing cells from empty droplets in droplet-based single-cell RNA "
             "sequencing data",
             "Genome Biology", 2019, "20:63", "10.1186/s13059-019-1662-y"),
        Work("korsunsky2019", "Korsunsky et al. 2019", "Korsunsky, I. and Millard, N. and others",
             "Fast, sensitive and accurate integration of single-cell data with Harmony", "Nature Methods",
             2019, "16:1289-1296", "10.1038/s41592-019-0619-0"),
        Work("traag2019", "Traag et al. 2019", "Traag, V. A. and Waltman, L. and van Eck, N. J.",
             "From Louvain to Leiden: guaranteeing well-connected communities", "Scientific Reports", 2019,
             "9:5233", "10.1038/s41598-019-41695-z"),
        Work("mcinnes2018", "McInnes et al. 2018", "McInnes, L. and Healy, J. and Melville, J.",
             "UMAP: uniform manifold approximation and projection for dimension reduction", "arXiv", 2018,
             "1802.03426", "10.48550/arXiv.1802.03426"),
        Work("hubert1985", "Hubert and Arabie 1985", "Hubert, L. and Arabie, P.", "Comparing partitions",
             "Journal of Classification", 1985, "2:193-218", "10.1007/BF01908075"),
        Work("andreatta2021", "Andreatta and Carmona 2021", "Andreatta, M. and Carmona, S. J.",
             "UCell: robust and scalable single-cell gene signature scoring",
             "Computational and Structural Biotechnology Journal", 2021, "19:3796-3798",
             "10.1016/j.csbj.2021.06.043"),
        Work("aran2019", "Aran et al. 2019", "Aran, D. and Looney, A. P. and Liu, L. and others",
             "Reference-based analysis of lung single-cell sequencing reveals a transitional "
             "profibrotic macrophage",
             "Nature Immunology", 2019, "20:163-172", "10.1038/s41590-018-0276-y"),
        Work("brown2001", "Brown et al. 2001", "Brown, L. D. and Cai, T. T. and DasGupta, A.",
             "Interval estimation for a binomial proportion", "Statistical Science", 2001, "16:101-133",
             "10.1214/ss/1009213286"),
        Work("benjamini1995", "Benjamini and Hochberg 1995", "Benjamini, Y. and Hochberg, Y.",
             "Controlling the false discovery rate: a practical and powerful approach to multiple testing",
             "Journal of the Royal Statistical Society Series B", 1995, "57:289-300",
             "10.1111/j.2517-6161.1995.tb02031.x"),
        Work("fang2023", "Fang et al. 2023", "Fang, Z. and Liu, X. and Peltz, G.",
             "GSEApy: a comprehensive package for performing gene set enrichment analysis in Python",
             "Bioinformatics", 2023, "39:btac757", "10.1093/bioinformatics/btac757"),
        Work("ashburner2000", "Ashburner et al. 2000", "Ashburner, M. and Ball, C. A. and others",
             "Gene Ontology: tool for the unification of biology", "Nature Genetics", 2000, "25:25-29",
             "10.1038/75556"),
        Work("mccarthy2009", "McCarthy and Smyth 2009", "McCarthy, D. J. and Smyth, G. K.",
             "Testing significance relative to a fold-change threshold is a TREAT", "Bioinformatics", 2009,
             "25:765-771", "10.1093/bioinformatics/btp053"),
        Work("zhang2025", "Zhang et al. 2025", "Zhang, M. and Zhang, X. and Wang, J. and others",
             "Utilization of donor CLL-1 CAR-T cells for the treatment of relapsed of acute myeloid leukemia "
             "following allogeneic hematopoietic stem cell transplantation", "Frontiers in Immunology", 2025,
             "15:1491341", "10.3389/fimmu.2024.1491341"),
    )
}  # fmt: skip
CITED = {
    "Quality control": ("wolock2019", "lun2019"),
    "Ambient RNA": ("young2020",),
    "Embedding and clusters": ("wolf2018", "korsunsky2019", "traag2019", "mcinnes2018", "hubert1985"),
    "Labels": ("andreatta2021",),
    "Comparison": ("brown2001", "benjamini1995", "fang2023", "ashburner2000"),
    "Verdicts": ("mccarthy2009", "zhang2025"),
    "Workflow": ("moelder2021",),
}


def cited(heading: str, settings: Settings, *, paper: bool, called: bool) -> list[Work]:
    """The works that the paragraph called `heading` cites under these settings, in its order.

    `paper`: the claims are those of the publication; `called`: cells were called from droplets.
    """
    unused = (set() if paper else {"zhang2025"}) | (set() if called else {"lun2019"})
    if settings.embedding.integration != "harmony":
        unused.add("korsunsky2019")
    if not settings.qc.doublets:
        unused.add("wolock2019")
    more = ("aran2019",) if heading == "Labels" and settings.annotation.method == "singler" else ()
    return [WORKS[key] for key in (*CITED.get(heading, ()), *more) if key not in unused]


def bibtex(works: Iterable[Work]) -> str:
    """The entries of a BibTeX file, without repeats, by key."""
    return "\n".join(
        work.bibtex for work in sorted({one.key: one for one in works}.values(), key=lambda w: w.key)
    )
