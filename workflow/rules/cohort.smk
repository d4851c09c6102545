"""The patients around the cells: their statistics, their figures, and what a text says of them.

INPUTS: the tables that the file `cohort` of the configuration names; results/tables/{composition,car}.tsv
OUTPUTS: results/cohort/, results/figures/cohort_{swimmer,survival,incidence,responses,adverse,subgroups,kinetics}
    .svg and .png
"""

COHORT = study.cohort
COHORT_FOOTER = "Simulated patients." if COHORT["simulated"] else ""
COHORT_NAMES = [
    "characteristics",
    "tests",
    "responses",
    "subgroups",
    "rates",
    "curves",
    "at_risk",
    "courses",
]
COHORT_NAMES += [
    "pairs",
    "series",
    "kinetics",
    "kinetics_groups",
    "adverse",
    "statements",
    "checks",
]
COHORT_TABLES = expand("results/cohort/{name}.tsv", name=COHORT_NAMES)
COHORT_PLOTS = ["responses", "subgroups", "swimmer", "survival", "incidence", "adverse", "kinetics"]
COHORT_FIGURES = expand("results/figures/cohort_{name}.svg", name=COHORT_PLOTS)
COHORT_CORRELATIONS = ["results/cohort/correlations.tsv"] if study.samples else []


rule cohort:
    """Statistics of the patients, and every statement of a text recomputed."""
    input:
        [path for files in study.given_cohort.values() for path in files],
    output:
        **{name: f"results/cohort/{name}.tsv" for name in COHORT_NAMES},
        summary="results/cohort/summary.json",
    log:
        "logs/cohort.log",
    conda:
        "../../envs/cohort.yaml"
    threads: 1
    resources:
        mem_mb=memory("cohort"),
        runtime=minutes("cohort"),
    params:
        settings=COHORT,
        schemas=str(WORKFLOW / "schemas"),
        code=code("cohort"),
    message:
        "Recompute the statistics of the patients"
    script:
        "../scripts/cohort.py"


rule draw_cohort:
    """Figures of the patients."""
    input:
        **{name: f"results/cohort/{name}.tsv" for name in COHORT_NAMES},
        summary="results/cohort/summary.json",
    output:
        swimmer=report(
            "results/figures/cohort_swimmer.svg",
            caption="../report/cohort_swimmer.rst",
            category="6 Patients",
            labels={"figure": "courses of the patients"},
        ),
        survival=report(
            "results/figures/cohort_survival.svg",
            caption="../report/cohort_survival.rst",
            category="6 Patients",
            labels={"figure": "survival"},
        ),
        incidence=report(
            "results/figures/cohort_incidence.svg",
            caption="../report/cohort_incidence.rst",
            category="6 Patients",
            labels={"figure": "relapse and death without relapse"},
        ),
        responses=report(
            "results/figures/cohort_responses.svg",
            caption="../report/cohort_responses.rst",
            category="6 Patients",
            labels={"figure": "responses by dose"},
        ),
        subgroups=report(
            "results/figures/cohort_subgroups.svg",
            caption="../report/cohort_subgroups.rst",
            category="6 Patients",
            labels={"figure": "responders by subgroup"},
        ),
        adverse=report(
            "results/figures/cohort_adverse.svg",
            caption="../report/cohort_adverse.rst",
            category="6 Patients",
            labels={"figure": "adverse events"},
        ),
        kinetics=report(
            "results/figures/cohort_kinetics.svg",
            caption="../report/cohort_kinetics.rst",
            category="6 Patients",
            labels={"figure": "kinetics"},
        ),
        png=expand("results/figures/cohort_{name}.png", name=COHORT_PLOTS),
    log:
        "logs/draw_cohort.log",
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory("draw_cohort"),
        runtime=minutes("draw_cohort"),
    params:
        scale=COHORT["responses"],
        footer=COHORT_FOOTER,
        code=code("draw_cohort"),
    message:
        "Draw the figures"
    script:
        "../scripts/draw_cohort.py"


if study.samples:

    rule cohort_cells:
        """The patients' numbers against what their cells show, by rank; no simulated cells beside real patients."""
        input:
            [path for files in study.given_cohort.values() for path in files],
            composition="results/tables/composition.tsv",
            car="results/tables/car.tsv",
        output:
            correlations="results/cohort/correlations.tsv",
        log:
            "logs/cohort_cells.log",
        conda:
            "../../envs/cohort.yaml"
        threads: 1
        resources:
            mem_mb=memory("cohort_cells"),
            runtime=minutes("cohort_cells"),
        params:
            settings=COHORT,
            schemas=str(WORKFLOW / "schemas"),
            comparable=bool(study.config["simulated"]) == bool(COHORT["simulated"]),
            seed=study.config["seed"],
            code=code("cohort_cells"),
        message:
            "Set the patients' numbers beside their cells"
        script:
            "../scripts/cohort_cells.py"
