"""What the templates print of an experiment: its answer, table, functions, commands, facts and records."""

from __future__ import annotations

import base64
import json
import math
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from statistics import fmean
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from actlab.errors import ActlabError, RunDirError
from actlab.parts.activations import ACTIVATIONS, resolve
from actlab.parts.activations.curves import function_table
from actlab.runs.folder import FUNCTION, kept_plugin, own_text, read_numbers
from actlab.runs.record import Run, run_folders
from actlab.show import words
from actlab.show.figures.comparison import stand_in_note
from actlab.show.figures.style import PALETTE, Look
from actlab.show.page.chapter import Chapter
from actlab.show.rendering import comparison_text
from actlab.show.tables import comparison_columns
from actlab.spec import yaml
from actlab.spec.labels import slug
from actlab.spec.part import plugins_of
from actlab.spec.where import flat

if TYPE_CHECKING:
    from actlab.study.judge import Comparison

# verdicts on conditions, the established ones first, and on claims: a shape, for those who see no colours, and a colour
VERDICTS = {
    "diverges more often": ("▼", "bad"), "diverges less often": ("▲", "good"), "better": ("▲", "good"),
    "indicated better": ("△", "open"), "worse": ("▼", "bad"), "indicated worse": ("▽", "open"),
    "not established": ("○", "open"), "supported": ("✓", "good"), "refuted": ("✗", "bad"),
}  # fmt: skip
LOW, HIGH = -2.5, 4.5  # heights between which a function is drawn, from x = −4 to 4
LONGEST_QUESTION = 300  # characters of a description that stand above the answer; of a longer one the first sentence
FIRST_SENTENCE = re.compile(r".+?[.?!](?=\s+[A-Z])", re.DOTALL)
DEFAULTS = re.compile(r" \([-−\d., ]+\)$")
MOST_DATA = 2_000_000  # characters of CSV that a chapter carries


def section(chapter: Chapter, looks: dict[str, Look], number: int, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """All that is printed of an experiment but its figures, by the names that the templates know."""
    question, more = chapter.question, ""
    if len(question) > LONGEST_QUESTION and (first := FIRST_SENTENCE.match(question)):
        question, more = first[0], question[first.end() :].strip()
    found = {
        "id": f"e{number}", "name": chapter.name, "question": question, "more": more, "summary": _summary(chapter),
        "warnings": _warnings(chapter), "claims": _claims(chapter),
        "registered": _registered(chapter),
        **recipe, "config_text": recipe["config_text"].rstrip(),
        "config_address": address(recipe["config_text"].encode(errors="replace"), "text/yaml"),
        "facts": _facts(chapter.runs), "answer": "", "verdicts": [], "groups": [],
    }  # fmt: skip
    return found | _compared(chapter, chapter.comparison, looks) if chapter.comparison else found


def _compared(chapter: Chapter, comparison: Comparison, looks: dict[str, Look]) -> dict[str, Any]:
    """What there is to print where runs were compared."""
    answer = words.sentence(comparison)
    if not answer.startswith(tuple(comparison.names)):
        answer = answer[:1].upper() + answer[1:]
    verdicts = []
    for verdict in VERDICTS:
        if names := [result.short for result in comparison.results if verdict in result.verdicts]:
            about = words.listed(names) if len(names) <= 3 else words.counted(len(names), "condition")
            verdicts.append({**mark(verdict), "about": about})
    split = "test" if comparison.metric.startswith("test_") else "val"
    ends = [f"{split}_accuracy", f"{split}_loss"]
    room, left_out, results = MOST_DATA, 0, []
    for number, result in enumerate(comparison.results):
        activations = {str(run.config.get("activation")): run for run in reversed(result.runs)}  # a run for each
        histories = []
        for run in sorted(result.runs, key=lambda run: int(run.config.get("seed", 0))):
            with suppress(RunDirError):
                link, seed = address(run.history.attrs["bytes"], "text/csv"), run.config.get("seed", 0)
                if len(link) > room:
                    left_out += 1
                    continue
                room -= len(link)
                title = f"history of {result.name}, seed {seed}, as CSV"
                histories.append({"label": seed, "name": f"{run.path.name}.csv", "address": link, "title": title})
        results.append({
            "name": result.name, "number": number, "swatch": swatch(looks[result.name]),
            "mark": mark(next(iter(result.verdicts), "")),
            "functions": [_function(run) for run in reversed(activations.values())],
            "numbers": [_mean(result.runs, name) for name in ends],
            "histories": histories, "records": [_record(run) for run in result.runs],
        })  # fmt: skip
    csv = comparison_text(comparison, "csv", "").encode(errors="replace")
    return {
        "answer": answer, "verdicts": verdicts, "results": results, "caption": words.caption(comparison),
        "columns": comparison_columns(comparison), "wide": comparison_columns(comparison, wide=True),
        "notes": words.notes(comparison)[0], "all_notes": words.notes(comparison, every=True)[0],
        "table_address": address(csv, "text/csv"), "ends": [words.metric_name(name) for name in ends],
        "left_out": f"{left_out} histories are left out for their size; they lie in {chapter.folder}." * bool(left_out),
    }  # fmt: skip


def _summary(chapter: Chapter) -> str:
    """How many runs there are, of what, how they ended, and when."""
    conditions = len(chapter.comparison.results) if chapter.comparison else 0
    of = f" of {words.counted(conditions, 'condition')}" if conditions else ""
    statuses = ("failed", "diverged", "interrupted", "damaged")
    ends = [f"{count} {status}" for status in statuses if (count := chapter.count(status))]
    data = dict.fromkeys(str(run.record["dataset"].get("name")) for run in chapter.runs if run.record.get("dataset"))
    days = sorted(str(run.record["ended"])[:10] for run in chapter.runs if run.record.get("ended"))
    when = f"trained {' to '.join(dict.fromkeys([days[0], days[-1]]))}" if days else ""
    texts = [f"{words.counted(len(chapter.runs), 'run')}{of}", *ends, f"data: {words.listed(data)}" if data else ""]
    return "; ".join(filter(None, [*texts, when]))


def _warnings(chapter: Chapter) -> list[str]:
    """What nobody may overlook: a stand-in, and a sweep that still trains."""
    found = []
    if chapter.comparison and (note := stand_in_note(chapter.comparison)):
        found.append(f"Not the real data: {note}. These numbers say nothing about it.")
    training, waiting, total = chapter.count("running"), chapter.count("pending"), len(chapter.runs)
    if training or waiting:
        ended = total - training - waiting - chapter.count("interrupted")
        left = [f"{training} train now"] * bool(training) + [f"{waiting} have not begun"] * bool(waiting)
        found.append(f"Not finished: {ended} of {words.counted(total, 'run')} have ended; {words.listed(left)}.")
    return found


# --- verdicts ----------------------------------------------------------------------------------------------------


def mark(verdict: str) -> dict[str, str]:
    """How a verdict is printed: its word, a shape, the kind of its colour."""
    sign, kind = VERDICTS.get(verdict, ("○", "open"))
    return {"word": verdict, "sign": sign, "kind": kind}


def _claims(chapter: Chapter) -> list[dict[str, Any]]:
    """What the author says first, then exactly what was held against the runs, and what came out."""
    found = []
    when = chapter.registered.claims if chapter.registered else ()
    for judged, registration in zip(chapter.claims, when, strict=True):
        text, exactly = judged.claim.says, words.claim_exactly(judged.claim)
        beside = words.registration_headline(registration)
        evidence = words.claim_lines(judged) + words.registration_lines(registration, judged.claim)
        is_open = judged.verdict != "supported" or bool(beside)  # what a reader asks about
        found.append({
            **mark(judged.verdict), "about": text or exactly, "exactly": exactly if text else "",
            "beside": beside, "evidence": evidence, "open": is_open,
        })  # fmt: skip
    return found


def _registered(chapter: Chapter) -> list[str]:
    """When the claims were written, in one line, and what a reader must know of it."""
    if chapter.registered is None:
        return []
    counts = words.registered_counts([chapter.registered])
    return [f"{counts}."] * bool(counts) + words.registered_notes(chapter.registered)


# --- functions and data ------------------------------------------------------------------------------------------


def swatch(look: Look) -> dict[str, Any]:
    """A piece of the line that figures draw: the number of its colour in the palette, and its dashes."""
    on_off = look.linestyle[1] if isinstance(look.linestyle, tuple) else ()
    color = PALETTE.index(look.color) if look.color in PALETTE else 0
    return {"color": color, "dashes": " ".join(f"{2 * length:g}" for length in on_off)}


def _function(run: Run) -> dict[str, Any]:
    """The activation of a run: equation, parameters, drawing, and what to know of that."""
    part = run.config.get("activation")
    parameters = dict(part) if isinstance(part, dict) else {"name": part}
    name, own, remarks = str(parameters.pop("name", "")), parameters.pop("plugin", None), []
    try:
        entry = ACTIVATIONS.get(name)
        parameters = resolve(entry, parameters)
        known = own == (entry.plugin.sha256 if entry.plugin else None)
    except (ActlabError, TypeError):
        known = False
    if not known:
        equation = name
        remarks.append(f"of a plug-in (sha256 {str(own)[:8]})" if own else "not known to this version of actlab")
    else:
        equation = str(parameters.pop("formula")) if name == "formula" else entry.facts.formula or entry.summary
        equation = DEFAULTS.sub("", equation) if parameters else equation  # in brackets, where the values follow
        if not entry.facts.elementwise:
            remarks.append("drawn: the first output while the first input moves, the others 0")
        if entry.facts.learned:
            how = "with the mean of what one run learned" if (run.path / FUNCTION).exists() else "as it starts"
            remarks.append(f"drawn {how}; {words.listed(entry.facts.learned).replace('_', ' ')} is learned")
    shown = words.typeset_minus(", ".join(f"{key} = {value}" for key, value in parameters.items()))
    path = ""
    try:
        path = _curve(run)
    except RunDirError as error:  # another curve, as before the training, would pass for what was learned
        remarks = [f"not drawn: {error}"]
    return {"equation": equation, "parameters": shown, "remark": "; ".join(remarks), "path": path}


def _curve(run: Run) -> str:
    """The function of a run as an SVG path; empty where its table is neither shipped nor in the run.

    Raises:
        RunDirError: the table in the run is damaged, or not the one of its record.
    """
    part = run.config.get("activation")
    table = function_table(part) if isinstance(part, dict) else None
    if fault := run.faults((FUNCTION,)).get(FUNCTION):
        raise RunDirError(f"{FUNCTION} of {run.path.name} {fault}")
    if (run.path / FUNCTION).exists():  # with what was learned, or other parameters
        table = read_numbers(run.path / FUNCTION, ("x", "y", "slope"))
    if table is None:
        return ""
    table = table[table["x"].between(-4, 4)]
    seen = table["y"].between(LOW, HIGH) & table["slope"].notna()  # a line breaks at a kink, where f may jump
    path, pen = "", "M"
    for x, y, is_seen in zip(table["x"], table["y"], seen, strict=True):
        path += f"{pen}{x:.3g} {-y:.3g}" if is_seen else ""
        pen = "L" if is_seen else "M"
    return path


def _mean(runs: Sequence[Run], metric: str) -> tuple[str, str]:
    """The mean of a metric at the end of finished runs, and their n."""
    values = [(run.results.get("final") or {}).get(metric) for run in runs if run.status == "done"]
    known = [value for value in values if value is not None and math.isfinite(value)]
    return words.number(fmean(known), metric) if known else words.NO_VALUE, f"n = {len(known)}"


def address(data: bytes, kind: str) -> str:
    """Bytes as a data: URI; text stays nearly as short as it was."""
    if not kind.startswith("text/"):
        return f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return f"data:{kind};charset=utf-8,{quote(data, safe=',.-_:(){}[]/=')}"


# --- what was trained, where and how -----------------------------------------------------------------------------


def recipes(
    chapters: Sequence[Chapter], form: str, title: str | None, choices: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """What makes the page again in an empty folder, for each chapter: its config file, and commands with what they do.

    Args:
        chapters: all that are on the page.
        form, title, choices: with which it was made.
    """
    found, folders, paths = list[dict[str, Any]](), list[str](), list[str]()
    for chapter in chapters:
        name, commands = slug(chapter.name), list[tuple[str, str]]()
        again = f"-{folders.count(name) + 1}" if name in folders else ""  # two experiments of one name
        folders.append(name)
        results, file = f"results{again}", f"{name}{again}.yaml"
        place = f"{results}/{name}"
        text = own_text(chapter.config_text, chapter.overrides)
        if text:
            options = [*(f"--set={change}" for change in chapter.overrides), *["--out", results] * bool(again)]
            # of several versions of a plug-in that of the run that began last
            began = sorted(chapter.runs, key=lambda run: str(run.record.get("started")))
            kept = [kept_plugin(chapter.folder, digest) for run in began for digest in plugins_of(run.config)]
            files = {file.name.rpartition("-")[0]: file.name for file in kept if file}
            options += [f"--plugin={name}" for name in files.values()]
            threads = {n for run in chapter.runs if isinstance(n := run.environment.get("threads"), int)}
            each = f", with {words.counted(min(threads), 'thread')} each" if len(threads) == 1 else ""
            beside = ", and the own parts beside its runs" if files else ""
            what = f"trains every run anew{each}, from the file below{beside}"
            commands.append((_typed("actlab", "run", file, *options), what))
        else:
            place = f"results/{chapter.folder.name}"
        of_runs = {run.path: f"{place}/{run.label}-{run.hash[:8]}" for run in chapter.runs}
        if done := next((run for run in chapter.runs if run.status == "done"), None):
            command = _typed("actlab", "reproduce", of_runs[done.path])
            commands.append((command, "trains one again and compares every byte"))
        whole = {path.resolve() for path in run_folders(chapter.folder)} <= {path.resolve() for path in of_runs}
        paths += [place] if whole else of_runs.values()
        found.append({"file": file, "config_text": text, "commands": commands})
    options = [f"--title={title}"] if title else []
    options += [f"--metric={metric}" for metric in choices.get("metrics") or ()]
    options += [f"--at={choices['at']}"] if choices.get("at", "last") != "last" else []
    options += [f"--baseline={choices['baseline']}"] if choices.get("baseline") else []
    options += [f"--by={key}" for key in choices.get("by") or ()]
    options += [f"--where={condition}" for condition in choices.get("where") or ()]
    options += ["-o", "report.html"] if form == "html" else ["--format", "markdown", "-o", "report.md"]
    report = _typed("actlab", "report", *paths, *options), "makes this page"
    return [{**recipe, "commands": [*recipe["commands"], report]} for recipe in found]


def _typed(*words_of: str) -> str:
    """A command as a shell takes it; what a page could not show as it is is spelt out."""

    def quoted(word: str) -> str:
        if words.printable(word) == word:
            return shlex.quote(word)
        spelt = {"\\": "\\\\", "'": "\\'"}
        return "$'" + "".join(spelt.get(c) or (c if words.printable(c) == c else _escape(c)) for c in word) + "'"

    return " ".join(map(quoted, words_of))


def _escape(character: str) -> str:
    how = "surrogateescape" if "\udc80" <= character <= "\udcff" else "replace"  # a byte of a folder's name
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors=how))


def _facts(runs: Sequence[Run]) -> list[tuple[str, list[str]]]:
    """Data and environment of the runs: a name such as "versions.keras", and its values, the most common first."""
    plain = {None: "none", True: "yes", False: "no"}
    rows = [{k: v for key in ("dataset", "environment")
             for k, v in flat(words.shortened(run.record.get(key) or {}), key).items()} for run in runs]  # fmt: skip
    found = []
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        counts = Counter(plain[v] if v is None or isinstance(v, bool) else str(v) for v in values).most_common()
        texts = [f"{text} ({words.counted(n, 'run')})" if len(counts) > 1 else text for text, n in counts]
        found.append((name.removeprefix("environment.").replace("_", " "), texts))
    return found


def _record(run: Run) -> dict[str, Any]:
    """One run in full."""
    shown = {key: run.record.get(key) for key in ("started", "ended", "wall_seconds", "stopped_early", "parameters",
                                                  "results", "initial_weights_sha256")}  # fmt: skip
    shown["files_sha256"] = run.record.get("files")
    return {
        "folder": run.path.name, "status": run.status, "reason": str(run.record.get("reason") or ""), "hash": run.hash,
        "config": _as_yaml(run.config), "facts": _as_yaml({key: value for key, value in shown.items() if value}),
    }  # fmt: skip


def _as_yaml(data: Any) -> str:
    """As a config is written; as JSON what YAML 1.2 cannot say without doubt."""
    try:
        return yaml.dump(data).rstrip()
    except ValueError:
        return json.dumps(data, indent=2)
