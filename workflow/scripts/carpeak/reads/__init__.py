"""Bring a transgene into a library whose matrix lacks it, straight from its FASTQ pairs."""
