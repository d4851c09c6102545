"""Names of genes as the rest of the project knows them: HGNC symbols, Ensembl ids without version."""

from __future__ import annotations

import re

HUMAN = re.compile(r"GRCh3[78]\S*|hg(?:19|38)\S*|human|Homo_sapiens\S*", re.IGNORECASE)
OTHER_SPECIES = re.compile(
    r"mm(?:9|10|39)\S*|GRCm3[89]\S*|mouse|Mus_musculus\S*|rn[4-7]|Rnor\S*|mRatBN\S*", re.IGNORECASE
)
