"use strict";
// All text goes into the page by textContent: names come from data and are never read as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const word = (number) => data.words[number];
  const MINUS = "\u2212", NONE = "\u2013", ALL = "all";

  function make(tag, text, attributes = {}) {
    const element = document.createElement(tag);
    if (text !== undefined && text !== null) element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  }

  // ---- numbers

  const fixed = (value, digits) => value.toFixed(digits).replace("-", MINUS);
  function signed(value, digits = 2) {
    const text = fixed(value, digits);
    return Number(value.toFixed(digits)) > 0 ? "+" + text : text;
  }
  /** The first number in a text, NaN where there is none. */
  function number(text) {
    const found = /[+\u2212-]?[\d,]*\.?\d+/.exec(text);
    return found ? Number(found[0].replaceAll(",", "").replace(MINUS, "-")) : NaN;
  }

  // ---- theme

  const theme = $("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const showTheme = () => theme.setAttribute("aria-pressed", String(isDark()));
  theme.hidden = false;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    showTheme();
  });
  dark.addEventListener("change", showTheme);
  showTheme();

  // ---- sorting: texts by the alphabet, numbers by their first number, empty ones always last

  function sort(table, column, descending) {
    const heads = table.tHead.rows[0].cells, body = table.tBodies[0];
    const asText = heads[column].classList.contains("t");
    const seconds = /minutes|hours/.test(heads[column].textContent);
    const keyed = [...body.rows].map((row) => {
      const cell = row.cells[column], text = cell.textContent.trim();
      if (asText) return { row, key: text, none: text === NONE };
      let key = number(text);
      if (seconds && text.includes("min")) key /= 60;
      return { row, key, none: Number.isNaN(key) };
    });
    const sign = descending ? -1 : 1;
    keyed.sort((a, b) => {
      if (a.none || b.none) return a.none - b.none;
      return sign * (asText ? a.key.localeCompare(b.key, "en", { numeric: true }) : a.key - b.key);
    });
    body.append(...keyed.map((one) => one.row));
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", head.textContent, { type: "button" });
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = !head.classList.contains("t"); // the largest number first, the first letter first
        sort(table, column, now ? now === "ascending" : first);
      });
      head.replaceChildren(button);
    });
  }

  // ---- the table of languages: filters

  const languages = $("languages");
  const rows = languages ? [...languages.tBodies[0].rows].map((row) => {
    const [language, target, recipe, score, sd, difference, interval] = [...row.cells].map((c) => c.textContent);
    return { row, language, target, recipe, score, sd, difference, interval };
  }) : [];
  function filter() {
    const wanted = $("f-language").value.toLowerCase().split(/[\s,;]+/).filter(Boolean);
    const target = $("f-target").value, recipe = $("f-recipe").value;
    let count = 0;
    for (const one of rows) {
      const shown = (!wanted.length || wanted.some((part) => one.language.toLowerCase().startsWith(part)))
        && (!target || one.target === target) && (!recipe || one.recipe === recipe);
      one.row.hidden = !shown;
      count += shown;
    }
    $("f-count").textContent = `${count.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  }
  if (languages) {
    $("f-language").addEventListener("input", filter);
    for (const id of ["f-target", "f-recipe"]) $(id).addEventListener("change", filter);
    filter();
    $("filters").hidden = false;
  }

  // ---- bars with intervals

  const SVG = "http://www.w3.org/2000/svg";
  function draw(parent, tag, attributes, text) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }
  function bounds(text) {
    const found = text.match(/[+\u2212-]?\d[\d,]*\.?\d*/g);
    return found && found.length === 2 ? found.map(number) : null;
  }
  /** One bar a language: {name, value, low, high, mark, note}. */
  function bars(entries, withSign, label) {
    const width = Math.max(260, $("bar-chart").clientWidth), line = 26, left = 46, right = 58, top = 6, foot = 24;
    const height = top + entries.length * line + foot;
    const ends = entries.flatMap((e) => [e.value, e.low ?? e.value, e.high ?? e.value, e.mark ?? e.value]);
    let low = Math.min(0, ...ends), high = Math.max(0, ...ends);
    const step = niceStep((high - low) || 1);
    low = Math.floor(low / step) * step;
    high = Math.ceil(high / step) * step || step;
    const x = (value) => left + ((value - low) / (high - low)) * (width - left - right);
    const svg = document.createElementNS(SVG, "svg");
    for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label })) {
      svg.setAttribute(name, value);
    }
    for (let mark = low; mark <= high + step / 2; mark += step) {
      const at = Math.abs(mark) < step / 1000 ? 0 : mark;
      draw(svg, "line", { class: at ? "grid" : "zero", x1: x(at), x2: x(at), y1: top, y2: height - foot });
      draw(svg, "text", { x: x(at), y: height - 7, "text-anchor": "middle" },
        withSign ? signed(at, step < 1 ? 1 : 0) : fixed(at, step < 1 ? 1 : 0));
    }
    entries.forEach((entry, index) => {
      const y = top + index * line, middle = y + line / 2;
      draw(svg, "text", { class: "name", x: left - 8, y: middle + 4.5, "text-anchor": "end" }, entry.name);
      const look = withSign ? (entry.value < 0 ? "bar-l" : "bar-g") : "bar-s";
      draw(svg, "rect", { class: look, x: Math.min(x(0), x(entry.value)), y: y + 5, rx: 2,
        width: Math.max(1, Math.abs(x(entry.value) - x(0))), height: line - 10 });
      if (entry.low !== undefined) {
        const [a, b] = [x(entry.low), x(entry.high)];
        draw(svg, "path", { class: "whisker", d: `M${a} ${middle}H${b}M${a} ${middle - 4}v8M${b} ${middle - 4}v8` });
      }
      if (entry.mark !== undefined) {
        draw(svg, "line", { class: "base", x1: x(entry.mark), x2: x(entry.mark), y1: y + 3, y2: y + line - 3 });
      }
      draw(svg, "text", { class: "value", x: width - 4, y: middle + 4, "text-anchor": "end" },
        withSign ? signed(entry.value, 1) : fixed(entry.value, 1));
    });
    $("bar-chart").replaceChildren(svg);
  }
  function niceStep(range) {
    const size = 10 ** Math.floor(Math.log10(range / 5));
    return [1, 2, 5, 10].map((times) => times * size).find((one) => one * 5 >= range);
  }
  function showBars() {
    const target = $("bar-target").value, recipe = $("bar-recipe").value;
    const own = rows.filter((one) => one.target === target && one.recipe === recipe);
    const differences = $("bar-measure").value === "difference" && recipe !== data.baseline && data.baseline !== null;
    const base = new Map(rows.filter((one) => one.target === target && one.recipe === data.baseline)
      .map((one) => [one.language, number(one.score)]));
    const entries = [];
    for (const one of own) {
      const value = number(differences ? one.difference : one.score);
      if (Number.isNaN(value)) continue;
      const entry = { name: one.language, value };
      const ends = differences ? bounds(one.interval) : null, sd = number(one.sd);
      if (ends) [entry.low, entry.high] = ends;
      if (!differences && !Number.isNaN(sd)) [entry.low, entry.high] = [value - sd, value + sd];
      const reference = base.get(one.language);
      if (!differences && recipe !== data.baseline && Number.isFinite(reference)) entry.mark = reference;
      entries.push(entry);
    }
    entries.sort((a, b) => b.value - a.value);
    const what = differences ? `Difference of ${recipe} to ${data.baseline} on ${target}, in points`
      : `Score of ${recipe} on ${target}, in points`;
    const whiskers = entries.some((e) => e.low !== undefined);
    const note = !entries.length ? "no language has a number."
      : differences ? (whiskers ? "lines are 95 % intervals." : "there are no intervals.")
        : [whiskers ? "lines are ± one standard deviation over seeds" : "there is no spread over seeds",
          entries.some((e) => e.mark !== undefined) ? `; the upright marks are ${data.baseline}.` : "."].join("");
    $("bar-caption").textContent = `${what}: ${note}`;
    if (entries.length) {
      const said = entries.map((e) => `${e.name} ${differences ? signed(e.value, 1) : fixed(e.value, 1)}`).join(", ");
      bars(entries, differences, `${what}: ${said}`);
    } else {
      $("bar-chart").replaceChildren();
    }
  }
  if (languages) {
    const first = [...$("bar-recipe").options].find((option) => option.value !== data.baseline);
    if (first) first.selected = true;
    for (const id of ["bar-target", "bar-recipe", "bar-measure"]) $(id).addEventListener("change", showBars);
    $("bars").hidden = false;
    let width = 0;
    new ResizeObserver(([entry]) => {
      if (Math.abs(entry.contentRect.width - width) > 1) {
        width = entry.contentRect.width;
        showBars();
      }
    }).observe($("bar-chart"));
  }

  // ---- provenance of a cell

  const runs = data.runs, entries = data.entries;
  const features = new Map(data.features.target.map((target, i) => [
    [target, data.features.split[i], data.features.language[i]].join(" "), word(data.features.folder[i]),
  ]));
  const places = (columns) => new Map(columns.recipe.map((recipe, i) =>
    [[columns.target[i], columns.language[i], recipe].join("|"), i]));
  const deltas = places(data.deltas), reasons = places(data.reasons);

  function facts(pairs) {
    const list = make("dl");
    for (const [name, value] of pairs) {
      if (value !== null && value !== undefined && value !== "") list.append(make("dt", name), make("dd", String(value)));
    }
    return list;
  }
  const interval = (one) => one && `${signed(one[0])} to ${signed(one[1])}` + (one[2] === null ? "" : `, p = ${one[2]}`);
  function difference(key) {
    const i = deltas.get(key), own = data.deltas;
    if (i === undefined) return [];
    return [
      [`difference to ${data.baseline}`, `${signed(own.delta[i])} points, ${own.seeds[i]} seed${own.seeds[i] === 1 ? "" : "s"} in the smaller arm`],
      ["95 % over seeds", interval(own.seeds_interval[i])],
      ["95 % over test items", interval(own.items[i])],
      ["95 % over seeds and items", interval(own.combined[i])],
      ["detectable", own.detectable[i] === null ? null : `${own.detectable[i]} points`],
    ];
  }
  /** The lines that make a number again, those of the runs it needs first. */
  function commands(row, git) {
    const lines = [], seen = new Set();
    (function add(index) {
      if (seen.has(index)) return;
      seen.add(index);
      runs.needs[index].forEach(add);
      lines.push(`python train.py --plan ${quoted(data.folder + "/plan.jsonl")} --index ${index}`);
    })(row);
    const commit = /^[0-9a-f]{7,40}/.exec(git);
    return (commit ? [`git checkout ${commit[0]}`] : []).concat(lines).join("\n");
  }
  const quoted = (path) => (/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);

  function runPart(i, language) {
    const row = entries.run[i], part = make("article"), git = word(entries.git[i]);
    const codes = entries.languages[i].map(word), at = codes.indexOf(language);
    const target = word(entries.target[i]), split = word(entries.split[i]);
    const values = entries.values[i].map((own, m) => {
      const known = (at < 0 ? own : [own[at]]).filter((value) => value !== null);
      const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
      return known.length ? `${word(entries.metrics[i][m])} ${fixed(mean, 2)}` : "";
    }).filter(Boolean).join(", ");
    const examples = at < 0 ? entries.n[i].reduce((sum, n) => sum + n, 0) : entries.n[i][at];
    const sets = at < 0 ? `${codes.length} sets, one a language: select a language below for its own`
      : features.get([entries.target[i], entries.split[i], entries.languages[i][at]].join(" "));
    part.append(make("h3", word(runs.run[row])), facts([
      [at < 0 && codes.length > 1 ? "mean over languages" : "score", values || (data.whole ? "" : "by seed: results/scores.csv")],
      ["scored", `${examples.toLocaleString("en")} examples of ${target}, ${split}`],
      ["seeds", `intermediate ${runs.intermediate[row] ?? "none"}, target ${runs.target[row] ?? "none"}`],
      ["step", entries.step[i].toLocaleString("en")],
      ["layer", entries.layer[i]],
      ["checkpoint", word(entries.selection[i])],
      ["commit", git],
      ["configuration", word(entries.config_hash[i])],
      ["data version", `${target} ${word(entries.task_version[i])}`],
      ["prepared set", sets],
    ]), make("pre", commands(row, git), { tabindex: "0", "aria-label": "Command that makes this number again" }));
    return part;
  }
  const dialog = $("origin");
  function openOrigin(recipe, target, language, shown) {
    const body = $("origin-body"), key = [target, language, recipe].join("|");
    $("origin-h").textContent = `${recipe} on ${target}${language === ALL ? "" : `, ${language}`}`;
    body.replaceChildren(facts([["shown", shown], ...difference(key)]));
    const reason = reasons.get(key);
    if (reason !== undefined) body.append(make("p", `No score: ${word(data.reasons.why[reason])}`, { class: "absent" }));
    if (language === ALL) {
      const gone = data.reasons.recipe.filter((one, i) => one === recipe && data.reasons.target[i] === target).length;
      if (gone) body.append(make("p", `${gone} languages have no score: see Missing cells.`, { class: "absent" }));
    }
    let found = 0;
    for (let i = 0; i < entries.run.length; i += 1) {
      if (runs.recipe[entries.run[i]] !== recipe || word(entries.target[i]) !== target) continue;
      if (language !== ALL && !entries.languages[i].some((code) => word(code) === language)) continue;
      body.append(runPart(i, language));
      found += 1;
    }
    if (!found) body.append(make("p", "No run has written a score for this."));
    dialog.showModal();
    dialog.scrollTop = 0;
  }
  for (const cell of document.querySelectorAll("[data-k]")) {
    const [target, language, ...name] = cell.dataset.k.split("|"), recipe = name.join("|");
    const [text, small] = [cell.firstChild.textContent, cell.querySelector("small")];
    const button = make("button", text, { type: "button", "aria-haspopup": "dialog" });
    cell.firstChild.replaceWith(button);
    button.addEventListener("click", () => openOrigin(recipe, target, language, small ? `${text} (${small.textContent})` : text));
  }
  $("origin-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // beside it
  });
})();
