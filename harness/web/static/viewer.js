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

  // Heads of tables that the server doesn't sort: figures by their value, the rest by its letters.
  const units = { us: 1e-6, "µs": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600 };
  const sortable = (cell) => {
    const text = cell.textContent.trim().replace(/\u2212/g, "-");
    const found = /^[^\w-]*(-?[\d,]*\.?\d+)\s*([a-zµ]+)?/.exec(text);
    return found ? Number(found[1].replace(/,/g, "")) * (units[found[2]] ?? 1) : text.toLowerCase();
  };
  const sortBy = (table, at, button) => {
    const head = button.closest("th");
    const up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("th[aria-sort]").forEach((th) => th.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = table.tBodies[0];
    const keyed = [...body.rows].map((row) => [sortable(row.cells[at]), row]);
    keyed.sort(([a], [b]) => (typeof a !== typeof b ? (typeof a === "number" ? -1 : 1) : (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1)));
    body.append(...keyed.map(([, row]) => row));
  };
  const offerSorting = () => {
    for (const table of document.querySelectorAll("main table:not(.matrix table, .grid table)")) {
      const [head, second] = table.tHead?.rows ?? [];
      const rows = [...(table.tBodies[0]?.rows ?? [])];
      if (!head || second || rows.length < 3 || table.querySelector("a.sort, tbody [colspan], tbody [rowspan]")) continue;
      if (rows.some((row) => row.cells.length !== head.cells.length)) continue;
      [...head.cells].forEach((cell, at) => {
        if (!cell.textContent.trim() || cell.querySelector("a, button, input")) return;
        const button = document.createElement("button");
        button.type = "button";
        button.className = "sort";
        button.append(...cell.childNodes);
        button.addEventListener("click", () => sortBy(table, at, button));
        cell.append(button);
      });
    }
  };
  offerSorting();

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
          offerSorting();
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
