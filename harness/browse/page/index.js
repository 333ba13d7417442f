// The table of all runs. Its state is the address: q (filter), sort (a column, "-" before it for downwards), run (chosen,
// as experiment/id), all (every setting that differs).
const path = r => `${encodeURIComponent(r.experiment)}/${encodeURIComponent(r.id)}`;
const span = s => s < 60 ? `${s.toFixed(0)} s` : s < 3600 ? `${(s / 60).toFixed(0)} min` : `${(s / 3600).toFixed(1)} h`;
const top = r => r.best.length ? r.best[0] : null;
const nameOf = r => `${r.experiment}/${r.id}`;
const $ = id => document.getElementById(id);
const fewSettings = 5;
let runs = [], state;

function read() {
  const q = new URLSearchParams(location.search);
  const sort = q.get('sort') || '-started';
  state = { words: q.get('q') || '', by: sort.replace(/^-/, ''), down: sort.startsWith('-'), chosen: new Set(q.getAll('run')), all: q.has('all') };
  $('filter').value = state.words;
}
function query() {
  const q = new URLSearchParams();
  if (state.words) q.set('q', state.words);
  if (state.by !== 'started' || !state.down) q.set('sort', (state.down ? '-' : '') + state.by);
  for (const name of state.chosen) q.append('run', name);
  if (state.all) q.set('all', '1');
  return String(q) ? `?${q}` : '';
}
// write puts the state into the address; what is a step of its own can be taken back with the back button.
function write(step) {
  history[step ? 'pushState' : 'replaceState'](null, '', location.pathname + query());
  draw();
}
addEventListener('popstate', () => { read(); draw(); });

const code = text => el('code', {}, text);
// A column says how to sort by it and how to show it; text columns sort by their words.
const columns = [
  { id: 'pick', show: pick },
  { id: 'experiment', name: 'Experiment', text: true, key: r => r.experiment, show: r => el('a', { href: `run/${path(r)}/${query()}`, 'data-focus': 'open ' + nameOf(r), title: r.description || null }, r.experiment) },
  { id: 'run', name: 'Run', text: true, key: r => r.id, show: r => code(r.id) },
  { id: 'state', name: 'State', text: true, key: r => r.state, show: stateOf },
  { id: 'best', name: 'Best policy', text: true, key: r => top(r) ? top(r).policy : '', show: best },
  { id: 'aiq', name: 'AIQ (pool)', title: 'Quality averaged over what can be spent, settings chosen outside of test; with a 95 % interval', key: r => top(r) ? top(r).value : -1, show: value },
  { id: 'started', name: 'Started', key: r => r.started || '', show: r => r.started ? new Date(r.started).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }) : '' },
  { id: 'work', name: 'Work', key: r => r.wall_s, show: r => span(r.wall_s) },
  { id: 'own', name: 'Own gCO2e', key: r => r.own_g_co2e, show: r => r.own_g_co2e ? r.own_g_co2e.toPrecision(2) : '' },
  { id: 'prompts', name: 'Test prompts', same: true, key: r => r.test_prompts, show: r => r.test_prompts ? r.test_prompts.toLocaleString('en') : '' },
  { id: 'seeds', name: 'Seeds', same: true, key: r => r.seeds, show: r => r.seeds || '' },
  { id: 'backend', name: 'Backend', same: true, text: true, key: r => r.backend || '', show: r => r.backend || '' },
  { id: 'revision', name: 'Revision', same: true, text: true, key: r => r.revision || '', show: r => code((r.revision || '').slice(0, 8)) },
];

// differing are the settings that the shown runs do not share, those first that --set changed, then those of which runs have
// different values, then those that only some have.
function differing(shown) {
  const seen = new Map();
  for (const r of shown) for (const [name, v] of Object.entries(r.settings)) {
    if (!seen.has(name)) seen.set(name, { values: new Set(), n: 0 });
    seen.get(name).values.add(v);
    seen.get(name).n++;
  }
  const withSettings = shown.filter(r => Object.keys(r.settings).length).length;
  const set = new Set(shown.flatMap(r => r.set));
  const rank = name => set.has(name) ? 0 : seen.get(name).values.size > 1 ? 1 : 2;
  return [...seen.keys()].filter(name => seen.get(name).values.size > 1 || seen.get(name).n < withSettings)
    .sort((a, b) => rank(a) - rank(b) || seen.get(b).n - seen.get(a).n || (a < b ? -1 : 1));
}
// plainly is a value of a setting without the quotes of JSON.
function plainly(v) {
  if (v === undefined) return '';
  try {
    const x = JSON.parse(v);
    return typeof x === 'string' ? x : v;
  } catch { return v; }
}
function settingColumn(name) {
  return {
    id: 'set:' + name, name, setting: true, text: true, show: r => plainly(r.settings[name]),
    key: r => {
      const v = plainly(r.settings[name]);
      return v !== '' && !Number.isNaN(+v) ? +v : v;
    },
  };
}
// layout has the columns that differ first, and those at the end whose value all share.
function layout(shown) {
  const settings = differing(shown), chosen = state.all ? settings : settings.slice(0, fewSettings);
  if (state.by.startsWith('set:') && settings.includes(state.by.slice(4)) && !chosen.includes(state.by.slice(4))) chosen.push(state.by.slice(4));
  const same = c => c.same && shown.length > 1 && shown.every(r => c.key(r) === c.key(shown[0]));
  const names = columns.slice(0, 4), rest = columns.slice(4);
  const text = $('settings');
  text.replaceChildren();
  if (settings.length) text.append(`Shaded: settings that differ between these runs. `);
  if (settings.length > fewSettings) {
    text.append(el('button', { onclick: () => { state.all = !state.all; write(true); } }, state.all ? `Show ${fewSettings} of them` : `Show all ${settings.length}`));
    if (!state.all) text.append(` Filter to one experiment for the few that matter.`);
  }
  return [...names, ...chosen.map(settingColumn), ...rest.filter(c => !same(c)), ...rest.filter(same)];
}

function pick(r) {
  const box = el('input', { type: 'checkbox', 'aria-label': `choose ${r.experiment} ${r.id}`, 'data-focus': 'pick ' + nameOf(r), disabled: r.done === 0 });
  box.checked = state.chosen.has(nameOf(r));
  box.addEventListener('change', () => {
    if (box.checked) state.chosen.add(nameOf(r)); else state.chosen.delete(nameOf(r));
    write(false);
  });
  return box;
}
function stateOf(r) {
  const name = el('span', { class: `state ${r.state}` }, r.state);
  if (r.state === 'complete' || !r.total) return name;
  const label = ` ${r.done} of ${r.total}`;
  return r.state === 'running' ? el('span', {}, name, ' ', el('progress', { max: r.total, value: r.done, 'aria-label': label.trim() }), label, r.left ? el('span', { class: 'soft' }, ` about ${r.left} left`) : null) : el('span', {}, name, label);
}
// A policy is called best only where it is clear of the second; the second stands beside it else.
function best(r) {
  const b = top(r);
  if (!b) return r.problem ? el('span', { class: 'wrong', title: r.problem }, r.problem.length > 120 ? r.problem.slice(0, 120) + '…' : r.problem) : '';
  if (b.hindsight) return el('span', { title: 'A run of an older version: the highest AIQ of the test prompts' }, `${b.policy} (${b.pool}, in hindsight)`);
  if (b.clear || !b.second) return `${b.policy} (${b.pool})`;
  return el('span', { title: `They differ by ${fixed(b.diff)} [${fixed(b.diff_low)}, ${fixed(b.diff_high)}]` }, `${b.policy} or ${b.second} (${b.pool}), not clear`);
}
function value(r) {
  const b = top(r);
  if (!b) return '';
  const name = b.metric === 'aiq_pool' ? '' : ` ${b.metric}`;
  return known(b.low) ? el('span', {}, fixed(b.value) + name, el('span', { class: 'ci' }, ` [${fixed(b.low)}, ${fixed(b.high)}]`)) : fixed(b.value) + name;
}

// The older run is the one before.
const chosenRuns = () => runs.filter(r => state.chosen.has(nameOf(r))).sort((a, b) => (a.started || '') < (b.started || '') ? -1 : 1);
function go(page) {
  const q = new URLSearchParams(query());
  q.delete('run');
  for (const r of chosenRuns()) q.append('run', nameOf(r));
  location.href = `${page}?${q}`;
}
$('open').addEventListener('click', () => go('report'));
$('compare').addEventListener('click', () => go('compare'));
$('none').addEventListener('click', () => { state.chosen.clear(); write(true); });
$('filter').addEventListener('input', () => { state.words = $('filter').value; write(false); });

function draw() {
  const words = state.words.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = runs.filter(r => {
    const all = [r.experiment, r.id, r.state, r.description, r.backend, r.revision, ...r.set, ...r.best.map(b => `${b.policy} ${b.second || ''} ${b.pool}`)].join(' ').toLowerCase();
    return words.every(w => all.includes(w));
  });
  const list = layout(shown), key = (list.find(c => c.id === state.by) || columns.find(c => c.id === 'started')).key;
  shown.sort((a, b) => {
    const x = key(a), y = key(b);
    const order = typeof x === typeof y ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === 'number' ? 1 : -1;
    return order * (state.down ? -1 : 1);
  });
  const focus = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.focus : null;
  document.querySelector('#runs thead tr').replaceChildren(...list.map(c => el('th', {
    scope: 'col', class: (c.text ? 'text' : '') + (c.setting ? ' setting' : ' ' + c.id), title: c.title || null, 'aria-sort': c.id === state.by ? (state.down ? 'descending' : 'ascending') : null,
  }, c.name ? el('button', { 'data-focus': 'sort ' + c.id, onclick: () => {
    state.down = state.by === c.id ? !state.down : !c.text;
    state.by = c.id;
    write(true);
  } }, c.setting ? c.name.split(/(?<=\.)/).flatMap((part, i) => i ? [el('wbr'), part] : [part]) : c.name) : el('span', { class: 'skip' }, 'choose'))));
  document.querySelector('#runs tbody').replaceChildren(...shown.map(r => el('tr', {}, list.map(c => el('td', { class: (c.text ? 'text' : '') + (c.setting ? ' setting' : ' ' + c.id) }, c.show(r))))));
  if (focus) for (const e of document.querySelectorAll('[data-focus]')) if (e.dataset.focus === focus) e.focus();
  $('count').textContent = (shown.length === runs.length ? `${runs.length} runs` : `${shown.length} of ${runs.length} runs`) + (state.chosen.size ? `, ${state.chosen.size} chosen` : '');
  const chosen = chosenRuns();
  $('open').disabled = chosen.length === 0 || chosen.some(r => !r.best.length);
  $('compare').disabled = chosen.length === 0 || chosen.length > +document.body.dataset.most;
  $('none').hidden = state.chosen.size === 0;
  document.documentElement.dataset.ready = 'true';
}

let last = '';
async function refresh() {
  const problem = $('problem');
  try {
    const answer = await fetch('runs.json');
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    problem.textContent = '';
    if (text !== last) {
      last = text;
      runs = JSON.parse(text);
      draw();
    }
  } catch (e) {
    problem.textContent = `The server does not answer: ${e.message}`;
  }
  setTimeout(refresh, runs.some(r => r.state === 'running') ? 1000 : 4000);
}
read();
refresh();
