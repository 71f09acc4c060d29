"""Sends one message with Python's smtplib. Its arguments are a JSON object: see smtplibClient in real-clients.ts."""

import json
import smtplib
import ssl
import sys

o = json.loads(sys.argv[1])
# Verifies the chain and the name, as ssl's default context does everywhere.
context = ssl.create_default_context(cafile=o["caFile"])
if o["tls"] == "implicit":
    client = smtplib.SMTP_SSL(o["host"], o["port"], context=context)
else:
    client = smtplib.SMTP(o["host"], o["port"])
with client:
    if o["tls"] == "starttls":
        client.starttls(context=context)
    client.ehlo()
    if o["auth"] is not None:
        client.user, client.password = o["user"], o["password"]
        client.auth(o["auth"], getattr(client, "auth_" + o["auth"].lower()))
    with open(o["messageFile"], "rb") as file:
        client.sendmail(o["from"], [o["to"]], file.read(), mail_options=["BODY=8BITMIME"])
