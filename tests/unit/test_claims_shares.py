"""Claims on shares: every verdict is reached, by the interval and never by the direction alone."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from carpeak.claims import shares, verdict
from carpeak.settings import ChangeLimits
from carpeak.study import claims_file
from runs import ROOT

SIDES = {"test": "peak", "reference": "product"}
CHANGE = {"kind": "share_change", "population": "car_t", "label": "CD8 Teff", "scheme": "configured"}
CHANGE |= {"direction": "up", "min_effect": 0.05}
FLOW = {"kind": "flow_agreement", "min_effect": 0.1}


def tables(
    product, peak, *, total=2000, label="CD8 Teff", population="car_t", donors=("P1", "P1"), half=None
):
    """Shares of one label in two libraries; `half`: half the width of the table's own intervals."""
    rows = []
    for (side, share), donor in zip((("product", product), ("peak", peak)), donors, strict=True):
        n = round(share * total)
        for name, cells in ((label, n), ("other", total - n)):
            row = {"population": population, "label": name, "sample": side, "condition": side, "donor": donor}
            row |= {"n": cells, "total": total, "fraction": cells / total}
            if half is not None:
                row |= {"fraction_low": cells / total - half, "fraction_high": cells / total + half}
            rows.append(row)
    samples = pd.DataFrame(
        {"sample": list(SIDES.values()), "condition": list(SIDES.values()), "donor": donors}
    )
    nothing = pd.DataFrame()
    table = pd.DataFrame(rows)
    return verdict.Tables(samples, table, {}, nothing, nothing, SIDES, ChangeLimits())


@pytest.mark.parametrize(
    ("product", "peak", "wanted"),
    [(0.2, 0.4, "supported"), (0.4, 0.2, "opposed"), (0.3, 0.3, "absent"), (0.3, 0.35, "indeterminate")],
)
def test_a_share_that_rose_fell_stayed_or_may_have(product, peak, wanted):
    found = shares.share_change(tables(product, peak), CHANGE)
    assert found.verdict == wanted
    assert found.estimate == pytest.approx(peak - product)
    down = shares.share_change(tables(peak, product), {**CHANGE, "direction": "down"})
    assert down.verdict == wanted, "the other way round for the opposite statement"
    assert found.low < found.estimate < found.high


def test_the_interval_covers_two_binomials():
    """Against the normal law of two independent shares."""
    found = shares.share_change(tables(0.2, 0.3, total=500), CHANGE)
    error = np.sqrt(0.2 * 0.8 / 500 + 0.3 * 0.7 / 500)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.03)


def test_label_error_of_the_table_widens_it():
    sure = shares.share_change(tables(0.2, 0.3), CHANGE)
    doubtful = shares.share_change(tables(0.2, 0.3, half=0.15), CHANGE)
    assert sure.verdict == "supported" and doubtful.verdict == "indeterminate"
    assert (doubtful.high - doubtful.low) / 2 == pytest.approx(0.15 * np.sqrt(2), rel=0.01)
    narrow = shares.share_change(tables(0.2, 0.3, half=0.0), CHANGE)
    assert narrow[:4] == sure[:4], "never narrower than the sampling of cells"


def test_lineages_are_counted_as_lineages():
    found = shares.share_change(
        tables(0.2, 0.4, label="CD8", population="car_t_lineage"), {**CHANGE, "label": "CD8"}
    )
    assert found.verdict == "supported"


def test_few_cells_and_several_donors_are_not_estimable():
    few = shares.share_change(tables(0.2, 0.4, total=verdict.MIN_CELLS - 1), CHANGE)
    assert few.verdict == "not_estimable"
    pooled = shares.share_change(tables(0.2, 0.4, donors=("P1", "P2")), CHANGE)
    assert pooled.verdict == "not_estimable"
    assert "donor by donor" in pooled.reason


def test_a_state_that_cannot_be_told_apart_is_indeterminate():
    blurred = dataclasses.replace(tables(0.2, 0.4), blurred=frozenset({("peak", "canonical", "CD8 Teff")}))
    assert shares.share_change(blurred, CHANGE).verdict == "indeterminate"


def with_car(*rows):
    columns = ["sample", "condition", "car_fraction", "car_fraction_low", "car_fraction_high"]
    table = pd.DataFrame(rows, columns=[*columns, "flow_car_percent", "identifiable"])
    return dataclasses.replace(tables(0.2, 0.2), car=table)


GOOD = ("a", "product", 0.35, 0.30, 0.41, 34.0, True)
FAR = ("b", "peak", 0.60, 0.50, 0.70, 34.0, True)
WIDE = ("c", "peak", 0.35, 0.10, 0.60, 34.0, True)


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        ([GOOD], "supported"),
        ([GOOD, FAR], "opposed"),
        ([GOOD, WIDE], "indeterminate"),
        ([(*GOOD[:5], np.nan, True)], "not_estimable"),
        ([(*GOOD[:6], False)], "not_estimable"),
        ([("x", "later", *GOOD[2:])], "not_estimable"),
    ],
)
def test_the_estimate_beside_flow_cytometry(rows, wanted):
    found = shares.flow_agreement(with_car(*rows), FLOW)
    assert found.verdict == wanted
    if wanted == "opposed":
        assert found.estimate == pytest.approx(0.26)


def test_without_a_table_of_the_car_nothing_is_said():
    assert shares.flow_agreement(tables(0.2, 0.2), FLOW).verdict == "not_estimable"


def test_the_general_claims_ask_for_shares_and_flow():
    claims = claims_file.read(
        ROOT / "config/claims.general.yaml", ROOT / "workflow/schemas/claims.schema.yaml"
    )
    kinds = {claim["quantity"]["kind"] for claim in claims}
    assert {"share_change", "flow_agreement", "gene_change", "term_change", "majority"} <= kinds
