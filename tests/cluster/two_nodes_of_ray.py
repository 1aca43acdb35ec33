"""24 real runs on two nodes of Ray on this machine, one of which is killed with SIGKILL in the middle.

    PYTHONPATH=.:tests python -m cluster.two_nodes_of_ray [--no-shared-folder | --apart]

Each node is a `ray start` on loopback with two cores, in a session of its own; the killed one with all its processes.
With --apart, for which one has to be root, the killed one is as another machine: it sees neither the results nor the
data, nor what is cached of them, and gets the driver's copy. It says what came out, and ends with 1 unless all runs are
done, with the bytes of local runs of as many threads, none is trained again that was done, and no process is left.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from torture import processes
from torture.processes import Command, left_over, outcome, until

from actlab.parts.datasets import store
from actlab.runs.folder import read_json
from actlab.runs.record import Run

processes.PATIENCE_SECONDS = 1800.0  # for 24 trainings on two cores that do other work too
PORT = 26379
MARK = f"TWO_NODES_OF_RAY={os.getpid()}"
STUDY = """
name: study
dataset: {name: mnist, train_samples: 6000}
model: {name: mnist_dense, hidden: [64]}
activation: relu
batch_size: 50
epochs: 6
sweep: {activation: [relu, tanh, gelu], optimizer.learning_rate: [0.01, 0.03], seed: {range: 4}}
"""


def begun() -> dict[int, str]:
    """All that this program has begun, by number, with command lines: they inherit a variable."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if MARK.encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # ended since, or another user's
            continue
    return found


def family(root: int) -> set[int]:
    """A process and all that descend from it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, before = {root}, set[int]()
    while found != before:
        before, found = found, found | {pid for pid, parent in parents.items() if parent in found}
    return found


def node(folder: Path, *arguments: str, hidden: Sequence[Path] = ()) -> subprocess.Popen[bytes]:
    """A node, with its output in a file; in the place of what is hidden it has empty folders."""
    variables = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    command = ["ray", "start", *arguments, "--num-cpus=2", "--block", "--disable-usage-stats"]
    if hidden:
        mounts = " && ".join(f"mount -t tmpfs none {shlex.quote(str(path))}" for path in hidden)
        command = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", *command]
    log = (folder / f"{len(list(folder.glob('*.log')))}.log").open("wb")
    return subprocess.Popen(command, stdout=log, stderr=log, env=variables, start_new_session=True)


def main(*options: str) -> int:
    failures, apart = [], "--apart" in options
    options = tuple(option for option in options if option != "--apart")
    os.environ |= {
        MARK.split("=")[0]: MARK.split("=")[1],
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(),
    }
    with tempfile.TemporaryDirectory(prefix="two-nodes-") as name:
        folder = Path(name)
        study = folder / "study.yaml"
        study.write_text(STUDY)
        local = Command("run", study, "-o", folder / "local", "--threads", 1, "--device", "cpu")
        code, text = local.end()
        assert code == 0, text
        head = node(folder, "--head", f"--port={PORT}", "--include-dashboard=false")
        until(lambda: b"Ray runtime started" in (folder / "0.log").read_bytes() or head.poll() is not None)
        out, cache = folder / "out", store.cache_folder()
        out.mkdir()
        hidden = [out, cache, *([Path(os.environ["ACTLAB_DATA_DIR"])] if "ACTLAB_DATA_DIR" in os.environ else [])]
        second = node(folder, f"--address=127.0.0.1:{PORT}", hidden=hidden if apart else ())
        until(lambda: b"Ray runtime started" in (folder / "1.log").read_bytes() or second.poll() is not None)
        asked = ("--executor", "ray", "--address", f"127.0.0.1:{PORT}", "--threads", 1, "--device", "cpu")
        began = time.monotonic()
        sweep = Command("run", study, "-o", out, *asked, "--checkpoint-seconds", 1, *options)

        def done() -> dict[Path, int]:
            records = {file: read_json(file)["status"] for file in out.glob("*/*/run.json")}
            return {file: file.stat().st_mtime_ns for file, status in records.items() if status == "done"}

        until(lambda: len(done()) >= 8 or sweep.process.poll() is not None)
        at_death = done()
        there = Path(f"/proc/{second.pid}/root{cache.resolve()}")  # what the second node sees in its place
        sent = [store.read_index(path)["checked"] for path in there.glob("mnist-*")]
        victims = family(second.pid)
        print(f"after {time.monotonic() - began:.0f} s, {len(at_death)} runs done: SIGKILL to {len(victims)} processes")
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        second.wait()
        code, text = sweep.end()
        print(text[-600:])
        print(f"exit code {code} after {time.monotonic() - began:.0f} s")
        ended = done()
        again = [file.parent.name for file, moment in at_death.items() if ended.get(file) != moment]
        damaged = [file.parent.name for file in ended if Run(file.parent).damaged()]
        checks = {
            "exit code 0": code == 0,
            "24 runs done": len(ended) == 24,
            "bytes of local runs": outcome(out) == outcome(folder / "local"),
            "none trained again that was done": not again,
            "every file as recorded": not damaged,
            "nothing left over": not left_over(out),
        }
        if apart:
            checks["the data were sent, once"] = sent == ["sent here, and verified"]
        os.killpg(head.pid, signal.SIGTERM)
        head.wait()
        until(lambda: not begun())
        orphans = begun()
        checks["no process left"] = not orphans
        print(orphans or "")
        failures = [check for check, holds in checks.items() if not holds]
        for check, holds in checks.items():
            print(f"{'ok' if holds else 'FAILS':6} {check}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
