// The fronts: three pairs of quantities, linked by their points, with a marker where the sliders put each policy.
function members(points, x, y) {
  const better = (a, b, q) => q.high ? a > b : a < b;
  return points.filter(([, p]) => !points.some(([, o]) => {
    const a = x.of(o), b = y.of(o), c = x.of(p), d = y.of(p);
    return !better(c, a, x) && !better(d, b, y) && (better(a, c, x) || better(b, d, y));
  }));
}

function front(state, xName, yName) {
  const width = wide(), height = 380, box = { left: 62, right: width - 14, top: 12, bottom: height - 44 };
  const x = quantities[xName], y = quantities[yName];
  const all = [];
  for (const policy of state.pool.policies) {
    if (policy.kind === 'zero') continue;
    for (const p of policy.points) if (known(x.of(p)) && known(y.of(p))) all.push([policy, p]);
  }
  if (!all.length) return null;
  const shown = all.filter(([policy]) => policy.kind !== 'oracle' || yName === 'quality');
  const sx = scale(shown.map(([, p]) => x.of(p)), box.left, box.right), sy = scale(shown.map(([, p]) => y.of(p)), box.bottom, box.top, y.high);
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', tabindex: 0, 'aria-label': `${y.label} against ${x.label}, ${all.length} points. The table of the ranking holds the numbers.` });
  root.append(axes(width, height, sx, sy, x.label, y.label, box));
  const zero = state.pool.policies.find(p => p.kind === 'zero');
  if (zero && yName === 'quality') {
    const line = zero.points.filter(p => known(x.of(p))).sort((a, b) => x.of(a) - x.of(b)).map(p => `${sx.at(x.of(p))},${sy.at(y.of(p))}`);
    root.append(svg('polyline', { points: line.join(' '), fill: 'none', stroke: 'var(--grey)', 'stroke-dasharray': '5 4' }));
  }
  const routers = all.filter(([policy]) => policy.kind === 'policy');
  const best = new Set(members(routers, x, y).map(([policy, p]) => keyOf(policy, p)));
  for (const [policy, p] of all.filter(([o]) => o.kind === 'single')) {
    root.append(point(state, policy, p, { cx: sx.at(x.of(p)), cy: sy.at(y.of(p)), r: 3, fill: 'var(--grey)', 'fill-opacity': 0.7 }));
  }
  for (const [policy, p] of routers) {
    const on = best.has(keyOf(policy, p));
    root.append(point(state, policy, p, { cx: sx.at(x.of(p)), cy: sy.at(y.of(p)), r: on ? 4.2 : 3, fill: on ? colour(state, policy) : 'var(--grey)', 'fill-opacity': on ? 1 : 0.4 }));
  }
  const oracle = all.filter(([policy]) => policy.kind === 'oracle')[0];
  if (oracle && yName === 'quality') root.append(svg('text', { x: sx.at(x.of(oracle[1])), y: sy.at(y.of(oracle[1])) + 5, 'text-anchor': 'middle' }, '★'));
  labels(state, root, members(routers, x, y), sx, sy, x, y, box);
  const markers = svg('g', {});
  root.append(markers);
  state.markers.push(ranked => {
    markers.replaceChildren(...ranked.filter(r => r.point && (r.policy.kind === 'policy' || r === ranked[0]) && known(x.of(r.point)) && known(y.of(r.point))).map((r, i) => svg('circle', {
      cx: sx.at(x.of(r.point)), cy: sy.at(y.of(r.point)), r: i === 0 ? 9 : 6.5, fill: 'none', stroke: i === 0 ? 'var(--ink)' : colour(state, r.policy),
      'stroke-width': i === 0 ? 2.5 : 1.6, 'pointer-events': 'none', class: 'marker', 'data-policy': r.policy.label,
    })));
  });
  walk(state, root, all);
  return el('figure', {}, el('h3', {}, `${yName[0].toUpperCase() + yName.slice(1)} and ${xName}`), root);
}

// labels names the policies of the front, each once, where there is room.
function labels(state, root, points, sx, sy, x, y, box) {
  const taken = [], named = new Set();
  for (const [policy, p] of points.sort((a, b) => y.of(b[1]) - y.of(a[1]))) {
    if (named.has(policy.label)) continue;
    const left = sx.at(x.of(p)), top = sy.at(y.of(p)), w = policy.label.length * 6.4;
    for (const [dx, dy, anchor] of [[8, -6, 'start'], [-8, -6, 'end'], [8, 14, 'start'], [-8, 14, 'end']]) {
      const x0 = anchor === 'start' ? left + dx : left + dx - w;
      const r = [x0, top + dy - 10, x0 + w, top + dy + 3];
      if (r[0] < box.left || r[2] > box.right || r[1] < 0 || taken.some(t => r[0] < t[2] && t[0] < r[2] && r[1] < t[3] && t[1] < r[3])) continue;
      taken.push(r);
      named.add(policy.label);
      root.append(svg('text', { x: left + dx, y: top + dy, 'text-anchor': anchor, 'pointer-events': 'none', class: 'name', style: `fill:${colour(state, policy)}` }, policy.label));
      break;
    }
  }
}

// walk lets the arrow keys go from point to point, in the order of the x axis.
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
    if (dot) tip.show(describe(policy, p), { target: dot });
  });
  root.addEventListener('blur', () => { tip.hide(); linked('', false); });
}

function legend(state) {
  const families = Object.entries(state.colours).map(([f, c]) => el('span', { class: 'key' }, el('span', { class: 'swatch', style: `background:${c}` }), f));
  const other = [];
  if (state.pool.policies.some(p => p.kind === 'single')) other.push(el('span', { class: 'key' }, el('span', { class: 'swatch', style: 'background:var(--grey)' }), 'single models'));
  other.push(el('span', { class: 'key' }, '★ oracle'), el('span', { class: 'key' }, '- - mixes of single models'), el('span', { class: 'key' }, '◯ where the sliders put each policy'));
  return el('div', { class: 'legend' }, families, other);
}
