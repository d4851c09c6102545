# R's Seurat on made-up counts (seurat_input.py): every step that carpeak's preset `paper` follows.
# usage: Rscript tests/oracles/seurat.R tests/oracles/seurat   (Seurat 4.3.0 of Debian 12, r-cran-seurat)
suppressMessages(library(Seurat))
where <- commandArgs(trailingOnly = TRUE)[1]
path <- function(name) file.path(where, name)
counts <- as.matrix(read.delim(gzfile(path("counts.tsv.gz")), row.names = 1, check.names = FALSE))
write <- function(table, name) {
  write.table(format(table, digits = 7, trim = TRUE), path(name), sep = "\t", quote = FALSE, row.names = FALSE)
}
cells <- CreateSeuratObject(Matrix::Matrix(counts, sparse = TRUE))
cells <- NormalizeData(cells, verbose = FALSE)
cells <- FindVariableFeatures(cells, selection.method = "vst", nfeatures = 150, verbose = FALSE)
vst <- HVFInfo(cells, selection.method = "vst")
write(data.frame(gene = rownames(vst), vst, variable = rownames(vst) %in% VariableFeatures(cells)), "vst.tsv")
cells <- ScaleData(cells, features = VariableFeatures(cells), verbose = FALSE)
cells <- RunPCA(cells, npcs = 10, verbose = FALSE, approx = FALSE)
write(data.frame(cell = colnames(cells), Embeddings(cells, "pca")), "pca.tsv")
cells <- FindNeighbors(cells, dims = 1:10, k.param = 20, nn.method = "rann", verbose = FALSE)
snn <- Matrix::summary(as(cells@graphs$RNA_snn, "generalMatrix"))
snn <- snn[snn$i < snn$j, ]
write(snn[order(snn$i, snn$j), ], "snn.tsv")
for (resolution in c(0.5, 0.8)) cells <- FindClusters(cells, resolution = resolution, verbose = FALSE)
write(data.frame(cell = colnames(cells), low = cells$RNA_snn_res.0.5, high = cells$RNA_snn_res.0.8), "clusters.tsv")
markers <- FindAllMarkers(cells, verbose = FALSE)
write(markers[, c("cluster", "gene", "avg_log2FC", "pct.1", "pct.2", "p_val", "p_val_adj")], "markers.tsv")
cat("Seurat", as.character(packageVersion("Seurat")), "\n")
