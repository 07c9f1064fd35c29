"use strict";
// Draws every visible chart, again at a change of theme. Vega runs by its interpreter: no text is evaluated.
const Charts = (() => {
  const { themes, specs } = JSON.parse(document.getElementById("chart-data").textContent);
  const boxes = [...document.querySelectorAll("[data-chart]")];

  async function draw(box) {
    const config = themes[Theme.dark() ? "dark" : "light"];
    await vegaEmbed(box, structuredClone(specs[box.dataset.chart]), {
      config, actions: false, ast: true, defaultStyle: false, renderer: "svg",
      tooltip: { disableDefaultStyle: true, id: "chart-tooltip" },
    });
    box.dataset.drawn = Theme.dark() ? "dark" : "light";
  }

  const drawAll = () => Promise.all(boxes.filter((box) => box.offsetParent !== null).map(draw));

  const split = document.getElementById("split");
  if (split) {
    split.addEventListener("change", () => {
      for (const part of document.querySelectorAll("[data-split]")) part.hidden = part.dataset.split !== split.value;
      drawAll();
    });
  }
  Theme.onChange(drawAll);
  drawAll();
})();
