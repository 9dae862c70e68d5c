"""mmkit list | run | sweep | report | data | student | doctor. Results on stdout, progress and errors on stderr.

Exit codes: 0 it ran (a refuted claim is a result), 1 it broke, 2 it was used wrongly, 130 Ctrl-C. MMKIT_DEBUG=1 shows tracebacks.
Everything slow is imported inside the command that needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import mmkit
from mmkit.errors import DataError, MMKitError, SettingsError

if TYPE_CHECKING:
    from rich.console import Console

    from mmkit.runner import Outcome, Parameters

app = typer.Typer(
    name="mmkit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Replicate papers on multimodal learning, claim by claim. Start with: mmkit run 05 --profile smoke",
)
data_app = typer.Typer(no_args_is_help=True, help="Where the real data is, and whether it is whole.")
app.add_typer(data_app, name="data")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    try:
        app(args=argv, prog_name="mmkit")
    except SystemExit as end:
        if isinstance(end.code, str):
            _complain(end.code)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except MMKitError as why:
        if os.environ.get("MMKIT_DEBUG"):
            raise
        _complain(str(why))
        return why.exit_code
    except Exception as why:  # our own mistake: still one message
        if os.environ.get("MMKIT_DEBUG"):
            raise
        _complain(f"{type(why).__name__}: {why}\nThis is a mistake in mmkit; MMKIT_DEBUG=1 shows where.")
        return 1
    return 0


def _complain(message: str) -> None:
    print(f"mmkit: {message}", file=sys.stderr)


def _console() -> Console:
    """stdout; wide when it is no terminal, so that tables in a log are not folded to 80 columns."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 140, highlight=False, soft_wrap=False)


def _version(show: bool) -> None:
    if show:
        print(f"mmkit {mmkit.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it and exit.")] = False,
) -> None:
    pass


# -- options that several commands share --------------------------------------------------------------------------------------

Profile = Annotated[str, typer.Option(help="smoke (a minute) | lab | paper")]
Data = Annotated[str, typer.Option(help="world (generated) | real")]
DataRoot = Annotated[str | None, typer.Option(help="Folder of the real data; default: $MMKIT_DATA")]
Seeds = Annotated[str | None, typer.Option(help="For example 0,1,2; default: the profile's")]
Device = Annotated[str, typer.Option(help="auto | cpu | cuda | mps")]
Set = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Override one setting; repeatable.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Parallel workers; default: all cores")]
Backend = Annotated[str, typer.Option(help="loky (this machine) | ray (a cluster)")]
Force = Annotated[bool, typer.Option("--force", help="Run again even if nothing changed; finished trials are dropped.")]
Out = Annotated[str | None, typer.Option(help="Run folder; default: runs/<paper>/<profile>-<data>")]


def _literal(text: str) -> Any:
    """Text of the command line as a value: 3e-4, true, null, [1, 2], "quoted"; anything else is a plain word."""
    import tomllib

    text = text.strip()
    if text.lower() in ("null", "none"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = tomllib.loads(f"value = {text}")["value"] if "\n" not in text else text
    except tomllib.TOMLDecodeError:
        return text
    return value if isinstance(value, str | int | float | bool | list | dict) else text  # TOML's dates stay words


def _named(option: str, items: Sequence[str]) -> dict[str, str]:
    """{'name': 'text'} from name=text items. Raises SettingsError for one without '=' or given twice."""
    named: dict[str, str] = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not (name.strip() and equals and text.strip()):
            raise SettingsError(f"{option} {item!r}, expected NAME=VALUE, like {option} epochs=3")
        if name.strip() in named:
            raise SettingsError(f"{option} {name.strip()} is given twice")
        named[name.strip()] = text.strip()
    return named


def _values(text: str) -> list[Any]:
    """'a,[1,2],3' -> ['a', [1, 2], 3]: cut at commas outside of brackets and quotes."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote or letter in "\"'":
            quote = ("" if letter == quote else quote) if quote else letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [_literal(part) for part in parts if part.strip()]


def _seeds(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(s) for s in text.split(",")]
    except ValueError:
        raise SettingsError(f"--seeds {text!r}, expected whole numbers with commas, like 0,1,2") from None


def _parameters(
    profile: str, data: str, data_root: str | None, seeds: str | None, device: str, set_: list[str] | None, out: str | None
) -> Parameters:
    from mmkit.runner import Parameters

    settings = {name: _literal(text) for name, text in _named("--set", set_ or []).items()}
    return Parameters(profile, data, _seeds(seeds), device, data_root, out, settings)


# -- commands -----------------------------------------------------------------------------------------------------------------


@app.command("list")
def list_papers() -> None:
    """All papers: which work today, and the verdicts of their last run."""
    from rich.table import Table
    from rich.text import Text

    from mmkit import papers, runner

    try:
        today = {p.slug for p in runner.available()}
    except MMKitError as why:  # an installation without notebooks can still be asked what there is
        today = set()
        _complain(str(why))
    table = Table("no", "name", "title", "year", "works today", "last verdicts", box=None)
    for paper in (runner.START, *papers.all_papers()):
        works = "yes" if paper.slug in today else "not yet"
        table.add_row(paper.number, paper.slug[3:], Text(paper.title), str(paper.year or ""), works, _last_verdicts(paper.slug))
    _console().print(table)


def _last_verdicts(slug: str) -> str:
    """'3 upheld, 1 refuted (lab-world)' of the newest run under runs/, or ''."""
    from collections import Counter

    from mmkit import runner

    records = sorted(runner.runs_folder().glob(f"{slug}/*/run.json"), key=lambda p: p.stat().st_mtime)
    if not records:
        return ""
    folder = records[-1].parent
    claims = runner.read_json(folder / "claims.json")
    counts = Counter(c.get("verdict", "?") for c in claims if isinstance(c, dict)) if isinstance(claims, list) else {}
    words = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items(), reverse=True)) or "no claims"
    state = (runner.read_json(records[-1]) or {}).get("state", "broken")
    return f"{words} ({folder.name}{'' if state == 'done' else f', {state}'})"


@app.command()
def run(
    papers: Annotated[list[str], typer.Argument(metavar="PAPERS", help="Numbers or names (05, tabular, 05_tabular), or: all")],
    profile: Profile = "lab",
    data: Data = "world",
    data_root: DataRoot = None,
    seeds: Seeds = None,
    device: Device = "auto",
    set_: Set = None,
    jobs: Jobs = None,
    backend: Backend = "loky",
    force: Force = False,
    out: Out = None,
    timeout: Annotated[float | None, typer.Option(min=1, help="Seconds that one cell may take; default: no limit")] = None,
) -> None:
    """Run notebooks and print their claims.   Example: mmkit run 05 --profile smoke"""
    from mmkit import runner

    everything = [p.lower() for p in papers] == ["all"]
    wanted = runner.available() if everything else list({p.slug: p for p in map(runner.find_paper, papers)}.values())
    parameters = _parameters(profile, data, data_root, seeds, device, set_, out)
    if out is not None and len(wanted) > 1:
        raise SettingsError("--out is one run's folder, but several papers were named; use MMKIT_RUNS to move all runs")
    if not everything:
        for paper in wanted:  # a wrong word in the last one must not cost the hours of the first
            runner.plan(paper, parameters)
    failures = []
    for paper in wanted:
        given = runner.Parameters(profile) if everything and paper == runner.START else parameters  # 00 has no data, no settings
        try:
            outcome = runner.run(paper, given, force=force, jobs=jobs, backend=backend, timeout=timeout)
        except KeyboardInterrupt:
            _complain(f"{paper.slug}: stopped; the same command continues, finished trials are kept")
            raise typer.Exit(130) from None
        except MMKitError as why:
            if len(wanted) == 1:
                raise
            _complain(f"{paper.slug}: {why}")
            failures.append(paper.slug)
            continue
        _show(outcome)
    if failures:
        _complain(f"{len(failures)} of {len(wanted)} did not finish: {', '.join(failures)}")
        raise typer.Exit(1)


def _show(outcome: Outcome) -> None:
    console = _console()
    console.print(
        outcome.table() if outcome.claims else f"{outcome.paper}: {outcome.state}, it has no claims to judge", markup=False
    )
    console.print(str(outcome.out), style="dim", markup=False)


@app.command()
def sweep(
    paper: Annotated[str, typer.Argument(help="Number or name")],
    grid: Annotated[
        list[str], typer.Option("--grid", metavar="NAME=V1,V2", help="Values of a parameter or setting; repeatable.")
    ],
    profile: Profile = "lab",
    data: Data = "world",
    data_root: DataRoot = None,
    seeds: Seeds = None,
    device: Device = "auto",
    set_: Set = None,
    jobs: Jobs = None,
    backend: Backend = "loky",
    force: Force = False,
    out: Annotated[str | None, typer.Option(help="Folder of the sweep; default: runs/<paper>/sweep")] = None,
) -> None:
    """Run every combination of some values.   Example: mmkit sweep 05 --grid profile=smoke,lab --grid seeds=[0,1],[2,3]"""
    from rich.table import Table
    from rich.text import Text

    from mmkit import runner

    found = runner.find_paper(paper)
    values = {name: _values(text) for name, text in _named("--grid", grid).items()}
    parameters = _parameters(profile, data, data_root, seeds, device, set_, out)
    outcomes, csv = runner.sweep(found, values, parameters, jobs=jobs, backend=backend, force=force)
    table = Table("run", "state", "verdicts", box=None)
    for outcome in outcomes:
        verdicts = ", ".join(f"{c.get('id')} {c.get('verdict')}" for c in outcome.claims)
        table.add_row(Text(outcome.out.name), outcome.state, Text(verdicts or (outcome.error or "").split("\n")[0]))
    _console().print(table)
    print(csv)
    if failed := [o for o in outcomes if o.state != "done"]:
        _complain(f"{len(failed)} of {len(outcomes)} runs did not finish; the first: {failed[0].out}: {failed[0].error}")
        raise typer.Exit(1)


@app.command()
def report(
    folders: Annotated[list[Path] | None, typer.Argument(help="Run folders; default: every run under runs/")] = None,
    to: Annotated[Path | None, typer.Option(help="Markdown file; default without --html: stdout")] = None,
    html: Annotated[Path | None, typer.Option(help="One HTML page with everything in it")] = None,
) -> None:
    """Claims, numbers and figures of finished runs on one page.   Example: mmkit report --html runs.html"""
    from mmkit import report as reports
    from mmkit import runner

    chosen = folders or reports.find_runs(runner.runs_folder())
    if not chosen:
        raise SettingsError(f"no runs under {runner.runs_folder()}; run a paper first: mmkit run 05 --profile smoke")
    if not any(folder.is_dir() for folder in chosen):
        raise SettingsError(f"no such folder: {', '.join(map(str, chosen))}")
    runs = [reports.load(folder) for folder in chosen]
    if to is None and html is None:
        print(reports.markdown(runs))
    for path, render in ((to, reports.markdown), (html, reports.html_page)):
        if path is not None:
            reports.write(path, render(runs))
            print(path)


@data_app.command("where")
def data_where(data_root: DataRoot = None) -> None:
    """Every real data set: the files it needs, whether they are there, and how to get them."""
    from mmkit import readers

    root = _root(data_root)
    for name, reader in readers.READERS.items():
        print(f"{name}: {reader.title} ({', '.join(reader.papers)}; stands in for the world {reader.stands_in_for!r})")
        print(f"  expects: {reader.expects}")
        print(f"  get it with: python data_scripts/{name}.py --to FOLDER (access and licence: data_scripts/README.md)")
        try:
            print(f"  found: {readers.locate(name, root)}" if root else "  not looked for: give --data-root or set MMKIT_DATA")
        except DataError:
            print(f"  not found in {root}")


@data_app.command("check")
def data_check(
    name: Annotated[str | None, typer.Argument(help="One data set; default: all that are there")] = None,
    data_root: DataRoot = None,
) -> None:
    """Read real data sets from end to end; list every problem in them."""
    from mmkit import readers

    root = _root(data_root)
    if name is not None:
        readers.find(name)
    if root is None:
        raise SettingsError("which folder? Give --data-root or set MMKIT_DATA; `mmkit data where` tells what belongs there")
    missing, broken = 0, 0
    for each in [name] if name else readers.READERS:
        try:
            place = readers.locate(each, root)
        except DataError:
            if name:
                raise
            missing += 1
            print(f"{each}: not there (`mmkit data where` tells how to get it)")
            continue
        try:
            counts = readers.load(each, root).counts
            print(f"{each}: whole, {place}", *(f"  {what}: {n:,}" for what, n in counts.items()), sep="\n")
        except DataError as why:
            broken += 1
            _complain(str(why))
    if missing == len(readers.READERS):
        raise DataError(f"no data set in {root}; `mmkit data where` tells what belongs there")
    if broken:
        raise typer.Exit(1)


def _root(given: str | None) -> Path | None:
    """The folder of the real data, or None when nobody named one. Raises SettingsError when it is no folder."""
    text = given or os.environ.get("MMKIT_DATA")
    if text and not Path(text).expanduser().is_dir():
        raise SettingsError(f"the data folder {text!r} does not exist")
    return Path(text).expanduser().absolute() if text else None


@app.command()
def student(
    notebook: Annotated[Path, typer.Argument(metavar="NB", help="A notebook, or a paper's number or name")],
    to: Annotated[Path, typer.Option(help="Folder of the course")],
) -> None:
    """Make the hand-out (no solutions) and the instructor's notebook.   Example: mmkit student 05 --to course"""
    from mmkit import runner
    from mmkit import student as students

    if notebook.suffix != ".ipynb":
        notebook = runner.notebooks_folder() / f"{runner.find_paper(str(notebook)).slug}.ipynb"
    for path in students.make(notebook, to):
        print(path)


@app.command()
def doctor(data_root: DataRoot = None) -> None:
    """Check this machine and say what to do."""
    from mmkit import doctor as doctors

    rows = doctors.check(data_root)
    _console().print(doctors.table(rows))
    if any(row.state == "problem" for row in rows):
        raise typer.Exit(1)
