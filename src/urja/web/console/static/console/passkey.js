// Forms that carry an authenticator's answer: it is asked when the form is sent, and its answer fills the hidden fields.
// Nothing is verified here; the pipeline does that.
"use strict";

(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");
  const credentials = (form) =>
    form.dataset.credentials
      .split(",")
      .filter(Boolean)
      .map((id) => ({ type: "public-key", id: bytes(id) }));

  async function get(form) {
    const given = await navigator.credentials.get({
      publicKey: {
        challenge: bytes(form.dataset.challenge),
        rpId: form.dataset.rpId,
        allowCredentials: credentials(form),
        userVerification: "required",
      },
    });
    return {
      credential_id: given.rawId,
      client_data: given.response.clientDataJSON,
      authenticator_data: given.response.authenticatorData,
      signature: given.response.signature,
    };
  }

  async function create(form) {
    const name = form.dataset.userName;
    const made = await navigator.credentials.create({
      publicKey: {
        challenge: bytes(form.dataset.challenge),
        rp: { id: form.dataset.rpId, name: "Urja" },
        user: { id: bytes(form.dataset.userId), name, displayName: name },
        pubKeyCredParams: [-7, -8, -257].map((alg) => ({ type: "public-key", alg })),
        excludeCredentials: credentials(form),
        authenticatorSelection: { userVerification: "required", residentKey: "discouraged" },
        attestation: "none",
      },
    });
    return { client_data: made.response.clientDataJSON, attestation: made.response.attestationObject };
  }

  const ask = { get, create };
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const button = form.querySelector("button");
    if (!window.PublicKeyCredential) {
      form.querySelector("[data-unsupported]").hidden = false;
      button.disabled = true;
      continue;
    }
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      button.disabled = true;
      form.querySelector("[data-failed]").hidden = true;
      try {
        for (const [name, value] of Object.entries(await ask[form.dataset.passkey](form))) {
          form.elements[name].value = text(value);
        }
      } catch {
        // What the person or the authenticator refused has no cause that a page may know.
        form.querySelector("[data-failed]").hidden = false;
        button.disabled = false;
        return;
      }
      form.submit();
    });
  }
})();
