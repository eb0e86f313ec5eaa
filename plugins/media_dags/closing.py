"""How a run ends: red when something failed, and when a person ended it halfway."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from media_lake.notifiers.sns import failed_tasks


def fail_with_its_tasks(*, summary: str, budget: str | None = None) -> Any:
    """Return the task that fails the run when others failed; it is skipped when all is well.

    :param summary: id of the task that sums the run up, and pushes the XCom ``analysed`` when it does.
    :param budget: id of the task that pushes as ``too_dear`` what is not bought and what a person is to do about it.
    """

    @task
    def report_failure(dag_run=None, ti=None):
        if failed := failed_tasks({"ti": ti}, dag_run.dag_id, dag_run.run_id):
            raise AirflowFailException(f"{', '.join(failed)} failed; the others went on, see the grid")
        if budget and (too_dear := ti.xcom_pull(task_ids=budget, key="too_dear")):
            raise AirflowFailException(too_dear)
        states = ti.get_task_states(dag_id=dag_run.dag_id, run_ids=[dag_run.run_id])[dag_run.run_id]
        if states[summary] == "skipped" and ti.xcom_pull(task_ids=summary, key="analysed") is None:
            raise AirflowFailException("the run was ended before it was summed up: clear what was skipped to go on")
        raise AirflowSkipException("nothing failed")

    # A teardown: of a run that a person marks failed the other tasks are skipped without having run, if none was at
    # work at that moment, and without this one it would end green.
    return report_failure().as_teardown(on_failure_fail_dagrun=True)
