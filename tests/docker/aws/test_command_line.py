"""The program: how it starts, says that it is ready, and stops."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from aws_emulator.application import Emulator
from aws_emulator.cli import build_parser

ROOT = Path(__file__).resolve().parents[3]


def run(*arguments: str, module: str = "aws_emulator") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "docker" / "aws")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], env=environment, capture_output=True, text=True, timeout=60
    )


def test_help_names_every_option():
    shown = run("--help")
    assert shown.returncode == 0
    for option in (
        "--host",
        "--port",
        "--seed",
        "--no-seed",
        "--prefix",
        "--credentials",
        "--clock-skew-tolerance",
        "--workers",
        "--most-queued",
        "--detector",
        "--detector-labels",
        "--speech-model",
        "--cache-dir",
        "--access-log",
    ):
        assert option in shown.stdout


def test_a_port_in_use_is_one_clear_line(aws):
    port = aws.url.rsplit(":", 1)[1]
    outcome = run("--port", port)
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines() == [
        f"aws_emulator: Port {port} on 127.0.0.1 is in use. Stop what listens there, or choose another with --port."
    ]


def test_a_seed_that_is_not_there_stops_the_start(tmp_path):
    outcome = run("--port", "0", "--seed", str(tmp_path / "none.yaml"))
    assert outcome.returncode == 1
    assert "could not seed" in outcome.stderr
    assert "ready" not in outcome.stdout


def test_it_stops_on_sigterm_while_a_client_waits_for_messages(another_aws):
    with another_aws("--no-seed") as aws:
        sqs = aws.client("sqs")
        url = sqs.create_queue(QueueName="q")["QueueUrl"]

        def wait_for_messages() -> None:
            with contextlib.suppress(HTTPClientError, EndpointConnectionError):  # it is cut off
                sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)

        waiter = threading.Thread(target=wait_for_messages)
        waiter.start()
        time.sleep(0.5)
        aws.process.terminate()
        assert aws.process.wait(timeout=10) == 0  # the poll alone would take 20 s
        waiter.join(timeout=10)
        assert not waiter.is_alive()


def test_health_tells_what_is_there(aws):
    with urllib.request.urlopen(f"{aws.url}/_health", timeout=10) as answer:
        health = json.load(answer)
    assert (health["status"], health["seeded"]) == ("ok", True)
    assert {"s3", "sqs", "sns", "events", "ssm", "dynamodb", "sts"} <= set(health["services"])
    assert health["uptime_s"] > 0
    assert health["version"]
    assert health["moto"].startswith("5.2.")


def test_health_is_503_until_the_seed_is_in():
    emulator, said = Emulator(seeding=True), []
    ask = {"PATH_INFO": "/_health", "REQUEST_METHOD": "GET"}
    body = b"".join(emulator(ask, lambda status, headers: said.append(status)))
    assert (said, json.loads(body)["status"]) == (["503 SERVICE UNAVAILABLE"], "starting")
    emulator.seeded = True
    emulator(ask, lambda status, headers: said.append(status))
    assert said[1] == "200 OK"


def test_without_a_seed_it_is_empty_and_healthy(another_aws):
    with another_aws("--no-seed") as aws:
        assert aws.s3().list_buckets()["Buckets"] == []
        with urllib.request.urlopen(f"{aws.url}/_health", timeout=10) as answer:
            assert json.load(answer)["seeded"] is False


def test_more_credentials_and_another_tolerance_may_be_given(another_aws):
    with another_aws("--no-seed", "--credentials", "ann:s3cret", "--clock-skew-tolerance", "-1") as aws:
        with pytest.raises(ClientError, match="RequestTimeTooSkewed"):  # not even the present is within -1 s
            aws.s3(key="ann", secret="s3cret").list_buckets()
        with pytest.raises(ClientError, match="RequestTimeTooSkewed"):
            aws.s3().list_buckets()


@pytest.mark.parametrize("text", ["ann", ":secret", "ann:"])
def test_credentials_that_are_no_pair_are_refused(text, capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(["--credentials", text])
    assert "is not <access key id>:<secret>" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--workers", "0"], "'0' is not a whole number of at least 1"),
        (["--most-queued", "many"], "'many' is not a whole number"),
        (["--detector", "/no/such.onnx"], "there is no file '/no/such.onnx'"),
        (["--speech-model", "dragon:/x"], "is none of pocketsphinx, whisper:<folder>, vosk:<folder>"),
        (["--speech-model", "vosk:/no/such"], "there is no folder '/no/such'"),
    ],
)
def test_options_of_the_engines_are_checked_at_start(options, complaint, capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args(options)
    assert complaint in capsys.readouterr().err


def test_paths_of_the_engines_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "detector.onnx").touch()
    (tmp_path / "model").mkdir()
    options = build_parser().parse_args(["--detector", "detector.onnx", "--speech-model", "vosk:model"])
    assert options.detector == tmp_path / "detector.onnx"
    assert options.speech_model == f"vosk:{tmp_path / 'model'}"


@pytest.mark.parametrize(("service", "operation"), [("textract", "list_adapters"), ("athena", "list_work_groups")])
def test_a_service_that_nobody_really_does_is_refused_and_not_invented(aws, service, operation):
    with pytest.raises(ClientError, match=f"does not serve '{service}'"):
        getattr(aws.client(service), operation)()


def test_an_operation_that_moto_lacks_is_not_implemented_and_not_retried(aws):
    with pytest.raises(ClientError) as error:
        aws.client("sns").list_origination_numbers()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert error.value.response["Error"]["Code"] == "NotImplemented"


def test_a_web_page_cannot_reset_the_state(aws):
    request = urllib.request.Request(f"{aws.url}/moto-api/reset", data=b"", headers={"Origin": "http://evil.example"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request, timeout=10)
    assert error.value.code == 403
    assert aws.s3().list_buckets()["Buckets"]
