// Runs before the first paint, so a remembered theme never flashes.
(() => {
  "use strict";
  // Not "theme": the administration keeps its own choice of words under that name.
  const KEY = "csm-theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const choice = () => {
    try {
      return localStorage.getItem(KEY) || "system";
    } catch {
      return "system"; // storage may be forbidden
    }
  };
  const apply = () => {
    const wanted = choice();
    root.dataset.bsTheme = wanted === "system" ? (system.matches ? "dark" : "light") : wanted;
    root.dataset.themeChoice = wanted;
    document.dispatchEvent(new CustomEvent("themechange"));
  };
  root.dataset.js = "";
  apply();
  system.addEventListener("change", apply);
  // Paper is light, whatever the screen is; charts draw themselves anew on the event.
  addEventListener("beforeprint", () => {
    root.dataset.bsTheme = "light";
    document.dispatchEvent(new CustomEvent("themechange"));
  });
  addEventListener("afterprint", apply);
  window.setTheme = (wanted) => {
    try {
      if (wanted === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, wanted);
    } catch {
      root.dataset.bsTheme = wanted; // lasts for this page only
    }
    apply();
  };
})();
