// Text whose contrast with its ground is below 4.5 to 1, by the definition of WCAG 2.1: of the page and of its charts.
() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number);
    return { rgb: [r, g, b], a };
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const around = (element) => (element ? [element, ...around(element.parentElement)] : []);
  const ground = (element) => {
    const grounds = around(element).map((e) => parse(getComputedStyle(e).backgroundColor));
    return grounds.find((colour) => colour.a === 1)?.rgb ?? [255, 255, 255];
  };
  // What a reader sees of a colour that lets some of its ground through.
  const ink = (element, under, style) => {
    const drawn = element.closest("svg") !== null;
    const { rgb, a } = parse(drawn ? style.fill : style.color);
    let share = a * (drawn ? Number(style.fillOpacity) : 1);
    for (const e of around(element)) share *= Number(getComputedStyle(e).opacity);
    return rgb.map((v, i) => v * share + under[i] * (1 - share));
  };
  const weak = new Set();
  for (const element of document.querySelectorAll("body *:not(script):not(style):not(noscript)")) {
    const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if ((!own && !element.placeholder) || !element.checkVisibility()) continue;
    const under = ground(element);
    const style = getComputedStyle(element, own ? null : "::placeholder");
    const [a, b] = [light(ink(element, under, style)), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const chart = element.closest("[data-chart]")?.dataset.chart;
    const name = chart ? `${chart} ${element.textContent}` : element.className || element.tagName;
    if (ratio < 4.5) weak.add(`${name}: ${ratio.toFixed(2)}`);
  }
  return [...weak];
}
