"""Whether it is true: where values stand in the document, how sure they are, and what is missing."""
