// Where the charts and the open episode's responses are on the page, in its pixels: [left, top, right, bottom].
// `marks` is a chart's inside, without axes and legends; `cut` its texts that reach beyond the picture it is drawn in.
() => {
  const box = (element) => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    return [left + scrollX, top + scrollY, right + scrollX, bottom + scrollY];
  };
  const charts = {};
  for (const place of document.querySelectorAll("[data-chart]")) {
    const svg = place.querySelector("svg");
    const [left, top, right, bottom] = box(svg);
    const beyond = (text) => {
      const [l, t, r, b] = box(text);
      return l < left - 1 || t < top - 1 || r > right + 1 || b > bottom + 1;
    };
    charts[place.dataset.chart] = {
      whole: [left, top, right, bottom],
      marks: box(svg.querySelector(".background")),
      cut: [...svg.querySelectorAll("text")].filter(beyond).map((text) => text.textContent),
    };
  }
  return { charts, turns: [...document.querySelectorAll("#reader .turn pre")].map(box) };
}
