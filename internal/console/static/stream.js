// Tells the part of a page that names a stream of events (data-stream) when to
// ask for itself again. The browser connects anew by itself when it is cut off.
"use strict";
const part = document.querySelector("[data-stream]");
if (part) {
  const stream = new EventSource(part.dataset.stream);
  stream.onmessage = () => htmx.trigger("#" + part.id, "moved");
}
