"""What the tasks of one mapped group tell each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException


def of_sibling(group: str, task: str) -> Callable[[str], str]:
    """Return what makes templates of the values that ``task`` of the same map index pushed, by their key.

    A template and not the task's output, which would raise where the task was skipped; what was not pushed is empty.
    """

    def template(key: str) -> str:
        return f"{{{{ ti.xcom_pull(task_ids='{group}.{task}', key='{key}', map_indexes=ti.map_index) or '' }}}}"

    return template


def only_if(*conditions: tuple[Callable[[Context], Any], str]) -> Callable[[Context], None]:
    """Return a ``pre_execute`` that skips its task at the first condition that does not hold, with that one's words."""

    def skip_unless_wanted(context: Context) -> None:
        for holds, why_not in conditions:
            if not holds(context):
                raise AirflowSkipException(why_not)

    return skip_unless_wanted
