"""Back-ends of the reconstruct stage, one file each."""
