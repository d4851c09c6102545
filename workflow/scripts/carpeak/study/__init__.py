"""What the user wrote: configuration, sheets, claims, and the checks between them."""
