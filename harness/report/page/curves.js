// Figures of one policy: where it routes, how it trained, and whether the selection prompts told the truth about it.
function sharesOf(state, policy) {
  if (policy.points.length < 2) return null;
  const width = wide(), height = 300, box = { left: 46, right: width - 10, top: 10, bottom: height - 60 };
  const total = new Map();
  for (const p of policy.points) for (let i = 0; i < (p.s || []).length; i += 2) total.set(p.s[i], (total.get(p.s[i]) || 0) + p.s[i + 1]);
  const order = [...total].sort((a, b) => b[1] - a[1]).map(([m]) => m), shown = order.slice(0, 7);
  const tint = m => shown.includes(m) ? `var(--f${shown.indexOf(m)})` : 'var(--grey)';
  const points = [...policy.points].sort((a, b) => (a.l[0] - b.l[0]) || (a.l[1] - b.l[1]) || (a.l[2] - b.l[2]));
  const most = Math.max(1, ...points.map(p => (p.s || []).reduce((s, x, i) => i % 2 ? s + x : s, 0)));
  const y = scale([0, most], box.bottom, box.top, true), w = (box.right - box.left) / points.length;
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Share of prompts that ${policy.label} sends to each model, by preference` });
  points.forEach((p, i) => {
    let sum = 0;
    const parts = [...order].map(m => [m, p.s ? p.s[p.s.indexOf(m) + 1] : 0]).filter(([m]) => p.s && p.s.includes(m));
    for (const [m, share] of parts) {
      const top = y.at(sum + share);
      root.append(svg('rect', { x: box.left + i * w + 1, y: top, width: Math.max(1, w - 2), height: Math.max(0, y.at(sum) - top), fill: tint(m), onpointerenter: e => tip.show(`${m}: ${percent(share)} at ${p.p}`, e), onpointerleave: tip.hide }));
      sum += share;
    }
    if (points.length <= 14 || i % Math.ceil(points.length / 14) === 0) root.append(svg('text', { x: box.left + (i + 0.5) * w, y: box.bottom + 14, 'text-anchor': 'middle', class: 'soft' }, p.p));
  });
  for (const [v, text] of y.ticks) if (v >= 0 && v <= most) root.append(svg('text', { x: box.left - 6, y: y.at(v) + 4, 'text-anchor': 'end', class: 'soft' }, text));
  root.append(svg('text', { x: (box.left + box.right) / 2, y: height - 28, 'text-anchor': 'middle' }, 'preference'));
  return el('figure', {}, el('h3', {}, `Where ${policy.label} routes`), root,
    el('div', { class: 'legend' }, shown.map(m => el('span', { class: 'key' }, el('span', { class: 'swatch', style: `background:${tint(m)}` }), m)), order.length > 7 ? el('span', { class: 'key' }, el('span', { class: 'swatch', style: 'background:var(--grey)' }), `${order.length - 7} others`) : null));
}

function selectionFigure(state, policy) {
  const points = policy.points.filter(p => known(p.v[0]) && known(p.q[0]));
  if (!points.length) return null;
  const width = wide(), height = 300, box = { left: 62, right: width - 14, top: 10, bottom: height - 44 };
  const values = points.flatMap(p => [p.v[0], ...p.q]);
  const x = scale(values, box.left, box.right, true), y = scale(values, box.bottom, box.top, true);
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Quality of ${policy.label} on test prompts against selection prompts` });
  root.append(axes(width, height, x, y, 'Quality on selection', 'Quality on test', box));
  const low = Math.min(...values), high = Math.max(...values);
  root.append(svg('line', { x1: x.at(low), y1: y.at(low), x2: x.at(high), y2: y.at(high), stroke: 'var(--grey)', 'stroke-dasharray': '5 4' }));
  for (const p of points) {
    if (known(p.q[1])) root.append(svg('line', { x1: x.at(p.v[0]), x2: x.at(p.v[0]), y1: y.at(p.q[1]), y2: y.at(p.q[2]), stroke: colour(state, policy), 'stroke-opacity': 0.5 }));
    root.append(point(state, policy, p, { cx: x.at(p.v[0]), cy: y.at(p.q[0]), r: 3.6, fill: colour(state, policy) }));
  }
  return el('figure', {}, el('h3', {}, `Calibration: what the selection prompts promised of ${policy.label}, and what test gave`), root, el('figcaption', {}, 'A point for each setting, with its 95 % interval on the test prompts; on the dashed line both agree.'));
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
    list.forEach((c, i) => root.append(svg('polyline', { points: c.steps.map((s, k) => `${x.at(s)},${y.at(c.values[k])}`).join(' '), fill: 'none', stroke: `var(--f${i % 8})`, 'stroke-width': 1.5 })));
    return el('figure', {}, root, el('figcaption', {}, name + (list.length > 1 ? `, ${list.length} seeds` : '')));
  }));
}
