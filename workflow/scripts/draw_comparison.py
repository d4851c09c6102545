"""Figures of one contrast: composition, changed genes, enriched terms, and what they depend on."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.figures import claim_genes, comparison, composition, style

    tables = {name: io.read_table(path) for name, path in snakemake.input.items() if name != "claims"}
    genes, terms = comparison.named(snakemake.input.claims)
    limits, footer = snakemake.params.limits, snakemake.params.footer
    colours = style.sample_colours(snakemake.params.samples, snakemake.params.shown)
    shares, de = tables["composition"], tables["de"]
    figures = {
        "composition": composition.composition(shares, colours=colours, footer=footer),
        "claim_genes": claim_genes.claim_genes(
            tables["claim_genes"], sides=snakemake.params.sides, colours=style.SIDE_COLOURS, footer=footer
        ),
        "volcano": comparison.volcano(de, named=genes, footer=footer, **limits),
        "enrichment": comparison.enrichment(
            tables["enrichment"], named=terms, adjusted_p=limits["adjusted_p"], footer=footer
        ),
        "sensitivity": comparison.sensitivity(
            shares, tables["composition_varied"], de, tables["de_varied"], colours=colours, footer=footer
        ),
    }
    for name, figure in figures.items():
        style.save(figure, snakemake.output[name], snakemake.output[f"{name}_png"])
