"""A small client of Airflow's REST API, for the demo, the supervisor and the tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

from include.settings import Settings
from local_stack.environment import login_of, state_dir_of

FINISHED = frozenset({"success", "failed"})
PAGE = 100  # Airflow's default [api] maximum_page_limit


class AirflowApiError(RuntimeError):
    """Airflow refused a request; ``status_code`` and Airflow's own words say why."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class AirflowApi:
    """Airflow's API as the SimpleAuthManager's user sees it; the token is renewed when Airflow no longer takes it."""

    def __init__(self, url: str, username: str, password: str, timeout_s: float = 30.0) -> None:
        self._credentials = {"username": username, "password": password}
        self._token = ""
        # trust_env=False: a proxy of the caller is not for loopback addresses
        self._client = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the API of the local stack with these settings, logged in with its one login."""
        return cls(f"http://127.0.0.1:{settings.airflow_port}", *login_of(state_dir_of(settings)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Send a request to ``/api/v2<path>`` and return the decoded JSON answer.

        :raises AirflowApiError: when Airflow answers 4xx or 5xx; carries its explanation.
        :raises httpx.TransportError: when nobody answers.
        """
        response = self._send(method, path, options)
        if _token_was_refused(response):
            self._token = ""
            response = self._send(method, path, options)
        if response.is_error:
            raise AirflowApiError(
                f"{method} {path} answered {response.status_code}: {_detail(response)}", response.status_code
            )
        return response.json() if response.content else None

    def health(self) -> dict[str, Any]:
        """Return what each component last told the database; needs no login."""
        return self._client.get("/api/v2/monitor/health").raise_for_status().json()

    def dags(self) -> list[dict[str, Any]]:
        """Return every DAG that the DAG processor has read."""
        return list(self._pages("/dags", "dags"))

    def import_errors(self) -> list[dict[str, Any]]:
        """Return the DAG files that could not be read: ``filename`` and ``stack_trace``."""
        return list(self._pages("/importErrors", "import_errors"))

    def unpause(self, dag_id: str) -> None:
        self.request("PATCH", f"/dags/{quote(dag_id)}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its run id.

        :raises AirflowApiError: 400 when ``conf`` breaks a Param of the DAG, 404 when there is no such DAG.
        """
        run = self.request("POST", f"/dags/{quote(dag_id)}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        return run["dag_run_id"]

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        return self.request("GET", _run_path(dag_id, run_id))

    def running(self, dag_id: str) -> list[str]:
        """Return the ids of the DAG's runs that go on now."""
        path = f"/dags/{quote(dag_id)}/dagRuns"
        return [run["dag_run_id"] for run in self._pages(path, "dag_runs", {"state": "running"})]

    def runs_since(self, dag_id: str, moment: datetime) -> list[str]:
        """Return the ids of the DAG's runs that have begun since ``moment``, and of those that go on, oldest first."""
        path = f"/dags/{quote(dag_id)}/dagRuns"
        begun = {"start_date_gte": moment.isoformat()}
        found = [run for query in (begun, {"state": "running"}) for run in self._pages(path, "dag_runs", query)]
        return list(dict.fromkeys(run["dag_run_id"] for run in sorted(found, key=lambda run: run["start_date"] or "9")))

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return ``queued``, ``running``, ``success`` or ``failed``."""
        return self.run(dag_id, run_id)["state"]

    def wait_for_run(
        self,
        dag_id: str,
        run_id: str,
        timeout_s: float,
        *,
        poll_s: float = 1.0,
        on_poll: Callable[[], None] | None = None,
    ) -> str:
        """Wait until the run has finished and return its state.

        :raises TimeoutError: when it still runs after ``timeout_s`` seconds; names its unfinished tasks.
        """
        deadline = time.monotonic() + timeout_s
        while (state := self.run_state(dag_id, run_id)) not in FINISHED:
            if on_poll:
                on_poll()
            if time.monotonic() > deadline:
                unfinished = [
                    f"{task['task_id']} {task['state']}"
                    for task in self.task_instances(dag_id, run_id)
                    if task["state"] not in {"success", "skipped", "failed", "upstream_failed"}
                ]
                raise TimeoutError(f"{dag_id} {run_id} is {state} after {timeout_s:.0f} s: {', '.join(unfinished)}")
            time.sleep(poll_s)
        return state

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return every task instance of the run, each mapped one by itself."""
        return list(self._pages(f"{_run_path(dag_id, run_id)}/taskInstances", "task_instances"))

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", map_index: int = -1) -> Any:
        """Return the decoded value that a task left.

        :raises AirflowApiError: 404 when it left none under this key.
        """
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/xcomEntries/{quote(key)}"
        return self.request("GET", path, params={"map_index": map_index, "deserialize": True})["value"]

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """Return the log of one try as text, a line an event."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task_id)}/logs/{try_number}"
        answer = self.request("GET", path, params={"map_index": map_index, "full_content": True})
        return "\n".join(entry if isinstance(entry, str) else entry["event"] for entry in answer["content"])

    def clear(self, dag_id: str, run_id: str, task_ids: list[str] | None = None, *, only_failed: bool = False) -> None:
        """Clear tasks of a run (None: all of them), so that Airflow executes them again."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": only_failed, "reset_dag_runs": True}
        if task_ids is not None:
            body["task_ids"] = task_ids
        self.request("POST", f"/dags/{quote(dag_id)}/clearTaskInstances", json=body)

    def set_pool(self, name: str, slots: int, description: str, *, include_deferred: bool) -> None:
        """Make the pool, or change it to these values."""
        wanted = {"slots": slots, "description": description, "include_deferred": include_deferred}
        found = self.pools().get(name)
        if found is None:
            self.request("POST", "/pools", json={"name": name, **wanted})
        elif any(found[key] != value for key, value in wanted.items()):
            self.request("PATCH", f"/pools/{quote(name)}", json={"pool": name, **wanted})

    def pools(self) -> dict[str, dict[str, Any]]:
        return {pool["name"]: pool for pool in self._pages("/pools", "pools")}

    def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        if not self._token:
            answer = self._client.post("/auth/token", json=self._credentials)
            if answer.is_error:
                raise AirflowApiError(
                    f"Airflow refused the login ({answer.status_code}): {_detail(answer)}", answer.status_code
                )
            self._token = answer.json()["access_token"]
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._client.request(method, f"/api/v2{path}", headers=headers, **options)

    def _pages(self, path: str, key: str, query: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = self.request("GET", path, params={**(query or {}), "limit": PAGE, "offset": offset})
            yield from page[key]
            offset += len(page[key])
            if not page[key] or offset >= page["total_entries"]:
                return


def _token_was_refused(response: httpx.Response) -> bool:
    """Tell a token that expired or was signed by an earlier stack (Airflow answers 401 or 403) from a missing right."""
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return True
    return response.status_code == httpx.codes.FORBIDDEN and "token" in _detail(response).lower()


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"


def _detail(response: httpx.Response) -> str:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return response.text[:500]
    return detail if isinstance(detail, str) else str(detail)[:500]
