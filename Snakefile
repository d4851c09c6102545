"""carpeak: `snakemake --cores` runs the demo study; `--configfile my/config.yaml` runs yours."""


include: "workflow/Snakefile"


workflow.default_target = "all"  # Snakemake forgets the default target of an included file
