// Shows new posts without a reload: fetches this page again and swaps the part
// that changes. Without script the page works by reloading it.
setInterval(async () => {
  if (document.hidden) return;
  try {
    const text = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    const shown = document.getElementById("live");
    if (fresh && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh);
  } catch {
    // the simulator has stopped; the page keeps what it shows
  }
}, 2000);
