"""What the papers promise: exact pins, every licence named, a first screen that holds."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = {".git", ".venv", "out", "node_modules", "build", "dist"}


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"]]
    for group in project["optional-dependencies"].values():
        lines += group
    wanted = [Requirement(line) for line in lines]
    return [requirement for requirement in wanted if requirement.name != "mien"]


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def test_every_constraint_is_one_exact_version():
    odd = [line for line in pins() if not re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line)]
    assert odd == []


def test_no_constraint_is_given_twice():
    names = [line.split("==")[0] for line in pins()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("requirement", declared(), ids=lambda r: r.name)
def test_every_dependency_is_pinned_within_its_range(requirement):
    versions = dict(line.split("==") for line in pins())
    name = canonicalize_name(requirement.name)
    assert name in versions
    assert Version(versions[name]) in requirement.specifier


@pytest.mark.parametrize("requirement", declared(), ids=lambda r: r.name)
def test_every_dependency_is_in_the_licence_list(requirement):
    text = (ROOT / "docs/licences.md").read_text(encoding="utf-8").lower()
    assert f"| {requirement.name.lower()} |" in text


def test_the_licence_is_apache_2_in_full():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert len(text.splitlines()) > 190


def test_the_first_screen_has_a_picture_and_the_two_commands():
    screen = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:40])
    assert "python dev.py demo" in screen
    assert "python dev.py test" in screen
    assert "docs/images/demo.jpg" in screen


def test_links_between_the_papers_lead_somewhere():
    missing = []
    for paper in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)", paper.read_text(encoding="utf-8")):
            if "://" not in target and not (paper.parent / target).exists():
                missing.append(f"{paper.name}: {target}")
    assert missing == []


def test_no_paper_names_a_place_on_somebodys_machine():
    for paper in [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), *ROOT.glob("docs/**/*.md")]:
        text = paper.read_text(encoding="utf-8")
        assert not re.findall(r"/(?:root|home/\w+|work)/\S+", text), paper


def test_ci_runs_what_a_person_runs():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "python3 dev.py test" in script
    bash = subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], capture_output=True)
    assert bash.returncode == 0


def test_no_source_file_is_longer_than_500_lines():
    too_long = {
        str(path.relative_to(ROOT)): lines
        for path in ROOT.rglob("*.py")
        if not SKIPPED & set(path.relative_to(ROOT).parts) and not path.name.endswith("_pb2.py")
        for lines in [len(path.read_text(encoding="utf-8").splitlines())]
        if lines > 500
    }
    assert too_long == {}
