"""Back-ends of the mesh stage, one file each."""
