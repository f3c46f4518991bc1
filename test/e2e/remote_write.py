"""A sender of Prometheus remote-write of which nothing is ours: Google's protobuf words the messages, Google's snappy (in pyarrow) packs them."""
import pytest

pa = pytest.importorskip("pyarrow")
descriptor_pb2 = pytest.importorskip("google.protobuf.descriptor_pb2")
from google.protobuf import descriptor_pool, message_factory  # noqa: E402

FIELD = descriptor_pb2.FieldDescriptorProto
STALE = 0x7FF0000000000002
V1, V2 = "prometheus.WriteRequest", "io.prometheus.write.v2.Request"
TYPES = {1: "application/x-protobuf", 2: f"application/x-protobuf;proto={V2}"}


def declare(package, messages):
    """messages: name → [(field, number, type or message name, repeated)]."""
    proto = descriptor_pb2.FileDescriptorProto(name=package + ".proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        m = proto.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            f = m.field.add(name=field, number=number, label=FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL)
            if isinstance(kind, str):
                f.type, f.type_name = FIELD.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                f.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(proto)
    return {n: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{n}")) for n in messages}


# prompb/types.proto, prompb/remote.proto and prompb/io/prometheus/write/v2/types.proto of Prometheus, as far as it is used here.
v1 = declare("prometheus", {
    "Label": [("name", 1, FIELD.TYPE_STRING, False), ("value", 2, FIELD.TYPE_STRING, False)],
    "Sample": [("value", 1, FIELD.TYPE_DOUBLE, False), ("timestamp", 2, FIELD.TYPE_INT64, False)],
    "Exemplar": [("labels", 1, "Label", True), ("value", 2, FIELD.TYPE_DOUBLE, False), ("timestamp", 3, FIELD.TYPE_INT64, False)],
    "Histogram": [("count_int", 1, FIELD.TYPE_UINT64, False), ("sum", 3, FIELD.TYPE_DOUBLE, False), ("timestamp", 15, FIELD.TYPE_INT64, False)],
    "TimeSeries": [("labels", 1, "Label", True), ("samples", 2, "Sample", True), ("exemplars", 3, "Exemplar", True),
                   ("histograms", 4, "Histogram", True)],
    "MetricMetadata": [("type", 1, FIELD.TYPE_INT32, False), ("metric_family_name", 2, FIELD.TYPE_STRING, False),
                       ("help", 4, FIELD.TYPE_STRING, False), ("unit", 5, FIELD.TYPE_STRING, False)],
    "WriteRequest": [("timeseries", 1, "TimeSeries", True), ("metadata", 3, "MetricMetadata", True)],
})
v2 = declare("io.prometheus.write.v2", {
    "Exemplar": [("labels_refs", 1, FIELD.TYPE_UINT32, True), ("value", 2, FIELD.TYPE_DOUBLE, False), ("timestamp", 3, FIELD.TYPE_INT64, False)],
    "Sample": [("value", 1, FIELD.TYPE_DOUBLE, False), ("timestamp", 2, FIELD.TYPE_INT64, False), ("start_timestamp", 3, FIELD.TYPE_INT64, False)],
    "Metadata": [("type", 1, FIELD.TYPE_INT32, False), ("help_ref", 3, FIELD.TYPE_UINT32, False), ("unit_ref", 4, FIELD.TYPE_UINT32, False)],
    "Histogram": [("count_int", 1, FIELD.TYPE_UINT64, False), ("sum", 3, FIELD.TYPE_DOUBLE, False), ("timestamp", 15, FIELD.TYPE_INT64, False)],
    "TimeSeries": [("labels_refs", 1, FIELD.TYPE_UINT32, True), ("samples", 2, "Sample", True), ("histograms", 3, "Histogram", True),
                   ("exemplars", 4, "Exemplar", True), ("metadata", 5, "Metadata", False)],
    "Request": [("symbols", 4, FIELD.TYPE_STRING, True), ("timeseries", 5, "TimeSeries", True)],
})


def request1(*series):
    """series: (labels, [(ms, value)]), or with further fields of the message as a third."""
    q = v1["WriteRequest"]()
    for labels, samples, *more in series:
        s = q.timeseries.add(**(more[0] if more else {}))
        for name, value in sorted(labels.items()):
            s.labels.add(name=name, value=value)
        for ms, value in samples:
            s.samples.add(timestamp=ms, value=value)
    return q.SerializeToString()


def request2(*series, help="", unit=""):
    q, at = v2["Request"](symbols=[""]), {"": 0}

    def ref(text):
        if text not in at:
            at[text] = len(q.symbols)
            q.symbols.append(text)
        return at[text]
    for labels, samples, *more in series:
        s = q.timeseries.add(**(more[0] if more else {}))
        s.labels_refs.extend(ref(t) for pair in sorted(labels.items()) for t in pair)
        s.metadata.help_ref, s.metadata.unit_ref = ref(help), ref(unit)
        for ms, value in samples:
            s.samples.add(timestamp=ms, value=value)
    return q.SerializeToString()


def pack(body):
    return pa.compress(body, codec="snappy", asbytes=True)


def send(platform, body, version=1, packed=True, token=None, **headers):
    fields = {"Content-Type": TYPES.get(version), "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0",
              **{k.replace("_", "-"): v for k, v in headers.items()}}
    return platform.call("POST", "/api/v1/prometheus/write", pack(body) if packed else body, token=token, headers=fields)
