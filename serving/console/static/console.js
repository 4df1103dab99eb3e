// What the console's pages do in the browser beside NiceGUI: the theme, and the table of the ranking. Whatever comes
// from the service is set as text, never as markup.
(() => {
  "use strict";

  // The theme

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

  // Cells

  const element = (tag, name, content) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (content !== undefined) made.textContent = content;
    return made;
  };

  const part = (name, left, width) => {
    const made = element("i", name);
    made.style.left = `${left}%`;
    if (width !== undefined) made.style.width = `${width}%`;
    return made;
  };

  const clamp = (value) => Math.min(100, Math.max(0, value));

  // Low, expectation and high on a scale that the rows share.
  const bar = (low, middle, high, [from, to]) => {
    const made = element("span", "cr-bar");
    if (low == null || high == null) {
      made.classList.add("cr-bar-none");
      return made;
    }
    const at = (value) => (to > from ? clamp((100 * (value - from)) / (to - from)) : 0);
    if (from < 0 && to > 0) made.append(part("cr-bar-nought", at(0)));
    made.append(part("cr-bar-span", at(low), Math.max(1, at(high) - at(low))));
    if (middle != null) made.append(part("cr-bar-mark", at(middle)));
    return made;
  };

  const place = (params) => {
    const made = element("span", "cr-cell-place", String(params.value));
    if (params.data.slot === "explored") {
      const mark = element("span", "cr-explored", "◆");
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", "drawn to explore");
      mark.title = "Drawn to explore: the model knows little of this creator";
      made.append(mark);
    }
    return made;
  };

  const name = (params) => {
    const made = element("span", "cr-cell-name");
    const shown = element("bdi", "", params.data.name);
    shown.dir = "auto";
    made.append(shown);
    return made;
  };

  const meter = (params) => {
    const made = element("span", "cr-cell-meter");
    const field = params.colDef.field;
    const [low, high, sure] = (field.startsWith("i_") && params.data[`d_${field.slice(2)}`]) || [];
    const known = params.value != null;
    made.append(element("span", "cr-cell-value", known ? params.value.toFixed(0) : "–"));
    if (known && low != null && high != null) {
      // Nothing of the creator's own: what peers lead one to expect is drawn hollow.
      const drawn = bar(low, params.value, high, [0, 100]);
      const said = `80 % between ${low.toFixed(0)} and ${high.toFixed(0)}, confidence ${(sure ?? 0).toFixed(0)}`;
      made.title = sure === 0 ? `Expected from peers alone; ${said}` : said;
      drawn.setAttribute("role", "img");
      drawn.setAttribute("aria-label", made.title);
      if (sure === 0) made.classList.add("cr-guess");
      made.append(drawn);
      return made;
    }
    const ground = element("span", known ? "cr-bar" : "cr-bar cr-bar-none");
    if (known) ground.append(part("cr-bar-fill", 0, clamp(params.value)));
    made.append(ground);
    return made;
  };

  const money = (params) => {
    const key = params.colDef.field;
    const row = params.data;
    const made = element("span", "cr-cell-money");
    made.append(element("span", "cr-cell-value", row[`${key}_text`]));
    made.append(bar(row[`${key}_low`], row[key], row[`${key}_high`], params.context?.[key] ?? [0, 1]));
    made.title = `80 % between ${row[`${key}_ends`]}`;
    return made;
  };

  const known = (params) => {
    const value = params.value ?? 0;
    const [word, kind] = value >= 66 ? ["well", "good"] : value >= 33 ? ["partly", "mid"] : ["little", "low"];
    const made = element("span", `cr-chip cr-chip-${kind}`, `${word} · ${value.toFixed(0)}`);
    return made;
  };

  const percent = (params) => element("span", "cr-cell-value", params.data.p_text);

  const followers = (params) => element("span", "cr-cell-value", params.data.followers_text);

  // The amount stands in front, where no width cuts it; the words take two lines.
  const reason = (params) => {
    const made = element("span", "cr-cell-reason");
    const [amount, words] = params.data.lead ?? [];
    if (!words) return made;
    made.append(element("b", "cr-number", amount), element("span", "", words));
    return made;
  };

  const reasons = (params) => (params.data?.why?.length ? params.data.why.join("\n") : null);

  // The table

  // The scale of a column of intervals: all of them but the outermost twentieth, so that one does not flatten the rest.
  const scale = (rows, key) => {
    const lows = rows.map((row) => row[`${key}_low`]).filter((value) => value != null);
    const highs = rows.map((row) => row[`${key}_high`]).filter((value) => value != null);
    if (!lows.length) return [0, 1];
    lows.sort((a, b) => a - b);
    highs.sort((a, b) => a - b);
    const low = lows[Math.floor(lows.length * 0.05)];
    const high = highs[Math.min(highs.length - 1, Math.floor(highs.length * 0.95))];
    return [Math.min(0, low), Math.max(high, 1e-9)];
  };

  const when = (id, work) => {
    const api = window.getElement?.(id)?.api;
    if (api) work(api);
    else setTimeout(() => when(id, work), 20);
  };

  const fill = (id, [rows, count, anew]) =>
    when(id, (api) => {
      api.setGridOption("context", { u: scale(rows, "u"), l: scale(rows, "l") });
      if (anew) {
        api.deselectAll();
        unsort(api);
      }
      api.setGridOption("rowData", rows);
      api.refreshCells({ columns: ["u", "l"], force: true });
      const grid = window.getElement(id).$el;
      grid.dataset.filled = String(count);
      name_parts(grid);
      fit(api);
      grid.dispatchEvent(new CustomEvent("filled", { bubbles: true, detail: count }));
    });

  // In a narrow window the name alone stays in place.
  const fit = (api) => {
    const narrow = matchMedia("(max-width: 600px)").matches;
    if (api.cr_narrow === narrow) return;
    api.cr_narrow = narrow;
    api.applyColumnState({
      state: [
        { colId: "place", pinned: narrow ? null : "left" },
        { colId: "name", pinned: "left", width: narrow ? 132 : 190 },
      ],
    });
    if (narrow) document.querySelector(".cr-controls details[open]")?.removeAttribute("open");
  };

  // What AG Grid leaves without a name.
  const name_parts = (grid) => {
    grid.querySelector('[role="treegrid"], [role="grid"]')?.setAttribute("aria-label", "Creators, best first");
  };

  const unsort = (api) => api.applyColumnState({ defaultState: { sort: null } });

  const byRank = (id) => when(id, unsort);

  // What the table is sorted by, and how many rows pass its filters where there are any.
  const ordered = (api) => {
    const column = api.getColumns().find((one) => one.getSort());
    const passing = api.isAnyFilterPresent() ? api.getDisplayedRowCount() : null;
    window.emitEvent("ordered", [column ? column.getColDef().headerName : "", passing]);
  };

  const explain = (id, reasons) =>
    when(id, (api) => {
      const changed = [];
      api.forEachNode((node) => {
        if (reasons[node.data.id]) {
          Object.assign(node.data, reasons[node.data.id]);
          changed.push(node);
        }
      });
      api.refreshCells({ rowNodes: changed, columns: ["reason"], force: true });
    });

  const filters = (id, shown) =>
    when(id, (api) => {
      api.setGridOption("defaultColDef", { ...api.getGridOption("defaultColDef"), floatingFilter: shown });
    });

  const clicked = (event) => {
    if (event.event?.target?.closest?.(".ag-selection-checkbox, input")) return;
    window.emitEvent("creator", event.data.id);
  };

  const pressed = (event) => {
    if (event.event?.key === "Enter") window.emitEvent("creator", event.data.id);
  };

  const show = (selector) => {
    const found = document.querySelector(selector);
    found?.scrollIntoView({ block: "nearest" });
    return found;
  };

  window.collabrank = {
    start: dress,
    place,
    name,
    meter,
    money,
    known,
    percent,
    followers,
    reason,
    reasons,
    fill,
    explain,
    byRank,
    ordered,
    filters,
    clicked,
    pressed,
    beside: () => {
      const panel = show(".cr-beside");
      if (panel && matchMedia("(max-width: 1100px)").matches) panel.focus();
    },
    index: () => {
      const place = document.getElementById("index");
      if (place && matchMedia("(max-width: 1180px)").matches) place.closest(".cr-panel").scrollIntoView({ block: "start" });
    },
    between: () => show(".cr-between")?.querySelector("select, input, button")?.focus(),
  };
})();
