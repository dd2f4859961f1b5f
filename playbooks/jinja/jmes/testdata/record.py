#!/usr/bin/python3
"""Records what Python's jmespath makes of the queries in cases.jsonl.

A line is {"q": query}; recorded is "v", what it finds in data.json, or
"error", the class. Part of `make oracle`; needs python3-jmespath.
"""
import json
import os

import jmespath

HERE = os.path.dirname(os.path.abspath(__file__))


def record(query, data):
    try:
        found = jmespath.search(query, data)
        json.dumps(found)
        return {"q": query, "v": found}
    except Exception as e:
        return {"q": query, "error": type(e).__name__}


def main():
    with open(os.path.join(HERE, "data.json")) as f:
        data = f.read()
    name = os.path.join(HERE, "cases.jsonl")
    with open(name) as f:
        queries = [json.loads(line)["q"] for line in f if line.strip()]
    with open(name, "w") as f:
        for q in queries:
            f.write(json.dumps(record(q, json.loads(data)), ensure_ascii=False) + "\n")
    print(name, len(queries))


main()
