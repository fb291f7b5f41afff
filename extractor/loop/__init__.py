"""The loop: ask, read, validate, ask again; and down the ladder, where an endpoint refuses. No I/O."""
