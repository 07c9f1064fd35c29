"""Charts as Altair (Vega-Lite) objects, drawn from rows of `chart_rows`. Colours come from `theme`."""

from __future__ import annotations

import altair as alt

from tasks.report.chart_rows import STAGES, Row

GAINS = {"gain_parallel": "over parallel samples", "gain_turns": "over one response"}

_HEIGHT = 260  # pixels
_ITERATION = alt.Color("iteration:O", title="iteration")
# The base model is dashed: RISE starts there.
_BASE_DASHED = alt.condition("datum.iteration == 0", alt.value([6, 4]), alt.value([1, 0]))
_ROLES = {
    "turns": "{metric}: vote over the turns",
    "parallel": "{metric}: vote of parallel ones",
    "one": "{metric}: one response",
}


def accuracy(rows: list[Row]) -> alt.LayerChart:
    """Draw accuracy by turn: one line for each iteration, 95% intervals as bands."""
    base = _chart(rows).encode(x=alt.X("turn:O", title="turn"), color=_ITERATION)
    value = alt.Y("value:Q", title="accuracy (%)", scale=alt.Scale(zero=False, nice=True))
    return alt.LayerChart(
        layer=[
            base.mark_area(opacity=0.13).encode(y=alt.Y("low:Q", title="accuracy (%)"), y2="high:Q"),
            base.mark_line().encode(y=value, strokeDash=_BASE_DASHED),
            base.mark_point().encode(y=value, tooltip=_interval_tooltip("iteration:O", "turn:O")),
        ]
    )


def role_label(row: Row) -> str:
    """Name the line of a row in chart `compared`, for example "m1@t5: vote over the turns"."""
    return _ROLES[row["role"]].format(metric=row["metric"])


def compared(rows: list[Row]) -> alt.LayerChart:
    """Draw one response, K turns and B parallel responses by iteration, 95% intervals as bands."""
    labels = {role: role_label(row) for role in _ROLES for row in rows if row["role"] == role}
    named = [row | {"label": labels[row["role"]]} for row in rows]
    # The domain fixes colours and legend to the order of _ROLES, not to the alphabet.
    scale = alt.Scale(domain=[labels[role] for role in _ROLES if role in labels])
    legend = alt.Legend(title=None, columns=1)
    base = _chart(named).encode(
        x=alt.X("iteration:O", title="iteration"), color=alt.Color("label:N", scale=scale, legend=legend)
    )
    value = alt.Y("value:Q", title="accuracy (%)", scale=alt.Scale(zero=False, nice=True))
    return alt.LayerChart(
        layer=[
            base.mark_area(opacity=0.13).encode(y=alt.Y("low:Q", title="accuracy (%)"), y2="high:Q"),
            base.mark_line().encode(y=value),
            base.mark_point(size=70).encode(
                y=value,
                shape=alt.Shape("label:N", scale=scale, legend=legend),
                tooltip=_interval_tooltip("label:N", "iteration:O"),
            ),
        ]
    )


def gains(rows: list[Row]) -> alt.LayerChart:
    """Draw paired gains of the turns over parallel samples and over one response, by iteration."""
    named = [row | {"over": GAINS[row["metric"]]} for row in rows if row["metric"] in GAINS]
    scale = alt.Scale(domain=list(GAINS.values()))
    base = _chart(named).encode(
        x=alt.X("iteration:O", title="iteration", scale=alt.Scale(type="band", padding=0.5)),
        xOffset=alt.XOffset("over:N", scale=alt.Scale(domain=list(GAINS.values()))),
        color=alt.Color("over:N", scale=scale, legend=alt.Legend(title="the turns' vote", columns=1)),
    )
    # Above the line the turns help.
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(strokeDash=[3, 3]).encode(y="zero:Q")
    return alt.LayerChart(
        layer=[
            zero,
            base.mark_rule(strokeWidth=2.5, opacity=0.7).encode(y=alt.Y("low:Q", title="points"), y2="high:Q"),
            base.mark_point(size=80, opacity=1).encode(
                y="value:Q", shape=alt.Shape("over:N", scale=scale), tooltip=_interval_tooltip("over:N", "iteration:O")
            ),
        ]
    )


def flows(rows: list[Row]) -> alt.LayerChart:
    """Draw fixed (up) and broken (down) problems by turn within each iteration, and their sum."""
    sign = {"fixed": 1, "broken": -1}
    change = [row | {"points": row["value"] * sign[row["kind"]]} for row in rows]
    # The net change of a turn: a tick across both bars.
    sums: dict[tuple[int, int], float] = {}
    for row in change:
        sums[row["iteration"], row["turn"]] = sums.get((row["iteration"], row["turn"]), 0.0) + row["points"]
    net = [{"iteration": k, "turn": turn, "net": points} for (k, turn), points in sums.items()]
    iterations, turns = (sorted({row[name] for row in rows}) for name in ("iteration", "turn"))
    band = alt.Scale(type="band", padding=0.2, domain=iterations)
    x = alt.X("iteration:O", title="iteration, within it the turns in order", scale=band)
    offset = alt.XOffset("turn:O", scale=alt.Scale(paddingInner=0.15, domain=turns))
    legend = alt.Legend(title="from the turn before")
    bars = _chart(change).encode(
        x=x,
        xOffset=offset,
        y=alt.Y("points:Q", title="problems (%)", stack=False),
        color=alt.Color("kind:N", scale=alt.Scale(domain=["fixed", "broken"]), legend=legend),
        tooltip=[alt.Tooltip("kind:N", title="change"), *_interval_tooltip("iteration:O", "turn:O")],
    )
    tooltip = [alt.Tooltip("iteration:O"), alt.Tooltip("turn:O"), alt.Tooltip("net:Q", format="+.1f")]
    marks = _chart(net).encode(x=x, xOffset=offset, y="net:Q", tooltip=tooltip)
    return alt.LayerChart(layer=[bars.mark_bar(opacity=0.85), marks.mark_tick(thickness=2, orient="horizontal")])


def losses(rows: list[Row]) -> alt.LayerChart:
    """Draw training loss by optimiser step: as logged (faint) and as a running mean (1/20 of the steps)."""
    per_iteration = len(rows) // max(1, len({row["iteration"] for row in rows}))
    around = max(1, per_iteration // 40)  # steps on either side of the mean
    steps = [row["step"] for row in rows]
    axis = _count_axis(max(steps) - min(steps), max_ticks=6)
    # Only three of a log's columns enter the page: its size counts.
    base = _chart([{name: row[name] for name in ("iteration", "step", "loss")} for row in rows]).encode(
        x=alt.X("step:Q", title="optimiser step", scale=alt.Scale(nice=False), axis=axis), color=_ITERATION
    )
    value = alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=False))
    smooth = base.transform_window(mean="mean(loss)", frame=[-around, around], groupby=["iteration"])
    return alt.LayerChart(
        layer=[
            base.mark_line(strokeWidth=1, opacity=0.5).encode(y=value),
            smooth.mark_line().encode(y=alt.Y("mean:Q", title="loss")),
        ]
    )


def histogram(rows: list[Row], title: str) -> alt.Chart:
    """Draw examples by reward or weight, one bar for each iteration."""
    order = list(dict.fromkeys(row["bin"] for row in sorted(rows, key=lambda row: row["start"])))
    angle = -60 if len(order) > 12 else 0  # labels of bins overlap
    largest = max(row["examples"] for row in rows)
    bars: alt.Chart = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("bin:O", title=title, sort=order, axis=alt.Axis(labelAngle=angle)),
            xOffset=alt.XOffset("iteration:O"),
            y=alt.Y("examples:Q", title="examples", axis=_count_axis(largest, max_ticks=5)),
            color=_ITERATION,
            tooltip=["iteration:O", alt.Tooltip("bin:O", title=title), "examples:Q"],
        )
    )
    return bars


def times(rows: list[Row]) -> alt.Chart:
    """Draw minutes by stage, one bar for each iteration. The stages keep the order of an iteration."""
    stages = list(dict.fromkeys([*STAGES.values(), *(row["stage"] for row in rows)]))
    present = [stage for stage in stages if any(row["stage"] == stage for row in rows)]
    height = 40 + 32 * len({row["iteration"] for row in rows})
    # Vega stacks segments in the order of a number.
    numbered = [row | {"position": present.index(row["stage"])} for row in rows]
    bars: alt.Chart = (
        _chart(numbered, height)
        .mark_bar()
        .encode(
            y=alt.Y("iteration:O", title="iteration"),
            x=alt.X("minutes:Q", title="minutes", axis=alt.Axis(grid=True, tickCount=6)),
            color=alt.Color("stage:N", scale=alt.Scale(domain=present), legend=alt.Legend(title=None, columns=2)),
            order=alt.Order("position:Q"),
            tooltip=["iteration:O", "stage:N", alt.Tooltip("minutes:Q", format=".2f")],
        )
    )
    return bars


def _chart(rows: list[Row], height: int = _HEIGHT) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=rows), width="container", height=height)


def _count_axis(span: int, max_ticks: int) -> alt.Axis:
    """Make an axis of whole numbers.

    Args:
        span: Difference between the largest and the smallest number.
        max_ticks: Most ticks.
    """
    # More ticks than numbers would show halves; Vega's tickMinStep allows one tick too many.
    return alt.Axis(format=",d", tickCount=max(1, min(span, max_ticks)))


def _interval_tooltip(*fields: str) -> list[alt.Tooltip]:
    numbers = [alt.Tooltip(f"{name}:Q", format=".1f") for name in ("value", "low", "high")]
    return [*(alt.Tooltip(field) for field in fields), *numbers, alt.Tooltip("n:Q")]
