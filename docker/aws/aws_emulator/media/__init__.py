"""Media of strangers, opened safely: what a file is (sniff), what is in it (probe), ffmpeg behind limits (sandbox)."""
