// Before the first paint: the chosen theme, and a class that says that scripts run.
(function () {
  var root = document.documentElement;
  root.classList.add('js');
  try {
    var t = localStorage.getItem('zeroloss-theme');
    if (t === 'dark' || t === 'light') root.dataset.theme = t;
  } catch (e) { /* a file without storage: the theme of the system stays */ }
})();
