"""schema_test.py FILE: the first line is a schema, the others what should fit it. Run by rec_test.c.

jsonschema is the peer: is the schema valid by the 2020-12 metaschema, and does every record fit? Exit 77: the peer is missing.
"""
import json
import sys

try:
    from jsonschema import Draft202012Validator
except ImportError:
    sys.exit(77)

schema, *records = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
bad = 0
for record in records:
    for e in validator.iter_errors(record):
        print("#", "/".join(map(str, e.absolute_path)), e.message)
        bad += 1
if not validator.is_valid(records[0]) or validator.is_valid({**records[0], "small": 6}) or validator.is_valid({**records[0], "zzz": 1}):
    print("# the schema tells nothing apart")
    bad += 1
sys.exit(bad > 0)
