// Shows what is new without a reload: fetches this page again and swaps the part
// that changes, unless somebody is writing in it. What was opened stays open.
// Without script the page works by reloading it.
setInterval(async () => {
  if (document.hidden) return;
  try {
    const text = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    const shown = document.getElementById("live");
    const at = document.activeElement; // :focus is none in a window behind another
    if (!fresh || shown.querySelector("details[open] form") || at.closest("#live form")) return;
    for (const open of shown.querySelectorAll("details[open]")) {
      fresh.ownerDocument.getElementById(open.id)?.setAttribute("open", "");
    }
    if (fresh.innerHTML === shown.innerHTML) return;
    const within = at.closest("#live details");
    shown.replaceWith(fresh);
    if (within) document.getElementById(within.id)?.querySelector("summary").focus();
  } catch {
    // the simulator has stopped; the page keeps what it shows
  }
}, 2000);
