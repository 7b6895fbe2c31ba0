// Keyboard on lists: table[data-rows] with tr[data-url]; j/k move, Enter opens, x selects.
// The table is looked up when a key is pressed: a filter swaps it for another.
(() => {
  "use strict";
  const table = () => document.querySelector("table[data-rows]");
  const rows = () => [...(table()?.tBodies[0].rows ?? [])].filter((row) => row.dataset.url);
  const active = () => table()?.querySelector("tbody tr.is-active");

  const move = (step) => {
    const all = rows();
    if (!all.length) return;
    const from = active();
    const at = Math.max(0, Math.min(all.indexOf(from) + step, all.length - 1));
    from?.classList.remove("is-active");
    const row = all[at];
    row.classList.add("is-active");
    // Focus follows, so that a screen reader hears the row and Tab goes on from here.
    (row.querySelector(".row-link") || row.querySelector("a"))?.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest("select, textarea, input:not([type=checkbox])")) return;
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "x") active()?.querySelector(".pick input")?.click();
    else if (event.key === "Enter" && event.target === document.body) {
      const row = active();
      if (row) location.assign(row.dataset.url);
    }
  });

  const tell = () => {
    const boxes = [...(table()?.querySelectorAll("tbody .pick input") ?? [])];
    const all = table()?.querySelector("thead .pick input");
    const chosen = boxes.filter((box) => box.checked);
    boxes.forEach((box) => box.closest("tr").classList.toggle("is-selected", box.checked));
    if (all) {
      all.checked = boxes.length > 0 && chosen.length === boxes.length;
      all.indeterminate = chosen.length > 0 && !all.checked;
    }
    document.querySelectorAll("[data-selection]").forEach((bar) => {
      bar.hidden = chosen.length === 0;
      const count = bar.querySelector("[data-selection-count]");
      if (count) count.textContent = String(chosen.length);
    });
  };
  document.addEventListener("change", (event) => {
    const pick = event.target.closest("table[data-rows] .pick input");
    if (!pick) return;
    if (pick.closest("thead")) {
      table().querySelectorAll("tbody .pick input").forEach((box) => { box.checked = pick.checked; });
    }
    tell();
  });
  tell();
})();
