"""Images in, masks and crops out: pure functions on arrays."""
