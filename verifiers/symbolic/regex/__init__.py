"""`regex`: what a regular expression matches."""
