"""The executor of the local stack knows what its workers have at hand."""

from __future__ import annotations

from multiprocessing import SimpleQueue, Value
from types import SimpleNamespace

import pytest
from airflow.models.taskinstancekey import TaskInstanceKey
from airflow.utils.state import TaskInstanceState

from local_stack.executor import LaptopExecutor

KEY = TaskInstanceKey("triage_footage", "detect_labels", "a_run", try_number=1, map_index=3)
TASK = SimpleNamespace(id=None, key=KEY)


@pytest.fixture
def executor(monkeypatch) -> LaptopExecutor:
    """An executor whose workers are this test."""
    monkeypatch.setattr(LaptopExecutor, "_check_workers", lambda self: None)
    executor = LaptopExecutor(parallelism=2)
    executor.activity_queue, executor.result_queue = SimpleQueue(), SimpleQueue()
    executor._unread_messages = Value("I")
    return executor


def hand_out(executor: LaptopExecutor) -> None:
    executor.queued_tasks[KEY] = SimpleNamespace(key=KEY, ti=SimpleNamespace(priority_weight=1))
    executor.trigger_tasks(open_slots=2)


def worker_tells(executor: LaptopExecutor, state: TaskInstanceState) -> None:
    executor.result_queue.put((KEY, state, None))
    executor.sync()


@pytest.mark.parametrize("state", [TaskInstanceState.SUCCESS, TaskInstanceState.FAILED])
def test_a_task_is_known_from_when_it_is_handed_out_until_its_worker_tells_the_end(executor, state):
    assert not executor.has_task(TASK)
    hand_out(executor)
    assert executor.has_task(TASK)
    worker_tells(executor, state)
    assert not executor.has_task(TASK)
    assert executor.event_buffer[KEY][0] == state


def test_a_task_that_resumed_before_the_end_of_its_deferral_was_read_is_not_taken_for_dead(executor):
    hand_out(executor)
    hand_out(executor)  # resumed
    worker_tells(executor, TaskInstanceState.SUCCESS)  # of the deferral
    assert executor.has_task(TASK)
    worker_tells(executor, TaskInstanceState.SUCCESS)
    assert not executor.has_task(TASK)


def test_what_another_executor_handed_out_is_not_counted(executor):
    worker_tells(executor, TaskInstanceState.SUCCESS)
    hand_out(executor)
    assert executor.has_task(TASK)
