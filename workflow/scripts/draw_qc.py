"""Figures of quality control."""

from pathlib import Path

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.figures import qc, style

    names, footer = snakemake.params.samples, snakemake.params.footer
    cells = dict(zip(names, map(io.read_table, snakemake.input.cells), strict=True))
    thresholds = dict(zip(names, map(io.read_json, snakemake.input.thresholds), strict=True))
    limits = {name: qc.limits_of(value) for name, value in thresholds.items()}
    metrics = qc.metrics(cells, limits, footer=footer)
    style.save(metrics, snakemake.output.metrics, snakemake.output.metrics_png)
    removed = qc.removed(io.read_table(snakemake.input.samples), footer=footer)
    style.save(removed, snakemake.output.removed, snakemake.output.removed_png)
    droplets = {Path(path).stem: io.read_json(path) for path in snakemake.input.droplets}
    curves = {name: profile["ranks"] for name, profile in droplets.items()}
    ranks = qc.ranks(curves, samples=names, footer=footer)
    style.save(ranks, snakemake.output.ranks, snakemake.output.ranks_png)
