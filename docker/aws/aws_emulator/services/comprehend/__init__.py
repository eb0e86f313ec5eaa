"""Amazon Comprehend, sentiment only: see README.md beside this file."""
