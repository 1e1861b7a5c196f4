"""`constraints`: being written."""
