"""Verdicts on stated claims, from tables alone."""
