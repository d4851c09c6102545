"""The report: the only room that writes sentences for readers."""
