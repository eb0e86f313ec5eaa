"""What can be heard in a file: probe, decode, loudness, tempo, key and voice, as plain Python.

``include.audio.probe`` is the gate before a file counts as landed, ``include.audio.analyse`` writes its record.
Importing this package costs nothing: numpy, PyAV and librosa are loaded by the functions that need them.
"""
