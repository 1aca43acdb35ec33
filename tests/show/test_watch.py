"""The watched report: what it answers, to whom, and that it follows the runs."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Visit, chromium
from typer.testing import CliRunner

from actlab.cli import app
from actlab.errors import ActlabError
from actlab.run.executors import local
from actlab.run.job import Outcome
from actlab.run.record import discover
from actlab.show import report, watch
from actlab.show.report.current import CurrentReport, Pace
from actlab.show.watch import Watch
from actlab.spec.config import RunConfig

Make = Callable[..., Path]
Resolved = Callable[..., RunConfig]


@pytest.fixture
def study(tmp_path: Path, make_run: Make, resolved: Resolved) -> Path:
    """One finished run of a study."""
    make_run(tmp_path / "x", resolved(), [0.5, 0.6])
    (tmp_path / "x" / "experiment.yaml").write_text("name: x\n")
    return tmp_path / "x"


@pytest.fixture
def watched(study: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0.05)
    with Watch([study]) as found:
        found.pace.share = 1.0
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, make_run: Make, resolved: Resolved) -> Iterator[Watch]:
    """A watch of a study that does not change."""
    folder = tmp_path_factory.mktemp("results") / "x"
    make_run(folder, resolved(), [0.5, 0.6])
    with Watch([folder]) as found:
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


def test_it_serves_the_page_and_its_version(served: Watch) -> None:
    status, page, headers = ask(served.address)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    version = ask(served.address, "/version")[1]
    assert f'data-version="{version}"' in page
    # but for what makes it reload, it is the page that would be written into a file
    file = report.report(served.paths)
    assert "connect-src &#39;self&#39;" in page
    assert "connect-src" not in file
    assert page.count("<script>") == file.count("<script>") + 1


@pytest.mark.parametrize("path", ["/run.json", "/../x", "/version/", "/?x=1", "/x/experiment.yaml"])
def test_nothing_else_is_served(path: str, served: Watch) -> None:
    assert ask(served.address, path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_reading_is_answered(method: str, served: Watch) -> None:
    assert ask(served.address, method=method)[0] == 501


@pytest.mark.parametrize("host", ["evil.test", "evil.test:{port}", "127.0.0.1", "127.0.0.1:1", "0.0.0.0:{port}", ""])
def test_other_names_of_this_machine_get_nothing(host: str, served: Watch) -> None:
    """A page of another site whose name leads here must not read the runs."""
    port = served.server.server_port
    for path in ("/", "/version"):
        status, body, _ = ask(served.address, path, host.format(port=port))
        assert (status, body) == (403, "this address is for a browser of this machine\n")
    assert ask(served.address, host=f"localhost:{port}")[0] == 200


def test_it_listens_on_the_loopback_interface_only(served: Watch) -> None:
    assert served.server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):  # another address of the same machine
        socket.create_connection(("127.0.0.2", served.server.server_port), timeout=5)


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


def test_a_new_run_makes_a_new_version(watched: Watch, study: Path, make_run: Make, resolved: Resolved) -> None:
    before = watched.shown
    make_run(study, resolved(seed=1), [0.5, 0.7])
    wait_for(lambda: watched.shown[0] != before[0])
    assert "2 runs of 1 condition" in ask(watched.address)[1]


def test_nothing_yet_is_no_error(tmp_path: Path, make_run: Make, resolved: Resolved) -> None:
    with Watch([tmp_path / "x"]) as watched:
        status, page, _ = ask(watched.address)
        assert status == 200
        assert "Nothing to show yet" in page
        assert "no runs to report" in page
        make_run(tmp_path / "x", resolved(), [0.5])
        watched.refresh()
        assert "1 run of 1 condition" in ask(watched.address)[1]


def test_a_page_that_cannot_be_made_is_told(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "report", lambda *_, **__: 1 / 0)
    with Watch([study]) as watched:
        assert "ZeroDivisionError: division by zero" in ask(watched.address)[1]


def test_a_taken_port_gets_one_clear_error(served: Watch) -> None:
    port = served.server.server_port
    with pytest.raises(ActlabError, match=f"--port {port}: cannot be used: address already in use; give another one"):
        Watch(served.paths, port)


def test_an_open_page_reloads_and_keeps_what_was_chosen(
    watched: Watch, study: Path, make_run: Make, resolved: Resolved
) -> None:
    for activation in ("tanh", "elu"):
        make_run(study, resolved(activation=activation), [0.5, 0.6])
    wait_for(lambda: b"3 runs of 3 conditions" in watched.shown[1])
    with chromium() as browser, Visit(browser, watched.address) as visit:
        page = visit.page
        page.get_by_text("How to reproduce it").wait_for()
        page.locator("summary").first.click()
        page.locator(".pick").nth(1).click()
        page.locator("table.sortable thead button").first.click()
        make_run(study, resolved(seed=1), [0.5, 0.7])
        page.get_by_text("4 runs of 3 conditions").wait_for(timeout=300_000)
        page.locator("details[open]").first.wait_for()
        assert page.locator("th[aria-sort='ascending']").count() == 1
        assert page.locator(".pick[aria-pressed='true']").count() == 1
        assert visit.said == []
        assert {url.removeprefix(watched.address) for url in visit.asked if not url.startswith("data:")} == {
            "",
            "version",
        }


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
    made, go_on = threading.Event(), threading.Event()

    def slow(paths: list[Path]) -> str:
        made.set()
        assert go_on.wait(60)
        return "page"

    monkeypatch.setattr(report, "report", slow)
    current = CurrentReport(study, study / "report.html", pause_seconds=0.0)
    began = time.monotonic()
    current.update(1)
    assert made.wait(60)
    current.update(2)  # the first page is still being made
    assert time.monotonic() - began < 30
    assert current.shown == 1
    go_on.set()
    current.finish()
    assert (study / "report.html").read_text() == "page"
    assert current.problem == ""


def test_pages_keep_their_distance() -> None:
    pace = Pace(pause_seconds=0.0, share=0.5)
    assert pace.due
    began = time.monotonic()
    with pace.measured():
        compute(0.2)
    assert pace.next - began >= 0.4  # twice as long as it took
    assert not pace.due or time.monotonic() - began >= 0.4
    pace = Pace(pause_seconds=30.0)
    with pace.measured():
        pass
    assert not pace.due


def compute(seconds: float) -> None:
    """Take so much of a core."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass


def test_who_watches_is_not_kept_waiting() -> None:
    found = []
    for seconds in (0.0, 0.3, 1.0):
        pace = Pace(pause_seconds=2.0, share=0.05, patience_seconds=4.0)
        began = time.monotonic()
        with pace.measured():
            compute(seconds)
        found.append(pace.next - began)
    assert found[0] == pytest.approx(2.0, abs=0.5)  # the least
    assert found[1] == pytest.approx(4.0, abs=0.5)  # not the six seconds of a twentieth of a core
    assert 5.0 <= found[2] < 8.0  # a page that takes a second takes no more than a fifth of a core


def test_what_only_waits_for_a_core_takes_none() -> None:
    pace = Pace(pause_seconds=0.0)
    with pace.measured():
        time.sleep(0.2)
    assert pace.next - time.monotonic() < 1.0


def test_imports_do_not_count_as_the_making_of_a_page(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "load", lambda: compute(1.0))
    monkeypatch.setattr(report, "report", lambda *_, **__: "page")
    with Watch([study]) as watched:
        assert watched.pace.next - time.monotonic() < 2.5
        assert watched.pace.patience_seconds == 10.0


def test_a_page_that_fails_leaves_the_sweep_alone(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "report", lambda *_: 1 / 0)
    current = CurrentReport(study, study / "report.html", pause_seconds=0.0)
    current.update(1)
    current.finish()
    assert current.problem == f"{study / 'report.html'}: cannot be made: division by zero"
    assert not (study / "report.html").exists()


def test_run_with_report_keeps_the_page_current(
    tmp_path: Path, make_run: Make, write_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep of two runs, with an executor that makes them up."""
    pages: list[str] = []
    out = tmp_path / "results"

    def pretend(
        jobs: list[Any], limits: Any, signals: Any, told: Callable[..., None], draw: Any
    ) -> dict[Path, Outcome]:
        outcomes = {}
        for job in jobs:
            job.path.rmdir()
            made = make_run(job.path.parent, job.config, [0.5, 0.6])
            assert made == job.path
            outcomes[job.path] = Outcome("done")
            told([], outcomes)
            wait_for(lambda: (out / "two" / "report.html").exists())
            pages.append((out / "two" / "report.html").read_text())
        return outcomes

    monkeypatch.setattr(local, "run", pretend)
    config = write_config(
        "name: two\ndataset: {name: synth_mnist, train_images: 100, test_images: 50}\nmodel: mnist_dense\n"
        "activation: relu\nepochs: 2\nsweep: {seed: {range: 2}}\n"
    )
    done = CliRunner().invoke(app, ["run", str(config), "-o", str(out), "--device", "cpu", "--report"])
    assert done.exit_code == 0, done.output
    assert f"report: {out / 'two' / 'report.html'}" in done.output
    assert "Not finished: 1 of 2 runs have ended; 1 have not begun." in pages[0]
    last = (out / "two" / "report.html").read_text()
    assert "Not finished" not in last
    assert "2 runs of 1 condition" in last
    assert discover([out])[1] == []
