"""Back-ends of the multiview stage, one file each."""
