"""The mesh stage."""
