"""Tables from files: text, NPY, NPZ and Parquet become columns of numbers, or an error that says what to do."""
