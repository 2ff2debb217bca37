"use strict";
(() => {
  const root = document.documentElement, theme = document.getElementById("theme");
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
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
  }

  const box = document.getElementById("runs");
  if (!box) return;
  const data = JSON.parse(document.getElementById("runs-data").textContent);
  const body = box.querySelector("tbody"), status = box.querySelector("[role=status]");
  const [back, next] = [box.querySelector(".back"), box.querySelector(".next")];
  const heads = [...box.querySelectorAll("thead th")];
  let shown = data.rows, page = 0, words = "", sorted = [-1, 1];

  const cell = (text, i) => {
    const made = document.createElement(i ? "td" : "th");
    if (!i) made.scope = "row";
    if (i >= data.numbers) made.className = "n";
    made.textContent = text;
    return made;
  };
  const draw = () => {
    const first = page * data.page, rows = shown.slice(first, first + data.page);
    body.replaceChildren(...rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...row.map(cell));
      return line;
    }));
    back.disabled = page === 0;
    next.disabled = first + data.page >= shown.length;
    status.textContent = shown.length
      ? `${first + 1} to ${first + rows.length} of ${shown.length} runs` : "no run";
  };
  const compare = (i, way) => (a, b) => {
    const x = a[i], y = b[i];
    if (x === "" || y === "") return (x === "") - (y === "");
    const gap = x - y;
    return way * (Number.isNaN(gap) ? x.localeCompare(y) : gap);
  };
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
    sorted = [i, sorted[0] === i ? -sorted[1] : 1];
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sorted[1] > 0 ? "ascending" : "descending");
    select();
  }));
  back.addEventListener("click", () => { page -= 1; draw(); });
  next.addEventListener("click", () => { page += 1; draw(); });
  words = [];
  draw();
})();
