"""The report of a run: one HTML page with charts and a browser of its rollouts, and the main plot as a picture.

    path = write_page(lake, "demo", home / "runs/demo/report.html", cache=home / "cache")
    write_plot(lake, "demo", Path("demo.svg"))

`data` and `episodes` read the lake, `charts` draws with Altair (Vega-Lite), `figures` adds captions and tables of
numbers, `page` puts everything into one file that needs no network, `plot` writes the picture.
"""

from rise.tasks.report.page import write_page
from rise.tasks.report.plot import main_plot, write_plot

__all__ = ["main_plot", "write_page", "write_plot"]
