# limma-voom of ~ donor + condition on a pseudobulk table, for test_cohort_real.py.
#
#   Rscript tests/oracles/paired.R COUNTS.tsv TEST OUTPUT.tsv
#
# COUNTS.tsv is genes x units called DONOR|CONDITION; TEST names the condition whose change is asked for.
suppressMessages(library(edgeR))

given <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.delim(given[1], row.names = 1, check.names = FALSE))
donor <- factor(sub("[|].*", "", colnames(counts)))
side <- as.numeric(sub(".*[|]", "", colnames(counts)) == given[2])
design <- model.matrix(~ donor + side)
kept <- filterByExpr(counts, design = design)
libraries <- calcNormFactors(DGEList(counts[kept, ]))
fit <- eBayes(lmFit(voom(libraries, design), design))
table <- data.frame(effect = fit$coefficients[, "side"], t = fit$t[, "side"], p_value = fit$p.value[, "side"])
write.table(format(table, digits = 12, trim = TRUE), given[3], sep = "\t", quote = FALSE, col.names = NA)
