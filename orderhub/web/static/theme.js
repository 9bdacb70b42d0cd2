// Runs before the first paint: takes over theme and language from the Airflow page around this one.
// A frame of another origin, or no frame at all, throws on access or has nothing to say: then the system decides.
"use strict";
(() => {
  const root = document.documentElement;
  const parentRoot = () => {
    try {
      return window.parent !== window ? window.parent.document.documentElement : null;
    } catch {
      return null;
    }
  };
  const stored = (key) => {
    try {
      return window.localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const around = parentRoot();

  const apply = () => {
    let theme = null;
    if (around) theme = around.classList.contains("dark") ? "dark" : around.classList.contains("light") ? "light" : null;
    if (!theme) theme = stored("theme");
    if (theme !== "dark" && theme !== "light") theme = system.matches ? "dark" : "light";
    root.classList.toggle("dark", theme === "dark");
    root.classList.toggle("light", theme === "light");
  };
  apply();
  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  if (around) {
    root.classList.add("framed");
    new MutationObserver(apply).observe(around, { attributes: true, attributeFilter: ["class"] });
  }

  // Airflow keeps its language in localStorage; tell the server once, by cookie, and load again in that language.
  const wanted = around ? stored("i18nextLng") : null;
  const offered = (root.dataset.languages || "").split(" ");
  const best = wanted && offered.find((tag) => tag.toLowerCase() === wanted.toLowerCase());
  if (best && best !== root.lang && !new URLSearchParams(location.search).has("lang")) {
    const tried = `orderhub-lang-${best}`;
    let before = null;
    try {
      before = sessionStorage.getItem(tried);
      sessionStorage.setItem(tried, "1");
    } catch {
      before = "1";
    }
    if (!before) {
      document.cookie = `orderhub_lang=${best}; path=${root.dataset.base || "/"}; max-age=31536000; samesite=lax`;
      location.reload();
    }
  }
})();
