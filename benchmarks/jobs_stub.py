"""A stub service of jobs for `benchmarks.waiting_jobs`: just enough Transcribe, SQS and HTTP, every call counted.

It runs in a process of its own. Jobs exist as soon as somebody asks for them; they end when the plan says so, and at
that moment a message about it lies in the queue, as EventBridge puts it there.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import uuid
from collections import Counter, deque
from typing import Any

QUEUE_PATH = "/000000000000/completions"


class Stub:
    """What the stub knows: which jobs ended and when, the queue, and who called what how often."""

    def __init__(self) -> None:
        self.ended_at: dict[str, float] = {}
        self.calls: Counter[str] = Counter()
        self.asked: set[str] = set()
        self._visible: deque[str] = deque()
        self._bodies: dict[str, str] = {}
        self._hidden: dict[str, asyncio.TimerHandle] = {}
        self._arrived = asyncio.Event()

    # -- what the benchmark says to it, on /control

    def control(self, order: dict[str, Any]) -> dict[str, Any]:
        """Forget the counts, plan ends (``jobs`` over ``seconds``), or report."""
        if order.get("reset"):
            self.calls.clear()
        if jobs := order.get("end"):
            chance = random.Random(7)
            for job_id in jobs:
                asyncio.get_running_loop().call_later(chance.uniform(0, order["over_s"]), self._end, job_id)
        left = len(self._visible) + len(self._hidden)
        return {"calls": dict(self.calls), "asked": len(self.asked), "ended_at": self.ended_at, "messages": left}

    def _end(self, job_id: str) -> None:
        self.ended_at[job_id] = time.time()
        detail = {"TranscriptionJobName": job_id, "TranscriptionJobStatus": "COMPLETED"}
        event = {"source": "aws.transcribe", "detail-type": "Transcribe Job State Change", "detail": detail}
        handle = uuid.uuid4().hex
        self._bodies[handle] = json.dumps(event)
        self._show(handle)

    # -- Transcribe

    def get_transcription_job(self, request: dict[str, Any]) -> dict[str, Any]:
        job_id = request["TranscriptionJobName"]
        self.asked.add(job_id)
        status = "COMPLETED" if job_id in self.ended_at else "IN_PROGRESS"
        return {"TranscriptionJob": {"TranscriptionJobName": job_id, "TranscriptionJobStatus": status}}

    # -- SQS

    async def receive_message(self, request: dict[str, Any]) -> dict[str, Any]:
        if not self._visible:
            try:
                await asyncio.wait_for(self._arrived.wait(), request.get("WaitTimeSeconds", 0))
            except TimeoutError:
                return {}
        messages: list[dict[str, Any]] = []
        while self._visible and len(messages) < request.get("MaxNumberOfMessages", 1):
            handle = self._visible.popleft()
            self._hide(handle, request["VisibilityTimeout"])
            attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))}
            message = {"MessageId": handle, "ReceiptHandle": handle, "Body": self._bodies[handle]}
            messages.append(message | {"Attributes": attributes})
        if not self._visible:
            self._arrived.clear()
        return {"Messages": messages}

    def delete_message_batch(self, request: dict[str, Any]) -> dict[str, Any]:
        for entry in request["Entries"]:
            if timer := self._hidden.pop(entry["ReceiptHandle"], None):
                timer.cancel()
            self._bodies.pop(entry["ReceiptHandle"], None)
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []}

    def change_message_visibility_batch(self, request: dict[str, Any]) -> dict[str, Any]:
        for entry in request["Entries"]:
            if timer := self._hidden.pop(entry["ReceiptHandle"], None):
                timer.cancel()
                self._hide(entry["ReceiptHandle"], entry["VisibilityTimeout"])
        return {"Successful": [{"Id": entry["Id"]} for entry in request["Entries"]], "Failed": []}

    def _hide(self, handle: str, seconds: float) -> None:
        self._hidden[handle] = asyncio.get_running_loop().call_later(seconds, self._show, handle)

    def _show(self, handle: str) -> None:
        self._hidden.pop(handle, None)
        self._visible.append(handle)
        self._arrived.set()

    # -- the wire

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection until it ends."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
                answer = json.dumps(await self._answer(headers.get("x-amz-target", "").rpartition(".")[2], body))
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\n"
                    + f"Content-Length: {len(answer)}\r\n\r\n{answer}".encode()
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        if not operation:
            return self.control(request)
        self.calls[operation] += 1
        if operation == "ReceiveMessage":
            return await self.receive_message(request)
        answers = {
            "GetTranscriptionJob": self.get_transcription_job,
            "DeleteMessageBatch": self.delete_message_batch,
            "ChangeMessageVisibilityBatch": self.change_message_visibility_batch,
        }
        return answers[operation](request)


async def serve() -> None:
    """Listen on a free port, print it, and serve until stdin ends."""
    stub = Stub()
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0, backlog=8192, limit=2**24)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(serve())
