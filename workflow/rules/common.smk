"""What all rules share: the study, wildcard constraints, and the hash of the code behind a script."""

import re
import sys
import time
from pathlib import Path

STARTED = time.time()
SNAKEMAKES_MB = 500  # estimated under Slurm: docs/slurm.md
HERE = Path(
    str(workflow.current_basedir)
).parent  # also where another workflow uses this as a module
if (HERE / "scripts/carpeak").is_dir():  # a checkout; else the package is installed
    sys.path.insert(0, str(HERE / "scripts"))

from carpeak import fingerprint, home, warm, written
from carpeak.commands import ending, failures, screen
from carpeak.errors import MARK, UserError
from carpeak.names import POPULATIONS
from carpeak.study import claims_file
from carpeak.study import config as configuration
from carpeak.study import dates, needs
from carpeak.study import study as studies
from snakemake.logging import logger
from snakemake.utils import update_config

WORKFLOW = home.workflow()


def load_study():
    """The study to run.

    Snakemake merges --configfile into `configfile:`, so a default there would leak into every study.
    The file is therefore read here, and only when none was given: config/config.yaml of the working
    directory, else the demo's. What --config gives is laid over it. A workflow that uses this one as a
    module hands over `config`; its paths are relative to the last file of that workflow's configuration.
    """
    given = [str(path) for path in workflow.overwrite_configfiles or []]
    try:
        if workflow.modifier.parent_modifier and config:  # used as a module by another workflow
            files = ["Snakefile", *map(str, workflow.configfiles), *given]
            return studies.load(config, source=files[-1], workflow=WORKFLOW)
        if given:
            for path in given:  # Snakemake has merged them; a duplicate key is only seen here
                configuration.load_yaml(path)
            return studies.load(config, source=given[-1], workflow=WORKFLOW)
        own, demo = Path("config/config.yaml"), WORKFLOW.parent / "config/config.yaml"
        source = own if own.is_file() else demo
        value = configuration.load_yaml(source) or {}
        if isinstance(value, dict):
            update_config(value, config)
        return studies.load(value, source=source, workflow=WORKFLOW)
    except UserError as error:
        raise SystemExit(f"{MARK}{error}") from None


def demand_runnable():
    """End with a sentence where Snakemake would go on wrongly, or end in words of its own.

    A result that is not as long as its job wrote it (with its old time stamp nothing would run again), a
    file from the future (its output would be too old for ever), results or logs that are no folders.
    """
    found = [
        f"{name}: a file stands where the run has to make a folder. Rename it."
        for name in ("results", "logs")
        if Path(name).exists() and not Path(name).is_dir()
    ]
    given = [path for paths in study.given().values() for path in paths]
    watched = [
        file
        for library in study.libraries
        for path in (library["path"], library["raw_path"])
        if path
        for file in study.files(path)
    ]
    found += dates.in_the_future([*given, *watched], now=STARTED)
    found += written.cut_short("results")
    if found:
        listed = "\n".join(found)
        raise SystemExit(f"{MARK}{listed}")


def code(script):
    """The hash of the package's modules that scripts/SCRIPT.py runs; a param of its rule."""
    return fingerprint.code(WORKFLOW / "scripts" / f"{script}.py")


def megabytes(input):
    """The size of the inputs that are there; while a run is planned, most are not.

    Cells that inherit their names are named without counts: these are an input, but not read.
    """
    unread = {str(input.counts)} if input.get("inherited") else set()
    paths = [Path(path) for path in input if str(path) not in unread]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 10**6


def memory(name):
    """The resource mem_mb of the jobs of rule `name`, by the size of their inputs, threads and attempt."""
    return lambda wildcards, input, threads, attempt: (
        needs.memory_mb(name, megabytes(input), attempt=attempt, threads=threads) + above_jobs()
    )


def above_jobs():
    """MB that a cluster counts to a job beside its own: the Snakemakes that start it there."""
    return 0 if workflow.local_exec else SNAKEMAKES_MB


def minutes(name):
    """The resource runtime of the jobs of rule `name`, by the size of their inputs and the attempt."""
    return lambda wildcards, input, attempt: needs.minutes(name, megabytes(input), attempt=attempt)


def transgene_input(wildcards):
    """The transgene's UMIs that are added to a library; none where its matrix has them."""
    if not study.sample(wildcards.sample).adds_transgene:
        return {}
    return {
        "molecules": f"results/transgene/{wildcards.sample}.molecules.tsv.gz",
        "counted": f"results/transgene/{wildcards.sample}.json",
    }


def origins_input(wildcards):
    """What says where the CAR's counts come from: the construct's check-up and what was counted in reads."""
    if "construct" not in study.config:
        return {}
    added = [s.sample for s in study.samples if s.adds_transgene]
    aligned = [s.sample for s in study.samples if s.aligned]
    return {
        "construct": "results/construct/construct.json",
        "transgene": expand("results/transgene/{sample}.json", sample=added),
        "aligned": expand("results/align/{sample}/summary.json", sample=aligned),
    }


def donors_input(wildcards):
    """What claims are judged by where the study has several donors."""
    if not SEVERAL_DONORS:
        return {}
    patients = study.config["donors"]["patients"]
    effects = {"donors": "results/tables/donors.claims.tsv"}
    return effects | ({"patients": patients} if patients else {})


def donor_tables(wildcards):
    """What the report tells of several donors."""
    if not SEVERAL_DONORS:
        return {}
    settings, asked = study.config["donors"], {}
    if settings["outcome"]:
        outcome = "results/tables/donors.outcome.{contrast}.tsv"
        asked["donor_outcomes"] = expand(outcome, contrast=study.contrasts)
    if settings["times"]:
        asked["donor_times"] = "results/tables/donors.times.tsv"
    return asked | {
        "design": "results/tables/design.tsv",
        "donor_genes": expand("results/tables/donors.de.{contrast}.tsv", contrast=study.contrasts),
        "donor_shifts": expand(
            "results/tables/donors.composition.{contrast}.tsv", contrast=study.contrasts
        ),
    }


def compared_input(wildcards):
    """What the report tells of a comparison; nothing where the study compares nothing."""
    if not study.contrasts:
        return {}
    return {
        "claims": "results/tables/claims.tsv",
        "claims_details": "results/claims.json",
        "claims_file": study.config["claims"],
        "de": expand("results/tables/de.{contrast}.tsv", contrast=study.contrasts),
        "enrichment": expand("results/tables/enrichment.{contrast}.tsv", contrast=study.contrasts),
        "attribution": expand(
            "results/tables/attribution.{contrast}.tsv", contrast=study.contrasts
        ),
    }


def planted_input(wildcards):
    """What the simulator planted beside what was found; only where this run simulates and compares."""
    if not (study.simulates and study.contrasts):
        return {}
    return {"planted": "results/tables/planted.tsv"}


def members_input(wildcards):
    """What says which cells belong to the population."""
    needed = {}
    if wildcards.population != "all":
        needed["labels"] = "results/populations/all/labels.parquet"
    if wildcards.population == "car_t":
        needed["calls"] = "results/car/calls.parquet"
    return needed


def inherited_input(wildcards):
    """CAR+ T cells take their states from the T cells: one cell, one state."""
    if wildcards.population == "car_t":
        return {"inherited": "results/populations/t_cells/labels.parquet"}
    return {}


def cohort_input(wildcards):
    """What the cohort adds to the report; nothing without one."""
    if not study.cohort:
        return {}
    return {
        "cohort": COHORT_TABLES,
        "cohort_summary": "results/cohort/summary.json",
        "cohort_correlations": COHORT_CORRELATIONS,
        "cohort_figures": COHORT_FIGURES,
        "cohort_template": str(WORKFLOW / "resources/report/cohort.html.j2"),
    }


def is_the_run():
    """Whether this process is a run of this workflow: no job's process, and no workflow that uses it as a module."""
    return workflow.is_main_process and not workflow.modifier.parent_modifier


study = load_study()
demand_runnable()
fingerprint.recall()
if is_the_run():
    screen.take_over(logger, workflow.output_settings)
config["title"], config["simulated"] = (
    study.config["title"],
    study.config["simulated"],
)  # for report/workflow.rst

SEVERAL_DONORS = bool(study.contrasts) and len({s.donor for s in study.samples}) > 1
DONOR_FIGURES = ["results/figures/donors.svg"] if SEVERAL_DONORS else []
JUDGED = next(iter(study.contrasts), "")  # claims are judged on the first contrast, if there is one
CLAIMS = ["results/tables/claims.tsv"] if study.contrasts else []
RANKED = expand(
    "results/tables/gsea.{contrast}.tsv",
    contrast=study.contrasts if study.config["enrichment"]["gsea"] else [],
)
DELIVERABLES = ["results/report.html", "results/provenance.json"]
if study.samples:
    DELIVERABLES += ["results/preflight.tsv", "results/atlas.h5ad", "results/tables/sex_genes.tsv"]
    DELIVERABLES += RANKED


wildcard_constraints:
    sample="|".join(map(re.escape, study.names)),
    population="|".join(POPULATIONS),
    contrast="|".join(map(re.escape, study.contrasts)) or "(?!)",  # nothing matches


onstart:
    if workflow.local_exec:  # a cluster's job would work outside its own limits
        warm.start()  # the libraries are imported once, not once a job
        # Of no use here, and each job that ended would wake the scheduler once more every second: a third of
        # a core with 200 jobs (Snakemake 9.27).
        workflow.scheduler.job_rate_limiter = None


onsuccess:
    for line in ending.lines(study.config, since=STARTED, log=" ".join(log)):
        sys.stderr.write(f"{line}\n")


onerror:
    texts = failures.told("logs", since=STARTED) or failures.unfinished("logs", since=STARTED)
    for text in [*texts, "Details: " + " ".join(log)]:
        sys.stderr.write(f"\n{text}\n")
