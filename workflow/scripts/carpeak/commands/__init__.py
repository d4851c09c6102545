"""What a user types: one module per command of `carpeak`, each with its help and what it prints."""
