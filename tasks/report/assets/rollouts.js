"use strict";
// Unpacks the rollouts, groups them into episodes and turns, filters them. Independent of the document.
const Rollouts = (() => {
  const SELECTED = 1, REPETITIVE = 2, CUT = 4; // flags of a response, as in browser_data.py
  const FACTS = new Set(["correct", "wrong", "no_answer"]); // any other verdict means that grading failed

  async function unpack(packed) {
    const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).json();
  }

  function response(data, i) {
    return {
      turn: data.turn[i], sample: data.sample[i], text: data.text[i], answer: data.answer[i], reward: data.reward[i],
      verdict: data.verdicts[data.verdict[i]], policy: data.policies[data.policy[i]],
      selected: Boolean(data.flags[i] & SELECTED), repetitive: Boolean(data.flags[i] & REPETITIVE),
      cut: Boolean(data.flags[i] & CUT),
    };
  }

  function episodes(data) {
    const [iterations, purposes, problems, starts] = data.episodes;
    return starts.map((start, number) => {
      const turns = [];
      for (let i = start; i < (starts[number + 1] ?? data.turn.length); i++) {
        if (turns.at(-1)?.turn !== data.turn[i]) turns.push({ turn: data.turn[i], responses: [] });
        turns.at(-1).responses.push(response(data, i));
      }
      const episode = { number, iteration: iterations[number], purpose: purposes[number], turns,
        problem: data.problems[problems[number]], fixed: [], broken: [] };
      turns.slice(1).forEach((turn, before) => compare(episode, turns[before].responses[0], turn));
      return episode;
    });
  }

  // Marks a turn as fixed or broken against the attempt before (sample 0). One correct response of several fixes.
  function compare(episode, before, turn) {
    const graded = turn.responses.filter((r) => FACTS.has(r.verdict));
    if (!FACTS.has(before.verdict) || !graded.length) return;
    const right = graded.some((r) => r.verdict === "correct");
    if (right && before.verdict !== "correct") episode.fixed.push(turn.turn);
    if (!right && before.verdict === "correct") episode.broken.push(turn.turn);
  }

  // Lower-case text of an episode, made once, at the first search.
  function haystack(episode) {
    const { problem } = episode;
    problem.low ??= `${problem.id}\n${problem.text}\n${problem.gold ?? ""}`.toLowerCase();
    episode.low ??= episode.turns
      .flatMap((turn) => turn.responses.map((r) => `${r.text}\n${r.answer ?? ""}`)).join("\n").toLowerCase();
    return [problem.low, episode.low];
  }

  const changed = (turns, turn) => (turn === "any" ? turns.length > 0 : turns.includes(Number(turn)));

  function verdictAt(episode, verdict, at) {
    const turns = at === "any" ? episode.turns
      : at === "last" ? episode.turns.slice(-1) : episode.turns.filter((turn) => turn.turn === Number(at));
    return turns.some((turn) => turn.responses.some((r) => r.verdict === verdict));
  }

  // `filters`: name of a form field → value; "" lets every episode through.
  function matches(episode, filters) {
    const text = filters.text.toLowerCase();
    return (filters.iteration === "" || episode.iteration === Number(filters.iteration))
      && (filters.split === "" || episode.problem.split === filters.split)
      && (filters.purpose === "" || episode.purpose === filters.purpose)
      && (filters.verdict === "" || verdictAt(episode, filters.verdict, filters.turn))
      && (filters.fixed === "" || changed(episode.fixed, filters.fixed))
      && (filters.broken === "" || changed(episode.broken, filters.broken))
      && (!filters.selected || episode.turns.some((turn) => turn.responses.some((r) => r.selected)))
      && (text === "" || haystack(episode).some((part) => part.includes(text)));
  }

  // The answer of most responses; a tie goes to the first one (as `vote` in rise_core/method/metrics.py).
  function vote(responses) {
    const votes = new Map();
    for (const r of responses) if (r.answer !== null) votes.set(r.answer, (votes.get(r.answer) ?? 0) + 1);
    let winner = null;
    for (const [answer, count] of votes) if (winner === null || count > votes.get(winner)) winner = answer;
    return winner === null ? null : { count: votes.get(winner), response: responses.find((r) => r.answer === winner) };
  }

  return { unpack, episodes, matches, vote };
})();
