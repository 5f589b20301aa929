// Shows the buttons that copy a command, where the browser lets a page write to the clipboard.
"use strict";
if (navigator.clipboard) {
  const said = document.getElementById("copied");
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.clipboard.writeText(button.dataset.copy).then(() => {
        if (said) { said.textContent = said.dataset.said; }
      });
    });
  }
}
