"""Speech and captions: text with times."""
