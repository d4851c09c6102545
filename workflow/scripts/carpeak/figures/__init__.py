"""Figures: every function takes tables and returns a matplotlib Figure; `style.save` writes it."""
