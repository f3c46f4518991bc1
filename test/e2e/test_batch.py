"""Many records at once: all or nothing, or each for itself (207 of RFC 4918)."""
import tenon

BATCH = "/api/v1/places/batch"


def codes(p, like):
    return sorted(i["code"] for i in p.call("GET", f"/api/v1/places?code.like={like}&limit=1000")[2]["items"])


def test_all_or_nothing(platform):
    p = platform
    status, _, done = p.call("POST", BATCH, {"create": [{"code": f"b{i}"} for i in range(50)]})
    assert status == 200 and done["failed"] == 0 and [r["status"] for r in done["rows"]] == [201] * 50
    ids = [r["record"]["id"] for r in done["rows"]]
    body = {"create": [{"code": "b-new"}], "update": [{"id": ids[0], "rev": 1, "name": "changed"}], "delete": [ids[1], {"id": ids[2], "rev": 1}]}
    status, _, done = p.call("POST", BATCH, body)
    assert status == 200 and [(r["op"], r["status"]) for r in done["rows"]] == [("create", 201), ("update", 200), ("delete", 204), ("delete", 204)]
    assert done["rows"][1]["record"]["name"] == "changed" and len(codes(p, "b*")) == 49
    audit = p.call("GET", "/api/v1/audit?deed=place.batch&limit=1")[2]["items"][0]
    assert len(audit["changes"]["changes"]) == 4                            # one deed, one entry
    wrong = {"create": [{"code": "b-no"}, {"code": ""}], "update": [{"id": ids[0], "rev": 1, "name": "stale"}, {"name": "x"}], "delete": [ids[1]]}
    status, _, problem = p.call("POST", BATCH, wrong)
    assert status == 422 and codes(p, "b-no") == []
    assert {(e["pointer"], e["code"]) for e in problem["errors"]} == {("/create/1/code", "length"), ("/update/0", "precondition"), ("/update/1/id", "required"),
                                                                      ("/delete/0", "missing")}


def test_each_for_itself(platform):
    p = platform
    status, _, done = p.call("POST", BATCH + "?atomic=false", {"create": [{"code": "c1"}, {"code": ""}, {"code": "c2"}], "delete": [tenon_absent]})
    assert status == 207 and done["failed"] == 2 and [r["status"] for r in done["rows"]] == [201, 422, 201, 404]
    assert done["rows"][1]["error"]["code"] == "length" and codes(p, "c?") == ["c1", "c2"]


tenon_absent = "01920000-0000-7000-8000-000000000000"


def test_what_is_no_batch_is_refused(platform):
    p = platform
    for body, code in (({}, "count"), ({"create": []}, "count"), ({"create": {}}, "wrong_type"), ({"mke": []}, "unknown_field"), ([], "wrong_type"),
                       ({"create": [{"code": "x"}] * 1001}, "count"), ({"update": ["x"]}, "invalid")):
        status, _, problem = p.call("POST", BATCH, body)
        assert (status, problem["code"]) == (422, code), (body if len(str(body)) < 100 else "many", problem)
    assert p.call("POST", "/api/v1/tokens/batch", {"create": [{"name": "x"}]})[0] == 415
    viewer = p.sign_in(role="viewer", name="batch-viewer")
    assert p.call("POST", BATCH, {"create": [{"code": "v"}]}, token=viewer)[0] == 403
    key = {"Idempotency-Key": "batch-1"}
    first = p.call("POST", BATCH, {"create": [{"code": "d1"}]}, headers=key)
    assert p.call("POST", BATCH, {"create": [{"code": "d1"}]}, headers=key)[2] == first[2] and codes(p, "d?") == ["d1"]
