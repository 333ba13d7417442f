// How far a run is, and what its cells have learnt. cells=all in the address shows the curves of every cell.
const $ = id => document.getElementById(id);
const items = (list, texts) => list.replaceChildren(...texts.map(t => el('li', {}, t)));
const every = () => new URLSearchParams(location.search).get('cells') === 'all';
let wasRunning = false, drawn = '', timer;

$('all').addEventListener('click', () => {
  const q = new URLSearchParams(location.search);
  if (every()) q.delete('cells'); else q.set('cells', 'all');
  history.pushState(null, '', String(q) ? `?${q}` : location.pathname);
  refresh();
});
addEventListener('popstate', refresh);

// curve draws one metric of one stage by step.
function curve(c) {
  const width = 250, height = 150, box = { left: 52, right: width - 8, top: 8, bottom: height - 34 };
  const x = scale(c.steps, box.left, box.right, true), y = scale(c.values, box.bottom, box.top, true);
  const last = c.values[c.values.length - 1], name = `${c.stage}: ${c.metric.replaceAll('_', ' ')}`;
  x.ticks = x.ticks.filter(([v]) => Number.isInteger(v)).filter((_, i, t) => t.length < 4 || i % 2 === 0);
  y.ticks = y.ticks.filter((_, i, t) => t.length < 5 || i % 2 === 0);
  const root = svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `${name}: ${short(last)} at step ${c.steps[c.steps.length - 1]}` });
  root.append(axes(width, height, x, y, 'step', '', box));
  root.append(svg('polyline', { points: c.steps.map((s, k) => `${x.at(s)},${y.at(c.values[k])}`).join(' '), fill: 'none', stroke: 'var(--f0)', 'stroke-width': 1.5 }));
  root.append(svg('circle', { cx: x.at(c.steps[c.steps.length - 1]), cy: y.at(last), r: 3, fill: 'var(--f0)' }));
  return el('figure', {}, root, el('figcaption', {}, `${name}, now ${short(last)}`));
}
// shownOf are the first curves of the stage that a cell is at, unless all are asked for.
const few = 4;
const shownOf = list => every() ? list : list.filter(c => c.stage === list[list.length - 1].stage).slice(0, few);

function curves(p) {
  const text = JSON.stringify([p.cells, p.hidden, every()]);
  if (text === drawn) return;
  drawn = text;
  $('curves').replaceChildren(...p.cells.map(c => el('section', {}, el('h3', {}, c.label, c.active ? el('span', { class: 'state running' }, ' learning') : null), el('div', { class: 'small' }, shownOf(c.curves).map(curve)))));
  $('all').hidden = !every() && !p.hidden && p.cells.every(c => shownOf(c.curves).length === c.curves.length);
  $('all').setAttribute('aria-pressed', String(every()));
  $('learners').textContent = p.hidden ? `${p.hidden} cells more have learnt something.` : p.cells.length ? '' : 'None yet. Policies that do not learn by steps have none.';
}

async function refresh() {
  clearTimeout(timer);
  try {
    const answer = await fetch(document.body.dataset.status + (every() ? '?cells=all' : ''));
    if (!answer.ok) throw new Error(await answer.text());
    const p = await answer.json();
    if (p.complete && !p.running && wasRunning && !document.body.dataset.complete) {
      location.reload(); // to the report
      return;
    }
    wasRunning = p.running || !p.complete;
    const state = p.running ? 'Running' : p.complete ? 'Complete' : 'Stopped before it was complete';
    $('state').textContent = `${state}: ${p.done} of ${p.total} cells done${p.failed ? `, ${p.failed} failed` : ''}${p.left ? `; about ${p.left} left` : ''}`;
    $('bar').max = p.total || 1;
    $('bar').value = p.done;
    items($('doing'), p.doing);
    $('failures').hidden = p.reasons.length === 0;
    items(document.querySelector('#failures ul'), p.reasons);
    curves(p);
    $('problem').textContent = '';
    document.documentElement.dataset.ready = 'true';
    if (!p.running && p.complete) return;
  } catch (e) {
    $('problem').textContent = `The server does not answer: ${e.message}`;
  }
  timer = setTimeout(refresh, 1000);
}
refresh();
