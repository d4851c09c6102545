"""Whether the transgene tells T cells from cells that can't carry it: where it does not, no share is given.

Ambient RNA and doublets bring it to other cells, too, but to fewer and with fewer UMIs. A feature that
other cells hold about as often as T cells is another gene's, or a mistake of the reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..stats import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

IN_OTHER_CELLS = "car_in_other_cells"
MIN_OTHERS = 20  # other cells below which their share is not asked
MIN_SHARE = 0.05  # of the other cells; a rarer transgene is soup whatever the T cells hold
ABOUT_AS_OFTEN = 0.5  # of the share among T cells


def not_telling(
    umis: NDArray[np.int64], *, is_t: NDArray[np.bool_], cannot_be_car: NDArray[np.bool_]
) -> bool:
    """Whether cells that can't be CAR+ hold the transgene about as often as T cells.

    `umis` are the transgene's UMIs of each cell. True where the lower 95 % bound of the other cells' share is
    at least `MIN_SHARE` and `ABOUT_AS_OFTEN` times that of T cells, and they hold at least half of their mean
    UMIs: in a library full of ambient RNA many cells hold one UMI, CAR+ cells hold more.
    """
    others, t_cells = umis[cannot_be_car], umis[is_t]
    if len(others) < MIN_OTHERS or not len(t_cells):
        return False
    low, _ = intervals.clopper_pearson(int((others > 0).sum()), len(others))
    as_often = low >= max(MIN_SHARE, ABOUT_AS_OFTEN * float((t_cells > 0).mean()))
    return bool(as_often and others.mean() >= ABOUT_AS_OFTEN * t_cells.mean())
