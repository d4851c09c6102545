"""Clusters as Seurat makes them: variable genes by vst, scaled components, shared neighbours, Louvain."""
