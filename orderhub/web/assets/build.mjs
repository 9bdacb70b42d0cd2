// Copies htmx into ../static and the icons that the pages name into ../icons.json.
// Run `npm ci && npm run build` here after changing package.json or the list below; both results are committed, so
// that nothing needs Node at run time.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const out = join(here, "..", "static");

const ICONS = [
  "activity", "arrow-down", "arrow-left", "arrow-right", "arrow-up", "ban", "binary", "braces", "calendar", "check",
  "chevron-down", "chevron-left", "chevron-right", "circle", "circle-alert", "circle-check", "circle-dashed",
  "circle-dot", "circle-slash", "circle-x", "clock", "copy", "copy-check", "copy-x", "database", "download",
  "external-link", "file", "file-check", "file-code", "file-text", "file-x", "files", "flask-conical", "git-compare",
  "hand", "hash", "history", "inbox", "info", "keyboard", "languages", "layers", "list-filter", "loader-circle",
  "mail-check", "octagon-alert", "package", "rotate-ccw", "search", "search-x", "send", "server", "shield-alert",
  "shield-check", "trash-2", "triangle-alert", "truck", "user", "workflow", "x", "split", "eye",
  "arrow-up-right", "building-2", "calendar-clock", "corner-down-right", "corner-up-left", "layout-dashboard", "link", "list", "minus", "pause",
  "play", "plug", "plus", "key-round", "route", "timer", "trending-down", "trending-up",
];

function inner(name) {
  const svg = readFileSync(join(modules, "lucide-static", "icons", `${name}.svg`), "utf8");
  return svg.replace(/<!--[\s\S]*?-->/g, "").replace(/[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>[\s\S]*/, "")
    .replace(/\s+/g, " ").trim();
}

const icons = Object.fromEntries(ICONS.sort().map((name) => [name, inner(name)]));
writeFileSync(join(here, "..", "icons.json"), JSON.stringify(icons, null, 1) + "\n");

copyFileSync(join(modules, "htmx.org", "dist", "htmx.min.js"), join(out, "htmx.min.js"));
copyFileSync(join(modules, "htmx.org", "LICENSE"), join(out, "htmx.LICENSE.txt"));
copyFileSync(join(modules, "lucide-static", "LICENSE"), join(out, "icons.LICENSE.txt"));
