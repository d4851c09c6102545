"""All cells, T cells and CAR+ T cells: embedding, clusters, markers, lineages and states."""
