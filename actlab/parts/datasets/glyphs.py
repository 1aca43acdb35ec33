"""Masks of characters, drawn with the fonts that Matplotlib ships, at some stroke widths."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SIDE = 40  # of a mask, in pixels; the glyph fills GLYPH of them
GLYPH = 26
DETAIL = 4  # masks are drawn this much larger and then averaged, for fine steps of the stroke width

TEXT_FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif",
    "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic",
    "STIXGeneralBolIta", "cmb10", "cmr10", "cmss10", "cmtt10",
)  # fmt: skip


def glyph_masks(character: str, fonts: Sequence[str], strokes: Sequence[int]) -> NDArray[np.uint8]:
    """Masks `(len(fonts) * len(strokes), SIDE, SIDE)` of one character, 255 inside.

    Every glyph is scaled so that its larger side has GLYPH pixels, and centred.

    Args:
        character: what to draw.
        fonts: file names without ending, in Matplotlib's font folder.
        strokes: widths by which the outline is thickened, in quarters of a mask pixel.
    """
    masks = [_mask(character, font, stroke) for font in fonts for stroke in strokes]
    return np.stack(masks)


def _mask(character: str, font: str, stroke: int) -> NDArray[np.uint8]:
    path = _font_folder() / f"{font}.ttf"
    # The basic layout engine: the other one depends on a library that not every Pillow has.
    trial = ImageFont.truetype(path, 100, layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = trial.getbbox(character)
    size = round(100 * (GLYPH * DETAIL - 2 * stroke) / max(right - left, bottom - top))
    face = trial.font_variant(size=size)
    canvas = Image.new("L", (SIDE * DETAIL, SIDE * DETAIL))
    left, top, right, bottom = face.getbbox(character)
    corner = ((SIDE * DETAIL - left - right) // 2, (SIDE * DETAIL - top - bottom) // 2)
    ImageDraw.Draw(canvas).text(corner, character, fill=255, font=face, stroke_width=stroke)
    return np.asarray(canvas.reduce(DETAIL), np.uint8)


def _font_folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"
