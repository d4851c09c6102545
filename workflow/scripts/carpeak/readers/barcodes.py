"""Barcodes within the names that programs give to cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def bare(names: pa.Array, size: int) -> pa.Array:
    """The barcode of `size` bases in each name (such as ``P4_ACGT...-1``); null where there is none."""
    import pyarrow.compute as pc

    pattern = f"(?:^|[^A-Za-z])(?P<bases>[ACGT]{{{size}}})(?:$|[^A-Za-z])"
    return pc.struct_field(pc.extract_regex(names, pattern), "bases")
