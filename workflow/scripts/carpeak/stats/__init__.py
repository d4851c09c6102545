"""Statistics that know no biology."""
