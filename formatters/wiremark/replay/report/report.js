"use strict";
(() => {
  // A row, by position; data.py writes it.
  const [INDEX, TIME, INPUT, READ, WRITTEN, FRESH, COMMON, COST, MODEL, PLACE, MARKS, MISS, REPORTED] =
    Array.from({ length: 13 }, (_, n) => n);
  const [CODE, SENTENCE, PATH, BEFORE, AFTER] = [0, 1, 2, 3, 4];
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const whole = (value) => Math.round(value).toLocaleString("en-US");
  const share = (part, all) => (all ? `${((part / all) * 100).toFixed(1)} %` : "–");
  const text = (place) => data.texts[place];

  function make(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in made) made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  // ------------------------------------------------------------------------------------ theme
  const themes = ["system", "light", "dark"];
  const toggle = byId("theme");
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const now = root.dataset.theme || "system";
    const next = themes[(themes.indexOf(now) + 1) % themes.length];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    toggle.textContent = `Theme: ${next}`;
    colours = null;
    draw();
  });
  let colours = null;
  function colour(name) {
    if (!colours) colours = { of: getComputedStyle(root), known: new Map() };
    if (!colours.known.has(name)) {
      colours.known.set(name, colours.of.getPropertyValue(`--${name}`).trim());
    }
    return colours.known.get(name);
  }

  // ------------------------------------------------------------------------------------- view
  const many = Math.max(0, ...data.replays.map((replay) => replay.rows.length));
  if (!many) {
    return;
  }
  const view = { from: 0, to: many, at: -1, pinned: -1 };
  const LEFT = 64, RIGHT = 18, TOP = 10, GAP = 7, LANE = 30, FOOT = 20;
  const tall = data.replays.length === 1 ? 300 : data.replays.length === 2 ? 210 : 172;
  const panels = [];
  const panelled = byId("panels"), tip = byId("tip"), detail = byId("detail");
  const overview = byId("overview");

  data.replays.forEach((replay) => {
    const total = (field) => replay.rows.reduce((sum, row) => sum + row[field], 0);
    const input = total(INPUT), read = total(READ);
    const caption = make("figcaption", {},
      make("b", { textContent: text(replay.policy) }),
      make("span", { textContent: `${replay.arm} arm` }),
      make("span", { textContent: `${share(read, input)} of ${whole(input)} tokens read` }),
      make("span", { textContent: text(replay.cost) }));
    const figure = make("figure", {}, caption);
    panelled.append(figure);
    if (!replay.rows.length) {
      figure.append(make("p", { className: "empty", textContent: "No requests." }));
      return;
    }
    const canvas = make("canvas", {
      tabIndex: 0, role: "slider", "aria-label": `Requests under ${text(replay.policy)}, ${replay.arm} arm`,
      "aria-valuemin": 1, "aria-valuemax": replay.rows.length, "aria-valuenow": 1,
      "aria-valuetext": `${whole(replay.rows.length)} requests, ${share(read, input)} read from cache`,
    });
    canvas.style.height = `${tall}px`;
    figure.append(canvas);
    const panel = { replay, canvas, figure };
    panels.push(panel);
    listen(panel);
  });

  // Which policies are drawn: of many the first four that cache, until others are asked for.
  const drawn = () => panels.filter(({ figure }) => !figure.hidden);
  const choice = byId("choice");
  choice.hidden = panels.length < 2;
  const caching = panels.filter(({ replay }) => text(replay.policy) !== "none").slice(0, 4);
  panels.forEach((panel) => {
    const box = make("input", { type: "checkbox", checked: panels.length <= 4 || caching.includes(panel) });
    panel.figure.hidden = !box.checked;
    box.addEventListener("change", () => {
      panel.figure.hidden = !box.checked;
      draw();
    });
    choice.append(make("label", {}, box, ` ${text(panel.replay.policy)}, ${panel.replay.arm}`));
  });

  function scale() {
    // Requests a bar: one, or as many as leave a bar of three pixels.
    const width = Math.max(1, panelled.clientWidth - LEFT - RIGHT);
    const shown = view.to - view.from;
    const each = Math.max(1, Math.ceil(3 / (width / shown)));
    const first = Math.floor(view.from / each) * each;
    const bars = Math.max(1, Math.ceil((view.to - first) / each));
    return { width, each, first, bars, slot: width / bars };
  }

  function gather(rows, first, each) {
    const members = rows.slice(first, first + each);
    if (!members.length) return null;
    const mean = (field) => members.reduce((sum, row) => sum + row[field], 0) / members.length;
    return { members, read: mean(READ), written: mean(WRITTEN), fresh: mean(FRESH) };
  }

  const broken = (row) => {
    // From which share of the request nothing could be read: where text changed, else what was read.
    if (!row[INPUT]) return 0;
    const from = data.codes[row[MISS][CODE]] === "changed" ? row[COMMON] : row[READ];
    return Math.min(1, Math.max(0, from / row[INPUT]));
  };

  function steps(top, count) {
    const rough = top / count, size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * size).find((n) => n >= rough) || 1;
    const found = [];
    for (let value = 0; value <= top * 1.0001; value += Math.max(1, step)) found.push(value);
    return found;
  }

  function prepare(canvas) {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = '12px system-ui, "Liberation Sans", sans-serif';
    const snap = (value) => Math.round(value * ratio) / ratio;
    return { pen, width, height, snap };
  }

  // ---------------------------------------------------------------------------------- drawing
  let selected = null; // the range that is being dragged
  function draw() {
    const grid = scale();
    let top = 1;
    for (const { replay } of drawn()) {
      for (let bar = 0; bar < grid.bars; bar++) {
        const sums = gather(replay.rows, grid.first + bar * grid.each, grid.each);
        if (sums) top = Math.max(top, sums.read + sums.written + sums.fresh);
      }
    }
    drawn().forEach((panel) => paint(panel, grid, top));
    overlook();
    const shown = `${whole(view.from + 1)} to ${whole(view.to)} of ${whole(many)}`;
    byId("range").textContent = `Requests ${shown}` +
      (grid.each > 1 ? `; each bar is the mean of ${grid.each} requests, zoom in for each` : "");
    byId("all").disabled = view.to - view.from === many;
    byId("out").disabled = byId("all").disabled;
    byId("in").disabled = view.to - view.from <= 4;
    byId("back").disabled = view.from === 0;
    byId("on").disabled = view.to === many;
  }

  function paint(panel, grid, top) {
    const { pen, width, height, snap } = prepare(panel.canvas);
    const ground = height - FOOT - LANE - GAP, high = ground - TOP;
    const y = (tokens) => ground - (tokens / top) * high;
    const laneTop = ground + GAP, laneEnd = laneTop + LANE;
    axes();
    const wide = Math.min(64, Math.max(1, grid.slot >= 8 ? grid.slot * 0.8 : grid.slot - 0.8));
    for (let bar = 0; bar < grid.bars; bar++) {
      const sums = gather(panel.replay.rows, grid.first + bar * grid.each, grid.each);
      if (!sums) break;
      const middle = LEFT + (bar + 0.5) * grid.slot;
      const x = snap(middle - wide / 2), w = Math.max(snap(wide), 1);
      const held = (value) => value >= grid.first + bar * grid.each && value < grid.first + (bar + 1) * grid.each;
      if (held(view.at) || held(view.pinned)) {
        pen.fillStyle = colour("hover");
        pen.fillRect(snap(LEFT + bar * grid.slot), TOP, Math.max(2, snap(grid.slot)), laneEnd - TOP);
      }
      stack(sums, x, w);
      lane(sums.members, x, w);
      const last = sums.members[sums.members.length - 1];
      marks(last, x, w);
      if (grid.each === 1 && last[REPORTED] && last[REPORTED][1] !== null) diamond(middle, y(last[REPORTED][1]));
    }
    if (selected) {
      pen.globalAlpha = 0.25;
      pen.fillStyle = colour("accent");
      pen.fillRect(Math.min(selected.x, selected.now), TOP, Math.abs(selected.now - selected.x), laneEnd - TOP);
      pen.globalAlpha = 1;
    }

    function axes() {
      pen.textBaseline = "middle";
      pen.textAlign = "right";
      for (const value of steps(top, high > 180 ? 7 : 5)) {
        pen.fillStyle = colour("line");
        pen.fillRect(LEFT, snap(y(value)), width - LEFT - RIGHT, 1);
        pen.fillStyle = colour("soft");
        pen.fillText(whole(value), LEFT - 8, y(value));
      }
      pen.fillText("prefix", LEFT - 8, laneTop + LANE / 2);
      pen.fillStyle = colour("line");
      pen.fillRect(LEFT, laneTop, width - LEFT - RIGHT, 1);
      pen.fillRect(LEFT, laneEnd, width - LEFT - RIGHT, 1);
      pen.textBaseline = "top";
      const room = pen.measureText(whole(view.to)).width + 18;
      const every = Math.max(grid.each, steps(grid.bars * grid.each, Math.max(1, (width - LEFT) / room))[1] || 1);
      pen.fillStyle = colour("soft");
      let free = 0;
      for (let bar = 0; bar < grid.bars; bar++) {
        const first = grid.first + bar * grid.each + 1;
        const round = Math.ceil(first / every) * every;
        if (first !== 1 && !(round >= first && round < first + grid.each)) continue;
        if (first !== 1 && round - 1 < every * 0.75) continue; // too near to the first label
        const label = whole(first === 1 ? 1 : round), half = pen.measureText(label).width / 2;
        const middle = LEFT + (bar + 0.5) * grid.slot;
        if (middle - half < free || middle + half > width) continue;
        free = middle + half + 8;
        pen.textAlign = "center";
        pen.fillText(label, middle, laneEnd + 5);
      }
    }

    function stack(sums, x, w) {
      let base = 0;
      for (const name of ["read", "written", "fresh"]) {
        if (sums[name] <= 0) continue;
        const upper = snap(y(base + sums[name])), lower = snap(y(base));
        pen.fillStyle = colour(name);
        const seam = w >= 5 && base > 0 && lower - upper > 2 ? 1 : 0;
        pen.fillRect(x, upper, w, Math.max(lower - upper - seam, 0.75));
        base += sums[name];
      }
    }

    function lane(members, x, w) {
      // Of several requests the one that broke earliest; a first request only if nothing else broke.
      const missed = members.filter((row) => row[MISS]);
      if (!missed.length) return;
      const first = (row) => (data.codes[row[MISS][CODE]] === "first" ? 1 : 0);
      missed.sort((one, other) => first(one) - first(other) || broken(one) - broken(other));
      const code = missed[0][MISS][CODE], from = broken(missed[0]);
      const size = Math.max(5, (1 - from) * (LANE - 1));
      pen.fillStyle = colour(`miss-${data.codes[code]}`);
      pen.fillRect(x, snap(laneTop + 1), w, size);
      if (w < 11) return;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.font = 'bold 11px system-ui, "Liberation Sans", sans-serif';
      if (size >= 14) pen.fillStyle = colour("card");
      pen.fillText(data.letters[code], x + w / 2, size >= 14 ? laneTop + 1 + size / 2 : laneTop + size + 9);
      pen.font = '12px system-ui, "Liberation Sans", sans-serif';
    }

    function marks(row, x, w) {
      const over = Math.floor(Math.min(4, Math.max(0, (grid.slot - w) / 2 - 1)));
      for (const [tokens] of row[MARKS]) {
        const at = snap(y(tokens));
        if (w >= 5) {
          pen.fillStyle = colour("card");
          pen.fillRect(x - over, at - 2, w + 2 * over, 4);
        }
        pen.fillStyle = colour("mark");
        pen.fillRect(x - over, at - (w >= 5 ? 1 : 0.5), w + 2 * over, w >= 5 ? 2 : 1);
      }
    }

    function diamond(x, at) {
      pen.beginPath();
      pen.moveTo(x, at - 5);
      pen.lineTo(x + 5, at);
      pen.lineTo(x, at + 5);
      pen.lineTo(x - 5, at);
      pen.closePath();
      pen.fillStyle = colour("card");
      pen.fill();
      pen.lineWidth = 1.5;
      pen.strokeStyle = colour("mark");
      pen.stroke();
    }
  }

  function overlook() {
    // The whole session in small, with the window that the charts show.
    if (overview.hidden) return;
    const { pen, width, height, snap } = prepare(overview);
    const wide = width - LEFT - RIGHT, columns = Math.min(many, Math.floor(wide / 2)), rows = (drawn()[0] || panels[0]).replay.rows;
    const bins = Array.from({ length: columns }, (_, n) => {
      const first = Math.floor((n * many) / columns);
      return gather(rows, first, Math.max(1, Math.floor(((n + 1) * many) / columns) - first));
    });
    const top = Math.max(1, ...bins.map((bin) => (bin ? bin.read + bin.written + bin.fresh : 0)));
    const slot = wide / columns;
    bins.forEach((bin, n) => {
      if (!bin) return;
      const x = snap(LEFT + n * slot), w = snap(LEFT + (n + 1) * slot) - x;
      let base = height - 1;
      for (const name of ["read", "written", "fresh"]) {
        const size = (bin[name] / top) * (height - 4);
        pen.fillStyle = colour(name);
        pen.fillRect(x, base - size, w, size);
        base -= size;
      }
    });
    const a = LEFT + (view.from / many) * wide, b = LEFT + (view.to / many) * wide;
    pen.globalAlpha = 0.72;
    pen.fillStyle = colour("card");
    pen.fillRect(LEFT, 0, a - LEFT, height);
    pen.fillRect(b, 0, width - RIGHT - b, height);
    pen.globalAlpha = 1;
    pen.strokeStyle = colour("accent");
    pen.lineWidth = 2;
    pen.strokeRect(a + 1, 1, Math.max(2, b - a - 2), height - 2);
    pen.fillStyle = colour("soft");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText("session", LEFT - 8, height / 2);
  }

  // ------------------------------------------------------------------------------------- moving
  function look(from, to) {
    const size = Math.min(many, Math.max(4, Math.round(to - from)));
    view.from = Math.min(many - size, Math.max(0, Math.round(from)));
    view.to = view.from + size;
    draw();
  }
  const pan = (by) => look(view.from + by, view.to + by);
  function zoom(factor, around = (view.from + view.to) / 2) {
    const size = Math.min(many, Math.max(4, (view.to - view.from) * factor));
    const part = (around - view.from) / (view.to - view.from);
    look(around - part * size, around - part * size + size);
  }

  function seek(panel, place) {
    const { each, first, bars, slot } = scale();
    const bar = Math.floor((place - LEFT) / slot);
    if (place < LEFT || bar < 0 || bar >= bars) return null;
    const from = first + bar * each;
    return from < panel.replay.rows.length ? { from, each, middle: LEFT + (bar + 0.5) * slot } : null;
  }

  function listen(panel) {
    const { canvas, replay } = panel;
    const place = (event) => event.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener("pointermove", (event) => {
      if (selected) {
        selected.now = Math.min(canvas.clientWidth - RIGHT, Math.max(LEFT, place(event)));
        hide();
        return draw();
      }
      const found = seek(panel, place(event));
      if (!found) return leave();
      show(panel, found, event.clientX, event.clientY);
    });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || event.pointerType === "touch") return;
      selected = { x: place(event), now: place(event) };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", (event) => {
      const range = selected;
      selected = null;
      const now = place(event);
      if (range && Math.abs(now - range.x) > 6) {
        const { each, first, slot } = scale();
        const at = (x) => first + ((Math.max(LEFT, x) - LEFT) / slot) * each;
        return look(Math.floor(at(Math.min(range.x, now))), Math.ceil(at(Math.max(range.x, now))));
      }
      const found = seek(panel, now);
      if (found && found.each > 1) return zoom(0.2, found.from);
      if (found) pin(found.from);
    });
    canvas.addEventListener("pointercancel", () => { selected = null; draw(); });
    canvas.addEventListener("pointerleave", leave);
    canvas.addEventListener("blur", leave);
    canvas.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const found = seek(panel, place(event));
        zoom(event.deltaY > 0 ? 1.25 : 0.8, found ? found.from : undefined);
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault();
        pan(Math.sign(event.deltaX || event.deltaY) * Math.max(1, (view.to - view.from) / 20));
      }
    }, { passive: false });
    const move = {
      ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 10, PageDown: -10,
      Home: -Infinity, End: Infinity,
    };
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const last = replay.rows.length - 1;
      if (event.key in move) {
        const now = view.at < 0 ? (move[event.key] > 0 ? view.from - 1 : view.to) : view.at;
        focusOn(panel, Math.min(last, Math.max(0, now + move[event.key])));
      } else if (event.key === "Enter" && view.at >= 0) pin(view.at);
      else if (event.key === "Escape") leave();
      else if (event.key === "+" || event.key === "=") zoom(0.5, view.at < 0 ? undefined : view.at);
      else if (event.key === "-") zoom(2, view.at < 0 ? undefined : view.at);
      else if (event.key === "0") look(0, many);
      else return;
      event.preventDefault();
    });
    canvas.addEventListener("focus", () => {
      if (canvas.matches(":focus-visible")) focusOn(panel, view.at < 0 ? view.from : view.at);
    });
  }

  function focusOn(panel, number) {
    if (number < view.from) pan(number - view.from);
    if (number >= view.to) pan(number - view.to + 1);
    const row = panel.replay.rows[number];
    if (!row) return;
    const { each, first, slot } = scale(), box = panel.canvas.getBoundingClientRect();
    const middle = LEFT + (Math.floor((number - first) / each) + 0.5) * slot;
    panel.canvas.setAttribute("aria-valuenow", row[INDEX] + 1);
    panel.canvas.setAttribute("aria-valuetext", spoken(row));
    show(panel, { from: number, each: 1 }, box.left + middle, box.top + box.height / 2);
  }

  const spoken = (row) =>
    `request ${row[INDEX] + 1}: ${whole(row[READ])} tokens read, ${whole(row[WRITTEN])} written, ` +
    `${whole(row[FRESH])} fresh. ${row[MISS] ? text(row[MISS][SENTENCE]) : ""}`;

  // ---------------------------------------------------------------------------- what is pointed at
  function leave() {
    hide();
    if (view.at >= 0) { view.at = -1; draw(); }
  }
  function hide() { tip.hidden = true; }

  function show(panel, found, x, y) {
    const members = panel.replay.rows.slice(found.from, found.from + found.each);
    tip.replaceChildren(...(members.length === 1 ? about(panel.replay, members[0], true) : together(panel.replay, members)));
    tip.hidden = false;
    const box = tip.getBoundingClientRect(), room = root.clientWidth, deep = root.clientHeight;
    const left = x + 16 + box.width > room ? x - 16 - box.width : x + 16;
    tip.style.left = `${Math.max(4, Math.min(left, room - box.width - 4))}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 12, deep - box.height - 4))}px`;
    if (view.at !== found.from) { view.at = found.from; draw(); }
  }

  function parts(read, written, fresh) {
    const all = read + written + fresh;
    const line = (name, value) => make("tr", {},
      make("th", {}, make("i", { className: `swatch ${name}` }), name),
      make("td", { className: "n", textContent: whole(value) }),
      make("td", { className: "n", textContent: share(value, all) }));
    return make("table", {}, line("read", read), line("written", written), line("fresh", fresh));
  }

  function together(replay, members) {
    const sum = (field) => members.reduce((all, row) => all + row[field], 0);
    const counts = new Map();
    for (const row of members) if (row[MISS]) counts.set(row[MISS][CODE], (counts.get(row[MISS][CODE]) || 0) + 1);
    const reasons = [...counts].map(([code, count]) => `${count} × ${data.words[code]}`).join(", ");
    return [
      make("h3", { textContent: `Requests ${whole(members[0][INDEX] + 1)} to ${whole(members[members.length - 1][INDEX] + 1)}, ${text(replay.policy)}` }),
      parts(sum(READ), sum(WRITTEN), sum(FRESH)),
      make("p", { textContent: reasons ? `Misses: ${reasons}` : "No miss" }),
      make("p", { className: "place", textContent: "A click zooms in" }),
    ];
  }

  function about(replay, row, brief) {
    const out = [];
    if (brief) {
      out.push(make("h3", { textContent: `Request ${whole(row[INDEX] + 1)}, ${text(replay.policy)}` }), parts(row[READ], row[WRITTEN], row[FRESH]));
      const facts = [`input ${whole(row[INPUT])}`, `shared with the request before ${whole(row[COMMON])}`, `cost ${text(row[COST])}`, `at ${text(row[TIME])}`, text(row[MODEL])];
      out.push(make("p", { className: "place", textContent: facts.filter(Boolean).join(" · ") }));
    }
    if (row[REPORTED]) {
      const [input, read, written] = row[REPORTED];
      const said = (value, predicted) => {
        if (value === null) return "not said";
        const more = Math.round(value - predicted);
        return `${whole(value)}${more ? ` (${whole(Math.abs(more))} ${more > 0 ? "more" : "less"} than predicted)` : " (as predicted)"}`;
      };
      out.push(make("p", { textContent: `Reported: read ${said(read, row[READ])}, written ${said(written, row[WRITTEN])}, input ${said(input, row[INPUT])}` }));
    }
    if (row[MISS]) {
      const [, sentence, path, before, after] = row[MISS].map((value, n) => (n ? text(value) : value));
      out.push(make("p", { className: "reason", textContent: sentence || data.words[row[MISS][CODE]] }));
      if (path) out.push(make("p", { className: "place" }, make("code", { textContent: path })));
      const most = brief ? 160 : Infinity;
      const cut = (value) => (value.length > most ? `${value.slice(0, most)} …` : value);
      if (before) out.push(make("p", { className: "place", textContent: "before" }), make("pre", { textContent: cut(before) }));
      if (after) out.push(make("p", { className: "place", textContent: "now" }), make("pre", { textContent: cut(after) }));
    }
    if (row[MARKS].length) {
      const sorted = [...row[MARKS]].sort((one, other) => one[0] - other[0]);
      const named = sorted.map(([tokens, ttl, path]) => [whole(tokens), text(ttl), brief ? "" : text(path)].filter(Boolean).join(" "));
      out.push(make("p", { className: "place", textContent: `Marks, in tokens from the start: ${named.join("; ")}` }));
    }
    return out;
  }

  function pin(number) {
    view.pinned = view.pinned === number ? -1 : number;
    draw();
    if (view.pinned < 0) return detail.replaceChildren();
    const rows = panels.map(({ replay }) => [replay, replay.rows[number]]).filter(([, row]) => row);
    const first = rows[0][1];
    const where = [`at ${text(first[TIME])}`, text(first[MODEL]), text(first[PLACE])].filter(Boolean).join(" · ");
    const close = make("button", { type: "button", textContent: "Close" });
    close.addEventListener("click", () => pin(number));
    const parted = [
      make("h3", { textContent: `Request ${whole(first[INDEX] + 1)} under each policy` }),
      make("p", { className: "place", textContent: where }),
      make("div", { className: "scroll" }, tableOf(rows.map(([replay, row]) => [`${text(replay.policy)}, ${replay.arm}`, row]), "Policy")),
    ];
    const seen = new Map(); // equal texts of several policies stand once
    for (const [replay, row] of rows) {
      const shown = about(replay, row, false);
      if (!shown.length) continue;
      const key = shown.map((part) => part.textContent).join("\n");
      if (seen.has(key)) seen.get(key).textContent += `; ${text(replay.policy)}, ${replay.arm}`;
      else {
        const head = make("h4", { textContent: `${text(replay.policy)}, ${replay.arm}` });
        seen.set(key, head);
        parted.push(head, ...shown);
      }
    }
    detail.replaceChildren(...parted, make("p", {}, close));
  }

  // --------------------------------------------------------------------------------------- tables
  function tableOf(lines, head) {
    const heads = [head, "At", "Input", "Read", "Written", "Fresh", "Hit rate", "Cost", "Reason"];
    const table = make("table", {}, make("thead", {}, make("tr", {},
      ...heads.map((name, n) => make("th", { scope: "col", className: n > 1 && n < 8 ? "n" : "", textContent: name })))));
    const body = make("tbody");
    for (const [name, row] of lines) {
      const cells = [whole(row[INPUT]), whole(row[READ]), whole(row[WRITTEN]), whole(row[FRESH]), share(row[READ], row[INPUT]), text(row[COST])];
      body.append(make("tr", {},
        make("th", { scope: "row", textContent: name }), make("td", { textContent: text(row[TIME]) }),
        ...cells.map((cell) => make("td", { className: "n", textContent: cell })),
        make("td", { textContent: row[MISS] ? text(row[MISS][SENTENCE]) || data.words[row[MISS][CODE]] : "" })));
    }
    table.append(body);
    return table;
  }

  const tables = byId("tables"), which = byId("which");
  tables.hidden = false;
  panels.forEach(({ replay }, n) => which.append(make("option", { value: n, textContent: `${text(replay.policy)}, ${replay.arm}` })));
  const fill = () => {
    if (!tables.open) return;
    const { replay } = panels[Number(which.value)];
    byId("table").replaceChildren(tableOf(replay.rows.map((row) => [whole(row[INDEX] + 1), row]), "Request"));
  };
  tables.addEventListener("toggle", fill);
  which.addEventListener("change", fill);

  // ---------------------------------------------------------------------------------------- start
  document.querySelector(".tools").hidden = many < 12;
  overview.hidden = many < 40;
  byId("help").hidden = false;
  byId("in").addEventListener("click", () => zoom(0.5));
  byId("out").addEventListener("click", () => zoom(2));
  byId("all").addEventListener("click", () => look(0, many));
  byId("back").addEventListener("click", () => pan(-(view.to - view.from) / 2));
  byId("on").addEventListener("click", () => pan((view.to - view.from) / 2));
  const centre = (event) => {
    const box = overview.getBoundingClientRect();
    const at = ((event.clientX - box.left - LEFT) / (box.width - LEFT - RIGHT)) * many;
    const size = view.to - view.from;
    look(at - size / 2, at + size / 2);
  };
  overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); centre(event); });
  overview.addEventListener("pointermove", (event) => { if (event.buttons) centre(event); });
  new ResizeObserver(() => draw()).observe(panelled);
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  preferred.addEventListener("change", () => { colours = null; draw(); });
  draw();
})();
