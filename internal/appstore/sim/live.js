// Shows what happens without a reload: fetches this page again and swaps the
// parts that changed, but none in which somebody is choosing or writing. Without
// script the page works by reloading it.
setInterval(async () => {
  if (document.hidden) return;
  try {
    const text = await (await fetch("/?lang=" + document.documentElement.lang)).text();
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const shown of document.querySelectorAll("[data-live]")) {
      const part = fresh.getElementById(shown.id);
      const busy = shown.contains(document.activeElement) || shown.querySelector("details[open]");
      if (!part) location.reload();
      else if (!busy && part.innerHTML !== shown.innerHTML) shown.replaceWith(part);
    }
  } catch {
    // the simulator has stopped; the page keeps what it shows
  }
}, 2000);
