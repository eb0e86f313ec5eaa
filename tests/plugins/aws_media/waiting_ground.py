"""What the tests of waiting stand on: a service whose jobs end when told to, a queue, Airflow's runner of triggers."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class JobService:
    """Speaks Transcribe's GetTranscriptionJob and DeleteTranscriptionJob; says of each job what it was told to say."""

    def __init__(self) -> None:
        self.states: dict[str, str] = {}
        self.refuses_with: tuple[int, str] | None = None
        self.asked: Counter[str] = Counter()
        self.deleted: list[str] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer = service.answer(self.headers["X-Amz-Target"].split(".")[1], request)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.refuses_with:
            status, code = self.refuses_with
            self.asked[request["TranscriptionJobName"]] += 1
            return status, {"__type": code, "Message": "no"}
        job_id = request["TranscriptionJobName"]
        if operation == "DeleteTranscriptionJob":
            self.deleted.append(job_id)
            return 200, {}
        self.asked[job_id] += 1
        state = self.states.get(job_id, "IN_PROGRESS")
        return 200, {"TranscriptionJob": {"TranscriptionJobName": job_id, "TranscriptionJobStatus": state}}


@dataclass
class Queue:
    """An SQS queue of the local AWS."""

    sqs: Any
    url: str
    dead_letters_url: str

    def send(self, job_id: str, status: str = "COMPLETED") -> None:
        detail = {"TranscriptionJobName": job_id, "TranscriptionJobStatus": status}
        event = {"source": "aws.transcribe", "detail-type": "Transcribe Job State Change", "detail": detail}
        self.send_body(json.dumps(event))

    def send_body(self, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def counts(self) -> tuple[int, int]:
        """Return how many messages can be received, and how many are held."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return int(attributes[names[0]]), int(attributes[names[1]])

    def dead_letters(self) -> list[str]:
        answer = self.sqs.receive_message(QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10)
        return [message["Body"] for message in answer.get("Messages", [])]


class Triggerer:
    """Airflow's own runner of triggers, without the process around it, which stores events and cancels triggers."""

    def __init__(self) -> None:
        from airflow.jobs.triggerer_job_runner import TriggerRunner

        self.runner = TriggerRunner()
        self.fired: dict[int, list[dict[str, Any]]] = {}
        self._unstored: list[tuple[int, int | None]] = []

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_: object) -> None:
        for details in self.runner.triggers.values():
            details["task"].cancel()
        await asyncio.gather(*(details["task"] for details in self.runner.triggers.values()), return_exceptions=True)
        await self.runner._shared_streams.stop_all()

    def start(self, trigger: Any, task_instance: Any = None) -> int:
        from airflow.sdk.serde import deserialize, serialize

        path, arguments = trigger.serialize()
        trigger = self.runner.get_trigger_by_classpath(path)(**deserialize(serialize(arguments)))
        number = len(self.runner.triggers) + 1
        trigger.trigger_id = number
        trigger.task_instance = task_instance
        self.runner.triggers[number] = {"task": None, "is_watcher": True, "name": f"trigger {number}", "events": 0}
        task = asyncio.create_task(self.runner.run_trigger(number, trigger))
        self.runner.triggers[number]["task"] = task
        return number

    def task(self, number: int) -> asyncio.Task[None]:
        return self.runner.triggers[number]["task"]

    def collect(self) -> None:
        while self.runner.events:
            entry = self.runner.events.popleft()
            self.fired.setdefault(entry.trigger_id, []).append(entry.event.payload)
            self._unstored.append((entry.trigger_id, entry.persist_seq))

    def store_events(self) -> None:
        """Do as the supervisor does: store what was fired, confirm it, and cancel the triggers that are not needed."""
        self.collect()
        stored, self._unstored = self._unstored, []
        self.runner._shared_streams.confirm_persisted([seq for _, seq in stored if seq is not None])
        for number, _ in stored:
            self.kill(number)

    def kill(self, number: int) -> None:
        from airflow.jobs.triggerer_job_runner import _USER_ACTION_CANCEL_MSG

        self.task(number).cancel(_USER_ACTION_CANCEL_MSG)

    async def until_fired(self, *numbers: int) -> list[dict[str, Any]]:
        def fired() -> bool:
            self.collect()
            for number in numbers:
                if number not in self.fired and self.task(number).done():
                    self.task(number).result()
            return all(number in self.fired for number in numbers)

        await until(fired)
        return [self.fired[number][0] for number in numbers]


async def until(true: Any, patience_s: float = 60) -> None:
    """Wait until ``true()`` says so."""
    deadline = time.monotonic() + patience_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{true} did not come true in {patience_s} s")
        await asyncio.sleep(0.05)
