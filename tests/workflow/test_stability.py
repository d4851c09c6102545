"""Real libraries: no more than 5 % of the cells change their state when others join or Harmony is off."""

import pandas as pd
import pytest
import yaml
from runs import ROOT, snakemake

pytestmark = pytest.mark.slow
STUDY = ROOT / "config/studies/carpall_P02"
LABELS = "results/populations/t_cells/labels.parquet"
VARIANTS = {"together": {}, "no_harmony": {"embedding": {"integration": "none"}}, "alone": {}}
MOST_CHANGED = 0.05


@pytest.fixture(scope="module")
def states(real_data, tmp_path_factory):
    """Names of the T cells (missing: no T cell) of sorted blood, by run."""
    found = {}
    for name, settings in VARIANTS.items():
        folder = tmp_path_factory.mktemp(name)
        sheet = pd.read_csv(STUDY / "samples.tsv", sep="\t")
        config = yaml.safe_load((STUDY / "config.yaml").read_text()) | settings
        if name == "alone":
            sheet = sheet[sheet["sample"] == "blood_sorted"]
            del config["contrasts"]
        sheet.to_csv(folder / "samples.tsv", sep="\t", index=False)
        config |= {"data_root": f"{real_data.resolve()}/carpall_P02"}
        config.pop("download")
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        snakemake(folder, LABELS, "--configfile", str(folder / "config.yaml"), cores=1)
        labels = pd.read_parquet(folder / LABELS)
        here = labels[labels["cell"].str.startswith("blood_sorted_")].set_index("cell")
        found[name] = here[["t_state", "t_lineage"]]
    return found


@pytest.mark.parametrize("other", ["no_harmony", "alone"])
def test_names_stay(states, other):
    first, second = states["together"].align(states[other], fill_value="no T cell")
    assert len(first) > 500
    for column in ("t_state", "t_lineage"):
        changed = (first[column] != second[column]).mean()
        print(other, column, round(float(changed), 4))
        assert changed <= MOST_CHANGED
