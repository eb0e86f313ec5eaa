"""What it costs one triggerer to wait for a thousand jobs, and for five thousand, the provider's way and ours.

- **provider**: a trigger on `AwsBaseWaiterTrigger`, as every deferrable operator of the provider has one: a hook and a
  client for each trigger, which asks the service every 30 s
- **ours**: `PaidJobTrigger` with a queue: one long poll for all, one client for the service, a question at the start

What runs is Airflow's own `TriggerRunner`, with its loop, its states, its shared stream and a task instance for each
trigger. What does not run is the process around it: its supervisor, which stores events in the database, is played
here, and stores at once. The service and the queue are a stub in a process of its own (`jobs_stub.py`), which answers
without limits; so ours may ask 200 times a second instead of 10 at the start, or the start alone would take minutes.

In the measured time one job in a hundred ends a minute, at random moments; both ways waited for all jobs before it
begins. **Calls** are all calls to service and queue in that time: receiving, deleting, and the sweep for lost messages,
which is at its steady pace. The questions at the start, one for each job, are no part of them, for the provider's way
neither. So ours pays by what ends, a call or two for a job that ends alone and 0.2 for each of many, and the provider's
by how long it takes, two calls a minute. **Lag** is from a job's end to the event that its trigger fires. **MB** is
resident memory of the runner's process, above what the same process had before it got its first trigger.

At last, 400 jobs end within a second: how long it takes until the last one's task is woken, which the set pace
(`MEDIA_RESUMPTIONS_PER_SECOND`) decides, and that none is lost or woken twice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.jobs_stub import QUEUE_PATH
from benchmarks.timing import machine_line, markdown_table, measure

ROOT = Path(__file__).parents[1]
CONTENDERS = (("provider", 1000), ("ours", 1000), ("ours", 5000))
PLAN = {"measured_s": 60.0, "mean_job_s": 6000.0, "delay_s": 30}
BURST = 400


# -- the contenders: named in the workloads by their path


def __getattr__(name: str) -> Any:
    """Make the two triggers when they are first named, so that an idle runner has not loaded them."""
    from aws_media.hooks.transcribe import TranscribeHook

    if name == "Ours":
        from aws_media.triggers.paid_job import PaidJobTrigger

        class Ours(PaidJobTrigger):
            aws_hook_class = TranscribeHook
            checks_per_second = 200.0

        made: Any = Ours
    elif name == "Provider":
        from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger

        class Provider(AwsBaseWaiterTrigger):
            aws_hook_class = TranscribeHook

            def __init__(self, *, job_id: str, waiter_delay: int, waiter_max_attempts: int, **kwargs: Any) -> None:
                super().__init__(
                    serialized_fields={"job_id": job_id},
                    waiter_name="transcription_job_complete",
                    waiter_args={"TranscriptionJobName": job_id},
                    failure_message="Job failed",
                    status_message="Job",
                    status_queries=["TranscriptionJob.TranscriptionJobStatus"],
                    return_key="job_id",
                    return_value=job_id,
                    waiter_delay=waiter_delay,
                    waiter_max_attempts=waiter_max_attempts,
                    **kwargs,
                )

        made = Provider
    else:
        raise AttributeError(name)
    globals()[name] = made
    return made


def _workload(number: int, way: str, port: int, delay_s: int) -> Any:
    """Make what the supervisor hands to the runner for a deferred task."""
    from airflow.executors.workloads.task import TaskInstanceDTO
    from airflow.executors.workloads.trigger import RunTrigger
    from airflow.models.trigger import Trigger
    from uuid6 import uuid7

    task = TaskInstanceDTO(
        id=uuid7(), dag_version_id=uuid7(), dag_id="bench", task_id="wait", run_id="run", map_index=number,
        try_number=1, pool_slots=1, priority_weight=1, queue="default",
    )  # fmt: skip
    arguments: dict[str, Any] = {"job_id": _job(number), "waiter_delay": delay_s, "waiter_max_attempts": 720}
    if way == "ours":
        arguments["completions_queue_url"] = f"http://127.0.0.1:{port}{QUEUE_PATH}"
        arguments["operation"] = "transcription_job"
    return RunTrigger(
        id=number,
        classpath=f"benchmarks.waiting_jobs.{way.capitalize()}",
        encrypted_kwargs=Trigger.encrypt_kwargs(arguments),
        ti=task,
    )


def _job(number: int) -> str:
    return f"{number:064x}"


# -- the runner, and the supervisor around it


class _Fired(deque[Any]):
    """The runner's outbound events, each noted with its time."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[tuple[str, float]] = []

    def append(self, entry: Any) -> None:
        self.at.append((entry.event.payload["job_id"], time.time()))
        super().append(entry)


class _Supervisor:
    """Answers the runner as its supervisor does: hands over triggers, stores events, cancels what is done."""

    def __init__(self) -> None:
        self.to_create: list[Any] = []
        self.failures: list[Any] = []
        self._stored: list[int] = []
        self._to_cancel: set[int] = set()
        self._reader_task: asyncio.Task[None] = asyncio.create_task(asyncio.sleep(86_400))

    async def asend(self, message: Any) -> Any:
        from airflow.jobs.triggerer_job_runner import messages

        self.failures += message.failures or []
        answer = messages.TriggerStateSync(
            to_create=self.to_create, to_cancel=self._to_cancel, events_persisted=self._stored
        )
        self.to_create = []
        self._stored = [entry.persist_seq for entry in message.events or [] if entry.persist_seq is not None]
        self._to_cancel = {entry.trigger_id for entry in message.events or []}
        return answer


async def _waited(
    way: str, jobs: int, port: int, *, measured_s: float, mean_job_s: float, burst: int, delay_s: int
) -> dict[str, Any]:
    """Let ``jobs`` triggers wait in this process and return the figures.

    :param measured_s: how long calls are counted and jobs end
    :param mean_job_s: how long a job takes, which decides how many end
    :param burst: how many jobs end at once afterwards
    :param delay_s: the provider's seconds between two looks at a job
    """
    from airflow.jobs.triggerer_job_runner import TriggerRunner

    runner = TriggerRunner()
    supervisor = _Supervisor()
    runner.comms_decoder = supervisor  # type: ignore[assignment]
    runner.init_comms = lambda: asyncio.sleep(0)  # type: ignore[method-assign]
    runner.events = fired = _Fired()
    running = asyncio.create_task(runner.arun())
    await asyncio.sleep(2)
    idle_mib = _memory_mib()

    began = time.time()
    supervisor.to_create = [_workload(number, way, port, delay_s) for number in range(1, jobs + 1)]
    while (await _say(port))["asked"] < jobs:
        await asyncio.sleep(0.5)
        if supervisor.failures:
            raise RuntimeError(f"{len(supervisor.failures)} triggers failed: {supervisor.failures[0]}")
    started_s = time.time() - began
    if way == "ours":
        _age_the_waiting()
    await asyncio.sleep(2)

    ends = max(1, round(jobs * measured_s / mean_job_s))
    await _say(port, {"reset": True, "end": [_job(number) for number in range(1, ends + 1)], "over_s": measured_s})
    began = time.time()
    await asyncio.sleep(measured_s)
    calls = (await _say(port))["calls"]
    waiting_mib = _memory_mib()
    while len(fired.at) < ends and time.time() < began + measured_s + 2 * delay_s:
        await asyncio.sleep(0.1)
    ended_at = (await _say(port))["ended_at"]
    lags = sorted(at - ended_at[job_id] for job_id, at in fired.at)
    figures: dict[str, Any] = {
        "jobs": jobs,
        "ended": ends,
        "started_s": started_s,
        "calls_a_minute": sum(calls.values()) * 60 / measured_s,
        "calls": calls,
        "lag_p50_s": lags[len(lags) // 2],
        "lag_p99_s": lags[min(len(lags) - 1, round(0.99 * len(lags)))],
        "idle_mib": idle_mib,
        "above_idle_mib": waiting_mib - idle_mib,
        "fired": len(fired.at),
        "failures": len(supervisor.failures),
    }
    if burst:
        figures |= await _burst(port, fired, ends, burst)
    runner.stop = True
    await running
    return figures


def _age_the_waiting() -> None:
    """Let the last question about each job lie back at a random time, as it does after hours of waiting."""
    from random import uniform

    from aws_media.triggers.waiting import SECONDS_PER_SWEPT_JOB, _rooms

    for room in next(iter(_rooms.values())).values():
        for job in room.jobs.values():
            job.checked_at = time.monotonic() - uniform(0, SECONDS_PER_SWEPT_JOB * len(room.jobs))


async def _burst(port: int, fired: _Fired, ended: int, burst: int) -> dict[str, Any]:
    """End ``burst`` jobs within a second, and see when the last is told."""
    before = len(fired.at)
    jobs = [_job(number) for number in range(ended + 1, ended + 1 + burst)]
    began = time.time()
    await _say(port, {"reset": True, "end": jobs, "over_s": 1.0})
    while len(fired.at) < before + burst and time.time() < began + 300:
        await asyncio.sleep(0.1)
    took_s = time.time() - began
    await asyncio.sleep(3)  # whatever is told twice is told by now
    told = [job_id for job_id, _ in fired.at[before:]]
    return {
        "burst": burst,
        "burst_s": took_s,
        "burst_told_once": sorted(told) == sorted(jobs),
        "burst_calls": sum((await _say(port))["calls"].values()),
    }


def _memory_mib() -> float:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def _say(port: int, order: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give the stub an order and return its report."""

    def ask() -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/control", data=json.dumps(order or {}).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return dict(json.load(answer))

    return await asyncio.to_thread(ask)


@contextmanager
def _stub() -> Iterator[int]:
    """Run the stub in a process of its own, and give its port."""
    command = [sys.executable, "-m", "benchmarks.jobs_stub"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(10)


def measured(way: str, jobs: int, **plan: float) -> dict[str, Any]:
    """Measure one way in a process of its own, against a stub of its own; ``plan`` is of :func:`_waited`."""
    with _stub() as port:
        arguments = json.dumps({"way": way, "jobs": jobs, "port": port, **plan})
        return measure("benchmarks.waiting_jobs", ["--measure", arguments], timeout_s=1200)


def _prepare_airflow(home: str, port: int) -> None:
    """Point Airflow, before it is imported, to a home of its own and to the stub."""
    connection = {
        "conn_type": "aws",
        "login": "bench",
        "password": "bench",
        "extra": {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{port}"},
    }
    os.environ |= {
        "AIRFLOW_HOME": home,
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "AIRFLOW_CONN_AWS_DEFAULT": json.dumps(connection),
    }
    sys.path.insert(0, str(ROOT / "plugins"))


def main(arguments: list[str]) -> int:
    """Print the table; 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.waiting_jobs", description="Waiting for jobs")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        plan = json.loads(options.measure)
        with tempfile.TemporaryDirectory() as home:
            _prepare_airflow(home, plan["port"])
            figures = asyncio.run(_waited(**plan))
        print(json.dumps(figures))
        return 0

    print(f"## Waiting for jobs\n\n`python -m benchmarks.waiting_jobs` on {machine_line()}.\n", flush=True)
    rows, results = [], {}
    for way, jobs in CONTENDERS:
        burst = BURST if (way, jobs) == ("ours", 1000) else 0
        result = results[way, jobs] = measured(way, jobs, **PLAN, burst=burst)
        rows.append(
            [
                f"{jobs:,} jobs, {way}",
                result["ended"],
                f"{result['calls_a_minute']:,.0f}",
                f"{result['lag_p50_s']:.2f}",
                f"{result['lag_p99_s']:.2f}",
                f"{result['idle_mib']:.0f}",
                f"{result['above_idle_mib']:,.0f}",
                f"{result['started_s']:.0f}",
            ]
        )
    header = ["jobs, way", "ended", "calls a minute", "lag p50 s", "lag p99 s", "idle MB", "MB above", "s to start all"]
    print(markdown_table(header, rows))
    ours = results["ours", 1000]
    print(
        f"\n{ours['burst']} jobs that ended within a second: the last task woken after {ours['burst_s']:.0f} s, "
        f"{ours['burst_calls']} calls, {'each' if ours['burst_told_once'] else 'NOT each'} told once."
    )
    provider = results["provider", 1000]
    missed = [one for (way, _), result in results.items() if way == "ours" for one in missed_targets(provider, result)]
    print("\n" + ("\n".join(f"Missed: {one}" for one in missed) or "Every target is met."))
    return 1 if missed or not ours["burst_told_once"] else 0


def missed_targets(provider: Mapping[str, Any], ours: Mapping[str, Any]) -> list[str]:
    """Name what our way misses of: 1/100 of the provider's calls for each job, 2 s, 150 MB, and nothing lost."""
    jobs = ours["jobs"]
    calls, allowed = ours["calls_a_minute"] / jobs, provider["calls_a_minute"] / provider["jobs"] / 100
    checks = {
        f"calls a minute and job with {jobs} jobs: {calls:.4f}, not {allowed:.4f}": calls <= allowed,
        f"lag p99 with {jobs} jobs: {ours['lag_p99_s']:.2f} s, not 2": ours["lag_p99_s"] < 2,
        f"memory with {jobs} jobs: {ours['above_idle_mib']:.0f} MB above idle, not 150": ours["above_idle_mib"] <= 150,
        f"lost with {jobs} jobs: {ours['fired']} of {ours['ended']} told, {ours['failures']} failures": (
            ours["fired"] == ours["ended"] and not ours["failures"]
        ),
    }
    return [text for text, met in checks.items() if not met]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
