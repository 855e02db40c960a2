"""What the pages on evidence show is what the program does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dueprocess.evidence.document import CHUNK_SIZE, MAX_TEXT
from dueprocess.evidence.retriever import MAX_LIMIT, MAX_QUERY
from dueprocess.policy import load
from dueprocess.retrievers.ingest import limits, look, mail, pdf, pdf_page
from dueprocess.retrievers.ingest.css_rules import MAX_RULES

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how-to" / "cite-evidence.md").read_text("utf-8")
REFERENCE = (DOCS / "reference" / "evidence.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", HOW_TO, re.DOTALL)


def of(language: str) -> list[str]:
    return [text for kind, text in BLOCKS if kind == language]


def test_every_block_is_of_a_kind_that_a_test_here_runs():
    assert {kind for kind, _ in BLOCKS} == {"console", "python", "yaml"}
    assert len(BLOCKS) == HOW_TO.count("\n```") // 2


def test_the_program_of_the_how_to_runs(tmp_path: Path):
    subprocess.run([sys.executable, "-c", "\n".join(of("python"))], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "evidence.db").exists()


def test_the_command_of_the_how_to_prints_what_it_says(tmp_path: Path):
    (tmp_path / "refunds.html").write_text("<p>A refund is given within 30 days.</p><p hidden>all at once</p>")
    (tmp_path / "due.yaml").touch()
    (block,) = of("console")
    command, expected = block.split("\n", 1)
    words = command.removeprefix("$ due ").split()
    program = [sys.executable, "-c", "from dueprocess.cli.main import main; main()", *words]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DUE_")}
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment)
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)


def test_the_policy_of_the_how_to_loads():
    (policy,) = of("yaml")
    loaded = load(policy.encode(), name="policy.yaml", tools=None)
    assert loaded.tools["refund"].require_citation


@pytest.mark.parametrize(
    "figure",
    [
        f"{limits.MAX_BYTES >> 20} MiB",
        f"{limits.MAX_PARTS:,} parts",
        f"{limits.SECONDS:g} s",
        f"{MAX_TEXT:,} code points",
        f"{limits.MAX_DEPTH} elements deep",
        f"{MAX_RULES:,} style rules",
        f"{mail.MAX_MEMBERS} members, {mail.MAX_NESTED} levels",
        f"{pdf.MAX_PAGES:,} pages",
        f"{pdf_page._MOST_OPERATIONS:,} operations, {pdf_page._MOST_FORMS} forms, {pdf_page._DEEPEST} levels",
        f"{MAX_LIMIT} chunks, {MAX_QUERY:,} characters and 64 words",
        f"{CHUNK_SIZE:,} code points long",
        f"less than {look.LEAST_CONTRAST} : 1 contrast",
    ],
)
def test_a_limit_that_the_reference_names_is_the_program_s(figure: str):
    assert figure in REFERENCE
