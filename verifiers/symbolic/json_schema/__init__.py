"""`json_schema`: structured output."""
