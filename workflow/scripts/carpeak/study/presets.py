"""What a preset gives the keys that a configuration leaves out.

`recommended` is what the schema's defaults say; `paper` follows Zhang et al. 2025 where it says what it did.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

PAPER: dict[str, dict[str, Any]] = {
    "qc": {"preset": "paper", "doublets": False},  # the paper names no search for doublets
    "embedding": {"method": "paper"},
    "annotation": {"scheme": "paper", "states": "clusters"},
    "car": {"rule": "umi"},
}


def filled(value: Any) -> Any:
    """A copy of the configuration `value` with what its preset gives; what is no mapping comes back as it is.

    Under `paper` lineages are named by SingleR where a reference is given, as the paper named them.
    """
    if not isinstance(value, Mapping) or value.get("preset") != "paper":
        return value
    result = dict(copy.deepcopy(value))
    for block, given in PAPER.items():
        own = result.get(block, {})
        if isinstance(own, Mapping):
            result[block] = {**given, **own}
    annotation = result["annotation"]
    if isinstance(annotation, Mapping) and annotation.get("reference"):
        result["annotation"] = {"method": "singler", **annotation}
    return result
