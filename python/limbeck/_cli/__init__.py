"""The commands of ``limbeck``, one file each, and what they share."""
