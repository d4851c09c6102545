"""What the tests of the demo expect of every claim follows from what each variant plants, or is indeterminate."""

import acceptance
import pytest
import yaml
from carpeak.simulate import design, programmes
from runs import ROOT

CLAIMS = {c["id"]: c for c in yaml.safe_load((ROOT / "config/claims.yaml").read_text())["claims"]}
VARIANTS = ("paper", "null", "reversed")
SIGN = {"paper": "S", "null": "A", "reversed": "O"}  # of every planted gene and term


def truth(claim, variant):
    """S, O, A or N by the libraries that a variant draws its cells from, no estimate in between."""
    product, peak = design.libraries(variant)
    quantity = CLAIMS[claim]["quantity"]
    match quantity["kind"]:
        case "captured_cells" | "lineages_present":
            return "S"
        case "subset_count":
            count = sum(
                any(one.states[s] >= quantity["min_share"] for one in (product, peak)) for s in product.states
            )
            return "S" if count == quantity["count"] else "O"
        case "largest_subset":
            states = (peak if quantity["condition"] == "test" else product).states
            return "S" if max(states, key=states.__getitem__) == quantity["label"] else "O"
        case "majority":
            leads = [
                sum(n if name.startswith("CD4") or name == "Treg" else -n for name, n in one.states.items())
                for one in (product, peak)
            ]
            return "S" if min(leads) > 0 else "O"
        case "gene_change":
            assert programmes.KILLING[quantity["gene"]] > 0
            return SIGN[variant]
        case "term_change":
            return SIGN[variant]
    return "N"


@pytest.mark.parametrize("column", range(3), ids=VARIANTS)
def test_every_expectation_is_the_truth_or_indeterminate(column):
    variant = VARIANTS[column]
    assert set(acceptance.VERDICTS) == set(CLAIMS)
    for claim, row in acceptance.VERDICTS.items():
        allowed = row[column] + acceptance.UNSEEN_TOO[variant].get(claim, "")
        assert len(row[column]) == 1, "one verdict with the seed developed on"
        assert set(allowed) <= {truth(claim, variant), "I"}, (claim, variant)


def test_no_change_is_found_in_the_null_study():
    """Supported or opposed are only statements on one library, of which the null study has as many truths."""
    for claim, row in acceptance.VERDICTS.items():
        if CLAIMS[claim]["quantity"]["kind"] in ("gene_change", "term_change"):
            assert row[1] in "AI" and set(acceptance.UNSEEN_TOO["null"].get(claim, "")) <= set("AI")
            assert row[2] in "OI"
    # Five subsets, most of them CD4 Tn, most cells CD4: so drawn, at the peak as in the product.
    assert [truth(c, "null") for c in ("C3", "C4", "C5", "C6")] == ["S", "S", "O", "S"]
    assert [truth(c, "reversed") for c in ("C3", "C4", "C5", "C6")] == ["S", "O", "O", "O"]
