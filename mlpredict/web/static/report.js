// What predictions were worth: the report that the server makes, in the colours of the page.

import { getJson, getPage } from "./api.js";
import { startFilters } from "./filters.js";
import { save } from "./saving.js";
import { printable } from "./show.js";

const TICK_MS = 1000;
const place = document.getElementById("report");
const title = document.getElementById("report-title");
const status = document.getElementById("report-status");
const seconds = document.getElementById("report-seconds");
const [stop, again, download] = ["stop", "again", "save"].map((name) => document.getElementById(`report-${name}`));
const gallery = document.getElementById("to-gallery");

const filters = startFilters(make, (reason) => (status.textContent = reason));
let asking = new AbortController();
let made = null;

/** Have a report made; one that is on its way is given up, by the server as well. */
async function make() {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const asked = filters.query();
  const done = begin();
  tellCount(asked, signal);
  try {
    const { content, page } = await getPage(`v1/report/page?${new URLSearchParams(asked)}`, { signal });
    if (signal.aborted) return;
    made = content;
    show(page);
  } catch (error) {
    if (signal.aborted && asking.signal !== signal) return;
    status.textContent = signal.aborted ? "Stopped." : printable(error.message);
  } finally {
    done(asking.signal === signal);
  }
}

/** Say that it is being made, and for how long; what is called in the end takes that away. */
function begin() {
  const began = performance.now();
  status.textContent = "Counting…";
  place.setAttribute("aria-busy", "true");
  stop.hidden = false;
  again.hidden = download.hidden = gallery.hidden = true;
  const tick = () => (seconds.textContent = `${Math.round((performance.now() - began) / TICK_MS)} s`);
  tick();
  const timer = setInterval(tick, TICK_MS);
  return (isLast) => {
    clearInterval(timer);
    if (!isLast) return;
    seconds.textContent = "";
    place.removeAttribute("aria-busy");
    const hadFocus = document.activeElement === stop;
    stop.hidden = true;
    again.hidden = false;
    if (hadFocus) again.focus();
  };
}

/** How many predictions are to be looked at: then a person knows why it takes so long. */
async function tellCount(asked, signal) {
  const { by: _by, ...wanted } = asked;
  try {
    const counted = await getJson(`v1/predictions/count?${new URLSearchParams(wanted)}`, { signal });
    if (signal.aborted || stop.hidden) return;
    const count = counted.predictions.toLocaleString("en");
    status.textContent = `Counting ${count} predictions, and what was right of them. A million may take half a minute…`;
  } catch {
    // What is wrong the report says.
  }
}

function show(page) {
  const content = page.querySelector("main");
  title.textContent = content.querySelector("h1").textContent;
  content.querySelector("h1").remove();
  const when = content.querySelector(":scope > .quiet");
  status.textContent = `Made ${when.textContent.replace("mlpredict, ", "")}.`;
  when.remove();
  place.replaceChildren(...[...content.childNodes].map((node) => document.importNode(node, true)));
  for (const named of place.querySelectorAll("[data-prediction]")) link(named);
  download.hidden = gallery.hidden = false;
  const shared = filters.shared();
  gallery.href = `./${shared.size ? `?${shared}` : ""}#stored`;
}

/** A mistake leads to its prediction. */
function link(named) {
  const anchor = document.createElement("a");
  anchor.href = `./?id=${named.dataset.prediction}`;
  anchor.textContent = named.textContent;
  named.replaceChildren(anchor);
}

stop.addEventListener("click", () => asking.abort());
again.addEventListener("click", make);
download.addEventListener("click", () => save("report.html", made, "text/html"));

filters.offerModels().catch(() => {});
make();
