"""How right what was extracted is, held against what is known to be right."""
