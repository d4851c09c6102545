"""A look at every library before anything heavy starts."""
