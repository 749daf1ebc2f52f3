"""The isolate stage."""
