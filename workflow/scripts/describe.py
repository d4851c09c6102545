"""The UMAP of one population, and the markers of its clusters."""

from carpeak.job import job

with job(snakemake):
    from carpeak import io
    from carpeak.populations import describe
    from carpeak.seurat import markers as find_all
    from carpeak.stats import stored

    embedding = io.read_table(snakemake.input.embedding)
    neighbors = io.read_arrays(snakemake.input.neighbors)
    umap = describe.umap(embedding, neighbors, seed=snakemake.params.seed)
    io.write_table(umap, snakemake.output.umap)
    counts, clusters = stored.read(snakemake.input.counts), io.read_table(snakemake.input.clusters)
    if snakemake.params.method == "paper":
        markers = find_all.of_population(counts, embedding, clusters)
    else:
        markers = describe.cluster_markers(counts, embedding, clusters, min_pct=snakemake.params.min_pct)
    io.write_table(markers, snakemake.output.markers)
