"""What came back: the text of a reply read as JSON."""
