"""Documents that are more than one text for one request: cut into chunks, and what comes of them merged."""
