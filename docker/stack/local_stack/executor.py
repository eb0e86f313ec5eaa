"""The executor of the local stack: Airflow's LocalExecutor, for short tasks that defer, on few cores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.executors.local_executor import LocalExecutor
from airflow.utils.state import State

if TYPE_CHECKING:
    from airflow.executors.workloads import ExecutorWorkload
    from airflow.executors.workloads.types import WorkloadKey, WorkloadState
    from airflow.models.taskinstance import TaskInstance


PRELOADED = (
    "airflow.providers.amazon.aws.operators.base_aws",
    "airflow.providers.amazon.aws.triggers.base",
    "airflow.providers.standard.operators.hitl",
)
"""What nearly every task imports. Nothing of this repository: the next task runs what was changed."""


class LaptopExecutor(LocalExecutor):
    """LocalExecutor that loses no try of a task which resumes at once, and spares each task half a second of imports.

    That a task deferred is noticed a scheduler loop later. One that was resumed by then looks queued although its
    execution ended: killed, to the scheduler, and it loses a try, unless the executor has it again
    (``SchedulerJobRunner.process_executor_events``). LocalExecutor of Airflow 3.3.2 forgets what it hands to its
    workers and so never has; this one has it until its worker told the end of that execution too.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handed_out: Counter[WorkloadKey] = Counter()

    def start(self) -> None:
        """Import what tasks need before the workers are forked, which then have it, and so have their tasks."""
        for module in PRELOADED:
            import_module(module)
        super().start()

    def _process_workloads(self, workload_list: Sequence[ExecutorWorkload]) -> None:
        self._handed_out.update(workload.key for workload in workload_list)
        super()._process_workloads(workload_list)

    def change_state(
        self, key: WorkloadKey, state: WorkloadState, info: object = None, remove_running: bool = True
    ) -> None:
        """Note what a worker tells of one of its executions."""
        if state in State.finished:
            self._handed_out[key] -= 1
            self._handed_out += Counter()  # without those of which all is told
        super().change_state(key, state, info, remove_running)

    def has_task(self, task_instance: TaskInstance) -> bool:
        """Say whether a task waits here, or is with a worker whose end is still to come."""
        return task_instance.key in self._handed_out or super().has_task(task_instance)
