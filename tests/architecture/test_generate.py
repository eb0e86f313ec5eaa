"""The generated pages: fresh, right, and told when they are not."""

import json
import shutil

import pytest

from tests.architecture.rules import ROOT, sources_below

DAG = '''"""
# sail

Cross the lake
before noon.

| | |
|---|---|
| **Runs** | daily |
| **Reads** | wind |
| **Writes** | wake |
| **If it fails** | row |
"""

from sailing.params import trip

EVERY_DAY = "0 9 * * *"


@dag(schedule=EVERY_DAY, params={"crew": Param(2, type="integer", minimum=1, maximum=9, description="Who | comes."), "boat": "Ann"})
def sail(): ...


sail()
'''  # noqa: E501 - a DAG file's text


def test_what_is_generated_is_fresh(generate):
    assert sources_below("dags")
    pages = generate.pages_from_tree()
    assert generate.stale_pages(pages) == [], "run `make docs` and commit what it writes"


def test_a_dag_file_becomes_a_section(generate):
    page = generate.page_from_dags([generate.dag_from_source("sail", DAG)])
    assert "- [sail](#sail): Cross the lake before noon." in page
    assert "| **If it fails** | row |" in page
    assert "| **Schedule** | `0 9 * * *` |" in page
    assert "| `crew` | `2` | `1-9` | Who \\| comes. |" in page
    assert "| `boat` | `Ann` |  |  |" in page


def test_params_made_by_a_function_in_plugins_are_shown_with_its_arguments(generate, tmp_path):
    (tmp_path / "plugins" / "sailing").mkdir(parents=True)
    (tmp_path / "plugins" / "sailing" / "params.py").write_text(
        'from include.catalog.keys import LONGEST_SLUG\n\ndef trip(*, crew, boat="Ann"):\n'
        '    return {"crew": Param(crew, maximum=LONGEST_SLUG), "boat": Param(default=boat, enum=["Ann", "Bo"])}\n'
    )
    text = DAG.replace('params={"crew"', 'params=trip(crew=3), old={"crew"')
    params = generate.dag_from_source("sail", text, tmp_path).params
    assert [(param.name, param.default, param.allowed) for param in params] == [
        ("crew", "3", "-100"),
        ("boat", "Ann", "Ann, Bo"),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("# sail", "# row"), "must begin with the title '# sail'"),
        (("Cross the lake\nbefore noon.\n\n", ""), "a paragraph that says what the DAG does"),
        (("| **Writes** | wake |\n", ""), "lacks Writes"),
        (("| **Reads** | wind |", "| **Reads** | |"), "lacks Reads"),
        (("@dag(", "@gad("), "no function under @dag"),
        (("from sailing.params import trip", "from include.catalog.keys import NOTHING"), "NOTHING"),
    ],
)
def test_a_dag_file_without_a_page_is_an_error(generate, change, told):
    with pytest.raises(ValueError, match=told):
        generate.dag_from_source("sail", DAG.replace(*change))


@pytest.fixture
def copy(generate, tmp_path, monkeypatch):
    """A copy of what pages are made from and of the pages, all fresh, that the command line works on."""
    for folder in ("dags", "docs", "plugins/media_dags"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(generate, "ROOT", tmp_path)
    generate.main([])
    assert generate.main(["--check"]) == 0
    return tmp_path


def test_check_names_a_changed_page_and_writes_nothing(generate, copy, capsys):
    (copy / "dags" / "DAGS.md").write_text("old")
    assert generate.main(["--check"]) == 1
    assert "dags/DAGS.md is stale" in capsys.readouterr().err
    assert (copy / "dags" / "DAGS.md").read_text() == "old"


def test_check_names_a_missing_schema_and_a_plain_run_writes_it(generate, copy, capsys):
    schema = copy / "docs" / "schemas" / "failure.schema.json"
    schema.unlink()
    assert generate.main(["--check"]) == 1
    assert "docs/schemas/failure.schema.json is stale" in capsys.readouterr().err
    assert generate.main([]) == 0
    assert json.loads(schema.read_text())["title"] == "Failure"


def test_a_schema_whose_record_is_gone_is_removed(generate, copy):
    left_over = copy / "docs" / "schemas" / "parrot.schema.json"
    left_over.write_text("{}")
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert not left_over.exists()


def test_a_faulty_dag_file_is_named_on_the_command_line(generate, copy, capsys):
    (copy / "dags" / "sail.py").write_text("import json\n")
    assert generate.main(["--check"]) == 1
    assert "dags/sail.py" in capsys.readouterr().err
