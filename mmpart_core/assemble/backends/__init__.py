"""Back-ends of the assemble stage, one file each."""
