"""Put the outputs of finished lab runs into the committed notebooks, and their figures into figures/<slug>/.

    python notebooks/publish.py runs/*/lab-world

A run folder's notebook has the same cells as the committed one, plus the cell that injected the parameters. Only outputs and
execution counts are taken over, cell by cell; a run of other sources is refused.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import nbformat

HERE = Path(__file__).parent


def publish(run: Path) -> str:
    """Take over one run folder; returns what was done. Raises ValueError when the run does not fit the notebook."""
    slug = json.loads((run / "runner.json").read_text(encoding="utf-8"))["paper"]
    state = json.loads((run / "run.json").read_text(encoding="utf-8"))
    if state["state"] != "done" or state.get("profile") != "lab" or state.get("data", "world") != "world":
        raise ValueError(f"{run}: not a finished lab run in a world")
    target = HERE / f"{slug}.ipynb"
    notebook = nbformat.read(target, as_version=4)
    executed = {cell.id: cell for cell in nbformat.read(run / "notebook.ipynb", as_version=4).cells}
    for count, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        source = executed.get(cell.id)
        if source is None or source.source != cell.source:
            raise ValueError(f"{run}: cell {cell.id} differs from {target.name}; run the notebook again")
        cell.outputs, cell.execution_count = source.outputs, count
        for output in cell.outputs:
            if "execution_count" in output:
                output["execution_count"] = count
    nbformat.write(notebook, target)
    figures = HERE.parent / "figures" / slug
    if (run / "figures").is_dir():
        shutil.rmtree(figures, ignore_errors=True)
        shutil.copytree(run / "figures", figures)
    return f"{target.name} and {len(list(figures.glob('*.png')))} figures from {run.name} of {slug}"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(publish(Path(name)))
