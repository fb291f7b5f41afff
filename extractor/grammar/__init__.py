"""Schema and document as a grammar, for endpoints that take one: what it does not allow cannot be generated."""
