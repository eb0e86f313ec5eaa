"""Relative links in the pages that people read lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "dags" / "DAGS.md", *sorted((ROOT / "docs").glob("*.md"))]


def anchor_of(heading: str) -> str:
    """Name a heading as GitHub does.

    >>> anchor_of("To change `X`, look in Y")
    'to-change-x-look-in-y'
    """
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def headings_of(text: str) -> set[str]:
    return {anchor_of(line.lstrip("#")) for line in without_code(text).splitlines() if re.match(r"#{1,6} ", line)}


def without_code(text: str) -> str:
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)


def broken_links(page: Path) -> list[str]:
    """List the links of ``page`` to files or headings that are not there; links to the web are not followed."""
    text = page.read_text("utf-8")
    prose = re.sub(r"`[^`\n]*`", "", without_code(text))
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", prose) + re.findall(r"(?:src|href)=\"([^\"]+)\"", prose)
    broken = []
    for target in targets:
        if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_relative_to(page.parent.resolve()) and not file.is_relative_to(ROOT):
            broken.append(f"{target} leaves the repository")
        elif not file.exists():
            broken.append(f"{target} does not exist")
        elif anchor and file.suffix == ".md" and anchor not in headings_of(file.read_text("utf-8")):
            broken.append(f"{target}: no such heading")
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page):
    assert broken_links(page) == []


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("[a](gone.md)", ["gone.md does not exist"]),
        ("![a](gone.png)", ["gone.png does not exist"]),
        ('<img src="gone.png">', ["gone.png does not exist"]),
        ("[a](here.md#there)", ["here.md#there: no such heading"]),
        ("[a](#nowhere)", ["#nowhere: no such heading"]),
        ("[a](../../../../../../etc/passwd)", ["../../../../../../etc/passwd leaves the repository"]),
        ("[a](here.md#a-heading) [b](#the-page) [c](https://example.org/gone) [d](mailto:a@example.org)", []),
        ("```\n[a](gone.md)\n```\n`[b](gone.md)`", []),
    ],
)
def test_a_link_that_leads_nowhere_is_seen(tmp_path, text, broken):
    (tmp_path / "here.md").write_text("# A heading\n")
    page = tmp_path / "page.md"
    page.write_text(f"# The page\n\n{text}\n")
    assert broken_links(page) == broken


def make_targets_named(text: str) -> set[str]:
    """Find the targets of `make` that a page tells its reader to run, in code spans and in code blocks.

    >>> sorted(make_targets_named("Run `make demo MEDIA=x`, `make up | down`, not make haste.\\n```\\nmake test\\n```"))
    ['demo', 'test', 'up']
    """
    spans = re.findall(r"`([^`\n]+)`", without_code(text))
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = spans + [line for block in blocks for line in block.splitlines()]
    return {found[1] for command in commands if (found := re.match(r"\s*\$?\s*make ([a-z][\w-]*)", command))}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_command_that_a_page_names_exists(page):
    named = make_targets_named((ROOT / page).read_text("utf-8"))
    targets = set(re.findall(r"^([a-z][\w-]*)\s*:(?!=)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert named, "the page tells nobody what to run"
    assert named <= targets
