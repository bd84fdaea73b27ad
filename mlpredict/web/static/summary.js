// Many new predictions in few lines: how many of each label, and the cards behind a fold.

import { answerOf, score, showCounts } from "./show.js";

const MOST_CARDS = 12;
const MOST_BARS = 10;
const summary = document.getElementById("summary");
const bars = document.getElementById("summary-bars");
const text = document.getElementById("summary-text");
const details = document.getElementById("fold");
const title = document.getElementById("fold-title");

/** Fold the cards of a list that has become long, and tell what came of them. */
export function fold(list, outcomes) {
  const isLong = list.childElementCount > MOST_CARDS;
  if (isLong && title.hidden) details.open = false;
  if (!isLong) details.open = true;
  summary.hidden = title.hidden = !isLong;
  if (!isLong) return;
  title.textContent = `All ${list.childElementCount.toLocaleString("en")} of them`;
  const answered = outcomes.filter((outcome) => outcome.error === undefined);
  const counts = new Map();
  for (const record of answered) counts.set(answerOf(record), (counts.get(answerOf(record)) ?? 0) + 1);
  showCounts(bars, counts, MOST_BARS);
  const scores = answered.map((record) => record.score).filter((value) => typeof value === "number");
  const sum = scores.reduce((total, value) => total + value, 0);
  text.textContent = scores.length ? `Mean score ${score(sum / scores.length)}, lowest ${score(lowest(scores))}` : "";
}

function lowest(scores) {
  return scores.reduce((least, value) => Math.min(least, value), 1);
}
