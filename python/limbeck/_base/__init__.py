"""Arrays, frames, files, progress and warnings: what every other folder uses, and nothing of the field."""
