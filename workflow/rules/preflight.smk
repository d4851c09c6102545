"""Every library looked at before anything heavy starts.

INPUTS:  the matrices that the sample sheet names, the marker file, gene-set files of the study's own
OUTPUTS: results/preflight.tsv    layout, cells, genes, depth and transgene UMIs of each library
         results/preflight.txt    the same for a reader, with the time and memory that the run will take

Of the rules only the report reads the table. Reading it through ancient() would put this rule first in the
graph, but then Snakemake (9.27) no longer sees that a changed library must be read again. So the order comes
from the scheduler: the highest priority and all cores, so that nothing starts beside it.
"""


rule preflight:
    """Refuse the run, with everything that is wrong, or say what it holds and will take."""
    input:
        libraries=[
            file
            for library in study.libraries
            for path in (library["path"], library["raw_path"])
            if path
            for file in study.files(path)
        ],
        markers=study.config["annotation"]["markers"],
        gene_sets=study.own_gene_sets,
    output:
        table="results/preflight.tsv",
        told="results/preflight.txt",
    log:
        "logs/preflight.log",
    priority: 1000
    conda:
        "../../envs/core.yaml"
    # All there are, and a cluster's profile sets fewer. The demo's libraries come while jobs of its cohort run:
    # waiting for all cores, this job would be the last to start.
    threads: 1 if study.simulates else 64
    resources:
        mem_mb=memory("preflight"),
        runtime=minutes("preflight"),
    params:
        libraries=study.libraries,
        features=study.config["transgene"]["features"],
        claims=study.claims,
        min_cells=study.config["qc"]["min_cells"],
        min_genes=study.config["qc"]["min_genes"],
        code=code("preflight"),
    message:
        "Look at every library before anything heavy starts"
    script:
        "../scripts/preflight.py"
