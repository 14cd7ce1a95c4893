// The panels of the time line: each draws a stretch of time into a box. They keep
// no state. Colours and marks come from package palette, through page.css and the
// data.
const panels = (function () {
  const data = zl.data, paths = {};
  for (const k in zl.shapes) paths[k] = new Path2D(zl.shapes[k]);
  const markKinds = new Map(data.markKinds.map(function (m) { return [m.kind, m]; }));

  // The points of each arm, decoded once; and its losses.
  const arms = data.arms.map(function (a, k) {
    const s = data.points.find(function (p) { return p.arm === a.name; }) || { due: [], latency: [], masked: [] };
    const due = new Float64Array(s.due.length), latency = new Float64Array(s.due.length);
    let at = 0;
    for (let i = 0; i < s.due.length; i++) { at += s.due[i]; due[i] = at / 10; latency[i] = s.latency[i] / 100; }
    return { name: a.name, colour: 'arm-' + (k % 4), due: due, latency: latency, masked: new Set(s.masked), thinned: s.of > s.due.length, seconds: a.seconds, lost: zl.losses.filter(function (x) { return x.arm === a.name; }) };
  });
  const classIndex = new Map(data.classes.map(function (c, i) { return [c.name, i]; }));

  // Latency is drawn on a logarithmic scale, the same for all arms.
  const range = (function () {
    let lo = Infinity, hi = 0;
    for (const a of arms) {
      for (const v of a.latency) { if (v > 0 && v < lo) lo = v; if (v > hi) hi = v; }
      for (const x of a.lost) { hi = Math.max(hi, x.done - x.due); lo = Math.min(lo, Math.max(x.done - x.due, .01)); }
    }
    if (!hi) { lo = 1; hi = 10; }
    return { lo: Math.floor(Math.log10(lo)), hi: Math.max(Math.ceil(Math.log10(hi)), Math.floor(Math.log10(lo)) + 1) };
  })();
  let top = 1; // requests in the fullest second
  for (const a of arms) for (const s of a.seconds) top = Math.max(top, s[0] + s[4]);

  function x(v, b, t) { return b.x + (t - v.from) / (v.to - v.from) * b.w; }
  function t(v, b, px) { return v.from + (px - b.x) / b.w * (v.to - v.from); }
  function y(b, ms) { return b.y + b.h - (Math.log10(Math.max(ms, Math.pow(10, range.lo))) - range.lo) / (range.hi - range.lo) * b.h; }
  function lower(a, v) { // first index with a[i] >= v
    let lo = 0, hi = a.length;
    while (lo < hi) { const m = (lo + hi) >> 1; if (a[m] < v) lo = m + 1; else hi = m; }
    return lo;
  }
  function stamp(c, shape, px, py, colour, scale) {
    c.save();
    c.translate(px, py);
    c.scale(scale || 1, scale || 1);
    c.strokeStyle = colour;
    c.fillStyle = colour;
    c.lineWidth = 2;
    if (zl.shapes[shape].endsWith('Z')) c.fill(paths[shape]);
    c.stroke(paths[shape]);
    c.restore();
  }
  function clip(c, b, draw) {
    c.save();
    c.beginPath();
    c.rect(b.x, b.y - 6, b.w, b.h + 12);
    c.clip();
    draw();
    c.restore();
  }

  function lane(c, v, b, inst, narrow) {
    const h = narrow ? 10 : Math.min(12, b.h - 4), by = narrow ? b.y + b.h - h - 4 : b.y + (b.h - h) / 2;
    c.fillStyle = zl.colour(inst.lost ? 'ink' : 'soft');
    c.font = (inst.lost ? '600 ' : '') + (b.h < 17 ? '10px ' : '12px ') + zl.sans;
    c.textAlign = narrow ? 'left' : 'right';
    c.textBaseline = narrow ? 'alphabetic' : 'middle';
    c.fillText(inst.short + (inst.incomplete ? ' (incomplete)' : ''), narrow ? b.x : b.x - 10, narrow ? by - 4 : by + h / 2);
    clip(c, b, function () {
      for (const p of inst.phases) {
        if (p.b < v.from || p.a > v.to) continue;
        const x0 = Math.max(x(v, b, p.a), b.x - 2), x1 = Math.min(x(v, b, p.b), b.x + b.w + 2);
        c.fillStyle = zl.colour('phase-' + p.n) || zl.colour('soft');
        c.fillRect(x0, by, Math.max(x1 - x0, 2), h);
      }
      let last = -Infinity;
      for (const m of inst.marks) {
        const px = x(v, b, m.t), kind = markKinds.get(m.k);
        if (!kind || px < b.x - 1 || px > b.x + b.w + 1 || px - last < 9) continue;
        last = px;
        stamp(c, kind.shape, px, by + h / 2, zl.colour('bg'), 1.05);
        stamp(c, kind.shape, px, by + h / 2, zl.colour('ink'), .66);
      }
    });
  }

  // Stretches that overlap are joined: two releases at once are no darker than one.
  function union(list) {
    const out = [];
    for (const w of list.slice().sort(function (p, q) { return p.a - q.a; })) {
      const last = out[out.length - 1];
      if (last && w.a <= last.b) last.b = Math.max(last.b, w.b); else out.push({ a: w.a, b: w.b });
    }
    return out;
  }
  function shade(c, v, b, arm) {
    const releases = data.releases.filter(function (r) { return r.arms.includes(arm); });
    for (const w of union(releases.map(function (r) { return { a: r.from, b: r.to }; }))) band(c, v, b, w.a, w.b, .13);
    for (const w of union(releases.filter(function (r) { return r.stale; }).map(function (r) { return r.stale; }))) band(c, v, b, w.a, w.b, .3);
  }
  function band(c, v, b, from, to, alpha) {
    const x0 = Math.max(b.x, x(v, b, from)), x1 = Math.min(b.x + b.w, x(v, b, to));
    if (x1 < b.x || x0 > b.x + b.w) return;
    c.globalAlpha = alpha;
    c.fillStyle = zl.colour('window');
    c.fillRect(x0, b.y, Math.max(x1 - x0, 2), b.h);
    c.globalAlpha = 1;
  }

  function scatter(c, v, b, arm, hidden) {
    shade(c, v, b, arm.name);
    c.font = '11px ' + zl.sans;
    c.textAlign = 'right';
    c.textBaseline = 'middle';
    c.strokeStyle = zl.colour('line');
    c.lineWidth = 1;
    for (let d = range.lo; d <= range.hi; d++) {
      const py = Math.round(y(b, Math.pow(10, d))) + .5;
      c.beginPath();
      c.moveTo(b.x, py);
      c.lineTo(b.x + b.w, py);
      c.stroke();
      c.fillStyle = zl.colour('soft');
      c.fillText(d < 0 ? Math.pow(10, d).toFixed(-d) : zl.int(Math.pow(10, d)), b.x - 6, py);
    }
    clip(c, b, function () {
      const from = lower(arm.due, v.from), to = lower(arm.due, v.to + 1), dense = (to - from) / b.w;
      c.fillStyle = zl.colour(arm.colour);
      c.globalAlpha = dense > 6 ? .3 : dense > 1.5 ? .45 : .75;
      const size = dense > .5 ? 2 : 3;
      for (let i = from; i < to; i++) c.fillRect(x(v, b, arm.due[i]) - size / 2, y(b, arm.latency[i]) - size / 2, size, size);
      c.globalAlpha = 1;
      if (!hidden.has('masked')) {
        c.strokeStyle = zl.colour('masked');
        c.lineWidth = 1.6;
        for (const i of arm.masked) {
          if (i < from || i >= to) continue;
          c.beginPath();
          c.arc(x(v, b, arm.due[i]), y(b, arm.latency[i]), 4.2, 0, 7);
          c.stroke();
        }
      }
      const ink = data.classes.map(function (k, i) { const s = zl.classStyle(i); return { shape: s.shape, colour: zl.colour(s.colour) }; });
      const scale = arm.lost.length > 2000 ? .6 : .85;
      for (const l of arm.lost) {
        if (l.due < v.from || l.due > v.to || hidden.has(l.cls)) continue;
        const s = ink[classIndex.get(l.cls)];
        stamp(c, s.shape, x(v, b, l.due), y(b, l.done - l.due), s.colour, scale);
      }
    });
  }

  // Counts by bin: seconds as the ledger has them, and tenths of them, from
  // the points, for a closer look (where every point is here).
  function tenths(arm) {
    if (arm.tenths) return arm.tenths;
    const n = Math.ceil(data.to / 100) + 1, bins = Array.from({ length: n }, function () { return [0, 0, 0, 0, 0]; });
    const add = function (due, k) { const s = bins[Math.min(n - 1, Math.floor(due / 100))]; s[0]++; s[k]++; };
    for (const d of arm.due) add(d, 1);
    for (const l of arm.lost) add(l.due, 2);
    for (const i of arm.masked) bins[Math.min(n - 1, Math.floor(arm.due[i] / 100))][3]++;
    return arm.tenths = bins;
  }
  function bins(v, arm) {
    return v.to - v.from > 12000 || arm.thinned ? { every: 1000, list: arm.seconds, top: top } : { every: 100, list: tenths(arm), top: Math.max(1, Math.ceil(top / 10)) };
  }

  function seconds(c, v, b, arm) {
    const ok = zl.colour(arm.colour), lost = zl.colour('lost'), unsent = zl.colour('unsent'), bin = bins(v, arm), unit = b.h / bin.top;
    clip(c, b, function () {
      for (let i = Math.max(0, Math.floor(v.from / bin.every)); i < bin.list.length && i * bin.every <= v.to; i++) {
        const s = bin.list[i], x0 = Math.round(x(v, b, i * bin.every));
        let w = Math.max(Math.round(x(v, b, (i + 1) * bin.every)) - x0, 1);
        if (b.w * bin.every / (v.to - v.from) > 6) w -= 1;
        const hl = s[2] ? Math.max(s[2] * unit, 3) : 0, ho = Math.max(Math.min(s[1] * unit, b.h - hl), 0), hu = s[4] ? Math.max(s[4] * unit, 3) : 0;
        c.fillStyle = ok;
        c.globalAlpha = .5;
        c.fillRect(x0, b.y + b.h - hl - ho, w, ho);
        c.globalAlpha = 1;
        c.fillStyle = lost;
        c.fillRect(x0, b.y + b.h - hl, w, hl);
        if (hu) {
          c.strokeStyle = unsent;
          c.strokeRect(x0 + .5, Math.max(b.y, b.y + b.h - hl - ho - hu) + .5, Math.max(w - 1, 1), hu - 1);
        }
      }
    });
    c.font = '11px ' + zl.sans;
    c.fillStyle = zl.colour('soft');
    c.textAlign = 'right';
    c.textBaseline = 'middle';
    c.fillText(zl.int(bin.top), b.x - 6, b.y + 5);
    c.fillText('0', b.x - 6, b.y + b.h - 3);
    c.strokeStyle = zl.colour('line');
    c.beginPath();
    c.moveTo(b.x, b.y + b.h + .5);
    c.lineTo(b.x + b.w, b.y + b.h + .5);
    c.stroke();
  }

  function axis(c, v, b, lines, labelsAt) {
    const want = (v.to - v.from) / Math.max(2, b.w / 72), mag = Math.pow(10, Math.floor(Math.log10(want)));
    const step = [1, 2, 5, 10].map(function (k) { return k * mag; }).find(function (s) { return s >= want; });
    const digits = Math.max(0, Math.min(3, Math.ceil(-Math.log10(step / 1000))));
    c.font = '11px ' + zl.sans;
    c.lineWidth = 1;
    let used = -Infinity; // right end of the last label
    for (let k = Math.ceil(v.from / step); k * step <= v.to + 1e-6; k++) {
      const px = Math.round(x(v, b, k * step)) + .5;
      c.strokeStyle = zl.colour('faint');
      for (const l of lines) {
        c.beginPath();
        c.moveTo(px, l.y);
        c.lineTo(px, l.y + l.h);
        c.stroke();
      }
      c.fillStyle = zl.colour('soft');
      c.textBaseline = 'middle';
      const label = k === 0 ? '0 s' : zl.at(k * step, digits), half = c.measureText(label).width / 2, mid = Math.min(px, b.x + b.w - half);
      if (mid - half < used + 8) continue;
      used = mid + half;
      c.textAlign = 'center';
      for (const py of labelsAt) c.fillText(label, mid, py);
    }
  }

  return { arms: arms, markKinds: markKinds, x: x, t: t, y: y, lower: lower, lane: lane, scatter: scatter, seconds: seconds, bins: bins, axis: axis };
})();
