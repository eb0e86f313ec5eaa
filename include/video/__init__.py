"""Moving pictures: what a file holds."""
