"""RISE (Recursive Introspection, arXiv 2407.18219): the package that an installation offers."""
