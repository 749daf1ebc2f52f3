"""Where artifacts live, and how values become bytes."""
