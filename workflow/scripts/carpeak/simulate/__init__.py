"""The demo study: libraries drawn to the description of patient 4, and their truth."""
