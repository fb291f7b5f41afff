"""What came back: the text of a reply read as JSON, mended where that is no guess, and held against the target."""
