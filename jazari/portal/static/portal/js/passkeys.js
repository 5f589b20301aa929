// Passkeys on the pages of django-allauth, which say in a data block which button does what:
// <script data-allauth-onload="allauth.webauthn.forms.addForm" type="application/json">{"ids": {...}}</script>
(() => {
  "use strict";
  const element = (id) => document.getElementById(id);
  const problem = element("passkey-problem");

  const bytes = (text) => {
    const binary = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  };
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const known = (list) => (list || []).map((key) => ({ ...key, id: bytes(key.id) }));

  const create = async (options, passwordless) => {
    const asked = { ...options.publicKey };
    asked.challenge = bytes(asked.challenge);
    asked.user = { ...asked.user, id: bytes(asked.user.id) };
    asked.excludeCredentials = known(asked.excludeCredentials);
    if (passwordless !== undefined) {
      asked.authenticatorSelection = {
        ...asked.authenticatorSelection,
        residentKey: passwordless ? "required" : "discouraged",
        requireResidentKey: passwordless,
        ...(passwordless ? { userVerification: "required" } : {}),
      };
    }
    const made = await navigator.credentials.create({ publicKey: asked });
    return {
      ...inAnyCase(made),
      response: {
        clientDataJSON: text(made.response.clientDataJSON),
        attestationObject: text(made.response.attestationObject),
        transports: made.response.getTransports ? made.response.getTransports() : [],
      },
    };
  };

  const get = async (options) => {
    const asked = { ...options.publicKey };
    asked.challenge = bytes(asked.challenge);
    asked.allowCredentials = known(asked.allowCredentials);
    const found = await navigator.credentials.get({ publicKey: asked });
    const { clientDataJSON, authenticatorData, signature, userHandle } = found.response;
    return {
      ...inAnyCase(found),
      response: {
        clientDataJSON: text(clientDataJSON),
        authenticatorData: text(authenticatorData),
        signature: text(signature),
        userHandle: userHandle ? text(userHandle) : null,
      },
    };
  };

  const inAnyCase = (credential) => ({
    type: credential.type,
    id: credential.id,
    rawId: text(credential.rawId),
    authenticatorAttachment: credential.authenticatorAttachment,
    clientExtensionResults: credential.getClientExtensionResults(),
  });

  const told = (ids) => JSON.parse(element(ids.data).textContent);
  const asked = async (form) => {
    const answer = await fetch(form.action, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
    return answer.json();
  };

  // Which button starts it, and what is then asked of the browser; the answer is sent in the form of ids.credential.
  const WAYS = {
    addForm: ["add", (ids) => create(told(ids).creation_options, ids.passwordless ? element(ids.passwordless).checked : false)],
    signupForm: ["signup", (ids) => create(told(ids).creation_options)],
    authenticateForm: ["authenticate", (ids) => get(told(ids).request_options)],
    loginForm: ["login", async (ids) => get((await asked(element(ids.credential).form)).request_options)],
  };

  for (const block of document.querySelectorAll("script[data-allauth-onload^='allauth.webauthn.forms.']")) {
    const way = WAYS[block.dataset.allauthOnload.split(".").pop()];
    const { ids } = JSON.parse(block.textContent);
    if (!way || !element(ids[way[0]])) continue;
    element(ids[way[0]]).addEventListener("click", async (event) => {
      event.preventDefault();
      problem.hidden = true;
      try {
        element(ids.credential).value = JSON.stringify(await way[1](ids));
        element(ids.credential).form.submit();
      } catch {
        problem.hidden = false;
        problem.scrollIntoView({ block: "center" });
      }
    });
  }
})();
