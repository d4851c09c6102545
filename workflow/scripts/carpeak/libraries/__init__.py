"""One library at a time, and their union: ingest, cell calling, quality, doublets, ambient RNA, merge."""
