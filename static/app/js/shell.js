// Dialogs, theme toggle, menus, tooltips, toasts and the shortcuts that work on every page.
(() => {
  "use strict";
  const $ = (selector, from = document) => from.querySelector(selector);

  // Dialogs: [data-open="id"] opens; a click on the backdrop closes.
  const open = (id) => {
    const dialog = document.getElementById(id);
    if (!dialog || dialog.open) return;
    dialog.showModal();
    dialog.dispatchEvent(new CustomEvent("dialogopen"));
  };
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-open]");
    if (opener) open(opener.dataset.open);
    if (event.target.matches("dialog.dlg")) event.target.close();
    document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
      if (!menu.contains(event.target) || opener) menu.open = false;
    });
  });

  // A form or button with data-confirm asks first; without JavaScript the server's own step stands.
  const ask = $("#confirm");
  let asked = null;
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!ask || !form.dataset.confirm || form === asked) return;
    event.preventDefault();
    $("[data-confirm-text]", ask).textContent = form.dataset.confirm;
    $("[data-confirm-yes]", ask).textContent = form.dataset.confirmYes || "Continue";
    ask.returnValue = "";
    ask.showModal();
    ask.addEventListener("close", () => {
      if (ask.returnValue !== "yes") return;
      asked = form;
      form.requestSubmit(event.submitter || undefined);
    }, { once: true });
  });

  // Theme: system → light → dark.
  const next = { system: "light", light: "dark", dark: "system" };
  const toggle = $("[data-theme-toggle]");
  const showTheme = () => {
    const now = document.documentElement.dataset.themeChoice || "system";
    toggle.querySelectorAll("[data-theme-icon]").forEach((icon) => {
      icon.hidden = icon.dataset.themeIcon !== now;
    });
    toggle.setAttribute("aria-label", `Theme: ${now}. Switch to ${next[now]}`);
    toggle.title = `Theme: ${now}`;
  };
  if (toggle) {
    showTheme();
    document.addEventListener("themechange", showTheme);
    toggle.addEventListener("click", () => {
      window.setTheme(next[document.documentElement.dataset.themeChoice || "system"]);
    });
  }

  // Definitions: one tooltip for all, in the top layer so that no table clips it.
  let tip = null;
  let owner = null;
  const hide = () => {
    if (tip && owner) tip.hidePopover();
    owner = null;
  };
  const show = (button) => {
    if (owner === button) return;
    hide();
    if (!tip) {
      tip = document.createElement("div");
      tip.className = "tip";
      tip.popover = "manual";
      tip.setAttribute("aria-hidden", "true"); // the button's own label says the same
      tip.addEventListener("pointerleave", hide);
      document.body.append(tip);
    }
    if (button.title) {
      button.dataset.tip = button.title;
      button.removeAttribute("title");
    }
    owner = button;
    tip.textContent = button.dataset.tip;
    (button.closest("dialog") || document.body).append(tip);
    tip.showPopover();
    const at = button.getBoundingClientRect();
    const box = tip.getBoundingClientRect();
    const above = at.top > box.height + 12;
    tip.style.left = `${Math.max(12, Math.min(at.left + at.width / 2 - box.width / 2, innerWidth - box.width - 12))}px`;
    tip.style.top = `${above ? at.top - box.height - 2 : at.bottom + 2}px`;
  };
  const definition = (event) => event.target.closest?.(".defn");
  document.addEventListener("pointerover", (event) => {
    const button = definition(event);
    if (button) show(button);
    else if (owner && !event.target.closest?.(".tip") && document.activeElement !== owner) hide();
  });
  document.addEventListener("focusin", (event) => {
    const button = definition(event);
    if (button) show(button);
    else hide();
  });
  document.addEventListener("click", (event) => {
    const button = definition(event);
    if (button) show(button);
    else hide();
  });
  document.addEventListener("scroll", hide, true);

  // Toasts: window.toast("Saved").
  window.toast = (text) => {
    let host = $(".toasts");
    if (!host) {
      host = document.createElement("div");
      host.className = "toasts";
      host.setAttribute("role", "status");
      document.body.append(host);
    }
    const toast = document.createElement("div");
    toast.className = "toast-i";
    toast.textContent = text;
    // The region has to be there before the text, or it is not announced.
    requestAnimationFrame(() => host.append(toast));
    setTimeout(() => toast.remove(), 6000);
  };
  document.addEventListener("toast", (event) => window.toast(event.detail.value || event.detail));

  // Filters that apply at once: form[data-auto] is submitted when a select changes.
  document.addEventListener("change", (event) => {
    if (event.target.matches("form[data-auto] select")) event.target.form.requestSubmit();
  });
  // Empty fields stay out of the address, so that it can be read and shared.
  document.addEventListener("formdata", (event) => {
    if (event.target.method !== "get") return;
    [...event.formData].forEach(([key, value]) => {
      if (value === "") event.formData.delete(key);
    });
  });

  // Shortcuts.
  const places = { h: 0, p: 1, r: 2, i: 3 };
  let prefix = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      hide();
      document.querySelectorAll("details[data-menu][open]").forEach((menu) => {
        menu.open = false;
        $("summary", menu).focus();
      });
    }
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open("palette");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]") || $("dialog[open]")) return;
    if (event.key === "?") open("shortcuts");
    else if (event.key === "/") {
      const field = $("[data-filter-focus], [data-filter-first] input");
      if (!field) return;
      event.preventDefault();
      field.focus();
      field.select();
    } else if (event.key === "g") prefix = event.timeStamp;
    else if (prefix && event.timeStamp - prefix < 1200 && event.key in places) {
      prefix = 0;
      const link = document.querySelectorAll(".nav-list a")[places[event.key]];
      if (link) link.click();
    } else prefix = 0;
  });
})();
