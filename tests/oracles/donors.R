# Makes the tables that test_donor_moderated.py holds the donors' statistics to, by limma and edgeR (R).
#
#   Rscript tests/oracles/donors.R INPUT_FOLDER OUTPUT_FOLDER
#
# INPUT_FOLDER holds counts.tsv (genes x libraries, simulated by tests/oracles/donors_input.py), sets.tsv
# (set, gene) and shares.tsv (labels x libraries). Libraries are called DONOR_CONDITION; the last coefficient
# of ~ donor + condition is tested. Debian: r-bioc-limma, r-bioc-edger.
suppressMessages(library(edgeR))

folders <- commandArgs(trailingOnly = TRUE)
read <- function(name) {
  read.delim(file.path(folders[1], name), row.names = 1, check.names = FALSE)
}
write <- function(table, name) {
  rounded <- format(table, digits = 12, trim = TRUE)
  write.table(rounded, file.path(folders[2], name), sep = "\t", quote = FALSE, col.names = NA)
}
design_of <- function(names) {
  donor <- factor(sub("_.*", "", names))
  condition <- factor(sub(".*_", "", names), levels = c("product", "peak"))
  model.matrix(~ donor + condition)
}
tested <- function(fit) {
  data.frame(
    effect = fit$coefficients[, ncol(fit$coefficients)],
    t = fit$t[, ncol(fit$t)], p_value = fit$p.value[, ncol(fit$p.value)],
    df = fit$df.total, variance = fit$s2.post
  )
}

counts <- as.matrix(read("counts.tsv"))
design <- design_of(colnames(counts))
kept <- filterByExpr(counts, design = design)
write(data.frame(kept = as.integer(kept), row.names = rownames(counts)), "kept.tsv")

libraries <- calcNormFactors(DGEList(counts[kept, ]))
write(libraries$samples[, c("lib.size", "norm.factors")], "factors.tsv")

weighted <- voom(libraries, design)
write(data.frame(weighted$weights, row.names = rownames(weighted)), "weights.tsv")
write(tested(eBayes(lmFit(weighted, design))), "voom.tsv")

logs <- log2(t(t(counts[kept, ] + 0.5) / (colSums(counts[kept, ]) + 1)) * 1e6)
write(tested(eBayes(lmFit(logs, design), trend = TRUE)), "trend.tsv")

sets <- read.delim(file.path(folders[1], "sets.tsv"))
rows <- lapply(split(sets$gene, sets$set), function(genes) which(rownames(weighted) %in% genes))
write(camera(weighted, rows, design, inter.gene.cor = NA, sort = FALSE)[, 1:4], "camera.tsv")

alone <- camera(weighted$E, rows, design, inter.gene.cor = NA, sort = FALSE)
write(alone[, 1:4], "camera_without_weights.tsv")

# Composition: the ratios and weights are made here from the closed formula, the test by limma.
shares <- as.matrix(read("shares.tsv")) + 0.5
ratios <- t(t(log2(shares)) - colMeans(log2(shares)))
d <- nrow(shares)
variance <- t(t((1 - 2 / d) / shares) + colSums(1 / shares) / d^2) / log(2)^2
write(tested(eBayes(lmFit(ratios, design_of(colnames(shares)), weights = 1 / variance))), "shares.tsv")
