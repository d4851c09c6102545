"""Whose a barcode is: a cell's, another droplet's, or nobody's."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..construct.fasta import open_bytes
from ..errors import UserError
from ..readers.barcodes import bare
from ..study.geometry import PRESETS, parse
from .molecules import correct, neighbours

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class Barcodes:
    """What is known of a library's barcodes, all of `size` bases.

    `cells` maps bare barcodes to the names of the matrix; `droplets` names those of the unfiltered matrix
    and `whitelist` is a file with all of the kit, both where given. Without `cells`, each droplet is one.
    """

    size: int
    cells: dict[bytes, str]
    droplets: pa.Array | None = None
    whitelist: str | Path | None = None

    @cached_property
    def _bare_droplets(self) -> pa.Array:
        return bare(self.droplets, self.size)

    def among_droplets(self, words: Collection[bytes]) -> set[bytes]:
        """Those of `words` that stand in the unfiltered matrix."""
        if self.droplets is None or not words:
            return set()
        import pyarrow as pa
        import pyarrow.compute as pc

        texts = pa.array([word.decode("latin-1") for word in words], pa.string())
        there = texts.filter(pc.is_in(texts, value_set=self._bare_droplets))
        return {word.encode() for word in there.to_pylist()}

    def known(self, words: Collection[bytes]) -> set[bytes]:
        """Those of `words` that are cells; without cells droplets, without those of the kit."""
        if self.cells:
            return {word for word in words if word in self.cells}
        return self.among_droplets(words) if self.droplets is not None else self.of_kit(words)

    def of_kit(self, words: Collection[bytes]) -> set[bytes]:
        """Those of `words` that the kit's list holds; none without a list."""
        return listed(self.whitelist, words) if self.whitelist else set()

    @property
    def whose(self) -> str:
        """Whose barcodes are `known`."""
        if self.cells:
            return "the library's cells"
        return "the unfiltered matrix" if self.droplets is not None else "the barcode list"

    def assign(self, observed: Collection[bytes], settled: Collection[bytes] = ()) -> dict[bytes, bytes]:
        """Map observed barcodes to cells and droplets; the rest is left out.

        A cell's barcode is its own, or one base off exactly one cell's while nobody else's; a droplet's
        is its own. `settled` ones were corrected before and are not corrected again.
        """
        droplets = self.among_droplets(observed)
        known: Collection[bytes] = self.cells
        if not self.cells:
            doubtful = set(observed) - droplets - set(settled)
            known = droplets | self.among_droplets({n for word in doubtful for n in neighbours(word)})
        others = droplets | set(settled) | self.of_kit(observed)
        mapping = correct(observed, known, others - set(known))
        return mapping | {word: word for word in droplets if word not in mapping}


def listed(path: str | Path, wanted: Collection[bytes]) -> set[bytes]:
    """Those of `wanted` that a list of barcodes (one a line, plain or gzipped) holds."""
    with open_bytes(path) as file:
        return {word for line in file for word in [line.strip()] if word in wanted}


def demand_size(path: str | Path, size: int) -> None:
    """Raise UserError unless the first barcode of a list has `size` bases."""
    with open_bytes(path) as file:
        word = file.readline().strip().decode("latin-1")
    if re.fullmatch(f"[ACGT]{{{size}}}", word) is None:
        raise UserError(_no_barcode(word, size, path))


def of_cells(names: Sequence[str], size: int, place: str | Path) -> dict[bytes, str]:
    """Bare barcodes of `size` bases to the names as given; UserError where they are none or not unique."""
    import pyarrow as pa

    found: dict[bytes, str] = {}
    for name, word in zip(names, bare(pa.array(names, pa.string()), size).to_pylist()):
        if word is None:
            raise UserError(_no_barcode(name, size, place))
        if word.encode() in found:
            msg = f"{place}: '{found[word.encode()]}' and '{name}' have one barcode. "
            msg += "Give the cells of one library only."
            raise UserError(msg)
        found[word.encode()] = name
    if not found:
        msg = f"{place}: no cells."
        raise UserError(msg)
    return found


def _no_barcode(name: str, size: int, place: str | Path) -> str:
    runs = re.findall(r"(?<![A-Za-z])[ACGT]{8,}(?![A-Za-z])", name)
    if not runs:
        return f"{place}: '{name}' is no barcode of bases. Give the cells of one library as counted."
    fits = [preset for preset in PRESETS if parse(preset).barcode_size == len(runs[0])]
    hint = f" ({', '.join(fits)} fit)" if fits else ""
    msg = f"{place}: barcode '{runs[0]}' has {len(runs[0])} bases, the geometry {size}. "
    return f"{msg}Choose the geometry of the kit{hint}."
