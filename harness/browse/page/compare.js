// Runs side by side: their fronts laid over each other, their metrics, and the settings that they do not share. Colour is the
// policy's, dash and marker are the run's. The state is the address: run (experiment/id, the first is compared with), pool, x,
// y, metric, hide (policies that are not drawn); what the table of runs keeps there is carried along.
(() => {
const $ = id => document.getElementById(id);
const axesOf = {
  quality: { ...quantities.quality, of: p => p.quality[0] }, cost: { ...quantities.cost, of: p => p.cost },
  carbon: { ...quantities.carbon, of: p => p.carbon }, latency: { ...quantities.latency, of: p => p.latency },
};
const dashes = ['', '8 4', '2 3', '10 3 2 3', '14 5', '5 2', '1 5', '12 3 2 3 2 3'];
const shapes = ['M1 0A1 1 0 1 1 -1 0A1 1 0 1 1 1 0Z', 'M-.9 -.9H.9V.9H-.9Z', 'M0 -1.2L1.1 .8H-1.1Z', 'M0 -1.3L1.1 0L0 1.3L-1.1 0Z', 'M0 1.2L1.1 -.8H-1.1Z',
  'M-.36 -1.1H.36V-.36H1.1V.36H.36V1.1H-.36V.36H-1.1V-.36H-.36Z', 'M-1.1 -.5H1.1V.5H-1.1Z', 'M-.5 -1.1H.5V1.1H-.5Z'];
const shape = (run, x, y, r, attributes) => svg('path', { d: shapes[run], transform: `translate(${x} ${y}) scale(${r})`, ...attributes });
const nameOf = r => `${r.experiment}/${r.id}`;
// shownAs tells runs of one experiment apart by their ids alone.
const shownAs = r => data.runs.every(o => o.experiment === r.experiment) ? r.id.slice(0, 8) : `${r.experiment} ${r.id.slice(0, 6)}`;
const changesOf = new Map(); // [pool, two runs] → what changed from one to the other, or why nothing is known
const pair = (pool, a, b) => JSON.stringify([pool, nameOf(a), nameOf(b)]);
let data = null, last = '', timer;

const get = name => new URLSearchParams(location.search).get(name);
const hidden = () => new Set(new URLSearchParams(location.search).getAll('hide'));
function set(name, values) {
  const q = new URLSearchParams(location.search);
  q.delete(name);
  for (const v of [values].flat()) q.append(name, v);
  history.pushState(null, '', `?${q}`);
}
addEventListener('popstate', () => {
  const asked = new URLSearchParams(location.search).getAll('run');
  if (!data || asked.join() !== data.runs.map(nameOf).join()) return load();
  draw();
  changes();
});
for (const name of ['pool', 'x', 'y', 'metric']) $(name).addEventListener('change', () => {
  set(name, $(name).value);
  draw();
  if (name === 'pool') changes();
});

function options(select, list, value) {
  select.replaceChildren(...list.map(([v, text]) => el('option', { value: v }, text)));
  select.value = list.some(([v]) => v === value) ? value : list.length ? list[0][0] : '';
  return select.value;
}
const poolOf = (run, name) => run.pools.find(p => p.name === name);
const unique = list => [...new Set(list)];

function draw() {
  const runs = data.runs;
  const pool = options($('pool'), unique(runs.flatMap(r => r.pools.map(p => p.name))).map(p => [p, p]), get('pool'));
  const all = runs.flatMap(r => (poolOf(r, pool) || { points: [] }).points);
  const has = q => all.some(p => known(axesOf[q].of(p)));
  const pairs = list => list.filter(has).map(q => [q, axesOf[q].label]);
  const x = options($('x'), pairs(['cost', 'carbon', 'latency']), get('x'));
  const y = options($('y'), pairs(['quality', 'carbon', 'cost', 'latency']).filter(([q]) => q !== x), get('y'));
  // Those that know nothing of prompts share a grey, so that the colours go to those that route.
  const controls = new Set(runs.flatMap(r => (poolOf(r, pool) || { controls: [] }).controls)), controlFamilies = new Set(all.filter(p => controls.has(p.policy)).map(p => p.family));
  const families = unique(all.map(p => p.family)).filter(f => f !== 'single' && !controlFamilies.has(f));
  const tint = family => family === 'single' || controlFamilies.has(family) ? 'var(--grey)' : `var(--f${families.indexOf(family) % 8})`;
  drawRuns(runs);
  const labels = unique(all.filter(p => p.family !== 'single').map(p => p.policy)), off = hidden();
  const family = Object.fromEntries(all.map(p => [p.policy, p.family]));
  const focus = document.activeElement ? document.activeElement.dataset.policy : null;
  $('policies').replaceChildren(...labels.map(l => el('button', { 'aria-pressed': String(!off.has(l)), 'data-policy': l, onclick: () => {
    const now = hidden();
    if (now.has(l)) now.delete(l); else now.add(l);
    set('hide', [...now]);
    draw();
  } }, el('span', { class: 'swatch', style: `background:${tint(family[l])}` }), l)));
  if (focus) for (const b of $('policies').children) if (b.dataset.policy === focus) b.focus();
  drawFront(pool, x, y, tint, off);
  drawMetrics(pool, labels.filter(l => !off.has(l)), l => tint(family[l]));
  drawSettings();
  document.documentElement.dataset.ready = 'true';
}

function key(run) {
  return svg('svg', { viewBox: '0 0 67 16', class: 'key', 'aria-hidden': 'true' }, svg('line', { x1: 0, x2: 67, y1: 8, y2: 8, stroke: 'currentColor', 'stroke-width': 1.6, 'stroke-dasharray': dashes[run] || null }), shape(run, 33, 8, 5, { fill: 'currentColor' }));
}

function drawRuns(runs) {
  const q = new URLSearchParams();
  for (const [k, v] of new URLSearchParams(location.search)) if (['q', 'sort', 'run', 'all'].includes(k)) q.append(k, v);
  $('back').href = `/?${q}`;
  $('runs').replaceChildren(...runs.map((r, i) => el('li', {}, key(i),
    el('a', { href: `/run/${encodeURIComponent(r.experiment)}/${encodeURIComponent(r.id)}/?${q}` }, `${r.experiment} ${r.id}`),
    el('span', { class: `state ${r.state}` }, r.state === 'complete' ? r.state : `${r.state}, ${r.done} of ${r.total} cells`),
    r.started ? el('span', { class: 'soft' }, new Date(r.started).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })) : null,
    i === 0 && runs.length > 1 ? el('span', { class: 'soft' }, 'the others are compared with this one') : null,
    runs.length > 1 ? el('button', { 'aria-label': `leave out ${nameOf(r)}`, onclick: () => { set('run', runs.filter(o => o !== r).map(nameOf)); load(); } }, 'Leave out') : null,
    i > 0 ? el('button', { 'aria-label': `compare with ${nameOf(r)}`, onclick: () => { set('run', [r, ...runs.filter(o => o !== r)].map(nameOf)); load(); } }, 'Put first') : null,
    r.problem ? el('span', { class: 'wrong' }, r.problem) : null)));
}

function drawFront(pool, xName, yName, tint, off) {
  const figure = $('front'), x = axesOf[xName], y = axesOf[yName];
  const lines = [];
  data.runs.forEach((r, run) => {
    const points = (poolOf(r, pool) || { points: [] }).points.filter(p => x && y && known(x.of(p)) && known(y.of(p)) && !off.has(p.policy));
    for (const policy of unique(points.map(p => p.policy))) lines.push({ r, run, policy, points: points.filter(p => p.policy === policy) });
  });
  if (!lines.length) {
    figure.replaceChildren(el('p', { class: 'soft' }, 'There is nothing to draw: no cell of these runs is done in this pool, or every policy is hidden.'));
    return;
  }
  // A policy's line runs through the settings that the selection prompts speak for; that needs quality upwards.
  const curved = yName === 'quality' && xName !== 'latency', onCurve = p => curved && p.chosen.includes(xName);
  const width = innerWidth < 640 ? 380 : 900, height = innerWidth < 640 ? 340 : 460, box = { left: 62, right: width - 14, top: 12, bottom: height - 44 };
  const drawnPoints = lines.flatMap(l => l.points.map(p => [l, p]));
  const sx = scale(drawnPoints.map(([, p]) => x.of(p)), box.left, box.right), sy = scale(drawnPoints.map(([, p]) => y.of(p)), box.bottom, box.top, y.high);
  const n = Math.max(...drawnPoints.map(([, p]) => p.n));
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: 0, 'aria-label': `${y.label} against ${x.label}: ${lines.length} policies of ${data.runs.length} runs. Arrow keys go from point to point.` });
  root.append(axes(width, height, sx, sy, x.label, y.label, box));
  const dots = [];
  for (const l of lines) {
    const single = l.points[0].family === 'single', stroke = tint(l.points[0].family);
    const way = l.points.filter(onCurve).sort((a, b) => x.of(a) - x.of(b));
    if (way.length > 1 && !single) {
      // Lines are straight between two settings, also where an axis is logarithmic: whoever can afford it mixes both.
      const path = way.flatMap((p, i) => i === 0 ? [p] : Array.from({ length: 24 }, (_, k) => [way[i - 1], p, (k + 1) / 24]));
      const at = s => Array.isArray(s) ? [x.of(s[0]) + (x.of(s[1]) - x.of(s[0])) * s[2], y.of(s[0]) + (y.of(s[1]) - y.of(s[0])) * s[2]] : [x.of(s), y.of(s)];
      root.append(svg('polyline', { points: path.map(at).map(([a, b]) => `${sx.at(a)},${sy.at(b)}`).join(' '), fill: 'none', stroke, 'stroke-width': 1.7, 'stroke-dasharray': dashes[l.run] || null, 'data-run': l.run }));
    }
    for (const p of l.points) {
      const strong = onCurve(p) || !curved || l.points.length === 1;
      const text = `${l.policy.replace(/^single:/, '')}${single ? '' : '\n' + p.setting}\n${shownAs(l.r)}\nquality ${fixed(p.quality[0])} [${fixed(p.quality[1])}, ${fixed(p.quality[2])}], n = ${p.n}\ncost ${short(p.cost)} USD/1k` +
        (known(p.carbon) ? `\nemissions ${short(p.carbon)} g/1k` : '') + (known(p.latency) ? `\nlatency ${short(p.latency)} s` : '');
      const dot = shape(l.run, sx.at(x.of(p)), sy.at(y.of(p)), single ? 3 : strong ? 4.4 : 2.6, { fill: stroke, 'fill-opacity': single ? 0.6 : strong ? 1 : 0.3, class: 'pt', 'vector-effect': 'non-scaling-stroke' });
      dot.addEventListener('pointerenter', e => tip.show(text, e));
      dot.addEventListener('pointerleave', () => tip.hide());
      dots.push([dot, text, x.of(p)]);
    }
  }
  for (const [dot] of dots) root.append(dot);
  nameLines(root, lines, onCurve, x, y, sx, sy, box, tint);
  dots.sort((a, b) => a[2] - b[2]);
  let at = -1;
  const leave = () => { tip.hide(); for (const [dot] of dots) dot.classList.remove('on'); };
  root.addEventListener('keydown', e => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    leave();
    at = (at + step + dots.length) % dots.length;
    dots[at][0].classList.add('on');
    tip.show(dots[at][1], { target: dots[at][0] });
  });
  root.addEventListener('blur', leave);
  figure.replaceChildren(root, el('figcaption', {}, `${curved ? 'Full points and lines: the settings of each policy that the selection prompts speak for; faint points: its other settings. ' : 'A point for each setting of each policy. '}Grey: single models and controls. Colour is the policy, dash and marker the run. ${n} test prompts${data.runs.some(r => !r.finished) ? '; of runs that have not finished, the cells that are done' : ''}.`));
}

// nameLines names each policy once, at its first run's end that has room.
function nameLines(root, lines, onCurve, x, y, sx, sy, box, tint) {
  const taken = [], done = new Set();
  for (const l of lines) {
    if (l.points[0].family === 'single' || done.has(l.policy)) continue;
    const best = [...(l.points.some(onCurve) ? l.points.filter(onCurve) : l.points)].sort((a, b) => y.of(b) - y.of(a));
    place: for (const p of best) for (const [dx, dy, anchor] of [[8, -6, 'start'], [-8, -6, 'end'], [8, 14, 'start'], [-8, 14, 'end']]) {
      const left = sx.at(x.of(p)) + dx, top = sy.at(y.of(p)) + dy, w = l.policy.length * 6.6, x0 = anchor === 'start' ? left : left - w;
      const r = [x0, top - 10, x0 + w, top + 3];
      if (r[0] < box.left || r[2] > box.right || r[1] < 0 || r[3] > box.bottom || taken.some(t => r[0] < t[2] && t[0] < r[2] && r[1] < t[3] && t[1] < r[3])) continue;
      taken.push(r);
      done.add(l.policy);
      root.append(svg('text', { x: left, y: top, 'text-anchor': anchor, 'pointer-events': 'none', class: 'name', style: `fill:${tint(l.points[0].family).replace('grey', 'soft')}` }, l.policy));
      break place;
    }
  }
}

const metricOf = (run, pool, policy, metric) => {
  const p = poolOf(run, pool);
  return p ? p.metrics.find(m => m.policy === policy && m.metric === metric) : undefined;
};
const interval = v => el('span', {}, fixed(v[0]), known(v[1]) ? el('span', { class: 'ci' }, ` [${fixed(v[1])}, ${fixed(v[2])}]`) : null);

function drawMetrics(pool, policies, tint) {
  const all = data.runs.flatMap(r => (poolOf(r, pool) || { metrics: [] }).metrics);
  // Not every policy has every metric: the order is that of one that has most, the headline first.
  const fullest = unique(all.map(m => m.policy)).map(l => all.filter(m => m.policy === l)).reduce((a, b) => b.length > a.length ? b : a, []);
  const metric = options($('metric'), unique([...fullest, ...all].map(m => m.metric)).map(m => [m, all.find(o => o.metric === m).title]), get('metric'));
  const rows = policies.filter(l => data.runs.some(r => metricOf(r, pool, l, metric)));
  const forest = $('forest'), table = $('metrics');
  if (!rows.length) {
    forest.replaceChildren(el('p', { class: 'soft' }, 'Metrics are worked out when a run has finished.'));
    table.replaceChildren();
    return;
  }
  const { title, lower } = all.find(m => m.metric === metric), runs = data.runs;
  const step = Math.max(14, 9 * runs.length + 6), small = innerWidth < 640, width = small ? 380 : 900;
  const box = { left: Math.min(small ? 120 : 180, 16 + 7 * Math.max(...rows.map(l => l.length))), right: width - 14, top: 8, bottom: 8 + step * rows.length }, height = box.bottom + 44;
  const x = scale(all.filter(m => m.metric === metric && rows.includes(m.policy)).flatMap(m => m.value), box.left, box.right, true);
  if (small) x.ticks = x.ticks.filter((_, i) => i % 2 === 0);
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${title} of each policy in each run with 95 % intervals; the table below has the numbers` });
  root.append(axes(width, height, x, { ticks: [] }, `${title}, ${lower ? 'lower' : 'higher'} is better`, '', box));
  rows.forEach((l, i) => {
    const middle = box.top + step * (i + 0.5);
    root.append(svg('text', { x: box.left - 8, y: middle + 4, 'text-anchor': 'end', style: `fill:${tint(l).replace('grey', 'soft')}` }, l));
    runs.forEach((r, run) => {
      const m = metricOf(r, pool, l, metric);
      if (!m) return;
      const y = middle + 9 * (run - (runs.length - 1) / 2), v = m.value;
      if (known(v[1])) root.append(svg('line', { x1: x.at(v[1]), x2: x.at(v[2]), y1: y, y2: y, stroke: tint(l), 'stroke-width': 1.6, 'stroke-dasharray': dashes[run] || null }));
      const dot = shape(run, x.at(v[0]), y, 4, { fill: tint(l) });
      dot.addEventListener('pointerenter', e => tip.show(`${l}\n${shownAs(r)}\n${title} ${fixed(v[0])} [${fixed(v[1])}, ${fixed(v[2])}]`, e));
      dot.addEventListener('pointerleave', () => tip.hide());
      root.append(dot);
    });
  });
  forest.replaceChildren(root, el('figcaption', {}, `${title} on the test prompts with its 95 % interval; dash and marker are the run's, as above.`));
  // A change is paired by prompts, which two overlapping intervals cannot show.
  const change = (r, l) => {
    const c = changesOf.get(pair(pool, runs[0], r)), row = c && c.rows ? c.rows.find(o => o.pool === pool && o.policy === l && o.metric === metric) : null;
    if (!row || !known(row.diff)) return '–';
    const clear = row.diff_low > 0 || row.diff_high < 0;
    return el('span', { class: clear ? 'clear' : null }, signed(row.diff), el('span', { class: 'ci' }, ` [${signed(row.diff_low)}, ${signed(row.diff_high)}]`), clear ? '*' : null);
  };
  table.replaceChildren(
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Policy'), runs.flatMap((r, i) => [el('th', { scope: 'col' }, shownAs(r)), ...(i ? [el('th', { scope: 'col' }, `change to ${shownAs(r)}`)] : [])]))),
    el('tbody', {}, rows.map(l => el('tr', {}, el('th', { scope: 'row' }, l), runs.flatMap((r, i) => {
      const m = metricOf(r, pool, l, metric);
      return [el('td', {}, m ? interval(m.value) : '–'), ...(i ? [el('td', {}, change(r, l))] : [])];
    })))));
}

// shownValue is a setting without the quotes of JSON.
function shownValue(v) {
  if (!known(v)) return el('span', { class: 'soft' }, '–');
  let x = v;
  try { x = JSON.parse(v); } catch { /* a text as it is */ }
  return typeof x === 'string' ? x : v;
}

function drawSettings() {
  const several = data.runs.length > 1 && data.settings.length > 0;
  $('same').hidden = several;
  $('settings').parentElement.hidden = !several;
  if (!several) return;
  // Settings of the experiment first; where and from what it was run after them.
  const outer = s => /^(build|host)\.|^(input|plugin) |^experiment file$/.test(s.what) ? 1 : 0;
  $('settings').replaceChildren(
    el('thead', {}, el('tr', {}, el('th', { scope: 'col' }, 'Setting'), data.runs.map(r => el('th', { scope: 'col' }, shownAs(r))))),
    el('tbody', {}, [...data.settings].sort((a, b) => outer(a) - outer(b)).map(s => el('tr', {}, el('th', { scope: 'row' }, s.what), s.values.map(v => el('td', {}, shownValue(v)))))));
}

// changes asks for one run after the other: each takes the server a while.
async function changes() {
  const first = data.runs[0], pool = $('pool').value, notes = new Set();
  const others = data.runs.slice(1).filter(r => r.finished && poolOf(r, pool));
  $('changes').textContent = '';
  if (!first.finished || !others.length) return;
  const stale = () => data.runs[0] !== first || $('pool').value !== pool;
  for (const r of others) {
    const id = pair(pool, first, r);
    if (!changesOf.has(id)) {
      $('changes').textContent = `Working out what changed to ${shownAs(r)}, prompt by prompt …`;
      const answer = await fetch(`changes.json?run=${encodeURIComponent(nameOf(first))}&run=${encodeURIComponent(nameOf(r))}&pool=${encodeURIComponent(pool)}`);
      changesOf.set(id, answer.ok ? await answer.json() : { why: await answer.text() });
      if (stale()) return;
    }
    const c = changesOf.get(id);
    if (c.why) notes.add(`${shownAs(r)}: ${c.why}`);
    for (const n of c.notices || []) notes.add(n + '.');
  }
  draw();
  $('changes').textContent = [`Changes are from ${shownAs(first)}, paired by the prompts that both runs tested, with 95 % intervals; * clear of chance.`, ...notes].join(' ');
}

// load asks for the runs; a quiet one draws only what is new.
async function load(quiet) {
  clearTimeout(timer);
  try {
    const q = new URLSearchParams(new URLSearchParams(location.search).getAll('run').map(r => ['run', r]));
    const answer = await fetch(`compare.json?${q}`), text = await answer.text();
    if (!answer.ok) throw new Error(text);
    $('problem').textContent = '';
    const fresh = text !== last;
    last = text;
    if (fresh) data = JSON.parse(text);
    if (fresh || !quiet) {
      draw();
      await changes();
    }
  } catch (e) {
    $('problem').textContent = `The server does not answer: ${e.message}`;
  }
  if (data && data.runs.some(r => r.state === 'running')) timer = setTimeout(() => load(true), 3000);
}
load();
})();
