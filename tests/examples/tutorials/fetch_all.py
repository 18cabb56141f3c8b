# SPDX-License-Identifier: MIT
import concurrent.futures
import sys
import time
import urllib.request


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        body = answer.read()
    with open(url.rsplit("/", 1)[1], "wb") as file:
        file.write(body)
    return len(body)


workers, urls = int(sys.argv[1]), sys.stdin.read().split()
start, good = time.monotonic(), 0
with concurrent.futures.ThreadPoolExecutor(max_workers=workers) as executor:
    futures = {executor.submit(fetch, url): url for url in urls}
    for future in concurrent.futures.as_completed(futures):
        url = futures[future]
        try:
            print("%d bytes  %s" % (future.result(), url))
            good += 1
        except Exception as error:
            print("fetch_all: %s: %s" % (url, error), file=sys.stderr)
seconds = time.monotonic() - start
print("fetch_all: %d of %d files in %.3f s" % (good, len(urls), seconds), file=sys.stderr)
