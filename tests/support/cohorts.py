"""Cohorts for tests: the five published ones, small sheets written by hand, and simulated ones of any size."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from carpeak.cohort import tables
from carpeak.study import config
from runs import ROOT

SCHEMAS = ROOT / "workflow" / "schemas"
STUDIES = ROOT / "config" / "studies"
TABLES = ("patients", "events", "event_counts", "series", "statements")


def settings(folder, value):
    """The block `cohort` with its defaults and with paths below `folder`."""
    checked = config.check(value, SCHEMAS / "cohort.schema.yaml", source="cohort")
    return checked | {name: str(Path(folder) / checked[name]) for name in TABLES if checked[name]}


def published(name):
    """One of the five studies of config/studies."""
    folder = STUDIES / name
    return tables.read(settings(folder, config.load_yaml(folder / "cohort.yaml")), SCHEMAS)


def written(folder, patients=None, value=None, **files):
    """A cohort of sheets given as text; | stands for a tab."""
    value = dict(value or {})
    if patients is not None:
        files["patients"] = patients
    for name, text in files.items():
        suffix = "yaml" if name == "statements" else "tsv"
        body = text if suffix == "yaml" else text.replace("|", "\t")
        (folder / f"{name}.{suffix}").write_text(body, encoding="utf-8")
        value[name] = f"{name}.{suffix}"
    return tables.read(settings(folder, value), SCHEMAS)


def simulate(folder, n, *, seed=1):
    """Sheets of `n` made-up patients in `folder`; returns the block `cohort`.

    Response and peak rise with dose, toxicity with the peak; half of the patients are censored.
    """
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    doses = random.choice([0.5, 1.0, 1.5], n)
    sheet = [
        "patient\tage\tsex\tdose\tgroup\tresponse\tcrs_grade\tneurotoxicity_grade\tos_days\tos_event\tefs_days\tefs_event\trelapse_days\trelapse_event\tburden\tpeak_first\tpeak_second"
    ]
    series = ["patient\tday\tvariable\tvalue"]
    events = ["patient\tevent\tgrade\tday"]
    for i, dose in enumerate(doses):
        name = f"P{i + 1}"
        group = "ABC"[int(dose / 0.5) - 1]
        response = ["NR", "PR", "MRD+CR", "MRD-CR"][min(int(random.binomial(3, 0.35 + 0.25 * dose)), 3)]
        relapse, death, censored = random.exponential(700), random.exponential(900), random.uniform(60, 1200)
        os_days = min(death + min(relapse, 200), censored)
        first = min(relapse, death, censored, os_days)
        code = 1 if first == relapse else 2 if first == death else 0
        died = int(os_days < censored)
        if code == 2:
            os_days, died = first, 1
        grade = int(min(random.poisson(0.8 + dose), 4))
        sheet.append(
            f"{name}\t{random.integers(5, 70)}\t{random.choice(['F', 'M'])}\t{dose}\t{group}\t{response}\t{grade}\t"
            f"{int(random.binomial(1, 0.2) * random.integers(1, 4))}\t{os_days:.0f}\t{died}\t{first:.0f}\t{int(code > 0)}\t"
            f"{first:.0f}\t{code}\t{random.uniform(1, 80):.1f}\t{random.integers(10, 18)}\t{random.integers(7, 13)}"
        )
        peak = random.lognormal(9, 0.8) * dose
        for day in (0, 4, 7, 9, 11, 14, 21, 28):
            level = peak * np.exp(-((np.log(day + 1) - np.log(10)) ** 2) / 0.5) * random.lognormal(0, 0.2)
            series.append(f"{name}\t{day}\tcar_copies\t{level:.1f}")
        for term, chance in (("Neutropenia", 0.95), ("Anemia", 0.8), ("Fatigue", 0.5), ("Hypotension", 0.2)):
            if random.random() < chance:
                events.append(f"{name}\t{term}\t{random.integers(1, 4)}\t{random.integers(1, 20)}")
    for name, lines in (("patients", sheet), ("series", series), ("events", events)):
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "patients": "patients.tsv",
        "events": "events.tsv",
        "series": "series.tsv",
        "dose_unit": "10^6 cells/kg",
        "responses": ["NR", "PR", "MRD+CR", "MRD-CR"],
        "responders": ["MRD+CR", "MRD-CR"],
        "landmark_day": 28,
        "pairs": [["peak_first", "peak_second"]],
        "columns": {
            "burden": {"type": "percent", "label": "disease burden"},
            "peak_first": {"type": "number", "unit": "days", "label": "peak of the first CAR-T"},
            "peak_second": {"type": "number", "unit": "days", "label": "peak of the second CAR-T"},
        },
    }


def r(script, *packages):
    """What an R script prints, as numbers; the test is skipped without R or its packages."""
    if not shutil.which("Rscript"):
        pytest.skip("R is not installed")
    loaded = "".join(f"library({name});" for name in packages)
    done = subprocess.run(
        ["Rscript", "-e", f"options(digits=15);{loaded}{script}"], capture_output=True, text=True
    )
    if "there is no package" in done.stderr:
        pytest.skip(f"the R packages {', '.join(packages)} are not installed")
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]
