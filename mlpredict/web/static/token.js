// The token: asked for when a call is refused without it, kept until the tab is closed.

const KEY = "mlpredict-token";
const dialog = document.getElementById("token");
const field = document.getElementById("token-value");
const wrong = document.getElementById("token-wrong");
let asking = null;

export function currentToken() {
  return sessionStorage.getItem(KEY);
}

/** Ask for another token than the one refused; false where the person would not give one. */
export function askForToken(refused) {
  if (currentToken() !== refused) return Promise.resolve(true);
  asking ??= ask(refused).finally(() => (asking = null));
  return asking;
}

function ask(refused) {
  wrong.hidden = refused === null;
  field.setAttribute("aria-invalid", String(refused !== null));
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(keep()), { once: true });
  });
}

function keep() {
  const token = field.value.trim();
  field.value = "";
  if (dialog.returnValue !== "given" || !token) return false;
  sessionStorage.setItem(KEY, token);
  return true;
}
