"""The multiview stage."""
