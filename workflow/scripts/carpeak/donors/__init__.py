"""The donor as the unit: designs, sums over cells, moderated tests, meta-analysis, verdicts."""
