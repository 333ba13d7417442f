// Prompts one by one: what was asked, what every model answered, what each policy chose and what that was worth.
const pageOfPrompts = 25;

const at = (list, i) => list ? list[i] : null;

// utility is the score less what is weighed, and how that is reckoned. What is weighed and not known leaves it unknown.
function utility(lambda, score, cost, carbon, latency) {
  let sum = score, text = fixed(score, 2);
  [[cost, 'cost'], [carbon, 'carbon'], [latency, 'time'], [null, 'water']].forEach(([x, name], k) => {
    if (!lambda[k]) return;
    sum = sum === null || !known(x) ? null : sum - lambda[k] * x;
    text += known(x) ? ` − ${short(lambda[k] * x)} for ${name}` : ` − ? for ${name}`;
  });
  return { sum, text: `${text} = ${fixed(sum)}` };
}

function drill(state) {
  const data = state.run.prompts;
  if (!data.id) return el('p', { class: 'soft' }, 'This run keeps no prompts; run its experiment again to see them here.');
  const models = data.models.length;
  const routers = state.pool.policies.filter(p => p.chosen && p.chosen.length);
  const settings = routers.flatMap(p => p.chosen.map((c, i) => [p, c, `${p.label}, ${wordsOf(state.pool, c.p)}`, i]));
  if (!settings.length) return el('p', { class: 'soft' }, 'No policy of this pool kept its decisions.');
  const search = el('input', { type: 'search', placeholder: 'words in the prompt or its id', 'aria-label': 'Search prompts', id: 'search' });
  const which = el('select', { 'aria-label': 'Policy whose choices are judged', id: 'judged' }, settings.map(([, , name], i) => el('option', { value: i }, name)));
  const filter = el('select', { 'aria-label': 'Filter', id: 'filter' }, [['all', 'all prompts'], ['lost', 'router wrong, oracle right'], ['wrong', 'router wrong'], ['right', 'router right'], ['hopeless', 'no model right']].map(([v, t]) => el('option', { value: v }, t)));
  const status = el('p', { class: 'soft', role: 'status' }), list = el('div', { id: 'prompts' });
  const more = el('button', { type: 'button', class: 'noprint' }, 'Show more');
  const member = data.models.map((m, k) => [m, k]);
  const best = i => {
    let top = -1;
    for (let k = 0; k < models; k++) top = Math.max(top, data.s[i * models + k]);
    return top;
  };
  let found = [], shown = 0;
  const show = () => {
    for (const i of found.slice(shown, shown + pageOfPrompts)) list.append(one(i));
    shown = Math.min(found.length, shown + pageOfPrompts);
    more.hidden = shown >= found.length;
    status.textContent = `${found.length.toLocaleString('en')} prompts, ${shown} shown`;
  };
  const one = i => {
    const box = el('details', { class: 'prompt' }, el('summary', {}, verdict(i), ` ${data.category[i] ? '[' + data.category[i] + '] ' : ''}${data.text[i].slice(0, 110) || data.id[i]}`));
    box.addEventListener('toggle', () => { if (box.open && box.childElementCount === 1) box.append(inside(i)); });
    return box;
  };
  const verdict = i => {
    const s = settings[which.value][1].s[i];
    return s < 0 ? el('span', { class: 'soft' }, '–') : s >= 500 ? el('span', { class: 'right' }, '✓ right') : el('span', { class: 'wrong' }, '✗ wrong');
  };
  const inside = i => {
    const answers = member.filter(([, k]) => data.a[i * models + k] >= 0).map(([m, k]) => {
      const at = i * models + k, s = data.s[at] / 1000;
      return [m, data.answers[data.a[at]] || '(no answer)', el('span', { class: s >= 0.5 ? 'right' : 'wrong' }, fixed(s, 2)), short(1000 * data.c[at])];
    }).sort((a, b) => parseFloat(b[2].textContent) - parseFloat(a[2].textContent));
    const choices = settings.map(([policy, c, name]) => {
      const lambda = (policy.points.find(p => p.p === c.p) || { l: [0, 0, 0, 0] }).l;
      const value = c.s[i] < 0 ? null : utility(lambda, c.s[i] / 1000, at(c.c, i), at(c.g, i), at(c.t, i));
      let top = null;
      for (let k = 0; k < models; k++) {
        const j = i * models + k;
        if (data.s[j] < 0) continue;
        const u = utility(lambda, data.s[j] / 1000, at(data.c, j), at(data.g, j), at(data.t, j));
        // Of equals the cheaper.
        if (known(u.sum) && (!top || u.sum > top.sum || u.sum === top.sum && at(data.c, j) < top.cost)) top = { model: data.models[k], sum: u.sum, cost: at(data.c, j) };
      }
      const asked = c.a ? c.a[i] : 1;
      return [name, (c.m[i] >= 0 ? data.models[c.m[i]] : '–') + (asked > 1 ? ` and ${asked - 1} more` : ''), fixed(c.s[i] < 0 ? null : c.s[i] / 1000, 2), short(1000 * c.c[i]),
        value ? value.text : '–', top ? `${top.model} (${fixed(top.sum)})` : '–'];
    });
    return el('div', { class: 'in' }, el('p', { class: 'soft' }, `${data.id[i]}${data.reference[i] ? ' · reference: ' + data.reference[i] : ''}`), el('pre', { tabindex: 0 }, data.text[i]),
      table('What each model answered', ['Model', 'Answer', 'Score', 'USD/1k'], answers),
      table('What each policy chose, what its setting says of that (score, less what cost, carbon and time are worth), and the best choice in hindsight', ['Policy, and what a point is worth', 'Chose', 'Score', 'USD/1k', 'Why', 'Best in hindsight'], choices));
  };
  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean), chosen = settings[which.value][1];
    found = [];
    for (let i = 0; i < data.id.length; i++) {
      const s = chosen.s[i], top = best(i);
      if (s < 0) continue;
      if (filter.value === 'lost' && !(s < 500 && top >= 500)) continue;
      if (filter.value === 'wrong' && s >= 500) continue;
      if (filter.value === 'right' && s < 500) continue;
      if (filter.value === 'hopeless' && top >= 500) continue;
      if (words.length) {
        const text = (data.id[i] + ' ' + data.category[i] + ' ' + data.text[i]).toLowerCase();
        if (!words.every(w => text.includes(w))) continue;
      }
      found.push(i);
    }
    list.replaceChildren();
    shown = 0;
    show();
  };
  more.addEventListener('click', show);
  search.addEventListener('input', update);
  for (const s of [which, filter]) s.addEventListener('change', update);
  update();
  return el('div', {}, el('div', { class: 'bar noprint' }, search, which, filter), status, list, more);
}
