"""Rekognition Video, Transcribe and MediaConvert for Airflow: paid jobs, started once and paid for once.

They are waited for without a worker. One base per role owns what is the same for every paid job (``paid_job.py``); a
service adds how to start, how to read, and its waiter.
"""
