"""Claims asked together: Holm over the list, with the p of each interval against its own limit."""

import numpy as np
import pytest
from carpeak.claims import family
from carpeak.claims.verdict import ABSENT, INDETERMINATE, NOT_ESTIMABLE, OPPOSED, SUPPORTED, Finding
from scipy import stats

GENE = {"kind": "gene_change", "min_effect": 0.58, "direction": "up"}


def finding(verdict, estimate, z):
    """A finding whose interval has its limit 0.58 at `z` standard errors."""
    error = (abs(estimate) - 0.58) / z
    return Finding(verdict, estimate, estimate - 1.959964 * error, estimate + 1.959964 * error, "Said.")


def words(findings, asked=None, floor=None):
    asked = [GENE] * len(findings) if asked is None else asked
    return [one.verdict for one in family.adjusted(findings, asked, floor=floor)]


OPEN = Finding(INDETERMINATE, 0.1, -1.0, 1.2, "Said.")


def test_a_change_that_chance_shows_among_twenty_is_indeterminate():
    """CCR7 on real cells without a change: -1.66 (-2.44 to -0.87) against 0.58, one of fourteen claims."""
    ccr7 = Finding(OPPOSED, -1.657, -2.441, -0.874, "Said.")
    (found, *_) = family.adjusted([ccr7, *[OPEN] * 13], [GENE] * 14, floor=None)
    assert found.verdict == INDETERMINATE
    assert found[1:4] == ccr7[1:4], "the interval stays the 95 % one"
    assert "of 14 claims asked together" in found.reason
    assert words([ccr7]) == [OPPOSED], "asked alone it stands"


@pytest.mark.parametrize("seed", range(5))
def test_holm_by_the_book(seed):
    """Against the textbook's step-down rule on p from scipy."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(1.97, 3.5, 12)
    sign = rng.choice([-1, 1], 12)
    given = [
        finding(SUPPORTED if s > 0 else OPPOSED, s * rng.uniform(0.7, 3), one)
        for s, one in zip(sign, z, strict=True)
    ]
    p = 2 * stats.norm.sf(z)
    order = np.argsort(p)
    rejected, going = set(), True
    for step, number in enumerate(order):
        going = going and p[number] * (len(p) - step) < 0.05
        rejected |= {int(number)} if going else set()
    assert len(rejected) < 12
    found = words(given)
    assert {n for n, word in enumerate(found) if word != INDETERMINATE} == rejected


def test_what_no_interval_judges_is_not_counted():
    """Claims that can't be estimated, counts and absence neither count against others nor change."""
    sure = finding(SUPPORTED, 1.0, 2.2)
    lost = Finding(NOT_ESTIMABLE, None, None, None, "Said.")
    count = Finding(SUPPORTED, 5, 5, 5, "Said.")
    asked = [GENE, *[GENE] * 5, {"kind": "subset_count"}]
    assert words([sure, *[lost] * 5, count], asked) == [SUPPORTED, *[NOT_ESTIMABLE] * 5, SUPPORTED]
    absent = Finding(ABSENT, 0.0, -0.1, 0.1, "Said.")
    assert words([sure, absent], [GENE, GENE]) == [INDETERMINATE, ABSENT], "two asked, p 0.028"


def test_a_gene_is_held_to_the_floor_of_the_study():
    one = finding(SUPPORTED, 1.2, 4.0)
    assert words([one, OPEN]) == [SUPPORTED, INDETERMINATE]
    assert words([one, OPEN], floor=0.95) == [INDETERMINATE, INDETERMINATE]


def test_leads_are_held_to_none_and_shares_to_their_limit():
    lead = Finding(SUPPORTED, 0.10, 0.04, 0.16, "Said.")  # 3.3 errors above 0
    kinds = [{"kind": "majority"}, {"kind": "share_change", "min_effect": 0.05}]
    assert words([lead, lead], [kinds[0]] * 2) == [SUPPORTED, SUPPORTED]
    assert words([lead, lead], [kinds[1]] * 2) == [INDETERMINATE, INDETERMINATE]  # 1.6 errors
