// The description of the API: its examples ask this server, and calls that change nothing can be tried.

import { answerTo } from "./api.js";
import { printable } from "./show.js";

const EXAMPLE = "http://127.0.0.1:8000";
const MOST_CHARACTERS = 20_000;
const base = new URL(".", document.baseURI).href.replace(/\/$/, "");

for (const code of document.querySelectorAll("[data-base]")) {
  code.textContent = code.textContent.replaceAll(EXAMPLE, base);
}
for (const form of document.querySelectorAll("form.try")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, form.nextElementSibling);
  });
}

async function send(form, place) {
  place.textContent = "Asking…";
  const began = performance.now();
  try {
    const response = await answerTo(addressOf(form));
    const took = Math.round(performance.now() - began);
    const line = document.createElement("p");
    line.textContent = `${response.status} ${response.statusText}, ${took} ms`;
    place.replaceChildren(line, await shown(response));
  } catch (error) {
    place.textContent = printable(error.message);
  }
}

/** The path with what was filled in; what is left empty is left out. */
function addressOf(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const input of form.querySelectorAll("input")) {
    const value = input.value.trim();
    if (input.dataset.in === "path") path = path.replace(`{${input.name}}`, encodeURIComponent(value));
    else if (value) query.append(input.name, value);
  }
  const asked = query.size ? `${path}?${query}` : path;
  return asked.replace(/^\//, "./");
}

async function shown(response) {
  const kind = response.headers.get("Content-Type") ?? "";
  if (response.ok && kind.startsWith("image/")) return picture(await response.blob());
  let text = await response.text();
  if (kind.startsWith("application/json")) text = JSON.stringify(JSON.parse(text), null, 2);
  const box = document.createElement("pre");
  box.tabIndex = 0;
  box.textContent = text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}\n…` : text;
  return box;
}

function picture(blob) {
  const image = new Image();
  image.alt = "The image that was answered";
  image.src = URL.createObjectURL(blob);
  image.onload = image.onerror = () => URL.revokeObjectURL(image.src);
  return image;
}
