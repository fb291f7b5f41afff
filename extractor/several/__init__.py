"""Several flows for one extraction, side by side: chunks, candidates, regions that were passed over."""
