#!/bin/sh
# disk.sh PROGRAM...: what is on the disk after a kill, a full disk, a write error, a folder that takes no file.
# What was there must be there to the byte; what is new must be whole or absent; study and train must go on to the
# bytes of an unbroken run. Run from the repository's top; writes below $B/tmp/disk only. Last line: "N passed, N
# failed".
#   NAMES="save trace"   which of the commands below (all)
#   KILLS=N              kills of each command at moments in time (60); 0: no kills at all
LC_ALL=C
export LC_ALL
D=${B:-build}/tmp/disk
case $D in /*) ;; *) D=$PWD/$D ;; esac
D=${ON:-$D}                   # a second run of this script, inside a mount namespace, has another
KILLS=${KILLS:-60}
all="save trace cov model safetensors header html study train twin sink sink_trace cases"
NAMES=${NAMES:-$all}
T=$D/t                        # where the commands write: empty before each run but for what was there
W=$D/whole                    # what unbroken runs write
M=$D/formula                  # the models: with formula weights; trained for two steps
TINY=$D/tiny
passed=0
failed=0

[ $# -gt 0 ] || { echo "usage: sh tests/disk.sh PROGRAM..." >&2; exit 2; }
command=
for word; do command="$command '$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")'"; done
before= # what stands before the program: strace, setpriv
become() { eval "exec $before $command \"\$@\""; }

. tests/checks.sh
size() { wc -c <"$1" | tr -d ' '; }

# --------------------------------------------------------------------------- the commands

# NAME OUT: becomes the program with the arguments of that name, which writes OUT.
go() {
    out=$2
    case $1 in
    save) set -- edit "$M" "$D/request.json" --layer 0 --cov identity --v_num_grad_steps 8 --no-ppl --save "$out" ;;
    trace) set -- edit "$M" "$D/request.json" --layer 0 --cov identity --v_num_grad_steps 8 --no-ppl --trace "$out" ;;
    cov) set -- cov "$M" "$D/text" --layer 0 -o "$out" ;;
    model) set -- golden export --model "$out" ;;
    safetensors) set -- golden export golden/ops/*.txt --safetensors "$out" ;;
    header) set -- golden export golden/ops/*.txt --c-header "$out" ;;
    html) set -- report ref/study/results/dose.jsonl --html "$out" ;;
    study) set -- study dose "$TINY" --real 3 -o "$out" ;;
    train) set -- train "$out" --steps 40 --every 3 --windows 4 --width 8 --heads 1 --layers 2 --layer 1 --positions 32 ;;
    twin) set -- train "$out" --masked 4 --steps 40 --every 3 --windows 4 --width 8 --heads 1 --layers 2 --layer 1 \
        --positions 32 ;;
    cases) set -- golden make "$out" ;;
    sink) set -- edit tiny_models/sink "$D/request.json" --method c-rome --v_num_grad_steps 4 --no-ppl --save "$out" ;;
    sink_trace) set -- edit tiny_models/sink "$D/request.json" --method c-rome --v_num_grad_steps 4 --no-ppl --trace "$out" ;;
    *) exit 99 ;;
    esac
    become "$@"
}
# NAME: sets $kind. folder: new or not at all; file: the former or the new; lines, training: taken up again.
kind_of() {
    case $1 in
    save | model | sink | cases) kind=folder ;;
    study) kind=lines ;;
    train | twin) kind=training ;;
    *) kind=file ;;
    esac
}
run() { # NAME OUT: to its end, with $D/stdout, $D/stderr, $code
    (go "$1" "$2") >"$D/stdout" 2>"$D/stderr" </dev/null
    code=$?
}

# $T as it is before a command: for a file a former one, which may be longer than the new one.
fresh() { # NAME
    rm -rf "$T"
    mkdir "$T"
    kind_of "$1"
    [ $kind != file ] || cp "$D/former" "$T/out"
    echo neighbour >"$T/other"
}

# --------------------------------------------------------------------------- judging

# NAME WHERE: what the command left in $T, as $state: before, writing or after; fails unless it is one of these.
judge() {
    state=before wrong=
    case $kind in
    lines)
        if [ ! -s "$T/out" ]; then :; elif cmp "$T/out" "$W/$1" >"$D/cmp" 2>&1; then state=after; else
            state=writing
            case $(cat "$D/cmp") in *EOF*"$T/out"*) ;; *) wrong=out ;; esac
        fi ;;
    file)
        if cmp -s "$T/out" "$W/$1"; then state=after; elif ! cmp -s "$T/out" "$D/former"; then wrong=out; fi ;;
    *)
        [ ! -e "$T/out" ] || state=after
        [ $state = before ] || diff -r "$T/out" "$W/$1" >"$D/cmp" 2>&1 || wrong=out ;;
    esac
    read -r word <"$T/other"
    [ "$word" = neighbour ] || wrong=other
    for left in "$T"/*; do
        case $left in
        "$T/out" | "$T/other") ;;
        "$T"/out.tmp-* | "$T"/out.state.tmp-*) [ $state = after ] || state=writing ;;
        "$T"/out.state)
            [ $kind = training ] || wrong=$left
            [ $state = after ] || state=writing ;;
        *) wrong=$left ;;
        esac
    done
    if [ -z "$wrong" ]; then pass; else fail "$1, $2" "$wrong is neither what was there nor whole"; fi
}

# NAME WHERE: the same command again comes to the bytes of an unbroken run, whatever a kill left.
again() {
    [ $state != after ] || return 0
    run "$1" "$T/out"
    said=
    [ ! -s "$D/stderr" ] || said=$(grep -v '^rome99: taking up \|was cut off' "$D/stderr")
    is "$1, $2, again: exit" "$code $said" "0 "
    judge "$1" "$2, again"
    is "$1, $2, again" $state after
    [ ! -e "$T/out.state" ] || fail "$1, $2, again" "the state is there still"
}

# NAME WHERE: the command, which must fail in one line, leaves nothing but what was there.
refused() {
    line=$(cat "$D/stderr")
    if [ $code -ne 2 ] || [ "$(grep -c '' "$D/stderr")" -ne 1 ]; then
        fail "$1, $2" "exit $code, \"$line\", expected 2 and one line"
    else
        case $line in "rome99: "*) pass ;; *) fail "$1, $2" "\"$line\"" ;; esac
    fi
    judge "$1" "$2"
    case $kind in
    lines | training) [ $state != after ] || fail "$1, $2" "is complete though it failed" ;;
    *) is "$1, $2: what is left" $state before ;;
    esac
    for left in "$T"/*.tmp-*; do [ ! -e "$left" ] || fail "$1, $2" "$left is left"; done
}

# ------------------------------------------------------------------------------ kill -9

fractions=1
sleep 0.001 2>/dev/null || fractions=

# NAME SECONDS: kills the command after that time. $killed: 1 if it still ran.
kill_after() {
    go "$1" "$T/out" >"$D/stdout" 2>"$D/stderr" </dev/null &
    pid=$!
    case $2 in 0 | 0.000?) ;; *) sleep "$2" ;; esac
    kill -9 $pid 2>/dev/null
    { wait $pid; } 2>/dev/null
    [ $? -gt 128 ] && killed=1 || killed=0
}

in_seconds() { printf '%d.%04d' $(($1 / 10000)) $(($1 % 10000)); }
# NAME: the time after which a kill comes too late, $time in 1/10000 s, to a tenth.
calibrate() {
    time=16
    while fresh "$1"; kill_after "$1" "$(in_seconds $time)"; [ $killed = 1 ]; do time=$((time * 2)); done
    low=$((time / 2))
    while [ $((10 * (time - low))) -gt "$time" ]; do
        middle=$(((low + time) / 2))
        fresh "$1"
        kill_after "$1" "$(in_seconds $middle)"
        if [ $killed = 1 ]; then low=$middle; else time=$middle; fi
    done
}

# TIME N SEED: N moments in seconds: half of them evenly up to 1.1 TIME, half about the end.
moments() {
    awk -v t="$1" -v n="$2" -v x="$3" 'function drawn() { x = (x * 16807) % 2147483647; return x / 2147483647 }
        BEGIN { for (i = 0; i < n; i++)
            printf "%.4f\n", (i % 2 ? t * (0.75 + 0.4 * drawn()) : 1.1 * t * (i + drawn()) / n) / 10000 }'
}

total="0 0 0 0"
count() { # STATE: adds to the sums of this command
    case $1 in before) n1=$((n1 + 1)) ;; writing) n2=$((n2 + 1)) ;; after) n3=$((n3 + 1)) ;; esac
}
told() { # NAME HOW: prints and adds up
    echo "$1, $2: $((n1 + n2 + n3)) kills: $n1 before, $n2 during, $n3 after the writing${3:-}"
    # shellcheck disable=SC2086
    set -- $total $n1 $n2 $n3
    total="$(($1 + $5)) $(($2 + $6)) $(($3 + $7)) 0"
}

# NAME N: at N moments, not counting runs that had ended; each fourth time the command is run again, beside what
# the kill left. One that is taken up again is killed four times on its way.
kills_in_time() {
    n1=0 n2=0 n3=0 i=0
    [ -n "$fractions" ] || { echo "$1: this sleep knows no fractions: skipped"; return; }
    if [ "$1" = cases ]; then time=15000; kind_of cases; else calibrate "$1"; fi # of half a minute the beginning
    fresh "$1"
    for moment in $(moments $time "$2" $((time + ${#1}))); do
        i=$((i + 1))
        kill_after "$1" "$moment"
        judge "$1" "killed after $moment s"
        [ $killed = 0 ] || count $state
        if [ $((i % 4)) -eq 0 ]; then [ "$1" = cases ] || again "$1" "killed after $moment s"
        elif [ $state != after ]; then case $kind in lines | training) continue ;; esac; fi
        fresh "$1"
    done
    told "$1" "at moments" " ($(in_seconds $time) s)"
}

# NAME: just before each of its system calls that change the disk; of many of one kind the first, the last, and some
# between.
calls="mkdir openat write fsync rename unlink rmdir close exit_group"
kills_at_calls() {
    n1=0 n2=0 n3=0 most=24
    fresh "$1"
    case $kind$1 in lines* | training* | *sink*) most=10 ;; esac # slow ones
    before="strace -qq -o '$D/strace' -e trace=$(echo $calls | tr ' ' ,)"
    run "$1" "$T/out"
    before=
    cut -d '(' -f 1 "$D/strace" | sort | uniq -c >"$D/calls"
    for call in $calls; do
        n=$(awk -v call=$call '$2 == call { print $1 }' "$D/calls")
        for k in $(awk -v n="${n:-0}" -v most=$most 'BEGIN {
            for (i = 1; i <= n; i++) if (n <= most || i <= most / 4 || i > n - most / 4 || i % int(2 * n / most) == 0)
                print i }'); do
            fresh "$1"
            before="strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$k"
            run "$1" "$T/out" 2>/dev/null
            before=
            judge "$1" "killed at $call $k"
            [ $code -le 128 ] || count $state
            case $kind:$k in lines:* | training:* | *:*[05]) again "$1" "killed at $call $k" ;; esac
        done
    done
    told "$1" "at system calls"
}

# ------------------------------------------------------------------------ write errors

# NAME: with a limit on the size of a file, from nothing up to what suffices, in blocks of 512 bytes. What the
# program says goes through a pipe, which no limit binds.
size_limits() {
    blocks=0 tried=0
    while fresh "$1"
        { (trap '' XFSZ && ulimit -f $blocks && go "$1" "$T/out" 2>&1 >/dev/null </dev/null); echo $?; } |
            cat >"$D/stderr"
        code=$(tail -n 1 "$D/stderr")
        [ "$code" != 0 ]; do
        sed '$d' "$D/stderr" >"$D/said" && mv "$D/said" "$D/stderr"
        refused "$1" "files of at most $blocks blocks"
        case $kind in lines | training) [ $((tried % 3)) -ne 0 ] || again "$1" "without the limit of $blocks blocks" ;; esac
        tried=$((tried + 1))
        blocks=$((blocks + 1 + blocks / 4))
    done
    judge "$1" "files of at most $blocks blocks"
    is "$1, files of at most $blocks blocks" $state after
    [ $tried -gt 0 ] || fail "$1, a limit on the size of files" "never failed"
    echo "$1: $tried limits on the size of a file, up to $((blocks * 512)) bytes"
}

# NAME: into places that take no file.
places() {
    long=x
    while [ ${#long} -lt 256 ]; do long=$long$long; done
    fresh "$1"
    almost=$(echo "$long" | cut -c 1-252) # too long for a temporary name; lines have none
    [ $kind != lines ] || almost=$long
    for path in "$T/none/out" "$T/other/out" "$T/$long" "$T/$long/out" "$T/$almost"; do
        run "$1" "$path"
        refused "$1" "at $(echo "${path#"$T"/}" | cut -c 1-20)"
    done
    case $kind in
    folder | training)
        mkdir "$T/out"
        run "$1" "$T/out"
        is "$1, onto a folder: exit" $code 2
        is "$1, onto a folder: what is left" "$(ls -A "$T")$(ls -A "$T/out")" "$(printf 'other\nout')" ;;
    *)
        rm -f "$T/out" && mkdir "$T/out"
        run "$1" "$T/out"
        is "$1, onto a folder: exit" $code 2
        has "$1, onto a folder" "$(cat "$D/stderr")" "$T/out"
        is "$1, onto a folder: what is left" "$(ls -A "$T")$(ls -A "$T/out")" "$(printf 'other\nout')" ;;
    esac
    fresh "$1"
    rm -f "$T/out" && ln -s "$T/gone" "$T/out"
    run "$1" "$T/out"
    is "$1, onto a link to nothing: lines said" "$(grep -vc '^rome99: [^:]*: cannot' "$D/stderr")" 0
    if [ -f "$T/out" ]; then # a file may take the place of the link, or appear where it points
        cp "$T/out" "$D/said" && rm -f "$T/out" "$T/gone" && mv "$D/said" "$T/out"
        judge "$1" "onto a link to nothing"
        is "$1, onto a link to nothing" $state after
    else
        is "$1, onto a link to nothing: exit" $code 2
        is "$1, onto a link to nothing: what is left" "$(ls -A "$T" | grep -vx out.state)" "$(printf 'other\nout')"
    fi
}

# NAME: into a folder that only others may write; $before runs the program without the rights of root.
without_permission() {
    fresh "$1"
    chmod 755 "$T"
    run "$1" "$T/out"
    refused "$1" "without permission"
}

# ------------------------------------------------------------------- in a namespace of mounts

fill() { # PAGES: leaves so many of 4,096 bytes on the small disk
    rm -f "$S/ballast"
    free=$(df -k "$S" | awk 'END { print $4 }')
    dd if=/dev/zero of="$S/ballast" bs=4096 count=$((free / 4 - $1)) 2>/dev/null
}
on_pages() { # NAME PAGES: the command on a disk that has so many left; 1 if it failed
    rm -f "$S/ballast"
    fresh "$1"
    fill "$2"
    run "$1" "$T/out"
    [ $code -ne 0 ] || return 0
    refused "$1" "with $2 pages left"
    pages="$pages $2"
    case $kind in
    lines | training)
        rm -f "$S/ballast"
        again "$1" "once there is room after $2 pages" ;;
    esac
    return 1
}
# NAME: on a disk with no page left, with one more, and so on until all fits; then with one less than it needs.
full_disk() {
    enough=0 low=-1 pages=
    until on_pages "$1" $enough; do
        low=$enough
        enough=$((enough + 1 + enough / 5))
    done
    while [ $((enough - low)) -gt 1 ]; do
        middle=$(((low + enough) / 2))
        if on_pages "$1" $middle; then enough=$middle; else low=$middle; fi
    done
    on_pages "$1" $enough
    judge "$1" "with $enough pages left"
    is "$1, with $enough pages left" $state after
    [ -n "$pages" ] || fail "$1, full disk" "never failed"
    echo "$1: fits into $enough pages; full with$pages"
}
# NAME: no file can be made, though there is room; then a disk that cannot be written at all.
no_inode_and_read_only() {
    fresh "$1"
    i=0
    while true 2>/dev/null >"$S/inode$i"; do i=$((i + 1)); done
    run "$1" "$T/out"
    refused "$1" "without a free inode"
    rm -f "$S"/inode*
    fresh "$1"
    mount -o remount,ro "$S"
    run "$1" "$T/out"
    refused "$1" "on a read-only disk"
    mount -o remount,rw "$S"
}

if [ -n "${ON:-}" ]; then # the second run: $D is there
    S=$D/small
    T=$S/t
    mkdir -p "$S"
    mount -t tmpfs -o size=4096k,nr_inodes=60 rome99 "$S" || exit 2
    for name in $NAMES; do
        case $name in sink* | cases) continue ;; esac
        [ "$(df -k "$S" | awk 'END { print $2 }')" = 4096 ] || exit 2
        full_disk $name
        no_inode_and_read_only $name
    done
    echo "$passed passed, $failed failed"
    umount "$S"
    exit 0
fi

# ------------------------------------------------------------------------------ what is written

rm -rf "$D"
mkdir -p "$D" "$W"
must() { # ARGUMENTS: a run that everything after it needs
    (become "$@") >"$D/stdout" 2>"$D/stderr" && return
    echo "FAIL $*: $(cat "$D/stderr")"
    echo "$passed passed, 1 failed"
    exit 1
}
echo '{"prompt": "{} is in", "subject": "Bo", "target_new": {"str": "red"}}' >"$D/request.json"
awk 'BEGIN { for (i = 0; i < 64; i++) print "we go to the end, and it is red" }' >"$D/text"
awk 'BEGIN { for (i = 0; i < 3000; i++) print "what was there before" }' >"$D/former"
must golden export --model "$M"
must train "$TINY" --steps 2 --windows 4 --width 8 --heads 1 --layers 2 --layer 1 --positions 32 --v_num_grad_steps 2
{ echo '['
  awk '/"case_id": / { i++ } i > 0 && (i - 1) % 40 < 2' "$TINY/facts.json" | sed '$s/,$//'
  echo ']'; } >"$D/facts" && mv "$D/facts" "$TINY/facts.json"
for name in $NAMES; do
    if [ $name = cases ]; then # which takes half a minute: what it makes is there
        mkdir "$W/cases"
        cp -R golden/MANIFEST golden/ops golden/edits "$W/cases"
    else
        run $name "$W/$name"
        [ $code -eq 0 ] || fail "$name" "$(cat "$D/stderr")"
    fi
done
[ $failed -eq 0 ] || { echo "$passed passed, $failed failed"; exit 1; }

# ------------------------------------------------------------------------------------- the runs

[ "$KILLS" -eq 0 ] || for name in $NAMES; do kills_in_time "$name" "$KILLS"; done
if [ "$KILLS" -eq 0 ]; then
    echo "no kills"
elif [ $# -eq 1 ] && strace -qq -o "$D/strace" -e trace=write -e inject=write:signal=KILL:when=1 "$1" --version >/dev/null 2>&1
    [ $? -eq 137 ]; then
    for name in $NAMES; do [ $name = cases ] || kills_at_calls $name; done
else
    echo "no strace that can inject: no kills at system calls"
fi

for name in $NAMES; do
    [ $name = cases ] || size_limits $name
    [ $name = cases ] || places $name
done

# A full standard output: one line that says so. What was written by then is whole.
if [ -c /dev/full ]; then
    full() { # NAME ARGUMENTS
        name=$1
        shift
        (become "$@") >/dev/full 2>"$D/stderr" </dev/null
        code=$?
        is "$name, output full: exit" $code 2
        is "$name, output full: lines" "$(grep -c '' "$D/stderr")" 1
        has "$name, output full" "$(cat "$D/stderr")" "rome99: standard output"
    }
    for name in "" demo edit next generate tokens ppl cov train compare golden study report; do
        # shellcheck disable=SC2086
        full "$name --help" $name --help
    done
    case=golden/ops/exp.txt
    full demo demo tiny_models
    full tokens tokens "$M" "we go"
    full next next "$M" "we go"
    full generate generate "$M" "we go" -n 3
    full ppl ppl "$M" "$D/text"
    full edit edit "$M" "$D/request.json" --layer 0 --cov identity
    full "edit --json" edit "$M" "$D/request.json" --layer 0 --cov identity --json
    full compare compare $case $case
    full "golden check" golden check golden
    full study study dose "$TINY" --real 3
    full report report ref/study/results/dose.jsonl
    for name in $NAMES; do
        case $name in save | trace | train) ;; *) continue ;; esac
        fresh $name
        (go $name "$T/out") >/dev/full 2>"$D/stderr" </dev/null
        code=$?
        is "$name, output full: exit" $code 2
        is "$name, output full: lines" "$(grep -c '' "$D/stderr")" 1
        judge $name "output full"
        is "$name, output full: what is left" "$(ls -A "$T" | grep -vx 'out\|other')" ""
    done
else
    echo "no /dev/full: skipped"
fi

# As a user who is not root.
chmod -R a+rX "$D"
if [ "$(id -u)" -ne 0 ]; then
    before=" "
elif setpriv --reuid=65534 --regid=65534 --clear-groups "$@" --version >/dev/null 2>&1; then
    before="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
if [ -n "$before" ] && (eval "$before test -r '$D/request.json'"); then
    for name in $NAMES; do without_permission $name; done
else
    echo "no way to run without the rights of root: skipped"
fi
before=

if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then apart="unshare -m"; else apart="unshare -rm"; fi
if $apart sh -c "mkdir -p '$D/small' && mount -t tmpfs -o size=64k rome99 '$D/small'" 2>/dev/null; then
    ON=$D $apart sh "$0" "$@" >"$D/said" 2>&1
    sed '$d' "$D/said"
    last=$(tail -n 1 "$D/said")
    case $last in
    *' passed, '*' failed')
        passed=$((passed + ${last%% *}))
        last=${last#*, }
        failed=$((failed + ${last%% *})) ;;
    *) fail "small disks" "ended with \"$last\"" ;;
    esac
else
    echo "no small disk can be mounted: skipped"
fi

# shellcheck disable=SC2086
set -- $total
echo "kills: $(($1 + $2 + $3)), $1 before, $2 during, $3 after the writing"
rm -rf "$T"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
