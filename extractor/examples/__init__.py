"""examples: those of many right values that are most like a document, chosen anew for each."""
