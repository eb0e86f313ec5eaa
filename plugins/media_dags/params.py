"""Params that several pipelines ask for in the same words."""

from __future__ import annotations

from airflow.sdk import Param

from include.catalog.campaigns import CAMPAIGN_PATTERN, CAMPAIGNS, LARGEST_BATCH
from include.catalog.licences import DEFAULT_FAMILIES, LICENCE_FAMILIES


def curation_params(*, batch_size: int) -> dict[str, Param]:
    """Return the form of a curation run, with its default batch size.

    The campaigns are ``examples``, no ``enum``: the browser offers them in a drop-down and takes other names too. The
    form checks no ``pattern``; Airflow's API answers 400 to a bad name, and the form shows its words.
    """
    return {
        "campaign": Param(
            None,
            type=["null", "string"],
            pattern=CAMPAIGN_PATTERN,
            examples=list(CAMPAIGNS),
            title="Campaign",
            description="One of the list or a new name (small letters, digits, '-'); empty: the active one.",
        ),
        "batch_size": Param(
            batch_size,
            type="integer",
            minimum=1,
            maximum=LARGEST_BATCH,
            title="Batch size",
            description="How many good recordings to bring that the lake does not have.",
        ),
        "licences": Param(
            list(DEFAULT_FAMILIES),
            type="array",
            items={"type": "string", "enum": list(LICENCE_FAMILIES)},
            minItems=1,
            examples=list(LICENCE_FAMILIES),
            values_display={family: _label(family) for family in LICENCE_FAMILIES},
            title="Allowed licences",
            description="What may land. The default leaves out ND, which allows no derivatives.",
        ),
        "persist_campaign": Param(
            default=True,
            type="boolean",
            title="Make it active",
            description="The next scheduled runs curate this campaign too.",
        ),
    }


def _label(family: str) -> str:
    """Name a licence family as its licences do.

    >>> _label("by-nc-sa"), _label("cc0"), _label("pdm")
    ('CC BY-NC-SA', 'CC0', 'Public Domain Mark')
    """
    return {"cc0": "CC0", "pdm": "Public Domain Mark"}.get(family) or f"CC {family.upper()}"
