"""Measure what every donor says of every claim, under the main analysis and its variants."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.comparison import gene_sets
    from carpeak.donors import audit, evidence, gather
    from carpeak.study import claims_file

    source, params = snakemake.input, snakemake.params
    claims = claims_file.read(source.claims, source.schema)
    libraries = [audit.Library(**one) for one in params.libraries]
    held = gather.gather(
        io.read_h5ad(source.counts),
        *(io.read_table(path) for path in (source.labels, source.t_labels, source.calls)),
        libraries=libraries,
    )
    measured = evidence.Evidence(
        **held,
        sides=params.contrasts[params.contrast],
        contrast=params.contrast,
        designs=audit.audit(libraries, params.contrasts),
        sets=gather.sets(gene_sets.read_all(source.gene_sets), claims_file.terms(claims)),
        least=params.options["min_cells"],
        least_verdict=params.options["min_cells_verdict"],
        draws=params.options["draws"],
        seed=params.seed,
    )
    variants = gather.variants(held["cells"], rule=params.rule, seed=params.seed)
    io.write_table(evidence.measure(claims, measured, variants), snakemake.output.table)
