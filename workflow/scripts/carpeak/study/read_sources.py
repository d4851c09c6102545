"""Which samples have reads, what they are for, and whether the study says all that they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError, nearest
from .geometry import parse
from .units import ReadFiles

if TYPE_CHECKING:
    from .samples import Sample

# key of the configuration -> files under it, to be resolved and to be there
FILES = {
    "construct": ("fasta", "gtf", "against"),
    "reads": ("barcodes",),
    "reference": ("fasta", "gtf"),
}


KEYS = ("units", *FILES)


def resolve(config: dict[str, Any], base: Path) -> None:
    """Make the paths of these keys start from `base`."""
    if config["units"]:
        config["units"] = str(base / config["units"])
    for key, part, path in _named(config):
        if isinstance(path, list):
            config[key][part] = [str(base / one) for one in path]
        else:
            config[key][part] = str(base / path)


def given(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """The sheet of reads and the files under these keys, by role."""
    files = {
        f"{key} {part}": path if isinstance(path, list) else [path] for key, part, path in _named(config)
    }
    return {"units": [config["units"]] if config["units"] else [], **files}


def _named(config: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    for key, parts in FILES.items():
        for part in parts:
            path = config.get(key, {}).get(part)
            if path:
                yield key, part, path


def problems(
    config: Mapping[str, Any], sources: Mapping[str, ReadFiles], samples: Sequence[Sample]
) -> list[str]:
    """What is missing or wrong between these keys, the reads by sample and the sheet, as sentences."""
    names = [sample.sample for sample in samples]
    found = [
        f"units: no sample is called '{name}'{nearest(name, names)}; samples in {config['samples']}: "
        f"{', '.join(names)}"
        for name in sources
        if name not in names
    ]
    for key, part, path in _named(config):
        for one in path if isinstance(path, list) else [path]:
            if not Path(one).is_file():
                found.append(f"{key}.{part}: no such file: {one}")
    geometry = config["reads"]["geometry"]
    if geometry is not None:
        try:
            parse(geometry)
        except UserError as error:
            found.append(f"reads.geometry: {error}")
    if sources and "construct" not in config:
        found.append("construct: the sequence of the CAR is needed to count reads; set construct.fasta")
    if geometry is None and any(source.pairs for source in sources.values()):
        found.append("reads.geometry: FASTQ files need the geometry of their kit, such as 10x-v3")
    for sample in samples:
        if sample.aligned and sample.reads:
            lines = _alignable(config, sample.reads)
            found += [f"sample '{sample.sample}' has reads and no matrix: {line}" for line in lines]
    return list(dict.fromkeys(found))


def _alignable(config: Mapping[str, Any], source: ReadFiles) -> Iterator[str]:
    if source.bams:
        yield "a BAM file can only add the transgene to a matrix; give FASTQ files, or path"
    if "reference" not in config:
        yield "set reference.fasta and reference.gtf, the genome to align to"
    if config["reads"]["barcodes"] is None:
        yield "set reads.barcodes, the kit's list of barcodes"
