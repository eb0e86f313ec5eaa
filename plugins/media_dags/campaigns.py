"""What a curation run is to do, from its Params or, when it is scheduled, from SSM."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from include.catalog.keys import MediaType, run_from_time
from media_lake.hooks.dynamodb import OnceHook
from media_lake.hooks.ssm import CampaignHook


def plan_curation(
    dag_run: Any, params: Mapping[str, Any], media_type: MediaType, sources: Sequence[str]
) -> dict[str, Any]:
    """Return ``campaign``, ``batch_size``, ``licences``, ``sources`` and ``run`` of a curation run.

    The sources are those of the Param of that name, else ``sources``; with commas between them, for templates.

    A scheduled run takes campaign and batch size from SSM. A manual run takes them from the form; its campaign becomes
    the active one when ``persist_campaign`` is set. A run is planned once: cleared later, it keeps its plan and changes
    nothing, whatever is active by then.
    """
    once, job_key = OnceHook(), once_a_run(dag_run, "curation", "plan")
    return once.recall(job_key) or once.remember(job_key, _new_plan(dag_run, params, media_type, sources))


def once_a_run(dag_run: Any, *work: str) -> str:
    """Return the key under which ``OnceHook`` remembers a piece of work that a run does once."""
    return hashlib.sha256("\n".join([*work, dag_run.dag_id, dag_run.run_id]).encode()).hexdigest()


def _new_plan(dag_run: Any, params: Mapping[str, Any], media_type: MediaType, sources: Sequence[str]) -> dict[str, Any]:
    ssm = CampaignHook()
    scheduled = dag_run.run_type == "scheduled"
    campaign = (None if scheduled else params["campaign"]) or ssm.active_campaign()
    if not scheduled and params["persist_campaign"]:
        ssm.activate(campaign)
    return {
        "campaign": campaign,
        "batch_size": ssm.batch_size(media_type) if scheduled else params["batch_size"],
        "licences": list(params["licences"]),
        "sources": ",".join(params.get("sources") or sources),
        "run": run_from_time(dag_run.logical_date or dag_run.run_after),
    }


def planned(key: str) -> str:
    """Return the template of a value of ``plan_curation``, as the task ``choose_campaign`` returned it; empty without.

    A template and not the task's output: the tasks that close a run also run when it could not be planned.
    """
    return f"{{{{ ti.xcom_pull(task_ids='choose_campaign', key='{key}') or '' }}}}"
