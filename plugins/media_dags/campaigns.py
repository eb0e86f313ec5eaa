"""What a curation run is to do, from its Params or, when it is scheduled, from SSM."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.catalog.keys import MediaType, run_from_time
from media_lake.hooks.ssm import CampaignHook


def plan_curation(dag_run: Any, params: Mapping[str, Any], media_type: MediaType) -> dict[str, Any]:
    """Return ``campaign``, ``batch_size``, ``licences`` and ``run`` of a curation run.

    A scheduled run takes campaign and batch size from SSM. A manual run takes them from the form; its campaign becomes
    the active one when ``persist_campaign`` is set.
    """
    ssm = CampaignHook()
    scheduled = dag_run.run_type == "scheduled"
    campaign = (None if scheduled else params["campaign"]) or ssm.active_campaign()
    if not scheduled and params["persist_campaign"]:
        ssm.activate(campaign)
    return {
        "campaign": campaign,
        "batch_size": ssm.batch_size(media_type) if scheduled else params["batch_size"],
        "licences": list(params["licences"]),
        "run": run_from_time(dag_run.logical_date or dag_run.run_after),
    }


def planned(key: str) -> str:
    """Return the template of a value of ``plan_curation``, as the task ``choose_campaign`` returned it; empty without.

    A template and not the task's output: the tasks that close a run also run when it could not be planned.
    """
    return f"{{{{ ti.xcom_pull(task_ids='choose_campaign', key='{key}') or '' }}}}"
