# The same study on two hosts and as a Slurm array gives the bytes of this one: sshd on two ports of localhost (Debian's openssh-server),
# a cluster of one node (slurm-wlm, munge; as root).
. tests/lib.sh
. tests/training.sh
. tests/tiny-model.sh
B=$T/study
for i in 01 02 03 04 05 06; do put "$B/sub-$i/anat/sub-${i}_T1w.nii.gz" "$T/sub-0$(((10#$i - 1) % 4 + 1))_T1w.nii"; done
echo '{"Name": "study", "BIDSVersion": "1.8.0"}' > "$B/dataset_description.json"
truncate -s 3000 "$B/sub-05/anat/sub-05_T1w.nii.gz"
expect_exit 2 'here' pipeline reconstruct BIDS=study OUT=here
sums() { (cd "$1" && find sub-* -type f -exec sha256sum {} + | sort; cat failed.tsv); }
daemons=()
trap 'kill "${daemons[@]}" 2> /dev/null; wait; rm -rf "$T"' EXIT

# a port that nothing listens on
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

sshd=$(PATH=$PATH:/usr/sbin command -v sshd)
if [ -n "$sshd" ]; then
	[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
	mkdir -m 700 "$T/ssh"
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/host"
	ssh-keygen -q -t ed25519 -N '' -f "$T/ssh/user"
	cp "$T/ssh/user.pub" "$T/ssh/authorized"
	for host in one two; do
		port=$(free_port)
		"$sshd" -D -f /dev/null -p "$port" -o ListenAddress=127.0.0.1 -h "$T/ssh/host" -o PidFile=none -o StrictModes=no \
			-o AuthorizedKeysFile="$T/ssh/authorized" -o PermitRootLogin=yes -E "$T/ssh/$host.log" &
		daemons+=($!)
		printf 'Host %s\n HostName 127.0.0.1\n Port %s\n IdentityFile %s\n StrictHostKeyChecking no\n UserKnownHostsFile /dev/null\n LogLevel ERROR\n' \
			"$host" "$port" "$T/ssh/user" >> "$T/ssh/config"
	done
	for host in one two; do
		for _ in $(seq 50); do ssh -F "$T/ssh/config" "$host" true 2> /dev/null && break; sleep .1; done
	done
	expect_exit 2 'two hosts' pipeline reconstruct BIDS=study OUT=hosts JOBS=1 SSHLOGIN="ssh -F $T/ssh/config one,ssh -F $T/ssh/config two"
	is 'two hosts: the same bytes, the same failure' "$(sums "$T/hosts")" "$(sums "$T/here")"
	is 'two hosts: both had work' "$(sed 1d "$T/hosts/logs/reconstruct.tsv" | cut -f 2 | sort -u | wc -l)" 2
	like 'two hosts: the summary' "$(lines | tail -n 1)" '5 made, 0 as they were, 1 failed'
	expect_exit 2 'a host that is not there' pipeline reconstruct BIDS=study OUT=nohost SUBJECTS=01 SSHLOGIN="ssh -F $T/ssh/config -p 1 one"
	like 'a host that is not there: told' "$(tail -n 1 "$T/nohost/failed.tsv")" $'^sub-01_T1w\tjob\t255\tno host answers: ssh -F .* -p 1 one'
	expect_exit 2 'a host that is not there, beside one that is' pipeline reconstruct BIDS=study OUT=onehost \
		SSHLOGIN="ssh -F $T/ssh/config -p 1 one,ssh -F $T/ssh/config two"
	is 'a host that is not there, beside one that is: the same bytes, the same failure' "$(sums "$T/onehost")" "$(sums "$T/here")"
else
	skip 'two hosts' 'no sshd (Debian package openssh-server)'
fi

slurm_up() { # a cluster of this machine alone
	local name
	name=$(hostname -s)
	install -d -m 711 -o munge -g munge "$T/munge" && chmod 755 "$T" || return
	dd if=/dev/urandom of="$T/munge/key" bs=1024 count=1 status=none && chown munge: "$T/munge/key" && chmod 400 "$T/munge/key" || return
	install -d -m 755 -o munge -g munge /run/munge
	runuser -u munge -- munged --foreground --key-file="$T/munge/key" --log-file="$T/munge/log" --pid-file="$T/munge/pid" --seed-file="$T/munge/seed" \
		--socket="$T/munge/socket" > "$T/munged" 2>&1 &
	daemons+=($!)
	mkdir "$T/slurm"
	cat > "$T/slurm/slurm.conf" <<- E2
		ClusterName=test
		SlurmctldHost=$name(127.0.0.1)
		SlurmUser=root
		SlurmctldPort=$(free_port)
		SlurmdPort=$(free_port)
		AuthType=auth/munge
		AuthInfo=socket=$T/munge/socket
		CredType=cred/munge
		StateSaveLocation=$T/slurm
		SlurmdSpoolDir=$T/slurm/spool
		SlurmctldPidFile=$T/slurm/ctld.pid
		SlurmdPidFile=$T/slurm/d.pid
		SlurmctldLogFile=$T/slurm/ctld.log
		SlurmdLogFile=$T/slurm/d.log
		ProctrackType=proctrack/pgid
		TaskPlugin=task/none
		SelectType=select/cons_tres
		SelectTypeParameters=CR_Core
		ReturnToService=2
		NodeName=$name NodeAddr=127.0.0.1 CPUs=$(env -u OMP_NUM_THREADS nproc) RealMemory=2000 State=UNKNOWN
		PartitionName=all Nodes=ALL Default=YES State=UP
	E2
	export SLURM_CONF=$T/slurm/slurm.conf
	for _ in $(seq 50); do [ ! -S "$T/munge/socket" ] || break; sleep .1; done
	if [ ! -S "$T/munge/socket" ]; then
		cat "$T/munged" >&2
		return 1
	fi
	slurmctld -D > /dev/null 2>&1 &
	daemons+=($!)
	slurmd -D > /dev/null 2>&1 &
	daemons+=($!)
	for _ in $(seq 60); do
		sinfo -h -o %T 2> /dev/null | grep -q idle && return
		sleep .5
	done
	tail -n 5 "$T/slurm/ctld.log" "$T/slurm/d.log" "$T/munged" >&2
	return 1
}
PATH=$PATH:/usr/sbin
if [ "$(id -u)" -ne 0 ] || ! command -v slurmctld > /dev/null || ! command -v munged > /dev/null; then
	skip 'Slurm' 'not root, or no slurm-wlm'
elif ! slurm_up; then
	not_ok 'Slurm: a cluster of one node' "$(tail -n 3 "$T"/slurm/*.log)"
else
	expect_exit 0 'Slurm: the script' pipeline reconstruct BIDS=study OUT=array slurm
	cp "$T/out" "$T/array.sh"
	expect_exit 2 'Slurm: the array, one of whose tasks fails' sbatch --wait "$T/array.sh"
	expect_exit 2 'Slurm: the summary' pipeline reconstruct BIDS=study OUT=array
	like 'Slurm: all was done by the array' "$(lines | tail -n 1)" '0 made, 5 as they were, 1 failed'
	is 'Slurm: the same bytes, the same failure' "$(sums "$T/array")" "$(sums "$T/here")"
fi
finish
