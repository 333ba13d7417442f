// The fronts: three pairs of quantities, linked by their points, with a ring where the sliders put each policy.
function members(points, x, y) {
  const better = (a, b, q) => q.high ? a > b : a < b;
  return points.filter(p => !points.some(o => {
    const a = x.of(o), b = y.of(o), c = x.of(p), d = y.of(p);
    return !better(c, a, x) && !better(d, b, y) && (better(a, c, x) || better(b, d, y));
  }));
}

// settingsOf are the settings that a policy's line runs through: those that the selection prompts speak for, of an older run
// its own front on the test prompts.
function settingsOf(state, policy, xName, yName) {
  const x = quantities[xName], y = quantities[yName], points = policy.points.filter(p => known(x.of(p)) && known(y.of(p)));
  if (!selected(state.pool)) return members(points, yName === 'quality' ? x : quantities.cost, quantities.quality);
  const bit = xName === 'carbon' ? 2 : 1;
  return points.filter(p => p.h & bit);
}

function front(state, xName, yName, large) {
  const width = large && innerWidth > 1000 ? 980 : wide(), height = width > 900 ? 440 : 380, box = { left: 62, right: width - 14, top: 12, bottom: height - 44 };
  const x = quantities[xName], y = quantities[yName], judged = yName === 'quality';
  const all = [];
  for (const policy of state.pool.policies) {
    if (policy.kind === 'zero') continue;
    for (const p of policy.points) if (known(x.of(p)) && known(y.of(p))) all.push([policy, p]);
  }
  if (!all.some(([policy]) => policy.kind !== 'oracle')) return null;
  const shown = all.filter(([policy]) => policy.kind !== 'oracle' || judged);
  const sx = scale(shown.map(([, p]) => x.of(p)), box.left, box.right), sy = scale(shown.map(([, p]) => y.of(p)), box.bottom, box.top, y.high);
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: 0, 'aria-label': `${y.label} against ${x.label}, ${shown.length} points. The tables hold the numbers.` });
  root.append(axes(width, height, sx, sy, x.label, y.label, box));
  // Lines are straight between two settings: whoever can afford it mixes both. On a logarithmic axis that is a curve.
  const through = (points, attributes) => {
    const way = points.flatMap((p, i) => {
      if (i === 0) return [[x.of(p), y.of(p)]];
      const a = points[i - 1], from = x.of(a), to = x.of(p), steps = 32;
      return Array.from({ length: steps }, (_, k) => {
        const part = (k + 1) / steps, at = sx.log && from > 0 && to > 0 ? from * (to / from) ** part : from + (to - from) * part;
        const w = to === from ? part : (at - from) / (to - from);
        return [at, y.of(a) + (y.of(p) - y.of(a)) * w];
      });
    });
    if (way.length > 1) root.append(svg('polyline', { points: way.map(([a, b]) => `${sx.at(a)},${sy.at(b)}`).join(' '), fill: 'none', ...attributes }));
  };
  const byX = (a, b) => x.of(a) - x.of(b) || y.of(b) - y.of(a);
  const named = [];
  const zero = state.pool.policies.find(p => p.kind === 'zero'), oracle = state.pool.policies.find(p => p.kind === 'oracle');
  if (judged) {
    // Mixes of single models: by cost those of the Zero router, by emissions those that the selection prompts speak for.
    const mixes = (xName === 'cost' ? (zero ? zero.points : []) : state.pool.policies.filter(p => p.kind === 'single').flatMap(p => p.points).filter(p => p.h & 2)).filter(p => known(x.of(p)) && known(y.of(p))).sort(byX);
    through(mixes, { stroke: 'var(--grey)', 'stroke-width': 1.4, 'stroke-dasharray': '5 4', class: 'mix' });
    if (mixes.length > 1) named.push({ text: 'mix of single models', at: mixes.slice(1, -1).concat(mixes.slice(-1)), fill: 'var(--soft)' });
    if (oracle) {
      const line = [];
      for (const p of oracle.points.filter(p => known(x.of(p)) && known(y.of(p))).sort(byX)) if (!line.length || y.of(p) > y.of(line[line.length - 1])) line.push(p);
      through(line, { stroke: 'var(--ink)', 'stroke-dasharray': '1.5 3', class: 'oracle' });
      if (line.length) named.push({ text: 'oracle', at: [...line].reverse(), fill: 'var(--ink)' });
    }
  }
  const routers = state.pool.policies.filter(p => p.kind === 'policy');
  const lines = routers.map(policy => [policy, settingsOf(state, policy, xName, yName)]);
  for (const [policy, points] of lines) through([...points].sort(judged ? byX : (a, b) => a.q[0] - b.q[0]), { stroke: colour(policy), 'stroke-width': isRanked(policy) ? 1.8 : 1, class: 'line', 'data-policy': policy.label });
  const models = all.filter(([o]) => o.kind === 'single');
  for (const [policy, p] of models) root.append(point(state, policy, p, sx.at(x.of(p)), sy.at(y.of(p)), 3.4, {}));
  const on = new Set(lines.flatMap(([policy, points]) => points.map(p => keyOf(policy, p))));
  for (const full of [false, true]) {
    for (const [policy, p] of all.filter(([o]) => o.kind === 'policy')) {
      if (on.has(keyOf(policy, p)) === full) root.append(point(state, policy, p, sx.at(x.of(p)), sy.at(y.of(p)), full ? 4 : 2.6, { opacity: full ? 1 : 0.3 }));
    }
  }
  const order = state.pool.policies.map(p => p.label);
  for (const [policy, points] of [...lines].sort((a, b) => isRanked(b[0]) - isRanked(a[0]) || order.indexOf(a[0].label) - order.indexOf(b[0].label))) {
    const text = policy.label + (policy.role === 'labelled' ? '‡' : policy.role === 'thin' ? '§' : '');
    if (points.length) named.push({ text, policy, at: [...points].sort((a, b) => judged ? y.of(b) - y.of(a) : b.q[0] - a.q[0]), fill: written(policy) });
  }
  named.sort((a, b) => !!b.policy - !!a.policy);
  for (const [policy, p] of models) named.push({ text: policy.label.replace(/^single:/, ''), at: [p], fill: 'var(--soft)', soft: true });
  if (!judged) for (const [policy, points] of lines) {
    const ends = [...points].sort((a, b) => a.q[0] - b.q[0]);
    for (const p of new Set([ends[0], ends[ends.length - 1]].filter(Boolean))) named.push({ text: fixed(p.q[0], 2), at: [p], fill: written(policy), soft: true });
  }
  const unnamed = labels(root, named, all.map(([, p]) => [sx.at(x.of(p)), sy.at(y.of(p))]), p => [sx.at(x.of(p)), sy.at(y.of(p))], box).filter(l => l.policy).map(l => l.policy);
  const markers = svg('g', {});
  root.append(markers);
  state.markers.push(ranked => {
    markers.replaceChildren(...ranked.filter(r => r.point && (r.policy.kind === 'policy' || r === ranked[0]) && known(x.of(r.point)) && known(y.of(r.point))).map((r, i) => svg('circle', {
      cx: sx.at(x.of(r.point)), cy: sy.at(y.of(r.point)), r: i === 0 && isRanked(r.policy) ? 9 : 6.5, fill: 'none', stroke: i === 0 && isRanked(r.policy) ? 'var(--ink)' : colour(r.policy),
      'stroke-width': i === 0 && isRanked(r.policy) ? 2.5 : 1.6, 'pointer-events': 'none', class: 'marker', 'data-policy': r.policy.label,
    })));
  });
  walk(state, root, shown);
  const n = state.pool.n.toLocaleString('en'), chosen = selected(state.pool) ? 'the selection prompts speak for' : 'are best on test, in hindsight (an older run)';
  const caption = judged
    ? `Higher and further left is better. Lines and full points: the settings of each policy that ${chosen}, as they are on ${n} test prompts; between two one mixes. Faint: its other settings. Diamonds: single models, the dearer the more they stand out; dashed: dealt out to them by lot, chosen outside test. Dotted: a bound, in hindsight.`
    : `Further down and left is better, at equal quality: the numbers at the ends of a line are the mean scores there. Lines: the settings on each policy's curve of quality and cost, from least to best quality, on ${n} test prompts. Faint: its other settings. Diamonds: single models, the dearer the more they stand out.`;
  return el('figure', {}, el('h3', {}, `${yName[0].toUpperCase() + yName.slice(1)} and ${xName}`), root, el('figcaption', {}, caption + ' Rings: where the sliders below put each policy. Point at something for its interval.'),
    unnamed.length ? el('div', { class: 'legend' }, unnamed.map(p => el('span', { class: 'key' }, swatch(state, p), p.label))) : null);
}

// labels names lines and points directly, each once, where no other name and as few points as may be lie below it. It returns
// those for which there is no room.
function labels(root, list, points, place, box) {
  const taken = [], left = [];
  const clash = (r, t) => r[0] < t[2] && t[0] < r[2] && r[1] < t[3] && t[1] < r[3];
  for (const label of list) {
    const w = label.text.length * (label.soft ? 5.6 : 6.6);
    let best = null;
    label.at.forEach((p, rank) => {
      const [cx, cy] = place(p);
      for (const [dx, dy, anchor] of [[8, -7, 'start'], [-8, -7, 'end'], [8, 15, 'start'], [-8, 15, 'end'], [9, 4, 'start'], [-9, 4, 'end'], [0, -11, 'middle'], [0, 20, 'middle']]) {
        const x0 = cx + dx - (anchor === 'end' ? w : anchor === 'middle' ? w / 2 : 0), r = [x0, cy + dy - 10, x0 + w, cy + dy + 3];
        if (r[0] < box.left + 2 || r[2] > box.right || r[1] < box.top - 6 || r[3] > box.bottom || taken.some(t => clash(r, t))) continue;
        const over = points.filter(([a, b]) => a > r[0] - 2 && a < r[2] + 2 && b > r[1] - 2 && b < r[3] + 2).length;
        const cost = over * 3 + rank * 0.7;
        if (!best || cost < best.cost) best = { cost, over, r, x: cx + dx, y: cy + dy, anchor };
      }
    });
    if (!best || label.soft && best.over) {
      left.push(label);
      continue;
    }
    taken.push(best.r);
    root.append(svg('text', { x: best.x, y: best.y, 'text-anchor': best.anchor, 'pointer-events': 'none', class: label.soft ? 'name model' : 'name', style: `fill:${label.fill}` }, label.text));
  }
  return left;
}

// walk lets the arrow keys go from point to point.
function walk(state, root, all) {
  let at = -1;
  root.addEventListener('keydown', e => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!step) return;
    e.preventDefault();
    at = (at + step + all.length) % all.length;
    const [policy, p] = all[at];
    linked(keyOf(policy, p), true);
    const dot = root.querySelector('.pt.on');
    if (dot) tip.show(describe(state, policy, p), { target: dot });
  });
  root.addEventListener('blur', () => { tip.hide(); linked('', false); });
}
