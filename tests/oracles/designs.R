# Makes the tables that test_donor_designs.py holds designs to, by limma and edgeR (R).
#
#   Rscript tests/oracles/designs.R INPUT_FOLDER OUTPUT_FOLDER
#
# INPUT_FOLDER holds counts.tsv and units.tsv (tests/oracles/designs_input.py). Every test is of a coefficient:
# contrasts.fit is only approximate where weights differ between genes. Debian: r-bioc-limma, r-bioc-edger.
suppressMessages(library(edgeR))

folders <- commandArgs(trailingOnly = TRUE)
counts <- as.matrix(read.delim(file.path(folders[1], "counts.tsv"), row.names = 1, check.names = FALSE))
units <- read.delim(file.path(folders[1], "units.tsv"))
all_times <- c("product", "peak", "remission")

tested <- function(chosen, design, coefficient, name) {
  kept <- filterByExpr(counts[, chosen], design = design)
  libraries <- calcNormFactors(DGEList(counts[kept, chosen]))
  fit <- eBayes(lmFit(voom(libraries, design), design))
  table <- data.frame(
    effect = fit$coefficients[, coefficient], t = fit$t[, coefficient],
    p_value = fit$p.value[, coefficient], df = fit$df.total
  )
  write.table(
    format(table, digits = 12, trim = TRUE), file.path(folders[2], paste0(name, ".tsv")),
    sep = "\t", quote = FALSE, col.names = NA
  )
}
part <- function(chosen) {
  one <- droplevels(units[chosen, ])
  one$donor <- factor(one$donor)
  one$condition <- factor(one$condition, levels = intersect(all_times, one$condition))
  one
}

pairs <- units$car == "car" & units$condition %in% c("product", "peak")
one <- part(pairs)
tested(pairs, model.matrix(~ donor + batch + condition, one), "conditionpeak", "covariate")

early <- units$donor %in% sprintf("d%02d", 1:6)
alone <- units$car == "car" & ((early & units$condition == "product") | (!early & units$condition == "peak"))
tested(alone, model.matrix(~ age + condition, part(alone)), "conditionpeak", "unpaired")

# edgeR user's guide 3.5: donors numbered within their group, the condition within each group
one$response <- factor(one$response)
one$number <- factor(ave(as.integer(one$donor), one$response, FUN = function(x) match(x, unique(x))))
nested <- model.matrix(~ response + response:number + response:condition, one)
nested <- nested[, colSums(abs(nested)) > 0]
tested(pairs, nested, "responseno:conditionpeak", "outcome_no")
tested(pairs, nested, "responseyes:conditionpeak", "outcome_yes")
more <- (one$response == "yes") * (one$condition == "peak")
tested(pairs, cbind(model.matrix(~ donor + condition, one), more), "more", "outcome_difference")

times <- units$car == "car"
one <- part(times)
tested(times, model.matrix(~ donor + condition, one), "conditionpeak", "times_peak_product")
tested(times, model.matrix(~ donor + condition, one), "conditionremission", "times_remission_product")
one$condition <- relevel(one$condition, "peak")
tested(times, model.matrix(~ donor + condition, one), "conditionremission", "times_remission_peak")
one <- part(times)
contrasts(one$condition) <- contr.poly(3)
tested(times, model.matrix(~ donor + condition, one), "condition.L", "times_trend")

# what changes in CAR+ cells beyond the other cells of the same libraries
both <- units$condition %in% c("product", "peak")
one <- part(both)
library_of <- interaction(one$donor, one$condition)
beyond <- (one$car == "car") * (one$condition == "peak")
design <- cbind(model.matrix(~ library_of), model.matrix(~ donor - 1, one) * (one$car == "car"), beyond)
tested(both, design, "beyond", "car_interaction")
