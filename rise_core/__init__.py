"""The RISE method (Recursive Introspection, arXiv 2407.18219). Knows neither Prefect nor DuckDB."""
