"""The command `limbeck demo`: success and failure."""

import re


def test_demo_says_when_it_failed(monkeypatch, run):
    from limbeck._cli import demo as _command_demo

    real = _command_demo.learn
    monkeypatch.setattr(_command_demo, "learn", lambda X, y, width, **options: real(X[:2000], y[:2000], 1, **options))
    status, out, err = run("demo")
    assert (status, err) == (1, "")
    assert "NOT recovered" in out


def test_demo(run):
    """The real learner, 20,000 rows: some seconds."""
    status, out, err = run("demo", "--threads", "2")
    assert (status, err) == (0, "")
    assert re.search(r"\n +0 +-10\.0000000000 +-10\.0000000000 +\d\.\de-1\d\n", out)
    assert "Every neuron was recovered to rounding" in out
