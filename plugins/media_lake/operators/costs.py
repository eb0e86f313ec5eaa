"""Quote what a run is going to buy before it buys anything, and let a person decide where it is dear."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.costs.analyses import analysis_names, quote_analyses, quote_lines, quote_together, usd
from include.costs.rate_card import Quote
from include.settings import SETTINGS
from include.video.probe import MediaError, MediaFacts
from include.video.proxy import proxy_reason, refusal_of
from media_lake.footage import probe_landed
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import ContentChanged, LakeHook, ObjectMissing

LONGEST_NAME = 60
ALREADY_BOUGHT = "What an earlier run has bought is not bought again, so that it may cost less."


class CurationApproveCostOperator(ApprovalOperator):
    """Quote the analyses of all films of a run; go on within a limit, else stop, or wait for a person's approval.

    Returns the asset ids. The quote goes to the XCom ``quoted_usd`` (``None`` when a price is not known, which no limit
    allows). Where it is above the limit the task fails and says what to do, or, with ``approve_over_budget``, waits
    under *Required Actions*: approved, it returns the ids; rejected, it is skipped, and what depends on it; without an
    answer in time it fails. A task that is cleared asks anew.

    A film that is gone, or that Rekognition will refuse whatever is done, costs nothing and is left to its analysis.

    :param asset_ids: assets of the catalogue in state ``landed`` or ``analysed``. (templated)
    :param analyses: of ``include.costs.analyses.ANALYSES``; a string holds them with commas between. (templated)
    :param max_cost_usd: up to this the run goes on unasked. (templated)
    :param approve_over_budget: wait for a person above it, and do not fail. (templated)
    :param response_timeout: how long a person has; no answer is a rejection
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = (
        *ApprovalOperator.template_fields,
        "asset_ids",
        "analyses",
        "max_cost_usd",
        "approve_over_budget",
    )

    def __init__(
        self,
        *,
        asset_ids: Sequence[str],
        analyses: Sequence[str] | str,
        max_cost_usd: float | str,
        approve_over_budget: bool | str = False,
        subject: str = "May this run cost more than its limit?",
        response_timeout: timedelta = timedelta(hours=24),
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("defaults", self.REJECT)
        super().__init__(subject=subject, response_timeout=response_timeout, **kwargs)
        self.asset_ids = asset_ids
        self.analyses = analyses
        self.max_cost_usd = max_cost_usd
        self.approve_over_budget = approve_over_budget
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[str]:
        try:
            analyses = analysis_names(self.analyses)
        except ValueError as error:
            raise AirflowFailException(str(error)) from error
        limit_usd = float(self.max_cost_usd)
        films = self._films(analyses)
        quote = quote_together(film.quote for film in films if film.quote is not None)
        context["ti"].xcom_push(key="quoted_usd", value=quote.usd)
        self.log.info("By %s:\n%s", quote.priced_by, "\n".join([*quote_lines(quote), "", *_film_lines(films)]))
        if quote.usd is not None and quote.usd <= limit_usd:
            self.log.info("%s is within max_cost_usd = %g. %s", _price(quote), limit_usd, ALREADY_BOUGHT)
            return list(self.asset_ids)
        asked = f"{', '.join(analyses)} of {_count(films)} cost {_price(quote)}, max_cost_usd is {limit_usd:g}"
        if str(self.approve_over_budget).lower() != "true":
            raise AirflowFailException(
                f"This run stops before anything is paid: {asked}. Raise max_cost_usd, take a smaller batch_size or "
                "fewer analyses, or set approve_over_budget to be asked, and start another run"
            )
        self.subject = f"Pay {_price(quote)} for the analyses of {_count(films)}?"
        self.body = _body(films, quote, limit_usd, self.response_timeout)
        return super().execute(context)  # which does not return: the task is parked until somebody answers

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[str]:
        """Go on with the answer of a person, or with none."""
        answer = HITLOperator.execute_complete(self, context, event)  # ApprovalOperator's would skip the summary, too
        if answer["chosen_options"] == [self.APPROVE]:
            self.log.info("Approved by %s", who_answered(answer))
            return list(self.asset_ids)
        if event.get("timedout"):
            raise AirflowFailException(
                "nobody approved the cost in time: nothing is analysed; clear this task to ask anew"
            )
        rejection = f"the cost was rejected by {who_answered(answer)}: nothing is analysed, what landed stays"
        raise (AirflowFailException if self.fail_on_reject else AirflowSkipException)(rejection)

    def _films(self, analyses: Sequence[str]) -> list[Film]:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        items = AssetCatalogueHook(aws_conn_id=self.aws_conn_id).read_many(self.asset_ids)
        films = []
        for asset_id in self.asset_ids:
            item = items.get(asset_id)
            if item is None or "raw_key" not in item:
                films.append(Film(name=asset_id, why_free="it is not in the catalogue"))
                continue
            try:
                facts = probe_landed(s3, item)
            except (ContentChanged, MediaError, ObjectMissing) as error:
                self.log.warning("%s will not be analysed: %s", item["title"], error)
                films.append(Film(name=item["title"], why_free="it cannot be read"))
            else:
                films.append(film_from_facts(item["title"], facts, analyses))
        return films


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One film in a quote; without ``quote`` nothing will be bought for it, and ``why_free`` tells why."""

    name: str
    duration_s: float | None = None
    with_proxy: bool = False
    quote: Quote | None = None
    why_free: str = ""


def film_from_facts(name: str, facts: MediaFacts, analyses: Sequence[str]) -> Film:
    """Quote what will be bought for one film: the analyses, and a proxy where it takes one; nothing if it is refused.

    >>> film_from_facts("Talk", MediaFacts(probed=True, duration_s=60.0), ["labels"]).why_free
    'the file has no picture.'
    """
    with_proxy = proxy_reason(facts) is not None
    if not with_proxy and (refusal := refusal_of(facts)):
        return Film(name=name, duration_s=facts.duration_s, why_free=refusal[1])
    quote = quote_analyses(facts, analyses=analyses, with_proxy=with_proxy)
    return Film(name=name, duration_s=facts.duration_s, with_proxy=with_proxy, quote=quote)


def _body(films: Sequence[Film], quote: Quote, limit_usd: float, patience: timedelta | None) -> str:
    """Write in Markdown what a person decides on."""
    price = f"The run's analyses cost **{_price(quote)}** by the rate card ({quote.priced_by})"
    lines = [
        f"{price}; `max_cost_usd` is {limit_usd:g}. {ALREADY_BOUGHT}",
        "",
        *quote_lines(quote),
        "",
        *_film_lines(films),
        "",
        "**Approve**: the films are analysed. **Reject**: nothing is analysed, what landed stays in the lake.",
        *([f"Without an answer within {_patience(patience)} the run fails."] if patience else []),
    ]
    return "\n".join(lines)


def _film_lines(films: Sequence[Film]) -> list[str]:
    rows = [
        f"| {_code(film.name)} | {_length(film.duration_s)} | {'yes' if film.with_proxy else 'no'} | "
        f"{usd(film.quote) if film.quote else f'0, {film.why_free}'} |"
        for film in films
    ]
    return ["| film | length | proxy | USD |", "| :--- | ---: | :--- | ---: |", *rows]


def _price(quote: Quote) -> str:
    """Write a price in a sentence, and why it is not known."""
    if quote.usd is not None:
        return f"${quote.usd:.4f}"
    return f"an unknown price, at least ${quote.at_least_usd:.4f} ({quote.note})"


def _count(films: Sequence[Film]) -> str:
    return f"{len(films)} film{'' if len(films) == 1 else 's'}"


def _patience(patience: timedelta) -> str:
    """Write how long a person has.

    >>> _patience(timedelta(hours=24)), _patience(timedelta(minutes=90))
    ('24 hours', '1.5 hours')
    """
    return f"{patience / timedelta(hours=1):.3g} hours"


def _length(duration_s: float | None) -> str:
    """Write a length as minutes and seconds.

    >>> _length(125.04), _length(None)
    ('2:05', 'unknown')
    """
    return "unknown" if duration_s is None else f"{round(duration_s) // 60}:{round(duration_s) % 60:02}"


def _code(name: str) -> str:
    """Write a stranger's words as a code span in a Markdown table: no link, markup, further cell or line comes of them.

    >>> print(_code("A `trap` | [click](https://evil.example)"))
    `A 'trap' ¦ [click](https://evil.example)`
    """
    plain = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in name)
    plain = " ".join(plain.replace("`", "'").replace("|", "¦").replace("\\", "/").split())
    return f"`{plain[: LONGEST_NAME - 1] + '…' if len(plain) > LONGEST_NAME else plain or '?'}`"


def who_answered(answer: Mapping[str, Any]) -> str:
    """Name the person who answered a question under *Required Actions*."""
    user = answer["responded_by_user"]
    name = user.get("name") if isinstance(user, Mapping) else getattr(user, "name", None)
    return str(name or "somebody")
