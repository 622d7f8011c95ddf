"""Raw files to prepared features on disk, and from there to batches."""
