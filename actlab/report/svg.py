"""A figure of matplotlib as part of a page: it takes the page's colours and fonts, and brings no code and no style.

Only what is on the lists below is kept, so that nothing a figure could hold runs, loads or restyles the page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

from markupsafe import Markup

from actlab.plots.style import FAINT, INK, PALETTE, QUIET
from actlab.report.words import printable

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
        return made

    def _attributes(self, element: ElementTree.Element) -> dict[str, str]:
        given = {**element.attrib, **_declarations(element.attrib.get("style", ""))}
        made = {name: _value(given[name]) for name in ATTRIBUTES if name in given and PLAIN.fullmatch(given[name])}
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
