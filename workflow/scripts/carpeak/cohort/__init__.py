"""The patients around the cells: their tables, their statistics, and what a text says of them."""
