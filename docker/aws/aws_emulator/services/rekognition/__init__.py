"""Rekognition Video of the local AWS: what can honestly be seen without a trained model, and a model by setting.

    urls.py responses.py models.py exceptions.py analyses.py    the wire: jobs, tokens, limits
    pages.py       sorted, aggregated and paged answers
    engine.py      one job in a worker process: which stages it needs, and what it makes of them
    stages.py      the stages that the analyses of one video share
    footage.py     the one decode of a video
    shots.py cues.py timecode.py    segment detection, on every frame
    text.py moderation.py           text detection, and content moderation by words that are read
    people.py scenery.py detector.py taxonomy.py labels.py    label and face detection

Labels, text and moderation see two pictures a second; of more than ten minutes one a second, one in two seconds, and so
on: at most 1,200 (the model version says how many). Pictures are at most 1,280 pixels long. H.264 in MP4, MOV and AVI.
Cuts, fades through black, black frames and colour bars are found; dissolves, logos, slates and opening credits are not.
"""
