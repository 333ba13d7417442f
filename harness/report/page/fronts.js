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
  // Lines are straight between two settings: whoever can afford it mixes both.
  const through = (points, attributes) => {
    const way = points.flatMap((p, i) => i === 0 ? [[x.of(p), y.of(p)]] : Array.from({ length: 24 }, (_, k) => {
      const w = (k + 1) / 24, a = points[i - 1];
      return [x.of(a) + (x.of(p) - x.of(a)) * w, y.of(a) + (y.of(p) - y.of(a)) * w];
    }));
    root.append(svg('polyline', { points: way.map(([a, b]) => `${sx.at(a)},${sy.at(b)}`).join(' '), fill: 'none', ...attributes }));
  };
  const byX = (a, b) => x.of(a) - x.of(b) || y.of(b) - y.of(a);
  const zero = state.pool.policies.find(p => p.kind === 'zero'), oracle = state.pool.policies.find(p => p.kind === 'oracle');
  // Mixes of single models: by cost those of the Zero router, by emissions those that the selection prompts speak for.
  const mixes = xName === 'cost' ? (zero ? zero.points : []) : state.pool.policies.filter(p => p.kind === 'single').flatMap(p => p.points).filter(p => p.h & 2).sort(byX);
  if (yName === 'quality') through(mixes.filter(p => known(x.of(p))), { stroke: 'var(--grey)', 'stroke-dasharray': '5 4' });
  if (oracle && yName === 'quality') {
    const line = [];
    for (const p of oracle.points.filter(p => known(x.of(p)) && known(y.of(p))).sort(byX)) if (!line.length || y.of(p) > y.of(line[line.length - 1])) line.push(p);
    through(line, { stroke: 'var(--ink)', 'stroke-dasharray': '1.5 3', class: 'oracle' });
  }
  const routers = all.filter(([policy]) => policy.kind === 'policy');
  // Which settings of a policy are its curve was chosen on the selection prompts; cost and emissions know no such curve, and
  // older runs no such prompts.
  const bit = yName !== 'quality' || !selected(state.pool) ? 0 : xName === 'carbon' ? 2 : 1;
  const chosen = bit ? routers.filter(([, p]) => p.h & bit) : members(routers.filter(([policy]) => isRanked(policy)), x, y);
  const best = new Set(chosen.map(([policy, p]) => keyOf(policy, p)));
  if (bit) for (const policy of new Set(chosen.map(([o]) => o))) through(policy.points.filter(p => p.h & bit && known(x.of(p)) && known(y.of(p))).sort(byX), { stroke: colour(state, policy), 'stroke-width': 1.5 });
  for (const [policy, p] of all.filter(([o]) => o.kind === 'single')) {
    root.append(point(state, policy, p, { cx: sx.at(x.of(p)), cy: sy.at(y.of(p)), r: 3, fill: 'var(--grey)', 'fill-opacity': 0.7 }));
  }
  for (const [policy, p] of routers) {
    const on = best.has(keyOf(policy, p));
    root.append(point(state, policy, p, { cx: sx.at(x.of(p)), cy: sy.at(y.of(p)), r: on ? 4.2 : 3, fill: on ? colour(state, policy) : 'var(--grey)', 'fill-opacity': on ? 1 : 0.4 }));
  }
  labels(state, root, chosen, sx, sy, x, y, box);
  const markers = svg('g', {});
  root.append(markers);
  state.markers.push(ranked => {
    markers.replaceChildren(...ranked.filter(r => r.point && (r.policy.kind === 'policy' || r === ranked[0]) && known(x.of(r.point)) && known(y.of(r.point))).map((r, i) => svg('circle', {
      cx: sx.at(x.of(r.point)), cy: sy.at(y.of(r.point)), r: i === 0 && isRanked(r.policy) ? 9 : 6.5, fill: 'none', stroke: i === 0 && isRanked(r.policy) ? 'var(--ink)' : colour(state, r.policy),
      'stroke-width': i === 0 && isRanked(r.policy) ? 2.5 : 1.6, 'pointer-events': 'none', class: 'marker', 'data-policy': r.policy.label,
    })));
  });
  walk(state, root, all);
  return el('figure', {}, el('h3', {}, `${yName[0].toUpperCase() + yName.slice(1)} and ${xName}`), root);
}

// labels names the policies of the front, each once, where there is room.
function labels(state, root, points, sx, sy, x, y, box) {
  const taken = [], done = new Set();
  for (const [policy, p] of points.sort((a, b) => y.of(b[1]) - y.of(a[1]))) {
    if (done.has(policy.label)) continue;
    const left = sx.at(x.of(p)), top = sy.at(y.of(p)), w = policy.label.length * 6.4;
    for (const [dx, dy, anchor] of [[8, -6, 'start'], [-8, -6, 'end'], [8, 14, 'start'], [-8, 14, 'end']]) {
      const x0 = anchor === 'start' ? left + dx : left + dx - w;
      const r = [x0, top + dy - 10, x0 + w, top + dy + 3];
      if (r[0] < box.left || r[2] > box.right || r[1] < 0 || taken.some(t => r[0] < t[2] && t[0] < r[2] && r[1] < t[3] && t[1] < r[3])) continue;
      taken.push(r);
      done.add(policy.label);
      root.append(svg('text', { x: left + dx, y: top + dy, 'text-anchor': anchor, 'pointer-events': 'none', class: 'name', style: `fill:${colour(state, policy)}` }, named(policy)));
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
  other.push(el('span', { class: 'key' }, '⋯ oracle: a bound, in hindsight'), el('span', { class: 'key' }, '- - mixes of single models, chosen outside test'), el('span', { class: 'key' }, '● lines and full points: settings chosen on the selection prompts'), el('span', { class: 'key' }, '◯ where the sliders put each policy'));
  return el('div', { class: 'legend' }, families, other);
}
