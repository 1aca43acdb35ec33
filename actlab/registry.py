"""Names and what they stand for.

A part of an experiment (an activation, a model, ...) is one function in one file, registered under its name.
Its keyword-only parameters, with their annotations and defaults, *are* its entry in the config: validation,
JSON Schema, listing and reference are all made from the signature.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

from actlab.errors import PluginError, UnknownName

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Check = Callable[[dict[str, Any]], "str | None"]  # resolved parameters in, what is wrong with them together out

# Where the members of each kind are written: imported at the first look-up, so that naming a kind costs nothing.
HOMES = {
    "activation": ("actlab.parts.activations", "ACTIVATIONS"),
    "dataset": ("actlab.parts.datasets", "DATASETS"),
    "initializer": ("actlab.parts.initializers", "INITIALIZERS"),
    "model": ("actlab.parts.models", "MODELS"),
    "optimizer": ("actlab.parts.optimizers", "OPTIMIZERS"),
    "schedule": ("actlab.parts.optimizers", "SCHEDULES"),
    "probe": ("actlab.parts.probes", "PROBES"),
}


@dataclass(frozen=True)
class Kind:
    """Marks an annotated parameter as a part of its own: `Annotated[str, Kind("schedule")]`."""

    kind: str


@dataclass(frozen=True, eq=False)
class Parameter:
    """One keyword of a registered function: its name, its annotated type and its default."""

    name: str
    annotation: Any
    default: Any  # inspect.Parameter.empty where a value is required

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class Plugin:
    """Where parts come from that are not actlab's own: a file, or an installed package.

    Args:
        name: as records have it: the name of the file, or of the package with its version.
        place: the file as it was named, or the module of the entry point.
        sha256: of its source; empty where nothing is known of that.
        source: the bytes of the file; None of a package, which every process imports for itself.
    """

    name: str
    place: str
    sha256: str
    source: bytes | None = dataclasses.field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class Entry(Generic[T]):
    """A registered function with what is stated of it."""

    name: str
    function: Any  # or a class, as probes are
    facts: T
    parameters: tuple[Parameter, ...]
    aliases: tuple[str, ...] = ()
    check: Check | None = None  # what the types of single parameters cannot say
    plugin: Plugin | None = None  # where it comes from, unless it is actlab's own

    @property
    def by_value(self) -> bool:
        """Whether it is known by the value of the parameter that bears its name, as a formula is by its text."""
        return any(parameter.name == self.name and parameter.required for parameter in self.parameters)

    @property
    def summary(self) -> str:
        """The first paragraph of the docstring on one line."""
        return " ".join((inspect.getdoc(self.function) or "").split("\n\n")[0].split())


class Registry(Generic[T]):
    """The members of one kind by name.

    Args:
        kind: what the members are, in the singular, as messages say it.
        unstated: the facts of a member of which nothing is stated; without it each has to state something.
        shared: a function whose keyword-only parameters every member takes besides its own.
        check: holds the parameters of any member against each other.
        takes: from the facts of a member to the arguments that it is called with, besides its parameters.
    """

    registering: Plugin | None = None  # which plug-in is being loaded; of all registries

    def __init__(
        self,
        kind: str,
        shared: Callable[..., Any] | None = None,
        check: Check | None = None,
        unstated: T | None = None,
        takes: Callable[[T], Sequence[str]] = lambda facts: (),
    ) -> None:
        self.kind = kind
        self._takes = takes
        self._unstated = unstated
        self._check = check
        self._shared = keyword_parameters(shared) if shared else ()
        self._entries: dict[str, Entry[T]] = {}
        self._aliases: dict[str, str] = {}

    def register(
        self, facts: T | None = None, *, name: str | None = None, aliases: tuple[str, ...] = (),
        check: Check | None = None,
    ) -> Callable[[F], F]:  # fmt: skip
        """Decorator: enter a function under its own name (or `name`) with what is stated of it.

        Args:
            facts: what is stated of the member, of the registry's type; an activation may leave it out.
            name: the registered name, where a Python keyword or builtin forbids the function to bear it.
            aliases: other names under which it is found; the resolved config has the real one.
            check: takes the resolved parameters, returns what is wrong with them together, or None.

        Raises:
            PluginError: the name is taken by actlab or another module, or is none, or nothing is stated, or what a
                config is to set does not stand after `*`.
        """
        if callable(facts):
            raise PluginError(f"write @{self.kind.upper()}S.register(), with brackets")
        stated = self._unstated if facts is None else facts

        def enter(function: F) -> F:
            own = str(name or getattr(function, "__name__", ""))
            session = Plugin(function.__module__, function.__module__, "")
            for wanted in (own, *aliases):
                if not wanted.isidentifier():
                    raise PluginError(f"{self.kind} {wanted!r}: a name has letters, digits and underscores only")
                taken = self.get(wanted) if wanted in self else None
                again = taken and taken.name == own and taken.plugin == session and not Registry.registering
                if taken and not again:  # a cell of a notebook that is run again replaces what it made
                    owner = taken.plugin
                    raise PluginError(
                        f"the name {wanted!r} of {'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind} is taken by "
                        f"{owner.place if owner else 'actlab'}; choose another"
                    )
            if stated is None:
                raise PluginError(f"{self.kind} {own!r}: state something of it, as register(...) of actlab's own do")
            mine = keyword_parameters(function)
            names = {parameter.name for parameter in mine}
            parameters = mine + tuple(p for p in self._shared if p.name not in names)
            plugin = Registry.registering
            if plugin:
                _check_signature(f"{self.kind} {own!r}", function, self._takes(stated))
            elif not function.__module__.startswith("actlab."):
                plugin = session
            self._aliases = {alias: of for alias, of in self._aliases.items() if of != own}
            self._entries[own] = Entry(own, function, stated, parameters, aliases, check or self._check, plugin)
            self._aliases.update(dict.fromkeys(aliases, own))
            return function

        return enter

    def forget(self, plugin: Plugin) -> None:
        """Let the members go that a plug-in has registered."""
        for entry in [entry for entry in self if entry.plugin == plugin]:
            del self._entries[entry.name]
            self._aliases = {alias: name for alias, name in self._aliases.items() if name != entry.name}

    def get(self, name: str) -> Entry[T]:
        """The entry of a name or alias.

        Raises:
            UnknownName: with the nearest registered names.
        """
        entry = self._entries.get(self._aliases.get(name, name))
        if entry is None:
            raise UnknownName(self.kind, name, self.names(), self._aliases)
        return entry

    def names(self) -> list[str]:
        """Registered names, sorted, without aliases."""
        return sorted(self._entries)

    def aliases(self) -> dict[str, str]:
        """Alias to name."""
        return dict(self._aliases)

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(self._entries[name] for name in self.names())

    def __len__(self) -> int:
        return len(self._entries)


@functools.cache
def find(kind: str) -> Registry[Any]:
    """The registry of a kind, its members loaded."""
    module, attribute = HOMES[kind]
    registry: Registry[Any] = getattr(import_module(module), attribute)
    return registry


def _check_signature(who: str, function: Callable[..., Any], takes: Sequence[str]) -> None:
    """That a function can be called as its kind is, and that no parameter is called as the keys of every part are.

    Raises:
        PluginError: it cannot.
    """
    parameters = inspect.signature(function).parameters.values()
    before = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(before) != len(takes) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        calls = f"({', '.join([*takes, '*', '...'])})"
        raise PluginError(f"{who} takes ({', '.join(before)}); write {calls}: what a config sets stands after `*`")
    for name in ("name", "plugin"):
        if any(p.name == name and p.kind is p.KEYWORD_ONLY for p in parameters):
            raise PluginError(f"{who}: a parameter cannot be called {name!r}, as a key of every part is")


def keyword_parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The keyword-only parameters of a function, or of a class's construction, in order, with resolved annotations."""
    annotated = function.__init__ if inspect.isclass(function) else function
    hints = typing.get_type_hints(annotated, include_extras=True)
    return tuple(
        Parameter(name, hints.get(name, Any), p.default)
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is inspect.Parameter.KEYWORD_ONLY
    )
