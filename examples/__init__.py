"""Inputs made by us, and the procedural models they are rendered from."""
