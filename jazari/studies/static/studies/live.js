// Keeps the facts of a run current while it goes. Without this file the page reloads by itself.
(() => {
  const place = document.querySelector("[data-live]");
  const sentence = document.getElementById("live-sentence");
  if (!place || !window.EventSource) return;
  const source = new EventSource(place.dataset.live);
  source.addEventListener("run", (event) => {
    place.innerHTML = event.data; // written by this node's own template, which escapes what others wrote
    const said = place.querySelector("[data-sentence]");
    if (said && sentence && sentence.textContent !== said.textContent) sentence.textContent = said.textContent;
  });
  source.addEventListener("over", () => source.close());
  source.addEventListener("error", () => {
    // Refused for good (too many streams, signed out): as without this file.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 15000);
  });
})();
