"""
# restore_assets

Make archived assets readable again for some days, wait until they are, and tell people.

| | |
|---|---|
| **Runs** | on demand, with keys, asset ids or a prefix |
| **Reads** | `s3://<archive>/` (or another bucket of the lake), the catalogue |
| **Writes** | nothing; S3 keeps a readable copy of each object for `days` days, and takes it away by itself |
| **If it fails** | clear the failed task; a restore that is under way is waited for, none is asked for twice |

Before anything is asked for, `find_archived` quotes the retrieval by the rate card; above `max_cost_usd` the run stops
and says so. A restore from Deep Archive takes up to 12 hours (Standard) or 48 (Bulk, an eighth of the price a GB);
waiting for it takes no worker. What is not archived is ready at once.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, TriggerRule, dag

from include.settings import SETTINGS
from media_dags import tags
from media_dags.closing import fail_with_its_tasks
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, late_after
from media_lake.operators.restoring import S3FindArchivedOperator, S3RestoreObjectOperator, S3TellRestoredOperator

KEY_PATTERN = r"^[^\x00-\x1f]{1,1024}$"


@dag(
    schedule=None,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=72),
    deadline=late_after(timedelta(hours=60)),
    on_failure_callback=ON_RUN_FAILED,
    params={
        "keys": Param(
            None, type=["null", "array"], items={"type": "string", "pattern": KEY_PATTERN}, title="Keys",
            description="Whole keys in the bucket below, one a line. Keys, assets or a prefix are needed.",
        ),
        "asset_ids": Param(
            None, type=["null", "array"], items={"type": "string", "pattern": "^[0-9a-f]{24}$"}, title="Assets",
            description="Asset ids of the catalogue, one a line; it knows where each is kept.",
        ),
        "prefix": Param(
            None, type=["null", "string"], pattern=KEY_PATTERN, title="Prefix",
            description="Everything whose key begins so, at most 1,000 objects, such as footage/cam-1/20260301/",
        ),
        "bucket": Param(
            SETTINGS.archive_bucket, type="string", pattern="^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", title="Bucket",
            description="In which keys and prefix are looked up; assets are found wherever they are.",
        ),
        "tier": Param(
            "Standard", type="string", enum=["Standard", "Bulk"], title="Tier",
            values_display={"Standard": "Standard: within 12 hours", "Bulk": "Bulk: within 48 hours, cheaper"},
            description="How soon they can be read.",
        ),
        "days": Param(
            7, type="integer", minimum=1, maximum=30, title="Days", description="How long they can be read."
        ),
        "max_cost_usd": Param(
            5.0, type="number", minimum=0, title="Most it may cost (USD)",
            description="Retrieval and the copies' storage by the rate card; a dearer run stops before it asks.",
        ),
        "look_every_s": Param(
            300, type="integer", minimum=5, maximum=3600, title="Look every (seconds)",
            description="How often S3 is asked whether an object is ready: seldom, for each look is a request.",
        ),
        "notify": Param(
            default=True, type="boolean", title="Tell people",
            description="One message when all are ready, or cannot be.",
        ),
    },
    tags=[tags.STORAGE],
    doc_md=__doc__,
)  # fmt: skip
def restore_assets():
    wanted = {"days": "{{ params.days }}", "tier": "{{ params.tier }}"}
    find_archived = S3FindArchivedOperator(
        task_id="find_archived",
        bucket="{{ params.bucket }}",
        keys="{{ (params['keys'] or []) | join('\n') }}",
        asset_ids="{{ (params.asset_ids or []) | join('\n') }}",
        prefix="{{ params.prefix or '' }}",
        max_cost_usd="{{ params.max_cost_usd }}",
        **wanted,
    )
    restore_object = S3RestoreObjectOperator.partial(
        task_id="restore_object",
        map_index_template="{{ task.key[-250:] }}",
        waiter_delay="{{ params.look_every_s }}",
        **wanted,
    ).expand_kwargs(find_archived.output)
    tell_restored = S3TellRestoredOperator(
        task_id="tell_restored",
        objects=find_archived.output,
        notify="{{ params.notify }}",
        trigger_rule=TriggerRule.ALL_DONE,
    )
    restore_object >> tell_restored
    [find_archived, restore_object, tell_restored] >> fail_with_its_tasks(summary="tell_restored")


restore_assets()
