# checks.sh: how the scripts of this folder check; read with ".". Counts are in $passed and $failed.

pass() { passed=$((passed + 1)); }
fail() { # NAME WHAT
    failed=$((failed + 1))
    printf 'FAIL %s: %s\n' "$1" "$2"
}
is() { # NAME GOT EXPECTED
    if [ "$2" = "$3" ]; then pass; else fail "$1" "got \"$2\", expected \"$3\""; fi
}
has() { # NAME TEXT PART
    case $2 in *"$3"*) pass ;; *) fail "$1" "\"$3\" is not in \"$2\"" ;; esac
}
