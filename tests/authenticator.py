"""A software authenticator: a P-256 key that registers itself and signs assertions as a phone would."""

import hashlib
import json
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode

from urja.base import passkey

RP_ID = "console.example"
ORIGIN = "https://console.example"
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


class Authenticator:
    """One passkey. What a test changes in an answer it names as a keyword."""

    def __init__(self, *, rp_id=RP_ID, origin=ORIGIN, counts=True):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.rp_id, self.origin, self.counts = rp_id, origin, counts
        self.counter = 0

    @property
    def public_key(self):
        return cbor.encode(dict(ES256.from_cryptography_key(self.key.public_key())))

    def credential(self, sign_count=0):
        return passkey.Credential(id=self.id, public_key=self.public_key, sign_count=sign_count)

    def register(self, challenge, *, flags=PRESENT | VERIFIED, kind="webauthn.create", **changed):
        made = bytes(16) + len(self.id).to_bytes(2) + self.id + changed.pop("public_key", self.public_key)
        data = self._data(flags | ATTESTED, **changed) + made
        return passkey.Registration(
            client_data=self._client(kind, challenge, **changed),
            attestation=cbor.encode({"fmt": "none", "attStmt": {}, "authData": data}),
        )

    def approve(self, challenge, *, flags=PRESENT | VERIFIED, kind="webauthn.get", **changed):
        if self.counts:
            self.counter += 1
        data = self._data(flags, **changed)
        client = self._client(kind, challenge, **changed)
        message = data + hashlib.sha256(client).digest()
        return passkey.Assertion(
            credential_id=self.id,
            client_data=client,
            authenticator_data=data,
            signature=self.key.sign(message, ec.ECDSA(hashes.SHA256())),
        )

    def _data(self, flags, *, rp_id=None, counter=None, **_rest):
        count = self.counter if counter is None else counter
        return hashlib.sha256((rp_id or self.rp_id).encode()).digest() + bytes([flags]) + count.to_bytes(4)

    def _client(self, kind, challenge, *, origin=None, cross_origin=False, **_rest):
        return json.dumps(
            {
                "type": kind,
                "challenge": websafe_encode(challenge),
                "origin": origin or self.origin,
                "crossOrigin": cross_origin,
            }
        ).encode()
