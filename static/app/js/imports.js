// Dropping a file on the upload form, and telling that a large one is on its way.
(() => {
  "use strict";
  const area = document.querySelector("[data-drop]");
  const input = area?.querySelector("input[type=file]");
  if (!input) return;
  const over = (on) => area.classList.toggle("is-over", on);
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  area.addEventListener("dragleave", (event) => {
    if (!area.contains(event.relatedTarget)) over(false);
  });
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
  area.closest("form").addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || event.defaultPrevented) return;
    button.setAttribute("aria-disabled", "true");
    button.textContent = "Uploading…";
  });
  // Back from the next page the button must work again.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
