"""The pictures of a run directory. They are drawn in `show`; this name stays until nobody imports it from here."""

from actlab.show.figures.run import draw_run as draw

__all__ = ["draw"]
