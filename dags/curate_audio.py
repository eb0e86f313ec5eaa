"""
# curate_audio

Fill the lake with Creative-Commons audio of a campaign: search the Internet Archive, land what is good with its licence
and provenance, and note how loud, how fast and in which key each recording is.

| | |
|---|---|
| **Runs** | Mondays at 06:00 UTC with the active campaign, and on demand with a campaign of your choice |
| **Reads** | the Internet Archive; from SSM below `/<prefix>/` the active campaign and the batch size |
| **Writes** | media and provenance in `<raw>`, features and a summary in `<processed>`, the asset catalogue |
| **If it fails** | clear the failed task; every task may run twice. A bad file fails nothing, see the summary |

A run asks for `batch_size` recordings that the lake does not have. What turns out to be bad (wrong checksum, no audio,
bytes that another item brought already) is recorded and replaced by the next candidate, until the batch is full or the
source has no more. What lands as audio but fails in its analysis is recorded and not replaced: the summary then says
`exhausted: false` and fewer `analysed` than `asked`. A run that analysed nothing skips `write_summary` once the summary
is written, so that no pipeline downstream wakes.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from media_dags import assets, tags
from media_dags.curation import close_run, land_batch
from media_dags.defaults import DEFAULT_ARGS, ON_RUN_FAILED, cron_utc, late_after
from media_dags.params import curation_params
from media_lake.operators.audio import AudioAnalyseAssetsOperator

FILES_PER_ANALYSIS = 8  # several share the cold start of the analysis libraries


@dag(
    schedule=cron_utc("0 6 * * 1"),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=12),
    deadline=late_after(timedelta(hours=6)),
    on_failure_callback=ON_RUN_FAILED,
    params=curation_params(batch_size=5),
    tags=[tags.AUDIO, tags.CURATION],
    doc_md=__doc__,
)
def curate_audio():
    batch = land_batch("audio", sources=["internet-archive"], group_size=FILES_PER_ANALYSIS)

    analyse_audio = AudioAnalyseAssetsOperator.partial(
        task_id="analyse_audio", map_index_template="{{ names }}"
    ).expand(asset_ids=batch.asset_ids)

    close_run(batch, analysed=[analyse_audio], outlets=[assets.AUDIO_FEATURES])


curate_audio()
