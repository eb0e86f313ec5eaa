"""AWS Elemental MediaConvert: job settings in, one ffmpeg command out.

responses.py  models.py  library.py  the service: requests, jobs and queues, job templates and presets
merging.py    template under job, preset under output
checks.py     what CreateJob refuses           ignored.py   what it accepts and does nothing about
engine.py     one job: fetch, probe, plan, transcode, package, upload
plan.py       settings and facts of the inputs -> the one ffmpeg command
timeline.py   clips and timecodes              picture.py   rotation, scaling
video.py      video encoders                   sound.py     audio selectors and encoders
muxing.py     containers                       packaging.py from files to objects
captions.py   sidecar captions                 playlists.py HLS manifests
names.py      destinations, file names, format identifiers
faults.py     error codes                      events.py    what EventBridge is told
"""
