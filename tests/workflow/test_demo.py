"""The demo against its truth: the bounds of the project.

`make test` judges the seed it was developed on, `make accept` three seeds never used while developing.
"""

import pytest
from acceptance import GROUPS, Answers

DEVELOPED_ON = 1
UNSEEN = (31, 59, 83)


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


# Every claim's verdict in every variant. S supported, O opposed, A absent, I indeterminate, N not estimable.
# The limits (1.5-fold, twice the odds, five points) were frozen before; a planted change that does not surely
# exceed them is rightly indeterminate, and so is a null gene whose library effect (sd 0.18, up to 0.45 log2)
# leaves an interval that reaches 0.58.
VERDICTS = {
    # claim: (paper, null, reversed) with the seed developed on
    "C1": ("S", "S", "S"),
    "C2": ("S", "S", "S"),
    # C3 to C5 rest on states: indeterminate where a library cannot tell them apart (docs/states.md).
    "C3": ("I", "S", "S"),
    "C4": ("S", "S", "O"),
    "C5": ("S", "O", "I"),
    "C6": ("S", "S", "O"),
    "C7a": ("S", "A", "O"),
    "C7b": ("S", "A", "O"),
    "C7c": ("S", "I", "O"),
    "C7d": ("S", "A", "O"),
    "C7e": ("S", "A", "O"),
    "C7f": ("S", "A", "O"),
    "C8": ("S", "A", "O"),
    "C9a": ("S", "I", "O"),
    "C9b": ("S", "I", "O"),
    "C9c": ("S", "I", "O"),
    "C10": ("N", "N", "N"),
}
LETTER = {"supported": "S", "opposed": "O", "absent": "A", "indeterminate": "I", "not_estimable": "N"}
GENES = ["C7a", "C7b", "C7c", "C7d", "C7e", "C7f", "C8"]
# With other seeds, library effects and the sampling of cells fall elsewhere: what may be indeterminate besides.
UNSEEN_TOO = {
    "paper": dict.fromkeys([*GENES, "C4", "C5", "C9a", "C9b", "C9c"], "I") | {"C3": "S"},
    "null": dict.fromkeys(GENES, "AI") | {"C3": "I", "C4": "I", "C5": "I"},
    "reversed": dict.fromkeys([*GENES, "C9a", "C9b", "C9c"], "I") | {"C3": "I", "C4": "I", "C5": "O"},
}
LEAST_SURE = 4  # of the seven genes, that nevertheless get the definite verdict


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("column", "variant"), enumerate(["paper", "null", "reversed"]))
def test_every_verdict_in_every_variant(full, seed, column, variant):
    given = Answers(full(variant, seed)).claims()
    assert set(given) == set(VERDICTS)
    also = {} if seed == DEVELOPED_ON else UNSEEN_TOO[variant]
    wrong = {
        c: given[c] for c, row in VERDICTS.items() if LETTER[given[c]] not in row[column] + also.get(c, "")
    }
    assert not wrong
    sure = {"paper": "supported", "null": "absent", "reversed": "opposed"}[variant]
    assert sum(given[c] == sure for c in GENES) >= LEAST_SURE
