"use strict";
// The browser of the rollouts: filters, a list that draws only the rows in sight, a reader. Text becomes text nodes.
(async () => {
  const ROW = 62; // height of a row in the list, as in the style sheet
  const MARKS = { correct: "✓", wrong: "✗", no_answer: "∅" };
  const PURPOSES = { eval_sequential: "evaluation, turns", eval_parallel: "evaluation, parallel", collect: "training" };
  const [form, list, room, reader, status] = ["filters", "list", "room", "reader", "status"]
    .map((id) => document.getElementById(id));
  const data = await Rollouts.unpack(document.getElementById("rollout-data").textContent);
  const episodes = Rollouts.episodes(data);
  let shown = episodes;
  let current = 0; // index in `shown` of the marked row
  let open = null;

  function make(name, className, ...children) {
    const element = document.createElement(name);
    if (className) element.className = className;
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  }
  const words = (text) => text.replaceAll("_", " ");
  const spaced = (number) => number.toLocaleString("en-US");

  // -- filters ---------------------------------------------------------------------------------------------------------

  function choices(name, values, label = String, first = "all") {
    const sorted = [...new Set(values)];
    form.elements[name].replaceChildren(...(first === null ? [] : [new Option(first, "")]),
      ...sorted.map((value) => new Option(label(value), value)));
  }

  function fillFilters() {
    const turns = [...new Set(data.turn)].sort((a, b) => a - b);
    const later = ["any", ...turns.filter((turn) => turn > 1)];
    choices("iteration", episodes.map((e) => e.iteration).sort((a, b) => a - b));
    choices("split", episodes.map((e) => e.problem.split).sort());
    choices("purpose", data.purposes.filter((p) => episodes.some((e) => e.purpose === p)), (p) => PURPOSES[p] ?? words(p));
    choices("verdict", data.verdicts.filter((_, i) => data.verdict.includes(i)), words);
    choices("turn", ["any", "last", ...turns], String, null);
    choices("fixed", later, String, "–");
    choices("broken", later, String, "–");
  }

  function filter() {
    const start = performance.now();
    const filters = Object.fromEntries([...form.elements].filter((field) => field.name).map((field) => [field.name, field.value]));
    filters.selected = form.elements.selected.checked;
    shown = episodes.filter((episode) => Rollouts.matches(episode, filters));
    current = Math.max(0, shown.indexOf(open));
    const responses = shown.reduce((sum, e) => sum + e.turns.reduce((n, turn) => n + turn.responses.length, 0), 0);
    status.textContent = `${spaced(shown.length)} of ${spaced(episodes.length)} episodes, ${spaced(responses)} responses`;
    list.scrollTop = Math.max(0, current * ROW - list.clientHeight / 2);
    drawList();
    performance.measure("rise-filter", { start });
  }

  // -- list ------------------------------------------------------------------------------------------------------------

  function mark(turn) {
    const { responses } = turn;
    const right = responses.filter((r) => r.verdict === "correct").length;
    const verdict = right ? "correct" : responses[0].verdict;
    const text = (MARKS[verdict] ?? "!") + (responses.length > 1 ? ` ${right}/${responses.length}` : "");
    const chip = make("span", `chip ${verdict}`, text);
    chip.title = `turn ${turn.turn}: ${right} of ${responses.length} correct`;
    return chip;
  }

  function row(episode, index) {
    const marks = make("span", "marks", ...episode.turns.map(mark));
    const about = `iteration ${episode.iteration} · ${PURPOSES[episode.purpose] ?? words(episode.purpose)} · ${episode.problem.split}`;
    const option = make("div", "row", make("span", "what", episode.problem.text.slice(0, 300) || episode.problem.id),
      make("span", "about", make("span", "soft", about), marks));
    option.id = `row-${index}`;
    option.role = "option";
    option.ariaSelected = String(index === current);
    option.ariaSetSize = String(shown.length);
    option.ariaPosInSet = String(index + 1);
    option.style.top = `${index * ROW}px`;
    if (episode === open) option.classList.add("open");
    option.addEventListener("click", () => { current = index; show(episode); });
    return option;
  }

  function drawList() {
    room.style.height = `${shown.length * ROW}px`;
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - 5);
    const last = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 5);
    const rows = [];
    for (let index = first; index < last; index++) rows.push(row(shown[index], index));
    if (!shown.length) rows.push(make("p", "none soft", "No episode passes these filters."));
    room.replaceChildren(...rows);
    if (shown.length) list.setAttribute("aria-activedescendant", `row-${current}`);
    else list.removeAttribute("aria-activedescendant");
  }

  function move(index) {
    if (!shown.length) return;
    current = Math.min(shown.length - 1, Math.max(0, index));
    const top = current * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    if (open) show(shown[current], false);
    else drawList();
  }

  // -- reader ----------------------------------------------------------------------------------------------------------

  function button(text, act, label) {
    const element = make("button", "quiet", text);
    element.type = "button";
    if (label) element.ariaLabel = label;
    element.addEventListener("click", act);
    return element;
  }

  function badge(verdict) {
    return make("span", `badge ${verdict}`, `${MARKS[verdict] ?? "!"} ${words(verdict)}`);
  }

  function answerLine(r) {
    const answer = r.answer === null ? "no parsed answer" : make("code", "", r.answer);
    const notes = [r.repetitive ? "repeats itself" : "", r.cut ? "cut at its length limit" : ""].filter(Boolean);
    return make("p", "facts", badge(r.verdict), make("span", "", "answer ", answer),
      make("span", "", `reward ${r.reward ?? "none"}`), make("span", "soft", `by ${r.policy}`),
      r.selected ? make("span", "note selected", "selected for training") : "", ...notes.map((note) => make("span", "note", note)));
  }

  function sampleDetails(r) {
    const details = make("details", "sample", make("summary", "", `Sample ${r.sample} `, badge(r.verdict),
      r.selected ? make("span", "note selected", "selected for training") : ""), answerLine(r), make("pre", "", r.text));
    details.open = r.selected;
    return details;
  }

  function turnSection(episode, turn) {
    const change = episode.fixed.includes(turn.turn) ? make("span", "change fixed", "fixed")
      : episode.broken.includes(turn.turn) ? make("span", "change broken", "broken") : null;
    const section = make("section", "turn", make("h4", "", `Turn ${turn.turn} `, change));
    const [only] = turn.responses;
    if (turn.responses.length === 1) section.append(answerLine(only), make("pre", "", only.text));
    else section.append(...turn.responses.map(sampleDetails));
    return section;
  }

  function voteLine(episode) {
    const responses = episode.turns.flatMap((turn) => turn.responses);
    const won = episode.purpose === "collect" || responses.length < 2 ? null : Rollouts.vote(responses);
    return won && make("p", "facts vote", "The vote ", make("code", "", won.response.answer),
      `${won.count} of ${responses.length}`, badge(won.response.verdict));
  }

  function elsewhere(episode) {
    const others = episodes.filter((e) => e.problem === episode.problem && e.purpose === episode.purpose).reverse();
    if (others.length < 2) return null;
    const links = others.map((other) => {
      const link = button(make("span", "", `iteration ${other.iteration} `), () => show(other));
      link.append(make("span", "marks", ...other.turns.map(mark)));
      if (other === episode) link.setAttribute("aria-current", "true");
      return link;
    });
    return make("div", "elsewhere", make("span", "soft", "This problem"), ...links);
  }

  function turnTo(step, label) {
    move(current + step);
    for (const element of reader.querySelectorAll(".bar button")) if (element.textContent === label) element.focus();
  }

  function show(episode, focus = true) {
    open = episode;
    const { problem } = episode;
    const index = shown.indexOf(episode);
    const bar = make("div", "bar", button("Close", close, "Close the episode"),
      button("Previous", () => turnTo(-1, "Previous")), button("Next", () => turnTo(1, "Next")));
    reader.replaceChildren(bar, make("h3", "", `${problem.id} `),
      make("p", "soft", `iteration ${episode.iteration} · ${PURPOSES[episode.purpose] ?? words(episode.purpose)} · split ${problem.split}`),
      make("pre", "problem", problem.text || "(the lake holds no text for this problem)"),
      ...(problem.gold === null ? [] : [make("p", "gold", "Gold answer ", make("code", "", problem.gold))]),
      ...[elsewhere(episode)].filter(Boolean), ...episode.turns.map((turn) => turnSection(episode, turn)),
      ...[voteLine(episode)].filter(Boolean));
    document.getElementById("browser").classList.add("reading");
    reader.scrollTop = 0;
    if (index >= 0) current = index;
    drawList();
    if (focus) reader.focus({ preventScroll: matchMedia("(min-width: 900px)").matches });
    const { iteration, purpose } = episode;
    history.replaceState(null, "", `#${new URLSearchParams({ iteration, purpose, split: problem.split, problem: problem.id })}`);
  }

  function close() {
    open = null;
    reader.replaceChildren(make("p", "none soft", "Open an episode to read its turns."));
    document.getElementById("browser").classList.remove("reading");
    history.replaceState(null, "", "#rollouts");
    drawList();
    list.focus();
  }

  // -- keys, links and start -------------------------------------------------------------------------------------------

  function onKey(event) {
    const typing = event.target.closest("input, select, textarea");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && !typing) form.elements.text.focus();
    else if (event.key === "Escape" && open && !typing) close();
    else if (typing || !event.target.closest("#browser")) return;
    else if (event.key === "j") move(current + 1);
    else if (event.key === "k") move(current - 1);
    else if (event.target !== list || !steer(event.key)) return;
    event.preventDefault();
  }

  function steer(key) {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 1);
    const targets = { ArrowDown: current + 1, ArrowUp: current - 1, PageDown: current + page, PageUp: current - page,
      Home: 0, End: shown.length - 1 };
    if (key in targets) move(targets[key]);
    else if (key === "Enter" && shown.length) show(shown[current]);
    else return false;
    return true;
  }

  function fromLink() {
    const link = new URLSearchParams(location.hash.slice(1));
    const episode = link.has("problem") && episodes.find((e) => e.problem.id === link.get("problem")
      && e.problem.split === link.get("split") && e.purpose === link.get("purpose") && e.iteration === Number(link.get("iteration")));
    if (!episode) return;
    if (!shown.includes(episode)) { form.reset(); filter(); }
    show(episode);
    list.scrollTop = Math.max(0, current * ROW - list.clientHeight / 2);
    reader.scrollIntoView({ block: "nearest" });
  }

  let waiting;
  form.elements.text.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  form.addEventListener("change", (event) => { if (event.target !== form.elements.text) { clearTimeout(waiting); filter(); } });
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  list.addEventListener("scroll", () => requestAnimationFrame(drawList));
  new ResizeObserver(drawList).observe(list);
  document.addEventListener("keydown", onKey);
  addEventListener("hashchange", fromLink);
  reader.replaceChildren(make("p", "none soft", "Open an episode to read its turns."));
  fillFilters();
  filter();
  fromLink();
  document.documentElement.dataset.ready = "yes";
})();
