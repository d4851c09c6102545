"""Simulate the demo study."""

from carpeak.job import job

with job(snakemake):
    from pathlib import Path

    from carpeak.simulate import study as demo

    genes = demo.read_genes(snakemake.input.genes)
    terms = demo.read_terms(snakemake.input.gene_sets)
    options = {name: snakemake.params[name] for name in ("cells", "variant", "seed", "donors")}
    nature, libraries = demo.simulate(genes, terms, **options)
    names = {term: name for term, (name, _) in terms.items()}
    demo.write_study(Path(snakemake.output.truth_cells).parent, genes, names, nature, libraries)
