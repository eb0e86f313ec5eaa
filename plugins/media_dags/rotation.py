"""How the active campaign changes: a provider of trends chooses, once a run, and the choice is put into effect once."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from include.catalog.campaigns import CAMPAIGNS
from include.catalog.trends import CuratedList, TrendsProvider
from include.sources.errors import SourceError, Throttled
from media_dags.campaigns import once_a_run
from media_lake.hooks.dynamodb import OnceHook
from media_lake.hooks.ssm import CampaignHook
from open_media.hooks.pageviews import PageviewsHook

log = logging.getLogger(__name__)


def rotate(dag_run: Any, provider: str) -> str:
    """Make the campaign that ``provider`` chooses the active one, and return it.

    A run chooses once, by the day that it is for and not by the clock. Cleared later, it keeps its choice and changes
    nothing, whatever is active by then; and a campaign that a person activates while the run is under way stays.
    """
    once, campaigns = OnceHook(), CampaignHook()
    choose, activate = (once_a_run(dag_run, "rotation", step) for step in ("choose", "activate"))
    turn = once.recall(choose) or once.remember(choose, _choose(dag_run, provider, campaigns.active_campaign()))
    log.info("%s -> %s (%s)", turn["from"], turn["campaign"], turn["reason"])
    if once.recall(activate) is None:
        active = campaigns.active_campaign()
        if active == turn["from"]:
            campaigns.activate(turn["campaign"])
        elif active != turn["campaign"]:
            log.warning("%s was activated meanwhile and stays", active)
        once.remember(activate, active)
    return turn["campaign"]


def _choose(dag_run: Any, provider: str, active: str) -> dict[str, str]:
    day = (dag_run.logical_date or dag_run.run_after).astimezone(UTC).date()
    with _opened(provider, day) as trends:
        choice = trends.next_campaign(active, CAMPAIGNS)
    return {"from": active, "campaign": choice.campaign, "reason": choice.reason}


@contextmanager
def _opened(provider: str, day: date) -> Iterator[TrendsProvider]:
    """Yield a provider, and say what Airflow should do about a source that does not answer it.

    There is no falling back to the curated list: a run does what it was asked, or says that it could not, and the
    campaign that is on stays on.
    """
    if provider == "curated":
        yield CuratedList()
        return
    hook = PageviewsHook()
    try:
        with hook.trends(day) as trends:
            yield trends
    except Throttled as error:
        until = datetime.now(UTC) + timedelta(seconds=hook.cool_down_s(error.retry_after_s))
        log.warning("Wikimedia is left alone until %s: %s", until, error)
        raise AirflowRescheduleException(until) from error
    except SourceError as error:
        if error.retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
