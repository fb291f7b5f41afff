"""Many documents: a job in one file, what it exports, and many machines."""
