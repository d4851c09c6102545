"""Any layout of counts, recognised by content, opened as one kind of matrix."""
