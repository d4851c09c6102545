"""The UMAP of one population, and the markers of its clusters."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.populations import describe

    embedding = io.read_table(snakemake.input.embedding)
    neighbors = io.read_arrays(snakemake.input.neighbors)
    umap = describe.umap(embedding, neighbors, seed=snakemake.params.seed)
    io.write_table(umap, snakemake.output.umap)
    markers = describe.cluster_markers(
        io.read_h5ad(snakemake.input.counts),
        embedding,
        io.read_table(snakemake.input.clusters),
        min_pct=snakemake.params.min_pct,
    )
    io.write_table(markers, snakemake.output.markers)
