"""`sql`: a query returns what the gold query returns."""
