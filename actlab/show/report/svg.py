"""A figure of matplotlib as part of a page: it takes the page's colours and fonts, and brings no code and no style.

Only what is on the lists below is kept, so that nothing a figure could hold runs, loads or restyles the page. Long
lines are written in as few signs as can be seen: in tenths of a point, and once where panels repeat them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from xml.etree import ElementTree

from markupsafe import Markup

from actlab.show.plots.style import FAINT, INK, PALETTE, QUIET
from actlab.show.report.words import printable

SVG, XLINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}"
TAGS = ("svg", "g", "defs", "path", "use", "clipPath", "rect", "image", "text", "tspan")
PLAIN = re.compile(r"[\w.,%()# +-]*")  # a value that can hold no address
ATTRIBUTES = (
    "x", "y", "width", "height", "viewBox", "d", "transform", "fill", "fill-opacity", "fill-rule", "stroke",
    "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-dashoffset", "stroke-linejoin", "stroke-linecap",
    "opacity", "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline", "preserveAspectRatio",
)  # fmt: skip
NUMBER = re.compile(r"-?\d+\.\d{3,}")
SAME_PLACE = re.compile(r"rotate\(-?0(\.0*)?[ )]")
# the colours of a figure, as the variables that the page has for its light and its dark look
COLORS = {
    **{color.lower(): f"var(--c{i})" for i, color in enumerate(PALETTE)},
    INK.lower(): "var(--ink)", QUIET.lower(): "var(--quiet)", FAINT.lower(): "var(--faint)",
    "#ffffff": "var(--paper)", "#e6e6e6": "var(--grid)", "#8a8a8a": "var(--axis)", "#a33b00": "var(--alert)",
    "#bfbfbf": "var(--axis)",
}  # fmt: skip
PIXELS_A_POINT = 1.4  # letters of ten points are fourteen pixels high
MANY_POINTS = 8  # from which on the points of a line are thinned: ticks, frames and the cells of a map stay as they are
CLOSE_TENTHS = 7  # of a point, which is a pixel: points of a line that are no further apart are drawn as one
WORTH_SHARING = 150  # signs of a shape that is written once for all places where it is drawn
POLYLINE = re.compile(r"[ML\d.\s-]*z?\s*")
CONDITION = "condition "  # how the group of a condition begins its id


def inline(text: str, prefix: str, title: str, description: str, numbers: Mapping[str, int]) -> Markup:
    """An SVG document as an element of a page.

    Args:
        text: as matplotlib writes it, text kept as text.
        prefix: makes its ids its own.
        title: what the figure is; with the description the text that replaces it for those who cannot see it.
        description: what it shows, with its numbers.
        numbers: condition to its number in the page; groups whose id is "condition " and its name get it.

    Raises:
        ElementTree.ParseError: the text is no XML.
    """
    figure = _Figure(prefix, numbers)
    root = figure.clean(ElementTree.fromstring(text))
    figure.shorten(root)
    label = printable(f"{title}. {description}")
    view = root.get("viewBox", "0 0 1 1")
    # the same size of letters in every figure, whatever its width
    root.attrib = {"viewBox": view, "width": f"{float(view.split()[2]) * PIXELS_A_POINT:.0f}", "role": "img"}
    root.set("aria-label", label)
    if figure.own_colors:
        root.set("class", "on-white")
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=True))


class _Figure:
    def __init__(self, prefix: str, numbers: Mapping[str, int]) -> None:
        self.prefix, self.numbers = prefix, numbers
        self.own_colors = False  # such as those of a map, which are chosen for a white ground

    def clean(self, element: ElementTree.Element) -> ElementTree.Element:
        """The element with what is allowed in it, without namespaces: a page knows them."""
        made = ElementTree.Element(element.tag.removeprefix(SVG), self._attributes(element))
        made.text, made.tail = _text(element), None
        for child in element:
            if isinstance(child.tag, str) and child.tag.removeprefix(SVG) in TAGS:
                kept = self.clean(child)
                # groups that only named a part for matplotlib
                made.extend(list(kept) if kept.tag == "g" and not kept.attrib else [kept])
        _join(made)
        return made

    def shorten(self, root: ElementTree.Element) -> None:
        """Write the lines of a figure in few signs; shapes that are drawn at several places stand in it once."""
        found = [(element, _line(element.get("d", ""))) for element in root.iter("path") if "d" in element.attrib]
        often = Counter(line[1] for _, line in found if line)
        shared = {shape: f"{self.prefix}-line{i}" for i, shape in enumerate(often)
                  if often[shape] > 1 and len(shape) >= WORTH_SHARING}  # fmt: skip
        for element, line in found:
            if line is None:
                element.set("d", _value(element.get("d", "")))
            elif line[1] in shared and "id" not in element.attrib:
                _refer(element, line[0], shared[line[1]])
            else:
                element.set("d", "M{} {}".format(*line[0]) + line[1])
        if shared:
            shapes = ElementTree.SubElement(root, "defs")
            shapes.extend(ElementTree.Element("path", {"id": i, "d": f"M0 0{shape}"}) for shape, i in shared.items())

    def _attributes(self, element: ElementTree.Element) -> dict[str, str]:
        given = {**element.attrib, **_declarations(element.attrib.get("style", ""))}
        made = {name: given[name] if name == "d" else _value(given[name])
                for name in ATTRIBUTES if name in given and PLAIN.fullmatch(" ".join(given[name].split()))}  # fmt: skip
        if SAME_PLACE.match(made.get("transform", "")):
            del made["transform"]
        for name in ("fill", "stroke"):
            if name in made:
                self.own_colors |= made[name].lower() not in COLORS and made[name] not in ("none", "black")
                made[name] = COLORS.get(made[name].lower(), made[name])
        return {**made, **self._references(element, given)}

    def _references(self, element: ElementTree.Element, given: Mapping[str, str]) -> dict[str, str]:
        """Ids that something refers to, and what refers to them: within this figure only."""
        found: dict[str, str] = {}
        tag, name = element.tag.removeprefix(SVG), given.get("id", "")
        if tag in ("path", "clipPath") and name:
            found["id"] = self._own(name)
        elif name.startswith(CONDITION) and (number := self.numbers.get(name.removeprefix(CONDITION))) is not None:
            found["data-condition"] = str(number)
        clip = re.fullmatch(r"url\(#([^)]*)\)", given.get("clip-path", ""))
        if clip:
            found["clip-path"] = f"url(#{self._own(clip[1])})"
        link = given.get(f"{XLINK}href", given.get("href", ""))
        if tag == "use" and link.startswith("#"):
            found["href"] = f"#{self._own(link[1:])}"
        if tag == "image" and re.fullmatch(r"data:image/(png|webp);base64,[A-Za-z0-9+/=\s]*", link):
            found["href"] = re.sub(r"\s", "", link)
        return found

    def _own(self, name: str) -> str:
        return f"{self.prefix}-{re.sub(r'[^A-Za-z0-9_-]', '', name)}"


def _join(parent: ElementTree.Element) -> None:
    """Make one path of lines that follow each other and look the same, such as those behind a panel."""
    last: ElementTree.Element | None = None
    for element in list(parent):
        look = {**element.attrib, "d": ""}
        plain = (
            element.tag == "path" and look.get("fill") == "none" and not {"id", "opacity", "stroke-opacity"} & set(look)
        )
        if plain and last is not None and {**last.attrib, "d": ""} == look:
            last.set("d", f"{last.get('d')} {element.get('d')}")
            parent.remove(element)
        else:
            last = element if plain else None


def _line(path: str) -> tuple[tuple[str, str], str] | None:
    """Where a line of many points begins, and its shape from there in tenths of a point; None of any other path.

    A point that lies within a pixel of the last one that is kept is dropped; the ends of a line stay.
    """
    if path.count("L") < MANY_POINTS or not POLYLINE.fullmatch(path):
        return None
    pieces = [part.replace("L", " ").replace("z", " ").split() for part in path.split("M")[1:]]
    left, top = (float(number) for number in pieces[0][:2])
    steps: list[str] = []
    here = (0, 0)
    for piece in pieces:
        places = [
            (round(10 * (float(x) - left)), round(10 * (float(y) - top)))
            for x, y in zip(piece[::2], piece[1::2], strict=True)
        ]
        kept = _thinned(places)
        steps.append(_steps("m", here, kept[:1]) if steps else "")
        steps.append(_steps("l", kept[0], kept[1:]))
        here = kept[-1]
    return (_value(f"{left:.3f}"), _value(f"{top:.3f}")), "".join(steps) + ("z" if "z" in path else "")


Place = tuple[int, int]


def _thinned(places: list[Place]) -> list[Place]:
    kept = places[:1]
    for x, y in places[1:-1]:
        if abs(x - kept[-1][0]) >= CLOSE_TENTHS or abs(y - kept[-1][1]) >= CLOSE_TENTHS:
            kept.append((x, y))
    return [*kept, *places[1:][-1:]]


def _steps(command: str, here: Place, places: list[Place]) -> str:
    """A command of a path with the steps from place to place; a sign before a number is a gap, too."""
    made = []
    for x, y in places:
        made += [x - here[0], y - here[1]]
        here = (x, y)
    numbers = " ".join(f"{number / 10:g}" for number in made)
    return command + numbers.replace(" -", "-") if made else ""


def _refer(element: ElementTree.Element, place: tuple[str, str], name: str) -> None:
    """Draw a shape that stands elsewhere, clipped where it is drawn."""
    clip = element.attrib.pop("clip-path", None)
    look = {key: value for key, value in element.attrib.items() if key != "d"}
    drawn = {"href": f"#{name}", "x": place[0], "y": place[1], **look}
    element.attrib.clear()
    if clip is None:
        element.tag = "use"
        element.attrib.update(drawn)
        return
    element.tag = "g"
    element.set("clip-path", clip)
    ElementTree.SubElement(element, "use", drawn)


def _declarations(style: str) -> dict[str, str]:
    """A style attribute, which a page with a strict policy ignores, as attributes."""
    pairs = (declaration.partition(":") for declaration in style.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip() != "id"}


def _value(text: str) -> str:
    """With two decimals, which is a hundredth of a pixel, and without needless space."""
    rounded = NUMBER.sub(lambda match: format(float(match[0]), ".2f").rstrip("0").rstrip("."), text)
    return " ".join(rounded.split())


def _text(element: ElementTree.Element) -> str | None:
    """The words of a text; elsewhere there is only space between elements."""
    return element.text if element.tag.removeprefix(SVG) in ("text", "tspan") else None
