"""From checked rows, in memory or in blocks, to the result that a user is handed."""
