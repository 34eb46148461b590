"""Arrays, frames, files, progress and warnings: what every room uses, and nothing of the field."""
