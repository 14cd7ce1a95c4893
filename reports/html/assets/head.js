// Before the first paint: the chosen ground, and word that scripts run.
(function () {
  var root = document.documentElement;
  root.classList.add('js');
  try {
    var t = localStorage.getItem('zeroloss-theme');
    if (t === 'dark' || t === 'light') root.dataset.theme = t;
  } catch (e) { /* a file without storage: the system's ground stays */ }
})();
