"use strict";
(() => {
  const root = document.documentElement, theme = document.getElementById("theme");
  root.classList.add("js");
  const dark = () => root.dataset.theme
    ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  const named = () => {
    theme.textContent = dark() ? "Light" : "Dark";
    theme.setAttribute("aria-pressed", String(dark()));
  };
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; named(); });
  named();

  for (const button of document.querySelectorAll(".copy")) {
    button.addEventListener("click", async () => {
      const code = button.parentElement.querySelector("code");
      getSelection().selectAllChildren(code);
      try { await navigator.clipboard.writeText(code.textContent); } catch { document.execCommand("copy"); }
      getSelection().removeAllRanges();
      const words = button.dataset.words ||= button.textContent;
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = words; }, 1500);
    });
  }

  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  document.body.append(tip);
  const show = (words, x, y) => {
    tip.textContent = words;
    tip.hidden = false;
    tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - tip.offsetWidth - 8))}px`;
    tip.style.top = `${Math.max(8, y - tip.offsetHeight - 12)}px`;
  };
  const hide = () => { tip.hidden = true; };
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  for (const plot of document.querySelectorAll("svg.plot")) {
    const dots = [...plot.querySelectorAll(".dot")];
    if (dots.length) plot.setAttribute("role", "group");  // of an image nothing inside is read
    dots.forEach((dot, i) => {
      const title = dot.querySelector("title"), words = title.textContent;
      title.remove();  // the browser's own comes late, and a second time
      dot.setAttribute("role", "img");
      dot.setAttribute("aria-label", words);
      dot.setAttribute("tabindex", i ? -1 : 0);  // Tab comes to a plot once, arrows go on inside
      dot.addEventListener("pointermove", (event) => show(words, event.clientX, event.clientY));
      dot.addEventListener("pointerleave", hide);
      dot.addEventListener("blur", hide);
      dot.addEventListener("focus", () => {
        const box = dot.getBoundingClientRect();
        dots.forEach((other) => other.setAttribute("tabindex", other === dot ? 0 : -1));
        show(words, box.x + box.width / 2, box.y + box.height / 2);
      });
      dot.addEventListener("keydown", (event) => {
        const last = dots.length - 1;
        const to = {
          ArrowRight: i + 1, ArrowDown: i + 1, ArrowLeft: i - 1, ArrowUp: i - 1, Home: 0, End: last,
        }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        dots[Math.max(0, Math.min(to, last))].focus();
      });
    });
  }

  const make = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const number = (text) => parseFloat((text.match(/-?\d+(\.\d+)?(e[+-]?\d+)?/i) || [])[0]);
  const order = (x, y, way) => {  // what is empty or no number among numbers comes last
    if (x === "" || y === "") return (x === "") - (y === "");
    return way * x.localeCompare(y, undefined, { numeric: true });
  };
  const orderNumbers = (x, y, way) => {
    const [a, b] = [number(x), number(y)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b) || order(x, y, way);
    return way * (a - b);
  };
  const mark = (heads, head) => {
    const way = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
    return way;
  };
  for (const table of document.querySelectorAll("table.cards:not(#runs table)")) {
    const count = table.tHead.rows[0].cells.length;
    if (count <= 12) continue;
    table.classList.add("long");
    const button = make("button", { type: "button", className: "all-columns", textContent: `All ${count} columns` });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(table.classList.toggle("all")));
    });
    table.parentElement.before(button);
  }
  for (const table of document.querySelectorAll("table.sortable")) {
    const rows = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    table.classList.add("sorts");
    heads.forEach((head, i) => {
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const way = mark(heads, head), by = head.classList.contains("n") ? orderNumbers : order;
        const text = (row) => row.cells[i].textContent;
        rows.append(...[...rows.rows].sort((a, b) => by(text(a), text(b), way)));
      });
    });
  }

  if (root.classList.contains("live")) follow();
  async function follow() {  // a reader at work is asked first
    let shown = null;
    const news = make("button", { type: "button", id: "news", textContent: "Show newer runs", hidden: true });
    news.addEventListener("click", () => location.reload());
    document.body.append(make("div", { role: "status" }, news));
    for (;;) {
      try {
        const version = await (await fetch("/version", { cache: "no-store" })).text();
        const isNew = version !== (shown ??= version);
        const atWork = document.querySelector(".open[aria-expanded=true]") || document.querySelector("#runs input")?.value;
        if (isNew && !atWork) { location.reload(); return; }
        news.hidden = !isNew;
      } catch { root.classList.remove("live"); return; }
      await new Promise((resume) => { setTimeout(resume, 2000); });
    }
  }

  const box = document.getElementById("runs");
  if (!box) return;
  const data = JSON.parse(document.getElementById("runs-data").textContent);
  const body = box.querySelector("tbody"), status = box.querySelector("[role=status]");
  const [back, next] = [box.querySelector(".back"), box.querySelector(".next")];
  const heads = [...box.querySelectorAll("thead th")];
  box.querySelector("table").classList.add("sorts");
  let shown = data.rows, page = 0, words = "", sorted = [-1, 1];

  const cell = (text, i) => {
    if (!i) return make("th", { scope: "row", textContent: text });
    const made = make("td", { className: i >= data.numbers ? "n" : "", textContent: text });
    made.dataset.title = data.titles[i];
    return made;
  };
  const settings = (values) => make("dl", {}, ...Object.entries(values).map(([name, value]) =>
    make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
  const curve = (name, values) => {
    const known = values.map(Number).filter(Number.isFinite);
    const low = Math.min(...known), span = Math.max(...known) - low || 1;
    const points = known.map((y, i) => `${3 + 170 * i / Math.max(known.length - 1, 1)},${47 - 44 * (y - low) / span}`);
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    svg.setAttribute("viewBox", "0 0 176 50");
    svg.setAttribute("aria-hidden", "true");  // the table below holds its values
    line.setAttribute("points", points.join(" "));
    svg.append(line);
    return make("div", { className: "small" }, `${name}: last ${known.at(-1)}`, svg);
  };
  const epochs = (header, rows) => {
    const line = (tag, cells) => make("tr", {}, ...cells.map((textContent) => make(tag, { textContent, className: "n" })));
    const table = make("table", {}, make("thead", {}, line("th", header)), make("tbody", {}, ...rows.map((row) => line("td", row))));
    return make("details", {}, make("summary", { textContent: "Epochs" }), make("div", { className: "epochs", tabIndex: 0 }, table));
  };
  const detail = (details) => {
    const cells = make("td", { colSpan: data.titles.length }, make("code", { textContent: details.folder }), settings(details.settings));
    const [, ...curves] = details.history_header;
    if (details.history.length) {
      const drawn = curves.map((name, i) => curve(name, details.history.map((row) => row[i + 1])));
      cells.append(make("div", { className: "curves" }, ...drawn), epochs(details.history_header, details.history));
    }
    cells.append(make("details", {}, make("summary", { textContent: "Settings that all runs share" }), settings(data.common)));
    return make("tr", { className: "detail" }, cells);
  };
  const details = new Map(data.details.map((one, i) => [data.rows[i], one]));
  const opener = (row, line) => {
    const name = line.cells[0], button = make("button", { type: "button", className: "open" }, ...name.childNodes);
    button.setAttribute("aria-expanded", "false");
    name.append(button);
    button.addEventListener("click", () => {
      const opened = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!opened));
      if (opened) line.nextSibling.remove(); else line.after(detail(details.get(row)));
    });
  };
  const draw = () => {
    const first = page * data.page, rows = shown.slice(first, first + data.page);
    body.replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...row.map(cell));
      if (details.has(row)) opener(row, line);
      return line;
    }));
    back.disabled = page === 0;
    next.disabled = first + data.page >= shown.length;
    status.textContent = shown.length
      ? `${first + 1} to ${first + rows.length} of ${shown.length} runs` : "no run";
  };
  const compare = (i, way) => (a, b) => (i >= data.numbers ? orderNumbers : order)(a[i], b[i], way);
  const select = () => {
    shown = data.rows.filter((row) => words.every((word) => row.some((text) => text.includes(word))));
    if (sorted[0] >= 0) shown.sort(compare(...sorted));
    page = 0;
    draw();
  };
  box.querySelector("input").addEventListener("input", (event) => {
    words = event.target.value.split(/\s+/).filter(Boolean);
    select();
  });
  heads.forEach((head, i) => head.querySelector("button").addEventListener("click", () => {
    sorted = [i, mark(heads, head)];
    select();
  }));
  back.addEventListener("click", () => { page -= 1; draw(); });
  next.addEventListener("click", () => { page += 1; draw(); });
  words = [];
  draw();
})();
