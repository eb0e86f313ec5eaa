"""Drives as a dash cam films them through the windscreen: `drives.py` lists them, `trip.py` says what one is."""
