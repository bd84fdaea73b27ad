// Pictures to try a model with.

/** Call `add` with the picture that is clicked, as a file. */
export function startSamples(add) {
  for (const button of document.querySelectorAll("#samples button")) {
    button.addEventListener("click", async () => {
      const response = await fetch(button.firstElementChild.src);
      add([new File([await response.blob()], button.dataset.name, { type: "image/png" })]);
    });
  }
}
