"""TensorBoard: a folder a run, with one file of events that is written whole.

TensorBoard's own writers import TensorFlow where it is installed, which takes seconds; its format of a record and its
protocol buffers do not. Scalars are float32: its server passes over those of 64 bits.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.compat.proto.types_pb2 import DT_DOUBLE, DT_FLOAT, DT_STRING
from tensorboard.plugins.histogram import metadata as histogram
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams
from tensorboard.plugins.image import metadata as image
from tensorboard.plugins.scalar import metadata as scalar
from tensorboard.plugins.text import metadata as text
from tensorboard.summary.writer.record_writer import RecordWriter

from actlab.runs.folder import discard, inside, make_folder, write_bytes
from actlab.show.trackers.logged import Logged

ENDS = {"done": api_pb2.STATUS_SUCCESS, "running": api_pb2.STATUS_RUNNING}  # all others are failures


@dataclass
class Log:
    """A folder for `tensorboard --logdir`, in which each run has a folder: EXPERIMENT/RUN."""

    place: str

    def add(self, logged: Logged) -> bool:
        """Write a run; the name of its file says what is in it.

        Raises:
            RunDirError: the run cannot be read, or the folder not be written.
        """
        experiment = Path(self.place) / logged.experiment
        folder = experiment / logged.run.path.name
        file = folder / f"events.out.tfevents.{int(logged.began):010}.actlab.{logged.digest[:16]}"
        if file.exists():
            return False
        buffer = io.BytesIO()
        writer = RecordWriter(buffer)
        for event in _events(logged):
            writer.write(event.SerializeToString(deterministic=True))
        make_folder(folder)
        write_bytes(inside(experiment, folder.name) / file.name, buffer.getvalue())
        discard(*(old for old in folder.glob("events.out.tfevents.*.actlab.*") if old != file))
        return True


def _events(logged: Logged) -> Iterator[Event]:
    yield Event(wall_time=logged.began, file_version="brain.Event:2")
    start = plugin_data_pb2.SessionStartInfo(group_name=logged.run.hash, start_time_secs=logged.began)
    for name, value in logged.parameters.items():
        kind = "bool" if isinstance(value, bool) else "string" if isinstance(value, str) else "number"
        setattr(start.hparams[name], f"{kind}_value", value)
    yield _session(logged.began, hparams.SESSION_START_INFO_TAG, session_start_info=start)
    tags = "".join(f"| {name} | {value.replace('|', ' ')} |\n" for name, value in logged.tags.items())
    yield _event(logged.began, 0, "run", text.create_summary_metadata("", ""), _bytes(f"| | |\n| --- | --- |\n{tags}"))
    seen = set[str]()
    for step, row in logged.rows.items():
        at = logged.at(step)
        for name, number in row.items():
            about = None if name in seen else scalar.create_summary_metadata("", "")  # at the first one only
            seen.add(name)
            yield _event(at, step, name, about, TensorProto(dtype=DT_FLOAT, float_val=[number]))
    for of in logged.histograms:
        buckets = np.stack([of.edges[:-1], of.edges[1:], of.counts], axis=1)
        shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in buckets.shape])
        tensor = TensorProto(dtype=DT_DOUBLE, tensor_shape=shape, tensor_content=buckets.tobytes())
        about = histogram.create_summary_metadata("", "")
        yield _event(logged.at(of.step), of.step, f"activations/{of.layer}", about, tensor)
    last = max(logged.rows)
    for file in logged.files:
        if file.suffix == ".png":
            picture = file.read_bytes()
            width, height = Image.open(io.BytesIO(picture)).size
            tensor = _bytes(str(width), str(height), picture)
            yield _event(logged.ended, last, f"figures/{file.stem}", image.create_summary_metadata("", ""), tensor)
    end = plugin_data_pb2.SessionEndInfo(
        status=ENDS.get(logged.run.status, api_pb2.STATUS_FAILURE), end_time_secs=logged.ended
    )
    yield _session(logged.ended, hparams.SESSION_END_INFO_TAG, session_end_info=end)


def _event(at: float, step: int, tag: str, about: SummaryMetadata | None, tensor: TensorProto) -> Event:
    value = Summary.Value(tag=tag, metadata=about, tensor=tensor)
    return Event(wall_time=at, step=step, summary=Summary(value=[value]))


def _session(at: float, tag: str, **data: Any) -> Event:
    """What the table of hyperparameters is made of."""
    about = hparams.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**data))
    return _event(at, 0, tag, about, hparams.NULL_TENSOR)


def _bytes(*values: str | bytes) -> TensorProto:
    texts = [value.encode() if isinstance(value, str) else value for value in values]
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(texts))] if len(texts) > 1 else [])
    return TensorProto(dtype=DT_STRING, tensor_shape=shape, string_val=texts)
