"""The commands of ``limbeck``, one file each, and files of options and tables for all of them."""
