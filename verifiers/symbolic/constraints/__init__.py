"""`constraints`: an answer fulfils numeric and finite-domain constraints."""
