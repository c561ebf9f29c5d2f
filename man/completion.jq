# What the tools' --interface says (one object a tool, read with jq -rs) as completion for bash: the options of each tool, what follows each
# option that takes something, and the function that looks both up.
def spellings: "--" + .long, (.short // empty | "-" + .);
"# bash completion for latpipe, made from the tools' --interface",
"declare -A _latpipe_options=(",
(.[] | "\t[\(.name)]=\([.options[] | spellings] | join(" ") | @sh)"),
")",
"# a kind, or the words that one may choose from",
"declare -A _latpipe_arguments=(",
(.[] | .name as $tool | .options[] | select(.arg) | (if .choices then .choices | join(" ") else "<" + .kind + ">" end) as $what
	| spellings | "\t[\"\($tool) \(.)\"]=\($what | @sh)"),
")",
"_latpipe() {
	local tool=${1##*/} word=$2 before=$3 what=
	# --math=fast is three words to bash
	[ \"$before\" != = ] || before=${COMP_WORDS[COMP_CWORD - 2]}
	[ -z \"$before\" ] || what=${_latpipe_arguments[\"$tool $before\"]-}
	case $what in
	'' | '<file>' | '<folder>' | '<model>')
		if [ -z \"$what\" ] && [[ $word == -* ]]; then
			mapfile -t COMPREPLY < <(compgen -W \"${_latpipe_options[$tool]}\" -- \"$word\")
		else
			[ \"$what\" = '<folder>' ] && what=-d || what=-f
			compopt -o filenames 2> /dev/null
			mapfile -t COMPREPLY < <(compgen $what -- \"$word\")
		fi ;;
	'<'*) COMPREPLY=() ;;
	*) mapfile -t COMPREPLY < <(compgen -W \"$what\" -- \"$word\") ;;
	esac
}",
"complete -F _latpipe \([.[].name] | join(" "))"
