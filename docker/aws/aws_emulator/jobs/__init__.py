"""Jobs of the engines: a bounded queue in the server, and worker processes that do the work.

queue.py    JOBS: submit, cancel, stop; what a service's ``models.py`` uses
runner.py   one worker process as the server sees it: its limits, its progress, its end
worker.py   the worker process itself
task.py     ``Task``: what an engine's ``run(task)`` sees, and the one that speaks to S3
alone.py    ``LoneTask``: the same without a server, to try an engine by itself
cache.py    work that several jobs share
errors.py   ``JobFailed`` and the rest
"""
