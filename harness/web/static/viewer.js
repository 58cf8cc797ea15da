// Optional: everything works without it. Keys for rows and pages, and fresh content while a run goes on.
"use strict";
(() => {
  const rows = () => [...document.querySelectorAll(".rows tbody tr a:first-of-type")].filter((a) => a.closest("td") === a.closest("tr").cells[0]);
  const follow = (rel) => document.querySelector(`a[rel="${rel}"]`)?.click();

  const step = (by) => {
    const links = rows();
    if (!links.length) return follow(by > 0 ? "next" : "prev");
    const at = links.indexOf(document.activeElement);
    const to = links[Math.min(links.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by))];
    to.focus();
    to.closest("tr").scrollIntoView({ block: "nearest" });
  };

  const listed = () => document.querySelector("#keys");
  const off = () => { try { return localStorage.getItem("harness-keys") === "off"; } catch { return false; } };
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    n: () => follow("next"),
    p: () => follow("prev"),
    "?": () => listed()?.showModal(),
    "/": () => document.querySelector(".filters input, .filters select")?.focus(),
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    if (listed()?.open || (off() && event.key !== "?")) return;
    const place = document.querySelector(`header a[data-key="${CSS.escape(event.key)}"]`);
    const act = keys[event.key] ?? (place && (() => place.click()));
    if (act) {
      event.preventDefault();
      act();
    }
  });
  const offer = () => {
    for (const button of document.querySelectorAll("button.keys")) {
      button.hidden = false;
      button.addEventListener("click", keys["?"]);
    }
    listed()?.querySelector(".close").addEventListener("click", () => listed().close());
    const box = document.querySelector("#keys-off");
    if (!box) return;
    box.checked = off();
    box.addEventListener("change", () => { try { localStorage.setItem("harness-keys", box.checked ? "off" : "on"); } catch { /* not kept */ } });
  };
  offer();

  const busy = () => {
    const selected = window.getSelection();
    return document.activeElement?.closest("form, main a, summary, pre") || (selected && !selected.isCollapsed);
  };

  const refresh = async () => {
    if (!busy() && !document.hidden) {
      try {
        const answer = await fetch(location.href, { credentials: "same-origin" });
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        const main = fresh.querySelector("main");
        if (answer.ok && main) {
          const open = [...document.querySelectorAll("main details")].map((part) => part.open);
          document.querySelector("main").replaceWith(main);
          main.querySelectorAll("details").forEach((part, n) => { part.open = open[n] ?? part.open; });
          offer();
          if (!fresh.body.hasAttribute("data-live")) {
            if (main.querySelector(".banner.plain") === null) document.title = fresh.title;
            location.reload(); // the run has ended: show its report
            return;
          }
        }
      } catch { /* the viewer was stopped: the page stays as it is */ }
    }
    setTimeout(refresh, 1500);
  };
  if (document.body.hasAttribute("data-live")) setTimeout(refresh, 1500);
})();
