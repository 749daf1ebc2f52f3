"""Core functions wrapped as Prefect tasks; no decisions on data."""
