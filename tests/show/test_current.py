"""The watched report: what it answers, to whom, and that it follows the runs."""

from __future__ import annotations

import http.client
import math
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, chromium
from typer.testing import CliRunner

from actlab.cli import app
from actlab.errors import ActlabError
from actlab.runs import executors
from actlab.runs.job import Outcome
from actlab.runs.record import discover
from actlab.show.page import current, report
from actlab.show.page.current import CurrentReport, Watch
from actlab.spec.config import RunConfig

Make = Callable[..., Path]
Resolved = Callable[..., RunConfig]


@pytest.fixture
def study(tmp_path: Path, make_run: Make, resolved: Resolved) -> Path:
    """One finished run of a study."""
    make_run(tmp_path / "x", resolved(), [0.5, 0.6])
    (tmp_path / "x" / "experiment.yaml").write_text("name: x\n")
    return tmp_path / "x"


@contextmanager
def serving(paths: list[Path]) -> Iterator[Watch]:
    """A watch that answers while the block runs, as often as it is asked."""
    with Watch(paths) as watch:
        thread = threading.Thread(target=watch.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            watch.shutdown()
            thread.join()


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages may be made one after the other."""
    monkeypatch.setattr(current, "WATCHED_SHARE", math.inf)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, make_run: Make, resolved: Resolved) -> Iterator[Watch]:
    """A watch of a study that does not change."""
    folder = tmp_path_factory.mktemp("results") / "x"
    make_run(folder, resolved(), [0.5, 0.6])
    with serving([folder]) as found:
        yield found


def ask(address: str, path: str = "/", host: str | None = None, method: str = "GET") -> tuple[int, str, Any]:
    """Status, body and headers of an answer."""
    place = re.sub(r"http://|/$", "", address)
    connection = http.client.HTTPConnection(place, timeout=20)
    try:
        connection.request(method, path, headers={"Host": place if host is None else host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


# --- what it answers -------------------------------------------------------------------------------------------


def test_it_serves_the_page_that_would_be_written(served: Watch) -> None:
    status, page, headers = ask(served.address)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page == report.text(served.paths, refresh=current.REFRESH_SECONDS)
    assert '<meta http-equiv="refresh" content="10">' in page
    assert 'http-equiv="refresh"' not in report.text(served.paths)


@pytest.mark.parametrize("path", ["/run.json", "/../x", "/version", "/?x=1", "/x/experiment.yaml"])
def test_nothing_else_is_served(path: str, served: Watch) -> None:
    assert ask(served.address, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_reading_is_answered(method: str, served: Watch) -> None:
    assert ask(served.address, method=method)[0] == 501


@pytest.mark.parametrize("host", ["evil.test", "evil.test:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", ""])
def test_other_names_of_this_machine_get_nothing(host: str, served: Watch) -> None:
    """A page of another site whose name leads here must not read the runs."""
    port = served.server_port
    for path in ("/", "/elsewhere"):
        status, body, _ = ask(served.address, path, host.format(port=port))
        assert (status, body) == (403, "this address is for a browser of this machine\n")
    assert ask(served.address, host=f"localhost:{port}")[0] == 200


def test_it_listens_on_the_loopback_interface_only(served: Watch) -> None:
    assert served.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):  # another address of the same machine
        socket.create_connection(("127.0.0.2", served.server_port), timeout=5)


def test_answers_are_not_kept_framed_or_read_by_others(served: Watch) -> None:
    headers = ask(served.address)[2]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "Python" not in headers["Server"]


# --- it follows ------------------------------------------------------------------------------------------------


def wait_for(true: Callable[[], bool], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.mark.usefixtures("unhurried")
def test_a_new_run_is_on_the_next_page(study: Path, make_run: Make, resolved: Resolved) -> None:
    with serving([study]) as watch:
        assert "1 run of 1 condition" in ask(watch.address)[1]
        make_run(study, resolved(seed=1), [0.5, 0.7])
        assert "2 runs of 1 condition" in ask(watch.address)[1]


def test_a_page_is_made_once_for_the_same_runs(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    monkeypatch.setattr(report, "text", lambda paths, **_: f"page {len(made)}{made.append(paths) or ''}")
    with serving([study]) as watch:
        assert {ask(watch.address)[1] for _ in range(3)} == {"page 0"}
    assert made == [[study]]


def test_pages_take_no_more_than_a_share_of_a_core(
    study: Path, make_run: Make, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, made = [1000.0], []

    def slow(paths: list[Path], **_: Any) -> str:
        made.append(now[0])
        now[0] += 3.0
        return "page"

    monkeypatch.setattr(report, "text", slow)
    monkeypatch.setattr(current.time, "monotonic", lambda: now[0])
    watch = Watch([study])
    try:
        for seed in range(1, 40):
            make_run(study, resolved(seed=seed), [0.5])
            watch.page()
            now[0] += 1.0
    finally:
        watch.server_close()
    assert len(made) == 3  # each takes 3 seconds, and the next is made 15 seconds later
    assert made[1] - made[0] >= 15


@pytest.mark.usefixtures("unhurried")
def test_nothing_yet_is_no_error(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    with serving([tmp_path / "x"]) as watch:
        status, page, _ = ask(watch.address)
        assert status == 200
        assert "Nothing to show yet" in page
        assert "no runs to report" in page
        make_run(tmp_path / "x", resolved(), [0.5])
        assert "1 run of 1 condition" in ask(watch.address)[1]


def test_a_page_that_cannot_be_made_says_why(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "text", lambda *_, **__: 1 / 0)
    with serving([study]) as watch:
        assert "ZeroDivisionError: division by zero" in ask(watch.address)[1]


def test_a_taken_port_gets_one_clear_error(served: Watch) -> None:
    port = served.server_port
    with pytest.raises(ActlabError, match=f"--port {port}: cannot be used: address already in use; give another one"):
        Watch(served.paths, port)


@pytest.mark.slow
@pytest.mark.usefixtures("unhurried")
def test_an_open_page_follows_and_keeps_what_was_opened(
    study: Path, make_run: Make, resolved: Resolved, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "REFRESH_SECONDS", 2)
    for activation in ("tanh", "elu"):
        make_run(study, resolved(activation=activation), [0.5, 0.6])
    with serving([study]) as watch, chromium() as browser, Visit(browser, watch.address) as visit:
        page = visit.page
        page.get_by_text("3 runs of 3 conditions").wait_for()
        page.locator(".pick").nth(1).click()
        page.get_by_text("All columns", exact=True).click()
        make_run(study, resolved(seed=1), [0.5, 0.7])
        page.get_by_text("4 runs of 3 conditions").wait_for(timeout=300_000)
        page.locator("details[open]").first.wait_for()
        pressed = page.locator(".pick[aria-pressed='true']").all_text_contents()
        assert len(set(pressed)) == 1
        assert visit.said == []
        assert {url for url in visit.asked if not url.startswith("data:")} == {watch.address}


def test_ctrl_c_ends_it_with_a_sentence(study: Path) -> None:
    # the tests may have been begun by a shell that ignores SIGINT for what runs in its background
    code = "import signal; signal.signal(2, signal.default_int_handler); from actlab.cli import main; main()"
    program = [sys.executable, "-W", "error", "-c", code, "watch", str(study)]
    process = subprocess.Popen(
        [*program, "--no-browser"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert process.stdout is not None
    address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())
    assert address is not None
    assert ask(address[0])[0] == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "")
    assert out == "stopped watching; `actlab report` writes the page into a file\n"


# --- while a sweep trains --------------------------------------------------------------------------------------


def test_a_current_page_never_holds_up_who_asks_for_it(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go_on = threading.Event(), threading.Event()
    pages: list[int] = []

    def slow(paths: list[Path], path: Path, refresh: int) -> None:
        began.set()
        assert go_on.wait(60)
        pages.append(refresh)

    monkeypatch.setattr(report, "write", slow)
    page = CurrentReport(study, study / "report.html")
    page.update(1)  # returns, though the page cannot be made yet
    assert began.wait(60)
    page.update(2)  # nor does it wait for the first, or make another beside it
    assert pages == []
    go_on.set()
    page.finish()
    assert pages == [10, 0]  # the last page is not loaded again
    assert page.problem == ""


def test_pages_keep_their_distance(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The least between two, and more where they take long."""
    clock, work = {"now": 0.0, "thread": 0.0}, [0.1, 2.0, 0.1, 0.1]
    made = []

    def write(paths: list[Path], path: Path, refresh: int) -> None:
        made.append(clock["now"])
        clock["thread"] += work[len(made) - 1]

    monkeypatch.setattr(report, "write", write)
    monkeypatch.setattr(current.time, "monotonic", lambda: clock["now"])
    monkeypatch.setattr(current.time, "thread_time", lambda: clock["thread"])
    page = CurrentReport(study, study / "report.html")
    for second in range(70):
        clock["now"] = float(second)
        page.update(second + 1)
        if page._thread:
            page._thread.join()
    assert made == [0.0, 10.0, 50.0, 60.0]  # 2 seconds are a twentieth of 40


def test_no_page_is_made_while_nothing_ends(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(report, "write", lambda *_, refresh: made.append(refresh))
    page = CurrentReport(study, study / "report.html")
    page.update(0)
    page.finish()
    assert made == [0]


def test_a_page_that_fails_leaves_the_sweep_alone(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "write", lambda *_, **__: 1 / 0)
    page = CurrentReport(study, study / "report.html")
    page.update(1)
    page.finish()
    assert page.problem == f"{study / 'report.html'}: cannot be made: division by zero"
    assert not (study / "report.html").exists()


TWO = (
    "name: two\ndataset: {name: synth_mnist, train_images: 100, test_images: 50}\nmodel: mnist_dense\n"
    "activation: relu\nepochs: 2\nsweep: {seed: {range: 2}}\n"
)


def test_run_with_report_keeps_the_page_current(
    tmp_path: Path, make_run: Make, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep of two runs, with an executor that makes them up."""
    pages: list[str] = []
    out = tmp_path / "results"

    def pretend(
        jobs: list[Any], limits: Any, signals: Any, look: Callable[..., None], draw: Any, executor: Any
    ) -> dict[Path, Outcome]:
        outcomes = {}
        for job in jobs:
            job.path.rmdir()
            made = make_run(job.path.parent, job.config, [0.5, 0.6])
            assert made == job.path
            outcomes[job.path] = Outcome("done")
            look([], outcomes)
            wait_for(lambda: (out / "two" / "report.html").exists())
            pages.append((out / "two" / "report.html").read_text())
        return outcomes

    monkeypatch.setattr(executors, "run", pretend)
    config = write_config(TWO)
    done = CliRunner().invoke(app, ["run", str(config), "-o", str(out), "--device", "cpu", "--report"])
    assert done.exit_code == 0, done.output
    assert f"report: {out / 'two' / 'report.html'}" in done.output
    assert "Not finished: 1 of 2 runs have ended; 1 have not begun." in pages[0]
    last = (out / "two" / "report.html").read_text()
    assert "Not finished" not in last
    assert "2 runs of 1 condition" in last
    assert discover([out])[1] == []


def test_a_sweep_that_is_stopped_waits_for_no_page(
    tmp_path: Path, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(
        jobs: list[Any], limits: Any, signals: Any, look: Callable[..., None], draw: Any, executor: Any
    ) -> dict[Path, Outcome]:
        signals.received = 2
        return {job.path: Outcome("interrupted") for job in jobs}

    monkeypatch.setattr(executors, "run", stopped)
    arguments = ["run", str(write_config(TWO)), "-o", str(tmp_path / "results"), "--device", "cpu", "--report"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 130, done.output
    assert "report:" not in done.output
    assert not list(tmp_path.rglob("report.html"))
