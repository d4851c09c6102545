"""A study: the configuration, its sample sheet, and the checks that a schema can't express."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import config as configuration
from . import sheet
from .download import table as downloading
from .download.table import Download
from .errors import UserError, nearest

POPULATIONS = ("all", "t_cells", "car_t")
BUNDLED_GENE_SETS = {"GO_BP": "resources/go_bp.gmt.gz"}
LIBRARY_NAME = re.compile(r"^[A-Za-z0-9_\-]{1,100}$")
_TRIO = re.compile(r"^(matrix\.mtx|(features|genes)\.tsv|barcodes\.tsv)(\.gz)?$")
_SIMULATED_TRIO = ("matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz")


@dataclass(frozen=True)
class Sample:
    """One library, as its row of the sheet says; paths resolved.

    Its cells come from one source: the matrix of cells at `path` or, without one, the unfiltered droplets
    at `raw_path`.
    """

    sample: str
    condition: str
    donor: str
    path: str | None = None
    raw_path: str | None = None
    batch: str = ""
    flow_car_percent: float | None = None
    chemistry: str | None = None

    @property
    def called_from_droplets(self) -> bool:
        """Whether this run decides which droplets hold a cell."""
        return not self.path and bool(self.raw_path)

    @property
    def matrix(self) -> str:
        """The count matrix that ingest opens; an empty string where the row names none."""
        return self.path or self.raw_path or ""


@dataclass(frozen=True)
class Study:
    """The validated configuration (`config`, with defaults, paths resolved) and its samples."""

    config: dict[str, Any]
    samples: tuple[Sample, ...]
    source: str
    downloads: tuple[Download, ...] = ()

    @property
    def names(self) -> list[str]:
        """The sample names, in the order of the sheet."""
        return [sample.sample for sample in self.samples]

    @property
    def contrasts(self) -> dict[str, dict[str, str]]:
        """The contrasts by name, each with its conditions `test` and `reference`."""
        contrasts: dict[str, dict[str, str]] = self.config["contrasts"]
        return contrasts

    @property
    def simulates(self) -> bool:
        """Whether the libraries are made by this run."""
        return "demo" in self.config

    @property
    def gene_set_files(self) -> list[str]:
        """The GMT files to test; an entry that names no file is an Enrichr library, which a rule fetches."""
        entries = self.config["enrichment"]["gene_sets"]
        return [f"resources/enrichr/{e}.gmt" if LIBRARY_NAME.match(e) else e for e in entries]

    @property
    def enrichment_limits(self) -> dict[str, float]:
        """Which genes count as changed, and how large a gene set may be."""
        return {key: value for key, value in self.config["enrichment"].items() if key != "gene_sets"}

    def sample(self, name: str) -> Sample:
        """The sample called `name`."""
        return next(sample for sample in self.samples if sample.sample == name)

    def compared(self, contrast: str) -> list[str]:
        """The sample names of a contrast, those of the reference first."""
        sides = self.contrasts[contrast]
        return [
            s.sample for side in ("reference", "test") for s in self.samples if s.condition == sides[side]
        ]

    def given(self) -> dict[str, list[str]]:
        """The files and folders that the study was given, by role."""
        annotation = self.config["annotation"]
        files = {
            "configuration": [self.source],
            "sample sheet": [self.config["samples"]],
            "markers": [annotation["markers"]],
            "annotation reference": [annotation["reference"]] if annotation["reference"] else [],
            "claims": [self.config["claims"]],
            "gene sets": self.gene_set_files,
        }
        for sample in self.samples:
            files[f"cells of {sample.sample}"] = [sample.path] if sample.path else []
            files[f"droplets of {sample.sample}"] = [sample.raw_path] if sample.raw_path else []
        return files

    def download(self, name: str) -> Download:
        """The download whose path in the table is `name`."""
        return next(one for one in self.downloads if one.name == name)

    @property
    def mirror(self) -> str:
        """The address of the folder that holds copies of the downloads; empty for none."""
        return (self.config.get("download") or {}).get("mirror") or ""

    def files(self, path: str) -> list[str]:
        """The files to watch behind a matrix path: itself, or the matrix files of a folder.

        Where they are fetched, the receipts that say so.
        """
        if self.simulates:
            return [f"{path}/{name}" for name in _SIMULATED_TRIO]
        if made := downloading.making(self.downloads, path):
            return [one.receipt for one in made]
        folder = Path(path)
        if not folder.is_dir():
            return [path]
        return [str(file) for file in sorted(folder.iterdir()) if _TRIO.match(file.name)] or [path]


def load(value: Mapping[str, Any], *, source: str | Path, workflow: str | Path) -> Study:
    """Check a configuration and its sheet.

    `value` is the configuration as read from the file `source` (and `--config`); `workflow` is the
    folder that holds schemas/ and resources/. Raises UserError with every problem found.
    """
    source, workflow = Path(source), Path(workflow)
    config = configuration.check(value, workflow / "schemas/config.schema.yaml", source=str(source))
    base = source.parent
    config["samples"] = str(base / config["samples"])
    _resolve_optional(config, base, workflow)
    root = _data_root(config, base)
    samples = read_sheet(config["samples"], workflow / "schemas/samples.schema.yaml", root=root)
    downloads = downloading.read(config.get("download"), workflow / "schemas", base=base, root=root)
    found = [f"{config['samples']}: {line}" for line in _without_cells(samples)]
    found += cross_checks(config, samples)
    if "demo" not in config:
        found += [f"{config['samples']}: {line}" for line in _missing_files(samples, downloads)]
    if found:
        raise UserError(f"{source}:\n" + "\n".join(f"  - {line}" for line in found))
    return Study(config, samples, str(source), downloads)


def _data_root(config: dict[str, Any], base: Path) -> Path:
    """Where the sheet's relative paths start; the demo's libraries are made in the working directory."""
    if "demo" in config:
        return Path()
    return base / config["data_root"] if "data_root" in config else Path(config["samples"]).parent


def _resolve_optional(config: dict[str, Any], base: Path, workflow: Path) -> None:
    annotation = config["annotation"]
    root = workflow.parent
    annotation["markers"] = str(
        base / annotation["markers"] if annotation["markers"] else root / "config/markers.yaml"
    )
    config["claims"] = str(base / config["claims"] if config["claims"] else root / "config/claims.yaml")
    if annotation["reference"]:
        annotation["reference"] = str(base / annotation["reference"])
    config["enrichment"]["gene_sets"] = [
        _gene_set(name, base, workflow) for name in config["enrichment"]["gene_sets"]
    ]
    if config.get("download") and config["download"]["mirror"]:
        config["download"]["mirror"] = _mirror(config["download"]["mirror"], base)
    if "demo" in config and config["demo"]["variant"] is None:  # YAML reads a bare null as nothing
        config["demo"]["variant"] = "null"


def _mirror(place: str, base: Path) -> str:
    if "://" in place:
        return place
    folder = (base / place).resolve()
    if not folder.is_dir():
        msg = f"download.mirror: no such folder: {folder}. Name the folder that holds copies of the files."
        raise UserError(msg)
    return folder.as_uri()


def _gene_set(name: str, base: Path, workflow: Path) -> str:
    if name in BUNDLED_GENE_SETS:
        return str(workflow / BUNDLED_GENE_SETS[name])
    is_library = LIBRARY_NAME.match(name) and not (base / name).exists()
    return name if is_library else str(base / name)


def read_sheet(path: str | Path, schema_path: str | Path, *, root: Path) -> tuple[Sample, ...]:
    """Read the sample sheet; its relative paths start from `root`.

    Raises UserError that names file, row and column.
    """
    path = Path(path)
    rows = sheet.rows(path)
    schema = configuration.load_yaml(schema_path)
    columns = schema["properties"]
    found: list[str] = []
    samples = []
    for number, row in rows:
        values = {key: _typed(text, columns.get(key, {})) for key, text in row.items() if text != ""}
        found += [f"row {number}: {line}" for line in configuration.problems(values, schema)]
        if not found:
            samples.append(_sample(values, root))
    twice = [name for name, n in Counter(row.get("sample") for _, row in rows).items() if name and n > 1]
    found += [f"sample '{name}' stands in more than one row; names must be unique" for name in twice]
    if found:
        raise UserError(f"{path}:\n" + "\n".join(f"  - {line}" for line in found))
    return tuple(samples)


def _typed(text: str, column: Mapping[str, Any]) -> str | float:
    if column.get("type") != "number":
        return text
    try:
        return float(text)
    except ValueError:
        return text


def _sample(values: Mapping[str, Any], root: Path) -> Sample:
    def resolve(name: str) -> str | None:
        return str(root / str(values[name])) if name in values else None

    return Sample(
        sample=values["sample"],
        condition=values["condition"],
        donor=values["donor"],
        path=resolve("path"),
        raw_path=resolve("raw_path"),
        batch=values.get("batch", values["sample"]),
        flow_car_percent=values.get("flow_car_percent"),
        chemistry=values.get("chemistry"),
    )


def _without_cells(samples: tuple[Sample, ...]) -> list[str]:
    return [
        f"sample '{sample.sample}': neither path nor raw_path is given. Give path (the matrix of the cells), "
        "or raw_path alone (unfiltered droplets, from which the cells are called)."
        for sample in samples
        if not sample.matrix
    ]


def _missing_files(samples: tuple[Sample, ...], downloads: tuple[Download, ...] = ()) -> list[str]:
    found = []
    for sample in samples:
        for column in ("path", "raw_path"):
            path = getattr(sample, column)
            if path and not Path(path).exists() and not downloading.making(downloads, path):
                found.append(f"sample '{sample.sample}': {column} does not exist: {path}")
    owners: dict[str, str] = {}
    for sample in samples:
        if not sample.matrix:
            continue
        other = owners.setdefault(str(Path(sample.matrix).resolve()), sample.sample)
        if other != sample.sample:
            found.append(f"samples '{other}' and '{sample.sample}' name the same path: {sample.matrix}")
    return found


def cross_checks(config: Mapping[str, Any], samples: tuple[Sample, ...]) -> list[str]:
    """What is wrong between configuration, sheet and files, as sentences; no matrix is opened."""
    found = []
    conditions = sorted({sample.condition for sample in samples})
    for name, contrast in config["contrasts"].items():
        for side in ("test", "reference"):
            if contrast[side] not in conditions:
                hint = nearest(contrast[side], conditions)
                found.append(
                    f"contrasts.{name}.{side}: no sample has the condition '{contrast[side]}'{hint}; "
                    f"conditions in {config['samples']}: {', '.join(conditions)}"
                )
        if contrast["test"] == contrast["reference"]:
            found.append(f"contrasts.{name}: test and reference are the same condition")
    if config["qc"]["min_genes"] >= config["qc"]["max_genes"]:
        found.append("qc: min_genes must be below max_genes")
    if config["enrichment"]["min_size"] > config["enrichment"]["max_size"]:
        found.append("enrichment: min_size must not exceed max_size")
    negative, names = config["car"]["negative_sample"], [sample.sample for sample in samples]
    if negative is not None and negative not in names:
        found.append(
            f"car.negative_sample: no sample is called '{negative}'{nearest(negative, names)}; "
            f"samples in {config['samples']}: {', '.join(names)}"
        )
    annotation = config["annotation"]
    if annotation["method"] == "singler" and not annotation["reference"]:
        found.append("annotation.reference: method singler needs a reference (a table of genes x cell types)")
    if "demo" in config and not {"product", "peak"} >= {sample.sample for sample in samples}:
        found.append("demo: the simulated libraries are called product and peak; the sheet names others")
    return found + _missing_named_files(config)


def _missing_named_files(config: Mapping[str, Any]) -> list[str]:
    named = {
        "annotation.markers": [config["annotation"]["markers"]],
        "annotation.reference": [config["annotation"]["reference"]],
        "claims": [config["claims"]],
        "enrichment.gene_sets": [n for n in config["enrichment"]["gene_sets"] if not LIBRARY_NAME.match(n)],
    }
    return [
        f"{key}: no such file: {path}"
        for key, paths in named.items()
        for path in paths
        if path and not Path(path).is_file()
    ]
