"""The command `limbeck demo`: success and failure."""

import re

import pytest

from limbeck import cli


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _run(capsys, *argv):
    status = cli.main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out, err


def test_demo_says_when_it_failed(capsys, monkeypatch):
    from limbeck._cli import demo as _command_demo

    real = _command_demo.learn
    monkeypatch.setattr(_command_demo, "learn", lambda X, y, width, **options: real(X, y, 1, **options))
    status, out, err = _run(capsys, "demo")
    assert (status, err) == (1, "")
    assert "NOT recovered" in out


def test_demo(capsys):
    """The real learner, 20,000 rows: some seconds."""
    status, out, err = _run(capsys, "demo", "--threads", "2")
    assert (status, err) == (0, "")
    assert re.search(r"\n +0 +-10\.0000000000 +-10\.0000000000 +\d\.\de-1\d\n", out)
    assert "Every neuron was recovered to rounding" in out
