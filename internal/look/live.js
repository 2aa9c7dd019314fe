// Shows what is new without a reload: fetches this page again and swaps the part
// that changes, unless somebody is writing in it. What was opened stays open.
// Without script the page works by reloading it.
setInterval(async () => {
  if (document.hidden) return;
  try {
    const text = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    const shown = document.getElementById("live");
    if (!fresh || shown.querySelector("details[open] form, form :focus")) return;
    for (const open of shown.querySelectorAll("details[open]")) {
      fresh.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
    }
    if (fresh.innerHTML === shown.innerHTML) return;
    const at = shown.querySelector("details:focus-within")?.id;
    shown.replaceWith(fresh);
    if (at) document.getElementById(at)?.querySelector("summary").focus();
  } catch {
    // the simulator has stopped; the page keeps what it shows
  }
}, 2000);
