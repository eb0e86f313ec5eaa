"""Rekognition Video of the local AWS: what can honestly be seen without a trained model, and a model by setting.

urls.py responses.py models.py exceptions.py    the wire: jobs, tokens, limits, pages
pages.py       sorted, aggregated and paged answers
engine.py      one job in a worker process: which stages it needs, and what it makes of them
footage.py     the one decode of a video that all its analyses share
shots.py cues.py timecode.py                    segment detection
text.py        text detection; moderation.py reads its words
people.py scenery.py detector.py taxonomy.py labels.py    label detection, face detection
"""
