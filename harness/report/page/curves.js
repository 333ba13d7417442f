// Figures of one policy: where it routes, how it trained, and whether the selection prompts told the truth about it.
function sharesOf(state, policy) {
  if (policy.points.length < 2) return null;
  const width = wide(), height = 320, box = { left: 46, right: width - 10, top: 10, bottom: height - 92 };
  const total = new Map();
  for (const p of policy.points) for (let i = 0; i < (p.s || []).length; i += 2) total.set(p.s[i], (total.get(p.s[i]) || 0) + p.s[i + 1]);
  // Models by price, the cheapest at the bottom; those that get most have colours, the same for every policy.
  const order = (state.run.models || []).map(m => m.id).filter(m => total.has(m)), shown = [...order].sort((a, b) => total.get(b) - total.get(a)).slice(0, 8).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const tint = m => shown.includes(m) ? modelColour(state, m) : 'var(--grey)';
  const points = [...policy.points].sort((a, b) => (a.l[0] - b.l[0]) || (a.l[1] - b.l[1]) || (a.l[2] - b.l[2]));
  const most = Math.max(1, ...points.map(p => (p.s || []).reduce((s, x, i) => i % 2 ? s + x : s, 0)));
  const y = scale([0, most], box.bottom, box.top, true), w = (box.right - box.left) / points.length;
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Share of prompts that ${policy.label} sends to each model, by preference` });
  points.forEach((p, i) => {
    let sum = 0;
    const parts = order.map(m => [m, p.s ? p.s[p.s.indexOf(m) + 1] : 0]).filter(([m]) => p.s && p.s.includes(m));
    for (const [m, share] of parts) {
      const top = y.at(sum + share);
      root.append(svg('rect', { x: box.left + i * w + 1, y: top, width: Math.max(1, w - 2), height: Math.max(0, y.at(sum) - top), fill: tint(m), onpointerenter: e => tip.show(`${m}: ${percent(share)} where a point is worth ${wordsOf(state.pool, p.p)}`, e), onpointerleave: tip.hide }));
      sum += share;
    }
    if (i % Math.ceil(points.length / (width < 500 ? 7 : 12)) === 0) root.append(svg('text', { x: box.left + (i + 0.5) * w + 3, y: box.bottom + 10, 'text-anchor': 'end', transform: `rotate(-40 ${box.left + (i + 0.5) * w + 3} ${box.bottom + 10})`, class: 'soft' }, wordsOf(state.pool, p.p)));
  });
  for (const [v, text] of y.ticks) if (v >= 0 && v <= most) root.append(svg('text', { x: box.left - 6, y: y.at(v) + 4, 'text-anchor': 'end', class: 'soft' }, text));
  root.append(svg('text', { x: (box.left + box.right) / 2, y: height - 8, 'text-anchor': 'middle' }, 'what 1 point of quality is worth'));
  return el('figure', {}, el('h3', {}, `Where ${policy.label} routes`), root,
    el('div', { class: 'legend' }, shown.map(m => el('span', { class: 'key' }, el('span', { class: 'swatch', style: `background:${tint(m)}` }), m)), order.length > shown.length ? el('span', { class: 'key' }, el('span', { class: 'swatch', style: 'background:var(--grey)' }), `${order.length - shown.length} others`) : null),
    el('figcaption', {}, `The part of the ${state.pool.n.toLocaleString('en')} test prompts that each model gets, models from the cheapest (bottom) to the dearest; from left to right money, then carbon, is worth more.`));
}

function selectionFigure(state, policy) {
  const points = policy.points.filter(p => known(p.v[0]) && known(p.q[0]));
  if (points.length < 2) return null;
  const width = wide(), height = 300, box = { left: 62, right: width - 14, top: 10, bottom: height - 44 };
  const values = points.flatMap(p => [p.v[0], ...p.q]);
  const x = scale(values, box.left, box.right, true), y = scale(values, box.bottom, box.top, true);
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Quality of ${policy.label} on test prompts against selection prompts` });
  root.append(axes(width, height, x, y, 'Quality on selection', 'Quality on test', box));
  const low = Math.min(...values), high = Math.max(...values);
  root.append(svg('line', { x1: x.at(low), y1: y.at(low), x2: x.at(high), y2: y.at(high), stroke: 'var(--grey)', 'stroke-dasharray': '5 4' }));
  for (const p of points) {
    if (known(p.q[1])) root.append(svg('line', { x1: x.at(p.v[0]), x2: x.at(p.v[0]), y1: y.at(p.q[1]), y2: y.at(p.q[2]), stroke: colour(policy), 'stroke-opacity': 0.5 }));
    root.append(point(state, policy, p, x.at(p.v[0]), y.at(p.q[0]), 3.6, {}));
  }
  return el('figure', {}, el('h3', {}, `Calibration: what the selection prompts promised of ${policy.label}, and what test gave`), root, el('figcaption', {}, `A point for each setting, with its 95 % interval on ${state.pool.n.toLocaleString('en')} test prompts; on the dashed line both agree.`));
}

function trainingFigures(state, policy) {
  const curves = state.pool.curves ? state.pool.curves.filter(c => c.policy === policy.label) : [];
  const groups = new Map();
  for (const c of curves) {
    if (c.values.every(v => v === c.values[0])) continue;
    const key = c.stage + ': ' + c.metric.replaceAll('_', ' ');
    groups.set(key, [...(groups.get(key) || []), c]);
  }
  if (!groups.size) return null;
  const width = 250, height = 150, box = { left: 46, right: width - 8, top: 8, bottom: height - 34 };
  return el('div', { class: 'small' }, [...groups].map(([name, list]) => {
    const x = scale(list.flatMap(c => c.steps), box.left, box.right, true), y = scale(list.flatMap(c => c.values), box.bottom, box.top, true);
    x.ticks = x.ticks.filter((_, i) => x.ticks.length < 5 || i % 2 === 0);
    const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${name} by step` });
    root.append(axes(width, height, x, y, '', '', box));
    list.forEach((c, i) => root.append(svg('polyline', { points: c.steps.map((s, k) => `${x.at(s)},${y.at(c.values[k])}`).join(' '), fill: 'none', stroke: colour(policy), opacity: 1 - 0.6 * i / list.length, 'stroke-width': 1.5 })));
    return el('figure', {}, root, el('figcaption', {}, name + (list.length > 1 ? `, ${list.length} seeds` : '')));
  }));
}
