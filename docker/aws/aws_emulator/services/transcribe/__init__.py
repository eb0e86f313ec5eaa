"""Amazon Transcribe, batch transcription: see README.md beside this file."""
