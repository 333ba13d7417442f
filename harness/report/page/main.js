// The page: controls, sections, and what moves with the sliders.
const weights = { cost: [1e-3, 10], carbon: [1e-5, 0.1], latency: [1e-4, 1] };
const power = (x, low, high) => x <= 0 ? 0 : low * (high / low) ** x;

function slider(id, label, text, oninput, value) {
  const out = el('output', { for: id }, text(value));
  const input = el('input', { type: 'range', id, min: 0, max: 1, step: 0.01, value, oninput: e => { const v = +e.target.value; out.textContent = text(v); input.setAttribute('aria-valuetext', text(v)); oninput(v); } });
  input.setAttribute('aria-valuetext', text(value));
  return el('div', {}, el('label', { for: id }, label, out), input);
}

function section(id, title, ...content) {
  const inner = content.flat().filter(Boolean);
  return inner.length ? el('section', { id, 'aria-labelledby': id + '-h' }, el('h2', { id: id + '-h' }, title), inner) : null;
}

function render(state) {
  const { run, pool } = state;
  document.getElementById('title').textContent = run.name;
  document.title = run.name + ' · Trilemma';
  paint(run);
  state.markers = [];
  const costs = pool.policies.filter(p => p.kind === 'policy' || p.kind === 'single').flatMap(p => p.points.map(x => (selected(pool) ? onSelection : onTest)(x).cost)).filter(x => x > 0);
  const cheap = Math.min(...costs), dear = Math.max(...costs);
  Object.assign(state, { budget: Infinity, cost: 0, carbon: 0, latency: 0 });
  const place = el('div', {}), byCategory = el('div', {});
  const move = () => {
    const ranked = rank(state);
    for (const m of state.markers) m(ranked);
    place.replaceChildren(ranking(state, ranked));
    const c = categoryTable(state, ranked);
    byCategory.replaceChildren(...(c ? [c] : []));
  };
  const weigh = (name, label, unit) => slider('w-' + name, label, v => { const w = power(v, ...weights[name]); return w ? `1 point of quality is worth ${short(0.01 / w)} ${unit}` : 'does not matter'; }, v => { state[name] = power(v, ...weights[name]); move(); }, 0);
  const hasCarbon = pool.policies.some(p => p.points.some(x => known(x.g[0])));
  const hasLatency = pool.policies.some(p => p.points.some(x => known(x.t)));
  const controls = el('div', { class: 'controls noprint', role: 'group', 'aria-label': 'Budget and weights' },
    costs.length ? slider('budget', 'Budget', v => v >= 1 ? 'any price' : `${short(cheap * (dear / cheap) ** v)} USD/1k`, v => { state.budget = v >= 1 ? Infinity : cheap * (dear / cheap) ** v * 1.000001; move(); }, 1) : null,
    costs.length ? weigh('cost', 'Money', 'USD per 1,000 prompts') : null, hasCarbon ? weigh('carbon', 'Carbon', 'gCO2e per 1,000 prompts') : null, hasLatency ? weigh('latency', 'Time', 's a prompt') : null);
  const details = el('div', {});
  const learners = pool.policies.filter(p => p.kind === 'policy');
  const picker = el('select', { id: 'policy', onchange: e => state.choose(e.target.value) }, learners.map(p => el('option', { value: p.label }, p.label)));
  state.choose = label => {
    const policy = learners.find(p => p.label === label);
    if (!policy) return;
    picker.value = label;
    const figures = [sharesOf(state, policy), selectionFigure(state, policy)].filter(Boolean);
    const training = trainingFigures(state, policy);
    details.replaceChildren(...(figures.length ? [el('div', { class: 'grid' }, figures)] : []), ...(training ? [el('details', {}, el('summary', {}, 'How it trained'), training)] : []));
  };
  const counts = run.counts;
  const lead = (pool.lead || []).filter(Boolean), byCost = front(state, 'cost', 'quality', true);
  const top = byCost || (hasCarbon ? front(state, 'carbon', 'quality', true) : null);
  const pair = [hasCarbon && byCost ? front(state, 'carbon', 'quality') : null, hasCarbon ? front(state, 'cost', 'carbon') : null].filter(Boolean);
  const third = hasCarbon ? cloud(state) : null;
  const parts = [
    section('asked', 'What was asked, and the answer',
      run.about ? el('p', {}, run.about) : null,
      el('p', { class: 'lead', id: 'answer' }, lead.join(' ') || 'No policy has a rank; see the metrics.'),
      top,
      (pool.short || []).length ? [el('h3', {}, 'Whom to deploy'), whom(state, `Pool ${pool.name}: brackets are 95 % intervals on ${pool.n.toLocaleString('en')} test prompts`, pool.short)] : null,
      pool.rule ? el('p', { class: 'soft' }, pool.rule) : null,
      ...(pool.more || []).map(text => el('p', { class: 'soft' }, text)),
      el('p', { class: 'soft' }, `${(counts.Prompts || 0).toLocaleString('en')} prompts: ${counts.Train.toLocaleString('en')} to train, ${counts.Validation.toLocaleString('en')} to validate, ${counts.Selection ? counts.Selection.toLocaleString('en') + ' to choose settings by, ' : ''}${counts.Test.toLocaleString('en')} to test.`)),
    section('fronts', hasCarbon ? 'Your budget and weights, and the carbon fronts' : costs.length || hasLatency ? 'Your budget and weights' : 'By quality', costs.length || hasCarbon || hasLatency ? controls : null, el('div', { class: 'grid' }, pair), el('h3', {}, 'Ranking'), place,
      third ? el('details', {}, el('summary', {}, 'Quality, cost and emissions at once'), third) : null),
    section('metrics', 'All policies and models', metricTable(state)),
    section('differences', 'Differences to the baseline', effects(state)),
    section('categories', 'By category', pool.categories ? byCategory : null),
    section('policies', 'A policy in detail', learners.length ? el('p', {}, el('label', { for: 'policy' }, 'Policy ', picker)) : null, details),
    section('footprint', 'Savings and footprint', savings(state)),
    section('drill', 'Prompts', drill(state)),
    section('coverage', 'Data', coverage(state), (run.notices || []).length ? el('ul', {}, run.notices.map(n => el('li', {}, n))) : null),
    section('manifest', 'Rebuild', run.command ? el('pre', { class: 'manifest', tabindex: 0 }, run.command) : null, el('details', {}, el('summary', {}, 'Manifest'), el('pre', { class: 'manifest', tabindex: 0 }, JSON.stringify(run.manifest, null, 1)))),
  ].filter(Boolean);
  const nav = el('nav', { 'aria-label': 'Sections' }, el('ul', {}, parts.map(s => el('li', {}, el('a', { href: '#' + s.id }, s.firstChild.textContent)))));
  document.getElementById('app').replaceChildren(nav, ...parts);
  const used = explain(document.getElementById('app'), state.terms);
  if (used.length) document.getElementById('app').append(section('words', 'Words', glossary(used)));
  if (learners.length) state.choose(learners[learners.length - 1].label);
  move();
}

function bar(state, runs) {
  const out = [];
  if (runs.length > 1) {
    out.push(el('label', {}, 'Run ', el('select', { id: 'run', onchange: e => { state.run = runs[e.target.value]; state.pool = state.run.pools[0]; bar(state, runs); render(state); } }, runs.map((r, i) => el('option', { value: i, selected: r === state.run }, `${r.name} ${r.id}`)))));
  }
  if (state.run.pools.length > 1) {
    out.push(el('label', {}, 'Pool ', el('select', { id: 'pool', onchange: e => { state.pool = state.run.pools[e.target.value]; render(state); } }, state.run.pools.map((p, i) => el('option', { value: i, selected: p === state.pool }, p.name)))));
  }
  const root = document.documentElement, dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  const theme = el('button', { type: 'button', id: 'theme', 'aria-pressed': String(dark()), onclick: () => { root.dataset.theme = dark() ? 'light' : 'dark'; theme.setAttribute('aria-pressed', String(dark())); } }, 'Dark');
  out.push(theme, el('button', { type: 'button', onclick: () => print() }, 'Print'));
  document.getElementById('bar').replaceChildren(...out);
}

unpack().then(data => {
  const state = { run: data.runs[0], pool: data.runs[0].pools[0], terms: data.terms };
  bar(state, data.runs);
  render(state);
  document.documentElement.dataset.ready = 'true';
}).catch(error => {
  document.getElementById('app').replaceChildren(el('p', {}, `The report's data could not be read: ${error.message}. A browser of 2023 or later is needed.`));
  throw error;
});
