"""Which campaign is on, and how much of it a scheduled run takes: SSM parameters that a person or a run may change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

from include.catalog.campaigns import LARGEST_BATCH, words_from_campaign
from include.catalog.keys import MediaType
from include.settings import SETTINGS

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient  # noqa: F401  (named in the base class)

_LONGEST_VALUE = 4096  # of a standard parameter


class CampaignHook(AwsGenericHook["SSMClient"]):
    """Read and write the campaign parameters. The client is ``conn``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("aws_conn_id", SETTINGS.aws_conn_id)
        super().__init__(*args, **(kwargs | {"client_type": "ssm"}))

    def active_campaign(self) -> str:
        """Return the campaign that scheduled runs curate.

        :raises ValueError: when the parameter holds no campaign.
        """
        campaign = self._value(SETTINGS.active_campaign_parameter)
        words_from_campaign(campaign)
        return campaign

    def campaigns(self) -> list[str]:
        """Return the campaigns that were ever on, the newest last; of very many the oldest are forgotten."""
        return [name for name in self._value(SETTINGS.campaigns_parameter).split(",") if name]

    def batch_size(self, media_type: MediaType) -> int:
        """Return how many assets a scheduled run asks for.

        :raises ValueError: when the parameter is no whole number from 1 to ``LARGEST_BATCH``.
        """
        name = SETTINGS.batch_size_parameter(media_type)
        text = self._value(name)
        if not text.isdecimal() or not 1 <= int(text) <= LARGEST_BATCH:
            raise ValueError(f"SSM parameter {name} must be a whole number from 1 to {LARGEST_BATCH}, not {text!r}")
        return int(text)

    def activate(self, campaign: str) -> bool:
        """Make ``campaign`` the one of the next scheduled run; say whether that changed anything."""
        words_from_campaign(campaign)
        known = self.campaigns()
        if campaign not in known:
            self._write(SETTINGS.campaigns_parameter, _newest_that_fit([*known, campaign]), "StringList")
        if campaign == self._value(SETTINGS.active_campaign_parameter):
            return False
        self._write(SETTINGS.active_campaign_parameter, campaign, "String")
        return True

    def _value(self, name: str) -> str:
        try:
            return self.conn.get_parameter(Name=name)["Parameter"]["Value"]
        except self.conn.exceptions.ParameterNotFound as error:
            raise ValueError(f"SSM parameter {name} does not exist: create it, or name the campaign by hand") from error

    def _write(self, name: str, value: str, kind: Literal["String", "StringList"]) -> None:
        self.conn.put_parameter(Name=name, Value=value, Type=kind, Overwrite=True)


def _newest_that_fit(campaigns: list[str]) -> str:
    """Join the names by commas and drop the oldest, which stand first, until an SSM parameter can hold the rest."""
    text = ",".join(campaigns)
    return text if len(text) <= _LONGEST_VALUE else text[-_LONGEST_VALUE - 1 :].partition(",")[2]
