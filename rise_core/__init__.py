"""The RISE method (Recursive Introspection, arXiv 2407.18219), without Prefect and DuckDB."""
