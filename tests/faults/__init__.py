"""Faults put into real runs; `python -m tests.faults` (or `make faults`) makes the table of docs/reliability.md."""
