"""Back-ends of the isolate stage, one file each."""
