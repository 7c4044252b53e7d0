"""Verifies a webhook from standard input with the library of the Standard Webhooks project: {secret, headers, body}."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

letter = json.load(sys.stdin)
webhook = Webhook(letter["secret"])
event = webhook.verify(letter["body"], letter["headers"])
for spoiled in (
    {"body": letter["body"].replace("completed", "cancelled"), "headers": letter["headers"]},
    {"body": letter["body"], "headers": {**letter["headers"], "webhook-id": "msg_another"}},
    {"body": letter["body"], "headers": {**letter["headers"], "webhook-timestamp": str(int(letter["headers"]["webhook-timestamp"]) + 1)}},
):
    try:
        webhook.verify(spoiled["body"], spoiled["headers"])
    except WebhookVerificationError:
        continue
    sys.exit("a letter that was changed passes")
json.dump(event, sys.stdout)
