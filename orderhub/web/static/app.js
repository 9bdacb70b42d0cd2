// Keyboard, live updates, dialogs, times. Everything works through links and forms without it, only less nicely.
"use strict";
(() => {
  const root = document.documentElement;
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const typing = (element) => element && (element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select")
    || element.isContentEditable);

  // --- times -----------------------------------------------------------------------------------------------------
  // the reader's own way of writing times, where it is one of the page's language
  const region = (navigator.languages || []).find((tag) => tag.split("-")[0] === root.lang.split("-")[0]) || root.lang;
  const relative = new Intl.RelativeTimeFormat(root.lang, { numeric: "auto", style: "short" });
  const absolute = new Intl.DateTimeFormat(region, { dateStyle: "medium", timeStyle: "long" }); // long: with its zone
  const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  function ages(from = document) {
    for (const element of all("time.ago", from)) {
      const when = new Date(element.dateTime);
      const seconds = (when - Date.now()) / 1000;
      const [unit, length] = units.find(([, size]) => Math.abs(seconds) >= size) || units[5];
      const text = relative.format(Math.trunc(seconds / length), unit);
      if (element.textContent !== text) element.textContent = text;
      const title = absolute.format(when);
      if (element.title !== title) element.title = title;
    }
  }
  // times on axes and in figures: the server writes them in UTC, the reader has a time zone
  const clocks = Object.fromEntries(Object.entries({
    hour: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
    day: { weekday: "short", day: "numeric" },
    date: { day: "numeric", month: "short" },
    moment: { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  }).map(([kind, options]) => [kind, new Intl.DateTimeFormat(region, options)]));
  function hours(from = document) {
    for (const element of all("time.clock", from)) {
      const when = new Date(element.dateTime);
      const text = clocks[element.dataset.clock].format(when);
      if (element.textContent !== text) element.textContent = text;
      element.title = absolute.format(when);
    }
  }
  setInterval(ages, 10000);

  // --- figures of a chart under the pointer ---------------------------------------------------------------------------
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  document.addEventListener("pointermove", (event) => {
    const hit = event.target.closest?.("[data-tip]");
    tip.hidden = !hit;
    if (!hit) return;
    if (!tip.isConnected) document.body.append(tip);
    const period = hit.dataset.at
      ? `${clocks.moment.formatRange(new Date(hit.dataset.at), new Date(hit.dataset.until))}\n` : "";
    tip.textContent = period + hit.dataset.tip;
    const box = tip.getBoundingClientRect();
    const left = event.clientX + 14 + box.width > window.innerWidth ? event.clientX - box.width - 14 : event.clientX + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, window.innerHeight - box.height - 4))}px`;
  });
  document.addEventListener("pointerleave", () => { tip.hidden = true; });

  // --- links to pages around the frame ------------------------------------------------------------------------------
  // The frame's sandbox forbids it to steer the window, so the click is done by the page around it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-top]");
    if (!link || window.parent === window || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    try {
      const other = window.parent.document.createElement("a");
      other.href = link.href;
      window.parent.document.body.append(other);
      other.click();
      other.remove();
    } catch {
      window.location.href = link.href;
    }
  });

  // --- rows ----------------------------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-href]");
    if (!row || event.target.closest("a, button, input, label, summary") || String(window.getSelection())) return;
    if (event.metaKey || event.ctrlKey) window.open(row.dataset.href, "_blank", "noopener");
    else window.location.href = row.dataset.href;
  });
  const rowLinks = () => all("tr[data-href] a.number");
  function step(by) {
    const links = rowLinks();
    if (!links.length) return;
    const here = links.indexOf(document.activeElement);
    const next = here < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, here + by));
    links[next].focus();
    links[next].closest("tr").scrollIntoView({ block: "nearest" });
  }

  // --- findings ------------------------------------------------------------------------------------------------------
  let findingAt = -1;
  function show(number, quiet = false) {
    all(".lit").forEach((element) => element.classList.remove("lit"));
    const marks = all(`[data-findings~="${CSS.escape(String(number))}"]`);
    marks.forEach((element) => element.classList.add("lit"));
    const still = quiet || window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    const smooth = still ? "auto" : "smooth";
    for (const pane of all(".pane .scroll")) {
      const mark = one(".lit", pane);
      if (mark) {
        const top = mark.getBoundingClientRect().top - pane.getBoundingClientRect().top + pane.scrollTop;
        pane.scrollTo({ top: top - pane.clientHeight / 2, behavior: smooth });
      }
    }
    if (marks.length && !quiet) {
      const box = marks[0].closest(".pane").getBoundingClientRect();
      if (box.top < 48 || box.top > window.innerHeight * 0.6) {
        marks[0].closest(".pane").scrollIntoView({ block: "start", behavior: smooth });
      }
    }
    all("[data-finding]").forEach((item) => item.toggleAttribute("aria-current", item.dataset.finding === String(number)));
    findingAt = all("button[data-finding]").findIndex((item) => item.dataset.finding === String(number));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-finding]");
    if (button) show(button.dataset.finding);
    const mark = event.target.closest("mark[data-findings]");
    if (mark) {
      const first = mark.dataset.findings.split(" ")[0];
      show(first);
      one(`button[data-finding="${CSS.escape(first)}"]`)?.scrollIntoView({ block: "nearest" });
    }
  });
  function stepFinding(by) {
    const buttons = all("button[data-finding]");
    if (!buttons.length) return;
    findingAt = (findingAt + by + buttons.length) % buttons.length;
    buttons[findingAt].focus();
    show(buttons[findingAt].dataset.finding);
  }

  // --- where a value came from --------------------------------------------------------------------------------------
  // Pointing at a value lights its bytes and the other way round; a click or the keyboard keeps it and scrolls to it.
  let held = "";
  let hint = null;
  const traceOf = (element) => element?.closest?.("[data-trace]")?.dataset.trace.split(" ")[0] || "";
  function light(number, near = null) {
    const bar = document.getElementById("origin");
    if (!bar) return;
    hint ??= bar.firstElementChild;
    all(".from-here").forEach((element) => element.classList.remove("from-here"));
    const told = number && one(`#traces [data-origin="${CSS.escape(number)}"]`);
    if (!told) { if (bar.firstElementChild !== hint) bar.replaceChildren(hint); return; }
    const lit = all(`.source [data-trace~="${CSS.escape(number)}"]`);
    lit.forEach((element) => element.classList.add("from-here"));
    const way = document.createElement("p");
    way.className = "way";
    way.append(...[...told.childNodes].map((node) => node.cloneNode(true)));
    bar.replaceChildren(way);
    if (!near) return;
    for (const pane of all(".pane .scroll")) {
      const first = one(".from-here", pane);
      if (!first) continue;
      const box = first.getBoundingClientRect();
      const around = pane.getBoundingClientRect();
      const hidden = box.top < around.top + 24 || box.bottom > around.bottom - 24;
      if (hidden) pane.scrollTo({ top: box.top - around.top + pane.scrollTop - pane.clientHeight / 2 });
    }
  }
  document.addEventListener("pointerover", (event) => {
    const number = traceOf(event.target);
    if (number) light(number);
  });
  document.addEventListener("pointerout", (event) => {
    if (traceOf(event.target) && !traceOf(event.relatedTarget)) light(held);
  });
  document.addEventListener("click", (event) => {
    const number = traceOf(event.target);
    if (number) { held = held === number ? "" : number; light(held || number, event.target); }
  });
  document.addEventListener("focusin", (event) => {
    const number = traceOf(event.target);
    if (number) { held = number; light(number, event.target); } else if (held && event.target.closest?.("main")) { held = ""; light(""); }
  });
  // one value of each side can be reached by Tab, the arrows go on from there
  function reachable(from = document) {
    for (const pane of all(".source", from)) one("[data-trace]", pane)?.setAttribute("tabindex", "0");
  }
  function stepValue(by) {
    const here = document.activeElement.closest?.("[data-trace]");
    if (!here) return false;
    const values = all("[data-trace]", here.closest(".source"));
    const next = values[Math.min(values.length - 1, Math.max(0, values.indexOf(here) + by))];
    here.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus({ preventScroll: true });
    return true;
  }
  function cross() {
    const here = document.activeElement.closest?.("[data-trace]");
    const there = here && all(`.source [data-trace~="${CSS.escape(traceOf(here))}"]`)
      .find((element) => element.closest(".source") !== here.closest(".source"));
    there?.focus({ preventScroll: true });
    return Boolean(there);
  }

  // --- dialogs, menus, copying ---------------------------------------------------------------------------------------
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
      const dialog = document.getElementById(opener.dataset.opens);
      all(".problem", dialog).forEach((element) => element.remove());
      // data-fill-key="…" is what the dialog is about: for a field of that name, and to be read
      for (const [name, value] of Object.entries(opener.dataset)) {
        if (!name.startsWith("fill")) continue;
        const field = name.slice(4).toLowerCase();
        all(`input[name="${field}"]`, dialog).forEach((element) => { element.value = value; });
        all(`[data-filled="${field}"]`, dialog).forEach((element) => { element.textContent = value; });
      }
      dialog.showModal();
      return;
    }
    const remover = event.target.closest("[data-removes]");
    if (remover) remover.closest(remover.dataset.removes).remove();
    if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
    if (event.target.tagName === "DIALOG") event.target.close();
    for (const menu of all("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    const copier = event.target.closest("button[data-copy]");
    if (copier) {
      navigator.clipboard?.writeText(copier.dataset.copy).then(() => {
        copier.classList.add("copied");
        setTimeout(() => copier.classList.remove("copied"), 1200);
      }, () => {});
    }
  });
  // what a dialog asked for was done
  document.addEventListener("acted", () => {
    for (const dialog of all("dialog[open]")) {
      dialog.close();
      one("form", dialog)?.reset();
    }
  });
  document.addEventListener("submit", (event) => {
    const required = one("textarea[data-required]", event.target);
    if (required && !required.value.trim()) {
      event.preventDefault();
      event.stopImmediatePropagation();
      required.focus();
    }
  }, true);

  // --- keyboard ------------------------------------------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing) return;
    const dialog = one("dialog[open]");
    if (event.key === "Escape") {
      if (dialog) return;
      const menu = one("details.menu[open]");
      if (menu) {
        menu.open = false;
        one("summary", menu).focus();
      } else if (typing(document.activeElement)) {
        const field = document.activeElement;
        if (field.id === "q" && field.value) {
          field.value = "";
          field.dispatchEvent(new Event("input", { bubbles: true }));
        } else field.blur();
      } else if (rowLinks().includes(document.activeElement) || traceOf(document.activeElement)) {
        document.activeElement.blur();
        held = "";
        light("");
      }
      else one("a[data-back]")?.click();
      return;
    }
    if (dialog || typing(event.target)) {
      if (event.key === "ArrowDown" && event.target.id === "q") { event.preventDefault(); step(1); }
      return;
    }
    const arrows = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };
    if (event.key in arrows && stepValue(arrows[event.key])) { event.preventDefault(); return; }
    if (event.key === "Enter" && cross()) { event.preventDefault(); return; }
    const does = {
      "/": () => { const field = document.getElementById("q"); if (field) { field.focus(); field.select(); } },
      j: () => (rowLinks().length ? step(1) : stepFinding(1)),
      k: () => (rowLinks().length ? step(-1) : stepFinding(-1)),
      r: () => one('[data-opens="retry"]')?.click(),
      t: () => one(".json [data-trace]")?.focus(),
      "?": () => document.getElementById("keys")?.showModal(),
    }[event.key];
    if (does) { event.preventDefault(); does(); }
  });

  // --- live parts ----------------------------------------------------------------------------------------------------
  // A part says how often it wants to be looked at; the server answers 204 while it is the same, so nothing moves
  // under the reader's hands. Focus and open menus outlive a change.
  function due(part) {
    return document.visibilityState === "visible" && !one("dialog[open]") && !one("details.menu[open]", part)
      && !root.classList.contains("busy") && !String(window.getSelection());
  }
  function look() {
    const part = one("[data-live]");
    if (!part) return;
    const every = Number(part.dataset.every || 4) * 1000;
    setTimeout(() => {
      if (due(part)) window.htmx.trigger(part, "look");
      look();
    }, every);
  }
  let openMenus = [];
  let known = null;
  document.addEventListener("htmx:configRequest", (event) => {
    const part = one("[data-live]");
    if (part && event.detail.elt === part) {
      event.detail.headers["X-Seen"] = part.dataset.digest || "";
      if (part.dataset.follow) event.detail.headers["X-Follow"] = "1";
    } else root.classList.add("busy");
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    const status = event.detail.xhr.status;
    if (status === 409 || status === 422 || status === 503) {
      event.detail.shouldSwap = one("dialog[open]") !== null;
      event.detail.isError = false;
    }
    openMenus = all("details[id][open]").map((menu) => menu.id);
    known = event.detail.elt.matches?.("[data-live]") ? new Set(all("tr[id]").map((row) => row.id)) : null;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    for (const id of openMenus) { const menu = document.getElementById(id); if (menu) menu.open = true; }
    if (known && known.size) for (const row of all("tr[id]")) if (!known.has(row.id)) row.classList.add("fresh");
    ages(event.detail.target);
    hours(event.detail.target);
    reachable();
    hint = null;
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    root.classList.remove("busy");
    const digest = event.detail.xhr?.getResponseHeader("X-Digest");
    const part = one("[data-live]");
    if (digest && part) part.dataset.digest = digest;
    const live = one(".live");
    if (live) live.classList.toggle("off", !event.detail.successful && event.detail.xhr?.status !== 204);
    if (event.detail.xhr?.status === 401) window.location.reload();
  });

  document.addEventListener("DOMContentLoaded", () => {
    ages();
    hours();
    reachable();
    look();
    // what was typed before this script was there
    const field = document.getElementById("q");
    if (field && field.value !== field.defaultValue) window.htmx.trigger("#filters", "submit");
    const wanted = /^#finding-(\d+)$/.exec(window.location.hash);
    const first = one("button[data-finding]:not(:disabled)");
    if (wanted) show(wanted[1]);
    else if (first) {
      // the panes start at the first trouble, the page at its top
      show(first.dataset.finding, true);
      all(".lit").forEach((element) => element.classList.remove("lit"));
      first.removeAttribute("aria-current");
      findingAt = -1;
    }
  });
})();
