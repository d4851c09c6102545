"""The demo against its truth: the bounds of the project.

`make test` judges the seed it was developed on, `make accept` three seeds never used while developing.
"""

import pytest
from acceptance import GENES, GROUPS, LEAST_SURE, LETTER, UNSEEN_TOO, VERDICTS, Answers

DEVELOPED_ON = 1
UNSEEN = (7765, 22290, 32629)  # drawn when the analysis was frozen; those before had been seen


SEEDS = [DEVELOPED_ON, *(pytest.param(seed, marks=pytest.mark.accept) for seed in UNSEEN)]


@pytest.fixture(scope="module", params=SEEDS)
def answers(request, full):
    """A finished run of the demo at full size."""
    return Answers(full("paper", request.param))


def test_lineages(answers):
    found = answers.lineages()
    print(found.round(3))
    assert (found["recall"] >= 0.95).all(), found
    assert (found["precision"] >= 0.90).all(), found


# States are named by what real sorted cells taught (docs/states.md), not by panels that share their genes with
# the simulator. test_states_real.py is the judge of states.
STATES_RIGHT, SHARES_OFF = 0.85, 6


def test_t_cell_states(answers):
    print(f"states right: {answers.states():.3f}")
    assert answers.states() >= STATES_RIGHT


def test_subset_shares(answers):
    shares = answers.shares()
    print(shares.round(1))
    assert ((shares["given"] - shares["true"]).abs() <= SHARES_OFF).all(), shares


def test_doublets(answers):
    found = answers.doublets()
    print({k: round(v, 3) for k, v in found.items()})
    assert found["precision"] >= 0.5
    assert found["recall_between"] >= 0.6


# Within CD8 some 700 CAR+ cells are compared: too few to find nine in ten.
RECALL = {"all": 0.90, "CD4": 0.90, "CD8": 0.75}


@pytest.mark.parametrize("group", GROUPS)
def test_differential_expression(answers, group):
    found = answers.found(group)
    print(group, {k: round(v, 3) for k, v in found.items()})
    assert found["clear"] >= 20, "too few clearly changed genes to judge by"
    assert found["recall"] >= RECALL[group]
    assert found["null_share"] <= 0.05


@pytest.mark.parametrize("group", ["all", "CD4"])
def test_planted_terms(answers, group):
    terms = answers.term_ranks(group)
    print(group, terms[["role", "rank"]])
    planted, decoys = (terms.loc[terms["role"] == role, "rank"] for role in ("planted", "decoy"))
    assert (planted <= 20).all(), terms
    assert (decoys.fillna(1e9) > planted.max()).all(), terms


def test_damaged_cells_are_removed(answers):
    assert answers.damaged() >= 0.80


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("column", "variant"), enumerate(["paper", "null", "reversed"]))
def test_every_verdict_in_every_variant(full, seed, column, variant):
    given = Answers(full(variant, seed)).claims()
    assert set(given) == set(VERDICTS)
    also: dict[str, str] = {} if seed == DEVELOPED_ON else UNSEEN_TOO[variant]
    wrong = {
        c: given[c] for c, row in VERDICTS.items() if LETTER[given[c]] not in row[column] + also.get(c, "")
    }
    assert not wrong
    sure = {"paper": "supported", "null": "absent", "reversed": "opposed"}[variant]
    assert sum(given[c] == sure for c in GENES) >= LEAST_SURE
