// What words mean: the first occurrence of each term is marked and explained when pointed at, touched or focused.
function explain(root, terms) {
  const used = [];
  const skip = 'svg, pre, select, button, abbr, output, .prompt, h1, nav, #words';
  const escape = s => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const left = terms.map(t => [t, new RegExp('(?<![\\p{L}\\p{N}_-])(?:' + [...t.forms].sort((a, b) => b.length - a.length).map(escape).join('|') + ')(?![\\p{L}\\p{N}_-])', 'u')]);
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(skip)) nodes.push(walker.currentNode);
  for (let node of nodes) {
    for (let again = true; again && node;) {
      again = false;
      let first = null;
      left.forEach(([t, form], i) => {
        const found = form.exec(node.data);
        if (found && (!first || found.index < first.at)) first = { at: found.index, word: found[0], i, t };
      });
      if (!first) break;
      left.splice(first.i, 1);
      used.push(first.t);
      const rest = node.splitText(first.at);
      const after = rest.splitText(first.word.length);
      const show = e => tip.show(`${first.t.name}: ${first.t.text}`, e);
      rest.replaceWith(el('abbr', { tabindex: 0, 'aria-description': first.t.text, onpointerenter: show, onfocus: show, onpointerleave: tip.hide, onblur: tip.hide }, first.word));
      node = after;
      again = true;
    }
  }
  return used;
}

// glossary lists what was marked.
function glossary(terms) {
  return el('dl', { class: 'words' }, terms.flatMap(t => [el('dt', {}, t.name), el('dd', {}, t.text)]));
}

// wordsOf tells what a preference is: for tables, and in a clause of its own.
const wordsOf = (pool, preference) => pool.words[preference] || preference;
const meaningOf = (pool, preference) => pool.means[preference] || preference;
