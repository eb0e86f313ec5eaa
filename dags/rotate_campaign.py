"""
# rotate_campaign

Let another campaign have its turn: before the curations of the week begin, the next one becomes active.

| | |
|---|---|
| **Runs** | Sundays at 22:00 UTC once it is switched on (it is off until then), and on demand |
| **Reads** | from SSM `/<prefix>/active-campaign`; with the provider `pageviews` also Wikimedia's pageview counts |
| **Writes** | SSM `/<prefix>/active-campaign`, and the chosen campaign into the list `/<prefix>/campaigns` |
| **If it fails** | the active campaign stays. Clear the task, or trigger the pipeline with the provider `curated` |

To switch it on, unpause it. A curation run that names no campaign itself reads `/<prefix>/active-campaign`. `curated`
takes the campaigns in the order of their list; `pageviews` the one whose article in the English Wikipedia gained most
readers in the seven full days before the run's, against the seven before. Scheduled runs use the default. A run chooses
once: cleared later, it changes nothing. Pageviews that cannot be had are asked for four more times in six hours.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from include.catalog.trends import PROVIDERS
from media_dags import tags
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, cron_utc, late_after
from media_dags.rotation import rotate


@dag(
    schedule=cron_utc("0 22 * * 0"),
    is_paused_upon_creation=True,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=12),
    deadline=late_after(timedelta(hours=6)),
    on_failure_callback=ON_RUN_FAILED,
    params={
        "provider": Param(
            "curated",
            type="string",
            enum=list(PROVIDERS),
            values_display=PROVIDERS,
            title="Who chooses",
            description="The campaigns in their order, or the one that most people began to read about.",
        )
    },
    tags=[tags.CURATION],
    doc_md=__doc__,
)
def rotate_campaign():
    @task(retry_delay=timedelta(minutes=15), max_retry_delay=timedelta(hours=2))  # yesterday's views come late at times
    def activate_next_campaign(dag_run=None, params=None) -> str:
        return rotate(dag_run, params["provider"])

    activate_next_campaign()


rotate_campaign()
