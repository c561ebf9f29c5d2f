#!/usr/bin/env python3
"""A stage of a pipe in another language: reads a stream on stdin, decodes every tensor, stores it again with the filter asked
for (none or shuffle), and writes a stream to stdout. Made from lat(5) alone: Python's library and the zstd command."""
import json, struct, subprocess, sys, zlib

SIZES = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "u8": 1, "u16": 2, "u32": 4, "u64": 8}

def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout

def take(f, n, what):
    data = f.read(n)
    if len(data) < n:
        sys.exit("cut short: " + what)
    return data

def read_stream(f):
    """yields (header, {name: elements' bytes or, of an unknown kind, None}, [frames])"""
    count, whole = 0, False
    while front := f.read(16):
        magic, size, name, major, _minor, kind, _zero = struct.unpack("<II4sBBcB", front)
        if magic != 0x184D2A5D or name != b"LATP" or major != 1:
            sys.exit("not a lat stream")
        text, crc = take(f, size - 12, "header"), take(f, 4, "header")
        if zlib.crc32(front + text) != struct.unpack("<I", crc)[0]:
            sys.exit("damaged header")
        header = json.loads(text)
        whole = kind == b"E"
        if whole:
            if header["records"] != count:
                sys.exit("records are missing")
            count = 0
            continue
        frames = [take(f, t["length"], t["name"]) for t in header["tensors"]]
        if any(zlib.crc32(b) != t["crc32"] for t, b in zip(header["tensors"], frames)):
            sys.exit("damaged tensor")
        yield header, {t["name"]: decode(t, b) for t, b in zip(header["tensors"], frames)}, frames
        count += 1
    if not whole:
        sys.exit("no end marker")

def decode(t, frame):
    size = SIZES.get(t["dtype"])
    if not size or t["filter"] not in ("none", "shuffle"):
        return None
    data, n = zstd(frame, "-d"), size
    for d in t["shape"]:
        n *= d
    if len(data) != n:
        sys.exit("tensor of a wrong size")
    return data if t["filter"] == "none" else b"".join(bytes(e) for e in zip(*(data[k * n // size:(k + 1) * n // size] for k in range(size))))

def encode(t, data, kind):
    size = SIZES[t["dtype"]]
    planes = b"".join(data[k::size] for k in range(size)) if kind == "shuffle" else data
    frame = zstd(planes, "-9", "--check", "--stream-size=%d" % len(data))
    t.update(filter=kind, length=len(frame), crc32=zlib.crc32(frame))
    return frame

def head(kind, value):
    text = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    data = struct.pack("<II4sBBcB", 0x184D2A5D, len(text) + 12, b"LATP", 1, 0, kind, 0) + text
    return data + struct.pack("<I", zlib.crc32(data))

def main(kind):
    count = 0
    for header, tensors, frames in read_stream(sys.stdin.buffer):
        frames = [b if tensors[t["name"]] is None else encode(t, tensors[t["name"]], kind) for t, b in zip(header["tensors"], frames)]
        sys.stdout.buffer.write(head(b"R", header) + b"".join(frames))
        count += 1
    sys.stdout.buffer.write(head(b"E", {"records": count}))

if __name__ == "__main__":
    main(sys.argv[1])
