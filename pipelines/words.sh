# Words of a user's in recipes that work in another folder than the one make was started in.

# absolute NAME: the variable's path becomes one that holds in any folder. What is not there stays as it is, as the name of a model
absolute() {
	local -n path=$1
	[ ! -e "$path" ] || [[ $path == /* ]] || path=$PWD/$path
}
