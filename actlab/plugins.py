"""Own parts: files and installed packages that register them. What is loaded here is code, and runs as its user does.

A file is loaded because somebody names it (`--plugin FILE.py`), a package because somebody has installed it with an
entry point of the group `actlab.plugins`; nothing that a config, a record or a folder says loads anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import linecache
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType

from actlab import signals
from actlab.environment import source_sha256, user_folder
from actlab.errors import ActlabError, PluginError, nearest
from actlab.lazy import without_keras_json
from actlab.registry import HOMES, Entry, Plugin, Registry, find

GROUP = "actlab.plugins"
LONGEST = 1_000_000  # bytes of a file

_loaded: dict[str, Plugin] = {}  # by sha256


def use(files: Sequence[str | os.PathLike[str]] = ()) -> list[Plugin]:
    """Register the parts of installed packages and of these files, and of no other file.

    Raises:
        PluginError: one of them cannot be loaded, with file and line.
    """
    of_packages = list(map(_installed, entry_points()))
    named = [read(Path(file)) for file in ([files] if isinstance(files, str | os.PathLike) else files)]
    load_only([*of_packages, *named])
    for plugin in named:
        with contextlib.suppress(ActlabError, OSError):  # where nothing can be kept, `reproduce` asks again
            noted = _known(plugin.sha256)
            noted.parent.mkdir(parents=True, exist_ok=True)
            noted.touch()
    return [*of_packages, *named]


def entry_points() -> list[metadata.EntryPoint]:
    """Where installed packages say that they register parts."""
    return list(metadata.entry_points(group=GROUP))


def load_installed(point: metadata.EntryPoint) -> Plugin:
    """Register the parts of one installed package.

    Raises:
        PluginError: it cannot be loaded, with file and line.
    """
    plugin = _installed(point)
    load(plugin)
    return plugin


def load_only(wanted: Sequence[Plugin]) -> None:
    """Register the parts of these plug-ins; those of other files are registered no more.

    Raises:
        PluginError: as `load`.
    """
    digests = {plugin.sha256 for plugin in wanted}
    for plugin in [of for digest, of in _loaded.items() if of.source is not None and digest not in digests]:
        _forget(plugin)
    for plugin in wanted:
        load(plugin)


def loaded(digests: Sequence[str]) -> tuple[Plugin, ...]:
    """Those of the plug-ins with these sha256 that are loaded."""
    return tuple(_loaded[digest] for digest in digests if digest in _loaded)


def is_known(sha256: str) -> bool:
    """Whether this user has named a file of this very source before."""
    with contextlib.suppress(ActlabError, OSError):
        return _known(sha256).is_file()
    return False


def _known(sha256: str) -> Path:
    return user_folder("ACTLAB_CACHE_DIR", ".cache/actlab") / "plugins" / sha256


def read(file: Path) -> Plugin:
    """A file as a plug-in, not yet loaded.

    Raises:
        PluginError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            source = opened.read(LONGEST + 1)
    except OSError as error:
        there = [path.name for path in file.parent.glob("*.py")] if file.parent.is_dir() else []
        close = nearest(file.name, sorted(there))
        hint = f"; did you mean {str(file.with_name(close[0]))!r}?" if close and not file.exists() else ""
        raise PluginError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}{hint}") from None
    if len(source) > LONGEST:
        raise PluginError(f"{file}: is longer than {LONGEST:,} bytes; a plug-in is a file of Python")
    return Plugin(file.name, str(file), hashlib.sha256(source).hexdigest(), source)


def _installed(point: metadata.EntryPoint) -> Plugin:
    """The package of an entry point, not yet loaded: its Python files are its source."""
    top = point.module.partition(".")[0]
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        found = None
    if found is None or not found.origin:
        raise PluginError(f"the entry point {point.name!r} of the group {GROUP} names {top!r}, which cannot be found")
    file = Path(found.origin)
    digest = source_sha256(file.parent) if found.submodule_search_locations else read(file).sha256
    name = f"{point.dist.name} {point.dist.version}" if point.dist else top
    return Plugin(name, point.module, digest)


def load(plugin: Plugin) -> None:
    """Run a plug-in, once a process: it registers its parts.

    What it prints goes to stderr, since stdout is for answers.

    Raises:
        PluginError: it fails, ends Python, registers nothing or a name that is taken; nothing of it stays registered.
    """
    if plugin.sha256 in _loaded:
        return
    for kind in HOMES:  # actlab's own come first: their names are taken
        find(kind)
    Registry.registering = plugin
    try:
        with contextlib.redirect_stdout(sys.stderr), without_keras_json(), answering():
            if plugin.source is None:
                import_module(plugin.place)
            else:
                _execute(plugin, plugin.source)
        if not any(True for _ in parts(plugin)):
            raise PluginError("registers nothing; decorate a function, as with @ACTIVATIONS.register()")
    except BaseException as error:  # a file of the user's own may raise anything
        _forget(plugin)
        if isinstance(error, KeyboardInterrupt):
            raise
        if _is_signal(error):  # Ctrl-C, in a file that takes long
            raise
        raise PluginError(f"{_line(plugin, error) or plugin.place}: {_why(error)}") from error
    finally:
        Registry.registering = None
    _loaded[plugin.sha256] = plugin


def parts(plugin: Plugin) -> Iterator[tuple[str, Entry[object]]]:
    """What a plug-in has registered, each with its kind."""
    return ((kind, entry) for kind in HOMES for entry in find(kind) if entry.plugin == plugin)


def _execute(plugin: Plugin, source: bytes) -> None:
    """Run the source that was read, and let Python's tools see that one, whatever becomes of the file."""
    module = ModuleType(_module_name(plugin))
    module.__file__ = plugin.place
    sys.modules[module.__name__] = module
    code = compile(source, plugin.place, "exec", dont_inherit=True)
    text = importlib.util.decode_source(source)
    linecache.cache[plugin.place] = (len(source), None, text.splitlines(keepends=True), plugin.place)
    exec(code, module.__dict__)


def _module_name(plugin: Plugin) -> str:
    return f"actlab_plugin_{plugin.sha256[:16]}"


def _forget(plugin: Plugin) -> None:
    for kind in HOMES:
        find(kind).forget(plugin)
    _loaded.pop(plugin.sha256, None)
    sys.modules.pop(_module_name(plugin), None)


@contextlib.contextmanager
def answering() -> Iterator[None]:
    """While code of a plug-in runs, `os._exit`, which ends Python without a word, does what `sys.exit` does."""
    ends = os._exit

    def end(code: int) -> None:
        if threading.current_thread() is not threading.main_thread():  # ours, as where a parent has died
            ends(code)
        raise SystemExit(code)

    os._exit = end  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = ends


def blamed(error: BaseException) -> PluginError | None:
    """An error in the code of a plug-in, with file and line; None where it is of no plug-in's making.

    Keras and TensorFlow raise it again with a page of their own before it: what they had caught is looked for.
    """
    if _is_signal(error):
        return None
    chain = [error]
    while inner := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(inner)
    if ours := [of for of in chain if isinstance(of, PluginError)]:
        return next((of for of in ours if of.__cause__), ours[-1])  # the one of `load`, which has the place
    places = [next(filter(None, (_line(plugin, of) for plugin in _loaded.values())), None) for of in chain]
    if not any(places):
        return None
    place = next(filter(None, places))
    first = max(i for i, of in enumerate(places) if of == place)  # one that the author caught has another line
    return PluginError(f"{place}: {_why(chain[first])}")


def _is_signal(error: BaseException) -> bool:
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return isinstance(error, SystemExit) and bool(frames) and frames[-1].f_code.co_filename == signals.__file__


def _line(plugin: Plugin, error: BaseException) -> str | None:
    """File and line in a plug-in that were left last when an error came; of a package in the last of its own files."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    found = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    if plugin.source is not None:
        inside = [(file, line) for file, line in found if file == plugin.place]
    else:
        top = plugin.place.partition(".")[0]
        inside = [(file, line) for file, line in found if top in (Path(file).stem, *Path(file).parts)]
    return f"{inside[-1][0]}:{inside[-1][1]}" if inside else None


def _why(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"ends Python (exit code {error.code}); a plug-in only registers, and its functions only compute"
    if isinstance(error, ActlabError):
        return str(error)
    text = str(error.msg if isinstance(error, SyntaxError) else error)
    return f"{type(error).__name__}: {' '.join(text.split())[:500]}"
