"""From a request to the service that answers it: an engine of ours, else moto, else an honest "not served"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.utils import convert_to_flask_response
from moto.moto_server.utilities import RegexConverter
from moto.moto_server.werkzeug_app import (
    HTTP_METHODS,
    BackendRequest,
    DomainDispatcherApplication,
    create_backend_app,
)
from werkzeug.routing import Map

from aws_emulator.refusals import Refusal
from aws_emulator.services import Registry, Service

if TYPE_CHECKING:
    from aws_emulator.wire import IncomingRequest

# By the names they are signed with. moto has many more; what it only pretends to do (its Rekognition Video, Transcribe
# and Athena answer canned results) stays out: an engine of ours does it, or nobody.
MOTO_SERVICES = frozenset(
    {
        "dynamodb",
        "dynamodbstreams",
        "events",
        "glue",
        "iam",
        "kms",
        "logs",
        "monitoring",
        "s3",
        "secretsmanager",
        "sns",
        "sqs",
        "ssm",
        "sts",
        "tagging",
    }
)
INTERNAL_PATHS = ("/moto-api", "/favicon.ico", "/latest/meta-data/", "/latest/api/")


class ObjectRequest(BackendRequest):
    """A request to S3: only a form upload is a form, an object may well be of type multipart/form-data."""

    @property
    def want_form_data_parsed(self) -> bool:
        return self.method == "POST" and super().want_form_data_parsed


class Dispatcher(DomainDispatcherApplication):
    """moto's dispatcher, with the services of a registry before moto's own."""

    def __init__(self, registry: Registry) -> None:
        super().__init__(self._create_app)
        self.registry = registry
        ours = [(service.name, host) for service in registry for host in service.hosts]
        self.backend_url_patterns = [*ours, *self.backend_url_patterns]  # this instance's alone

    @property
    def services(self) -> list[str]:
        """The names of everything that is served, as requests are signed for it."""
        return sorted(MOTO_SERVICES | {service.name for service in self.registry})

    def _create_app(self, name: Any) -> Flask:
        if name in self.registry:
            return create_service_app(self.registry[name])
        app = create_backend_app(name)
        if name == "s3":
            app.request_class = ObjectRequest
        return app

    def infer_service_region_host(self, environ: dict[str, Any], path: str) -> str | None:
        """The host name that stands for a service; unsigned requests were already told apart by their wire shape."""
        if environ.get("aws_emulator.service") == "s3" and not path.startswith("/v20180820/"):
            return "s3.us-east-1.amazonaws.com"
        return super().infer_service_region_host(environ, path)

    def refuse_unserved(self, request: IncomingRequest) -> None:
        """Refuse a service that neither moto nor an engine of ours really does."""
        if request.service not in MOTO_SERVICES and request.service not in self.registry:
            raise Refusal(
                "NotImplemented",
                f"The local AWS does not serve {request.service!r}; it serves {', '.join(self.services)}.",
            )
        request.environ["aws_emulator.service"] = request.service


def create_service_app(service: Service) -> Flask:
    """The Flask application of one of our services, made as moto makes those of its own."""
    app = Flask(f"aws_emulator.{service.name}")
    app.debug = True  # an exception reaches the emulator, which words it for the client
    app.request_class = BackendRequest
    app.view_functions = {}
    app.url_map = Map()
    app.url_map.converters["regex"] = RegexConverter
    regions = service.backends[DEFAULT_ACCOUNT_ID]
    backend = regions["us-east-1"] if "us-east-1" in regions else regions["aws"]  # of a global service
    for number, (path, handler) in enumerate(backend.flask_paths.items()):
        app.add_url_rule(
            path,
            endpoint=f"{service.name}{number}",
            methods=HTTP_METHODS,
            view_func=convert_to_flask_response(handler),
            strict_slashes=False,
        )
    return app
