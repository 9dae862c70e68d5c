"""Explorers: a still picture when nobody is there, sliders when somebody is, and one error for an impossible control."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import IPython
import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import pytest
from matplotlib.axes import Axes
from nbclient import NotebookClient

from mmkit import widgets
from mmkit.errors import SettingsError
from mmkit.widgets import explore


class Kernel:
    """Stands in for the shell of a notebook kernel."""

    def __init__(self) -> None:
        self.kernel, self.user_ns = object(), {}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No trace of a person in the environment, whatever started the tests."""
    for name in ("JPY_SESSION_NAME", "MMKIT_LIVE"):
        monkeypatch.delenv(name, raising=False)
    yield
    plt.close("all")


@pytest.fixture
def calls() -> list[dict]:
    return []


@pytest.fixture
def draw(calls):
    def draw(share: float, method: str, ax: Axes) -> Axes:
        calls.append({"share": share, "method": method})
        ax.plot([0, 1], [0, share])
        return ax

    return draw


def test_nobody_there_gets_the_start_values(draw, calls):
    ax = explore(draw, share=(0.0, 0.9, 0.1, 0.5), method=["gating", "concat"])
    assert calls == [{"share": 0.5, "method": "gating"}]
    assert isinstance(ax, Axes)
    assert ax.get_lines()[0].get_ydata().tolist() == [0, 0.5]


def test_a_grid_shows_one_control_end_to_end(draw, calls):
    axes = explore(draw, over="share", share=(0.0, 0.9, 0.1, 0.5), method=["gating", "concat"])
    assert [c["share"] for c in calls] == pytest.approx([0.0, 0.3, 0.6, 0.9])
    assert {c["method"] for c in calls} == {"gating"}
    assert [ax.get_title() for ax in axes] == ["share = 0", "share = 0.3", "share = 0.6", "share = 0.9"]
    for ax, c in zip(axes, calls, strict=True):
        assert ax.get_lines()[0].get_ydata().tolist() == [0, c["share"]]


def test_a_grid_over_choices_and_over_few_steps(draw, calls):
    axes = explore(draw, over="method", share=(0.0, 0.9, 0.1, 0.5), method=["a", "b"])
    assert [ax.get_title() for ax in axes] == ["method = a", "method = b"]
    calls.clear()
    explore(draw, over="share", share=(1, 2, 1, 1), method=["a"])
    assert [c["share"] for c in calls] == [1, 2]
    assert type(calls[0]["share"]) is int


@pytest.mark.parametrize(
    ("controls", "told"),
    [
        ({"share": (0, 1, 0.1)}, r"control 'share' is \(0, 1, 0.1\), expected \(low, high, step, start\)"),
        ({"share": (1, 0, 0.1, 0.5)}, "expected low < high"),
        ({"share": (0, 1, 0, 0.5)}, "0 < step"),
        ({"share": (0, 1, 0.1, 2)}, "a start between them"),
        ({"share": []}, "'share' has no choices"),
        ({"share": 0.5}, "'share' is 0.5"),
        ({"over": "sahre", "share": (0, 1, 0.1, 0.5)}, "no control 'sahre'; did you mean 'share'"),
    ],
)
def test_impossible_controls_are_told_before_anything_is_drawn(draw, calls, controls, told):
    with pytest.raises(SettingsError, match=told):
        explore(draw, **controls)
    assert not calls
    assert not plt.get_fignums()


def test_somebody_there_gets_sliders_that_redraw(draw, calls, monkeypatch):
    monkeypatch.setattr(widgets, "live", lambda: True)
    widget = explore(draw, share=(0.0, 0.9, 0.1, 0.5), method=["gating", "concat"])
    slider, menu = widget.children[:2]
    assert isinstance(slider, ipywidgets.FloatSlider)
    assert (slider.min, slider.max, slider.step, slider.value) == (0.0, 0.9, 0.1, 0.5)
    assert menu.options == ("gating", "concat")
    widget.update()
    assert calls[-1] == {"share": 0.5, "method": "gating"}
    slider.value = 0.7
    menu.value = "concat"
    widget.update()
    assert calls[-1] == {"share": 0.7, "method": "concat"}
    assert not plt.get_fignums()  # moving a slider a hundred times leaves no hundred open figures


def test_whole_numbers_get_a_whole_number_slider(monkeypatch):
    monkeypatch.setattr(widgets, "live", lambda: True)
    widget = explore(lambda columns, ax: ax, columns=(4, 64, 4, 8))
    assert isinstance(widget.children[0], ipywidgets.IntSlider)


@pytest.mark.parametrize(
    ("shell", "variables", "expected"),
    [
        (None, {"JPY_SESSION_NAME": "a.ipynb"}, False),  # a plain script
        (Kernel(), {}, False),  # papermill, nbconvert
        (Kernel(), {"JPY_SESSION_NAME": "a.ipynb"}, True),  # JupyterLab
        (Kernel(), {"JPY_SESSION_NAME": "a.ipynb", "MMKIT_LIVE": "0"}, False),  # a run started from inside JupyterLab
        (Kernel(), {"MMKIT_LIVE": "1"}, True),
        (None, {"MMKIT_LIVE": "1"}, False),
    ],
)
def test_who_is_there(monkeypatch, shell, variables, expected):
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert widgets.live() is expected


def test_vs_code_colab_and_a_missing_package(monkeypatch):
    kernel = Kernel()
    monkeypatch.setattr(IPython, "get_ipython", lambda: kernel)
    kernel.user_ns["__vsc_ipynb_file__"] = "a.ipynb"
    assert widgets.live()
    kernel.user_ns.clear()
    monkeypatch.setitem(sys.modules, "google.colab", object())
    assert widgets.live()
    monkeypatch.setattr(widgets, "find_spec", lambda name: None)
    assert not widgets.live()


def test_an_executed_notebook_holds_a_picture_and_no_widget(tmp_path):
    code = (
        "from mmkit.widgets import explore\n"
        "def draw(share, ax):\n    ax.plot([0, 1], [0, share])\n    return ax\n"
        "explore(draw, share=(0.0, 1.0, 0.1, 0.5));"
    )
    cells = [nbformat.v4.new_code_cell("%matplotlib inline"), nbformat.v4.new_code_cell(code)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    kinds = [set(o.get("data", {})) for o in notebook.cells[1].outputs]
    assert kinds == [{"image/png", "text/plain"}]
