"""What files are, and what is in them: one reader for each kind."""
