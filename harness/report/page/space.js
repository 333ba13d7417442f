// The three quantities at once: a cloud that turns by dragging or by the arrow keys.
function cloud(state) {
  const width = wide(), height = Math.round(width * 0.68), list = [];
  for (const policy of state.pool.policies) {
    if (policy.kind === 'zero' || policy.kind === 'oracle') continue;
    for (const p of policy.points) if (known(p.g[0]) && known(p.q[0]) && known(p.c)) list.push([policy, p]);
  }
  if (!list.length) return null;
  const unit = (name, linear) => {
    const q = quantities[name], s = scale(list.map(([, p]) => q.of(p)), -1, 1, linear);
    return p => s.at(q.of(p));
  };
  const fx = unit('cost'), fy = unit('quality', true), fz = unit('carbon');
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: 'img', style: 'touch-action:none;cursor:grab', 'aria-label': `Quality, cost and emissions of ${list.length} points in three dimensions. Turn with the arrow keys.` });
  const frame = svg('g', {}), dots = svg('g', {});
  root.append(frame, dots);
  const circles = list.map(([policy, p]) => point(state, policy, p, 0, 0, 1, { opacity: 0.9 }));
  dots.append(...circles);
  let turn = -0.6, tilt = 0.35;
  const project = (x, y, z) => {
    const a = x * Math.cos(turn) + z * Math.sin(turn), b = -x * Math.sin(turn) + z * Math.cos(turn);
    const depth = 1 / (3.6 + b * Math.cos(tilt) * 0.6);
    return [width / 2 + a * width * depth, height / 2 - (y * Math.cos(tilt) + b * Math.sin(tilt) * -0.8) * width * 0.84 * depth];
  };
  const draw = () => {
    frame.replaceChildren();
    const edge = (a, b, label) => {
      const [x1, y1] = project(...a), [x2, y2] = project(...b);
      frame.append(svg('line', { x1, y1, x2, y2, class: 'axis' }));
      if (label) frame.append(svg('text', { x: x2, y: y2 - 4, 'text-anchor': 'middle', class: 'soft' }, label));
    };
    edge([-1, -1, -1], [1, -1, -1], 'cost →');
    edge([-1, -1, -1], [-1, 1, -1], 'quality ↑');
    edge([-1, -1, -1], [-1, -1, 1], 'emissions →');
    edge([1, -1, -1], [1, -1, 1]);
    edge([-1, -1, 1], [1, -1, 1]);
    list.forEach(([, p], i) => {
      const [cx, cy] = project(fx(p), fy(p), fz(p));
      circles[i].setAttribute('transform', `translate(${cx} ${cy}) scale(${list[i][0].kind === 'policy' ? 3.6 : 2.6})`);
    });
  };
  let from = null;
  root.addEventListener('pointerdown', e => { from = [e.clientX, e.clientY, turn, tilt]; root.setPointerCapture(e.pointerId); });
  root.addEventListener('pointermove', e => {
    if (!from) return;
    turn = from[2] + (e.clientX - from[0]) / 120;
    tilt = Math.max(-1.2, Math.min(1.2, from[3] + (e.clientY - from[1]) / 160));
    draw();
  });
  for (const end of ['pointerup', 'pointercancel']) root.addEventListener(end, () => { from = null; });
  root.addEventListener('keydown', e => {
    const by = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[e.key];
    if (!by) return;
    e.preventDefault();
    turn += by[0];
    tilt = Math.max(-1.2, Math.min(1.2, tilt + by[1]));
    draw();
  });
  draw();
  return el('figure', {}, el('h3', {}, 'All three'), root, el('figcaption', {}, 'Drag, or use the arrow keys, to turn. Cost and emissions on logarithmic axes where they span more than a factor of 20.'));
}
