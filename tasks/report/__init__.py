"""Stage `report`: the page of a run, its charts, and its artifacts in the Prefect UI.

    from tasks.report.page import write_page
    from tasks.report.picture import write_plot

    path = write_page(lake, "demo", home / "runs/demo/report.html", cache=home / "cache")
    write_plot(lake, "demo", Path("demo.svg"))

| module | purpose |
|---|---|
| `artifacts` | The stage: writes the page and attaches artifacts to the flow run. |
| `chart_rows` | Queries of the lake: the rows behind every chart. |
| `charts` | Altair (Vega-Lite) charts, drawn from rows. |
| `theme` | Colours and type of the charts. |
| `captions` | Figures: a chart with its caption and its table of numbers. |
| `browser_data` | The rollouts, packed for the page's browser. |
| `page` | One HTML file with everything; needs no network. |
| `picture` | The main plot as an SVG or PNG file. |
"""
