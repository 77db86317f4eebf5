"""A folder signed by the reference implementation, with a key that is thrown away.

Writes `bundle/` with its `model.sig`, and `key.pub`, beside this script:

    pip install model-signing==1.1.1 pyOpenSSL
    python sign.py

A bundle that Lineal signed is checked by the same package:

    lineal download churn 3 folder
    model_signing verify key folder --signature folder/model.sig --public_key key.pub
"""

import pathlib
import tempfile

import model_signing
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

here = pathlib.Path(__file__).parent
bundle = here / "bundle"
bundle.mkdir(exist_ok=True)
for name, text in {
    "manifest.json": '{"format":1}',
    "features.json": '{"features":[]}',
    "model.json": '{"weights":[0.25,-1.5]}',
    "golden.json": '{"rows":[]}',
}.items():
    (bundle / name).write_text(text)

key = ec.generate_private_key(ec.SECP256R1())
public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
(here / "key.pub").write_bytes(public)
with tempfile.NamedTemporaryFile() as private:
    pem = serialization.PrivateFormat.PKCS8
    private.write(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    private.flush()
    hashing = model_signing.hashing.Config().set_ignored_paths(paths=[pathlib.Path("model.sig")])
    signing = model_signing.signing.Config().use_elliptic_key_signer(private_key=private.name)
    signing.set_hashing_config(hashing).sign(bundle, bundle / "model.sig")

verifying = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=here / "key.pub")
verifying.verify(bundle, bundle / "model.sig")
