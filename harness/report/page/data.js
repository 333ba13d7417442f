// Unpacking, formats and small makers of elements. Text from data only ever becomes text nodes.
async function unpack() {
  const packed = Uint8Array.from(atob(document.getElementById('data').content.textContent.trim()), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return JSON.parse(await new Response(stream).text());
}

function el(name, attributes, ...children) {
  const e = document.createElement(name);
  for (const [k, v] of Object.entries(attributes || {})) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v);
    else if (v === true) e.setAttribute(k, '');
    else if (v !== false && v !== null && v !== undefined) e.setAttribute(k, v);
  }
  for (const c of children.flat()) if (c !== null && c !== undefined) e.append(c);
  return e;
}

const known = x => x !== null && x !== undefined && !Number.isNaN(x);
const fixed = (x, n = 3) => known(x) ? x.toFixed(n) : '–';
const short = x => !known(x) ? '–' : x === 0 ? '0' : Math.abs(x) >= 1000 ? Math.round(x).toLocaleString('en') : String(+x.toPrecision(3));
const percent = x => known(x) ? (100 * x).toFixed(1) + ' %' : '–';
const signed = (x, n = 3) => known(x) ? (x < 0 ? '−' : '+') + Math.abs(x).toFixed(n) : '–';

// Quantities of a point; the weights of the sliders are in score for one unit of each.
const quantities = {
  quality: { label: 'Quality (mean score)', of: p => p.q[0], high: true, show: x => fixed(x) },
  cost: { label: 'Cost (USD per 1,000 prompts)', of: p => p.c, show: x => short(x) + ' USD/1k' },
  carbon: { label: 'Emissions (gCO2e per 1,000 prompts)', of: p => p.g[0], show: x => short(x) + ' g/1k' },
  latency: { label: 'Latency (s)', of: p => p.t, show: x => short(x) + ' s' },
};

// A policy's name, marked where it has no rank, as in the tables.
const named = policy => policy.label + (policy.role === 'labelled' ? '‡' : policy.role === 'thin' ? '§' : '');

// Colours and markers are those of the run's plots; the style sheet that paint writes knows them on white and on dark pages.
function paint(run) {
  const looks = run.looks || [], all = key => looks.map((l, i) => `--l${i}:${l[key]};--i${i}:${key === 'd' ? l.d : l.i}`).join(';');
  let sheet = document.getElementById('looks');
  if (!sheet) document.head.append(sheet = el('style', { id: 'looks' }));
  sheet.textContent = `:root{${all('c')}}@media (prefers-color-scheme:dark){:root:not([data-theme=light]){${all('d')}}}:root[data-theme=dark]{${all('d')}}`;
}

const colour = policy => `var(--l${policy.look})`;
const written = policy => `var(--i${policy.look})`;
const modelColour = (state, id) => { const m = (state.run.models || []).find(m => m.id === id); return m ? colour(m) : 'var(--grey)'; };

function describe(state, policy, p) {
  const lines = [policy.label.replace(/^single:/, ''), ...(p.p && policy.kind !== 'single' ? [meaningOf(state.pool, p.p)] : []),
    `quality ${fixed(p.q[0])} [${fixed(p.q[1])}, ${fixed(p.q[2])}]`, `cost ${short(p.c)} USD/1k`];
  if (known(p.g[0])) lines.push(`emissions ${short(p.g[0])} g/1k` + (p.g[1] < p.g[2] ? ` (${short(p.g[1])} to ${short(p.g[2])})` : ''));
  if (known(p.t)) lines.push(`latency ${short(p.t)} s`);
  return lines.join('\n');
}
