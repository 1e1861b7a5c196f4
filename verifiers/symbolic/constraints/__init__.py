"""`constraints`: an answer fulfills numeric and finite-domain constraints."""
