"""The files of a public study, fetched once and checked.

INPUTS:  the table of downloads that the configuration names; the network, or the mirror that it names
OUTPUTS: the files, below data_root; results/downloads/{file}.json, a receipt per file (source, size, SHA-256)
"""

import re
from dataclasses import asdict

from carpeak.study.downloads import RECEIPTS


wildcard_constraints:
    file="|".join(re.escape(one.name) for one in study.downloads),


rule download:
    """Fetch one file, or take it out of a fetched archive; a file that is there is only checked."""
    input:
        archive=lambda wildcards: [
            one.receipt
            for one in study.downloads
            if one.path == study.download(wildcards.file).archive
        ],
    output:
        receipt=f"{RECEIPTS}/{{file}}.json",
    log:
        "logs/download/{file}.log",
    priority: 2000
    localrule: True  # compute nodes often have no network
    conda:
        "../../envs/core.yaml"
    threads: 64  # all there are: one file at a time, and nothing is analysed before all are there
    resources:
        mem_mb=memory("download"),
        runtime=minutes("download"),
        mirror=study.mirror,  # no param: where the bytes come from must not start the analysis anew
    params:
        wanted=lambda wildcards: asdict(study.download(wildcards.file)),
        code=code("download"),
    message:
        "Fetch the file {wildcards.file}"
    script:
        "../scripts/download.py"
