"""Sliders for a figure when somebody is there to move them, a sensible still picture when nobody is.

`explore(draw, share=(0.0, 0.9, 0.1, 0.5), method=["gating", "concat"])` shows `draw(share=..., method=..., ax=...)`. A
notebook that is executed headless (papermill, nbconvert, the tests) gets the picture at the start values, so that a committed
notebook shows something.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mmkit.errors import SettingsError, nearest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Control = tuple[float, float, float, float] | Sequence[Any]  # (low, high, step, start), or a list whose first entry is the start


def live() -> bool:
    """Is a person likely to be in front of this notebook, with ipywidgets at hand? MMKIT_LIVE=0 or 1 decides it by hand.

    Jupyter's server names a kernel's notebook in JPY_SESSION_NAME, VS Code and Colab leave their own traces; kernels that
    papermill and nbconvert start have none of them.
    """
    if find_spec("ipywidgets") is None or "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return False
    if (wanted := os.environ.get("MMKIT_LIVE")) is not None:
        return wanted == "1"
    return "JPY_SESSION_NAME" in os.environ or "__vsc_ipynb_file__" in shell.user_ns or "google.colab" in sys.modules


def explore(draw: Callable[..., Axes], /, *, over: str | None = None, height: float = 3.4, **controls: Control) -> Any:
    """Sliders and menus over `draw(ax=..., **values)`: the widget when `live()`, else the Axes at the start values.

    A control is (low, high, step, start) or a list of choices, the first being the start. `over` names a control: the still
    picture then has one panel for each of (up to four of) its values, in a row. Raises SettingsError for an impossible
    control, before any drawing.
    """
    for name, control in controls.items():
        _check(name, control)
    if over is not None and over not in controls:
        raise SettingsError(f"explore has no control {over!r}{nearest(over, controls)}")
    return _interactive(draw, controls, height) if live() else _still(draw, controls, over, height)


def _check(name: str, control: Control) -> None:
    if isinstance(control, list):
        if not control:
            raise SettingsError(f"control {name!r} has no choices")
        return
    if not isinstance(control, tuple) or len(control) != 4:
        raise SettingsError(f"control {name!r} is {control!r}, expected (low, high, step, start) or a list of choices")
    low, high, step, start = control
    if not (low < high and 0 < step <= high - low and low <= start <= high):
        raise SettingsError(
            f"control {name!r} is {control!r}, expected low < high, 0 < step <= high - low and a start between them"
        )


def _start(control: Control) -> Any:
    return control[0] if isinstance(control, list) else control[3]


def _spread(control: Control) -> list[Any]:
    """Up to four values for the panels, first and last included; numbers on the slider's own steps."""
    if isinstance(control, list):
        return list(control[:4])
    low, high, step, _ = control
    steps = int((high - low) / step + 1e-9)
    picked = sorted({round(i * steps / 3) for i in range(4)})
    return [type(step)(low + i * step) for i in picked]


def _still(draw: Callable[..., Axes], controls: dict[str, Control], over: str | None, height: float) -> Any:
    import matplotlib.pyplot as plt

    values = {name: _start(control) for name, control in controls.items()}
    shown = [values] if over is None else [{**values, over: v} for v in _spread(controls[over])]
    _, axes = plt.subplots(1, len(shown), figsize=(7.5, height), layout="constrained", squeeze=False, sharey=True)
    for ax, chosen in zip(axes[0], shown, strict=True):
        draw(**chosen, ax=ax)
        if over is not None:
            ax.set_title(f"{over} = {chosen[over]:.4g}" if isinstance(chosen[over], float) else f"{over} = {chosen[over]}")
            ax.label_outer()
    return axes[0, 0] if over is None else axes[0]


def _interactive(draw: Callable[..., Axes], controls: dict[str, Control], height: float) -> Any:
    import ipywidgets
    import matplotlib.pyplot as plt
    from IPython.display import display

    def show(**values: Any) -> None:
        figure, ax = plt.subplots(figsize=(7.5, height), layout="constrained")
        draw(**values, ax=ax)
        display(figure)
        plt.close(figure)  # or every move of a slider would leave one open

    return ipywidgets.interactive(show, **{name: _widget(name, control) for name, control in controls.items()})


def _widget(name: str, control: Control) -> Any:
    import ipywidgets

    label = {"description": name.replace("_", " "), "style": {"description_width": "initial"}}
    if isinstance(control, list):
        return ipywidgets.Dropdown(options=control, value=control[0], **label)
    low, high, step, start = control
    kind = ipywidgets.IntSlider if all(isinstance(v, int) for v in control) else ipywidgets.FloatSlider
    return kind(min=low, max=high, step=step, value=start, continuous_update=False, **label)  # redraw when the hand lets go
