"""One metric per module: arrays in, numbers out."""
