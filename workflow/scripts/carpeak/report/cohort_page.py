"""The report of patients without single cells: the section on the patients as a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import io
from . import cohort, page

LIBRARIES = ("snakemake", "lifelines", "statsmodels", "scipy", "numpy", "pandas", "matplotlib")


def html(inputs: Mapping[str, Any], config: Mapping[str, Any], *, block: Mapping[str, Any]) -> str:
    """The HTML of the page.

    `inputs` maps the names of rule `cohort_report`'s inputs to their paths; `block` is the cohort's file.
    """
    import jinja2
    import yaml

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(Path(inputs["template"]).read_text(encoding="utf-8"))
    origin = io.read_json(inputs["provenance"])
    shown = {key: config[key] for key in ("title", "description", "cohort")} | {"the file": block}
    return template.render(
        config=config,
        section=cohort.section(inputs, page.embed),
        provenance=origin,
        libraries={name: origin["packages"][name] for name in LIBRARIES if name in origin["packages"]},
        configuration=yaml.safe_dump(shown, sort_keys=False, allow_unicode=True),
        css=Path(inputs["style"]).read_text(encoding="utf-8"),
        javascript=Path(inputs["behaviour"]).read_text(encoding="utf-8"),
    )
