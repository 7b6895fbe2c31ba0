// The command palette: the input keeps the focus, arrow keys move the chosen result.
(() => {
  "use strict";
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const input = dialog.querySelector("input");
  const list = dialog.querySelector(".palette-list");
  const options = () => [...list.querySelectorAll("a[role=option]")];

  const choose = (option) => {
    options().forEach((each) => each.setAttribute("aria-selected", String(each === option)));
    if (!option) {
      input.removeAttribute("aria-activedescendant");
      return;
    }
    option.id ||= `palette-${options().indexOf(option)}`;
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  };

  dialog.addEventListener("dialogopen", () => {
    input.select();
    window.htmx.trigger(input, "palette-open");
  });
  list.addEventListener("htmx:afterSwap", () => choose(options()[0]));
  input.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!all.length) return;
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(all[(at + step + all.length) % all.length]);
    } else if (event.key === "Enter" && all[at]) {
      event.preventDefault();
      all[at].click();
    }
  });
})();
