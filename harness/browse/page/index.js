'use strict';
(() => {
  const el = (tag, set, ...children) => {
    const e = document.createElement(tag);
    Object.assign(e, set);
    e.append(...children);
    return e;
  };
  const path = (r) => `${encodeURIComponent(r.experiment)}/${encodeURIComponent(r.id)}`;
  const three = (x) => x === null || x === undefined ? '' : x.toFixed(3);
  const span = (s) => s < 60 ? `${s.toFixed(0)} s` : s < 3600 ? `${(s / 60).toFixed(0)} min` : `${(s / 3600).toFixed(1)} h`;
  const top = (r) => r.best.length ? r.best[0] : null;

  // A column says how to sort by it and how to show it; text columns sort by their words.
  const columns = [
    {name: '', plain: true, show: (r) => pick(r)},
    {name: 'Experiment', text: true, key: (r) => r.experiment, show: (r) => el('a', {href: `run/${path(r)}/`, textContent: r.experiment, title: r.description || ''})},
    {name: 'Run', text: true, key: (r) => r.id, show: (r) => el('code', {textContent: r.id})},
    {name: 'State', text: true, key: (r) => r.state, show: state},
    {name: 'Started', key: (r) => r.started || '', show: (r) => r.started ? new Date(r.started).toLocaleString([], {dateStyle: 'medium', timeStyle: 'short'}) : ''},
    {name: 'Best policy', text: true, key: (r) => top(r) ? top(r).policy : '', show: best},
    {name: 'AIQ (pool)', key: (r) => top(r) ? top(r).value : -1, show: value},
    {name: 'Test prompts', key: (r) => r.test_prompts, show: (r) => r.test_prompts ? r.test_prompts.toLocaleString('en') : ''},
    {name: 'Seeds', key: (r) => r.seeds, show: (r) => r.seeds || ''},
    {name: 'Work', key: (r) => r.wall_s, show: (r) => span(r.wall_s)},
    {name: 'Own gCO2e', key: (r) => r.own_g_co2e, show: (r) => r.own_g_co2e ? r.own_g_co2e.toPrecision(2) : ''},
    {name: 'Backend', text: true, key: (r) => r.backend || '', show: (r) => r.backend || ''},
    {name: 'Revision', text: true, key: (r) => r.revision || '', show: (r) => el('code', {textContent: (r.revision || '').slice(0, 8)})},
  ];
  let runs = [], by = 4, down = true;
  const chosen = new Set();

  function pick(r) {
    const box = el('input', {type: 'checkbox', checked: chosen.has(path(r)), ariaLabel: `choose ${r.experiment} ${r.id}`});
    box.disabled = !r.best.length;
    box.addEventListener('change', () => {
      if (box.checked) chosen.add(path(r)); else chosen.delete(path(r));
      buttons();
    });
    return box;
  }
  function state(r) {
    const name = el('span', {className: `state ${r.state}`, textContent: r.state});
    if (r.state === 'complete' || !r.total) return name;
    const label = ` ${r.done} of ${r.total}`;
    return r.state === 'running' ? el('span', {}, name, ' ', el('progress', {max: r.total, value: r.done, ariaLabel: label.trim()}), label) : el('span', {}, name, label);
  }
  // A policy is called best only where it is clear of the second; the second stands beside it else.
  function best(r) {
    const b = top(r);
    if (!b) return r.problem || '';
    if (b.hindsight) return el('span', {title: 'A run of an older version: the highest AIQ of the test prompts'}, `${b.policy} (${b.pool}, in hindsight)`);
    if (b.clear || !b.second) return `${b.policy} (${b.pool})`;
    return el('span', {title: `They differ by ${three(b.diff)} [${three(b.diff_low)}, ${three(b.diff_high)}]`}, `${b.policy} or ${b.second} (${b.pool}), not clear`);
  }
  function value(r) {
    const b = top(r);
    if (!b) return '';
    const name = b.metric === 'aiq_pool' ? '' : ` ${b.metric}`;
    return b.low === null ? three(b.value) + name : el('span', {}, three(b.value) + name, el('span', {className: 'ci', textContent: ` [${three(b.low)}, ${three(b.high)}]`}));
  }
  function buttons() {
    document.getElementById('open').disabled = chosen.size === 0;
    document.getElementById('compare').disabled = chosen.size !== 2;
  }
  const query = () => [...chosen].map((name) => `run=${encodeURIComponent(decodeURIComponent(name))}`).join('&');
  document.getElementById('open').addEventListener('click', () => { location.href = `report?${query()}`; });
  // The older run is the one before.
  document.getElementById('compare').addEventListener('click', () => {
    const order = runs.filter((r) => chosen.has(path(r))).sort((a, b) => (a.started || '') < (b.started || '') ? -1 : 1);
    location.href = `compare?${order.map((r) => `run=${encodeURIComponent(`${r.experiment}/${r.id}`)}`).join('&')}`;
  });

  const head = document.querySelector('#runs thead tr');
  columns.forEach((c, i) => {
    const th = el('th', {scope: 'col', className: c.text ? 'text' : ''});
    if (c.plain) {
      th.append(el('span', {className: 'skip', textContent: 'choose'}));
    } else {
      const b = el('button', {textContent: c.name});
      b.addEventListener('click', () => {
        down = by === i ? !down : !c.text;
        by = i;
        draw();
      });
      th.append(b);
    }
    head.append(th);
  });

  function draw() {
    const words = document.getElementById('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
    const shown = runs.filter((r) => {
      const all = [r.experiment, r.id, r.state, r.description, r.backend, r.revision, ...r.best.map((b) => `${b.policy} ${b.second || ''} ${b.pool}`)].join(' ').toLowerCase();
      return words.every((w) => all.includes(w));
    });
    const key = columns[by].key;
    shown.sort((a, b) => {
      const x = key(a), y = key(b);
      return (x < y ? -1 : x > y ? 1 : 0) * (down ? -1 : 1);
    });
    [...head.children].forEach((th, i) => th.setAttribute('aria-sort', i !== by ? 'none' : down ? 'descending' : 'ascending'));
    const focus = document.activeElement && document.activeElement.type === 'checkbox' ? document.activeElement.ariaLabel : null;
    document.querySelector('#runs tbody').replaceChildren(...shown.map((r) => el('tr', {}, ...columns.map((c) => {
      const cell = el('td', {className: c.text ? 'text' : ''}, c.show(r));
      return cell;
    }))));
    if (focus) [...document.querySelectorAll('#runs input')].filter((b) => b.ariaLabel === focus).forEach((b) => b.focus());
    document.getElementById('count').textContent = shown.length === runs.length ? `${runs.length} runs` : `${shown.length} of ${runs.length} runs`;
    document.documentElement.dataset.ready = 'true';
  }
  document.getElementById('filter').addEventListener('input', draw);

  let last = '';
  async function refresh() {
    const problem = document.getElementById('problem');
    try {
      const answer = await fetch('runs.json');
      const text = await answer.text();
      if (!answer.ok) throw new Error(text);
      problem.textContent = '';
      if (text !== last) {
        last = text;
        runs = JSON.parse(text);
        draw();
      }
    } catch (e) {
      problem.textContent = `The server does not answer: ${e.message}`;
    }
    setTimeout(refresh, runs.some((r) => r.state === 'running') ? 1000 : 4000);
  }
  refresh();
})();
