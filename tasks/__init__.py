"""Core functions wrapped as Prefect tasks."""
