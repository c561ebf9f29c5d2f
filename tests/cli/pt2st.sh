# pt2st: checkpoints as PyTorch writes them become models; hostile ones are refused, fast and in little memory, and nothing of theirs runs.
. tests/lib.sh
files=tests/checkpoints
config=$files/config.json
sums() { (cd "$1" && sha256sum ./*.safetensors); }

expect_exit 0 'an autoencoder' pt2st -c $config -o "$T/a" $files/autoencoder.pth
is 'says what it assumed, and nothing else' "$(cat "$T/out" "$T/err")" \
	"pt2st: $files/autoencoder.pth: assumed, for names and shapes do not tell: preparation stored, at 1.5 mm (--config says otherwise)"
holds 'its identity is true' lat-check "$T/a/autoencoder.safetensors"
identity() { python3 - "$1" "${2:-identity}" <<'PY'
import json, struct, sys
b = open(sys.argv[1], 'rb').read()
print(json.loads(b[8:8 + struct.unpack('<Q', b[:8])[0]])['__metadata__'].get(sys.argv[2], 'none'))
PY
}
holds 'under a prefix, in a trainer'"'"'s file' pt2st -c $config -o "$T/s1" $files/stage1.ckpt
is 'the same numbers' "$(identity "$T/s1/autoencoder.safetensors")" "$(identity "$T/a/autoencoder.safetensors")"
is 'its prefix is written down' "$(identity "$T/s1/autoencoder.safetensors" prefix)" model.
is 'the published conventions are, too' "$(identity "$T/s1/autoencoder.safetensors" preparation)" '{"name":"stored","size":[16,16,16],"spacing":1.5}'
holds 'a safetensors file' pt2st -c $config -o "$T/again" "$T/a/autoencoder.safetensors"
is 'a safetensors file: the same numbers' "$(identity "$T/again/autoencoder.safetensors")" "$(identity "$T/a/autoencoder.safetensors")"
holds 'the old layout' pt2st -c $config -o "$T/old" $files/autoencoder-old.pth
is 'half precision stays' "$(python3 -c '
import json, struct, sys
b = open(sys.argv[1], "rb").read()
h = json.loads(b[8:8 + struct.unpack("<Q", b[:8])[0]])
print(h["encoder.blocks.1.conv1.conv.weight"]["dtype"], h["encoder.blocks.1.norm1.weight"]["dtype"])' "$T/old/autoencoder.safetensors")" 'F16 F32'
"$BUILD/tests/tools/make-nii" "$T/scan.nii" mm=4
holds 'it runs' nii2lat -q -m "$T/a" -o "$T/a.lat" "$T/scan.nii"
holds 'it runs in half precision' nii2lat -q -m "$T/old" -o "$T/old.lat" "$T/scan.nii"
expect_exit 0 'the weights are multiples of 1/16: to the same latents' lat-diff <(lat-cut -n z "$T/a.lat") <(lat-cut -n z "$T/old.lat")
expect_exit 0 'encoder and decoder of the third stage' pt2st -v -c $config -o "$T/a" $files/stage3.ckpt
like 'says what it assumed of the diffusion' "$(grep assumed "$T/err")" \
	'stage3.ckpt: assumed, .* semantic.plane axial, unet.heads 1, diffusion.timesteps 1000, .*diffusion.scale_factor 0.873, diffusion.clip 1, diffusion.shift published,'
is 'says what it took' "$(grep -v assumed "$T/err" | sort)" "pt2st: $T/a/semantic.safetensors: from 'ema_encoder.'
pt2st: $T/a/shift_unet.safetensors: from 'ema_decoder.'
pt2st: $files/stage3.ckpt: semantic under 'encoder.': left out
pt2st: $files/stage3.ckpt: tensors are in state_dict (350)"
is 'the diffusion network names the autoencoder' "$(identity "$T/a/shift_unet.safetensors" autoencoder)" "$(identity "$T/a/autoencoder.safetensors")"
is 'and the semantic encoder' "$(identity "$T/a/shift_unet.safetensors" semantic)" "$(identity "$T/a/semantic.safetensors")"
expect_exit 0 'the semantic encoder runs' sem-encode -q -m "$T/a" -o "$T/y.lat" "$T/a.lat"
refuses 73 'files that exist' pt2st -c $config -o "$T/a" $files/stage3.ckpt
holds 'unless -f' pt2st -f -c $config -o "$T/a" $files/stage3.ckpt
sed '0,/{/s//{"difusion": {"clip": 2}, "training": {"any": 1},/' $config > "$T/misspelt.json"
expect_exit 0 'a key that is misspelt' pt2st -c "$T/misspelt.json" -o "$T/m" $files/autoencoder.pth
is 'a key that is misspelt: said' "$(head -n 1 "$T/err")" "pt2st: $T/misspelt.json: difusion: there is no such key; the nearest is diffusion"
refuses 78 'no configuration for groups of 2' pt2st -o "$T/x" $files/autoencoder.pth
like 'no configuration: says so' "$(cat "$T/err")" "autoencoder.pth: configuration: autoencoder.groups: 32 does not divide 2 channels$"
refuses 78 'no such prefix' pt2st -c $config --prefix vae -o "$T/x" $files/stage1.ckpt
refuses 66 'no such configuration' pt2st -c "$T/none.json" -o "$T/x" $files/stage1.ckpt
refuses 64 'no folder' pt2st $files/stage1.ckpt
for f in autoencoder.pth autoencoder-old.pth stage3.ckpt; do
	head -c -1000 $files/$f > "$T/cut"
	refuses 78 "$f cut short" pt2st -c $config -o "$T/x" "$T/cut"
done
# a byte of a weight is turned: the archive's checksum sees it
python3 - $files/autoencoder.pth "$T/turned.pth" <<'PY'
import sys, zipfile
b = bytearray(open(sys.argv[1], 'rb').read())
z = zipfile.ZipFile(sys.argv[1])
i = z.getinfo('autoencoder/data/7')
b[i.header_offset + 30 + b[i.header_offset + 26] + 256 * b[i.header_offset + 27] + b[i.header_offset + 28] + 256 * b[i.header_offset + 29]] ^= 1
open(sys.argv[2], 'wb').write(b)
PY
refuses 78 'a damaged weight' pt2st -c $config -o "$T/x" "$T/turned.pth"
like 'a damaged weight: says so' "$(cat "$T/err")" 'turned.pth: member autoencoder/data/7: damaged: its CRC-32 is'

# the same weights with other conventions: another model
python3 - "$T" $config << 'PY'
import json, sys
c = json.load(open(sys.argv[2]))
def put(name, **more):
    v = json.loads(json.dumps(c))
    for section, keys in more.items(): v.setdefault(section, {}).update(keys)
    json.dump(v, open('%s/%s.json' % (sys.argv[1], name), 'w'))
put('groups', autoencoder={'groups': 1})
put('clip', diffusion={'clip': None})
put('scale', diffusion={'scale_factor': .5})
put('shift', diffusion={'shift': 'noise'})
PY
for name in groups clip scale shift; do
	holds "$name: imports an autoencoder" pt2st -q -c "$T/$name.json" -o "$T/c-$name" $files/autoencoder.pth
	holds "$name: imports" pt2st -q -c "$T/$name.json" -o "$T/c-$name" $files/stage3.ckpt
done
is 'groups: the same weights' "$(lat-model "$T/c-groups" | cut -f 1,2)" "$(lat-model "$T/a" | cut -f 1,2)"
# differ NAME: the kinds whose conventions differ from those as they were
differ() { join -t $'\t' <(lat-model "$T/a" | cut -f 1,4 | sort) <(lat-model "$T/c-$1" | cut -f 1,4 | sort) | awk -F '\t' '$2 != $3 { printf "%s ", $1 }'; }
is 'groups: of the autoencoder' "$(differ groups)" 'autoencoder '
for name in clip scale shift; do is "$name: of the diffusion network" "$(differ $name)" 'shift_unet '; done
sem-encode -q -m "$T/a" "$T/a.lat" | lat-denoise -q -m "$T/a" --invert -s 2 > "$T/all.lat"
is 'a whole record' "$(lat-info "$T/all.lat" | cut -f 3 | tr '\n' ' ')" 'tensor x z y zT '
refuses 65 'other groups: lat2nii' lat2nii -m "$T/c-groups" -o "$T/no.nii" "$T/all.lat"
is 'other groups: lat2nii: says so' "$(cat "$T/err")" "lat2nii: scan: z is of another model (autoencoder autoencoder.groups 2, not 1 of $T/c-groups/autoencoder.safetensors); --any-model takes it all the same"
refuses 65 'other groups: lat-denoise' lat-denoise -m "$T/c-groups" --invert -s 2 -o "$T/no.lat" "$T/all.lat"
like 'other groups: lat-denoise: says so' "$(cat "$T/err")" 'z is of another model \(autoencoder autoencoder.groups 2, not 1 of .*shift_unet.safetensors\)'
for name in clip scale shift; do
	refuses 65 "$name: lat-denoise" lat-denoise -m "$T/c-$name" -s 2 -o "$T/no.lat" "$T/all.lat"
	like "$name: lat-denoise: says so" "$(cat "$T/err")" "^lat-denoise: scan: zT is of another model \(shift_unet diffusion.${name/scale/scale_factor} .*, not .* of $T/c-$name/shift_unet.safetensors\)"
	lat-denoise -q -m "$T/c-$name" --invert -s 2 "$T/all.lat" > "$T/$name.lat"
	refuses 65 "$name: lat-lerp" lat-lerp -t .5 -o "$T/no.lat" "$T/all.lat" "$T/$name.lat"
	expect_exit 0 "$name: --any-model" lat-denoise -m "$T/c-$name" -s 2 --any-model -f -o "$T/o.lat" "$T/all.lat"
done
# a record of an earlier version says no more than the identity
old=$(lat-model "$T/a" | awk '$1 == "autoencoder" { print $2 }')
python3 tests/claim.py z model "{\"kind\": \"autoencoder\", \"identity\": \"$old\"}" < "$T/all.lat" > "$T/old.lat"
expect_exit 0 'a record of an earlier version' lat2nii -m "$T/c-groups" -o "$T/old.nii" "$T/old.lat"

# what trainers leave beside the weights is carried along, and none of it is executed
mkdir "$T/beside"
python3 $files/beside.py "$T/beside" "$T/executed"
right=$(identity "$T/a/autoencoder.safetensors")
for f in "$T"/beside/beside-*.ckpt; do
	rm -rf "$T/m"
	expect_exit 0 "${f##*/}" pt2st -q -c $config -o "$T/m" "$f"
	is "${f##*/}: the same weights" "$(identity "$T/m/autoencoder.safetensors")" "$right"
done
is 'as many as were made' "$(ls "$T"/beside/beside-*.ckpt | wc -l)" 18
# which dictionary
takes() { # NAME PREFIX ARGUMENT...: the same weights, from here
	local name=$1 want=$2
	shift 2
	rm -rf "$T/m"
	expect_exit 0 "$name" pt2st -v -c $config -o "$T/m" "$@"
	is "$name: the same weights" "$(identity "$T/m/autoencoder.safetensors")" "$right"
	is "$name: from where" "$(identity "$T/m/autoencoder.safetensors" prefix)" "$want"
}
takes 'weights in another dictionary' model/ "$T/beside/elsewhere.ckpt"
like 'weights in another dictionary: listed' "$(cat "$T/err")" 'elsewhere.ckpt: tensors are in model \([0-9]+\)'
takes 'weights and their average' model. "$T/beside/average.ckpt"
like 'weights and their average: said' "$(cat "$T/err")" "average.ckpt: autoencoder: taken from 'model\.', and not the moving average under 'callbacks/EMA/shadow/' \(--prefix 'callbacks/EMA/shadow/' takes that\)"
takes 'the average' callbacks/EMA/shadow/ --prefix callbacks/EMA/shadow "$T/beside/average.ckpt"
takes 'one of two' other/ --prefix other "$T/beside/two.ckpt"
refuses 78 'two dictionaries' pt2st -c $config -o "$T/x" "$T/beside/two.ckpt"
like 'two dictionaries: listed' "$(cat "$T/err")" "two.ckpt: autoencoder: there is one under 'net/' and one under 'other/': choose by --prefix$"
refuses 78 'a weight that is an object' pt2st -c $config -o "$T/x" "$T/beside/object.ckpt"
like 'a weight that is an object: which' "$(cat "$T/err")" \
	'object.ckpt: autoencoder: model.decoder.blocks.0.conv.weight is an object of a.trainer.Unknown, which would have to be executed, and no tensor$'
refuses 78 'a whole module' pt2st -c $config -o "$T/x" "$T/beside/module.ckpt"
like 'a whole module: says so' "$(cat "$T/err")" \
	'module.ckpt: holds an object of a.trainer.Unknown, which would have to be executed, and no dictionary of names and tensors$'
refuses 78 'a state_dict that is an object' pt2st -c $config -o "$T/x" "$T/beside/state-object.ckpt"
like 'a state_dict that is an object: says so' "$(cat "$T/err")" 'state-object.ckpt: state_dict is an object of omegaconf.dictconfig.DictConfig'
for header in '{}' '{"__metadata__":{"format":"pt"}}'; do
	python3 -c 'import struct, sys; h = sys.argv[1].encode(); open(sys.argv[2], "wb").write(struct.pack("<Q", len(h)) + h)' "$header" "$T/none.safetensors"
	refuses 78 "no tensors: $header" pt2st -c $config -o "$T/x" "$T/none.safetensors"
	like "no tensors: $header: says so" "$(cat "$T/err")" 'none.safetensors: holds no tensors$'
done

if ! /usr/bin/python3 -c 'import torch' 2> /dev/null; then
	skip 'files made by PyTorch now' 'no torch'
else
	rm -rf "$T/m"
	mkdir "$T/made" "$T/m"
	/usr/bin/python3 $files/make.py "$T/made"
	for f in autoencoder.pth autoencoder-old.pth stage1.ckpt stage3.ckpt; do
		pt2st -q -c $config -o "$T/m/kept-$f" $files/$f
		pt2st -q -c $config -o "$T/m/made-$f" "$T/made/$f"
		is "made by PyTorch now: $f" "$(sums "$T/m/made-$f")" "$(sums "$T/m/kept-$f")"
	done
	holds 'stage 2: the moving average, and the autoencoder in double precision' pt2st -v -c $config -o "$T/s2" "$T/made/stage2.ckpt"
	is 'stage 2: which' "$(identity "$T/s2/unet.safetensors" prefix)" ema_unet.
	is 'stage 2: the same autoencoder' "$(identity "$T/s2/autoencoder.safetensors")" "$(identity "$T/a/autoencoder.safetensors")"
	holds 'stage 2: --prefix' pt2st --prefix unet -c $config -o "$T/s2p" "$T/made/stage2.ckpt"
	is 'stage 2: other numbers' "$([ "$(identity "$T/s2p/unet.safetensors")" = "$(identity "$T/s2/unet.safetensors")" ] || echo other)" other
	refuses 78 'two of a kind' pt2st -c $config -o "$T/x" "$T/made/two.ckpt"
	like 'two of a kind: says so' "$(cat "$T/err")" "autoencoder: there is one under 'a.' and one under 'b.': choose by --prefix$"
	holds 'two of a kind: --prefix' pt2st --prefix b. -c $config -o "$T/two" "$T/made/two.ckpt"
fi

# ---- hostile files ----
python3 - "$T" <<'PY'
import os, pickle, struct, sys, zipfile, zlib
T = sys.argv[1]
marker = T + '/executed'
def archive(name, pkl, members=(), method=zipfile.ZIP_STORED, prefix='a/'):
    with zipfile.ZipFile(T + '/' + name + '.pth', 'w', method) as z:
        z.writestr(prefix + 'data.pkl', pkl)
        for k, v in members: z.writestr(prefix + 'data/' + k, v)
class Run:
    def __init__(self, f, *args): self.f, self.args = f, args
    def __reduce__(self): return self.f, self.args
touch = 'touch ' + marker
archive('system', pickle.dumps({'state_dict': Run(os.system, touch)}, 2))
archive('eval', pickle.dumps(Run(eval, "__import__('os').system(%r)" % touch), 2))
archive('exec-4', pickle.dumps(Run(exec, "import os; os.system(%r)" % touch), 4))
archive('chain', pickle.dumps(Run(getattr, Run(__import__, 'os'), 'system'), 2))
open(T + '/bare.pth', 'wb').write(pickle.dumps(Run(os.system, touch), 2))
magic = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.'
open(T + '/old-system.pth', 'wb').write(magic + pickle.dumps(Run(os.system, touch), 2) + pickle.dumps([], 2))
l = []; l.append(l)
archive('recursive-list', pickle.dumps(l, 2))
d = {}; d['state_dict'] = d
archive('recursive-dict', pickle.dumps(d, 2))
laughs = b'\x80\x02]q\0' + b''.join(b']q\1(h\0h\0h\0h\0eq\0' for _ in range(30)) + b'.'
archive('laughs', laughs)
reduce = b'ccollections\nOrderedDict\nq\0'
archive('reduce-chain', b'\x80\x02' + reduce + b'h\0)R' * 1000000 + b'.')
archive('deep', b'\x80\x02' + b'(' * 30000000 + b'N.')
archive('nested', b'\x80\x02N' + b'\x85' * 30000000 + b'.')
archive('stack', b'\x80\x02' + b'N' * 60000000 + b'.')
archive('recalls', b'\x80\x02Nq\0' + b'h\0' * 30000000 + b'.')
archive('memo', b'\x80\x02Nr' + struct.pack('<I', 4000000000) + b'.')
archive('noise', b'\x80\x02' + b'\x80\x02' * 33000000 + b'N.')
archive('text', b'\x80\x02X' + struct.pack('<I', 4000000000) + b'x.')
def tensor(numel, size, stride, offset=0, key=b'0'):
    put = lambda v: b'\x8a\x08' + struct.pack('<q', v)
    return (b'ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX' + struct.pack('<I', len(key)) + key + b'X\3\0\0\0cpu' +
            put(numel) + b'tQ' + put(offset) + b'(' + b''.join(map(put, size)) + b't(' + b''.join(map(put, stride)) + b't\x89}tR')
def state(*tensors): return b'\x80\x02}(' + b''.join(b'X' + struct.pack('<I', len(k)) + k + t for k, t in tensors) + b'u.'
name = b'encoder.blocks.0.conv.weight'
archive('short-storage', state((name, tensor(54, (2, 1, 3, 3, 3), (27, 27, 9, 3, 1)))), [('0', bytes(100))])
archive('no-storage', state((name, tensor(54, (2, 1, 3, 3, 3), (27, 27, 9, 3, 1)))))
archive('wide', state((name, tensor(54, (2**31, 2**31, 2), (0, 0, 0)))), [('0', bytes(216))])
archive('overflow', state((name, tensor(2**62, (2**62,), (1,)))), [('0', bytes(216))])
archive('expanded', state((name, tensor(1, (100000, 10000), (0, 0)))), [('0', bytes(4))])
archive('beyond', state((name, tensor(54, (54,), (1,), 1))), [('0', bytes(216))])
archive('outside', state((name, tensor(54, (2, 1, 3, 3, 3), (27, 27, 9, 3, 1), 0, b'../../data.pkl'))), [('0', bytes(216))])
archive('named', state((b'a\n\x1b[31m', tensor(1, (1,), (1,)))), [('0', bytes(4))])
archive('many', b'\x80\x02}(' + b'X\1\0\0\0a' + tensor(1, (1,), (1,)) + b'u.' + b'', [('0', bytes(4))])
many = tensor(1, (), ())
call = many[:many.rindex(b'(X\7')] ; args = many[many.rindex(b'(X\7') - 1:-1]
archive('tensors', b'\x80\x02' + b'ctorch._utils\n_rebuild_tensor_v2\nq\0' + args + b'q\1' + b'h\0h\1R' * 500000 + b'.', [('0', bytes(4))])
archive('bomb', b'\0' * 200000000, method=zipfile.ZIP_DEFLATED)
archive('absolute', pickle.dumps({}, 2), prefix='/tmp/a/')
archive('climbs', pickle.dumps({}, 2), prefix='../a/')
archive('empty', pickle.dumps({}, 2))
with zipfile.ZipFile(T + '/no-pickle.pth', 'w') as z: z.writestr('a/b', 'c')
open(T + '/nothing.pth', 'wb')
# no hostile one: an archive beyond 4 GB (a hole, no disk is taken), its second member behind the hole
def local(name, data): return struct.pack('<IHHHHHIIIHH', 0x04034b50, 45, 0, 0, 0, 0, zlib.crc32(data), len(data), len(data), len(name), 0) + name + data
def entry(name, data, place):
    far = struct.pack('<HHQ', 1, 8, place) if place > 0xFFFFFFFF else b''
    return struct.pack('<IHHHHHHIIIHHHHHII', 0x02014b50, 45, 45, 0, 0, 0, 0, zlib.crc32(data), len(data), len(data), len(name), len(far), 0, 0, 0, 0,
                       min(place, 0xFFFFFFFF)) + name + far
members = [(b'a/data.pkl', state((b'far', tensor(1, (1,), (1,)))), 0), (b'a/data/0', b'\0\0\x80?', 4700000000)]
with open(T + '/large.pt', 'wb') as f:
    for name, data, place in members: f.seek(place); f.write(local(name, data))
    contents, table = f.tell(), b''.join(entry(*m) for m in members)
    f.write(table + struct.pack('<IQHHIIQQQQ', 0x06064b50, 44, 45, 45, 0, 0, 2, 2, len(table), contents))
    f.write(struct.pack('<IIQI', 0x07064b50, 0, contents + len(table), 1) + struct.pack('<IHHHHIIH', 0x06054b50, 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
open(T + '/letters.pth', 'wb').write(b'PK\3\4' + bytes(1000))
open(T + '/end.pth', 'wb').write(b'PK\3\4' + b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, 65535, 65535, 0xFFFFFFF0, 0, 0))
PY
refuses 78 'beyond 4 GB' pt2st -c $config -o "$T/x" "$T/large.pt"
like 'beyond 4 GB: its tensor was found' "$(cat "$T/err")" \
	"large.pt: holds no network of LDAE's \(its first tensor is far; tensors are in the outermost dictionary \(1\)\)$"
rm "$T/large.pt"
names=$(cd "$T" && ls ./*.pth | grep -v turned | sed 's|^./||; s/\.pth$//')
for f in $names; do
	refuses 78 "hostile: $f" pt2st -c $config -o "$T/x" "$T/$f.pth"
	if grep -q __asan_init "$BUILD/pt2st"; then
		skip "hostile: $f: cheap" 'built with sanitizers'
	else
		/usr/bin/time -o "$T/rss" -f '%M %U %S' pt2st -c $config -o "$T/x" "$T/$f.pth" 2> /dev/null
		holds "hostile: $f: under 200 MB and 1 s" awk 'END { if (!($1 < 200000 && $2 + $3 < 1)) { print; exit 1 } }' "$T/rss"
	fi
done
is 'as many hostile files as were made' "$(echo $names | wc -w)" 35
[ ! -e "$T/executed" ]
is 'nothing was executed' $? 0
[ ! -e "$T/x" ]
is 'nothing refused left a folder' $? 0
finish
