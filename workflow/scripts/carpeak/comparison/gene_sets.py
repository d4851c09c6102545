"""Gene sets: reading GMT files and, where there is a network, fetching Enrichr libraries."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from .. import io
from ..errors import UserError, nearest

SHARE_KNOWN = 0.1
GO_ID = re.compile(r"GO:\d{7}")
_WEIGHT = re.compile(r",-?\d+(\.\d+)?$")
FORMAT = "A GMT line is: name, description, genes, separated by tabs."
_ANY_SIZE = 1_000_000


class GeneSet(NamedTuple):
    """One set: its id (a GO id where there is one), its name and its genes, sorted."""

    term_id: str
    term: str
    genes: tuple[str, ...]


def label(path: str | Path) -> str:
    """How tables call the library in the file `path`: its name, or GO_BP for the bundled one."""
    name = re.sub(r"(\.gmt)?(\.gz)?$", "", Path(path).name, flags=re.IGNORECASE)
    return "GO_BP" if name == "go_bp" else name


def read_all(paths: Sequence[str | Path]) -> dict[str, list[GeneSet]]:
    """Read several GMT files; keys are their labels, in the order given."""
    labels = [label(path) for path in paths]
    for number, name in enumerate(labels):
        if name in labels[:number]:
            msg = f"{paths[number]}: another gene-set file is called '{name}' too. Rename one of them."
            raise UserError(msg)
    return {name: read_gmt(path) for name, path in zip(labels, paths, strict=True)}


def read_gmt(path: str | Path) -> list[GeneSet]:
    """Read a GMT file (plain or gzip): name, description, then genes, separated by tabs.

    A GO id in the name or the description becomes the set's id, so that sets of other releases and
    makers match by id. Weights (``GENE,1.0``) are dropped, genes named twice count once, a set that
    stands twice with the same genes is read once. Raises UserError where a line is no gene set or one
    id has two different sets.
    """
    found: dict[str, GeneSet] = {}
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        first, *rest = line.split("\t")
        if not rest:
            msg = f"{path}, line {number}: no tab. {FORMAT}"
            raise UserError(msg)
        new = _gene_set(first.strip(), rest[0].strip(), rest[1:])
        old = found.setdefault(new.term_id, new)
        if old.genes != new.genes:
            msg = f"{path}, line {number}: two sets called '{new.term_id}' differ. Rename one."
            raise UserError(msg)
    sets = [one for one in found.values() if one.genes]
    if not sets:
        msg = f"{path}: the file holds no gene set. {FORMAT}"
        raise UserError(msg)
    return sets


def _lines(path: str | Path) -> list[str]:
    try:
        data = Path(path).read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8-sig")
    except FileNotFoundError:
        msg = f"{path}: no such file; enrichment.gene_sets of the configuration names it."
        raise UserError(msg) from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        msg = f"{path}: not a readable GMT file ({error}). Give tab-separated UTF-8 text, plain or gzip."
        raise UserError(msg) from error
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _gene_set(first: str, second: str, fields: Iterable[str]) -> GeneSet:
    genes = {_WEIGHT.sub("", field.strip()) for field in fields} - {""}
    go = GO_ID.search(first) or GO_ID.fullmatch(second)
    if go is None:
        described = second and second.lower() != "na" and not second.lower().startswith(("http", "> http"))
        return GeneSet(first, second if described else first, tuple(sorted(genes)))
    name = re.sub(r"\s*\(GO:\d{7}\)\s*$", "", first)
    return GeneSet(go.group(), second if name == go.group() and second else name, tuple(sorted(genes)))


def check_known(sets: Sequence[GeneSet], genes: Iterable[str], *, source: str) -> None:
    """Raise UserError when hardly any gene of `sets` is among `genes`: another species or other ids.

    The share is taken of the smaller of the two, since either list may be short.
    """
    known = set(genes)
    named = {gene for one in sets for gene in one.genes}
    if not known or len(named & known) >= SHARE_KNOWN * min(len(named), len(known)):
        return
    examples = ", ".join(sorted(named)[:3])
    msg = (
        f"gene sets {source}: {len(named & known)} of {len(named)} genes are in the data (the sets hold "
        f"{examples} ..., the data {', '.join(sorted(known)[:3])} ...). Are they of another species, or ids "
        "in place of symbols? Give gene sets with the gene names of the matrices."
    )
    raise UserError(msg)


def fetch(library: str) -> dict[str, list[str]]:
    """Download the human Enrichr library `library`: term -> genes.

    Raises UserError without a network, or when there is no such library.
    """
    import gseapy
    import requests

    try:
        names = gseapy.get_library_name(organism="Human")
        if library not in names:
            msg = f"enrichment.gene_sets: Enrichr has no library '{library}'{nearest(library, names)}."
            raise UserError(msg)
        sets: dict[str, list[str]] = gseapy.get_library(library, organism="Human", max_size=_ANY_SIZE)
    except (requests.RequestException, ConnectionError, TimeoutError) as error:
        msg = (
            f"enrichment.gene_sets: '{library}' is no file, and the Enrichr server cannot be reached "
            f"({type(error).__name__}). Give a GMT file or GO_BP (comes with the workflow), or run once "
            f"with a network: the library is then kept in resources/enrichr/."
        )
        raise UserError(msg) from error
    return sets


def write_gmt(sets: Mapping[str, Iterable[str]], path: str | Path, checksum: str | Path) -> None:
    """Write `sets` as GMT, sorted, and the file's SHA-256 into the file `checksum`."""
    text = "".join("\t".join([term, "", *sorted(set(sets[term]))]) + "\n" for term in sorted(sets))
    io.write_text(text, path)
    io.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}  {Path(path).name}\n", checksum)


def check_cached(path: str | Path) -> None:
    """Raise UserError when a fetched library no longer has the checksum written when it was fetched."""
    beside = Path(f"{path}.sha256")
    if not beside.is_file():
        return
    now = io.sha256(path)
    if beside.read_text(encoding="utf-8").split()[0] != now:
        msg = f"{path}: changed since it was fetched (its checksum differs). Delete it to fetch it again."
        raise UserError(msg)
