"""What is wrong between the configuration, the sheet and the files that a schema can't express."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import nearest
from . import design

if TYPE_CHECKING:
    from .samples import Sample

LIBRARY_NAME = re.compile(r"^[A-Za-z0-9_\-]{1,100}$")


def problems(config: Mapping[str, Any], samples: Sequence[Sample]) -> list[str]:
    """What is wrong between the keys of `config`, the samples and the files, as sentences.

    No matrix is opened. Where the sheet could not be read, what depends on `samples` is left out.
    """
    found = _of_samples(config, samples) if samples else []
    found += design.problems(config["donors"], samples, config["contrasts"])
    if config["qc"]["min_genes"] >= config["qc"]["max_genes"]:
        found.append("qc: min_genes must be below max_genes")
    if config["enrichment"]["min_size"] > config["enrichment"]["max_size"]:
        found.append("enrichment: min_size must not exceed max_size")
    if config.get("transgene", {}).get("features") == [] and config["car"]["rule"] != "sorted":
        found.append(
            "transgene.features is empty: name the construct's features in the matrices; where they hold "
            "none and the libraries were sorted for the CAR, fill the sheet's column 'sorted' and set "
            "car.rule to sorted"
        )
    if config["car"]["min_umis"] > 1 and config["car"]["rule"] != "umi":
        found.append(
            f"car.min_umis is of no effect under car.rule {config['car']['rule']}: set car.rule to umi, or "
            "leave min_umis out"
        )
    annotation = config["annotation"]
    if annotation["states"] == "clusters" and annotation["scheme"] != "paper":
        found.append(
            "annotation.states: clusters are named by the paper's genes: set annotation.scheme to paper"
        )
    if annotation["method"] == "singler" and not annotation["reference"]:
        found.append("annotation.reference: method singler needs a reference (a table of genes x cell types)")
    return found + _missing_named_files(config)


def _of_samples(config: Mapping[str, Any], samples: Sequence[Sample]) -> list[str]:
    found = []
    conditions = sorted({sample.condition for sample in samples})
    alone = ""
    if len(conditions) == 1:
        alone = ". To analyse libraries of one condition without a comparison, leave contrasts out"
    for name, contrast in config["contrasts"].items() if all(conditions) else ():
        for side in ("test", "reference"):
            if contrast[side] not in conditions:
                hint = nearest(contrast[side], conditions)
                found.append(
                    f"contrasts.{name}.{side}: no sample has the condition '{contrast[side]}'{hint}; "
                    f"conditions in {config['samples']}: {', '.join(conditions)}{alone}"
                )
        if contrast["test"] == contrast["reference"]:
            found.append(f"contrasts.{name}: test and reference are the same condition")
    for name in config["conditions"] if all(conditions) else ():
        if name not in conditions:
            hint = nearest(name, conditions)
            found.append(
                f"conditions.{name}: no sample has the condition '{name}'{hint}; conditions in "
                f"{config['samples']}: {', '.join(conditions)}"
            )
    negative, names = config["car"]["negative_sample"], [sample.sample for sample in samples]
    if negative is not None and negative not in names:
        found.append(
            f"car.negative_sample: no sample is called '{negative}'{nearest(negative, names)}; "
            f"samples in {config['samples']}: {', '.join(names)}"
        )
    unsaid = [sample.sample for sample in samples if sample.sorted is None]
    if config["car"]["rule"] == "sorted" and unsaid:
        found.append(
            f"car.rule sorted: the column 'sorted' (CAR+ or CAR-) of {config['samples']} is empty for "
            f"{', '.join(unsaid)}"
        )
    alone = config.get("demo", {}).get("donors") == 1
    if alone and not {"product", "peak"} >= {sample.sample for sample in samples}:
        found.append("demo: the simulated libraries are called product and peak; the sheet names others")
    return found


def _missing_named_files(config: Mapping[str, Any]) -> list[str]:
    named = {
        "annotation.markers": [config["annotation"]["markers"]],
        "annotation.reference": [config["annotation"]["reference"]],
        "claims": [config["claims"]],
        "donors.patients": [config["donors"]["patients"]],
        "enrichment.gene_sets": [n for n in config["enrichment"]["gene_sets"] if not LIBRARY_NAME.match(n)],
    }
    return [
        f"{key}: {'not a file' if Path(path).exists() else 'no such file'}: {path}"
        for key, paths in named.items()
        for path in paths
        if path and not Path(path).is_file()
    ]


def braces(files: Mapping[str, Sequence[str]]) -> list[str]:
    """Sentences on the files (by role) whose paths Snakemake would take for patterns."""
    return [
        f"{role}: {path}: Snakemake takes the braces in this path for a wildcard. Rename the file or folder."
        for role, paths in files.items()
        for path in paths
        if "{" in path or "}" in path
    ]
