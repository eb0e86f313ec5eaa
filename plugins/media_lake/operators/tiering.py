"""Keep the whole lake where it costs least: plan in one pass, apply what the plan says, report what it saves."""

from __future__ import annotations

import json
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from io import TextIOWrapper
from itertools import islice
from typing import IO, Any, cast

from airflow.providers.common.compat.sdk import AirflowException
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.catalog.keys import run_from_time, tiering_key
from include.costs.rate_card import default_rate_card
from include.settings import SETTINGS
from include.storage.areas import ROLES, LakeAreas
from include.storage.importance import default_importance_rules
from include.storage.means import Step, batch_job_request, batch_manifest, lifecycle_rule, standing_rules, with_rule
from include.storage.moving import MoveError
from include.storage.plan_file import Move, read_moves, write_moves
from include.storage.reclassing import change_class, keeps_versions
from include.storage.tiering import Planner
from include.storage.tiering_chart import chart_from
from include.storage.tiering_report import report_from, report_lines, steps_from
from media_lake.hooks.dynamodb import AssetCatalogueHook
from media_lake.hooks.s3 import LakeHook
from media_lake.tiering import contents_of, footage_asset_id, known_footage, lifecycle_of, plan_lines, store_file

COPIES_AT_A_TIME = 32
SHOWN_FAILURES = 20
MOST_MAPPED = 1000  # Airflow maps over 1,024 at most


class LakePlanTieringOperator(BaseOperator):
    """Decide about every object of some buckets, and write the plan and its report; returns the report's key.

    Nothing is moved. The XComs ``moves``, ``usd_once`` and ``monthly_usd_saved`` tell the gist.

    :param buckets: of the lake, by their roles (``raw``, ``archive``); a string holds them with commas. (templated)
    :param keep_months: for how long objects are kept, from the day each was stored. (templated)
    :param max_moves: how many objects a run copies one by one at most, which decides the means. (templated)
    :param aws_conn_id: connection of lake and catalogue
    """

    template_fields: Sequence[str] = ("buckets", "keep_months", "max_moves")

    def __init__(
        self,
        *,
        buckets: Sequence[str] | str,
        keep_months: float | str,
        max_moves: int | str,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.buckets = buckets
        self.keep_months = keep_months
        self.max_moves = max_moves
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        catalogue = AssetCatalogueHook(aws_conn_id=self.aws_conn_id)
        now, day = datetime.now(UTC), run_of(context)[:8]
        planner = Planner(
            areas=LakeAreas.load(SETTINGS),
            retention=replace(default_importance_rules().retention, keep_months=float(self.keep_months)),
            card=default_rate_card(),
            now=now,
            ask_catalogue=lambda stored: known_footage(catalogue, stored),
        )
        read_from: list[dict[str, Any]] = []
        plan_key = tiering_key(day, "plan.csv")
        with tempfile.TemporaryFile() as file:
            text = TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            rows = write_moves(self._moves(s3, planner, now, read_from), text)
            text.detach()
            sha256 = store_file(s3, cast(IO[bytes], file), SETTINGS.reports_bucket, plan_key, "text/csv; charset=utf-8")
        report = report_from(
            planner,
            most_copies=int(self.max_moves),
            read_from=read_from,
            plan={"key": plan_key, "rows": rows, "sha256": sha256},
        )
        report_key = tiering_key(day, "report.json")
        _write_json(s3, report_key, report)
        for name in ("objects", "usd_once", "monthly_usd_saved"):
            context["ti"].xcom_push(key={"objects": "moves"}.get(name, name), value=report["moves"][name])
        self.log.info("%d moves, $%.4f once, by %s", rows, report["moves"]["usd_once"], report["priced_by"])
        return report_key

    def _moves(self, s3: Any, planner: Planner, now: datetime, read_from: list[dict[str, Any]]) -> Iterator[Move]:
        for role in dict.fromkeys(self.buckets.split(",") if isinstance(self.buckets, str) else self.buckets):
            if role not in ROLES:
                raise AirflowFailException(f"the lake has no bucket {role!r}; it has {', '.join(ROLES)}")
            bucket = getattr(SETTINGS, f"{role}_bucket")
            contents, origin = contents_of(s3, bucket, reports_bucket=SETTINGS.reports_bucket, now=now)
            rules = standing_rules(lifecycle_of(s3, bucket)[0])
            yield from planner.plan(bucket, contents, rules, keeps_versions=keeps_versions(s3, bucket))
            read_from.append(origin | {"older_versions": contents.older_versions})


class LakeApplyTieringOperator(BaseOperator):
    """Do what a plan says, each step by its means; returns the key of what was done.

    Twice is as good as once: what is moved already is found so, a rule that stands is left, an object that is not the
    one that was planned stays as it is. One object that cannot be moved does not stop the others; the task then fails
    at its end, and a retry tries those alone that are left.

    :param report_key: key of the plan's report, in the reports bucket. (templated)
    :param max_moves: at most so many objects are copied. (templated)
    :param max_cost_usd: what all steps together may cost once; above it nothing is done. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("report_key", "max_moves", "max_cost_usd")

    def __init__(
        self,
        *,
        report_key: str,
        max_moves: int | str,
        max_cost_usd: float | str,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report_key = report_key
        self.max_moves = max_moves
        self.max_cost_usd = max_cost_usd
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id, config=Config(max_pool_connections=COPIES_AT_A_TIME)).conn
        report = _read_json(s3, self.report_key)
        steps = _steps_within(report, float(self.max_cost_usd))
        run = run_of(context)
        done: dict[str, Any] = {"run": run, "outcomes": {}, "failures": [], "rules": [], "batch_jobs": []}
        key = tiering_key(run[:8], f"applied_{run}.json")
        try:
            staying = self._put_rules(s3, [step for step in steps if step.way == "lifecycle"], done)
            with plan_lines(s3, SETTINGS.reports_bucket, report["plan"]["key"], report["plan"]["sha256"]) as lines:
                copies = _of_steps(read_moves(lines), [step for step in steps if step.way == "copy"])
                done["outcomes"] = self._copy(s3, islice(copies, int(self.max_moves)), done["failures"])
            for number, step in enumerate((step for step in steps if step.way == "batch"), 1):
                done["batch_jobs"].append(self._write_batch(s3, report, step, run, number))
        finally:
            _write_json(s3, key, done)
        if staying := staying + done["outcomes"].get("failed", 0):
            raise AirflowException(f"{staying} objects stay where they are, the first: {done['failures'][0]}")
        return key

    def _put_rules(self, s3: Any, steps: Iterable[Step], done: dict[str, Any]) -> int:
        """Put the rules, and return how many objects those would move that S3 refuses."""
        staying = 0
        for step in steps:
            try:
                done["rules"].append(self._put_rule(s3, step))
            except ClientError as error:
                staying += step.objects
                done["failures"].append(f"the rule on {step.prefix} of {step.bucket} is not put: {error}")
        return staying

    def _put_rule(self, s3: Any, step: Step) -> dict[str, Any]:
        """Put a rule among those of its bucket, which stay as they are."""
        rule = lifecycle_rule(step)
        standing, for_all = lifecycle_of(s3, step.bucket)
        rules = with_rule(standing, rule)
        if rules is not None:
            s3.put_bucket_lifecycle_configuration(
                Bucket=step.bucket, LifecycleConfiguration={"Rules": rules}, **for_all
            )
            self.log.info("%s: rule %s is put", step.bucket, rule["ID"])
        return {"bucket": step.bucket, "id": rule["ID"], "objects": step.objects, "put": rules is not None}

    def _copy(self, s3: Any, moves: Iterable[Move], failures: list[str]) -> dict[str, int]:
        """Change the class of each object; few are under way at a time, however many there are."""
        outcomes: Counter[str] = Counter()
        with ThreadPoolExecutor(COPIES_AT_A_TIME, "change-class") as pool:
            under_way: deque[tuple[Move, Future[str]]] = deque()

            def settle() -> None:
                move, future = under_way.popleft()
                try:
                    outcomes[future.result()] += 1
                except (MoveError, ClientError, BotoCoreError) as error:
                    outcomes["failed"] += 1
                    self.log.warning("s3://%s/%s stays where it is: %s", move.bucket, move.key, error)
                    if len(failures) < SHOWN_FAILURES:
                        failures.append(f"s3://{move.bucket}/{move.key}: {error}")

            for move in moves:
                under_way.append((move, pool.submit(change_class, s3, move)))
                if len(under_way) >= 2 * COPIES_AT_A_TIME:
                    settle()
            while under_way:
                settle()
        return dict(outcomes)

    def _write_batch(self, s3: Any, report: dict[str, Any], step: Step, run: str, number: int) -> dict[str, Any]:
        """Write the manifest of a batch job, and the request with which a person starts it."""
        versioned = keeps_versions(s3, step.bucket)
        manifest_key = tiering_key(run[:8], f"manifest_{number}.csv")
        request_key = tiering_key(run[:8], f"batch_job_{number}.json")
        plan = report["plan"]
        with (
            plan_lines(s3, SETTINGS.reports_bucket, plan["key"], plan["sha256"]) as lines,
            tempfile.TemporaryFile() as file,
        ):
            for row in batch_manifest(_of_steps(read_moves(lines), [step]), with_versions=versioned):
                file.write(row)
            store_file(s3, cast(IO[bytes], file), SETTINGS.reports_bucket, manifest_key, "text/csv")
        etag = s3.head_object(Bucket=SETTINGS.reports_bucket, Key=manifest_key)["ETag"].strip('"')
        request = batch_job_request(
            step,
            manifest_bucket=SETTINGS.reports_bucket,
            manifest_key=manifest_key,
            manifest_etag=etag,
            with_versions=versioned,
        )
        _write_json(s3, request_key, request)
        return {"bucket": step.bucket, "objects": step.objects, "manifest": manifest_key, "request": request_key}


class LakeChooseFootageOperator(BaseOperator):
    """Return the dash-cam uploads that a plan moves, for the task that stores one: their asset ids, 1,000 at most.

    What is left over the next run finds again.

    :param report_key: key of the plan's report, in the reports bucket. (templated)
    :param max_cost_usd: what all steps together may cost once; above it nothing is done. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("report_key", "max_cost_usd")

    def __init__(
        self,
        *,
        report_key: str,
        max_cost_usd: float | str,
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report_key = report_key
        self.max_cost_usd = max_cost_usd
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> list[str]:
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        report = _read_json(s3, self.report_key)
        steps = [step for step in _steps_within(report, float(self.max_cost_usd)) if step.way == "store"]
        plan = report["plan"]
        with plan_lines(s3, SETTINGS.reports_bucket, plan["key"], plan["sha256"]) as lines:
            ids = (footage_asset_id(move) for move in _of_steps(read_moves(lines), steps))
            chosen = list(islice((asset_id for asset_id in ids if asset_id), MOST_MAPPED))
        context["ti"].xcom_push(key="chosen", value=len(chosen))
        return chosen


class LakeReportTieringOperator(BaseOperator):
    """Complete a plan's report with what was done, and draw it; returns the report's key.

    :param report_key: key of the report, in the reports bucket; empty when there is none. (templated)
    :param applied_key: key of what was done; empty when nothing was. (templated)
    :param aws_conn_id: connection of the lake
    """

    template_fields: Sequence[str] = ("report_key", "applied_key")

    def __init__(
        self,
        *,
        report_key: str,
        applied_key: str = "",
        aws_conn_id: str | None = SETTINGS.aws_conn_id,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.report_key = report_key
        self.applied_key = applied_key
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> str:
        if not self.report_key:
            raise AirflowSkipException("there is no plan to report")
        s3 = LakeHook(aws_conn_id=self.aws_conn_id).conn
        report = _read_json(s3, self.report_key)
        run = run_of(context)
        applied_key = self.applied_key or tiering_key(run[:8], f"applied_{run}.json")
        try:
            report["applied"] = _read_json(s3, applied_key)
        except s3.exceptions.NoSuchKey:
            report["applied"] = None
        _write_json(s3, self.report_key, report)
        title = f"Storage classes, {report['planned_at'][:10]}" + (
            "" if report["applied"] else " (a plan, not applied)"
        )
        chart = chart_from(report["before"], report["after"], title)
        LakeHook(aws_conn_id=self.aws_conn_id).write_text(
            SETTINGS.reports_bucket, tiering_key(run[:8], "chart.svg"), chart, "image/svg+xml"
        )
        self.log.info("\n".join(["Before and after:", *report_lines(report), *report["advice"]]))
        context["ti"].xcom_push(key="analysed", value=report["moves"]["objects"])
        return self.report_key


def run_of(context: Context) -> str:
    """Name the run by its time, the same on every retry."""
    dag_run = context["dag_run"]
    return run_from_time(dag_run.logical_date or dag_run.run_after)


def _steps_within(report: dict[str, Any], limit_usd: float) -> list[Step]:
    steps = steps_from(report)
    usd = sum(step.usd for step in steps)
    if not usd <= limit_usd:  # also of what is no number
        raise AirflowFailException(
            f"Nothing is moved: the plan costs ${usd:.4f} once, max_cost_usd is {limit_usd:g}. "
            "Raise it, or plan for fewer buckets, and start another run"
        )
    return steps


def _of_steps(moves: Iterable[Move], steps: Sequence[Step]) -> Iterator[Move]:
    return (move for move in moves if any(step.covers(move) for step in steps))


def _write_json(s3: Any, key: str, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    s3.put_object(Bucket=SETTINGS.reports_bucket, Key=key, Body=f"{text}\n".encode(), ContentType="application/json")


def _read_json(s3: Any, key: str) -> dict[str, Any]:
    return dict(json.loads(s3.get_object(Bucket=SETTINGS.reports_bucket, Key=key)["Body"].read()))
