"""Films that the stand-in draws, scores and encodes itself; their shots, signs and movements are known to the frame."""
