# Clusters by R's Seurat on its own route (normalise, vst, scale, PCA, shared neighbours, Louvain), in two steps.
# usage: Rscript benchmarks/seurat_clusters.R pca|cluster FOLDER N_COMPONENTS [RESOLUTION]
# FOLDER holds counts.mtx (genes x cells). `pca` writes components.tsv, which may be corrected for libraries in
# between; `cluster` reads it and writes clusters.tsv, a name per cell. Everything else is Seurat's default.
suppressMessages(library(Seurat))
given <- commandArgs(trailingOnly = TRUE)
path <- function(name) file.path(given[2], name)
n <- as.integer(given[3])
if (given[1] == "pca") {
  counts <- as(Matrix::readMM(path("counts.mtx")), "CsparseMatrix")
  dimnames(counts) <- list(paste0("g", seq_len(nrow(counts))), paste0("c", seq_len(ncol(counts))))
  cells <- NormalizeData(CreateSeuratObject(counts), verbose = FALSE)
  left_out <- paste0("g", scan(path("left_out.txt"), quiet = TRUE))
  ranked <- HVFInfo(FindVariableFeatures(cells, verbose = FALSE))
  ranked <- rownames(ranked)[order(-ranked$variance.standardized)]
  VariableFeatures(cells) <- head(setdiff(ranked, left_out), 2000)
  cells <- RunPCA(ScaleData(cells, verbose = FALSE), npcs = n, verbose = FALSE)
  write.table(Embeddings(cells, "pca"), path("components.tsv"), sep = "\t", quote = FALSE, col.names = FALSE)
} else {
  points <- as.matrix(read.delim(path("components.tsv"), header = FALSE, row.names = 1))
  graphs <- FindNeighbors(points, verbose = FALSE)
  found <- FindClusters(graphs$snn, resolution = as.numeric(given[4]), verbose = FALSE)
  writeLines(as.character(found[[1]]), path("clusters.tsv"))
}
