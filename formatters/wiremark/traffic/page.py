"""The page that shows requests as they come in: one file, nothing loaded from elsewhere."""

from __future__ import annotations

from typing import Final

__all__ = ["PAGE", "POLICY"]

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"
)

PAGE: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>wiremark emulator</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: #1a1a1a; background: #fff }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd;
  vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
.error { color: #a40000 } .waste { color: #8a5a00 } .note { color: #555 }
code { font-size: 12px } tr.bad td { background: #fff4f4 }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #161616 } th, td { border-color: #333 }
  tr.bad td { background: #2a1616 } .error { color: #ff8a80 } .waste { color: #ffc46b }
  .note { color: #aaa }
}
</style>
<h1>Requests</h1>
<p id="sum">none so far</p>
<table><thead><tr><th class="n">#</th><th class="n">at</th><th>path</th><th>model</th>
<th>status</th><th class="n">input</th><th class="n">read</th><th class="n">written</th>
<th>marks</th><th>found</th></tr></thead><tbody id="rows"></tbody></table>
<script>
const rows = document.getElementById('rows'), shown = new Map();
const lines = (cell, items) => items.forEach(([text, kind]) => {
  const line = document.createElement('div');
  line.textContent = text; if (kind) line.className = kind; cell.append(line);
});
const draw = each => {
  const row = document.createElement('tr'), told = each.predicted || {};
  if (each.status >= 400) row.className = 'bad';
  const marks = each.marks.map(m => [(m.path || '(request)') + (m.value && m.value.ttl ?
    ' ' + m.value.ttl : '')]);
  const found = each.findings.map(f => [f.code + ' at ' + (f.path || '(request)') + ': ' +
    f.message, f.severity]);
  if (each.error) found.unshift([each.error, 'error']);
  if (told.miss) found.push([told.miss, 'note']);
  const cells = [[each.index, 'n'], [each.at, 'n'], [each.path], [each.model || ''],
    [each.status + (each.ended ? '' : ' ...')], [told.input ?? '', 'n'], [told.read ?? '', 'n'],
    [told.written ?? '', 'n']];
  cells.forEach(([text, kind]) => {
    const cell = document.createElement('td');
    cell.textContent = text; if (kind) cell.className = kind; row.append(cell);
  });
  [marks, found].forEach(items => {
    const cell = document.createElement('td'); lines(cell, items); row.append(cell);
  });
  return row;
};
let first = 0;
const ask = async () => {
  try {
    const got = await (await fetch('/_wiremark/requests?bodies=0&after=' + (first - 1))).json();
    got.requests.forEach(each => {
      const row = draw(each), old = shown.get(each.index);
      if (old) old.row.replaceWith(row); else rows.prepend(row);
      shown.set(each.index, {row, told: each.predicted || {}, ended: each.ended});
    });
    while (shown.get(first) && shown.get(first).ended) first += 1;
    let input = 0, read = 0;
    shown.forEach(each => { input += each.told.input || 0; read += each.told.read || 0 });
    document.getElementById('sum').textContent = shown.size + ' requests, ' + input +
      ' input tokens, ' + read + ' read from cache (' +
      (input ? Math.round(100 * read / input) : 0) + ' %), clock at ' + got.now + ' s';
  } catch (error) { document.getElementById('sum').textContent = 'the emulator has stopped' }
  setTimeout(ask, 500);
};
ask();
</script></html>
"""
