"""Music and sounds written by code: samples are a pure function of a `Piece`, so they come out the same every time.

`theory` knows notes and chords, `canvas` holds the samples, `instruments` and `noises` make them, and one module per
kind (`jazz`, `ambient`, `electronic`, `folk`, `nature`, `street`, `odd`) offers its styles in a table `STYLES`.
"""
