"""Params that several pipelines ask for in the same words."""

from __future__ import annotations

from airflow.sdk import Param

from include.catalog.campaigns import CAMPAIGN_PATTERN, CAMPAIGNS
from include.catalog.licences import DEFAULT_FAMILIES, LICENCE_FAMILIES


def curation_params(*, batch_size: int) -> dict[str, Param]:
    """Return the form of a curation run, with its default batch size."""
    return {
        "campaign": Param(
            None,
            type=["null", "string"],
            pattern=CAMPAIGN_PATTERN,
            examples=list(CAMPAIGNS),
            title="Campaign",
            description="What to look for: a known campaign, or a new name of small letters, digits and '-'. "
            "Empty means the active campaign.",
        ),
        "batch_size": Param(
            batch_size,
            type="integer",
            minimum=1,
            maximum=500,
            title="Batch size",
            description="How many good recordings to bring.",
        ),
        "licences": Param(
            list(DEFAULT_FAMILIES),
            type="array",
            items={"type": "string", "enum": list(LICENCE_FAMILIES)},
            minItems=1,
            examples=list(LICENCE_FAMILIES),
            title="Allowed licences",
            description="Licence families that may land. The default is all that allow derivatives.",
        ),
        "persist_campaign": Param(
            default=True,
            type="boolean",
            title="Keep this campaign",
            description="Make the campaign the active one, which the next scheduled runs curate.",
        ),
    }
