"""Which cells carry the CAR: the count model, calls and what they say of a library."""
