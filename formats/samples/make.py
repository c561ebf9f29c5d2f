#!/usr/bin/env python3
"""Remakes the samples beside it and samples.tsv: file, exit status of lat-check, and what its message must match (an extended
regular expression). Needs the zstd command; frames of another version of it may differ, which does not matter."""
import copy, json, os, struct, sys, zlib
here = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, here + "/../../tests/interop")
from lat import SIZES, encode, head, zstd

table = []

def sample(name, data, status=0, message=""):
    with open("%s/%s.lat" % (here, name), "wb") as f:
        f.write(data)
    table.append("%s.lat\t%d\t%s\n" % (name, status, message))

def broken(name, data, message):
    sample(name, data, 65, message)

def end(n):
    return head(b"E", {"records": n})

def raw_head(text, kind=b"R", size=None, major=1, minor=0, zero=0, name=b"LATP"):
    """a header frame around any bytes"""
    data = struct.pack("<II4sBBcB", 0x184D2A5D, len(text) + 12 if size is None else size, name, major, minor, kind, zero) + text
    return data + struct.pack("<I", zlib.crc32(data))

def floats(n, shift=0):
    return struct.pack("<%df" % n, *(((i * 37 + shift) % 101 - 50) / 16 for i in range(n)))

def tensor(name="x", dtype="f32", shape=(1, 4, 3, 2), kind="none", data=None, **more):
    """(entry, frame)"""
    entry = dict({"name": name, "dtype": dtype, "shape": list(shape)}, **more)
    return entry, encode(entry, floats(24) if data is None else data, kind)

def record(*tensors, **header):
    """a record of (entry, frame) pairs"""
    return head(b"R", dict({"id": "sub-01", "tensors": [t for t, _ in tensors]}, **header)) + b"".join(f for _, f in tensors)

def stream(*tensors, **header):
    return record(*tensors, **header) + end(1)

def with_frame(frame):
    """a stream whose tensor is this frame, its length and CRC in order"""
    entry, _ = tensor()
    entry.update(length=len(frame), crc32=zlib.crc32(frame))
    return stream((entry, frame))

def with_entry(**change):
    entry, frame = tensor()
    entry.update(change)
    return stream((entry, frame))

def without(key):
    entry, frame = tensor()
    del entry[key]
    return stream((entry, frame))

# valid
history = [{"tool": "nii2lat", "version": "0.1.0", "options": {}}]
z = tensor("z", shape=(3, 2, 2, 2), kind="shuffle", data=floats(24, 9), model={"kind": "autoencoder", "identity": "ab" * 32})
sample("one", stream(tensor(kind="shuffle"), z, months=12, history=history))
sample("empty-stream", end(0))
sample("id-plus", stream(tensor(), id="sub-01_acq-MPRAGE+norm_T1w"))
sample("parts", stream(tensor()) + end(0) + record(z, id="sub-02") + record(id="sub-03") + end(2))
numbers = {t: bytes((i * 7) % 64 for i in range(6 * SIZES[t])) for t in SIZES}
for kind in ("none", "shuffle"):
    sample("types-" + kind, stream(*(tensor(t, t, (2, 3), kind, numbers[t]) for t in SIZES)))
scalar, deep = tensor("scalar", shape=(), data=floats(1)), tensor("deep", shape=(1, 2, 1, 3, 1, 1, 2, 2))
sample("ranks", stream(scalar, deep))
later, later_frame = tensor("later")
later.update(dtype="q4", scale=0.5)
delta, delta_frame = tensor("delta")
delta.update(filter="delta")
text = json.dumps({"id": "sub-01", "tensors": [later, delta, tensor()[0]], "later": {"a": [1, 2.5, None, True]}}).encode()
sample("unknown", raw_head(text, minor=7) + later_frame + delta_frame + tensor()[1] + end(1))
odd = struct.pack("<6f", 1, float("nan"), float("inf"), float("-inf"), -0.0, 2)
broken("not-finite", stream(tensor(shape=(6,), data=odd)), "sub-01: tensor x: element 1 is nan, no finite number$")

# cut short, damaged
good = stream(tensor(), z)
first = len(good) - len(z[1]) - len(end(1))
broken("empty", b"", "byte 0: empty")
broken("cut-header", good[:40], "byte 40: .*cut short.*inside a header")
broken("cut-front", good[:7], "byte 7: .*cut short.*inside a header")
broken("cut-tensor", good[:first - 5], "byte %d: .*cut short.*inside tensor x of record sub-01" % (first - 5))
broken("cut-between-tensors", good[:first], "byte %d: .*cut short.*inside tensor z of record sub-01" % first)
broken("cut-end", good[:-len(end(1))], "byte %d: .*cut short.*no end marker after 1 records" % (len(good) - len(end(1))))
broken("cut-then-cat", good[:-len(end(1))] + good, "byte %d: .*end marker of 1 records after 2" % (2 * len(good) - 2 * len(end(1))))
broken("cut-inside-then-cat", good[:first - 5] + good, "tensor x of record sub-01 is damaged")
broken("flip-header", good[:50] + bytes([good[50] ^ 4]) + good[51:], "byte 0: a damaged header")
broken("flip-tensor", good[:first - 9] + bytes([good[first - 9] ^ 16]) + good[first - 8:], "tensor x of record sub-01 is damaged")
broken("bytes-behind", good + b"\n", "byte %d: no record header and no end marker" % len(good))
broken("count", record(tensor()) + end(3), "end marker of 3 records after 1")
broken("no-count", record(tensor()) + head(b"E", {}), "end marker without a number")
broken("tensor-alone", tensor()[1], "byte 0: not a latpipe stream")
broken("text", b"id\tage\nsub-01\t34\n", "byte 0: not a latpipe stream")

# headers
broken("version", raw_head(b"{}", major=2), "format version 2.0")
broken("kind", raw_head(b"{}", kind=b"X"), "unknown kind")
broken("byte-15", raw_head(b"{}", zero=1), "unknown kind")
broken("other-frame", raw_head(b"{}", name=b"LATQ"), "not a latpipe stream")
broken("header-4GiB", raw_head(b"{}", size=0xFFFFFFF0), "a header of 4294967280 bytes")
broken("header-short", raw_head(b"", size=12), "a header of 12 bytes")
broken("json-bad", raw_head(b'{"id":'), "bad JSON")
broken("json-list", raw_head(b"[]"), "not an object")
broken("json-deep", raw_head(b'{"a":' + b"[" * 9999 + b"]" * 9999 + b"}"), "nested deeper than 32")
broken("json-many", raw_head(b'{"a":[' + b"0," * 65537 + b"0]}"), "more than 65536 values")
broken("json-twice", raw_head(b'{"id":"a","id":"b","tensors":[]}'), "bad JSON: duplicate")
broken("json-nul", raw_head(b'{"id":"a\\u0000b","tensors":[]}'), "bad JSON")
broken("json-utf8", raw_head(b'{"id":"a","tensors":[],"b":"\xff"}'), "bad JSON")
broken("json-number", raw_head(b'{"id":"a","tensors":[],"b":99999999999999999999}'), "bad JSON")
broken("json-behind", raw_head(b'{"id":"a","tensors":[]}{}'), "bad JSON")
broken("id-path", stream(tensor(), id="../evil"), "without a proper id")
broken("id-dot", stream(tensor(), id=".hidden"), "without a proper id")
broken("id-empty", stream(tensor(), id=""), "without a proper id")
broken("id-long", stream(tensor(), id="a" * 201), "without a proper id")
broken("id-number", stream(tensor(), id=7), "without a proper id")
broken("tensors-object", head(b"R", {"id": "a", "tensors": {}}) + end(1), "no list of tensors")
broken("tensors-many", head(b"R", {"id": "a", "tensors": [dict(tensor()[0], name="t%d" % i) for i in range(257)]}), "more than 256 tensors")
broken("months-text", stream(tensor(), months="12"), "months of a wrong type")
broken("history-text", stream(tensor(), history="none"), "history or months of a wrong type")

# tensors
broken("name-path", with_entry(name="a/b"), "without a proper name")
broken("name-twice", stream(tensor(), tensor()), "two tensors x")
for key in ("name", "dtype", "shape", "filter", "length", "crc32"):
    broken("no-" + key, without(key), "without a proper name" if key == "name" else "tensor x: .* missing or of a wrong type")
broken("shape-zero", with_entry(shape=[0, 4]), "a dimension of 0")
broken("shape-negative", with_entry(shape=[-4, -6]), "a dimension of -4")
broken("shape-real", with_entry(shape=[2.5, 4]), "a dimension of 0")
broken("shape-overflow", with_entry(shape=[1 << 62, 8]), "more than 4294967296 elements")
broken("shape-9", with_entry(shape=[1] * 8 + [24]), "more than 8 dimensions")
broken("shape-other", with_entry(shape=[25]), "a zstd frame of 96 bytes where 100 are announced")
broken("shape-huge", with_entry(shape=[1 << 31]), "bytes cannot hold it")
broken("length-zero", with_entry(length=0), "0 bytes cannot hold it")
broken("length-huge", with_entry(length=1 << 60), "bytes cannot hold it")
broken("length-beyond", with_entry(length=4000), "cut short.*inside tensor x")
broken("crc-negative", with_entry(crc32=-1), "a crc32 out of range")

# frames
frame = tensor()[1]
assert frame[4] == 0x24 and frame[5] == 96, "one segment, checksum, one byte of content size"
broken("frame-none", with_frame(b"no frame, but long enough to be one"), "not a zstd frame")
broken("frame-no-checksum", with_frame(zstd(floats(24), "--no-check", "--stream-size=96")), "without checksum or content size")
broken("frame-no-size", with_frame(zstd(floats(24), "--check", "--no-content-size")), "without checksum or content size")
broken("frame-unused-bit", with_frame(frame[:4] + bytes([frame[4] | 0x10]) + frame[5:]), "without checksum or content size, or with")
broken("frame-dictionary", with_frame(frame[:4] + bytes([frame[4] | 1]) + b"\1" + frame[5:]), "or with a dictionary")
broken("frame-size", with_frame(frame[:5] + b"\x61" + frame[6:]), "a zstd frame of 97 bytes where 96 are announced")
broken("frame-window", with_frame(frame[:4] + b"\x84\xa0" + struct.pack("<I", 96) + frame[6:]), "window larger than 8 MiB")
broken("frame-two", with_frame(frame + frame), "not one zstd frame")
broken("frame-cut", with_frame(frame[:-6]), "a zstd frame cut short")
broken("frame-checksum", with_frame(frame[:-1] + bytes([frame[-1] ^ 1])), "sub-01: tensor x: damaged zstd frame")
bomb, _ = tensor(shape=(1 << 16, 1 << 12), dtype="f32")
lie = b"\x28\xb5\x2f\xfd\x84\x58" + struct.pack("<I", 1 << 30) + b"\x01\0\0" + bytes(40000)
bomb.update(length=len(lie), crc32=zlib.crc32(lie))
broken("frame-lie", stream((bomb, lie)), "not one zstd frame|too short for its")

with open(here + "/samples.tsv", "w") as f:
    f.writelines(table)
