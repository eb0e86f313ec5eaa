"""What the house rules look at: the sources, and the DAG bag loaded as Airflow loads it."""

import importlib.util
import sys

import pytest

from tests.architecture.rules import ROOT


@pytest.fixture(scope="session")
def dag_bag():
    """Every DAG of the house, loaded by Airflow itself in the test session's own AIRFLOW_HOME."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(ROOT / "dags"))


@pytest.fixture(scope="session")
def generate():
    """``docs/generate.py`` as a module; its folder is no package."""
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
