"""What the local stack consists of: one entry per process that `make up` starts."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.settings import Settings
from local_stack.environment import REPO_ROOT, state_dir_of


@dataclass(frozen=True, slots=True)
class Component:
    """A program of the stack. ``port_variable`` names the environment variable that moves its port."""

    name: str
    title: str
    command: tuple[str, ...]
    working_dir: Path
    port: int | None = None
    port_variable: str = ""
    health_url: str = ""
    """Answers 200 when the program is ready; 503 with ``done`` and ``total`` while it still prepares."""
    heartbeat: str = ""
    """Name in the answer of Airflow's health endpoint; such a component waits for the database's migration."""

    @property
    def is_airflow(self) -> bool:
        return bool(self.heartbeat)

    def fingerprint(self, variables: Mapping[str, str]) -> str:
        """Return a digest of how the component would be started; another digest means that it must be restarted."""
        text = json.dumps([self.command, str(self.working_dir), sorted(variables.items())])
        return hashlib.sha256(text.encode()).hexdigest()


MEDIA_OPTION = "--media"


def airflow_command(*arguments: str) -> tuple[str, ...]:
    """Return the command line of `airflow <arguments>` in this interpreter's environment."""
    return (sys.executable, "-m", "airflow", *arguments)


def components_for(settings: Settings, media: Sequence[Path] = ()) -> list[Component]:
    """List the stack's components in the order of their start; ``media`` are folders for the sources to serve."""
    state_dir = state_dir_of(settings)
    aws_url = f"http://127.0.0.1:{settings.local_aws_port}"
    sources_url = f"http://127.0.0.1:{settings.local_sources_port}"
    airflow_url = f"http://127.0.0.1:{settings.airflow_port}"
    engine, _, model = settings.local_aws_speech_model.rpartition(":")
    engines = {
        "--detector": settings.local_aws_detector and str(Path(settings.local_aws_detector).resolve()),
        "--detector-labels": settings.local_aws_detector_labels
        and str(Path(settings.local_aws_detector_labels).resolve()),
        "--speech-model": f"{engine}:{Path(model).resolve()}" if engine else model,
    }
    serve_media = tuple(part for folder in media for part in (MEDIA_OPTION, str(folder.resolve())))
    return [
        Component(
            name="aws",
            title="local AWS",
            command=(
                *(sys.executable, "-m", "aws_emulator"),
                *("--port", str(settings.local_aws_port), "--prefix", settings.prefix),
                *(part for option, value in engines.items() if value for part in (option, value)),
            ),
            working_dir=REPO_ROOT / "docker" / "aws",
            port=settings.local_aws_port,
            port_variable="LOCAL_AWS_PORT",
            health_url=f"{aws_url}/_health",
        ),
        Component(
            name="sources",
            title="stand-in sources",
            command=(
                *(sys.executable, "-m", "sources_emulator"),
                *("--port", str(settings.local_sources_port), "--cache-dir", str(state_dir / "sources")),
                *serve_media,
            ),
            working_dir=REPO_ROOT / "docker" / "sources",
            port=settings.local_sources_port,
            port_variable="LOCAL_SOURCES_PORT",
            health_url=f"{sources_url}/_health",
        ),
        Component(
            name="api-server",
            title="Airflow UI and API",
            command=airflow_command(
                *("api-server", "--host", "127.0.0.1", "--port", str(settings.airflow_port), "--workers", "1")
            ),
            working_dir=REPO_ROOT,
            port=settings.airflow_port,
            port_variable="AIRFLOW_PORT",
            health_url=f"{airflow_url}/api/v2/monitor/health",
            heartbeat="metadatabase",
        ),
        # the log servers of these would listen on every interface; the UI reads the logs from the shared folder instead
        Component(
            "scheduler",
            "Airflow scheduler",
            airflow_command("scheduler", "--skip-serve-logs"),
            REPO_ROOT,
            heartbeat="scheduler",
        ),
        Component(
            "dag-processor",
            "Airflow DAG processor",
            airflow_command("dag-processor"),
            REPO_ROOT,
            heartbeat="dag_processor",
        ),
        Component(
            "triggerer",
            "Airflow triggerer",
            airflow_command("triggerer", "--skip-serve-logs"),
            REPO_ROOT,
            heartbeat="triggerer",
        ),
    ]
