"use strict";
(() => {
  const EVERY = 500, SOON = 60, CHUNK = 100, OPEN = 100, LONGEST = 200000, END = 1e15;
  const STATES = ["read", "written", "fresh"];
  const byId = (id) => document.getElementById(id);
  const whole = (value) => (value === null || value === undefined ? "" : Math.round(value).toLocaleString("en-US"));
  const share = (part, all) => (all ? `${((part / all) * 100).toFixed(1)} %` : "–");
  const plural = (count, word) => `${whole(count)} ${word}${count === 1 ? "" : "s"}`;
  const rows = byId("rows"), list = byId("list"), detail = byId("detail"), state = byId("state"), follow = byId("follow");

  // Texts of requests come in as text only: nothing here reads markup.
  function make(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in made) made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null && child !== ""));
    return made;
  }

  async function ask(path, options) {
    const got = await fetch(`/_wiremark/${path}`, options);
    if (got.status >= 500) throw new Error(String(got.status));
    return got;
  }

  function when(at) {
    if (at > 1e9) return new Date(at * 1000).toLocaleTimeString("en-GB"); // a clock's time, else seconds
    return `${Number(at.toFixed(2)).toLocaleString("en-US")} s`;
  }

  // ------------------------------------------------------------------------------------- theme
  const themes = ["system", "light", "dark"], root = document.documentElement;
  byId("theme").addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "system") + 1) % 3];
    if (next === "system") delete root.dataset.theme;
    else root.dataset.theme = next;
    byId("theme").textContent = `Theme: ${next}`;
  });

  // -------------------------------------------------------------------------------------- list
  const shown = new Map(); // index -> { row, told }
  let last = -1, oldest = -1, epoch = null, chosen = null, drawn = 0;

  function bar(told) {
    const line = make("div", { className: "bar" });
    const all = told ? told.input : 0;
    for (const name of STATES) {
      if (!all || !told[name]) continue;
      const part = make("i", { className: `s-${name}` });
      part.style.width = `${(told[name] / all) * 100}%`;
      line.append(part);
    }
    if (all) line.title = STATES.map((name) => `${name} ${whole(told[name])}`).join(", ");
    else line.style.visibility = "hidden";
    return line;
  }

  function found(each) {
    if (each.problem) return make("span", { className: "f-error", textContent: "fault of ours", title: each.problem });
    const counts = [];
    for (const name of ["error", "waste", "note"]) {
      const some = each.findings.filter((one) => one.severity === name);
      if (some.length) counts.push(make("span", { className: `f-${name}`, textContent: name === "waste" ? `${some.length} waste` : plural(some.length, name), title: some.map((one) => one.message).join("\n") }), " ");
    }
    const cost = each.cost, expected = each.predicted;
    if (cost && expected && cost.basis === "reported" && ["input", "read", "written"].some((name) => cost[name] !== Math.round(expected[name]))) {
      counts.push(make("span", { className: "f-note", textContent: "not as predicted", title: `predicted: ${STATES.map((name) => `${name} ${whole(expected[name])}`).join(", ")}` }), " ");
    }
    if (!counts.length && each.error) counts.push(make("span", { className: "f-error", textContent: each.error, title: each.error }));
    return make("span", {}, ...counts);
  }

  function cells(row, each) {
    const cost = each.cost, told = cost || each.predicted, bad = each.status >= 400;
    const cell = (value, kind = "") => make("td", { className: kind }, value);
    row.replaceChildren(
      cell(String(each.index), "n"), cell(when(each.at), "n"),
      make("td", { title: `${each.model || ""}\n${each.method} ${each.path}` }, each.model || "–", make("small", { textContent: `${each.method} ${each.path}` })),
      make("td", { className: bad ? "f-error" : "" }, each.status ? `${each.status}${each.ended ? "" : " …"}` : "…", make("small", { textContent: each.stream ? "stream" : "" })),
      make("td", {}, bar(told), make("small", { textContent: told ? `${share(told.read, told.input)} hit` : "" })),
      cell(told ? whole(told.input) : "", "n"), cell(told ? whole(told.read) : "", "n"), cell(told ? whole(told.written) : "", "n"),
      cost ? make("td", { className: "n", title: cost.reason }, cost.shown, make("small", { textContent: cost.total === null ? "" : `saved ${cost.saved_share_shown}` })) : cell("–", "n"),
      cell(each.marks.length ? String(each.marks.length) : "–", "n"), make("td", {}, found(each)));
  }

  function rowOf(each) {
    const row = make("tr", { tabIndex: -1, "aria-selected": String(each.index === chosen) });
    row.dataset.index = each.index;
    cells(row, each);
    shown.set(each.index, { row, told: each });
    return row;
  }

  function take(requests, newer) {
    const fresh = [];
    for (const each of requests) {
      const old = shown.get(each.index);
      if (!old) { fresh.push(each); continue; }
      old.told = each;
      cells(old.row, each);
    }
    if (!fresh.length) return;
    fresh.sort((one, other) => other.index - one.index);
    const made = fresh.map(rowOf);
    if (newer) rows.prepend(...made);
    else rows.append(...made);
    last = Math.max(last, fresh[0].index);
    const least = fresh[fresh.length - 1].index;
    oldest = oldest < 0 ? least : Math.min(oldest, least);
  }

  function drop(first) {
    for (const [index, { row }] of shown) {
      if (index >= first) continue;
      row.remove();
      shown.delete(index);
    }
    oldest = Math.max(oldest, first);
  }

  function clear() {
    rows.replaceChildren();
    shown.clear();
    detail.replaceChildren();
    detail.hidden = true;
    last = oldest = -1;
    chosen = null;
    drawn += 1;
  }

  // -------------------------------------------------------------------------------------- poll
  let timer = 0, busy = false, movable = false;

  function later(wait) {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(poll, wait);
  }

  async function poll() {
    if (busy || document.hidden) return;
    busy = true;
    let wait = EVERY;
    try {
      if (await look()) wait = SOON;
      if (state.className) said("");
    } catch (error) {
      said("Nobody answers: the server has stopped, or is not reached.", true);
    }
    busy = false;
    later(wait);
  }

  function said(words, stopped = false) {
    state.className = stopped ? "stopped" : "";
    state.textContent = words;
  }

  async function look() {
    const open = [...shown.values()].filter(({ told }) => !told.ended).map(({ told }) => told.index).slice(-OPEN);
    const start = last < 0 ? `before=${END}` : `after=${last}&also=${open.join(",")}`;
    let got = await (await ask(`requests?bodies=0&limit=${CHUNK}&${start}`)).json();
    byId("now").textContent = when(got.now);
    movable = got.movable;
    byId("moving").hidden = !movable;
    const anew = epoch !== null && got.epoch !== epoch;
    epoch = got.epoch;
    if (anew || (last >= 0 && (got.last === null || got.last < last))) {
      clear();
      await total();
      return true;
    }
    const before = last, changed = got.requests.length > 0;
    take(got.requests, before >= 0);
    if (got.first !== null) drop(got.first);
    let more = before >= 0 && got.more;
    if (!more && oldest > (got.first === null ? -1 : got.first)) {
      got = await (await ask(`requests?bodies=0&limit=${CHUNK}&before=${oldest}`)).json();
      take(got.requests, false);
      more = got.more;
    }
    byId("none").hidden = shown.size > 0;
    if (follow.checked && last >= 0 && chosen !== last) await choose(last);
    else if (chosen !== null && changed && outdated()) await draw();
    if (changed || before < 0 || more) await total();
    return more;
  }

  async function total() {
    const all = await (await ask("summary")).json();
    const figure = (name, value, note = "") => make("div", {}, make("dt", { textContent: name }), make("dd", {}, value, make("small", { textContent: note })));
    const kept = all.first ? `the latest ${whole(all.requests)}` : `${whole(all.refused)} refused`;
    const parts = [
      figure("Requests", whole(all.first ? all.first + all.requests : all.requests), kept),
      figure("Hits", `${whole(all.hits)} of ${whole(all.served)}`, all.hit_rate === null ? "" : `${share(all.read, all.input)} of the input`),
      figure("Input", whole(all.input), "tokens"), figure("Read", whole(all.read), "tokens"), figure("Written", whole(all.written), "tokens"),
    ];
    const unpriced = all.unpriced ? `${plural(all.unpriced, "request")} without a price` : "";
    const money = (name, amount) => make("div", {}, make("dt", { textContent: name }),
      make("dd", {}, ...all.costs.map((cost) => make("div", {}, amount(cost)))));
    if (all.costs.length) {
      const spent = money("Cost so far", (cost) => cost.shown);
      spent.lastChild.append(make("small", { textContent: unpriced }));
      parts.push(spent, money("Without caching", (cost) => cost.uncached_shown), money("Saved", (cost) => `${cost.saved_shown} (${cost.saved_share_shown})`));
    } else {
      parts.push(figure("Cost so far", all.served ? "unknown" : "–", unpriced), figure("Saved", all.input_saved === null ? "–" : all.input_saved_shown, "of the input's price"));
    }
    const sum = byId("sum");
    sum.replaceChildren(...parts);
    sum.title = all.reasons.join("\n");
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : poll()));

  // ------------------------------------------------------------------------------------- clock
  async function advance(seconds) {
    try {
      const got = await (await ask(`clock?advance=${encodeURIComponent(seconds)}`, { method: "POST" })).json();
      if (got.error) return said(got.error, true);
      byId("now").textContent = when(got.now);
      said(`${whole(Number(seconds))} seconds have passed.`);
    } catch (error) { said("The clock could not be moved.", true); }
  }
  for (const button of document.querySelectorAll("[data-advance]")) button.addEventListener("click", () => advance(button.dataset.advance));
  byId("advance").addEventListener("click", () => byId("seconds").value && advance(byId("seconds").value));
  byId("seconds").addEventListener("keydown", (event) => { if (event.key === "Enter" && event.target.value) advance(event.target.value); });

  // ----------------------------------------------------------------------------------- choosing
  async function choose(index) {
    const old = shown.get(chosen), now = shown.get(index);
    if (!now) return;
    const held = old && old.row === document.activeElement;
    if (old) { old.row.setAttribute("aria-selected", "false"); old.row.tabIndex = -1; }
    chosen = index;
    now.row.setAttribute("aria-selected", "true");
    now.row.tabIndex = 0;
    if (held) now.row.focus({ preventScroll: true });
    await draw();
  }

  function pick(index) {
    follow.checked = index === last && follow.checked;
    if (index !== chosen || outdated()) choose(index).catch(() => {});
  }

  rows.addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (row) { row.focus({ preventScroll: true }); pick(Number(row.dataset.index)); }
  });
  const STRIDES = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
  rows.addEventListener("keydown", (event) => {
    if (!(event.key in STRIDES)) return;
    event.preventDefault();
    const all = [...rows.children], at = all.indexOf(event.target.closest("tr"));
    const row = all[Math.max(0, Math.min(all.length - 1, at + STRIDES[event.key]))];
    row.focus();
    pick(Number(row.dataset.index));
  });
  follow.addEventListener("change", () => { if (follow.checked && last >= 0) choose(last).catch(() => {}); });
  detail.addEventListener("click", () => { follow.checked = false; });

  // -------------------------------------------------------------------------------------- detail
  let drawnFrom = "";
  const mark = (told) => JSON.stringify([told.index, told.ended, told.status, told.error, told.answered]);
  const outdated = () => shown.has(chosen) && mark(shown.get(chosen).told) !== drawnFrom;

  async function draw() {
    const index = chosen, turn = (drawn += 1);
    const got = await ask(`requests/${index}?bodies=0`);
    if (got.status !== 200) return;
    const told = await got.json();
    if (turn !== drawn) return; // another was chosen meanwhile
    drawnFrom = mark(told);
    const opened = detail.dataset.index === String(index) ? [...detail.querySelectorAll("details[open]")].map((one) => one.id) : [];
    detail.dataset.index = index;
    detail.hidden = false;
    detail.replaceChildren(...parts(told));
    for (const id of opened) if (byId(id)) byId(id).open = true;
  }

  function parts(told) {
    const view = told.view;
    const facts = [told.protocol, told.host, told.rules && `rules ${told.rules}`, `at ${when(told.at)}`, told.stream ? "stream" : "", plural(told.bytes, "byte")];
    const out = [
      make("h2", { id: "chosen", textContent: `Request ${told.index}: ${told.model || "no model"}` }),
      make("p", { className: "place" }, make("code", { textContent: `${told.method} ${told.path}${told.query ? `?${told.query}` : ""}` }), ` ${facts.filter(Boolean).join(" · ")}`),
      make("p", {}, "Answer: ", make("b", { className: told.status >= 400 ? "f-error" : "", textContent: told.status ? String(told.status) : "none yet" }),
        told.error ? ` ${told.error}` : "", told.ended ? "" : " … under way"),
    ];
    if (told.problem) out.push(make("p", { className: "f-error", textContent: told.problem }));
    if (told.findings.length) out.push(findings(told.findings, view ? view.places : {}));
    if (view && view.total) out.push(overview(told, view));
    out.push(figures(told, view));
    if (view) out.push(make("h3", { textContent: "The prefix, block by block" }), goesOn(view), prefix(view));
    else if (told.bytes) out.push(make("h3", { textContent: "The body" }), make("p", { className: "note", textContent: "Its prefix is not drawn; this is its JSON." }), ...body(told));
    out.push(headers(told));
    if (view) out.push(folded("body", "Body as it arrived", () => body(told)));
    return out;
  }

  function findings(all, places) {
    const items = all.map((one) => {
      const where = one.path || "(request)";
      const place = one.path in places
        ? make("button", { type: "button", textContent: where, title: "Show the block" })
        : make("code", { textContent: where });
      if (one.path in places) place.addEventListener("click", () => flash(places[one.path]));
      return make("li", { className: `f-${one.severity}` }, `${one.severity} ${one.code} `, place,
        make("span", { textContent: ` ${one.message}` }),
        one.provider_text ? make("span", { className: "place", textContent: ` The provider says: ${one.provider_text}` }) : "",
        one.advice ? make("span", { className: "place", textContent: ` (${one.advice})` }) : "");
    });
    return make("ul", { className: "found", "aria-label": "Findings" }, ...items);
  }

  function flash(number) {
    const block = byId("prefix").querySelector(`[data-block="${number}"]`);
    if (!block) return;
    block.scrollIntoView({ block: "center" });
    block.classList.add("flash");
    setTimeout(() => block.classList.remove("flash"), 1500);
  }

  function overview(told, view) {
    const line = make("div", { className: "bar", role: "img" });
    const at = (tokens) => `${Math.max(0, Math.min(100, (tokens / view.total) * 100))}%`;
    for (const span of view.spans) {
      const part = make("i", { className: `s-${span.state}`, title: `${span.state} ${whole(span.to - span.from)} tokens` });
      part.style.width = at(span.to - span.from);
      line.append(part);
    }
    for (const one of view.marks) {
      const tokens = one.tokens === null && one.block !== null ? view.blocks[one.block].to : one.tokens;
      if (tokens === null) continue;
      const tick = make("b", { className: one.effect === "written" || one.effect === "read" ? "" : "s-none", title: `${one.path}: ${one.words}` });
      tick.style.left = at(tokens);
      line.append(tick);
    }
    if (view.broke && view.broke.block !== null) {
      const tick = make("b", { className: "cut", title: view.broke.sentence });
      tick.style.left = at(view.blocks[view.broke.block].from);
      line.append(tick);
    }
    const counts = STATES.map((name) => [name, view.spans.filter((span) => span.state === name).reduce((sum, span) => sum + span.to - span.from, 0)]);
    line.setAttribute("aria-label", view.spans.length ? counts.map(([name, tokens]) => `${name} ${whole(tokens)}`).join(", ") : `${whole(view.total)} tokens, not served`);
    const legend = counts.map(([name, tokens]) => make("li", {}, make("i", { className: `swatch ${name}` }), `${name} ${whole(tokens)} (${share(tokens, view.total)})`));
    return make("div", { id: "whole" }, line, make("ul", { className: "legend" }, ...(view.spans.length ? legend : []),
      make("li", { className: "place", textContent: `${whole(view.total)} tokens, counted by ${view.counter.name}${view.counter.exact ? "" : " (an estimate)"}` }),
      view.common ? make("li", { className: "place", textContent: `in common with the request before: ${whole(view.common)}` }) : ""));
  }

  function figures(told, view) {
    const cost = told.cost;
    const line = (name, ...values) => make("tr", {}, make("th", { scope: "row", textContent: name }), ...values.map((value) => make("td", { className: "n", textContent: value })));
    const head = (...names) => make("thead", {}, make("tr", {}, ...names.map((name, n) => make("th", { scope: "col", className: n ? "n" : "", textContent: name }))));
    const signed = (value) => (value === null ? "–" : value ? `${value > 0 ? "+" : "−"}${whole(Math.abs(value))}` : "none");
    const counts = told.usage.map((one) => {
      const made = line(one.name, one.predicted === null ? "–" : whole(one.predicted), one.reported === null ? "not said" : whole(one.reported), signed(one.difference));
      if (one.difference) made.lastChild.classList.add("f-error");
      return made;
    });
    const usage = make("div", {}, make("h3", { textContent: "Usage in tokens" }), make("table", { id: "usage" }, head("", "Predicted", "Reported", "Difference"), make("tbody", {}, ...counts)));
    if (!cost) return make("div", { className: "pair" }, told.predicted || told.answered ? usage : "");
    const money = make("div", {}, make("h3", { textContent: `Cost, by ${cost.basis} usage` }), make("table", { id: "cost" }, make("tbody", {},
      line("Cost", cost.shown), line("Without caching", cost.uncached_shown), line("Saved", cost.total === null ? "unknown" : `${cost.saved_shown} (${cost.saved_share_shown})`),
      line("Input in prices of a fresh token", cost.relative_shown))),
      cost.reason ? make("p", { className: "note", textContent: cost.reason }) : "");
    return make("div", { className: "pair" }, usage, money);
  }

  // -------------------------------------------------------------------------------------- prefix
  const SECTIONS = { tools: "Tools", system: "System", messages: "Messages" };

  function goesOn(view) {
    if (!view.goes_on) return "";
    const id = make("code", { textContent: view.goes_on });
    return view.inherited === null
      ? make("p", { className: "note", id: "before" }, "It goes on with ", id, ", which is not known here: only what it says itself is drawn.")
      : make("p", { className: "note", id: "before" }, "It goes on with ", id, `: ${plural(view.inherited, "item")} of before, drawn on grey. Paths count from the first of them.`);
  }

  function prefix(view) {
    const out = make("ol", { id: "prefix" });
    const at = new Map();
    for (const one of view.marks) at.set(one.block, [...(at.get(one.block) || []), one]);
    let section = "", inherited = false;
    if (view.broke && view.broke.block === null && view.broke.code !== "first") out.append(make("li", {}, broke(view.broke)));
    view.blocks.forEach((block, number) => {
      if (block.section !== section || block.inherited !== inherited) {
        ({ section, inherited } = block);
        const of = !view.inherited || block.message < 0 ? "" : inherited ? " of before" : " of this request";
        out.append(make("li", {}, make("div", { className: "part" }, make("span", { textContent: (SECTIONS[section] || section) + of }), make("span", { textContent: number ? "" : "tokens · up to here" }))));
      }
      if (view.broke && view.broke.block === number) out.append(make("li", {}, broke(view.broke)));
      const item = make("li", {}, drawnBlock(block, number));
      for (const one of at.get(number) || []) item.append(flag(one, view));
      out.append(item);
    });
    for (const one of at.get(null) || []) out.append(make("li", {}, flag(one, view)));
    if (view.rest) out.append(make("li", {}, make("div", { className: "part" }, make("span", { textContent: "What asks for the reply" }), make("span", { textContent: whole(view.rest) }))));
    return out;
  }

  function edge(block) {
    const parts = STATES.filter((name) => block[name] > 0);
    if (parts.length < 2) return make("div", { className: `edge s-${block.state || "none"}` });
    const line = make("div", { className: "edge" });
    for (const name of parts) {
      const part = make("i", { className: `s-${name}` });
      part.style.flexGrow = String(block[name]);
      line.append(part);
    }
    return line;
  }

  function drawnBlock(block, number) {
    const who = block.section === "tools" ? "tool" : block.role || block.kind;
    const cut = block.length > block.text.length ? `… ${whole(block.length)} characters` : "";
    const fields = block.fields.map(([name, value]) => `${name}: ${value}`).join(", ");
    const split = STATES.filter((name) => block[name] > 0).map((name) => `${name} ${whole(block[name])}`).join(", ");
    const made = make("div", { className: block.inherited ? "block inherited" : "block", title: `${block.path}${split ? `\n${split}` : ""}` }, edge(block),
      make("div", { className: "who" }, make("b", { textContent: who }), make("span", { textContent: block.kind === who ? "" : ` ${block.kind}` })),
      make("div", { className: "what" }, block.name ? make("em", { textContent: `${block.name} ` }) : "", fields ? make("small", { textContent: `${fields} ` }) : "",
        block.text, cut ? make("small", { textContent: cut }) : ""),
      make("div", { className: "n", textContent: block.tokens ? whole(block.tokens) : "·", title: block.tokens ? split : "counted with its neighbour" }),
      make("div", { className: "n" }, make("small", { textContent: whole(block.to) })));
    made.dataset.block = number;
    made.dataset.state = block.state || "";
    made.dataset.path = block.path;
    return made;
  }

  function flag(one, view) {
    const asked = one.asked && one.asked !== one.ttl ? ` (asked for ${one.asked})` : "";
    const least = one.effect === "short" && view.minimum ? ` of ${whole(view.minimum)} tokens` : "";
    const where = { request: "the request as a whole", nested: "inside a tool result", message: "beside role and content" }[one.where] || "";
    const made = make("div", { className: `mark m-${one.effect}` }, make("span", { className: "flag", textContent: `▲ ${one.key}` }),
      one.ttl ? make("span", { className: "ttl", textContent: one.ttl, title: "TTL" }) : "",
      one.effect === "written" || one.effect === "read" ? make("i", { className: `i s-${one.effect}` }) : "",
      make("span", { textContent: [one.words + least + asked, where, one.tokens === null ? "" : `${whole(one.tokens)} tokens`].filter(Boolean).join(" · ") }));
    made.dataset.mark = one.path;
    made.dataset.effect = one.effect;
    return made;
  }

  function broke(one) {
    const head = one.block === null ? "Less was read than could be: " : "The prefix broke here: ";
    return make("div", { className: "broke", id: "broke" }, make("b", { textContent: head }), one.sentence);
  }

  // ----------------------------------------------------------------------------- on demand
  function folded(id, words, fill) {
    const made = make("details", { id }, make("summary", { textContent: words }));
    made.addEventListener("toggle", () => { if (made.open && made.children.length === 1) made.append(...fill()); });
    return made;
  }

  function headers(told) {
    return folded("headers", `Headers (${told.headers.length})`, () => [make("table", {}, make("tbody", {}, ...told.headers.map(([name, value]) =>
      make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", {}, make("code", { textContent: value }))))))]);
  }

  function body(told) {
    const text = make("pre", { textContent: "…", tabIndex: 0 });
    const turn = make("button", { type: "button", textContent: "Indented" });
    const link = make("a", { href: `/_wiremark/requests/${told.index}/body`, target: "_blank", rel: "noopener", textContent: "open it alone" });
    let raw = "", indented = false;
    const fill = () => {
      let words = raw;
      if (indented) { try { words = JSON.stringify(JSON.parse(raw), null, 2); } catch (error) { words = raw; } }
      text.textContent = words.length > LONGEST ? `${words.slice(0, LONGEST)}\n… ${whole(words.length - LONGEST)} more characters` : words;
      turn.textContent = indented ? "As it arrived" : "Indented";
    };
    turn.addEventListener("click", () => { indented = !indented; fill(); });
    ask(`requests/${told.index}/body`).then((got) => got.text()).then((got) => { raw = got; fill(); }).catch(() => { text.textContent = "It could not be loaded."; });
    return [make("p", { className: "keys" }, turn, link), text];
  }

  poll();
})();
