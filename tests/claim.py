"""claim.py TENSOR KEY JSON: a stream from stdin to stdout whose TENSOR says KEY of itself, such as a model that it was made by."""
import json, sys
sys.path.insert(0, 'tests/interop')
import lat
name, key, value = sys.argv[1:]
out, count = sys.stdout.buffer, 0
for header, _, frames in lat.read_stream(sys.stdin.buffer):
    for t in header['tensors']:
        if t['name'] == name:
            t[key] = json.loads(value)
    out.write(lat.head(b'R', header) + b''.join(frames))
    count += 1
out.write(lat.head(b'E', {'records': count}))
