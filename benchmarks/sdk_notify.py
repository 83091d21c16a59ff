"""The same calls by LeanCloud's own Python SDK, one after the other; run by an interpreter that has it.

Arguments: app id, app key, master key, conversation, number of calls. Reads `LEANCLOUD_API_SERVER` as the SDK does.
"""

import json
import sys
import time

import leancloud

APP_ID, APP_KEY, MASTER_KEY, CONVERSATION, CALLS = sys.argv[1:]
leancloud.init(APP_ID, app_key=APP_KEY, master_key=MASTER_KEY)
leancloud.use_master_key(True)
news = leancloud.Conversation.create_without_data(CONVERSATION)
news.set("sys", True)
message = {"_lctype": -1, "_lctext": "您的退款已到账。", "_lcattrs": {"delivery": "benchmark00"}}
started, cpu = time.perf_counter(), time.process_time()
for number in range(int(CALLS)):
    news.send("boss", message, to_clients=[f"client-{number * 20 + each}" for each in range(20)])
print(json.dumps({"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}))
