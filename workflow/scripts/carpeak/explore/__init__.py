"""The interactive maps of the report: cells, labels and genes packed into text that a page can hold."""
