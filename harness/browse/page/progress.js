'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const items = (list, texts) => list.replaceChildren(...texts.map((t) => {
    const li = document.createElement('li');
    li.textContent = t;
    return li;
  }));
  async function refresh() {
    try {
      const answer = await fetch(document.body.dataset.status);
      if (!answer.ok) throw new Error(await answer.text());
      const p = await answer.json();
      if (p.complete && !p.running) {
        location.reload();
        return;
      }
      const state = p.running ? 'Running' : 'Stopped before it was complete';
      $('state').textContent = `${state}: ${p.done} of ${p.total} cells done${p.failed ? `, ${p.failed} failed` : ''}${p.left ? `; about ${p.left} left` : ''}`;
      $('bar').max = p.total || 1;
      $('bar').value = p.done;
      items($('doing'), p.doing);
      $('failures').hidden = p.reasons.length === 0;
      items(document.querySelector('#failures ul'), p.reasons);
      $('problem').textContent = '';
      document.documentElement.dataset.ready = 'true';
    } catch (e) {
      $('problem').textContent = `The server does not answer: ${e.message}`;
    }
    setTimeout(refresh, 1000);
  }
  refresh();
})();
