// What the console's pages do in the browser beside NiceGUI: the theme, and the cells of the ranking's table.
(() => {
  "use strict";

  const words = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" };
  const order = ["auto", "light", "dark"];
  const stored = () => {
    try {
      const kept = localStorage.getItem("collabrank-theme");
      return order.includes(kept) ? kept : "auto";
    } catch {
      return "auto";
    }
  };
  const wish = matchMedia("(prefers-color-scheme: dark)");
  const dress = () => {
    const theme = stored();
    const dark = theme === "dark" || (theme === "auto" && wish.matches);
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    if (document.body) {
      document.body.classList.toggle("body--dark", dark);
      document.body.classList.toggle("body--light", !dark);
    }
    const button = document.getElementById("theme");
    if (button) button.firstElementChild.textContent = words[theme];
  };
  dress();
  wish.addEventListener("change", dress);
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#theme")) return;
    try {
      localStorage.setItem("collabrank-theme", order[(order.indexOf(stored()) + 1) % order.length]);
    } catch {
      return;
    }
    dress();
  });

  window.collabrank = { start: dress };
})();
