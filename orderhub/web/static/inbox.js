// The inbox: choosing cases, acting on them, and one case beside the list. app.js does what all pages have in common.
"use strict";
(() => {
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const box = one("[data-inbox]");
  if (!box) return;
  const panel = document.getElementById("panel");
  const typing = (element) => element.matches?.("input:not([type=checkbox]):not([type=radio]), textarea, select");

  // --- choosing ------------------------------------------------------------------------------------------------------
  // What is chosen outlives a refresh of the list: case → version as it was when it was chosen.
  const chosen = new Map();
  let everything = false;
  let anchor = null;
  const picks = () => all("input[data-pick]");
  const idOf = (pick) => pick.value.split(":")[0];

  function show() {
    for (const pick of picks()) {
      pick.checked = everything || chosen.has(idOf(pick));
      pick.closest("tr").classList.toggle("picked", pick.checked);
    }
    const shown = picks();
    const head = one("input[data-all]");
    if (head) {
      head.checked = shown.length > 0 && shown.every((pick) => pick.checked);
      head.indeterminate = !head.checked && shown.some((pick) => pick.checked);
    }
    const bulk = one("[data-bulk]");
    if (!bulk) return;
    const count = everything ? Number(one("[data-where]").dataset.total) : chosen.size;
    bulk.hidden = count === 0;
    one("[data-many]", bulk).textContent = String(count);
    const more = one("[data-everything]", bulk);
    if (more) more.hidden = everything || !head?.checked;
  }
  function pick(input, on) {
    if (on) chosen.set(idOf(input), input.value);
    else { chosen.delete(idOf(input)); everything = false; }
  }
  function toggle(input, range) {
    const list = picks();
    const here = list.indexOf(input);
    const from = list.findIndex((other) => idOf(other) === anchor);
    const on = !(everything || chosen.has(idOf(input)));
    const [first, last] = range && from >= 0 ? [Math.min(from, here), Math.max(from, here)] : [here, here];
    for (const other of list.slice(first, last + 1)) pick(other, range ? true : on);
    anchor = idOf(input);
    show();
  }
  function none() { chosen.clear(); everything = false; anchor = null; show(); }

  // the list's own filters listen to changes in it; choosing a case is none
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick], [data-all]")) event.stopPropagation();
  }, true);
  document.addEventListener("click", (event) => {
    const input = event.target.closest("input[data-pick]");
    if (input) { toggle(input, event.shiftKey); return; }
    const head = event.target.closest("input[data-all]");
    if (head) { for (const other of picks()) pick(other, head.checked); show(); }
  });
  // no text is marked while rows are chosen with Shift
  document.addEventListener("mousedown", (event) => {
    if (event.shiftKey && event.target.closest("tr[data-case]")) event.preventDefault();
  });

  // --- acting --------------------------------------------------------------------------------------------------------
  function fields(cases, reason) {
    const where = one("[data-where]")?.dataset.where || "";
    const list = [["where", where], ["seen_at", one("[data-as-of]")?.textContent.trim() || ""]];
    if (reason) list.push(["reason_is", reason]);
    else if (cases) for (const value of cases) list.push(["case", value]);
    return list;
  }
  function fill(holder, list) {
    holder.replaceChildren(...list.map(([name, value]) => {
      const input = document.createElement("input");
      input.type = "hidden";
      input.name = name;
      input.value = value;
      return input;
    }));
  }
  // senders name cases without versions: whatever they are now
  const versioned = (text) => text.split(" ").map((value) => (value.includes(":") ? value : `${value}:`));
  function act(button) {
    const name = button.dataset.act;
    const reason = button.dataset.reason || "";
    let list;
    let count;
    if (reason) [list, count] = [fields(null, reason), button.dataset.count];
    else if (button.dataset.cases) [list, count] = [fields(versioned(button.dataset.cases)), button.dataset.count || "1"];
    else if (everything) [list, count] = [[...fields([]), ["all", "1"]], one("[data-where]").dataset.total];
    else [list, count] = [fields([...chosen.values()]), String(chosen.size)];
    if (count === "0") return;
    const dialog = document.getElementById(`act-${name}`);
    if (dialog) {
      all(".problem", dialog).forEach((element) => element.remove());
      one("[data-chosen-count]", dialog).textContent = count;
      one("[data-chosen-what]", dialog).textContent = button.dataset.what ? `· ${button.dataset.what}` : "";
      fill(one("[data-fields]", dialog), list);
      dialog.showModal();
      return;
    }
    const values = {};
    for (const [key, value] of list) (values[key] ||= []).push(value);
    window.htmx.ajax("POST", `${box.dataset.inbox}/act/${name}`, { target: "#results", swap: "innerHTML", values });
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act]");
    if (button) { event.preventDefault(); act(button); return; }
    if (event.target.closest("[data-none]")) none();
    if (event.target.closest("[data-everything]")) { everything = true; show(); }
    if (event.target.closest("[data-hides]")) document.getElementById("toast").hidden = true;
    if (event.target.closest("[data-opens='resolve']")) fill(one("#resolve [data-fields]"), fields(null));
  });
  let toastAt = 0;
  document.addEventListener("htmx:oobAfterSwap", () => {
    const toast = document.getElementById("toast");
    toast.hidden = false;
    clearTimeout(toastAt);
    if (!one(".trouble", toast)) toastAt = setTimeout(() => { toast.hidden = true; }, 6000);
  });
  document.addEventListener("acted", () => {
    none();
    const open = one("[data-panel]", panel);
    if (open) load(`${box.dataset.inbox}/${open.dataset.panel}`);
  });

  // --- one case beside the list ----------------------------------------------------------------------------------------
  function load(address) {
    window.htmx.ajax("GET", address, { target: "#panel", swap: "innerHTML" });
  }
  function marks() {
    const open = one("[data-panel]", panel)?.dataset.panel;
    for (const row of all("tr[data-case]")) row.classList.toggle("shown", !panel.hidden && row.dataset.case === open);
  }
  function closePanel() {
    panel.hidden = true;
    panel.replaceChildren();
    box.classList.remove("open");
    marks();
  }
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-panel-closes]")) { closePanel(); return; }
    const row = event.target.closest("tr[data-case]");
    if (!row || event.metaKey || event.ctrlKey || event.target.closest("input, label, button")) return;
    const link = one("[data-open]", row);
    if (event.target.closest("a") && event.target.closest("a") !== link) return;
    if (String(window.getSelection()) && !event.target.closest("a")) return;
    event.preventDefault();
    if (event.shiftKey) { const input = one("input[data-pick]", row); if (input) toggle(input, true); return; }
    link.focus({ preventScroll: true });
    load(link.href);
  });

  // --- keyboard ------------------------------------------------------------------------------------------------------
  const links = () => all("tr[data-case] a[data-open]");
  function step(by) {
    const list = links();
    if (!list.length) return;
    const row = document.activeElement?.closest?.("tr[data-case]");
    const here = row ? list.indexOf(one("[data-open]", row)) : -1;
    const next = here < 0 ? (by > 0 ? 0 : list.length - 1) : Math.min(list.length - 1, Math.max(0, here + by));
    list[next].focus();
    list[next].closest("tr").scrollIntoView({ block: "nearest" });
    if (!panel.hidden) load(list[next].href);
  }
  function onRow(name) {
    if (chosen.size || everything) { one(`[data-bulk] [data-act="${name}"]`)?.click(); return; }
    const row = document.activeElement?.closest?.("tr[data-case]");
    const input = row && one("input[data-pick]", row);
    const inPanel = one(`#panel [data-act="${name}"]`);
    if (inPanel && (!row || row.dataset.case === one("[data-panel]", panel)?.dataset.panel)) inPanel.click();
    else if (input) {
      const button = document.createElement("button");
      button.dataset.act = name;
      button.dataset.cases = input.value;
      button.dataset.what = one("[data-open]", row).textContent;
      act(button);
    }
  }
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || event.isComposing || one("dialog[open]") || typing(event.target)) return;
    const row = document.activeElement?.closest?.("tr[data-case]");
    const input = row && one("input[data-pick]", row);
    const does = {
      j: () => step(1),
      k: () => step(-1),
      x: () => { if (input) toggle(input, false); },
      X: () => { if (input) toggle(input, true); },
      r: () => onRow("retry"),
      d: () => onRow("discard"),
      t: () => onRow("take"),
      "?": () => document.getElementById("inbox-keys").showModal(),
      Escape: () => {
        if (one("details.menu[open]")) return false;
        if (!panel.hidden) closePanel();
        else if (chosen.size || everything) none();
        else return false;
        return true;
      },
    }[event.key];
    if (does && does() !== false) { event.preventDefault(); event.stopImmediatePropagation(); }
  }, true);

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target === panel) {
      panel.hidden = false;
      box.classList.add("open");
    }
    marks();
    show();
  });
  document.addEventListener("DOMContentLoaded", show);
})();
