// Shows new tickets without a reload: fetches this page again and swaps the part
// that changes, unless somebody is writing in it. Without script the page works
// by reloading it.
setInterval(async () => {
  if (document.hidden) return;
  try {
    const text = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    const shown = document.getElementById("live");
    const busy = shown.querySelector("details[open]") || shown.contains(document.activeElement);
    if (fresh && !busy && fresh.innerHTML !== shown.innerHTML) shown.replaceWith(fresh);
  } catch {
    // the simulator has stopped; the page keeps what it shows
  }
}, 2000);
