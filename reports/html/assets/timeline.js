// The time line: the phases of all instances, and the requests of each arm, over
// one time axis. It places the panels and reacts to pointer, touch and keys.
(function () {
  const data = zl.data, box = document.getElementById('tl'), canvas = document.getElementById('tl-canvas'), tip = document.getElementById('tl-tip');
  const full = { from: data.from, to: data.to }, hidden = new Set();
  let view = { from: full.from, to: full.to }, lay, frame = 0;
  const cross = zl.el('div', { style: 'position:absolute;top:0;bottom:0;width:1px;background:var(--soft);opacity:.5;pointer-events:none', hidden: '' });
  const selection = zl.el('div', { style: 'position:absolute;top:0;bottom:0;background:var(--focus);opacity:.18;pointer-events:none', hidden: '' });
  box.append(cross, selection);
  zl.sans = getComputedStyle(document.body).fontFamily;

  if (data.instances.length > 28) box.style.setProperty('--lane', '15px');

  // The gutter is as wide as the longest name.
  const names = (function () {
    const c = canvas.getContext('2d');
    c.font = '600 12px ' + zl.sans;
    return Math.min(260, data.instances.reduce(function (w, inst) { return Math.max(w, c.measureText(inst.short).width); }, 40) + 12);
  })();

  function layout() {
    const w = box.clientWidth, h = box.clientHeight, narrow = w < 640, gutter = narrow ? 40 : names;
    const laneH = data.instances.length ? (h - 62 - 236 * data.arms.length) / data.instances.length : 0, plot = { x: gutter, w: w - gutter - 8 };
    const lanes = data.instances.map(function (inst, i) {
      return { x: plot.x, y: 26 + i * laneH, w: plot.w, h: laneH, inst: inst };
    });
    let top = 26 + laneH * lanes.length + 8;
    const arms = panels.arms.map(function (arm) {
      const a = { arm: arm, title: top + 14, scatter: { x: plot.x, w: plot.w, y: top + 34, h: 128 }, seconds: { x: plot.x, w: plot.w, y: top + 174, h: 50 } };
      top += 236;
      return a;
    });
    return { w: w, h: h, narrow: narrow && laneH > 20, plot: plot, lanes: lanes, arms: arms };
  }

  function draw(print) {
    frame = 0;
    lay = layout();
    const ratio = print === true ? 3 : Math.min(devicePixelRatio || 1, 3), c = canvas.getContext('2d');
    canvas.width = Math.round(lay.w * ratio);
    canvas.height = Math.round(lay.h * ratio);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, lay.w, lay.h);
    const lines = [{ y: 24, h: lay.lanes.length ? lay.lanes.length * lay.lanes[0].h + 4 : 0 }];
    for (const a of lay.arms) lines.push(a.scatter, a.seconds);
    panels.axis(c, view, lay.plot, lines, [11, lay.h - 14]);
    for (const l of lay.lanes) panels.lane(c, view, l, l.inst, lay.narrow);
    for (const a of lay.arms) {
      const total = a.arm.seconds.reduce(function (s, x) { return [s[0] + x[0], s[1] + x[2]]; }, [0, 0]);
      c.font = '600 13px ' + zl.sans;
      c.fillStyle = zl.colour('ink');
      c.textAlign = 'left';
      c.textBaseline = 'middle';
      c.fillText(a.arm.name, a.scatter.x, a.title);
      const indent = c.measureText(a.arm.name + '  ').width;
      c.font = '12px ' + zl.sans;
      c.fillStyle = zl.colour('soft');
      c.fillText(zl.int(total[1]) + ' lost of ' + zl.int(total[0]) + (lay.w < 640 ? ' · ms; count' : ' · latency from due, ms (log); below: requests per ' + (panels.bins(view, a.arm).every === 1000 ? 'second' : '100 ms')), a.scatter.x + indent, a.title);
      panels.scatter(c, view, a.scatter, a.arm, hidden);
      panels.seconds(c, view, a.seconds, a.arm);
    }
  }
  function redraw() { if (!frame) frame = requestAnimationFrame(draw); }

  function show(from, to) {
    const min = Math.min(5, full.to - full.from), span = Math.min(Math.max(to - from, min), full.to - full.from);
    from = Math.max(full.from, Math.min(from, full.to - span));
    view = { from: from, to: from + span };
    tip.hidden = true;
    redraw();
  }
  function zoom(factor) {
    const mid = (view.from + view.to) / 2, half = (view.to - view.from) * factor / 2;
    show(mid - half, mid + half);
  }
  function pan(part) { const d = (view.to - view.from) * part; show(view.from + d, view.to + d); }
  function reset() { show(full.from, full.to); }

  // What is under the pointer: a title and lines, or nothing.
  function under(px, py) {
    const time = panels.t(view, lay.plot, px), lane = lay.lanes.find(function (l) { return py >= l.y && py < l.y + l.h; });
    if (lane) return instance(lane, px, time);
    for (const a of lay.arms) {
      if (py >= a.scatter.y - 8 && py <= a.scatter.y + a.scatter.h + 6) return request(a, px, py);
      if (py >= a.seconds.y - 6 && py <= a.seconds.y + a.seconds.h + 4) return second(a.arm, time);
    }
  }
  function instance(b, px, time) {
    const near = b.inst.marks.filter(function (m) { return Math.abs(panels.x(view, b, m.t) - px) < 7; });
    const slack = 3 * (view.to - view.from) / b.w, p = b.inst.phases.find(function (f) { return time >= f.a && time < f.b; }) || b.inst.phases.find(function (f) { return time >= f.a - slack && time < f.b + slack; });
    const lines = [];
    if (p) lines.push(p.n + ' ' + zl.at(p.a) + ' to ' + zl.at(p.b) + ' (' + zl.took(p.b - p.a) + ')');
    for (const m of near.slice(0, 9)) lines.push(zl.at(m.t) + ' ' + (panels.markKinds.get(m.k) || { label: m.k }).label + (m.x ? ': ' + m.x : ''));
    if (near.length > 9) lines.push('and ' + (near.length - 9) + ' more; zoom in to see them');
    lines.push('received ' + zl.int(b.inst.received) + ', lost ' + zl.int(b.inst.lost));
    if (b.inst.incomplete) lines.push('incomplete: ' + b.inst.incomplete);
    return { title: b.inst.name, lines: lines };
  }
  function request(a, px, py) {
    let best, far = 11;
    for (const l of a.arm.lost) {
      if (hidden.has(l.cls)) continue;
      const d = Math.hypot(panels.x(view, a.scatter, l.due) - px, panels.y(a.scatter, l.done - l.due) - py);
      if (d < far) { far = d; best = l; }
    }
    if (best) return { title: 'lost: ' + zl.lossID(best) + ', ' + best.cls, lines: ['due ' + zl.at(best.due) + ', failed after ' + zl.took(best.done - best.due), zl.arrows(best.explanation)], loss: best };
    const slack = 7 * (view.to - view.from) / a.scatter.w, time = panels.t(view, a.scatter, px), arm = a.arm;
    let i = -1;
    far = 8;
    for (let k = panels.lower(arm.due, time - slack); k < arm.due.length && arm.due[k] <= time + slack; k++) {
      const d = Math.hypot(panels.x(view, a.scatter, arm.due[k]) - px, panels.y(a.scatter, arm.latency[k]) - py);
      if (d < far) { far = d; i = k; }
    }
    if (i >= 0) return { title: 'ok' + (arm.masked.has(i) ? ', ' + data.labels.masked : ''), lines: ['due ' + zl.at(arm.due[i]) + ', ' + zl.took(arm.latency[i])] };
  }
  function second(arm, time) {
    const bin = panels.bins(view, arm), i = Math.floor(time / bin.every), s = bin.list[i];
    if (!s) return;
    const lines = ['sent ' + zl.int(s[0]) + ', ok ' + zl.int(s[1]) + ', lost ' + zl.int(s[2]), 'masked ' + zl.int(s[3]) + (bin.every === 1000 ? ', unsent ' + zl.int(s[4]) : '')];
    return { title: arm.name + ', due ' + zl.at(i * bin.every, 1) + ' to ' + zl.at((i + 1) * bin.every, 1), lines: lines };
  }

  function showTip(px, py) {
    const u = under(px, py);
    canvas.style.cursor = u && u.loss ? 'pointer' : '';
    cross.hidden = px < lay.plot.x || px > lay.plot.x + lay.plot.w;
    cross.style.left = px + 'px';
    tip.hidden = !u;
    if (!u) return;
    tip.replaceChildren(zl.el('b', {}, u.title), document.createTextNode('\n' + u.lines.join('\n')));
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(0, Math.min(px + 14, lay.w - w)) + 'px';
    tip.style.top = (py + 18 + h > lay.h ? Math.max(0, py - h - 12) : py + 18) + 'px';
  }
  function hide() { tip.hidden = true; cross.hidden = true; }

  let drag = null;
  function place(e) { const r = canvas.getBoundingClientRect(); return { x: e.clientX - r.left, y: e.clientY - r.top }; }
  canvas.addEventListener('pointerdown', function (e) {
    if (e.button) return;
    const p = place(e);
    drag = { x: p.x, moved: false };
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener('pointermove', function (e) {
    const p = place(e);
    if (!drag) { showTip(p.x, p.y); return; }
    if (Math.abs(p.x - drag.x) > 5) drag.moved = true;
    if (!drag.moved) return;
    hide();
    selection.hidden = false;
    selection.style.left = Math.min(p.x, drag.x) + 'px';
    selection.style.width = Math.abs(p.x - drag.x) + 'px';
  });
  canvas.addEventListener('pointerup', function (e) {
    const p = place(e), d = drag;
    drag = null;
    selection.hidden = true;
    if (d && d.moved) {
      const a = panels.t(view, lay.plot, Math.min(p.x, d.x)), b = panels.t(view, lay.plot, Math.max(p.x, d.x));
      show(Math.max(a, view.from), Math.min(b, view.to));
      return;
    }
    showTip(p.x, p.y);
    const u = under(p.x, p.y);
    if (u && u.loss && e.pointerType === 'mouse') location.hash = u.loss.stream + '-' + u.loss.seq;
  });
  canvas.addEventListener('pointercancel', function () { drag = null; selection.hidden = true; });
  canvas.addEventListener('pointerleave', hide);
  canvas.addEventListener('dblclick', reset);
  box.addEventListener('keydown', function (e) {
    const act = { ArrowLeft: function () { pan(-.2); }, ArrowRight: function () { pan(.2); }, '+': function () { zoom(.5); }, '=': function () { zoom(.5); }, '-': function () { zoom(2); }, 0: reset, Escape: hide }[e.key];
    if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
    act();
    e.preventDefault();
  });

  function button(label, act) {
    const b = zl.el('button', { type: 'button' }, label);
    b.addEventListener('click', act);
    return b;
  }
  const tools = document.getElementById('tl-tools');
  tools.append(button('All', reset), button('−', function () { zoom(2); }), button('+', function () { zoom(.5); }), button('←', function () { pan(-.5); }), button('→', function () { pan(.5); }));
  [['−', 'Zoom out'], ['+', 'Zoom in'], ['←', 'Earlier'], ['→', 'Later']].forEach(function (n, i) { tools.children[i + 1].setAttribute('aria-label', n[1]); });
  for (const r of data.releases.slice(0, 6)) {
    tools.append(button('Release of ' + r.short, function () {
      const end = r.stale ? r.stale.b : r.to;
      show(r.from - 250, Math.max(end + 400, r.from + 800));
    }));
  }

  (function legend() {
    const l = document.getElementById('tl-legend'), seen = new Set();
    for (const inst of data.instances) for (const p of inst.phases) if (p.b > Math.max(p.a, 0)) seen.add(p.n);
    for (const n of data.phases) {
      if (!seen.has(n)) continue;
      const s = zl.el('span', {}, n);
      s.prepend(zl.el('i', { style: 'background:var(--phase-' + n + ')' }));
      l.append(s);
    }
    const kinds = new Set();
    for (const inst of data.instances) for (const m of inst.marks) kinds.add(m.k);
    for (const m of data.markKinds) {
      if (!kinds.has(m.kind)) continue;
      const s = zl.el('span', {}, m.label);
      s.prepend(zl.icon(m.shape, 'var(--ink)'));
      l.append(s);
    }
    function toggle(name, label, icon) {
      const b = button(label, function () {
        if (hidden.has(name)) hidden.delete(name); else hidden.add(name);
        b.setAttribute('aria-pressed', String(!hidden.has(name)));
        redraw();
      });
      b.setAttribute('aria-pressed', 'true');
      b.prepend(icon);
      l.append(b);
    }
    data.classes.forEach(function (k, i) {
      const s = zl.classStyle(i);
      toggle(k.name, k.name + ' ' + zl.int(k.count), zl.icon(s.shape, 'var(--' + s.colour + ')'));
    });
    if (panels.arms.some(function (a) { return a.masked.size; })) {
      const hollow = zl.icon('dot', 'var(--masked)');
      hollow.firstChild.style.fill = 'none';
      toggle('masked', data.labels.masked, hollow);
    }
  })();

  new ResizeObserver(redraw).observe(box);
  zl.onColours(redraw);
  addEventListener('beforeprint', function () { box.style.width = '690px'; hide(); draw(true); });
  addEventListener('afterprint', function () { box.style.width = ''; redraw(); });
  draw();
})();
