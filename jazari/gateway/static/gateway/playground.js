// The playground streams answers. Without this script the form works as a form.
"use strict";
(function () {
  const form = document.getElementById("playground");
  const list = document.getElementById("conversation");
  const failure = document.getElementById("failure");
  if (!form || !list || !window.fetch || !window.TextDecoderStream) return;
  const said = form.elements.namedItem("conversation");
  const question = form.elements.namedItem("question");
  const button = form.querySelector("button[type=submit]");

  function addTurn(who, text) {
    const item = document.createElement("li");
    const name = document.createElement("strong");
    const words = document.createElement("div");
    name.textContent = who;
    words.className = "said";
    words.dir = "auto";
    words.textContent = text;
    item.append(name, words);
    list.append(item);
    return { item, words };
  }

  function fail(sentence) {
    failure.textContent = sentence;
    failure.hidden = false;
  }

  function explain(error) {
    const exact = document.createElement("span");
    exact.lang = "en";
    exact.dir = "ltr";
    exact.textContent = `${error.message} (${error.code})`;
    fail(error.meaning ? `${error.meaning} ${form.dataset.detail} ` : "");
    failure.append(exact);
  }

  function addFacts(item, facts) {
    const line = document.createElement("p");
    line.className = "muted";
    if (facts.provider) line.append(`${form.dataset.by} ${facts.provider}. `);
    if (facts.credits !== undefined) line.append(`${form.dataset.credits} ${facts.credits}. `);
    if (/^rc-[0-9a-f-]+$/.test(facts.receipt || "")) {
      const link = document.createElement("a");
      link.href = form.dataset.receipts.replace("ID", facts.receipt);
      link.textContent = `${form.dataset.receipt} ${facts.receipt}`;
      line.append(link);
    }
    item.append(line);
  }

  async function* events(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let waiting = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      waiting += value;
      for (let end = waiting.indexOf("\n\n"); end >= 0; end = waiting.indexOf("\n\n")) {
        const lines = waiting.slice(0, end).split("\n");
        waiting = waiting.slice(end + 2);
        yield { name: lines[0].slice("event: ".length), value: JSON.parse(lines[1].slice("data: ".length)) };
      }
    }
  }

  async function ask() {
    const asked = question.value;
    const data = new FormData(form);
    const mine = addTurn(form.dataset.you, asked);
    const answer = await fetch(form.dataset.stream, { method: "POST", body: data, credentials: "same-origin" });
    const kind = answer.headers.get("content-type") || "";
    if (!answer.ok || !kind.startsWith("text/event-stream")) {
      mine.item.remove();
      const told = kind.startsWith("application/json") ? (await answer.json()).errors.join(" ") : form.dataset.lost;
      fail(told);
      return;
    }
    let turn = null;
    let ended = false;
    for await (const event of events(answer.body)) {
      if (event.name === "begun") turn = addTurn(form.dataset.model, "");
      if (event.name === "piece" && turn) turn.words.textContent += event.value.text;
      if (event.name === "ended") { ended = true; addFacts(turn.item, event.value); }
      if (event.name === "failed") explain(event.value);
    }
    if (!ended) {
      if (failure.hidden) fail(form.dataset.lost);
      if (!turn || !turn.words.textContent) {
        mine.item.remove();
        if (turn) turn.item.remove();
      }
      return;
    }
    const messages = JSON.parse(said.value || "[]");
    messages.push({ role: "user", content: asked }, { role: "assistant", content: turn.words.textContent });
    said.value = JSON.stringify(messages);
    question.value = "";
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    failure.hidden = true;
    button.disabled = true;
    try { await ask(); } catch (error) { fail(form.dataset.lost); }
    button.disabled = false;
    question.focus();
  });
})();
