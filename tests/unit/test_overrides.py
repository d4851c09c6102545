"""Hand-set labels: applied in order, refused when the clusters are no longer those reviewed."""

import pandas as pd
import pytest
from carpeak.errors import UserError
from carpeak.populations import overrides
from carpeak.settings import Override

KNOWN = ["T cell", "B cell", "unassigned"]


def labels():
    return pd.DataFrame(
        {
            "cell": ["a", "b", "c", "d"],
            "cluster": ["0", "0", "0", "1"],
            "cell_type": ["T cell"] * 4,
            "cell_type_unintegrated": ["T cell"] * 4,
        }
    )


def apply(*entries, frame=None):
    frame = labels() if frame is None else frame
    columns = ["cell_type", "cell_type_unintegrated"]
    return overrides.apply(
        frame, [Override(**entry) for entry in entries], population="all", columns=columns, known=KNOWN
    )


def test_cluster_and_cells_in_order():
    mark = overrides.fingerprints(labels())["0"]
    result = apply(
        {"population": "all", "cluster": "0", "expect": mark, "label": "B cell"},
        {"population": "all", "cells": ["b", "d"], "label": "Blast"},
        {"population": "t_cells", "cells": ["a"], "label": "Treg"},
    )
    assert result["cell_type"].tolist() == ["B cell", "Blast", "B cell", "Blast"]
    assert result["cell_type_unintegrated"].tolist() == ["B cell", "Blast", "B cell", "Blast"]


def test_fingerprint_is_of_the_set_of_cells():
    assert overrides.fingerprint(["b", "a"]) == overrides.fingerprint(["a", "b"])
    assert overrides.fingerprint(["a", "b"]) != overrides.fingerprint(["a", "c"])


def test_renumbered_cluster_is_refused_and_found_again():
    mark = overrides.fingerprints(labels())["0"]
    moved = labels().assign(cluster=["1", "1", "1", "0"])
    with pytest.raises(UserError, match="the reviewed cells are now cluster 1"):
        apply({"population": "all", "cluster": "0", "expect": mark, "label": "B cell"}, frame=moved)
    changed = labels().assign(cluster=["0", "0", "1", "1"])
    with pytest.raises(UserError, match="no cluster holds those cells now"):
        apply({"population": "all", "cluster": "0", "expect": mark, "label": "B cell"}, frame=changed)


def test_a_refused_override_lists_what_to_type_instead():
    """The job's scores.tsv is gone when it stops, so the message must hold every fingerprint."""
    frame = labels().assign(cell_type=["T cell", "T cell", "B cell", "B cell"])
    marks = overrides.fingerprints(frame)
    with pytest.raises(UserError) as caught:
        apply({"population": "all", "cluster": "0", "expect": "0123456789ab", "label": "B cell"}, frame=frame)
    assert f"cluster 0: expect: {marks['0']} (3 cells, T cell)" in str(caught.value)
    assert f"cluster 1: expect: {marks['1']} (1 cells, B cell)" in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"cluster": "7", "expect": "x", "label": "B cell"}, "has no cluster 7"),
        ({"cells": ["zz"], "label": "B cell"}, "1 of its cells are not in all, for example zz"),
        ({"cells": ["a"], "label": "T cells"}, "did you mean 'T cell'"),
    ],
)
def test_mistakes(entry, message):
    with pytest.raises(UserError, match=message):
        apply({"population": "all", **entry})
