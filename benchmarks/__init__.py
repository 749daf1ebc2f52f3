"""Every figure the documents quote, each one command: ``python -m benchmarks.<name>``."""
