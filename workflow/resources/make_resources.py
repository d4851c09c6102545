"""Make the gene sets and the gene list of this folder from two Bioconductor annotation packages.

The packages are taken as Debian ships them; only the SQLite file inside each is read::

    apt-get download r-bioc-org.hs.eg.db r-bioc-go.db
    dpkg -x r-bioc-org.hs.eg.db_*.deb unpacked
    dpkg -x r-bioc-go.db_*.deb unpacked
    python make_resources.py unpacked/usr/lib/R/site-library/org.Hs.eg.db/extdata/org.Hs.eg.sqlite \
                             unpacked/usr/lib/R/site-library/GO.db/extdata/GO.sqlite

It writes `go_bp.gmt.gz`, `genes.tsv.gz`, `aliases.tsv.gz` and `README.md` beside itself (or into
``--output``), always with the same bytes for the same input. It needs nothing but Python.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sqlite3
from pathlib import Path

SMALLEST, LARGEST = 5, 1000
CHROMOSOMES = [*map(str, range(1, 23)), "X", "Y", "MT"]

# NCBI names the genes of the mitochondrial genome without a prefix; matrices of 10x and others have HGNC's.
MITOCHONDRIAL = {
    "ATP6": "MT-ATP6",
    "ATP8": "MT-ATP8",
    "COX1": "MT-CO1",
    "COX2": "MT-CO2",
    "COX3": "MT-CO3",
    "CYTB": "MT-CYB",
    "ND1": "MT-ND1",
    "ND2": "MT-ND2",
    "ND3": "MT-ND3",
    "ND4": "MT-ND4",
    "ND4L": "MT-ND4L",
    "ND5": "MT-ND5",
    "ND6": "MT-ND6",
    "RNR1": "MT-RNR1",
    "RNR2": "MT-RNR2",
}

# go_bp_all holds, for every gene, the terms it is annotated to and all their ancestors (GO2ALLEGS in R).
ANNOTATIONS = """
    SELECT DISTINCT a.go_id, i.symbol, c.chromosome = 'MT' FROM go_bp_all a
    JOIN gene_info i USING (_id) LEFT JOIN chromosomes c USING (_id)
"""
TERMS = "SELECT go_id, term FROM go_term WHERE ontology = 'BP'"

# ncbi2ensembl is NCBI's own mapping: the gene of the primary assembly, without the alternate loci that the
# Ensembl mapping lists too. It lacks mitochondrial genes.
GENES = """
    SELECT i.symbol, coalesce(n.ensembl_id, e.ensembl_id), c.chromosome, t.gene_type, i.gene_name
    FROM gene_info i JOIN genetype t USING (_id) JOIN chromosomes c USING (_id)
    LEFT JOIN ncbi2ensembl n USING (_id)
    LEFT JOIN ensembl e ON e._id = i._id AND c.chromosome = 'MT'
    WHERE coalesce(n.ensembl_id, e.ensembl_id) IS NOT NULL
    ORDER BY i.symbol, 2
"""

ALIASES = """
    SELECT a.alias_symbol, i.symbol FROM alias a JOIN gene_info i USING (_id) ORDER BY 1, 2
"""
# Immunologists call the product of TCF7 TCF1; NCBI lists TCF1 for HNF1A alone, a gene of liver and gut.
USAGE = {"TCF1": "TCF7"}

ON_BOTH = """
    SELECT i.symbol FROM gene_info i
    WHERE 2 = (SELECT count(*) FROM chromosomes c WHERE c._id = i._id AND c.chromosome IN ('X', 'Y'))
"""

README = """# Resources

Made by `make_resources.py` (its first lines say how to run it); do not edit by hand.

| file | lines | sha256 |
|---|---|---|
{files}

`go_bp.gmt.gz`: biological processes of the Gene Ontology with their human genes. One term a line:
`GO id`, `name`, then gene symbols, sorted, tab-separated. Annotations are propagated, so a gene of a term
is a gene of its ancestors too (what R calls GO2ALLEGS). Terms with {smallest} to {largest:,} genes.

`genes.tsv.gz`: human genes with an Ensembl id on chromosomes 1 to 22, X, Y and MT (columns symbol, gene_id,
chromosome, type): protein-coding genes, long non-coding RNA, and immunoglobulin and T-cell receptor segments.
A gene on X and Y both stands under X. Small RNA and pseudogenes are left out. The demo study takes its gene
names from here.

`aliases.tsv.gz`: former and other names (column alias) of the genes of `genes.tsv.gz` (column symbol). Left
out is what names several genes, or is the symbol of one. One line is usage in immunology and not NCBI's:
`TCF1` is TCF7 here, not HNF1A.

In all files the genes of the mitochondrial genome bear HGNC's names (`MT-CO1` where NCBI says `COX1`).

## Where it comes from

{sources}

Debian packages `r-bioc-org.hs.eg.db` and `r-bioc-go.db`, version {package} (Bioconductor {bioconductor}).

## Licence

The Gene Ontology and its annotations are under the Creative Commons Attribution 4.0 International licence
(CC BY 4.0); this release is that of {go_release}. Cite: Ashburner et al., Nature Genetics 2000;25:25-29, and
The Gene Ontology Consortium, Nucleic Acids Research 2021;49:D325-D334. Changes made here: terms outside
{smallest} to {largest:,} genes left out, genes given as symbols. NCBI Gene and Ensembl place no
restriction on the mappings.
"""


def gene_sets(org: sqlite3.Connection, go: sqlite3.Connection) -> str:
    """The GMT text: term id, name, symbols."""
    names = dict(go.execute(TERMS))
    members: dict[str, set[str]] = {}
    for term, symbol, mitochondrial in org.execute(ANNOTATIONS):
        members.setdefault(term, set()).add(MITOCHONDRIAL.get(symbol, symbol) if mitochondrial else symbol)
    lines = [
        "\t".join([term, names[term], *sorted(members[term])]) + "\n"
        for term in sorted(members)
        if SMALLEST <= len(members[term]) <= LARGEST and term in names
    ]
    return "".join(lines)


def kind(symbol: str, gene_type: str, name: str) -> str | None:
    """The type of a gene as this folder calls it, or None where it is not listed."""
    if gene_type == "protein-coding":
        return "protein_coding"
    if gene_type == "ncRNA" and not name.startswith(("microRNA", "small ", "vault RNA", "Y RNA", "RNA, ")):
        return "lncRNA"
    if gene_type == "rRNA" and symbol in ("RNR1", "RNR2"):
        return "Mt_rRNA"
    if gene_type == "other" and symbol.startswith(("IGH", "IGK", "IGL")):
        return "IG"
    if gene_type == "other" and symbol.startswith(("TRA", "TRB", "TRD", "TRG")):
        return "TR"
    return None


def genes(org: sqlite3.Connection) -> str:
    """The table of genes, in order of chromosome and symbol; symbols and ids are unique."""
    both = {symbol for (symbol,) in org.execute(ON_BOTH)}
    rows: list[tuple[int, str, str, str]] = []
    seen: set[str] = set()
    for symbol, gene_id, chromosome, gene_type, name in org.execute(GENES):
        listed = kind(symbol, gene_type, name)
        place = "X" if symbol in both else chromosome
        new = MITOCHONDRIAL.get(symbol, symbol) if place == "MT" else symbol
        if listed is None or place not in CHROMOSOMES or new in seen or gene_id in seen:
            continue
        seen |= {new, gene_id}
        rows.append((CHROMOSOMES.index(place), new, gene_id, listed))
    text = "symbol\tgene_id\tchromosome\ttype\n"
    return text + "".join(f"{s}\t{i}\t{CHROMOSOMES[c]}\t{t}\n" for c, s, i, t in sorted(rows))


def aliases(org: sqlite3.Connection, symbols: set[str]) -> str:
    """The table of names that stand for one gene of `symbols` and are no gene's symbol."""
    current, named = set(symbols), {}
    for alias, symbol in org.execute(ALIASES):
        current.add(symbol)
        named.setdefault(alias, set()).add(symbol)
    found = {alias: min(of) for alias, of in named.items() if len(of) == 1 and alias not in current} | USAGE
    lines = [f"{alias}\t{symbol}\n" for alias, symbol in sorted(found.items()) if symbol in symbols]
    return "alias\tsymbol\n" + "".join(lines)


def sources(org: sqlite3.Connection) -> tuple[str, str]:
    """A list of what the mappings were made from and when, and the release date of the Gene Ontology."""
    table = dict(org.execute("SELECT name, value FROM metadata"))
    lines = [
        f"- Gene Ontology, release {table['GOSOURCEDATE']} ({table['GOSOURCEURL']})",
        f"- genes annotated to terms (NCBI gene2go), {table['GOEGSOURCEDATE']} ({table['GOEGSOURCEURL']})",
        f"- gene symbols, types, chromosomes and Ensembl ids (NCBI Gene), {table['EGSOURCEDATE']}"
        f" ({table['EGSOURCEURL']})",
        f"- Ensembl ids of mitochondrial genes (Ensembl), {table['ENSOURCEDATE']} ({table['ENSOURCEURL']})",
    ]
    return "\n".join(lines), table["GOSOURCEDATE"]


def write(text: str, path: Path) -> str:
    """Write `text` compressed, without a time stamp; return the file's row of the README."""
    data = gzip.compress(text.encode(), 9, mtime=0)
    data = data[:9] + b"\xff" + data[10:]  # the system's byte, which differs between Python versions
    path.write_bytes(data)
    return f"| `{path.name}` | {text.count(chr(10)):,} | `{hashlib.sha256(data).hexdigest()}` |"


def main() -> None:
    """Read the two SQLite files and write the resources."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("org", type=Path, help="org.Hs.eg.sqlite")
    parser.add_argument("go", type=Path, help="GO.sqlite")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("--package", default="3.16.0-1", help="version of the Debian packages")
    options = parser.parse_args()
    org, go = (sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in (options.org, options.go))
    listed_genes = genes(org)
    symbols = {line.split("\t")[0] for line in listed_genes.splitlines()[1:]}
    files = [
        write(gene_sets(org, go), options.output / "go_bp.gmt.gz"),
        write(listed_genes, options.output / "genes.tsv.gz"),
        write(aliases(org, symbols), options.output / "aliases.tsv.gz"),
    ]
    listed, release = sources(org)
    text = README.format(
        files="\n".join(files),
        smallest=SMALLEST,
        largest=LARGEST,
        sources=listed,
        go_release=release,
        package=options.package,
        bioconductor=".".join(options.package.split(".")[:2]),
    )
    (options.output / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
