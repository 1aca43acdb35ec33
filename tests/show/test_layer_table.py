"""`actlab show RUN --layers`: the table of what the probes saw, at every width, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from actlab import cli
from actlab.errors import RunDirError
from actlab.show.tables import ASCII, BLOCKS, sparkline
from actlab.spec.config import RunConfig

HEADER = "epoch,step,layer,units,activation_mean,activation_min,activation_max,activation_histogram_00,"
HEADER += "activation_histogram_01,activation_histogram_02,dead_units,gradient_norm_mean,saturated_fraction\n"


@pytest.fixture
def probed(tmp_path: Path, make_run: Callable[..., Path], resolved: Callable[..., RunConfig]) -> Path:
    """A run of three evaluations of two layers, the last of which has no activation."""
    path = make_run(tmp_path / "study", resolved(), [0.9, 0.95, 0.96])
    rows = [
        "1,600,dense,8,0.5,0,2,10,5,0,0,4,0.5", "1,600,logits,10,,,,,,,,2,",
        "2,1200,dense,8,0.25,0,3,10,5,0,4,3,0.25", "2,1200,logits,10,,,,,,,,2.5,",
        "3,1800,dense,8,-0.125,0,4,12,6,0,8,0.001,0", "3,1800,logits,10,,,,,,,,3,",
    ]  # fmt: skip
    (path / "layers.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return path


def show(path: Path, *options: str, **environment: str) -> str:
    runner = CliRunner(env={"COLUMNS": "200", **environment})
    answer = runner.invoke(cli.app, ["show", str(path), "--layers", *options])
    if answer.exception:
        raise answer.exception
    return answer.stdout


def test_a_row_a_layer_with_last_values_and_sparklines(probed: Path) -> None:
    lines = show(probed).splitlines()
    assert lines[0] == f"{probed.name[:-9]}: done"
    header, dense, logits = lines[2:5]
    assert header.split() == [
        "layer", "units", "dead_units", "saturated_fraction", "gradient_norm_mean", "activation_mean",
        "activation_min", "activation_max", "activation_histogram", "(last)",
    ]  # fmt: skip
    assert dense.split() == [
        "dense", "8", "8", "▁▅█", "0", "▅▃▁", "0.001", "█▆▁", "-0.125", "█▅▁", "0", "▁▁▁", "4", "▁▅█", "█▅▁"
    ]  # fmt: skip
    assert logits.split() == ["logits", "10", "3", "▁▅█"]
    said = " ".join(" ".join(lines[5:]).split())
    assert "a sign for each of 3 evaluations (epochs 1 to 3)" in said
    assert "Counts of units go from 0 to the units of the layer, shares from 0 to 1" in said
    assert "from the lowest to the highest value of their own row" in said


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_measure_is_there_at_every_width(width: int, probed: Path) -> None:
    out = show(probed, COLUMNS=str(width))
    assert max(cell_len(line) for line in out.splitlines()) <= width
    for name in HEADER.strip().split(","):
        if name not in ("epoch", "step") and "histogram_" not in name:
            assert name in out.split()
    assert out.count("dense") == sum(line.startswith("layer") for line in out.splitlines())
    assert out.count("logits") == 1, "only in the table that has its gradient norm"
    assert "left out" not in out


def test_many_evaluations_are_shown_in_part(probed: Path) -> None:
    rows = [f"{e},{60 * e},dense,256,{e}\n" for e in range(1, 101)]
    (probed / "layers.csv").write_text("epoch,step,layer,units,dead_units\n" + "".join(rows))
    out = show(probed)
    assert "a sign for 12 of 100 evaluations (epochs 1 to 100)" in " ".join(out.split())
    (cell,) = [word for word in out.split() if word[0] in BLOCKS]
    assert len(cell) == 12
    assert (cell[0], cell[-1]) == ("▂", "▄"), "1 and 100 of 256"


def test_a_terminal_without_blocks_gets_ascii(probed: Path) -> None:
    out = CliRunner(charset="ascii").invoke(cli.app, ["show", str(probed), "--layers"])
    assert out.exit_code == 0
    assert out.stdout.isascii()
    assert ".+@" in out.stdout.split()


def test_as_json(probed: Path) -> None:
    answer = json.loads(show(probed, "--json"))
    assert (answer["status"], answer["epoch"], answer["step"]) == ("done", [1, 2, 3], [600, 1200, 1800])
    dense, logits = answer["layers"]
    assert (dense["layer"], dense["units"], dense["histogram"]) == ("dense", 8, [12, 6, 0])
    assert dense["last"]["dead_units"] == 8
    assert dense["values"]["dead_units"] == [0, 4, 8]
    assert dense["values"]["saturated_fraction"] == [0.5, 0.25, 0]
    assert logits["values"]["gradient_norm_mean"] == [2, 2.5, 3]
    assert logits["values"]["dead_units"] == [None] * 3
    assert logits["histogram"] == [None] * 3


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_run_without_probes_says_what_to_do(option: tuple[str, ...], probed: Path) -> None:
    (probed / "layers.csv").unlink()
    with pytest.raises(RunDirError) as error:
        show(probed, *option)
    assert str(error.value) == (
        f"{probed}: holds no layers.csv, since nothing was probed; put `probes: [dead_units, gradient_norms]`, or "
        "`probes: all`, into the config and train it (`actlab probes` lists them)"
    )


def test_a_run_that_has_just_begun(probed: Path) -> None:
    (probed / "layers.csv").write_text(HEADER)
    with pytest.raises(RunDirError, match="no evaluation yet"):
        show(probed)


@pytest.mark.parametrize(
    "text",
    [
        "dead_units\n1,2,7,3,1\n1,2,7,3,1\n", "dead_units\n1,2,a,3,inf\n2,3,b,,\n", "\x1b[31m\n1,2,\x1b[31m,3,1\n",
        "x\n1,2,[bold],3,1e300\n2,4,[bold],3,-1e300\n", "x\n,,,,\n,,,,1\n", "x\n1,2,a,text,1\n", "x\n1,2,a,3,\n",
    ],
)  # fmt: skip
def test_a_table_from_anywhere_is_shown_or_is_damaged(text: str, probed: Path) -> None:
    (probed / "layers.csv").write_text(f"epoch,step,layer,units,{text}")
    for options in ((), ("--json",)):
        try:
            out = show(probed, *options)
        except RunDirError:
            continue
        assert out.replace("\n", "").isprintable()
        assert not options or json.loads(out)


@pytest.mark.parametrize(
    ("values", "top", "signs"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], None, BLOCKS), ([3, 3, 3], None, "▁▁▁"), ([], None, ""), ([-1, 1], None, "▁█"),
        ([0, 1e-9, 0.5, 1], 1.0, "▁▂▅█"), ([0, 1, 256], 256.0, "▁▂█"), ([300, -5], 256.0, "█▁"), ([0, 0], 0.0, "▁▁"),
        ([math.nan, 1, math.inf, 2], None, " ▁ █"), ([math.nan], None, " "),
    ],
)  # fmt: skip
def test_sparklines(values: list[Any], top: float | None, signs: str) -> None:
    assert sparkline(values, top) == signs
    assert len(sparkline(values, top, ASCII)) == len(values)


def test_signs_of_ascii_are_as_many() -> None:
    assert len(ASCII) == len(set(ASCII)) == len(BLOCKS) and ASCII.isascii()
