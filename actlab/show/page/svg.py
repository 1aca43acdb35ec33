"""A figure of Matplotlib as part of a page: it takes the page's colours, and brings no code, no style and no address.

Only what is on the lists below is kept. A style attribute, which the page's policy forbids, becomes attributes; ids
become those of one figure; what belongs to a condition gets `data-condition`, by which the page singles it out.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree

from markupsafe import Markup

from actlab.show.figures.style import DARK, LIGHT, PALETTE, dark_colors
from actlab.show.words import printable

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
TAGS = ("g", "defs", "path", "use", "clipPath", "rect", "image", "text", "tspan")
ATTRIBUTES = (
    "x", "y", "width", "height", "d", "transform", "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width",
    "stroke-opacity", "stroke-dasharray", "stroke-dashoffset", "stroke-linejoin", "stroke-linecap", "opacity",
    "font-size", "font-weight", "font-style", "text-anchor", "dominant-baseline", "preserveAspectRatio",
)  # fmt: skip
WIDE = 560  # points, from which on no other figure has room beside it
PLAIN = re.compile(r"[\w.,%()# +-]*")  # a value that can hold no address
NAME, CONDITION = re.compile(r"[\w-]+"), re.compile(r"condition-(\d+)")
PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/=\s]*")
LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
NO_TURN = re.compile(r"rotate\(-?0(\.0*)?[ )]")
VARIABLES = [*(f"c{i}" for i in range(len(PALETTE))), "ink", "quiet", "faint", "alert", "paper", "grid", "axis"]
COLORS = {color.lower(): f"var(--{name})" for color, name in zip(LIGHT, VARIABLES, strict=True)}


def color_style() -> str:
    """The colours of figures as CSS variables, for a light page and a dark one."""
    light, dark = (
        "".join(f"--{name}:{color};" for name, color in zip(VARIABLES, colors, strict=True)) for colors in (LIGHT, DARK)
    )
    return f":root,.on-white{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"


def inline(text: str, prefix: str, label: str) -> Markup:
    """An SVG document as an element of a page.

    Args:
        text: as Matplotlib writes it.
        prefix: makes its ids its own.
        label: the text that replaces it for those who cannot see it.

    Raises:
        ElementTree.ParseError: the text is no XML.
    """
    source = ElementTree.fromstring(text)
    made = _kept(source, prefix)
    colors = {made_of.get(name, "none") for made_of in made.iter() for name in ("fill", "stroke")}
    made.attrib = {key: source.get(key, "") for key in ("viewBox", "width") if PLAIN.fullmatch(source.get(key, ""))}
    made.attrib |= {"role": "img", "aria-label": printable(label)}
    on_white = any(color.startswith("#") for color in colors)  # those of a map are chosen for a white ground
    wide = float(made.get("width", "0").rstrip("pt") or 0) > WIDE
    made.set("class", "on-white " * on_white + "wide" * wide)
    return Markup(ElementTree.tostring(made, encoding="unicode"))


def _kept(element: ElementTree.Element, prefix: str) -> ElementTree.Element:
    """The element with what is allowed in it, without namespaces: a page knows them."""
    made = ElementTree.Element(str(element.tag).removeprefix(SVG), _attributes(element, prefix))
    made.text = element.text if made.tag in ("text", "tspan") else None
    for child in element:
        if isinstance(child.tag, str) and child.tag.removeprefix(SVG) in TAGS:
            kept = _kept(child, prefix)
            made.extend(list(kept) if kept.tag == "g" and not kept.attrib else [kept])  # groups that only named a part
    return made


def _attributes(element: ElementTree.Element, prefix: str) -> dict[str, str]:
    styles = (declaration.partition(":") for declaration in element.get("style", "").split(";"))
    given = {**element.attrib, **{name.strip(): value.strip() for name, _, value in styles}}
    made = {}
    for name in ATTRIBUTES:
        value = " ".join(given.get(name, "").split())
        if value and PLAIN.fullmatch(value) and not NO_TURN.match(value):
            value = LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), value)
            light = value.lower()
            dark = dark_colors().get(light) if light.startswith("#") and light not in COLORS else None  # of layers
            made[name] = f"light-dark({light},{dark})" if dark else COLORS.get(light, value)
    name, link = element.get("id", ""), element.get(LINK, element.get("href", ""))
    if condition := CONDITION.fullmatch(name):
        made["data-condition"] = condition[1]
    elif element.tag in (f"{SVG}path", f"{SVG}clipPath") and NAME.fullmatch(name):
        made["id"] = f"{prefix}-{name}"
    if clip := re.fullmatch(r"url\(#([\w-]+)\)", given.get("clip-path", "")):
        made["clip-path"] = f"url(#{prefix}-{clip[1]})"
    if element.tag == f"{SVG}use" and link[:1] == "#" and NAME.fullmatch(link[1:]):
        made["href"] = f"#{prefix}-{link[1:]}"
    if element.tag == f"{SVG}image" and PICTURE.fullmatch(link):
        made["href"] = "".join(link.split())
    return made
