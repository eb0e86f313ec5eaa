"""What `astro dev parse` runs: every DAG file imports, and there are DAGs.

The template that the Astro CLI writes here calls ``DagBag(include_examples=False)``, which Airflow 3.3 removed, and passes
over an empty folder. Nothing is patched: no DAG of ours reads a variable, a connection or the environment at parsing.
"""

import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "plugins")]

from airflow.dag_processing.dagbag import DagBag  # noqa: E402 - finds our packages on the path


@pytest.fixture(scope="module")
def dag_bag() -> DagBag:
    return DagBag(dag_folder=str(PROJECT / "dags"))


def test_every_dag_file_imports(dag_bag):
    assert not dag_bag.import_errors, "\n".join(f"{file}: {error}" for file, error in dag_bag.import_errors.items())


def test_the_folder_holds_dags(dag_bag):
    assert dag_bag.dags, f"no DAG found below {PROJECT / 'dags'}"
