// Tables: the ranking under the sliders, metrics, categories, savings, ablations.
function table(caption, head, rows, classes) {
  return el('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption }, el('table', {}, el('caption', {}, caption),
    el('thead', {}, el('tr', {}, head.map(h => el('th', { scope: 'col' }, h)))),
    el('tbody', {}, rows.map((r, i) => el('tr', { class: classes ? classes[i] : null }, r.map((c, k) => k === 0 ? el('th', { scope: 'row' }, c) : el('td', {}, c)))))));
}

const withInterval = (v, low, high, n = 3) => !known(v) ? '–' : [fixed(v, n), known(low) && known(high) ? el('span', { class: 'ci' }, ` [${fixed(low, n)}, ${fixed(high, n)}]`) : ''];

// Figures by which a setting is chosen: those of the selection prompts. A run of an older version has none, and is ranked in
// hindsight.
const selected = pool => pool.policies.some(p => p.points.some(x => known(x.v[0])));
const onSelection = p => ({ quality: p.v[0], cost: p.v[1], carbon: p.v[2], latency: p.v[3] });
const onTest = p => ({ quality: p.q[0], cost: p.c, carbon: p.g[0], latency: p.t });
const worth = (state, f) => f.quality - (state.cost ? state.cost * f.cost : 0) - (state.carbon ? state.carbon * f.carbon : 0) - (state.latency ? state.latency * f.latency : 0);
// What uses the data set's label, or was measured on few prompts, has no rank.
const isRanked = policy => policy.role !== 'labelled' && policy.role !== 'thin';

// preferred orders by utility, of equals the cheaper, then the one of less carbon.
function preferred(a, b) {
  const least = x => known(x) ? x : Infinity, by = (x, y) => x === y ? 0 : x - y;
  if (a.utility !== b.utility || !a.point) return by(b.utility, a.utility);
  return by(least(a.figures.cost), least(b.figures.cost)) || by(least(a.figures.carbon), least(b.figures.carbon));
}

// rank takes for each policy the setting of highest utility within the budget by the selection prompts, and orders the
// policies by it; those without a rank come last. What the settings are worth on test is shown beside.
function rank(state) {
  const figures = selected(state.pool) ? onSelection : onTest;
  const out = state.pool.policies.filter(p => p.kind === 'policy' || p.kind === 'single').map(policy => {
    let best = null;
    for (const p of policy.points) {
      const f = figures(p);
      if (!known(f.quality) || !known(p.q[0]) || f.cost > state.budget) continue;
      const u = worth(state, f);
      if (!known(u) || !Number.isFinite(u)) continue;
      const r = { policy, point: p, utility: u, figures: f };
      if (!best || preferred(r, best) < 0) best = r;
    }
    return best || { policy, point: null, utility: -Infinity };
  });
  return out.sort((a, b) => isRanked(b.policy) - isRanked(a.policy) || preferred(a, b) || (a.policy.label < b.policy.label ? -1 : 1));
}

function ranking(state, list) {
  const name = r => el('span', {}, swatch(state, r.policy), named(r.policy).replace(/^single:/, ''));
  const fits = list.filter(r => r.point);
  const before = selected(state.pool);
  const spent = [['USD/1k', p => p.c], ['gCO2e/1k', p => p.g[0]], ['Latency, s', p => p.t]].filter(([, of]) => fits.some(r => known(of(r.point))));
  const rows = fits.map((r, i) => [name(r), isRanked(r.policy) ? String(i + 1) : '–', r.policy.kind === 'single' ? '–' : wordsOf(state.pool, r.point.p), ...(before ? [fixed(r.point.v[0]), fixed(r.utility)] : []), withInterval(...r.point.q), ...spent.map(([, of]) => short(of(r.point))), fixed(worth(state, onTest(r.point)))]);
  const by = before ? 'Settings and ranks are chosen on the selection prompts, of equals the cheaper; the figures right of them are what the test prompts gave' : 'Settings and ranks are by the test prompts themselves, in hindsight: the run is of an older version';
  const out = table(by + (list.length > fits.length ? `. ${list.length - fits.length} do not fit the budget` : ''),
    ['Policy', 'Rank', 'Setting: a point is worth', ...(before ? ['Quality, selection', 'Utility, selection'] : []), 'Quality', ...spent.map(([n]) => n), 'Utility'], rows, fits.map((r, i) => (i === 0 && isRanked(r.policy) ? 'best ' : '') + (r.policy.kind === 'single' ? 'ref' : '')));
  out.id = 'ranking';
  return out;
}

// whom is a table of whom to deploy; columns of which nothing is known are left out.
function whom(state, caption, rows) {
  const pool = state.pool, shown = pool.head.map((_, k) => k === 0 || rows.some(r => r.cells[k] !== '–'));
  const keep = list => list.filter((_, k) => shown[k]);
  const name = text => {
    const policy = pool.policies.find(p => text === p.label || text.replace(/[‡§°]+$/, '') === p.label);
    return policy ? el('span', {}, swatch(state, policy), text.replace(/^single:/, '')) : text;
  };
  const split = text => { const at = text.indexOf(' ['); return at < 0 ? text : [text.slice(0, at), el('span', { class: 'ci' }, text.slice(at))]; };
  return table(caption, keep(pool.head), rows.map(r => keep(r.cells.map((c, k) => k === 0 ? name(c) : split(c)))), rows.map(r => r.role === 'policy' ? '' : 'ref'));
}

function metricTable(state) {
  const pool = state.pool, classes = pool.rows.map(r => r.role === 'policy' ? '' : 'ref');
  const of = (caption, names, values) => table(caption, ['Policy', 'n', ...names], pool.rows.map(r => [r.policy, r.n ? r.n.toLocaleString('en') : '–', ...(values(r) || []).map(v => withInterval(...v))]), classes);
  return [
    whom(state, `Every policy and model of pool ${pool.name} at the setting that one would deploy; brackets are 95 % intervals on the test prompts`, pool.all),
    ...(pool.notes || []).map(n => el('p', { class: 'soft' }, n)),
    el('details', {}, el('summary', {}, 'All metrics'), of(`Metrics of pool ${pool.name}; brackets are 95 % intervals on the test prompts`, pool.metrics || [], r => r.values)),
    (pool.hindsight || []).length ? el('details', {}, el('summary', {}, 'Hindsight: settings chosen on the test prompts'), of('As published tools do: settings, the best single model and the mix of models chosen on the test prompts themselves', pool.hindsight, r => r.hindsight)) : null,
  ];
}

function categoryTable(state, ranked) {
  if (!state.pool.categories) return null;
  const rows = ranked.filter(r => r.point && r.point.k);
  if (!rows.length) return null;
  return table('Mean score of the test prompts by category, at the settings of the ranking', ['Policy', ...state.pool.categories.map(c => c || '(none)')],
    rows.map(r => [r.policy.label, ...r.point.k.map(x => fixed(x, 2))]));
}

// shareOf is a share that is saved, with its interval.
const shareOf = (value, low, high) => [percent(value), known(low) ? el('span', { class: 'ci' }, ` [${percent(low)}, ${percent(high)}]`) : ''];

function savings(state) {
  const pool = state.pool, out = [], more = [];
  for (const b of pool.baselines || []) {
    const rows = (pool.savings || []).filter(s => s.baseline === b.name);
    const usd = rows.some(s => known(s.cost_saving)), grams = rows.some(s => known(s.carbon_saving));
    if (!usd && !grams) continue;
    const takes = [usd ? short(1000 * b.cost_usd) + ' USD' : '', grams ? short(1000 * b.carbon_g) + ' gCO2e' : ''].filter(Boolean).join(' and ');
    const what = `Against ${b.name} (${b.what}): quality ${fixed(b.quality)}, ${takes} per 1,000 prompts; settings chosen on the selection prompts to keep its quality`;
    const quality = s => [signed(s.quality_diff), el('span', { class: 'ci' }, ` [${signed(s.quality_diff_low)}, ${signed(s.quality_diff_high)}]`)];
    const both = s => known(s.carbon_saving_both_low) ? `[${percent(s.carbon_saving_both_low)}, ${percent(s.carbon_saving_both_high)}]` : '–';
    const setting = s => wordsOf(pool, s.preference);
    out.push(table(what, ['Policy', 'Setting: a point is worth', 'Quality difference', 'Verdict', ...(usd ? ['USD saved'] : []), ...(grams ? ['gCO2e saved'] : [])],
      rows.map(s => [s.policy, setting(s), quality(s), s.quality_verdict, ...(usd ? [shareOf(s.cost_saving, s.cost_saving_low, s.cost_saving_high)] : []), ...(grams ? [[percent(s.carbon_saving), el('span', { class: 'ci' }, known(s.carbon_saving_both_low) ? ' ' + both(s) : '')]] : [])])));
    if (grams) more.push(table(what, ['Policy', 'n', 'gCO2e saved', 'with the estimate’s error', 's saved', 'gCO2e saved over a blind mix'],
      rows.map(s => [s.policy, s.n, shareOf(s.carbon_saving, s.carbon_saving_low, s.carbon_saving_high), both(s), shareOf(s.latency_saving, s.latency_saving_low, s.latency_saving_high),
        s.role !== 'single' && s.role !== 'blind' ? shareOf(s.over_blind, s.over_blind_both_low, s.over_blind_both_high) : '–'])));
  }
  if ((pool.footprints || []).length) {
    more.push(table('Footprint per 1,000 prompts', ['Policy', 'Setting', 'Quality', 'USD', 'Wh', 'gCO2e', 'by sizes', 'by the estimate', 'router s', 'cost error'],
      pool.footprints.map(f => [f.policy, f.setting, fixed(f.quality), short(f.usd_per_1k), short(f.wh_per_1k), short(f.g_per_1k), known(f.g_per_1k_low) ? `${short(f.g_per_1k_low)} to ${short(f.g_per_1k_high)}` : '–', known(f.g_per_1k_model_low) ? `${short(f.g_per_1k_model_low)} to ${short(f.g_per_1k_model_high)}` : '–', short(f.router_s_per_1k), percent(f.cost_error)])));
  }
  if ((pool.said || []).length) {
    more.push(el('ul', { class: 'soft' }, ...pool.said.map(text => el('li', {}, text))));
  }
  if (more.length) out.push(el('details', {}, el('summary', {}, 'Savings and footprint in full: seconds, blind mixes, energy, what the figures are, and what pays them back'), ...more));
  if (pool.own && known(pool.own.energy_wh)) {
    out.push(el('p', { class: 'soft' }, `The run itself took ${short(pool.own.energy_wh)} Wh and ${short(pool.own.carbon_g)} gCO2e in ${short(pool.own.seconds)} s (processors: ${pool.own.cpu_how}; graphics: ${pool.own.gpu_how}).`));
  }
  return out;
}

// effects draws what each policy differs from the baseline by, with paired intervals.
function effects(state) {
  const list = state.pool.effects || [];
  if (!list.length) return null;
  const names = state.pool.effect_of;
  return el('div', { class: 'grid' }, [0, 1].filter(k => names[k] && list.some(e => known(e.values[k][0]))).map(k => {
    const rows = list.filter(e => known(e.values[k][0])), width = wide(), height = 40 + 22 * rows.length, left = Math.min(170, width * 0.34);
    const x = scale([0, ...rows.flatMap(e => e.values[k].filter(known))], left, width - 12, true);
    const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Difference of ${names[k]} to ${state.pool.baseline}, with 95 % intervals` });
    for (const [v, text] of x.ticks) root.append(svg('line', { x1: x.at(v), x2: x.at(v), y1: 4, y2: height - 22, class: v === 0 ? 'axis' : 'gridline' }), svg('text', { x: x.at(v), y: height - 8, 'text-anchor': 'middle', class: 'soft' }, text));
    rows.forEach((e, i) => {
      const y = 16 + 22 * i, [d, low, high] = e.values[k], clear = e.clear[k];
      if (known(low)) root.append(svg('line', { x1: x.at(low), x2: x.at(high), y1: y, y2: y, stroke: 'var(--ink)' }));
      root.append(svg('text', { x: left - 8, y: y + 4, 'text-anchor': 'end' }, e.policy.length > 24 ? e.policy.slice(0, 23) + '…' : e.policy),
        svg('circle', { cx: x.at(d), cy: y, r: 4.5, fill: clear ? 'var(--accent)' : 'var(--panel)', stroke: 'var(--accent)', 'stroke-width': 2 }));
    });
    return el('figure', {}, el('h3', {}, `${names[k]} against ${state.pool.baseline}`), root, el('figcaption', {}, 'Lines: 95 % intervals, paired over prompts; filled where clear of zero after Holm\u2019s correction (p < 0.05).'));
  }));
}

function coverage(state) {
  const p = state.run.prompts;
  if (!p.models) return null;
  const n = p.id.length, count = p.models.map((_, m) => {
    let answered = 0, right = 0, cost = 0;
    for (let i = 0; i < n; i++) {
      const s = p.s[i * p.models.length + m];
      if (s < 0) continue;
      answered++;
      right += s / 1000;
      cost += p.c[i * p.models.length + m] || 0;
    }
    return [p.models[m], answered.toLocaleString('en'), percent(answered / n), fixed(right / answered), short(1000 * cost / answered)];
  });
  return table(`${n.toLocaleString('en')} test prompts × ${p.models.length} models`, ['Model', 'Answers', 'Coverage', 'Mean score', 'USD/1k'], count);
}
