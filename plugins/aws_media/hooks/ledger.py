"""The ledger of paid jobs in DynamoDB, shared by every task of a deployment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook
from boto3.dynamodb.conditions import Attr
from botocore.exceptions import ClientError

from aws_media.ledger import JobLedger, LedgerEntry, LedgerUnavailable, entry_from_json, entry_to_json
from include.settings import SETTINGS
from include.storage.dynamodb import from_dynamodb, to_dynamodb

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBServiceResource  # noqa: F401  (named in the base class)


class JobLedgerHook(AwsGenericHook["DynamoDBServiceResource"], JobLedger):
    """Keep the ledger in a table with the string hash key ``job_key`` (``<prefix>-jobs``).

    Beside the jobs' entries stand ``held#<dag>|<run>|<task>`` items: the ``job_keys`` that a task of a run ever held,
    so that a run finds its jobs without a scan.

    :param table: the table's name
    """

    def __init__(self, *args: Any, table: str = SETTINGS.jobs_table, **kwargs: Any) -> None:
        kwargs.setdefault("aws_conn_id", SETTINGS.aws_conn_id)
        super().__init__(*args, **(kwargs | {"resource_type": "dynamodb"}))
        self.table_name = table

    def read(self, job_key: str) -> LedgerEntry | None:
        answer = self._call("get_item", Key={"job_key": job_key}, ConsistentRead=True)
        return entry_from_json(from_dynamodb(answer["Item"])) if "Item" in answer else None

    def swap(self, old: LedgerEntry | None, new: LedgerEntry) -> bool:
        unchanged = Attr("job_key").not_exists() if old is None else Attr("revision").eq(old.revision)
        item = entry_to_json(new)
        if new.holders:
            item["holders"] = set(new.holders)
        try:
            self._call("put_item", Item=to_dynamodb(item), ConditionExpression=unchanged)
        except self.conn.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def note_held(self, task: str, job_key: str) -> None:
        """Note that a task of a run (``dag|run|task``) holds a job. It is noted before the job is claimed."""
        self._call(
            "update_item",
            Key={"job_key": f"held#{task}"},
            UpdateExpression="ADD job_keys :key",
            ExpressionAttributeValues={":key": {job_key}},
        )

    def held_by_task(self, task: str) -> set[str]:
        """Return the keys of the jobs that a task of a run (``dag|run|task``) ever held."""
        answer = self._call("get_item", Key={"job_key": f"held#{task}"}, ConsistentRead=True)
        return set(answer.get("Item", {}).get("job_keys", ()))

    def entries_of_run(self, dag_id: str, run_id: str, task_ids: Iterable[str]) -> list[LedgerEntry]:
        """Return the entries of every job that tasks of a run, in all their mapped instances, ever held, each once."""
        held = {key for task_id in task_ids for key in self.held_by_task(f"{dag_id}|{run_id}|{task_id}")}
        return [entry for key in sorted(held) if (entry := self.read(key)) is not None]

    def _call(self, method: str, **request: Any) -> Any:
        """Call the table; say plainly what is wrong when it is not there or not allowed."""
        try:
            return getattr(self.conn.Table(self.table_name), method)(**request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ResourceNotFoundException":
                raise LedgerUnavailable(
                    f"the job ledger, DynamoDB table {self.table_name}, does not exist in {self.conn_region_name}: "
                    "create it (hash key job_key, a string), or name another by ledger_table. Without a ledger "
                    "(use_ledger=False) a job may be paid for twice"
                ) from error
            if code in ("AccessDeniedException", "UnrecognizedClientException"):
                raise LedgerUnavailable(
                    f"the job ledger, DynamoDB table {self.table_name}, may not be used ({code}: "
                    f"{error.response['Error'].get('Message', '')}): allow dynamodb:GetItem, PutItem and UpdateItem "
                    "on it"
                ) from error
            raise
