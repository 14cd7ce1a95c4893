// The list of losses: in groups, filtered while the reader types, and built a
// page of rows at a time, so that ten thousand are as quick as ten.
(function () {
  const list = document.getElementById('list');
  if (!list) return; // nothing was lost
  const page = 200, printCap = Number(list.dataset.printCap), total = zl.losses.length;
  const input = document.getElementById('q'), count = document.getElementById('count'), more = document.getElementById('more'), note = document.getElementById('print-note');
  let found = zl.losses, shown = page, hay;

  function haystack() {
    return zl.losses.map(function (l) {
      return [l.stream, l.seq, l.arm, l.cls, l.seen, l.status, l.hop, l.caller, l.callee, l.phase, l.window, l.release, l.explanation, l.error].join(' ').toLowerCase();
    });
  }
  function search() {
    const terms = input.value.toLowerCase().replace(/→/g, '->').split(/\s+/).filter(Boolean);
    hay = hay || haystack();
    found = terms.length ? zl.losses.filter(function (l) {
      return terms.every(function (t) { return t.length > 1 && t[0] === '-' ? !hay[l.i].includes(t.slice(1)) : hay[l.i].includes(t); });
    }) : zl.losses;
    shown = page;
    render();
  }

  function row(l) {
    const r = zl.el('details', { class: 'loss', id: l.stream + '-' + l.seq }), sum = zl.el('summary'), one = zl.el('div', { class: 'l1' });
    one.append(zl.el('a', { href: '#' + r.id }, zl.lossID(l)), zl.el('span', {}, zl.at(l.due)), zl.el('b', {}, l.cls), zl.el('span', {}, zl.arrows(l.hop)));
    sum.append(one, zl.el('div', { class: 'why' }, zl.arrows(l.explanation)));
    r.append(sum);
    r.addEventListener('toggle', function () { if (r.open && !r.querySelector('dl')) r.append(details(l)); });
    return r;
  }
  function details(l) {
    const dl = zl.el('dl');
    const add = function (k, v) {
      if (!v) return;
      const div = zl.el('div');
      div.append(zl.el('dt', {}, k), zl.el('dd', {}, v));
      dl.append(div);
    };
    add('due', zl.at(l.due) + ', sent ' + zl.took(l.sent - l.due) + ' later, failed ' + zl.took(l.done - l.sent) + ' after that');
    add('the client saw', l.seen + (l.status ? ' (' + l.status + ')' : ''));
    add('caller', l.caller);
    add('addressed to', l.callee + (l.phase ? ', then ' + l.phase : ''));
    add('release', l.release);
    add('trail', l.trail);
    add('error', l.error);
    return dl;
  }

  function render(limit) {
    const n = Math.min(limit || shown, found.length), out = document.createDocumentFragment(), per = new Map();
    for (const l of found) per.set(l.group, (per.get(l.group) || 0) + 1);
    let group = -1;
    for (let i = 0; i < n; i++) {
      const l = found[i];
      if (l.group !== group) {
        group = l.group;
        const g = zl.data.groups[group], h = zl.el('h3', {}, g.title + ' ');
        const k = per.get(group);
        h.append(zl.el('span', {}, g.extent + (k < g.count ? '; ' + zl.int(k) + ' match' : '')));
        out.append(h);
      }
      out.append(row(l));
    }
    list.replaceChildren(out);
    count.textContent = found.length === total ? zl.int(total) + ' lost' : zl.int(found.length) + ' of ' + zl.int(total) + ' match';
    more.replaceChildren();
    if (n < found.length) {
      const rest = found.length - n;
      more.append(step('Show ' + zl.int(Math.min(page, rest)) + ' more', function () { shown += page; render(); }));
      if (rest > page) more.append(zl.el('span', { class: 'note' }, zl.int(rest) + ' more; the filter searches all of them'));
    }
  }
  function step(label, act) {
    const b = zl.el('button', { type: 'button' }, label);
    b.addEventListener('click', act);
    return b;
  }

  // A link to one loss shows it, whatever is filtered. #base-1001 or #1001.
  function follow() {
    const id = decodeURIComponent(location.hash.slice(1));
    if (!id) return;
    const l = zl.losses.find(function (x) { return x.stream + '-' + x.seq === id || String(x.seq) === id; });
    if (!l) return;
    let at = found.indexOf(l);
    if (at < 0) { input.value = ''; found = zl.losses; at = found.indexOf(l); }
    if (at >= shown) shown = Math.ceil((at + 1) / page) * page;
    render();
    const e = document.getElementById(l.stream + '-' + l.seq);
    e.classList.add('hit');
    e.open = true;
    e.scrollIntoView({ block: 'center' });
  }

  function copy(e) {
    const head = ['stream', 'seq', 'due_ms', 'sent_ms', 'done_ms', 'class', 'client_class', 'status', 'hop', 'caller', 'callee', 'phase', 'window', 'release', 'explanation', 'error'];
    const clean = function (v) { return String(v).replace(/[\t\r\n]+/g, ' '); };
    const text = [head.join('\t')].concat(found.map(function (l) {
      return [l.stream, l.seq, l.due, l.sent, l.done, l.cls, l.seen, l.status, l.hop, l.caller, l.callee, l.phase, l.window, l.release, l.explanation, l.error].map(clean).join('\t');
    })).join('\n') + '\n';
    const done = function (ok) { e.target.textContent = ok ? 'Copied ' + zl.int(found.length) : 'Could not copy'; };
    const old = function () { // where the page may not use the clipboard
      const area = zl.el('textarea', { style: 'position:fixed;top:0;left:-9999px' });
      area.value = text;
      document.body.append(area);
      area.select();
      const ok = document.execCommand('copy');
      area.remove();
      done(ok);
    };
    if (navigator.clipboard && isSecureContext) navigator.clipboard.writeText(text).then(function () { done(true); }, old); else old();
  }

  input.addEventListener('input', search);
  document.getElementById('copy').addEventListener('click', copy);
  addEventListener('hashchange', follow);
  addEventListener('beforeprint', function () {
    note.textContent = found.length > printCap ? 'Printed: the first ' + zl.int(printCap) + ' of ' + zl.int(found.length) + '.' : '';
    render(printCap);
  });
  addEventListener('afterprint', function () { render(); });
  render();
  follow();
})();
