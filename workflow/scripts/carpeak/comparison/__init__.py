"""What differs between conditions: composition, genes and gene sets."""
