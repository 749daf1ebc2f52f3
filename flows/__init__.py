"""Orchestration: submit, wait, collect."""
