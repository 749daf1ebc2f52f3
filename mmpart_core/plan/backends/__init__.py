"""Back-ends of the plan stage, one file each."""
