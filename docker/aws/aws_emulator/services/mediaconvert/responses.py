"""One method per operation of MediaConvert; requests are parsed and answers serialised by botocore's service model."""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult, EmptyResult

from aws_emulator.services.mediaconvert.exceptions import BadRequestException
from aws_emulator.services.mediaconvert.library import Shelf, page
from aws_emulator.services.mediaconvert.models import MediaConvertBackend, mediaconvert_backends
from aws_emulator.services.response import EngineResponse
from aws_emulator.validation import check_members

ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
LONGEST_TOKEN = 64  # "any string that includes up to 64 ASCII characters"
TEMPLATE_MEMBERS = (
    "AccelerationSettings", "Category", "Description", "HopDestinations", "Priority", "Queue", "Settings",
    "StatusUpdateInterval",
)  # fmt: skip
PRESET_MEMBERS = ("Category", "Description", "Settings")


class MediaConvertResponse(EngineResponse):
    """Answers the requests of one client call."""

    def __init__(self) -> None:
        super().__init__("mediaconvert")

    @property
    def backend(self) -> MediaConvertBackend:
        return mediaconvert_backends[self.current_account][self.region]

    def _checked(self, operation: str) -> dict[str, Any]:
        params = self._get_params()
        check_members("mediaconvert", operation, params, BadRequestException)
        return params

    def create_job(self) -> ActionResult:
        params = self._checked("CreateJob")
        if not ROLE.fullmatch(params.get("Role", "")):
            raise BadRequestException(f"/role: Should be the ARN of an IAM role, not {params.get('Role')!r}")
        if len(params.get("ClientRequestToken", "")) > LONGEST_TOKEN:
            raise BadRequestException(f"/clientRequestToken: Should have at most {LONGEST_TOKEN} characters")
        return ActionResult({"Job": self.backend.create_job(params)})

    def get_job(self) -> ActionResult:
        return ActionResult({"Job": self.backend.job(self._get_param("Id"))})

    def list_jobs(self) -> ActionResult:
        params = self._checked("ListJobs")
        return _paged("Jobs", *self.backend.jobs(params))

    def cancel_job(self) -> EmptyResult:
        self.backend.cancel_job(self._get_param("Id"))
        return EmptyResult()

    def create_queue(self) -> ActionResult:
        return ActionResult({"Queue": self.backend.create_queue(self._checked("CreateQueue"))})

    def get_queue(self) -> ActionResult:
        return ActionResult({"Queue": self.backend.counted(self.backend.queues.find(self._get_param("Name")))})

    def list_queues(self) -> ActionResult:
        params = self._checked("ListQueues")
        found, following = page(self.backend.queues.listed(params), params, "ListQueues")
        return _paged("Queues", [self.backend.counted(queue) for queue in found], following)

    def update_queue(self) -> ActionResult:
        return ActionResult({"Queue": self.backend.update_queue(self._checked("UpdateQueue"))})

    def delete_queue(self) -> EmptyResult:
        self.backend.delete_queue(self._get_param("Name"))
        return EmptyResult()

    def create_job_template(self) -> ActionResult:
        return self._create(self.backend.templates, "JobTemplate", TEMPLATE_MEMBERS)

    def get_job_template(self) -> ActionResult:
        return ActionResult({"JobTemplate": self.backend.templates.find(self._get_param("Name"))})

    def list_job_templates(self) -> ActionResult:
        params = self._checked("ListJobTemplates")
        return _paged("JobTemplates", *page(self.backend.templates.listed(params), params, "ListJobTemplates"))

    def update_job_template(self) -> ActionResult:
        return self._update(self.backend.templates, "JobTemplate", TEMPLATE_MEMBERS)

    def delete_job_template(self) -> EmptyResult:
        self.backend.templates.delete(self._get_param("Name"))
        return EmptyResult()

    def create_preset(self) -> ActionResult:
        return self._create(self.backend.presets, "Preset", PRESET_MEMBERS)

    def get_preset(self) -> ActionResult:
        return ActionResult({"Preset": self.backend.presets.find(self._get_param("Name"))})

    def list_presets(self) -> ActionResult:
        params = self._checked("ListPresets")
        return _paged("Presets", *page(self.backend.presets.listed(params), params, "ListPresets"))

    def update_preset(self) -> ActionResult:
        return self._update(self.backend.presets, "Preset", PRESET_MEMBERS)

    def delete_preset(self) -> EmptyResult:
        self.backend.presets.delete(self._get_param("Name"))
        return EmptyResult()

    def describe_endpoints(self) -> ActionResult:
        address = self.headers.get("Host") or f"mediaconvert.{self.region}.amazonaws.com"
        scheme = "https" if self.uri.startswith("https:") else "http"
        return ActionResult({"Endpoints": [{"Url": f"{scheme}://{address}"}]})

    def tag_resource(self) -> EmptyResult:
        params = self._checked("TagResource")
        self.backend.tags_of(params["Arn"]).update(params["Tags"])
        return EmptyResult()

    def untag_resource(self) -> EmptyResult:
        params = self._checked("UntagResource")
        tags = self.backend.tags_of(params["Arn"])
        for name in params.get("TagKeys") or []:
            tags.pop(name, None)
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        arn = self._get_param("Arn")
        return ActionResult({"ResourceTags": {"Arn": arn, "Tags": dict(self.backend.tags_of(arn))}})

    def _create(self, shelf: Shelf, kind: str, members: tuple[str, ...]) -> ActionResult:
        params = self._checked(f"Create{kind}")
        made = shelf.create(params["Name"], {name: params[name] for name in members if name in params})
        self.backend.tag(made["Arn"], params.get("Tags") or {})
        return ActionResult({kind: made})

    def _update(self, shelf: Shelf, kind: str, members: tuple[str, ...]) -> ActionResult:
        params = self._checked(f"Update{kind}")
        changed = shelf.update(params["Name"], {name: params[name] for name in members if name in params})
        return ActionResult({kind: changed})


def _paged(name: str, found: list[Any], following: str | None) -> ActionResult:
    return ActionResult({name: found} | ({"NextToken": following} if following else {}))
