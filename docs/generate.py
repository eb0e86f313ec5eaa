"""Write what is generated: ``dags/DAGS.md`` from the DAG files, ``docs/schemas/`` from the records.

    python docs/generate.py            write what is stale
    python docs/generate.py --check    write nothing; name what is stale and exit 1

DAG files, and the functions below ``plugins/`` that make their params, are read as syntax trees, never imported: this
needs no Airflow and takes no time. Only the constants that they take from ``include`` are looked up.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

ROWS = ("Runs", "Reads", "Writes", "If it fails")
SCHEMAS = "docs/schemas"
_HEAD = """# The pipelines

Generated from the docstrings in this folder by `python docs/generate.py`: change the docstring, not this page.
"""
_ABSENT = object()


@dataclass(frozen=True)
class Param:
    """A parameter of a DAG, as its trigger form shows it."""

    name: str
    default: str
    allowed: str
    description: str


@dataclass(frozen=True)
class Dag:
    """What a DAG file says about itself."""

    dag_id: str
    summary: str
    rows: dict[str, str]
    schedule: str
    params: tuple[Param, ...]


def dag_from_source(dag_id: str, text: str, root: Path = ROOT) -> Dag:
    """Read a DAG file's page from its text.

    :raises ValueError: when the docstring lacks its title, its summary or a row of the table, or when there is no
        ``@dag`` function: such a page would mislead.
    """
    tree = ast.parse(text)
    doc = inspect.cleandoc(ast.get_docstring(tree) or "")
    if not doc.startswith(f"# {dag_id}\n"):
        raise ValueError(f"dags/{dag_id}.py: the docstring must begin with the title '# {dag_id}'")
    paragraphs = [part for part in doc.split("\n\n")[1:] if part.strip()]
    if not paragraphs or paragraphs[0].startswith(("|", "#")):
        raise ValueError(f"dags/{dag_id}.py: a paragraph that says what the DAG does must follow the title")
    found = dict(re.findall(r"^\|\s*\*\*([^*]+)\*\*\s*\|\s*(.*?)\s*\|\s*$", doc, re.MULTILINE))
    missing = [row for row in ROWS if not found.get(row)]
    if missing:
        raise ValueError(f"dags/{dag_id}.py: the docstring's table lacks {', '.join(missing)}")
    arguments = _dag_arguments(tree, dag_id)
    names = _constants(tree, f"dags/{dag_id}.py")
    return Dag(
        dag_id=dag_id,
        summary=" ".join(paragraphs[0].split()),
        rows={row: found[row] for row in ROWS},
        schedule=_spell(arguments.get("schedule"), names),
        params=tuple(_params(*_made_elsewhere(arguments.get("params"), tree, names, root))),
    )


def page_from_dags(dags: list[Dag]) -> str:
    """Write the page: a table of contents, then a section for each DAG in the order of their names."""
    lines = [_HEAD]
    lines += [f"- [{dag.dag_id}](#{dag.dag_id}): {dag.summary}" for dag in dags]
    for dag in dags:
        lines += ["", f"## {dag.dag_id}", "", dag.summary, "", "| | |", "|---|---|"]
        lines += [f"| **{row}** | {text} |" for row, text in dag.rows.items()]
        lines += [f"| **Schedule** | `{dag.schedule}` |", f"| **File** | [{dag.dag_id}.py]({dag.dag_id}.py) |"]
        if dag.params:
            lines += ["", "| Param | Default | Allowed | |", "|---|---|---|---|"]
            for param in dag.params:
                cells = (_code(param.name), _code(param.default), _code(param.allowed), _cell(param.description))
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def pages_from_tree(root: Path = ROOT) -> dict[str, str]:
    """Make every generated file: its path from ``root``, and what must stand in it."""
    from include.catalog import records, triage, video
    from include.catalog.schemas import schema_of

    dags = [dag_from_source(path.stem, path.read_text("utf-8"), root) for path in sorted((root / "dags").glob("*.py"))]
    pages = {"dags/DAGS.md": page_from_dags(dags)}
    kinds = [cls for cls in vars(records).values() if isinstance(cls, type) and cls.__module__ == records.__name__]
    further = [
        video.VideoLabels,
        triage.Triage,
        triage.Signals,
        triage.FootageAnalysis,
        triage.Transcript,
        triage.FootageRunSummary,
    ]
    for cls in [*filter(is_dataclass, kinds), *further]:
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()
        text = json.dumps(schema_of(cls), ensure_ascii=False, indent=2) + "\n"
        pages[f"{SCHEMAS}/{snake}.schema.json"] = text
    return pages


def stale_pages(pages: dict[str, str], root: Path = ROOT) -> list[str]:
    """Name what differs on disk: missing, changed, or a schema whose record is gone."""
    stale = [
        path for path, text in pages.items() if not (root / path).exists() or (root / path).read_text("utf-8") != text
    ]
    left_over = [path.relative_to(root).as_posix() for path in (root / SCHEMAS).glob("*.json")]
    return sorted(stale + [path for path in left_over if path not in pages])


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Write dags/DAGS.md and docs/schemas/ from the sources.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 and name what is stale")
    check_only = parser.parse_args(arguments).check
    try:
        pages = pages_from_tree(ROOT)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    stale = stale_pages(pages, ROOT)
    for path in stale:
        if check_only:
            print(f"{path} is stale: run `python docs/generate.py` (or `make docs`) and commit it", file=sys.stderr)
        elif path in pages:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(pages[path], "utf-8")
            print(f"wrote {path}")
        else:
            (ROOT / path).unlink()
            print(f"removed {path}: no record has this name any more")
    return 1 if stale and check_only else 0


def _dag_arguments(tree: ast.Module, dag_id: str) -> dict[str, ast.expr]:
    for node in tree.body:
        for decorator in node.decorator_list if isinstance(node, ast.FunctionDef) else ():
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).split(".")[-1] == "dag":
                return {keyword.arg: keyword.value for keyword in decorator.keywords if keyword.arg}
    raise ValueError(f"dags/{dag_id}.py: no function under @dag(...)")


def _constants(tree: ast.Module, path: str) -> dict[str, Any]:
    """Map the names that a file sets itself or imports from ``include`` (plain Python) to their values."""
    values: dict[str, Any] = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "include":
            for alias in node.names:
                try:
                    values[alias.asname or alias.name] = getattr(importlib.import_module(node.module or ""), alias.name)
                except (ImportError, AttributeError) as error:
                    raise ValueError(f"{path}:{node.lineno}: {error}") from error
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name) and (value := _value(node.value, values)) is not _ABSENT:
                    values[target.id] = value
    return values


def _value(node: ast.expr, names: dict[str, Any]) -> Any:
    """Evaluate a literal, a known name, or ``list``, ``tuple`` or ``sorted`` of one; anything else is ``_ABSENT``."""
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        makers: dict[str, Callable[[Any], Any]] = {"list": list, "tuple": tuple, "sorted": sorted}
        make = makers.get(node.func.id)
        inner = _value(node.args[0], names)
        return make(inner) if make and inner is not _ABSENT else _ABSENT
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _ABSENT


def _spell(node: ast.expr | None, names: dict[str, Any]) -> str:
    """Spell a value as a reader knows it; what cannot be evaluated stands as it is written."""
    value = None if node is None else _value(node, names)
    if value is _ABSENT:
        if isinstance(node, ast.Call) and [type(argument) for argument in node.args] == [ast.Constant]:
            return _spell(node.args[0], names)  # a schedule is what its timetable is made of
        assert node is not None
        return ast.unparse(node)
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value)


def _made_elsewhere(
    node: ast.expr | None, tree: ast.Module, names: dict[str, Any], root: Path
) -> tuple[ast.expr | None, dict[str, Any]]:
    """Follow a call of a function below ``plugins/`` to the dict that it returns, its arguments bound to values."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
        return node, names
    for statement in tree.body:
        if not (isinstance(statement, ast.ImportFrom) and statement.module):
            continue
        path = root / "plugins" / f"{statement.module.replace('.', '/')}.py"
        original = {alias.asname or alias.name: alias.name for alias in statement.names}.get(node.func.id)
        if original is None or not path.exists():
            continue
        there = ast.parse(path.read_text("utf-8"))
        for function in there.body:
            if isinstance(function, ast.FunctionDef) and function.name == original:
                inside = _constants(there, path.relative_to(root).as_posix()) | _bound(function, node, names)
                for last in reversed(function.body):
                    if isinstance(last, ast.Return):
                        return last.value, inside
    return node, names


def _bound(function: ast.FunctionDef, call: ast.Call, names: dict[str, Any]) -> dict[str, Any]:
    given = function.args
    positional = [argument.arg for argument in given.args]
    defaults = dict(zip(reversed(positional), reversed(given.defaults), strict=False))
    defaults |= {
        argument.arg: default
        for argument, default in zip(given.kwonlyargs, given.kw_defaults, strict=True)
        if default is not None
    }
    values = {name: _value(default, {}) for name, default in defaults.items()}
    values |= {name: _value(value, names) for name, value in zip(positional, call.args, strict=False)}
    values |= {keyword.arg: _value(keyword.value, names) for keyword in call.keywords if keyword.arg}
    return {name: value for name, value in values.items() if value is not _ABSENT}


def _params(node: ast.expr | None, names: dict[str, Any]) -> list[Param]:
    if node is None:
        return []
    if not isinstance(node, ast.Dict):
        return [Param("", ast.unparse(node), "", "")]
    params = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            params.append(Param("", ast.unparse(value), "", ""))
            continue
        given: dict[str, ast.expr] = {}
        if isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] == "Param":
            given = {keyword.arg: keyword.value for keyword in value.keywords if keyword.arg}
            positional = value.args
        else:
            positional = [value]
        default = positional[0] if positional else given.get("default")
        params.append(
            Param(
                name=_spell(key, names),
                default="" if default is None else _spell(default, names),
                allowed=_allowed(given, names),
                description=_spell(given["description"], names) if "description" in given else "",
            )
        )
    return params


def _allowed(given: dict[str, ast.expr], names: dict[str, Any]) -> str:
    parts = []
    if "enum" in given:
        parts.append(_spell(given["enum"], names))
    if "examples" in given:
        parts.append(f"for example {_spell(given['examples'], names)}")
    if "minimum" in given or "maximum" in given:
        low, high = (_spell(given[name], names) if name in given else "" for name in ("minimum", "maximum"))
        parts.append(f"{low}-{high}")
    if "pattern" in given:
        parts.append(_spell(given["pattern"], names))
    if not parts and "type" in given:
        parts.append(_spell(given["type"], names))
    return ", ".join(parts)


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
