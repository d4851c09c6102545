"""All cells, T cells and CAR+ T cells, through one chain of rules over the wildcard `population`.

INPUTS: results/counts.h5ad, results/car/calls.parquet, the marker file (and reference) of the study
OUTPUTS: results/populations/{population}/{embedding,clusters,labels,umap}.parquet, neighbors.npz,
integration.json, scores.tsv and resolution.json; results/tables/markers.{population}.tsv
"""


rule embed:
    """Principal components, Harmony, neighbours and clusters of one population."""
    input:
        unpack(members_input),
        counts="results/counts.h5ad",
    output:
        embedding="results/populations/{population}/embedding.parquet",
        clusters="results/populations/{population}/clusters.parquet",
        neighbors="results/populations/{population}/neighbors.npz",
        integration="results/populations/{population}/integration.json",
    log:
        "logs/embed/{population}.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/embed.yaml"
    # while all cells are embedded nothing else can be done; later populations have company
    threads: lambda wildcards: 2 if wildcards.population == "all" else 1
    resources:
        mem_mb=memory("embed"),
        runtime=minutes("embed"),
    params:
        embedding={
            key: value for key, value in study.config["embedding"].items() if key != "resolution"
        },
        # of all populations: a change of one would make all anew
        resolution=lambda wildcards: study.config["embedding"]["resolution"][wildcards.population],
        seed=study.config["seed"],
        code=code("embed"),
    message:
        "Components, neighbours and clusters of population {wildcards.population}"
    script:
        "../scripts/embed.py"


rule annotate:
    """Names for the cells of one population."""
    input:
        unpack(inherited_input),
        counts="results/counts.h5ad",
        embedding="results/populations/{population}/embedding.parquet",
        clusters="results/populations/{population}/clusters.parquet",
        neighbors="results/populations/{population}/neighbors.npz",
        markers=study.config["annotation"]["markers"],
        reference=study.config["annotation"]["reference"] or [],
        model=WORKFLOW / "resources/t_states.json",
    output:
        labels="results/populations/{population}/labels.parquet",
        scores="results/populations/{population}/scores.tsv",
        resolution="results/populations/{population}/resolution.json",
    log:
        "logs/annotate/{population}.log",
    priority: 1  # on the longest chain of jobs
    conda:
        "../../envs/embed.yaml"
    threads: 1
    resources:
        mem_mb=memory("annotate"),
        runtime=minutes("annotate"),
    params:
        annotation=study.config["annotation"],
        code=code("annotate"),
    message:
        "Name the cells of population {wildcards.population}"
    script:
        "../scripts/annotate.py"


rule describe:
    """What figures show and no result rests on: the UMAP, and the markers of the clusters."""
    input:
        counts="results/counts.h5ad",
        embedding="results/populations/{population}/embedding.parquet",
        clusters="results/populations/{population}/clusters.parquet",
        neighbors="results/populations/{population}/neighbors.npz",
    output:
        umap="results/populations/{population}/umap.parquet",
        markers="results/tables/markers.{population}.tsv",
    log:
        "logs/describe/{population}.log",
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=memory("describe"),
        runtime=minutes("describe"),
    params:
        min_pct=study.config["de"]["min_pct"],
        method=study.config["embedding"]["method"],
        seed=study.config["seed"],
        code=code("describe"),
    message:
        "Compute UMAPs and cluster markers"
    script:
        "../scripts/describe.py"
