"""Count which share of each population every label holds in every sample, and under other choices."""

from carpeak.job import job

with job(snakemake):
    import pandas as pd
    from carpeak import io
    from carpeak.comparison import composition, label_error, lineage_ratio

    qc = pd.concat([io.read_table(path) for path in snakemake.input.cells])
    labels = [io.read_table(snakemake.input[name]) for name in ("labels", "t_labels", "calls")]
    cells = composition.gather(qc.loc[qc["kept"], ["cell", "sample"]], *labels)
    samples = snakemake.params.samples
    table = composition.composition(cells, samples)
    errors = io.read_table(snakemake.input.label_error)
    if snakemake.params.states == "clusters":  # measured on names of cells
        errors = errors.iloc[:0]
    table = label_error.widened(table, errors, scheme=snakemake.params.scheme)
    io.write_table(table, snakemake.output.table)
    io.write_table(lineage_ratio.table(table, errors), snakemake.output.ratio)
    varied = composition.sensitivity(
        cells,
        samples,
        scheme=snakemake.params.scheme,
        fit=io.read_json(snakemake.input.fit),
    )
    io.write_table(varied, snakemake.output.sensitivity)
