# Outputs where something is unusual: a file system without nameless files or links, a second writer, a signal, a full disk, a name that
# cannot be, pipes that do not block.
. tests/lib.sh
export OMP_NUM_THREADS=1
python3 tests/small.py "$T"
npy2lat --id ball x="$T/x.npy" > "$T/ball.lat"
head -c -20 "$T/ball.lat" > "$T/cut.lat"
nii2lat --grid-only -q "$T/ball.nii" > "$T/grid.lat"
mkdir "$T/o"
left() { ls -A "$T/o" | tr '\n' ' '; }

# names that cannot be are refused before anything is read: the input is not there, and nobody asks
long=$(printf 'n%.0s' {1..250})
for t in 'lat-cut gone.lat' 'lat2nii gone.lat' 'nii2lat gone.nii' 'nii-mask --above 1 gone.nii' 'nii-transform --spacing 2 gone.nii' \
	'nii2png gone.nii' 'nii-mean gone.nii gone.nii' 'linprobe fit --labels gone.tsv --target age gone.lat' 'sem-encode gone.lat'; do
	refuses 73 "${t%% *}: a name of 256 letters" $t -o "$T/o/$long.nii.gz"
	like "${t%% *}: a name of 256 letters: said" "$(cat "$T/err")" 'File name too long'
	refuses 73 "${t%% *}: a folder that is not there" $t -o "$T/none/out.nii"
	like "${t%% *}: a folder that is not there: said" "$(cat "$T/err")" "none/out.nii: No such file or directory"
done
refuses 73 'lat2nii: names with {id}: the folder is looked at' lat2nii gone.lat -o "$T/none/{id}.nii"
refuses 73 'an empty name' lat-cut gone.lat -o ''
touch "$T/o/there"
refuses 73 'a file that exists' nii2png gone.nii -o "$T/o/there"
rm "$T/o/there"
expect_exit 0 'a name of 248 letters' lat-cut "$T/ball.lat" -o "$T/o/${long:2}"
rm "$T/o/"*
is 'nothing is left' "$(left)" ''

# two writers without --force: one makes the file, the other says so
race() { # NAME COMMAND..
	local name=$1
	shift
	mkfifo "$T/go1" "$T/go2"
	{ cat "$T/ball.lat"; cat "$T/go1"; } | "$@" lat-cut -n x -o "$T/o/f" 2> "$T/err1" &
	local one=$!
	{ cat "$T/ball.lat"; cat "$T/go2"; } | "$@" lat-cut -n x -o "$T/o/f" 2> "$T/err2" &
	local other=$!
	exec 7> "$T/go1" 8> "$T/go2"
	sleep .3
	exec 7>&-
	wait $one
	is "$name: the first" "$? $(cat "$T/err1")" '0 '
	exec 8>&-
	wait $other
	is "$name: the second" "$? $(cat "$T/err2")" "73 lat-cut: $T/o/f: exists (use --force to overwrite it)"
	is "$name: one file" "$(left)" 'f '
	holds "$name: which is whole" lat-check "$T/o/f"
	rm -f "$T/o/f" "$T/go1" "$T/go2"
}
race 'two writers'
if need_faults 'other file systems'; then
	export -f with_fault
	race 'two writers, no nameless files' with_fault FAULT_TMPFILE=no
	race 'two writers, no links either' with_fault FAULT_TMPFILE=no FAULT_LINK=no
	for how in FAULT_TMPFILE=yes FAULT_TMPFILE=no 'FAULT_TMPFILE=no FAULT_LINK=no'; do
		# tried CODE NAME COMMAND...: afterwards nothing but a whole output is there
		tried() {
			local want=$1 name="$2 ($how)"
			shift 2
			expect_exit "$want" "$name" with_fault $how "$@"
			is "$name: nothing else is there" "$(left)" "$([ "$want" -ne 0 ] || echo 'f ')"
			rm -f "$T/o/"*
		}
		tried 0 'a stream' lat-cut -n x -o "$T/o/f" "$T/ball.lat"
		tried 0 'a scan' lat2nii --grid-only -o "$T/o/f" "$T/grid.lat"
		tried 65 'a stream that ends early' lat-cut -n x -o "$T/o/f" "$T/cut.lat"
		tried 66 'an input that is not there' npy2lat --id s -o "$T/o/f" x="$T/x.npy" y="$T/gone.npy"
		tried 66 'one of two' nii2lat -q --grid-only -o "$T/o/f" "$T/ball.nii" "$T/gone.nii"
		tried 65 'a second record' lat2nii -q --grid-only -o "$T/o/f" <(cat "$T/grid.lat" "$T/grid.lat")
		echo old > "$T/o/f"
		tried 0 'over another' lat-cut -f -n x -o "$T/o/f" "$T/ball.lat"
		tried 74 'a full disk' env FAULT=write:1:28+ lat-cut -n x -o "$T/o/f" "$T/ball.lat"
		tried 74 'a disk that fails' env FAULT=fsync:1:5 lat-cut -n x -o "$T/o/f" "$T/ball.lat"
	done
	for signal in TERM HUP PIPE USR1; do
		mkfifo "$T/in"
		env LD_PRELOAD="$BUILD/tests/preload/faults.so" FAULT_TMPFILE=no lat-cut -n x -o "$T/o/f" < "$T/in" 2> "$T/err" &
		exec 7> "$T/in"
		for _ in $(seq 200); do [ -z "$(left)" ] || break; sleep .02; done
		like "before SIG$signal: a hidden name" "$(left)" '^\.latpipe\.'
		kill -$signal $!
		wait $! 2> /dev/null
		is "killed by SIG$signal" "$? $(left)" "$((128 + $(kill -l $signal))) "
		exec 7>&-
		rm "$T/in"
	done
fi

# pipes that another process has made non-blocking, for results in binary and in text
cat > "$T/pipes.py" << 'E2'
import fcntl, os, subprocess, sys, time
folder = sys.argv[1]
one = open(folder + '/ball.lat', 'rb').read()
open(folder + '/big.lat', 'wb').write(one * (1 + 400000 // len(one)))
for k, tool in enumerate((['lat-cut'], ['lat-info'], ['lat-info', '--json'])):
    want = subprocess.run(tool + [folder + '/big.lat'], stdout=subprocess.PIPE).stdout
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETFL, os.O_NONBLOCK)
    fcntl.fcntl(w, 1031, 4096)  # F_SETPIPE_SZ
    p = subprocess.Popen(tool + [folder + '/big.lat'], stdout=w)
    os.close(w)
    time.sleep(.5)
    got = b''
    while True:
        b = os.read(r, 1 << 16)
        if not b:
            break
        got += b
    ok = p.wait() == 0 and got == want and len(want) > 4096
    print('%sok - stdout that does not block: %s' % ('' if ok else 'not ', ' '.join(tool)))
    os.close(r)
r, w = os.pipe()
fcntl.fcntl(r, fcntl.F_SETFL, os.O_NONBLOCK)
p = subprocess.Popen(['lat-cut'], stdin=r, stdout=subprocess.PIPE)
os.close(r)
data = open(folder + '/big.lat', 'rb').read()
if os.fork() == 0:
    for i in range(0, len(data), 100000):
        time.sleep(.1)
        os.write(w, data[i:i + 100000])
    os._exit(0)
os.close(w)
got = p.stdout.read()
ok = p.wait() == 0 and got == subprocess.run(['lat-cut', folder + '/big.lat'], stdout=subprocess.PIPE).stdout
print('%sok - stdin that does not block' % ('' if ok else 'not '))
E2
python3 "$T/pipes.py" "$T" > "$T/pipes" || echo 'not ok - pipes' >> "$T/pipes"
cat "$T/pipes"
! grep -q '^not ok' "$T/pipes" || FAILED=1
finish
