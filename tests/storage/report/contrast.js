// Text whose contrast with its ground is below 4.5 to 1, by the definition of WCAG 2.1: the page's and the charts'.
() => {
  const parse = (colour) => { const [r, g, b, a = 1] = colour.match(/[\d.]+/g).map(Number); return { rgb: [r, g, b], a }; };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const above = function* (element) { for (let e = element; e; e = e.parentElement) yield e; };
  const ground = (element) => {
    for (const e of above(element)) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour.a === 1) return colour.rgb;
    }
    return [255, 255, 255];
  };
  const ink = (element, under) => {
    const style = getComputedStyle(element);
    const drawn = element.closest("svg") !== null;
    const { rgb, a } = parse(drawn ? style.fill : style.color);
    const faint = [...above(element)].reduce((share, e) => share * Number(getComputedStyle(e).opacity), 1);
    const share = a * faint * (drawn ? Number(style.fillOpacity) : 1);
    return rgb.map((v, i) => v * share + under[i] * (1 - share));
  };
  const weak = new Set();
  for (const element of document.querySelectorAll("body *:not(script):not(style):not(noscript)")) {
    const own = [...element.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    if (!own || !element.checkVisibility()) continue;
    const under = ground(element);
    const [a, b] = [light(ink(element, under)), light(under)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const name = element.closest("svg") ? `${element.closest("[data-chart]").dataset.chart} ${element.textContent}` : element.className;
    if (ratio < 4.5) weak.add(`${name || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return [...weak];
}
