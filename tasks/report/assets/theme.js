"use strict";
// The theme: the system's or the reader's choice. Runs in the head, before anything is painted.
const Theme = (() => {
  const NAMES = ["system", "light", "dark"];
  const system = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  let chosen = "system";
  try {
    const kept = localStorage.getItem("rise-theme");
    if (NAMES.includes(kept)) chosen = kept;
  } catch { /* a browser may refuse storage to a file: the choice then ends with the page */ }

  const dark = () => (chosen === "system" ? system.matches : chosen === "dark");

  function apply() {
    document.documentElement.dataset.theme = dark() ? "dark" : "light";
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${chosen}`;
    for (const listener of listeners) listener();
  }

  function next() {
    chosen = NAMES[(NAMES.indexOf(chosen) + 1) % NAMES.length];
    try { localStorage.setItem("rise-theme", chosen); } catch { /* as above */ }
    apply();
  }

  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", next);
    apply();
  });
  return { dark, onChange: (listener) => listeners.push(listener) };
})();
