// Scales and axes over SVG.
const space = 'http://www.w3.org/2000/svg';

function svg(name, attributes, ...children) {
  const e = document.createElementNS(space, name);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (known(v)) e.setAttribute(k, v);
  }
  e.append(...children.flat().filter(known));
  return e;
}

// wide is the width of a figure in its own units: small on small screens, so that its text stays readable.
const wide = () => innerWidth < 640 ? 380 : 560;

// scale maps values to pixels; logarithmic where positive values span more than a factor of 20.
function scale(values, from, to, linear) {
  values = values.filter(Number.isFinite);
  let low = Math.min(...values), high = Math.max(...values);
  if (!values.length) [low, high] = [0, 1];
  const positive = values.filter(x => x > 0), smallest = Math.min(...positive);
  const log = !linear && low >= 0 && positive.length > 0 && high > 20 * smallest;
  const zero = log ? Math.log10(smallest) - 0.4 : 0;
  const map = log ? x => x > 0 ? Math.log10(x) : zero : x => x;
  let a = map(low), b = map(high);
  const pad = (b - a) * 0.06 || Math.abs(b) * 0.1 || 0.5;
  a -= pad;
  b += pad;
  const at = x => from + (map(x) - a) / (b - a) * (to - from);
  return { at, ticks: log ? logTicks(a, b, low === 0 ? zero : null) : ticks(a, b), log };
}

function ticks(a, b, count = 5) {
  const step = 10 ** Math.floor(Math.log10((b - a) / count));
  const by = [1, 2, 5, 10].map(k => k * step).find(s => (b - a) / s <= count) || step * 10;
  const out = [];
  for (let k = Math.ceil(a / by); k * by <= b; k++) out.push([k * by, String(+(k * by).toPrecision(6))]);
  return out;
}

function logTicks(a, b, zero) {
  const out = zero === null ? [] : [[0, '0']];
  const steps = b - a > 3 ? [1] : [1, 2, 5];
  for (let e = Math.floor(a); e <= b; e++) for (const k of steps) {
    const x = k * 10 ** e;
    if (Math.log10(x) >= a && Math.log10(x) <= b) out.push([x, short(x)]);
  }
  return out;
}

// axes draws a frame with ticks and labels and returns where to put the data.
function axes(width, height, x, y, xLabel, yLabel, box) {
  const g = svg('g', { 'aria-hidden': 'true' });
  for (const [v, text] of x.ticks) {
    const at = x.at(v);
    g.append(svg('line', { x1: at, x2: at, y1: box.top, y2: box.bottom, class: 'gridline' }),
      svg('text', { x: at, y: box.bottom + 15, 'text-anchor': 'middle', class: 'soft' }, text));
  }
  for (const [v, text] of y.ticks) {
    const at = y.at(v);
    g.append(svg('line', { x1: box.left, x2: box.right, y1: at, y2: at, class: 'gridline' }),
      svg('text', { x: box.left - 6, y: at + 4, 'text-anchor': 'end', class: 'soft' }, text));
  }
  g.append(svg('text', { x: (box.left + box.right) / 2, y: height - 4, 'text-anchor': 'middle' }, xLabel));
  g.append(svg('text', { x: 12, y: (box.top + box.bottom) / 2, 'text-anchor': 'middle', transform: `rotate(-90 12 ${(box.top + box.bottom) / 2})` }, yLabel));
  return g;
}

const tip = {
  show(text, event) {
    const t = document.getElementById('tip');
    t.textContent = text;
    t.hidden = false;
    const r = event.target.getBoundingClientRect ? event.target.getBoundingClientRect() : { right: 0, top: 0 };
    const x = event.clientX || r.right, y = event.clientY || r.top;
    t.style.left = Math.max(4, Math.min(x + 14, innerWidth - t.offsetWidth - 8)) + 'px';
    t.style.top = Math.max(4, Math.min(y + 14, innerHeight - t.offsetHeight - 8)) + 'px';
  },
  hide() { document.getElementById('tip').hidden = true; },
};

// linked marks a point wherever it is drawn.
function linked(key, on) {
  for (const e of document.querySelectorAll('.pt.on')) e.classList.remove('on');
  if (on) for (const e of document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)) e.classList.add('on');
}

const keyOf = (policy, p) => policy.label + '\u0001' + p.p;

// mark draws a policy's marker.
function mark(state, policy, x, y, r, attributes) {
  const look = state.run.looks[policy.look], tint = colour(policy);
  const style = look.h ? { fill: 'var(--panel)', stroke: tint, 'stroke-width': 1.6 } : { fill: tint };
  return svg('path', { d: look.m, transform: `translate(${x} ${y}) scale(${r})`, 'vector-effect': 'non-scaling-stroke', ...style, ...attributes });
}

function point(state, policy, p, x, y, r, attributes) {
  const key = keyOf(policy, p), text = describe(state, policy, p);
  const on = e => { tip.show(text, e); linked(key, true); };
  const off = () => { tip.hide(); linked(key, false); };
  return mark(state, policy, x, y, r, { class: 'pt', 'data-key': key, onpointerenter: on, onpointerleave: off, onclick: () => state.choose(policy.label), ...attributes });
}

// swatch is a policy's colour and marker beside its name.
function swatch(state, policy) {
  const s = svg('svg', { viewBox: '-1.5 -1.5 3 3', class: 'swatch', 'aria-hidden': 'true' });
  s.append(mark(state, policy, 0, 0, 1.1, {}));
  return s;
}
