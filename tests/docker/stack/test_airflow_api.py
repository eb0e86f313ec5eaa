"""The REST client against answers as Airflow 3.3 gives them; the end-to-end tests use it on a real Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from local_stack.airflow_api import AirflowApi, AirflowApiError

Answer = Callable[[httpx.Request], httpx.Response]


class Airflow:
    """Hands out tokens 1, 2, ... and takes only the latest; answers what the test says."""

    def __init__(self, answer: Answer) -> None:
        self.tokens = 0
        self.requests: list[httpx.Request] = []
        self.refusal = httpx.Response(401, json={"detail": "Token Expired"})
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/auth/token":
            if json.loads(request.content) != {"username": "admin", "password": "right"}:
                return httpx.Response(401, json={"detail": "Invalid credentials"})
            self.tokens += 1
            return httpx.Response(201, json={"access_token": f"token {self.tokens}"})
        self.requests.append(request)
        if request.headers["Authorization"] != f"Bearer token {self.tokens}":
            return self.refusal
        return self._answer(request)


def api_of(airflow: Airflow, password: str = "right") -> AirflowApi:
    api = AirflowApi("http://airflow", "admin", password)
    api._client = httpx.Client(base_url="http://airflow", transport=httpx.MockTransport(airflow))
    return api


def test_one_token_serves_many_requests():
    airflow = Airflow(lambda _: httpx.Response(200, json={"state": "running"}))
    api = api_of(airflow)
    assert [api.run_state("d", "r") for _ in range(3)] == ["running"] * 3
    assert airflow.tokens == 1


@pytest.mark.parametrize(("status", "detail"), [(401, "Token Expired"), (403, "Invalid JWT token")])
def test_a_token_that_is_no_longer_taken_is_renewed(status, detail):
    airflow = Airflow(lambda _: httpx.Response(200, json={"state": "success"}))
    airflow.refusal = httpx.Response(status, json={"detail": detail})
    api = api_of(airflow)
    api.run_state("d", "r")
    airflow.tokens += 1  # Airflow was restarted with other secrets
    assert api.run_state("d", "r") == "success"


def test_a_missing_right_is_not_taken_for_an_old_token():
    airflow = Airflow(lambda _: httpx.Response(403, json={"detail": "Forbidden"}))
    with pytest.raises(AirflowApiError, match="403: Forbidden"):
        api_of(airflow).run_state("d", "r")
    assert len(airflow.requests) == 1


def test_a_wrong_password_says_that_the_login_was_refused():
    with pytest.raises(AirflowApiError, match=r"refused the login \(401\): Invalid credentials"):
        api_of(Airflow(lambda _: httpx.Response(200)), password="wrong").dags()


def test_a_trigger_sends_the_required_logical_date_and_the_conf():
    airflow = Airflow(lambda _: httpx.Response(200, json={"dag_run_id": "manual__1"}))
    assert api_of(airflow).trigger("curate_audio", {"campaign": "jazz"}) == "manual__1"
    (request,) = airflow.requests
    assert request.url.path == "/api/v2/dags/curate_audio/dagRuns"
    assert json.loads(request.content) == {"logical_date": None, "conf": {"campaign": "jazz"}}


def test_a_refused_conf_carries_airflows_words():
    airflow = Airflow(lambda _: httpx.Response(400, json={"detail": "Invalid input for param batch_size: 0"}))
    with pytest.raises(AirflowApiError, match="batch_size: 0") as refusal:
        api_of(airflow).trigger("curate_audio", {"batch_size": 0})
    assert refusal.value.status_code == 400


def test_every_page_of_a_list_is_read():
    names = [f"task_{number}" for number in range(250)]

    def page(request: httpx.Request) -> httpx.Response:
        offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
        found = [{"task_id": name} for name in names[offset : offset + limit]]
        return httpx.Response(200, json={"task_instances": found, "total_entries": len(names)})

    assert [task["task_id"] for task in api_of(Airflow(page)).task_instances("d", "r")] == names


def test_the_runs_that_go_on_are_asked_for_by_state():
    answer = httpx.Response(200, json={"dag_runs": [{"dag_run_id": "scheduled__1"}], "total_entries": 1})
    airflow = Airflow(lambda _: answer)
    assert api_of(airflow).running("d") == ["scheduled__1"]
    assert airflow.requests[0].url.params["state"] == "running"


def test_a_run_id_is_escaped_in_the_path():
    airflow = Airflow(lambda _: httpx.Response(200, json={"state": "queued"}))
    api_of(airflow).run_state("d", "manual__2026-01-01T00:00:00+00:00")
    assert airflow.requests[0].url.raw_path.endswith(b"manual__2026-01-01T00%3A00%3A00%2B00%3A00")


def test_waiting_too_long_names_the_unfinished_tasks():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("taskInstances"):
            tasks = [{"task_id": "land_audio", "state": "running"}, {"task_id": "search_items", "state": "success"}]
            return httpx.Response(200, json={"task_instances": tasks, "total_entries": 2})
        return httpx.Response(200, json={"state": "running"})

    with pytest.raises(TimeoutError, match=r"d r is running after 0 s: land_audio running$"):
        api_of(Airflow(answer)).wait_for_run("d", "r", timeout_s=0, poll_s=0)


@pytest.mark.parametrize(
    ("present", "sent"),
    [
        ([], ["POST"]),
        ([{"name": "p", "slots": 2, "description": "x", "include_deferred": True}], []),
        ([{"name": "p", "slots": 9, "description": "x", "include_deferred": True}], ["PATCH"]),
    ],
)
def test_a_pool_is_made_or_changed_only_when_it_must_be(present, sent):
    airflow = Airflow(lambda _: httpx.Response(200, json={"pools": present, "total_entries": len(present)}))
    api_of(airflow).set_pool("p", 2, "x", include_deferred=True)
    assert [request.method for request in airflow.requests if request.method != "GET"] == sent
