"""What the tests need is written twice, in the same words."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_requirements_of_the_tests_are_those_of_the_extra():
    lines = (ROOT / "tests" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert [line for line in lines if line and not line.startswith("#")] == extras["test"]


def test_the_tests_command_of_the_readme_installs_them_and_nothing_that_is_compiled():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^pip install .*pytest.*$", text, flags=re.MULTILINE)
    assert len(commands) == 1
    assert commands[0].startswith("pip install -r tests/requirements.txt && python -m pytest")
