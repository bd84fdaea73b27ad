// Calls of the API: the token, the waiting and the words for what went wrong.

import { askForToken, currentToken } from "./token.js";

const MOST_WAITS = 5;
const LONGEST_WAIT_SECONDS = 10;
const AWAY = "The server does not answer. Is it still running?";
const REASONS = new Map([
  [404, "The server does not have this."],
  [413, "This file is larger than the server takes."],
  [415, "This is not an image."],
  [503, "The server is busy or its database is away."],
]);

/** An answer that is none; its message is for a person. */
export class Refusal extends Error {
  constructor(message, { status = 0 } = {}) {
    super(message);
    this.status = status;
    /** Whether the same call may succeed later. */
    this.passing = status === 0 || status === 401 || status === 429 || status >= 500;
  }
}

/** The JSON at a path below the page's own address; throws a Refusal. */
export async function getJson(path, { signal } = {}) {
  return parsed(await call(path, { signal }));
}

/** Change something at a path; the JSON that is answered; throws a Refusal. */
export async function change(method, path, body) {
  return parsed(await call(path, { method, body: body === undefined ? undefined : JSON.stringify(body) }));
}

/** HTML at a path: the bytes, and the document that the browser makes of them; throws a Refusal. */
export async function getPage(path, { signal } = {}) {
  const response = await call(path, { signal });
  if (!response.ok) throw await refusal(response);
  const content = await response.blob();
  return { content, page: await documentOf(content) };
}

/** The answer to a GET, whatever it is; throws a Refusal only where there is none. */
export function answerTo(path) {
  return call(path, {});
}

/** Send one image to be predicted and stored; waits while the server is busy; throws a Refusal. */
export async function predict(file, onWait) {
  await checkReadable(file);
  const body = new FormData();
  body.append("file", file, file.name);
  for (let waits = 0; ; waits += 1) {
    const response = await call("v1/predictions", { method: "POST", body });
    if (response.status === 503 && waits < MOST_WAITS) {
      onWait();
      await pause(retryAfter(response, waits));
      continue;
    }
    const [record] = (await parsed(response)).predictions;
    if (record.error) throw new Refusal(record.error, { status: 422 });
    return record;
  }
}

/** A stored image as an address for an <img>; throws a Refusal. */
export async function imageAddress(inputId) {
  const path = `v1/inputs/${inputId}/image`;
  if (!currentToken()) return { address: path, release() {} };
  const response = await call(path);
  if (!response.ok) throw await refusal(response);
  const address = URL.createObjectURL(await response.blob());
  return { address, release: () => URL.revokeObjectURL(address) };
}

/** No script of the page may make markup out of text: the browser reads it as a file. Its style stays out. */
async function documentOf(content) {
  const text = (await content.text()).replace(/<style>[^]*?<\/style>/, "");
  const address = URL.createObjectURL(new Blob([text], { type: "text/html" }));
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.onload = () => (request.response ? resolve(request.response) : reject(new Refusal(AWAY)));
    request.onerror = () => reject(new Refusal(AWAY));
    request.onloadend = () => URL.revokeObjectURL(address);
    request.send();
  });
}

/** A file that is gone would look like a server that is. */
async function checkReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Refusal("This file cannot be read any more.", { status: 400 });
  }
}

async function call(path, options) {
  for (;;) {
    const token = currentToken();
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    if (typeof options?.body === "string") headers["Content-Type"] = "application/json";
    const response = await reach(path, { ...options, headers });
    if (response.status !== 401) return response;
    if (!(await askForToken(token))) {
      throw new Refusal("The server asks for a token.", { status: 401 });
    }
  }
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal(AWAY);
  }
}

async function parsed(response) {
  if (!response.ok) throw await refusal(response);
  try {
    return await response.json();
  } catch {
    throw new Refusal(AWAY);
  }
}

async function refusal(response) {
  const fallback = REASONS.get(response.status) ?? `The server answered ${response.status}.`;
  let reason;
  try {
    const body = await response.json();
    reason = body.predictions?.[0]?.error ?? body.detail;
  } catch {
    // Proxies in between answer in HTML.
  }
  if (Array.isArray(reason)) reason = reason.map((problem) => problem.msg).join("; ");
  return new Refusal(typeof reason === "string" && reason ? reason : fallback, { status: response.status });
}

function retryAfter(response, waits) {
  const asked = Number(response.headers.get("Retry-After")) || 2 ** waits / 2;
  return Math.min(asked, LONGEST_WAIT_SECONDS);
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
