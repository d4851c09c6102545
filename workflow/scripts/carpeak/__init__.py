"""carpeak: what changed between a CAR-T infusion product and blood at the peak of expansion.

The package holds all logic and knows nothing of Snakemake; the scripts beside it join the two.
"""

__version__ = "0.1.0"
