// Keeps the running totals of a draft's weights while they are typed: components out of 100, the measures
// of each component out of 1. The server says the same when the page is saved.
(() => {
  "use strict";
  const figure = (value) => String(Math.round(value * 1e6) / 1e6);
  const rows = (prefix) =>
    [...document.querySelectorAll(`[name^="${prefix}-"][name$="-weight"]`)]
      .filter((input) => !input.name.includes("__prefix__"))
      .map((input) => ({ input, base: input.name.slice(0, -"weight".length) }))
      .filter(({ base }) => !document.querySelector(`[name="${base}DELETE"]`)?.checked);
  const number = (input) => Number.parseFloat(input.value) || 0;

  const update = () => {
    const host = document.querySelector("[data-weights]");
    if (!host) return;
    const components = rows("components");
    if (!components.length) return;
    const total = components.reduce((sum, { input }) => sum + number(input), 0);
    const gap = 100 - total;
    const word = Math.abs(gap) < 1e-6 ? "" : gap > 0 ? ` (${figure(gap)} missing)` : ` (${figure(-gap)} too many)`;
    host.querySelector("[data-weights-total]").textContent = figure(total) + word;
    const sums = new Map();
    rows("measures").forEach(({ input, base }) => {
      const select = document.querySelector(`[name="${base}component"]`);
      const name = select?.selectedOptions[0]?.textContent || "";
      if (select?.value) sums.set(name, (sums.get(name) || 0) + number(input));
    });
    host.querySelector("[data-weights-parts]").textContent = [...sums]
      .map(([name, sum]) => `${name}: measures ${figure(sum)} of 1.`)
      .join(" ");
  };

  document.addEventListener("DOMContentLoaded", update);
  ["input", "change", "formset:added", "formset:removed"].forEach((name) => document.addEventListener(name, update));
})();
