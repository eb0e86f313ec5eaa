"""AWS Elemental MediaConvert: job settings in, one ffmpeg command out.

responses.py  models.py  library.py  the service: requests, jobs and queues, job templates and presets
merging.py    template under job, preset under output
checks.py     what MediaConvert refuses, and what is not done here
engine.py     one job: fetch, probe, plan, transcode, package, upload
plan.py       settings and facts of the inputs -> the one ffmpeg command
timeline.py   clips and timecodes     picture.py  rotation, scaling
video.py      video encoders          sound.py    audio selectors and encoders
captions.py   sidecar captions        playlists.py  HLS manifests
names.py      destinations, file names, format identifiers
faults.py     error codes             events.py   what EventBridge is told
"""
