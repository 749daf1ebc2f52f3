"""What the user receives: GLB, manifest, pictures and the page."""
