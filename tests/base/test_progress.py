"""Lines and bars of progress on stderr, with tqdm and without; timings, history and the end of the time."""

import sys
import time

import pytest

from limbeck._base.progress import Progress, progress_bar


@pytest.fixture(params=["tqdm", "plain"])
def way(request, monkeypatch):
    if request.param == "plain":
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    return request.param


def test_a_bar_counts_to_its_total(way, capsys):
    bar = progress_bar("simulate", "trials")
    for done in (0, 30, 60):
        bar.advance_to(done, 60)
    bar.close()
    last = capsys.readouterr().err.split("\r")[-1]
    assert last.startswith("simulate")
    assert ("60.0/60.0 [" if way == "tqdm" else "60 of 60 trials\n") in last


def test_a_bar_goes_on_where_an_earlier_one_stopped(way, capsys):
    """The rate counts what is done from there on: 10 of 100 rows in at least 0.2 s are no more than 50 rows/s."""
    bar = progress_bar("rows", "rows")
    bar.advance_to(90, 100)
    time.sleep(0.2)
    bar.advance_to(100, 100)
    bar.close()
    last = capsys.readouterr().err.split("\r")[-1]
    if way == "tqdm":
        rate = float(last.rpartition(", ")[2].partition(" ")[0])
        assert 0 < rate <= 50
    assert "100" in last


def test_a_bar_without_a_step_writes_nothing(way, capsys):
    progress_bar("rows", "rows").close()
    assert capsys.readouterr().err == ""


def test_stages_and_passes_share_the_lines(way, capsys):
    progress = Progress(None, True, None)
    progress.report("linear", 0, 0.5)
    advance = progress.begin_pass("pass: gradient")
    advance(0, 10)
    advance(10, 10)
    progress.report("refine", 3, 0.25)
    progress.finish()
    shown = capsys.readouterr().err
    for text in (
        "linear",
        "0 neurons, relative error 5.00e-01",
        "pass: gradient",
        "3 neurons, relative error 2.50e-01",
    ):
        assert text in shown
    assert shown.endswith("\n")
    # What computes on after the end shows nothing.
    progress.begin_pass("pass: matrix")(0, 10)
    progress.report("later", 3, 0.25)
    assert capsys.readouterr().err == ""


def test_a_shorter_line_leaves_nothing_of_a_longer_one(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    progress = Progress(None, True, None)
    progress.report("a stage of a long name", 10, 0.5)
    progress.report("short", 1, 0.5)
    long, short = capsys.readouterr().err.split("\r")[1:]
    assert len(short) == len(long)


def test_nothing_is_shown_unless_asked_for(capsys):
    told = []
    progress = Progress(lambda *args: told.append(args), False, None)
    progress.report("linear", 0, 0.5)
    progress.begin_pass("pass: rows")(0, 10)
    progress.finish()
    assert capsys.readouterr() == ("", "")
    assert told == [("linear", 0, 0.5)]
    assert [(h["stage"], h["neurons"], h["error"]) for h in progress.history] == told


def test_time_runs_out_once_and_is_remembered():
    assert not Progress(None, False, None).out_of_time()
    late = Progress(None, False, 0.0)
    while time.perf_counter() <= late.deadline:
        pass
    assert late.out_of_time()
    assert late.stopped_early
