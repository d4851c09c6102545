"""A study: the configuration, its sample sheet, and the checks that a schema can't express."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError, listed
from ..readers import paths
from . import claims_file, cohort_block, cross_checks, design, fill_in, presets, read_sources
from . import config as configuration
from . import downloads as downloading
from .downloads import Download
from .problem import Problem, blocks
from .samples import Sample, missing_files, read_sheet, simulated, with_reads, without_cells
from .units import ReadFiles
from .units import read as read_units

BUNDLED_GENE_SETS = {"GO_BP": "resources/go_bp.gmt.gz"}
ALIGNED_TRIO = ("matrix.mtx", "features.tsv", "barcodes.tsv")
COHORT_TITLE = "CLL-1 CAR-T product against peak of expansion, {n} simulated patients"
COHORT_DESCRIPTION = (
    "Patients simulated around patient 4 of Zhang et al. 2025 (Front. Immunol. 15:1491341): each one "
    "differs in strength of change, composition, CAR share, depth and number of cells."
)
_SIMULATED_TRIO = ("matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz")


@dataclass(frozen=True)
class Study:
    """The validated configuration (`config`, with defaults, paths resolved) and its samples."""

    config: dict[str, Any]
    samples: tuple[Sample, ...]
    source: str
    downloads: tuple[Download, ...] = ()
    claims: list[dict[str, Any]] = field(default_factory=list)
    cohort: dict[str, Any] | None = None

    @property
    def names(self) -> list[str]:
        """The sample names, in the order of the sheet."""
        return [sample.sample for sample in self.samples]

    @property
    def shown_conditions(self) -> dict[str, str]:
        """The condition of every sample as the report shows it, in the order of the sheet."""
        names: dict[str, str] = self.config.get("conditions", {})
        return {sample.sample: names.get(sample.condition, sample.condition) for sample in self.samples}

    def shown_sides(self, contrast: str) -> dict[str, str]:
        """The conditions of a contrast, test and reference, as the report shows them."""
        names: dict[str, str] = self.config.get("conditions", {})
        return {side: names.get(name, name) for side, name in self.contrasts[contrast].items()}

    @property
    def libraries(self) -> list[dict[str, Any]]:
        """What to look at before the run: the libraries whose matrix is given, not counted from reads."""
        columns = ("sample", "condition", "donor", "path", "raw_path", "select", "adds_transgene")
        given = [sample for sample in self.samples if sample.matrix and not sample.aligned]
        return [{name: getattr(sample, name) for name in columns} for sample in given]

    def sheet(self, *columns: str) -> list[dict[str, Any]]:
        """The samples as rows with these columns of the sheet, in its order."""
        return [{name: getattr(sample, name) for name in columns} for sample in self.samples]

    @property
    def contrasts(self) -> dict[str, dict[str, str]]:
        """The contrasts by name, each with its conditions `test` and `reference`; may be none."""
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
        return [f"resources/enrichr/{e}.gmt" if cross_checks.LIBRARY_NAME.match(e) else e for e in entries]

    @property
    def own_gene_sets(self) -> list[str]:
        """The GMT files that the study brings itself: neither bundled nor fetched."""
        bundled = tuple(BUNDLED_GENE_SETS.values())
        entries = self.config["enrichment"]["gene_sets"]
        return [e for e in entries if not cross_checks.LIBRARY_NAME.match(e) and not e.endswith(bundled)]

    @property
    def enrichment_limits(self) -> dict[str, float]:
        """Which genes count as changed, and how large a gene set may be."""
        block = self.config["enrichment"]
        return {key: value for key, value in block.items() if key not in ("gene_sets", "gsea")}

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
        if not self.samples:
            return {"configuration": [self.source]} | self.given_cohort
        annotation = self.config["annotation"]
        files = {
            "configuration": [self.source],
            "sample sheet": [self.config["samples"]],
            "markers": [annotation["markers"]],
            "annotation reference": [annotation["reference"]] if annotation["reference"] else [],
            "claims": [self.config["claims"]],
            "table of downloads": [self.config["download"]["files"]] if self.downloads else [],
            "gene sets": self.gene_set_files,
        }
        files |= read_sources.given(self.config) | self.given_cohort
        for sample in self.samples:
            made = sample.aligned
            files[f"cells of {sample.sample}"] = [sample.path] if sample.path and not made else []
            files[f"droplets of {sample.sample}"] = [sample.raw_path] if sample.raw_path and not made else []
            files[f"reads of {sample.sample}"] = sample.reads.files if sample.reads else []
        return files

    @property
    def given_cohort(self) -> dict[str, list[str]]:
        """The files of the cohort, by role."""
        return cohort_block.given(self.config.get("cohort"), self.cohort)

    def download(self, name: str) -> Download:
        """The download whose path in the table is `name`."""
        return next(one for one in self.downloads if one.name == name)

    @property
    def mirror(self) -> str:
        """The address of the folder that holds copies of the downloads; empty for none."""
        return (self.config.get("download") or {}).get("mirror") or ""

    def droplet_files(self, name: str) -> list[str]:
        """The files to watch behind a sample's unfiltered matrix; none where it has none."""
        path = self.sample(name).raw_path
        return self.files(path) if path else []

    def files(self, path: str) -> list[str]:
        """The files to watch behind a matrix path: itself, or the matrix files of a folder.

        Where they are fetched, the receipts that say so.
        """
        if self.simulates:
            return [f"{path}/{name}" for name in _SIMULATED_TRIO]
        if any(sample.aligned and path in {sample.path, sample.raw_path} for sample in self.samples):
            return [f"{path}/{name}" for name in ALIGNED_TRIO]
        if made := downloading.making(self.downloads, path):
            return [one.receipt for one in made]
        return paths.watched(path)


def load(value: Mapping[str, Any], *, source: str | Path, workflow: str | Path) -> Study:
    """Check a configuration and its sheet.

    `value` is the configuration as read from the file `source` (and `--config`); `workflow` is the
    folder that holds schemas/ and resources/. Raises UserError with every problem found.
    """
    study, found = gather(value, source=source, workflow=workflow)
    if found:
        raise UserError("\n".join(map(str, found)))
    return study


def gather(value: Any, *, source: str | Path, workflow: str | Path) -> tuple[Study, list[Problem]]:
    """The study as far as it can be understood, and a message for each file that is wrong (its key).

    Where something is wrong, the study holds only what there is without the mistakes.
    """
    source, workflow = Path(source), Path(workflow)
    found = _Found()
    schema = configuration.load_yaml(workflow / "schemas/config.schema.yaml")
    if cohort_block.stands_alone(value):
        schema["required"] = []
    config, wrong = configuration.examine(presets.filled(value), schema)
    broken = blocks(wrong)
    if "contrasts" in broken:
        config["contrasts"] = {}
    base = source.parent
    read_sources.resolve(config, base)
    with found.collecting():
        _resolve_optional(config, base, workflow)
    cohort = _cohort(config, base, workflow, found)
    reads: dict[str, ReadFiles] | None = None
    with found.collecting():
        reads = read_units(config["units"]) if config["units"] else {}
    samples: tuple[Sample, ...] = ()
    downloads: tuple[Download, ...] | None = None
    if "samples" in config:
        config["samples"] = str(base / config["samples"])
        schema = configuration.load_yaml(workflow / "schemas/samples.schema.yaml")
        root = _data_root(config, base)
        if "download" not in broken:
            with found.collecting():
                downloads = downloading.read(config.get("download"), workflow / "schemas", root=root)
        with found.collecting():
            samples, in_sheet, of_patients = _sheet(config, schema, root)
            found.add(source, of_patients)
            samples = tuple(with_reads(sample, (reads or {}).get(sample.sample)) for sample in samples)
            in_sheet += without_cells(samples) if reads is not None else []
            if "demo" not in config and downloads is not None:
                in_sheet += missing_files(samples, downloads)
            found.add(config["samples"], in_sheet)
    _without_contrast(config, value, samples, {} if "conditions" in broken else config["conditions"])
    between = cross_checks.problems(config, samples)
    if samples and not broken & set(read_sources.KEYS):
        between = read_sources.problems(config, reads or {}, samples) + between
    found.add(source, [*wrong, *between], first=True)
    claims: list[dict[str, Any]] = []
    if Path(config["claims"]).is_file():
        with found.collecting():
            claims = claims_file.read(config["claims"], workflow / "schemas/claims.schema.yaml")
    study = Study(config, samples, str(source), downloads or (), claims, cohort)
    if unfilled := fill_in.unfilled(config, samples, source=str(source)):
        return study, [Problem("", text) for text in unfilled]  # what else is wrong mostly follows from it
    if samples:
        found.problems += [Problem("", text) for text in cross_checks.braces(study.given())]
    return study, found.problems


def _sheet(
    config: dict[str, Any], schema: Mapping[str, Any], root: Path
) -> tuple[tuple[Sample, ...], list[str], list[str]]:
    """The samples, what is wrong in their sheet, and in the patients' table behind the model."""
    own = design.own_columns(config["donors"])
    samples, in_sheet = read_sheet(config["samples"], schema, root=root, own=own)
    if (n := config.get("demo", {}).get("donors", 1)) > 1:
        samples, in_sheet = simulated(n), []
        config["title"], config["description"] = COHORT_TITLE.format(n=n), COHORT_DESCRIPTION
    samples, of_patients = design.filled(samples, own, patients=config["donors"]["patients"])
    return samples, in_sheet, of_patients


class _Found:
    """Collects what is wrong, so that all of it is told at once."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    @contextmanager
    def collecting(self) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self.problems.append(Problem("", str(error)))

    def add(self, source: str | Path, lines: Sequence[object], *, first: bool = False) -> None:
        if lines:
            place = 0 if first else len(self.problems)
            self.problems.insert(place, Problem(str(source), listed(source, lines)))


def _cohort(config: dict[str, Any], base: Path, workflow: Path, found: _Found) -> dict[str, Any] | None:
    if "cohort" not in config:
        return None
    config["cohort"] = str(base / config["cohort"])
    with found.collecting():
        block, wrong = cohort_block.read(config["cohort"], workflow / "schemas")
        found.add(config["cohort"], wrong)
        return block
    return None


def _without_contrast(
    config: dict[str, Any], value: Any, samples: Sequence[Sample], shown: Mapping[str, str]
) -> None:
    """Nothing is compared where no contrast was asked for and the sheet has one condition.

    The usual title speaks of a comparison: a study without one is called by its conditions, as `shown`.
    """
    given = value if isinstance(value, Mapping) else {}
    if "contrasts" not in given and len({sample.condition for sample in samples}) == 1:
        config["contrasts"] = {}
    if samples and not config["contrasts"] and "title" not in given:
        conditions = dict.fromkeys(shown.get(sample.condition, sample.condition) for sample in samples)
        config["title"] = f"CAR-T cells: {', '.join(conditions)}"


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
    # The paper's statements speak of its own patient: they are the demo's, or asked for by name.
    usual = "claims.yaml" if "demo" in config else "claims.general.yaml"
    config["claims"] = str(base / config["claims"] if config["claims"] else root / "config" / usual)
    if annotation["reference"]:
        annotation["reference"] = str(base / annotation["reference"])
    config["enrichment"]["gene_sets"] = [
        _gene_set(name, base, workflow) for name in config["enrichment"]["gene_sets"]
    ]
    if config["donors"]["patients"]:
        config["donors"]["patients"] = str(base / config["donors"]["patients"])
    if (config.get("download") or {}).get("files"):
        config["download"]["files"] = str(base / config["download"]["files"])
        if config["download"].get("mirror"):
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
    is_library = cross_checks.LIBRARY_NAME.match(name) and not (base / name).exists()
    path = str(base / name)
    return name if is_library else f"./{path}" if cross_checks.LIBRARY_NAME.match(path) else path
