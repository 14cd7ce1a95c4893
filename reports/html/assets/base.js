'use strict';
// What all parts of the page share: the data, number formats, shapes and colours.
const zl = (function () {
  const data = JSON.parse(document.getElementById('data').textContent);
  const root = document.documentElement;
  const listeners = []; // called when the colours change

  // Shapes of marks, as paths around 0,0: stroked, and filled where closed.
  const shapes = {
    cross: 'M-4-4L4 4M4-4L-4 4', up: 'M0-5L5 4L-5 4Z', square: 'M-4-4H4V4H-4Z', diamond: 'M0-5L5 0L0 5L-5 0Z',
    plus: 'M-5 0H5M0-5V5', down: 'M0 5L5-4L-5-4Z', dot: 'M-4 0A4 4 0 1 1 4 0A4 4 0 1 1-4 0Z', bar: 'M0-6V6',
  };
  const classShapes = ['cross', 'up', 'square', 'diamond', 'plus', 'down'];

  function colour(name) { return getComputedStyle(root).getPropertyValue('--' + name).trim(); }
  function classStyle(i) { return { shape: classShapes[i % classShapes.length], colour: 'loss-' + (i % 4) }; }
  function int(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, ','); }
  function at(ms, digits) { return (ms < 0 ? '−' : '+') + (Math.abs(ms) / 1000).toFixed(digits === undefined ? 3 : digits) + ' s'; }
  // took writes a duration as Duration in internal/format does.
  function took(ms) { return ms === 0 ? '0 ms' : ms < 1 ? ms.toFixed(2) + ' ms' : ms < 9.95 ? ms.toFixed(1) + ' ms' : ms < 1000 ? int(Math.round(ms)) + ' ms' : (ms / 1000).toFixed(1) + ' s'; }
  function el(tag, attrs, text) {
    const e = document.createElement(tag);
    for (const k in attrs || {}) e.setAttribute(k, attrs[k]);
    if (text !== undefined) e.textContent = text;
    return e;
  }
  function icon(shape, stroke) {
    const ns = 'http://www.w3.org/2000/svg', svg = document.createElementNS(ns, 'svg'), p = document.createElementNS(ns, 'path');
    svg.setAttribute('viewBox', '-7 -7 14 14');
    svg.setAttribute('aria-hidden', 'true');
    p.setAttribute('d', shapes[shape]);
    p.setAttribute('style', 'stroke:' + stroke + ';stroke-width:2;fill:' + (shapes[shape].endsWith('Z') ? stroke : 'none'));
    svg.append(p);
    return svg;
  }
  function arrows(s) { return s.replace(/->/g, '→'); }
  function lossID(l) { return l.stream + '#' + l.seq; }
  function changed() { for (const f of listeners) f(); }

  // The lost requests, with names for their fields.
  const losses = data.losses.map(function (r, i) {
    const t = function (k) { return data.text[r[k]]; };
    return {
      i: i, arm: t(0), stream: t(1), seq: r[2], due: r[3], sent: r[4], done: r[5], cls: t(6), seen: t(7), status: r[8], hop: t(9),
      caller: t(10), callee: t(11), phase: t(12), window: t(13), release: t(14), explanation: t(15), error: t(16), trail: t(17), group: r[18],
    };
  });

  document.getElementById('theme').addEventListener('click', function () {
    const dark = root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    root.dataset.theme = dark ? 'light' : 'dark';
    try { localStorage.setItem('zeroloss-theme', root.dataset.theme); } catch (e) { /* kept for this view only */ }
    changed();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed);

  // Paper is light whatever the screen is.
  let before;
  addEventListener('beforeprint', function () { before = root.dataset.theme; root.dataset.theme = 'light'; });
  addEventListener('afterprint', function () {
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    changed();
  });

  return { data: data, losses: losses, shapes: shapes, colour: colour, classStyle: classStyle, int: int, at: at, took: took, arrows: arrows, lossID: lossID, el: el, icon: icon, onColours: function (f) { listeners.push(f); } };
})();
