"""The reconstruct stage."""
