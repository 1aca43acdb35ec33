"""Figures are read back through their artists: what is drawn, what is said, and that bytes repeat."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from PIL import Image

from actlab.show.figures.axes import spread
from actlab.show.figures.curves import MOST_CELLS, curves_figure, history_figure
from actlab.show.figures.style import (
    DARK,
    LIGHT,
    PALETTE,
    Heading,
    Look,
    apart,
    dark_colors,
    fitted,
    literal,
    look,
    looks,
    png,
    svg,
    text_width,
)

HOSTILE = ["$\\frac$", "<script>alert(1)</script>", "a_{b}^2 & co.", "100 %", "\\", "_hidden", "$x$ $"]


def history(epochs: int = 20, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    epoch = np.arange(1, epochs + 1)
    rising = 0.97 - 0.2 * np.exp(-0.4 * epoch) + random.normal(0, 0.003, epochs)
    return pd.DataFrame(
        {"epoch": epoch, "step": 600 * epoch, "loss": 1.2 - rising, "accuracy": rising + 0.01,
         "val_loss": 1.3 - rising, "val_accuracy": rising, "learning_rate": 0.1}
    )  # fmt: skip


def study(conditions: list[str], seeds: int, epochs: int = 10) -> pd.DataFrame:
    runs = [
        history(epochs, 100 * index + seed).assign(condition=name, seed=seed)
        for index, name in enumerate(conditions)
        for seed in range(seeds)
    ]
    return pd.concat(runs, ignore_index=True)


def overlay(curves: pd.DataFrame, metric: str, title: str, note: str = "") -> Figure:
    return curves_figure(curves, [metric], Heading(title, note))


def titles(figure: Figure, names: list[str]) -> list[str]:
    """Which of the names stand over panels, in their order."""
    return [text.get_text() for text in figure.axes[0].texts if text.get_text() in names]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def lines(figure: Figure, panel: int = 0) -> dict[str, Any]:
    return {line.get_label(): line for line in figure.axes[panel].lines}


def band(figure: Figure, index: int) -> pd.DataFrame:
    """The lower and upper edge of a band by epoch, read from its outline."""
    from matplotlib.collections import FillBetweenPolyCollection

    bands = [c for c in figure.axes[0].collections if isinstance(c, FillBetweenPolyCollection)]
    corners = pd.DataFrame(bands[index].get_paths()[0].vertices, columns=["epoch", "value"])
    return corners.groupby("epoch")["value"].agg(["min", "max"])


@pytest.mark.parametrize("by", ["val_accuracy", "val_loss"])
@pytest.mark.parametrize(("metric", "label"), [("accuracy", "accuracy (% correct)"),
                                               ("loss", "loss (mean per sample)")])  # fmt: skip
def test_history(metric: str, label: str, by: str) -> None:
    """The ring is at the best epoch of run.json in both figures, whichever metric decides it."""
    frame = history()
    frame.loc[4, "val_loss"] = 0.3  # the best by loss is another than by accuracy
    figure = history_figure(frame, metric, Heading("relu, seed 0", "stand-in: synth_mnist"), by=by)
    (axes,) = figure.axes
    assert axes.get_ylabel() == label
    assert axes.get_xlabel() == "epoch"
    drawn = lines(figure)
    assert set(drawn) == {"training", "validation", "best"}
    np.testing.assert_array_equal(drawn["training"].get_xydata(), frame[["epoch", metric]])
    np.testing.assert_array_equal(drawn["validation"].get_xydata(), frame[["epoch", f"val_{metric}"]])
    row = frame.loc[frame[by].idxmax() if by == "val_accuracy" else frame[by].idxmin()]
    np.testing.assert_array_equal(drawn["best"].get_xydata(), [[row["epoch"], row[f"val_{metric}"]]])
    best_value = row[f"val_{metric}"]
    written = f"{100 * best_value:.2f}%" if metric == "accuracy" else f"{best_value:.4f}"
    said = f"n = 1 run; ring: best validation {metric}, {written} at epoch {row['epoch']:g}"
    if by != f"val_{metric}":
        decided = by.replace("val_", "validation ")
        said = f"n = 1 run; ring: best {decided}, at epoch {row['epoch']:g} ({metric} {written})"
    named = {"training, running mean", "validation"}
    assert {"relu, seed 0", "stand-in: synth_mnist", said, *named} <= set(texts(figure))


def test_history_of_a_run_that_measured_its_training_at_inference_and_validated_on_the_test_images() -> None:
    frame = history().assign(train_eval_accuracy=0.99)
    figure = history_figure(frame, "accuracy", Heading("t"), on_test=True)
    assert {"training, running mean", "training", "test"} <= set(texts(figure)) and "validation" not in texts(figure)
    np.testing.assert_array_equal(lines(figure)["training"].get_ydata(), frame["train_eval_accuracy"])
    assert any("ring: best test accuracy, " in text for text in texts(figure))


def test_history_of_one_epoch_has_markers() -> None:
    drawn = lines(history_figure(history(1), "accuracy", Heading("short")))
    assert drawn["training"].get_marker() == drawn["validation"].get_marker() == "o"
    assert lines(history_figure(history(40), "accuracy", Heading("long")))["training"].get_marker() == ""


def test_history_in_steps() -> None:
    frame = history()
    figure = history_figure(frame.assign(epoch=frame["epoch"] / 7), "accuracy", Heading("steps"))
    assert figure.axes[0].get_xlabel() == "step (mini-batches)"
    np.testing.assert_array_equal(lines(figure)["training"].get_xdata(), frame["step"])


def test_history_that_is_not_finite() -> None:
    frame = history()
    frame.loc[15:, ["accuracy", "val_accuracy"]] = [np.inf, np.nan]
    figure = history_figure(frame, "accuracy", Heading("diverged"))
    assert any("not finite: 5 of 20 rows" in text for text in texts(figure))
    assert np.isnan(lines(figure)["training"].get_ydata()[15:]).all()
    nothing = history_figure(frame.assign(loss=np.nan, val_loss=np.inf), "loss", Heading("nothing"))
    assert "no finite value" in texts(nothing)
    assert png(nothing).startswith(b"\x89PNG")


def test_history_without_validation() -> None:
    figure = history_figure(history().drop(columns="val_loss"), "loss", Heading("no validation"))
    assert set(lines(figure)) == {"training"}
    assert "n = 1 run" in texts(figure)


def test_loss_that_explodes_is_drawn_on_a_log_scale_and_says_so() -> None:
    frame = history()
    frame.loc[5, "loss"] = 1e6
    figure = history_figure(frame, "loss", Heading("spike"))
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[0].get_ylabel() == "loss (mean per sample), log scale"
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert not any("$" in tick for tick in ticks), ticks


def test_accuracy_has_no_tick_over_one() -> None:
    figure = history_figure(history().assign(accuracy=1.0), "accuracy", Heading("perfect"))
    assert max(figure.axes[0].get_yticks()) <= 1


def test_overlay_equals_pandas() -> None:
    curves = study(["relu", "tanh", "elu"], 4)
    figure = overlay(curves, "val_accuracy", "three", note="stand-in")
    drawn = lines(figure)
    assert list(drawn) == ["relu", "tanh", "elu"]
    for index, name in enumerate(drawn):
        by_epoch = curves[curves["condition"] == name].groupby("epoch")["val_accuracy"]
        np.testing.assert_allclose(drawn[name].get_ydata(), by_epoch.mean(), rtol=1e-15)
        np.testing.assert_array_equal(band(figure, index), by_epoch.agg(["min", "max"]))
        assert drawn[name].get_color() == PALETTE[index]
    assert figure.axes[0].get_ylabel() == "validation accuracy (% correct)"
    subtitle = "line: mean over seeds; band: smallest to largest seed; n = 4 seeds each"
    assert {subtitle, "stand-in", "relu", "tanh"} <= set(texts(figure))


def test_overlay_of_one_seed_has_no_band() -> None:
    figure = overlay(study(["relu", "tanh"], 1), "val_loss", "one")
    assert "n = 1 seed each, so no band" in texts(figure)
    with pytest.raises(IndexError):
        band(figure, 0)


def test_overlay_says_where_seeds_are_missing() -> None:
    curves = study(["relu", "tanh", "elu"], 3)
    early = (curves["condition"] == "tanh") & (curves["epoch"] > 6)
    one_early = (curves["condition"] == "relu") & (curves["seed"] == 2) & (curves["epoch"] > 4)
    gone = (curves["condition"] == "elu") & (curves["seed"] == 1)
    curves.loc[(curves["condition"] == "elu") & (curves["seed"] == 2), "val_loss"] = np.nan
    figure = overlay(curves[~early & ~one_early & ~gone], "val_loss", "unequal")
    said = texts(figure)
    assert {"relu  n = 2 of 3", "tanh  n = 3, to epoch 6", "elu  n = 1 of 2"} <= set(said)
    heading = " ".join(text.get_text() for text in figure.texts)
    assert heading.endswith("n = 2 to 3 seeds, at the end fewer where it is said; dotted: not all seeds")
    solid = lines(figure)["relu"]
    assert solid.get_xdata().max() == 4
    dotted = [line for line in figure.axes[0].lines if line.get_linestyle() == ":"]
    np.testing.assert_array_equal(dotted[0].get_xdata(), np.arange(4, 11))
    two = curves[(curves["condition"] == "relu") & (curves["seed"] < 2)].groupby("epoch")["val_loss"].mean()
    np.testing.assert_allclose(dotted[0].get_ydata()[1:], two.loc[5:])


def test_overlay_without_a_finite_value() -> None:
    figure = overlay(study(["a", "b"], 2).assign(loss=np.nan), "loss", "nothing")
    assert "no finite value" in texts(figure)
    assert png(figure).startswith(b"\x89PNG")
    assert png(overlay(study(["a"], 1).iloc[:0], "loss", "no rows")).startswith(b"\x89PNG")


@pytest.mark.parametrize("count", [9, 24])
def test_many_conditions_get_a_panel_each(count: int) -> None:
    names = [f"condition {index}" for index in range(count)]
    curves = study(names, 2, epochs=4)
    figure = overlay(curves, "val_accuracy", "many")
    assert titles(figure, names) == names
    (axes,) = figure.axes
    places = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert len({(round(places[name].x0), round(places[name].y0)) for name in names}) == count, "beside each other"
    for place, name in enumerate(names):
        mean = curves[curves["condition"] == name].groupby("epoch")["val_accuracy"].mean()
        line = lines(figure)[name]
        np.testing.assert_allclose(line.get_ydata(), mean)
        assert line.get_gid() == f"condition-{place}"
        (x, _), title = line.get_transform().transform(line.get_xydata()[0]), places[name]
        assert title.x0 <= x <= title.x0 + 30, "each in the panel that bears its name"
    others = [c for c in axes.collections if isinstance(c, PathCollection) and c.get_zorder() == 1]
    (grey,) = others
    assert len(grey.get_offsets()) == count and len(grey.get_paths()[0].vertices) == 4 * count
    said = " ".join(text.get_text() for text in figure.texts)
    assert said.endswith("n = 2 seeds each; grey: all others")
    for text in axes.texts:
        assert figure.bbox.x0 <= text.get_window_extent().x0 and text.get_window_extent().x1 <= figure.bbox.x1


def test_labels_at_line_ends_do_not_overlap() -> None:
    names = [f"activation number {index}" for index in range(8)]
    figure = overlay(study(names, 2), "val_accuracy", "eight")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text() in names]
    assert len(boxes) == 8
    for i, box in enumerate(boxes):
        assert box.x1 <= figure.bbox.x1
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


@pytest.mark.parametrize("count", [8, 9])
def test_a_loss_that_spans_much_fills_a_logarithmic_axis(count: int) -> None:
    curves = study([f"c{i}" for i in range(count)], 2, epochs=4)
    curves["loss"] = 10.0 ** -curves["epoch"]
    for axes in overlay(curves, "loss", "much").axes:
        low, high = axes.get_ylim()
        assert axes.get_yscale() == "log"
        assert 1e-5 < low < 1e-4 < 1e-1 < high < 1


def test_of_very_many_conditions_some_are_named_and_all_are_drawn() -> None:
    names = [f"c{i}" for i in range(MOST_CELLS + 5)]
    figure = overlay(study(names, 1, epochs=2), "val_accuracy", "very many")
    assert titles(figure, names) == names[:MOST_CELLS]
    said = " ".join(text.get_text() for text in figure.texts)
    assert f"the first {MOST_CELLS} of {MOST_CELLS + 5} conditions; grey: all conditions" in said


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_drawn_as_they_are(name: str) -> None:
    together = overlay(study([name, "other"], 2), "val_accuracy", name, note=name)
    panels = overlay(study([name, *map(str, range(8))], 1, epochs=2), "loss", name)
    for figure in (together, panels, history_figure(history(), "accuracy", Heading(name, name))):
        assert name in texts(figure)
        assert not any(text.get_parse_math() for text in figure.findobj(Text) if text.get_text() == name)
        root = ET.fromstring(svg(figure))
        assert name in ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
        assert png(figure).startswith(b"\x89PNG")


FORMULA = "where(x > 0, x + 0.5 * sin(x), {} * x) * sigmoid(2 * x + 1) + 0.01 * x ** 2"


@pytest.mark.parametrize("names", [
    [FORMULA.format(i / 100) for i in range(40)],
    ["a" * 60 + str(i) + "b" * 60 + str(j) + "c" * 60 for i in range(5) for j in range(8)],  # equal at all places
    [f"no batch norm, learning rate {rate}, momentum 0.5, epsilon 1e-14, sigmoid" for rate in range(40)],
    ["x" * 300 + " " * i for i in range(3)],  # which no shortening tells apart
])  # fmt: skip
@pytest.mark.parametrize("lines", [1, 3])
def test_no_two_names_are_shortened_to_one(names: list[str], lines: int) -> None:
    found = apart(names, 1.6, most=lines)
    assert len(set(found)) == len(names)
    assert all(text_width(line) <= 1.6 and text.count("\n") < lines for text in found for line in text.split("\n"))


def test_names_are_shortened_by_what_they_share() -> None:
    assert apart(["relu, batch 10", "tanh, batch 10"], 3) == ["relu, batch 10", "tanh, batch 10"], "no more than needed"
    long = [f"no batch norm, rate {rate}, momentum 0.5, epsilon 1e-14" for rate in (0.01, 0.3)]
    assert apart(long, 2.0) == ["rate 0.01", "rate 0.3"]
    formulas = apart([FORMULA.format(i / 100) for i in range(40)], 2.2)
    assert formulas[7] == "…* sin(x), 0.07 * x) * sigm…"


def test_conditions_of_one_evaluation_are_points_with_their_spread() -> None:
    figure = overlay(study(["relu", "tanh"], 4, epochs=1), "val_accuracy", "t")
    drawn, (axes,) = lines(figure), figure.axes
    assert drawn["relu"].get_marker() == "o" and drawn["relu"].get_xdata()[0] < drawn["tanh"].get_xdata()[0]
    spread = study(["relu", "tanh"], 4, epochs=1).groupby("condition")["val_accuracy"].agg(["min", "max"])
    bars = [bar.get_segments()[0][:, 1] for bar in axes.collections if bar.get_gid() and hasattr(bar, "get_segments")]
    assert any(np.allclose(bar, spread.loc["relu"]) for bar in bars)
    assert any("point: mean over seeds; bar: smallest to largest seed" in text for text in texts(figure))
    many = overlay(study([f"condition {i}" for i in range(12)], 3, epochs=1), "val_accuracy", "t")
    assert len([line for line in many.axes[0].lines if line.get_marker() == "o"]) == 12


def test_behind_many_conditions_are_areas_and_no_thicket_of_lines() -> None:
    curves = study([f"condition {i}" for i in range(30)], 1)
    curves = curves[(curves["condition"] != "condition 3") | (curves["epoch"] < 6)]
    figure = overlay(curves, "val_accuracy", "t")
    areas = [c for c in figure.axes[0].collections if isinstance(c, PathCollection) and c.get_zorder() == 0.8]
    means = curves.pivot(index="epoch", columns="condition", values="val_accuracy")
    for area, (low, high) in zip(areas, ((0, 1), (0.25, 0.75)), strict=True):
        corners = area.get_paths()[0].vertices
        np.testing.assert_allclose(corners[:10, 1], means.quantile(low, axis=1))
        np.testing.assert_allclose(corners[10:20, 1], means.quantile(high, axis=1)[::-1])
    assert any("grey: all conditions, and darker the half of them in the middle" in text for text in texts(figure))


def test_a_lost_seed_is_drawn_up_to_where_it_was_lost() -> None:
    curves = study(["relu", "tanh", "elu"], 3)
    curves["lost"] = (curves["condition"] == "tanh") & (curves["seed"] == 1) | (curves["condition"] == "elu")
    gone = curves["lost"] & ((curves["epoch"] > 4) | (curves["condition"] == "elu"))
    curves.loc[gone, "val_accuracy"] = np.nan
    figure = overlay(curves, "val_accuracy", "t")
    (cross,) = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    of = curves[(curves["condition"] == "tanh") & (curves["seed"] == 1)].set_index("epoch")["val_accuracy"]
    assert cross.get_xydata().tolist() == [[4, of[4]]] and cross.get_color() == PALETTE[1]
    (way,) = [
        line for line in figure.axes[0].lines if line.get_linestyle() == ":" and list(line.get_xdata())[:2] == [1, 2]
    ]
    np.testing.assert_array_equal(way.get_ydata(), of[:4])
    said = " ".join(texts(figure))
    assert "tanh  n = 2 of 3" in said and "×: where a seed was lost" in said
    assert "not drawn, without a finite value: elu" in said


def test_controls_and_length_of_names() -> None:
    assert literal("\x1b[31mred\n\tline\u202e") == "·[31mred  line·" and literal("\ud83d") == "·"
    long = "optimizer.learning_rate=" + "0" * 300 + ", seed=1"
    cut = fitted(long, 2.0, 10)
    assert text_width(cut, 10) <= 2.0
    assert cut.startswith("optim") and cut.endswith("seed=1") and "…" in cut
    figure = overlay(study([long, "日本語", "\u202e"], 2), "loss", long * 3, note="日本語 " * 200)
    assert figure.get_size_inches()[0] < 9
    png(figure)
    assert len(figure.texts) == 3 + 3 + 1
    for text in figure.texts:
        bold = text.get_fontweight() == "bold"
        assert text_width(text.get_text(), text.get_fontsize(), bold) <= figure.get_size_inches()[0] - 0.3


@pytest.mark.parametrize("width", [6.0, 6.01, 6.02, 6.03, 6.2, 7.38, 8.06, 9.02])
def test_no_row_of_a_png_is_shifted(width: float) -> None:
    figure = Figure(figsize=(width, width - 1.3))
    figure.add_artist(Line2D([0.5, 0.5], [0, 1], color="black", linewidth=3))
    with Image.open(io.BytesIO(png(figure))) as picture:
        darkest = np.asarray(picture.convert("L")).argmin(axis=1)
    assert np.ptp(darkest) == 0, "an upright line leans"


def test_same_data_same_bytes() -> None:
    curves, frame = study(["relu", "tanh"], 3), history()
    for draw in (lambda: overlay(curves, "val_loss", "t"), lambda: history_figure(frame, "loss", Heading("t"))):
        first, second = draw(), draw()
        assert png(first) == png(second) == png(first)
        assert svg(first) == svg(second) == svg(first)
    data = png(first)
    assert b"Software" not in data and b"matplotlib" not in data.lower()
    assert "<dc:date>" not in svg(first)
    assert Image.open(io.BytesIO(data)).size == tuple((150 * first.get_size_inches()).astype(int))


def test_same_bytes_in_threads_and_whatever_the_user_configured() -> None:
    frame = history()
    expected = png(history_figure(frame, "loss", Heading("t")))
    found: list[bytes] = []

    def draw() -> None:
        found.append(png(history_figure(frame, "loss", Heading("t"))))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    with matplotlib.rc_context({"font.size": 30, "axes.grid": False, "text.parse_math": True, "figure.dpi": 33}):
        before = dict(matplotlib.rcParams)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert dict(matplotlib.rcParams) == before
    assert found == [expected] * 4


def test_looks_follow_first_appearance() -> None:
    chosen = looks(["b", "a", "b", *map(str, range(58))])
    assert list(chosen)[:2] == ["b", "a"]
    assert chosen["b"].color == PALETTE[0] and chosen["a"].color == PALETTE[1]
    assert len(set(chosen.values())) == len(chosen) == 60
    assert [look.gid for look in chosen.values()] == [f"condition-{place}" for place in range(60)]


def test_dashes_are_told_apart_by_their_dots() -> None:
    assert [look(place).linestyle for place in (0, 7)] == ["-", "-"]
    dots = [(len(look(8 * place).linestyle[1]) - 2) // 2 for place in range(1, 8)]
    assert dots == list(range(7)), "a dash, a dash and a dot, a dash and two dots, ..."


def test_on_a_dark_ground_every_colour_has_its_partner() -> None:
    assert [dark_colors()[color.lower()] for color in LIGHT] == [color.lower() for color in DARK]


def test_everything_of_a_condition_has_its_id() -> None:
    root = ET.fromstring(svg(overlay(study(["relu", "tanh"], 2), "val_accuracy", "t")))
    ids = [element.get("id") for element in root.iter()]
    assert ids.count("condition-0") == ids.count("condition-1") == 4, "line, band, name, and what leads to it"
    assert Look("#000000").gid is None


def test_spread_keeps_order_gap_and_bounds() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        wanted = list(random.uniform(-0.2, 3.2, random.integers(1, 9)))
        places = spread(wanted, 0.2, 3.0)
        in_order = [places[i] for i in np.argsort(wanted)]
        assert (np.diff(in_order) >= 0.2 - 1e-9).all()
        assert min(places) >= 0 and max(places) <= 3 + 1e-9
    assert spread([1.0, 1.0], 0.2, 3.0) == pytest.approx([0.9, 1.1])
    assert spread([0.5, 2.0], 0.2, 3.0) == pytest.approx([0.5, 2.0])


def test_import_is_light_and_never_touches_pyplot() -> None:
    code = (
        "import sys, pandas as pd\n"
        "from actlab.show.figures import comparison, curves, histograms, run, style\n"
        "assert 'matplotlib' not in sys.modules\n"
        "style.png(curves.history_figure(pd.DataFrame({'epoch': [1], 'loss': [1.0]}), 'loss', style.Heading('t')))\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'tensorflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
