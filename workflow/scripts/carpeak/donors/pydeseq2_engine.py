"""The second engine for genes: PyDESeq2's negative binomial model with donor blocked and shrunken effects.

Its Wald test takes normal quantiles, so that with three to five donors its p is too small; verdicts rest on
the moderated t, and this engine shows how far a method of another kind agrees.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def paired(
    counts: NDArray[np.float64],
    donors: Sequence[str],
    in_test: Sequence[bool],
    genes: Sequence[str],
    *,
    shrink: bool = True,
) -> pd.DataFrame:
    """Fit ``~ donor + condition`` to `counts` (genes x libraries).

    Returns, by gene, log2_fold_change (maximum likelihood), log2_fold_change_shrunk (apeGLM, where `shrink`),
    p_value and p_adjusted (independent filtering). One thread, so that results don't hang on cores.
    """
    import pandas as pd
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.default_inference import DefaultInference
    from pydeseq2.ds import DeseqStats

    names = [f"library{number}" for number in range(len(donors))]
    metadata = pd.DataFrame(
        {
            "donor": [f"d{one}" for one in donors],
            "side": ["b_test" if one else "a_reference" for one in in_test],
        },
        index=names,
    )
    whole = pd.DataFrame(np.asarray(counts).T.astype(np.int64), index=names, columns=list(genes))
    inference = DefaultInference(n_cpus=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = DeseqDataSet(
            counts=whole, metadata=metadata, design="~ donor + side", inference=inference, quiet=True
        )
        data.deseq2()
        tests = DeseqStats(data, contrast=["side", "b_test", "a_reference"], inference=inference, quiet=True)
        tests.summary()
        result = tests.results_df
        table = pd.DataFrame(
            {
                "log2_fold_change": result["log2FoldChange"],
                "p_value": result["pvalue"],
                "p_adjusted": result["padj"],
            }
        )
        if shrink:
            tests.lfc_shrink(coeff="side[T.b_test]")
            table["log2_fold_change_shrunk"] = tests.results_df["log2FoldChange"]
    return table.rename_axis("gene")
