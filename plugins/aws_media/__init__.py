"""Rekognition Video, Transcribe and MediaConvert for Airflow: paid jobs that are started once, waited for without a worker
and paid for once. One base per role owns what is the same for every paid job (``paid_job.py``); a service adds how to start,
how to read, and its waiter.
"""
