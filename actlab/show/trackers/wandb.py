"""Weights & Biases, offline: a folder a run, which `wandb sync` sends when and where its owner likes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import wandb

from actlab.errors import ActlabError
from actlab.runs.folder import discard, make_folder, write_bytes
from actlab.show.trackers.logged import Logged

DIGEST = "actlab.sha256"  # a file in the folder of a run, written last: a folder without it is a part
ID_LENGTH = 64  # of W&B's names of runs


@dataclass
class Log:
    """A folder in which each experiment has a folder, and in that each run: wandb/offline-run-TIME-HASH."""

    place: str

    def add(self, logged: Logged) -> bool:
        """Write a run.

        Raises:
            RunDirError: the run cannot be read, or the folder not be written.
            ActlabError: W&B cannot write it.
        """
        run, name = logged.run, logged.run.hash[:ID_LENGTH]
        folder = Path(self.place) / logged.experiment
        before = list(folder.glob(f"wandb/offline-run-*-{name}"))
        if any((old / DIGEST).is_file() and (old / DIGEST).read_bytes() == logged.digest.encode() for old in before):
            return False
        rows = defaultdict[int, dict[str, Any]](dict, {step: dict(row) for step, row in logged.rows.items()})
        for of in logged.histograms:
            spread = wandb.Histogram(np_histogram=(of.counts.tolist(), of.edges.tolist()))
            rows[of.step][f"activations/{of.layer}"] = spread
        make_folder(folder)
        discard(*before)
        settings = wandb.Settings(
            console="off", silent=True, disable_git=True, disable_code=True, x_disable_stats=True,
            x_disable_meta=True, x_save_requirements=False, x_disable_machine_info=True,
            x_start_time=logged.began or None,
        )  # fmt: skip
        try:
            with wandb.init(
                mode="offline", dir=folder, project=logged.experiment, id=name, name=run.label,
                group=logged.condition, tags=[run.status], config={**logged.parameters, **logged.tags},
                settings=settings,
            ) as log:  # fmt: skip
                for step, row in sorted(rows.items()):
                    log.log(row, step=step)
                for file in logged.files:
                    log.save(file, base_path=run.path, policy="end", glob=False)
                written = Path(log.settings.sync_dir)
        except (wandb.Error, OSError) as error:
            raise ActlabError(f"wandb: {folder}: {' '.join(str(error).split())[:300]}") from error
        write_bytes(written / DIGEST, logged.digest.encode())
        return True
