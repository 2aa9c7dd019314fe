// Puts a button beside what is to be copied (data-copy holds its word). Without
// this script the text is selected whole by one click.
"use strict";
for (const text of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard || !text.textContent) continue;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn";
  button.textContent = text.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "✓ " + text.dataset.copy;
  });
  text.after(button);
}
