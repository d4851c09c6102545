# R's SingleR with its own fine-tuning, cell by cell, on the made-up counts of seurat_input.py.
# usage: Rscript tests/oracles/singler.R tests/oracles/seurat/counts.tsv.gz tests/oracles/singler
# (SingleR 2.0.0 of Debian 12, r-bioc-singler). The reference, log means of six made-up types, is written beside.
suppressMessages(library(SingleR))
given <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.delim(gzfile(given[1]), row.names = 1, check.names = FALSE))
log_counts <- log1p(t(t(counts) / colSums(counts)) * 1e4)
kind <- rep(1:4, c(90, 70, 50, 30))
levels <- sapply(1:4, function(k) rowMeans(expm1(log_counts[, kind == k])))
levels <- cbind(levels, 0.8 * levels[, 1] + 0.2 * levels[, 2], 0.2 * levels[, 2] + 0.8 * levels[, 3]) # near 1 and 3
set.seed(1) # a reference is of other cells: each value is off by a seventh
reference <- log2(levels * exp(matrix(rnorm(length(levels), sd = 0.15), nrow(levels))) + 1)
reference <- round(reference, 4)
colnames(reference) <- paste0("type", 1:6)
found <- SingleR(log_counts, reference, colnames(reference), fine.tune = TRUE, prune = FALSE)
write.csv(reference, file.path(given[2], "reference.csv"), quote = FALSE)
table <- data.frame(cell = colnames(counts), label = found$labels, round(found$scores, 6))
write.table(table, file.path(given[2], "labels.tsv"), sep = "\t", quote = FALSE, row.names = FALSE)
cat("SingleR", as.character(packageVersion("SingleR")), table(found$labels), "\n")
