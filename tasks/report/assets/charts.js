"use strict";
// Draws every chart in sight of the reader; a change of theme draws them anew. By Vega's interpreter: nothing is evaluated.
const Charts = (() => {
  const { themes, specs } = JSON.parse(document.getElementById("chart-data").textContent);
  const places = [...document.querySelectorAll("[data-chart]")];

  async function draw(place) {
    const config = themes[Theme.dark() ? "dark" : "light"];
    await vegaEmbed(place, structuredClone(specs[place.dataset.chart]), {
      config, actions: false, ast: true, defaultStyle: false, renderer: "svg",
      tooltip: { disableDefaultStyle: true, id: "chart-tooltip" },
    });
    place.dataset.drawn = Theme.dark() ? "dark" : "light";
  }

  const drawAll = () => Promise.all(places.filter((place) => place.offsetParent !== null).map(draw));

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
