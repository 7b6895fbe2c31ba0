// Keyboard on lists: table[data-rows] with tr[data-url]; j/k move, Enter opens, x selects.
(() => {
  "use strict";
  const table = document.querySelector("table[data-rows]");
  if (!table) return;
  const rows = [...table.tBodies[0].rows].filter((row) => row.dataset.url);
  let at = -1;

  const mark = (index) => {
    if (!rows.length) return;
    rows[at]?.classList.remove("is-active");
    at = Math.max(0, Math.min(index, rows.length - 1));
    rows[at].classList.add("is-active");
    // Focus follows, so that a screen reader hears the row and Tab goes on from here.
    (rows[at].querySelector(".row-link") || rows[at].querySelector("a"))?.focus({ preventScroll: true });
    rows[at].scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (event.target.closest("select, textarea, input:not([type=checkbox])")) return;
    if (event.key === "j") mark(at + 1);
    else if (event.key === "k") mark(at - 1);
    else if (event.key === "x" && at >= 0) rows[at].querySelector(".pick input")?.click();
    else if (event.key === "Enter" && at >= 0 && event.target === document.body) {
      location.assign(rows[at].dataset.url);
    }
  });

  const boxes = [...table.querySelectorAll("tbody .pick input")];
  if (!boxes.length) return;
  const all = table.querySelector("thead .pick input");
  const tell = () => {
    const chosen = boxes.filter((box) => box.checked);
    boxes.forEach((box) => box.closest("tr").classList.toggle("is-selected", box.checked));
    if (all) {
      all.checked = chosen.length === boxes.length;
      all.indeterminate = chosen.length > 0 && !all.checked;
    }
    document.querySelectorAll("[data-selection]").forEach((bar) => {
      bar.hidden = chosen.length === 0;
      const count = bar.querySelector("[data-selection-count]");
      if (count) count.textContent = String(chosen.length);
    });
  };
  table.addEventListener("change", (event) => {
    if (event.target === all) boxes.forEach((box) => { box.checked = all.checked; });
    if (event.target.closest(".pick")) tell();
  });
  tell();
})();
