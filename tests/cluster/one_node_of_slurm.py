"""A real Slurm of one node on this machine: a sweep that is preempted, warned, killed, left alone and stopped.

    apt install slurmctld slurmd slurm-client munge
    PYTHONPATH=.:tests python -m cluster.one_node_of_slurm

Its daemons run as this user, from a folder of their own; where they cannot, it says why. It ends with 1 unless all
runs are done, with the bytes of local runs of as many threads, and none is trained again that was done.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from torture.processes import Command, left_over, outcome, until

from actlab.runs.folder import read_json
from actlab.runs.record import Run

CONF = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldPort=26817
SlurmdPort=26818
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
KillWait=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=15
PartitionName=high Nodes=ALL State=UP PriorityTier=10 PreemptMode=OFF
"""
STUDY = """
name: study
dataset: {name: mnist, train_samples: 20000}
model: {name: mnist_dense, hidden: [64]}
activation: relu
batch_size: 20
epochs: 20
sweep: {seed: {range: 4}}
"""


def start(folder: Path) -> list[subprocess.Popen[bytes]]:
    """munged, slurmctld and slurmd, which are asked until they answer."""
    import pwd

    for name in ("state", "spool", "log"):
        (folder / name).mkdir()
    folder.chmod(0o755)
    (folder / "key").write_bytes(os.urandom(1024))
    (folder / "key").chmod(0o400)
    facts = {"host": socket.gethostname().partition(".")[0], "user": pwd.getpwuid(os.getuid()).pw_name}
    (folder / "slurm.conf").write_text(CONF.format(folder=folder, cores=min(2, os.cpu_count() or 1), **facts))
    os.environ["SLURM_CONF"] = str(folder / "slurm.conf")
    places = [f"--{of}={folder}/munge.{of}" for of in ("socket", "pid-file", "log-file", "seed-file")]
    commands = (
        ["munged", "--foreground", "--force", f"--key-file={folder}/key", *places],
        ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c"],
    )  # fmt: skip
    daemons = []
    for command in commands:
        log = (folder / "log" / command[0]).open("wb")
        daemons.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        time.sleep(1.5)
    for _ in range(60):
        if "idle" in told("sinfo", "--noheader", "--format=%t"):
            return daemons
        time.sleep(1)
    logs = [file.read_text()[-600:] for file in (folder / "log").iterdir()]
    raise SystemExit("no Slurm starts here:\n" + "\n".join(logs))


def told(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def main() -> int:
    if lacking := [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if not shutil.which(name)]:
        raise SystemExit(f"no Slurm here: {', '.join(lacking)} not installed")
    checks: dict[str, bool] = {}
    with tempfile.TemporaryDirectory(prefix="one-node-", ignore_cleanup_errors=True) as name:
        folder, daemons = Path(name), []
        study, out, expected = folder / "study.yaml", folder / "out", folder / "local"
        study.write_text(STUDY)
        code, text = Command("run", study, "-o", expected, "--threads", 1, "--device", "cpu").end()
        assert code == 0, text
        command = (
            "run", study, "-o", out, "--executor", "slurm", "--slurm", "partition=low,time=10",
            "--device", "cpu", "--checkpoint-seconds", 1,
        )  # fmt: skip
        try:
            (folder / "slurm").mkdir()
            daemons = start(folder / "slurm")

            def trains(least: int = 1) -> bool:
                return len(list(out.glob("*/*/checkpoint/state.npz"))) >= least

            def jobs() -> list[str]:
                return told("squeue", "--noheader", "--array", "--format=%i %T").split("\n")[:-1]

            first = Command(*command, "--detach")
            code, text = first.end()
            checks["--detach: exit code 0, and the jobs are with Slurm"] = code == 0 and len(jobs()) == 4
            assert until(lambda: trains(2)), text
            checks["`actlab status` says what trains"] = "running" in Command("status", out).end()[1]
            told("sbatch", "-p", "high", "-n2", "-o", "/dev/null", "--wrap", "sleep 5")
            print("preempted by another job:", *jobs(), sep="\n  ")
            assert until(lambda: "Requeue=1 Restarts=1" in " ".join(told("scontrol", "show", "job").split()))
            checks["what was preempted is queued again"] = True
            assert until(lambda: any("RUNNING" in line for line in jobs()))
            second = Command(*command)  # takes up what is there
            assert until(lambda: trains(1))
            number = next(line.split()[0] for line in jobs() if "RUNNING" in line)
            told("scancel", "--signal=USR2", number)  # as Slurm does before the end of a task's time
            os.kill(second.process.pid, signal.SIGKILL)
            second.end()
            checks["a command that is killed takes nothing with it"] = bool(jobs())
            done = {
                file: file.stat().st_mtime_ns
                for file in out.glob("*/*/run.json")
                if read_json(file)["status"] == "done"
            }
            third = Command(*command)
            assert until(lambda: trains(1) or third.process.poll() is not None)
            time.sleep(3)
            os.kill(third.process.pid, signal.SIGINT)
            code, text = third.end()
            checks["SIGINT: exit code 130, or it was done before"] = code in (130, 0)
            checks["then nothing is in the queue"] = until(lambda: not [j for j in jobs() if "COMPLETING" not in j])
            states = {Run(file.parent).status for file in out.glob("*/*/run.json")}
            checks["and runs are done or interrupted"] = states <= {"done", "interrupted"}
            code, text = Command(*command).end()
            print(text[-900:])
            checks["the same command ends the sweep: exit code 0"] = code == 0
            checks["bytes of local runs"] = outcome(out) == outcome(expected)
            checks["none trained again that was done"] = all(file.stat().st_mtime_ns == at for file, at in done.items())
            checks["nothing left over"] = not left_over(out) and not list(out.glob("*/.slurm"))
        finally:
            for daemon in reversed(daemons):
                daemon.terminate()
            for daemon in daemons:
                daemon.wait()
    for check, holds in checks.items():
        print(f"{'ok' if holds else 'FAILS':6} {check}")
    return not all(checks.values())


if __name__ == "__main__":
    sys.exit(main())
