"""The configuration as types: one frozen dataclass per block, with the defaults of its keys.

Descriptions, limits and defaults of the keys are kept in schemas/config.schema.yaml, which checks what the
user wrote; a test fails where names, types, choices or defaults here differ from it. A leaf: stages import
the block they need from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


@dataclass(frozen=True)
class QcSettings:
    """Which barcodes are kept as cells."""

    preset: Literal["paper", "adaptive"] = "adaptive"
    min_genes: int = 100
    max_genes: int = 30_000
    mads: float = 3.0
    max_mito_percent: float | None = None
    doublets: bool = True
    doublet_rate_per_1000: float = 0.008
    min_cells: int = 50


@dataclass(frozen=True)
class Resolution:
    """Leiden resolution by population."""

    all: float = 0.8
    t_cells: float = 0.5
    car_t: float = 0.5


@dataclass(frozen=True)
class EmbeddingSettings:
    """Normalisation, integration, clusters and UMAP."""

    method: Literal["recommended", "paper", "scanpy"] = "recommended"
    n_variable_genes: int = 2000
    n_pcs: int = 30
    n_neighbors: int = 15
    integration: Literal["harmony", "none"] = "harmony"
    harmony: Literal["paper", "default"] = "paper"
    exclude_genes: tuple[Literal["tcr", "ig", "sex", "haemoglobin", "mito", "ribosomal"], ...] = (
        "tcr",
        "ig",
        "sex",
        "haemoglobin",
    )
    resolution: Resolution = field(default_factory=Resolution)
    min_cells: int = 30


@dataclass(frozen=True)
class Override:
    """One label set by hand: of a cluster as it was reviewed (`expect`), or of `cells`."""

    population: Literal["all", "t_cells"]
    label: str
    cluster: str | int | None = None
    expect: str | None = None
    cells: tuple[str, ...] | None = None


@dataclass(frozen=True)
class AnnotationSettings:
    """How cells get their names."""

    markers: str | None = None
    method: Literal["markers", "singler"] = "markers"
    reference: str | None = None
    scheme: Literal["canonical", "paper"] = "canonical"
    states: Literal["cells", "clusters"] = "cells"
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True)
class CarSettings:
    """When a T cell counts as CAR+."""

    rule: Literal["calibrated", "umi", "sorted"] = "calibrated"
    min_umis: int = 1
    fdr: float = 0.05
    negative_sample: str | None = None


@dataclass(frozen=True)
class DeSettings:
    """Differential expression."""

    min_pct: float = 0.01
    min_cells: int = 10


@dataclass(frozen=True)
class ChangeLimits:
    """Beyond which limits a gene counts as changed."""

    adjusted_p: float = 0.01
    log2_fold_change: float = 0.5


@dataclass(frozen=True)
class EnrichmentLimits(ChangeLimits):
    """These, and how many tested genes a gene set may have."""

    min_size: int = 10
    max_size: int = 500


@dataclass(frozen=True)
class DonorSettings:
    """Studies of several donors, where the donor is the unit."""

    min_cells: int = 10
    min_cells_verdict: int = 20
    draws: int = 10
    formula: str | None = None
    outcome: str | None = None
    times: tuple[str, ...] = ()
    patients: str | None = None
    second_engine: bool = True


@dataclass(frozen=True)
class EnrichmentSettings(EnrichmentLimits):
    """Over-representation of gene sets among changed genes."""

    gene_sets: tuple[str, ...] = ("GO_BP",)
    gsea: bool = False


@dataclass(frozen=True)
class TransgeneSettings:
    """The CAR construct as it stands in the matrices."""

    features: tuple[str, ...]
    name: str = "CAR"


@dataclass(frozen=True)
class DownloadSettings:
    """Files that the run fetches before it reads them."""

    files: str
    mirror: str | None = None


@dataclass(frozen=True)
class DemoSettings:
    """The simulated libraries of the demo study."""

    variant: Literal["paper", "null", "reversed"] | None = "paper"
    seed: int = 1
    cells: int = 15_414
    donors: int = 1


@dataclass(frozen=True)
class ConstructSettings:
    """The CAR's sequence."""

    fasta: str
    against: tuple[str, ...]
    gtf: str | None = None
    transcript: str | None = None
    name: str | None = None
    shared: Literal["mask", "flag"] = "mask"


@dataclass(frozen=True)
class ReadsSettings:
    """How barcodes stand in the FASTQ files."""

    geometry: str | None = None
    strand: Literal["sense", "antisense", "both"] | None = None
    barcodes: str | None = None


@dataclass(frozen=True)
class ReferenceSettings:
    """Genome to which libraries without a matrix are aligned."""

    fasta: str
    gtf: str
    memory_gb: float = 40


@dataclass(frozen=True)
class Contrast:
    """Two conditions of the sheet."""

    test: str
    reference: str


def _peak_vs_product() -> dict[str, Contrast]:
    return {"peak_vs_product": Contrast("peak", "product")}


@dataclass(frozen=True)
class ReportSettings:
    """What the report shows beside the results."""

    genes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """The whole configuration of a study; blocks that it lacks are None."""

    samples: str
    transgene: TransgeneSettings
    title: str = "CAR-T product against peak"
    description: str = ""
    preset: Literal["recommended", "paper"] = "recommended"
    simulated: bool = False
    data_root: str | None = None
    download: DownloadSettings | None = None
    seed: int = 0
    demo: DemoSettings | None = None
    units: str | None = None
    construct: ConstructSettings | None = None
    reads: ReadsSettings = field(default_factory=ReadsSettings)
    reference: ReferenceSettings | None = None
    genes: Literal["intersection", "union"] = "intersection"
    qc: QcSettings = field(default_factory=QcSettings)
    embedding: EmbeddingSettings = field(default_factory=EmbeddingSettings)
    annotation: AnnotationSettings = field(default_factory=AnnotationSettings)
    car: CarSettings = field(default_factory=CarSettings)
    contrasts: Mapping[str, Contrast] = field(default_factory=_peak_vs_product)
    conditions: Mapping[str, str] = field(default_factory=dict)
    de: DeSettings = field(default_factory=DeSettings)
    donors: DonorSettings = field(default_factory=DonorSettings)
    enrichment: EnrichmentSettings = field(default_factory=EnrichmentSettings)
    claims: str | None = None
    report: ReportSettings = field(default_factory=ReportSettings)
    cohort: str | None = None


def build(kind: type[_T], values: Mapping[str, Any]) -> _T:
    """The dataclass `kind` from plain `values`, with its nested dataclasses, tuples and mappings.

    Values are taken as they are: the schema has checked them. Raises TypeError for a key that `kind` lacks.
    """
    types = get_type_hints(kind)
    return kind(**{name: _typed(types.get(name), value) for name, value in values.items()})


def _typed(kind: Any, value: Any) -> Any:
    """`value` as the type hint `kind` wants it; of a union, its first member that holds values."""
    if get_origin(kind) in (Union, UnionType):
        kind = next((one for one in get_args(kind) if get_origin(one) or is_dataclass(one)), kind)
    if isinstance(value, Mapping) and is_dataclass(kind):
        return build(kind, value)  # type: ignore[arg-type]
    if isinstance(value, Mapping) and get_origin(kind) is Mapping:
        return {name: _typed(get_args(kind)[1], item) for name, item in value.items()}
    if isinstance(value, list):
        return tuple(_typed(get_args(kind)[0], item) for item in value)
    return value
