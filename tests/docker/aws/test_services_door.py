"""The door for engines of our own: a registered service is reached by boto3, before moto's own of that name."""

from __future__ import annotations

import json
import sys
import textwrap
import uuid
from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.backend_index import backend_url_patterns
from moto.core.base_backend import BackendDict

from aws_emulator.application import Emulator
from aws_emulator.dispatcher import Dispatcher
from aws_emulator.server import Server
from aws_emulator.services import SERVICES, Registry, Service

FILES = {
    "engine.py": '''
        def loudness(name):
            """The work itself: knows neither HTTP nor moto."""
            return len(name)
        ''',
    "exceptions.py": """
        from moto.core.exceptions import ServiceException

        class NotFoundException(ServiceException):
            code = "NotFoundException"

            def __init__(self, name):
                super().__init__("no queue " + name)
        """,
    "models.py": """
        from moto.core.base_backend import BackendDict, BaseBackend
        from {package}.exceptions import NotFoundException

        class TinyBackend(BaseBackend):
            def __init__(self, region_name, account_id):
                super().__init__(region_name, account_id)
                self.queues = {{}}

            def get_queue(self, name):
                if name not in self.queues:
                    raise NotFoundException(name)
                return self.queues[name]

        {attribute}_backends = BackendDict(TinyBackend, "{name}")
        """,
    "urls.py": """
        from {package}.responses import TinyResponse

        url_bases = [r"https?://{name}\\.(.+)\\.amazonaws\\.com"]
        url_paths = {{"{{0}}/.*$": TinyResponse.dispatch, "{{0}}/$": TinyResponse.dispatch}}
        """,
}
MEDIACONVERT = """
    from moto.core.responses import ActionResult
    from aws_emulator.services.response import EngineResponse
    from {package}.engine import loudness
    from {package}.models import mediaconvert_backends

    class TinyResponse(EngineResponse):
        def __init__(self):
            super().__init__("mediaconvert")

        @property
        def backend(self):
            return mediaconvert_backends[self.current_account][self.region]

        def create_queue(self):
            name = self._get_param("Name")
            self.backend.queues[name] = {{"Name": name, "SubmittedJobsCount": loudness(name)}}
            return ActionResult({{"Queue": self.backend.queues[name]}})

        def get_queue(self):
            return ActionResult({{"Queue": self.backend.get_queue(self._get_param("Name"))}})
    """
COMPREHEND = """
    from moto.comprehend.responses import ComprehendResponse
    from moto.core.responses import ActionResult

    class TinyResponse(ComprehendResponse):
        def detect_dominant_language(self):
            return ActionResult({{"Languages": [{{"LanguageCode": "eo", "Score": 1.0}}]}})
    """


@pytest.fixture(scope="module")
def make_service(tmp_path_factory):
    """A package with one service, written where Python finds it."""
    root = tmp_path_factory.mktemp("services")
    sys.path.insert(0, str(root))

    def make(name: str, responses: str) -> Service:
        package = f"tiny_{uuid.uuid4().hex[:8]}.{name}"
        folder = root.joinpath(*package.split("."))
        folder.mkdir(parents=True)
        for file, text in {**FILES, "responses.py": responses}.items():
            filled = textwrap.dedent(text)
            if file != "engine.py":
                filled = filled.replace("{package}", package).replace("{name}", name).replace("{attribute}", name)
                filled = filled.replace("{{", "{").replace("}}", "}")
            (folder / file).write_text(filled)
        return Service(name, package)

    yield make
    sys.path.remove(str(root))


@pytest.fixture(scope="module")
def client(make_service) -> Iterator:
    registry = Registry((make_service("mediaconvert", MEDIACONVERT), make_service("comprehend", COMPREHEND)))
    server = Server(Emulator(registry), "127.0.0.1", 0)
    server.start()
    yield lambda name: boto3.client(
        name, endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    server.stop()


def test_a_service_that_moto_lacks_answers_boto3(client):
    mediaconvert = client("mediaconvert")
    assert mediaconvert.create_queue(Name="renditions")["Queue"] == {"Name": "renditions", "SubmittedJobsCount": 10}
    assert mediaconvert.get_queue(Name="renditions")["Queue"]["SubmittedJobsCount"] == 10


def test_its_errors_are_those_of_the_service_model(client):
    mediaconvert = client("mediaconvert")
    with pytest.raises(mediaconvert.exceptions.NotFoundException, match="no queue none") as error:
        mediaconvert.get_queue(Name="none")
    assert error.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_an_operation_it_lacks_is_not_implemented(client):
    with pytest.raises(ClientError) as error:
        client("mediaconvert").list_presets()
    assert error.value.response["Error"]["Code"] == "NotImplemented"


def test_the_guard_stands_before_it(client):
    wrong = boto3.client(
        "mediaconvert",
        endpoint_url=client("mediaconvert").meta.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="wrong",
    )
    with pytest.raises(ClientError, match="InvalidSignatureException"):
        wrong.get_queue(Name="renditions")


def test_a_service_comes_before_motos_and_keeps_its_other_operations(client):
    comprehend = client("comprehend")
    assert comprehend.detect_dominant_language(Text="hi")["Languages"][0]["LanguageCode"] == "eo"  # ours
    assert comprehend.list_entity_recognizers()["EntityRecognizerPropertiesList"] == []  # moto's


def test_the_registry_of_one_emulator_is_not_that_of_another(make_service):
    assert "mediaconvert" in Dispatcher(Registry((make_service("mediaconvert", MEDIACONVERT),))).services
    assert "mediaconvert" not in Dispatcher(Registry()).services
    assert Dispatcher(Registry()).backend_url_patterns == backend_url_patterns


def test_every_registered_service_has_its_backends_and_hosts():
    for service in SERVICES:
        assert isinstance(service.backends, BackendDict)
        assert service.hosts


def test_a_service_is_registered_once(make_service):
    service = make_service("mediapackage", MEDIACONVERT)
    with pytest.raises(ValueError, match="registered twice"):
        Registry((service, service))


def test_a_service_without_backends_says_what_is_missing(make_service):
    service = make_service("polly", MEDIACONVERT)
    with pytest.raises(LookupError, match="must define transcribe_backends"):
        _ = Service("transcribe", service.package).backends


@pytest.mark.parametrize(
    ("service", "target"),
    [
        ("rekognition", "RekognitionService.StartLabelDetection"),
        ("transcribe", "Transcribe.StartTranscriptionJob"),
        ("comprehend", "Comprehend_20171127.BatchDetectSentiment"),
        ("mediaconvert", ""),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"null", b"7", b"[" * 50_000, b"\xff\xfe", b'{"LanguageCode": "\\ud800", "JobTag": "\\ud800"}',
        b'{"Video": [], "Media": [], "TextList": 7, "settings": []}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(aws, service, target, body):
    path = "/" if target else "/2017-08-29/jobs"
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    if not target:  # REST: the path says what is wanted, and names begin in lower case
        headers, body = {"Content-Type": "application/json"}, body.replace(b"LanguageCode", b"role")
    answer = aws.send("POST", path, body, aws.sign("POST", path, body, headers, service=service))
    assert (answer.status, json.loads(answer.body)["__type"]) == (400, "SerializationException")
