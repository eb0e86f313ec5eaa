"""The local stack: local AWS, stand-in catalogues and Airflow, started, watched and stopped as plain processes.

`python -m local_stack up | down | status | logs`; nothing stays resident: `up` returns once everything is healthy, and
what runs is written down in `.local/run/`.
"""
