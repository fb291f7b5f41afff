"""What is wanted: a target, its JSON Schema, and the form of it that an endpoint accepts."""
