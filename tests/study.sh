#!/bin/sh
# study.sh PROGRAM...: rome99 study and rome99 report as a user runs them: split, stopped, killed, taken up again,
# refused. Run from the repository's top; writes below $B/tmp/study only. Last line: "N passed, N failed".
LC_ALL=C
export LC_ALL
D=${B:-build}/tmp/study
M=$D/tiny # the model: 24 facts, 16 windows, 3 steps to a value, so that a line takes milliseconds
C=$D/few  # of it 3 facts, for controls
passed=0
failed=0

[ $# -gt 0 ] || { echo "usage: sh tests/study.sh PROGRAM..." >&2; exit 2; }
command=
for word; do command="$command '$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")'"; done
rome99() { eval "$command \"\$@\""; }

rm -rf "$D"
mkdir -p "$D"

# ------------------------------------------------------------------------------ checking

. tests/checks.sh
same() { # NAME FILE FILE
    if [ -s "$3" ] && cmp "$2" "$3" >"$D/cmp" 2>&1; then pass; else fail "$1" "$(cat "$D/cmp")"; fi
}
narrow() { # NAME FILE: nothing wider than 79 characters of UTF-8
    is "$1: a line is too wide" "$(tr -d '\200-\277' <"$2" | awk 'length($0) > 79' | head -n 1)" ""
}
# ARGUMENTS: runs the program, with $D/stdout, $D/stderr and $code.
run() {
    rome99 "$@" >"$D/stdout" 2>"$D/stderr" </dev/null
    code=$?
}
good() { # NAME ARGUMENTS: must exit 0, silent on standard error
    name=$1
    shift
    run "$@"
    if [ $code -eq 0 ] && [ ! -s "$D/stderr" ]; then pass; else
        fail "$name" "exit $code, \"$(head -n 3 "$D/stderr")\""
    fi
}
said() { # NAME WANTED ARGUMENTS: must exit 0 with one line "rome99: ..." that has WANTED in it on standard error
    name=$1 want=$2
    shift 2
    run "$@"
    is "$name: exit" $code 0
    is "$name: lines on standard error" "$(grep -c '' "$D/stderr")" 1
    has "$name" "$(cat "$D/stderr")" "rome99: "
    has "$name" "$(cat "$D/stderr")" "$want"
}
bad() { # NAME WANTED ARGUMENTS: must be refused in one line that has WANTED in it
    name=$1 want=$2
    shift 2
    run "$@"
    line=$(cat "$D/stderr")
    if [ $code -ne 2 ]; then
        fail "$name" "exit $code, expected 2 (\"$line\")"
    elif [ -s "$D/stdout" ]; then
        fail "$name" "standard output is not empty: \"$(head -n 1 "$D/stdout")\""
    elif [ "$(grep -c '' "$D/stderr")" -ne 1 ]; then
        fail "$name" "not one line: \"$line\""
    else
        case $line in
        "rome99: "*"$want"*) pass ;;
        *) fail "$name" "\"$want\" is not in \"$line\"" ;;
        esac
    fi
}
bad_file() { # NAME WANTED FILE ARGUMENTS: must be refused and leave FILE as it is
    bad_name=$1 bad_want=$2 bad_path=$3
    shift 3
    cp "$bad_path" "$D/before"
    bad "$bad_name" "$bad_want" "$@"
    cmp -s "$bad_path" "$D/before" || fail "$bad_name" "$bad_path was changed: \"$(head -n 1 "$bad_path")\""
}
in_order() { sed 's/.*"line": \([0-9]*\),.*/\1 &/' "$@" | sort -n | cut -d ' ' -f 2-; } # FILES: result lines
backwards() { sed 's/.*"line": \([0-9]*\),.*/\1 &/' "$@" | sort -rn | cut -d ' ' -f 2-; }
cut_to() { # SIZE FROM TO
    dd if="$2" of="$3" bs="$1" count=1 2>"$D/dd"
}
size() { wc -c <"$1" | tr -d ' '; }

# ----------------------------------------------------------------------------- the model

. tests/shrink.sh
for model in "$M" "$D/masked --masked 4"; do
    # shellcheck disable=SC2086
    rome99 train $model --steps 20 --windows 4 --width 16 --layers 3 --heads 2 --layer 1 >"$D/stdout" 2>"$D/stderr" ||
        fail "train" "$(cat "$D/stderr")"
    shrink "${model%% *}"
done
is "facts" "$(grep -c case_id "$M/facts.json")" 24
cp -R "$M" "$C"
{ echo '['
  awk '/"case_id": / { i++ } i % 8 == 1' "$M/facts.json" | sed '$s/,$//'
  echo ']'; } >"$C/facts.json"

# ------------------------------------------------------------- the same bytes, split or not

good "core" study core "$M"
cp "$D/stdout" "$D/core.jsonl"
[ $failed -eq 0 ] || { echo "$passed passed, $failed failed"; exit 1; } # nothing else would say more
good "core again" study core "$M/" -o "$D/again.jsonl"
same "core again" "$D/again.jsonl" "$D/core.jsonl"
is "nothing but the file" "$(cat "$D/stdout")" ""
is "lines of core" "$(grep -c '"experiment": "core", "name": "tiny", ' "$D/core.jsonl")" 99
good "dose" study dose "$M" --real 3 -o "$D/dose.jsonl"
is "lines of dose" "$(grep -c '"kind": "edit", "real": 3, ' "$D/dose.jsonl")" 48
good "controls" study controls "$C" -o "$D/controls.jsonl"
good "sequential" study sequential "$M" -o "$D/sequential.jsonl"
good "twin" study twin "$M" --real 3 -o "$D/twin.jsonl"
is "lines of controls" "$(grep -c '"kind": "edit", "control": ' "$D/controls.jsonl")" 54
is "lines of sequential" "$(grep -c '"kind": "step"' "$D/sequential.jsonl")" 64
is "lines of twin" "$(grep -c '"mask": "causal"' "$D/twin.jsonl")" 24
good "a bidirectional model" study twin "$D/masked" --real 0 -o "$D/masked.jsonl"
is "lines of a bidirectional model" "$(grep -c '"mask": "none"' "$D/masked.jsonl")" 24

for experiment in core dose controls sequential twin; do
    model=$M real=
    case $experiment in dose | twin) real="--real 3" ;; esac
    [ $experiment != controls ] || model=$C
    for i in 1 2 3; do
        # shellcheck disable=SC2086
        good "$experiment, shard $i" study $experiment "$model" $real --shard $i/3 -o "$D/$experiment$i.jsonl"
        [ -s "$D/$experiment$i.jsonl" ] || fail "$experiment, shard $i" "has no line"
    done
    in_order "$D/$experiment"[123].jsonl >"$D/union"
    same "shards of $experiment" "$D/union" "$D/$experiment.jsonl"
done
for i in 1 2 3; do
    is "core, shard $i: all methods of a fact" "$(sed -n 's/.*"kind": "edit", "fact": \([0-9]*\),.*/\1/p' \
        "$D/core$i.jsonl" | sort | uniq -c | awk '$1 != 4')" ""
    is "dose, shard $i: both methods of a fact" "$(sed -n 's/.*"real": 3, "fact": \([0-9]*\),.*/\1/p' \
        "$D/dose$i.jsonl" | sort | uniq -c | awk '$1 != 2')" ""
done
good "a shard without work" study core "$M" --shard 1000000/1000000
is "a shard without work" "$(cat "$D/stdout")" ""
good "another seed" study core "$M" --seed 2 --shard 25/27
is "another seed: the map" "$(grep -c '"seed": 2, .*"kind": "map"' "$D/stdout")" 1
sed 's/.*"tsne"/"tsne"/' "$D/stdout" >"$D/map2"
sed -n '/"kind": "map"/s/.*"tsne"/"tsne"/p' "$D/core.jsonl" >"$D/map1"
cmp -s "$D/map1" "$D/map2" && fail "another seed" "gives the same t-SNE" || pass

# ------------------------------------------------------------------------- taken up again

F=$D/file.jsonl
whole=$(size "$D/core.jsonl")
for k in 1 50 98; do
    head -n $k "$D/core.jsonl" >"$F"
    good "after $k lines" study core "$M" -o "$F"
    same "after $k lines" "$F" "$D/core.jsonl"
done
head -n 10 "$D/sequential.jsonl" >"$F"
good "sequential, after 10 lines" study sequential "$M" -o "$F"
same "sequential, after 10 lines" "$F" "$D/sequential.jsonl"
head -n 3 "$D/core2.jsonl" >"$F"
good "a shard after 3 lines" study core "$M" --shard 2/3 -o "$F"
same "a shard after 3 lines" "$F" "$D/core2.jsonl"
good "a shard's file, by the whole" study core "$M" -o "$F"
in_order "$F" >"$D/union"
same "a shard's file, by the whole" "$D/union" "$D/core.jsonl"
backwards "$D/core.jsonl" | sed '5,9d' >"$F"
good "lines in any order" study core "$M" -o "$F"
in_order "$F" >"$D/union"
same "lines in any order" "$D/union" "$D/core.jsonl"

at=$(head -n 85 "$D/core.jsonl" | wc -c)
for cut in $((at + 1)) $((at + 30)) $((at + 900)) $((whole - 1)); do
    cut_to "$cut" "$D/core.jsonl" "$F"
    n=$(($(wc -l <"$F") + 1))
    said "cut at byte $cut" "$F: line $n was cut off" study core "$M" -o "$F"
    same "cut at byte $cut" "$F" "$D/core.jsonl"
done
cut_to 300 "$D/twin.jsonl" "$F"
said "cut in the first line" "$F: line 1 was cut off" study twin "$M" --real 3 -o "$F"
same "cut in the first line" "$F" "$D/twin.jsonl"

cp "$D/core.jsonl" "$F"
touch -t 200102030405 "$F"
before=$(ls -li "$F")
good "a complete file" study core "$M" -o "$F"
is "a complete file: touched" "$(ls -li "$F")" "$before"
same "a complete file" "$F" "$D/core.jsonl"

# ---------------------------------------------------------------------------------- killed

nap() { sleep "$1" 2>/dev/null || sleep 1; } # not every sleep knows fractions
# EXPERIMENT: killed at moments after a new line, again and again; then left alone.
killed() {
    rm -f "$F"
    : >"$F"
    kills=0
    for delay in 0 0.011 0.002 0.023 0.005 0.017 0.008 0.029; do
        old=$(size "$F") waited=0
        eval "exec $command study $1 '$M' -o '$F'" >"$D/stdout" 2>"$D/stderr" </dev/null &
        pid=$!
        while [ "$(size "$F")" -eq "$old" ] && [ $waited -lt 2000 ]; do
            waited=$((waited + 1))
            nap 0.01
        done
        nap $delay
        kill -9 $pid 2>/dev/null
        { wait $pid; } 2>/dev/null
        [ $? -le 128 ] || kills=$((kills + 1))
        [ $waited -lt 2000 ] || break
    done
    [ $kills -ge 5 ] && pass || fail "$1, killed" "only $kills of 8 runs were caught while they ran"
    run study "$1" "$M" -o "$F"
    is "$1, killed $kills times: exit" $code 0
    same "$1, killed $kills times" "$F" "$D/$1.jsonl"
}
killed core
killed sequential

# -------------------------------------------------------------------------- refused: study

onto() { # NAME WANTED [OPTIONS]: core onto $F, which is of another run
    onto_name=$1 onto_want=$2
    shift 2
    bad_file "onto $onto_name" "$onto_want" "$F" study core "$M" -o "$F" "$@"
}
cp "$D/dose.jsonl" "$F"
onto "another experiment" "$F: line 1 is of another run: another experiment"
head -n 20 "$D/core.jsonl" >"$F"
onto "another seed" "$F: line 1 is of another run: another seed" --seed 2
mkdir -p "$D/model" "$D/inputs" "$D/half"
cp -R "$M" "$D/model/" && cp -R "$M" "$D/inputs/"
for byte in 1 2; do # of the last weight, the last digits
    cmp -s "$M/model.safetensors" "$D/model/tiny/model.safetensors" || break
    printf "\\00$byte" | dd of="$D/model/tiny/model.safetensors" bs=1 seek=$(($(size "$M/model.safetensors") - 4)) \
        conv=notrunc 2>"$D/dd"
done
echo >>"$D/inputs/tiny/facts.json"
bad_file "onto another model of that name" "$F: line 1 is of another run: another model" "$F" \
    study core "$D/model/tiny" -o "$F"
bad_file "onto other inputs" "$F: line 1 is of another run: another inputs" "$F" study core "$D/inputs/tiny" -o "$F"
sed '7s/"rome99": "[^"]*"/"rome99": "9.9.9"/' "$D/core.jsonl" >"$F"
onto "another version" "made by rome99 9.9.9"
has "onto another version: where" "$line" "$F:7:1: made by"
sed '3s/"lines": 99/"lines": 98/' "$D/core.jsonl" >"$F"
onto "another number of lines" "$F: line 3 is of another run"
sed '3s/"line": 2/"line": 99/' "$D/core.jsonl" >"$F"
onto "a number too great" "$F:3:"
sed '2s/, "kind".*/}/' "$D/core.jsonl" >"$F"
onto "no kind" "$F:2:1: \"kind\" is missing"
echo "Dear diary" >"$F"
onto "no JSON" "$F:1:1:"
printf 'Dear diary' >"$F"
onto "a file that is not ours, without a newline" "$F: line 1 is no part"
{ head -n 2 "$D/core.jsonl"; printf 'Dear diary'; } >"$F"
onto "something else at the end" "$F: line 3 is no part"
{ head -n 2 "$D/core.jsonl"; echo; sed -n 3,9p "$D/core.jsonl"; } >"$F"
onto "a blank line" "$F:3:1: expected a value"
echo '[1]' >"$F"
onto "an array" "$F:1:1:"
bad "a directory" "$D/half" study core "$M" -o "$D/half"
bad "a missing directory" "$D/none/x.jsonl" study core "$M" -o "$D/none/x.jsonl"
[ ! -e "$D/none" ] || fail "a missing directory" "was made"
head -n 2 "$D/core.jsonl" >"$D/locked"
chmod a-w "$D/locked"
if (: >>"$D/locked") 2>/dev/null; then echo "no permissions bind here: skipped"; else
    bad_file "a file that must not be written" "$D/locked" "$D/locked" study core "$M" -o "$D/locked"
fi

for shard in 0/3 4/3 1/0 x 1 1/ /3 -1/3 1/2/3 1/3x 1.5/3 '' 1/1000001 99999999999999999999999/3 1/18446744073709551617; do
    bad "--shard \"$shard\"" "--shard" study core "$M" --shard "$shard"
done
for seed in -1 x '' 1.5 4294967296; do bad "--seed \"$seed\"" "--seed" study core "$M" --seed "$seed"; done
for real in 17 -1 x ''; do bad "--real \"$real\"" "--real" study dose "$M" --real "$real"; done
bad "dose without --real" "--real: dose and twin must be told" study dose "$M"
bad "twin without --real" "--real: dose and twin must be told" study twin "$M"
for experiment in core controls sequential; do
    bad "$experiment with --real" "--real" study $experiment "$M" --real 3
done
sed 's/\.\\n{}/{}/' "$M/templates.json" >"$D/templates.json"
cp "$M/templates.json" "$D/templates.kept"
cp "$D/templates.json" "$M/templates.json"
bad "templates that do not end a line" "controls need templates that end in" study controls "$M"
cp "$D/templates.kept" "$M/templates.json"
refused() { # NAME WANTED EXPERIMENT: the folder $D/bad, which is made anew for the next
    bad "$1" "$2" study "$3" "$D/bad"
    rm -rf "$D/bad"
    cp -R "$M" "$D/bad"
}
cp -R "$M" "$D/bad"
sed 3d "$M/templates_space.json" >"$D/bad/templates_space.json"
refused "a template too few" "templates_space.json: must have as many templates as templates.json" controls
for file in templates templates_space; do sed '3s/,$/]/; 4,$d' "$M/$file.json" >"$D/bad/$file.json"; done
refused "three templates" "controls need" controls
cp "$D/masked/hparams.json" "$D/hparams.kept"
sed 's/"layers": \[[0-9]*\]/"layers": [3]/' "$D/hparams.kept" >"$D/masked/hparams.json"
bad "a layer that there is not" '"layers" must have a layer of the model' study twin "$D/masked" --real 0
cp "$D/hparams.kept" "$D/masked/hparams.json"
sed 's/\[16,64\]/[32,32]/' "$M/windows.safetensors" >"$D/bad/windows.safetensors"
refused "short windows" "windows.safetensors: windows must have n_positions tokens" core
{ echo '['; awk '/"case_id": / { i++ } i > 8' "$M/facts.json"; } >"$D/bad/facts.json"
refused "no fact of the first group" "no one-token subject opens a prompt" core
cp "$C/facts.json" "$D/bad/facts.json"
refused "three facts" "facts.json: t-SNE needs" core
long=$(printf '%050d' 0 | sed 's/0/Garjus /g')
sed "2s/\"Garjus\"/\"$long\"/" "$M/facts.json" >"$D/bad/facts.json"
refused "a long subject" "facts.json: record 1: with template" core
cp "$D/masked/facts.json" "$D/facts.kept"
sed "2s/\"subject\": \"[^\"]*\"/\"subject\": \"$long\"/" "$D/facts.kept" >"$D/masked/facts.json"
bad "a long subject: a twin's" "facts.json: record 1: with template" study twin "$D/masked" --real 0
cp "$D/facts.kept" "$D/masked/facts.json"
sed "2s/\"Mermas\"/\"$long\"/" "$M/facts.json" >"$D/bad/facts.json"
echo '["{}"]' >"$D/bad/test_prefixes.json" # with the usual ones test prompts are too long before that
bad "a long object" "no room for an object behind a template" study twin "$D/bad" --real 3
n=$(od -An -tu1 -N8 "$M/model.safetensors" | awk '{ print 8 + $1 + 256 * $2 }')
{ head -c "$n" "$M/model.safetensors"; head -c $(($(size "$M/model.safetensors") - n)) /dev/zero; } >"$D/bad/model.safetensors"
cp "$M/facts.json" "$D/bad"
bad "weights of zero: twin" "$D/bad: C is not positive definite: pivot 1" study twin "$D/bad" --real 3
refused "weights of zero: sequential" "step 1: subject \"Ponjus\": the MLP output m_u is zero" sequential
for strange in 'a|b' "$(printf '%0200d' 0)"; do
    mv "$D/bad" "$D/$strange"
    bad "a folder's name" "the folder's name" study core "$D/$strange"
    mv "$D/$strange" "$D/bad"
done
bad "no such experiment" "core, dose, controls, sequential, twin" study cores "$M"
bad "an empty name" "core, dose, controls, sequential, twin" study "" "$M"
bad "no arguments" "usage" study
bad "no model" "usage" study core
bad "two models" "usage" study core "$M" "$M"
bad "no such option" "--shards" study core "$M" --shards 1/3
bad "an option without a value" "-o" study core "$M" -o

bad "no folder" "$D/none" study core "$D/none"
bad "a file as folder" "$D/core.jsonl" study core "$D/core.jsonl"
bad "a folder of upstream's" "tests/upstream/model" study core tests/upstream/model
bad "core of a bidirectional model" "$D/masked" study core "$D/masked"
for file in model.safetensors config.json vocab.json merges.txt hparams.json templates.json facts.json \
    test_prefixes.json sentences.txt cov.safetensors windows.safetensors; do
    rm -rf "$D/half/tiny"
    cp -R "$M" "$D/half/"
    rm "$D/half/tiny/$file"
    bad "without $file" "$D/half/tiny" study core "$D/half/tiny"
done
for command_name in study report; do
    good "$command_name --help" $command_name --help
    has "$command_name --help" "$(head -n 1 "$D/stdout")" "usage: rome99 $command_name "
    narrow "$command_name --help" "$D/stdout"
done

# --------------------------------------------------------------------------------- report

R=$D/report
reports() { # NAME FILES: the same text and page as of the whole files
    reports_name=$1
    shift
    good "$reports_name: text" report "$@"
    same "$reports_name: text" "$D/stdout" "$R.txt"
    good "$reports_name: page" report "$@" --html "$D/page.html"
    same "$reports_name: page" "$D/page.html" "$R.html"
}
whole_files="$D/core.jsonl $D/dose.jsonl $D/controls.jsonl $D/sequential.jsonl $D/twin.jsonl $D/masked.jsonl"
# shellcheck disable=SC2086
good "text" report $whole_files
cp "$D/stdout" "$R.txt"
# shellcheck disable=SC2086
good "page" report $whole_files --html "$R.html"
is "--html prints nothing" "$(cat "$D/stdout")" ""
reports "other order" "$D/masked.jsonl" "$D/twin.jsonl" "$D/sequential.jsonl" "$D/controls.jsonl" "$D/dose.jsonl" "$D/core.jsonl"
backwards "$D/core1.jsonl" "$D/twin3.jsonl" "$D/sequential2.jsonl" >"$D/mixed"
reports "shards, lines backwards, some twice" "$D/masked.jsonl" "$D/sequential3.jsonl" "$D/core3.jsonl" "$D/mixed" \
    "$D/controls.jsonl" "$D/twin1.jsonl" "$D/dose2.jsonl" "$D/core2.jsonl" "$D/sequential1.jsonl" "$D/core2.jsonl" \
    "$D/dose3.jsonl" "$D/masked.jsonl" "$D/masked.jsonl" "$D/dose1.jsonl" "$D/core.jsonl" "$D/twin.jsonl"
awk '{ sub(/^{/, "{ "); gsub(/": /, "\" :  "); printf "%s\r\n", $0 }' "$D/dose.jsonl" >"$D/spaced"
reports "other blanks, CRLF" "$D/core.jsonl" "$D/spaced" "$D/controls.jsonl" "$D/sequential.jsonl" "$D/twin.jsonl" "$D/masked.jsonl"
narrow "text" "$R.txt"
is "text: control characters" "$(tr -d '\n -~\200-\377' <"$R.txt" | wc -c | tr -d ' ')" 0
is "text: -nan, which not every printf prints" "$(grep -c -e '-nan' "$R.txt")" 0
# A second run, in which what rome does to one-token subjects is called a collapse: it is the one that is told. Of the
# share of prompts with P(new) > P(true) behind a prefix it knows nothing.
awk '{ sub(/"name": "tiny"/, "\"name\": \"wild\""); sub(/"efficacy_p_prefixed": [^,]*/, "\"efficacy_p_prefixed\": null") }
    /"method": "rome"/ && /"group": "one-token first"/ { sub(/"stream_ppl_after": [^,]*/, "\"stream_ppl_after\": 99999") }
    { print }' "$D/core.jsonl" >"$D/wild"
R=$D/two
good "two runs: text" report "$D/core.jsonl" "$D/wild"
cp "$D/stdout" "$R.txt"
good "two runs: page" report "$D/core.jsonl" "$D/wild" --html "$R.html"
reports "two runs, the other first" "$D/wild" "$D/core.jsonl"
has "two runs: the one told" "$(cat "$R.txt")" "wild: 8 of 24 edits multiply the perplexity"
has "two runs: where" "$(cat "$R.txt")" "Of 8 collapse cases, 8 have a one-token subject that opens the"
has "two runs: the other" "$(cat "$R.txt")" "For comparison, tiny: 0 of 24 edits by rome collapse;"
has "two runs: no curve without a collapse" "$(grep '^tiny  *96 ' "$R.txt")" "none"
has "two runs: what is not known" "$(cat "$R.txt")" "collapse, rome     8  0.62 (0.52)         -  0.62"
is "two runs: curves" "$(grep -o '<title>[a-z]*: which edits will collapse? ROC' "$R.html")" \
    "<title>wild: which edits will collapse? ROC"
is "two runs: maps with a collapse" "$(grep -o '>C⁻¹ k̄, collapse case<' "$R.html" | wc -l | tr -d ' ')" 2
R=$D/report

for part in "core  " "dose  " "controls  " "sequential  " "twin  "; do
    has "text: sources" "$(sed -n '/^Runs that/,$p' "$R.txt")" "$part"
done

head -n 47 "$D/dose.jsonl" >"$D/part"
said "an incomplete run" "dose of tiny: 47 of 48 lines are there: left out" report "$D/part" "$D/core.jsonl"
has "an incomplete run: text" "$(tr '\n' ' ' <"$D/stdout")" "dose of tiny: 47 of 48 lines are there"
said "an incomplete run: page" "dose of tiny: 47 of 48" report "$D/part" "$D/core.jsonl" --html "$D/page.html"
has "an incomplete run: page" "$(grep -c 'dose of tiny: 47 of 48 lines are there' "$D/page.html")" 1
run report "$D/part"
is "nothing complete: exit" $code 2
is "nothing complete: standard output" "$(cat "$D/stdout")" ""
has "nothing complete" "$(cat "$D/stderr")" "dose of tiny: 47 of 48 lines are there: left out"
has "nothing complete" "$(tail -n 1 "$D/stderr")" "rome99: $D/part: no complete run"
is "nothing complete: each line says who speaks" "$(grep -cv '^rome99: ' "$D/stderr")" 0
head -n 20 "$D/twin.jsonl" >"$D/part2"
run report "$D/part" "$D/part2" "$D/core.jsonl"
is "two incomplete runs: exit" $code 0
is "two incomplete runs" "$(grep -c '^rome99: .*left out$' "$D/stderr")" 2

cut_to $(($(size "$D/dose.jsonl") - 40)) "$D/dose.jsonl" "$D/part"
run report "$D/core.jsonl" "$D/part"
is "a cut line: exit" $code 0
has "a cut line" "$(cat "$D/stderr")" "$D/part: line 48 is cut off"
has "a cut line" "$(cat "$D/stderr")" "dose of tiny: 47 of 48 lines"
said "a cut line that is elsewhere" "$D/part: line 48 is cut off" report "$D/part" "$D/dose.jsonl"
: >"$D/empty"
said "an empty file" "$D/empty: is empty" report "$D/empty" "$D/core.jsonl"

refused() { # NAME WANTED SED-SCRIPT [EXPERIMENT]: lines, of core or another, with a change
    sed "$3" "$D/${4:-core}.jsonl" >"$D/wrong"
    rm -f "$D/page.html"
    bad "report: $1" "$2" report "$D/wrong" --html "$D/page.html"
    [ ! -e "$D/page.html" ] || fail "report: $1" "a page was written"
    bad "report, as text: $1" "$2" report "$D/wrong"
}
refused "two versions" "$D/wrong:7:1: made by" '7s/"rome99": "[^"]*"/"rome99": "9.9.9"/'
refused "no JSON" "$D/wrong:2:1:" '2s/.*/Dear diary/'
refused "a blank line" "$D/wrong: line 3" '3s/.*//'
refused "a run that study has not" "$D/wrong: line 4" '4s/"experiment": "core"/"experiment": "cores"/'
refused "two seeds" "$D/wrong: line 5" '5s/"seed": 1/"seed": 2/'
refused "no numerator" 'line 6: "numerator" is missing' '6s/"numerator"/"numerators"/'
refused "a numerator that is no number" 'line 6: "numerator" must be a number' '6s/"numerator": [^,]*/"numerator": "x"/'
refused "no such method" "p-romes" '7s/"method": "p-rome"/"method": "p-romes"/'
refused "no such group" "line 8" '8s/"group": "[^"]*"/"group": "none"/'
refused "a point without a place" "$D/wrong:97:" '97s/"pca": \[[^]]*\]/"pca": []/'
refused "a matrix that is none" "$D/wrong:99:" '99s/"norm": \[\[/"norm": [[], [/'
refused "a norm that is no number" "$D/wrong:99:" '99s/"norm": \[\[/"norm": [["x", /'
refused "norms without a layer" "line 99: norm and attention are of different models" '99s/"norm": \[\[[^]]*\], /"norm": [/'
refused "an update that is none" "line 98" '98s/"u": \[[^]]*\]/"u": []/'
refused "an update with a word in it" "$D/wrong:98:" '98s/"u": \[/"u": ["x", /'
refused "a step without its efficacy" "line 5" '5s/"efficacy_so_far"/"efficacy"/' sequential
for real in null 17 2.5; do
    sed "1s/\"real\": 3,/\"real\": $real,/" "$D/dose.jsonl" >"$D/wrong"
    bad "report: a dose of $real" "$D/wrong: line 1: \"real\" must be a whole number from 0 to 16" report "$D/wrong"
done
sed '6s/"numerator": [^,]*/"numerator": 0.5/' "$D/core.jsonl" >"$D/wrong"
bad "one line, two contents" "$D/wrong: line 6" report "$D/core.jsonl" "$D/wrong"
has "one line, two contents: the other file" "$(cat "$D/stderr")" "$D/core.jsonl: line 6"
rome99 study core "$D/model/tiny" --shard 1/27 -o "$D/other.jsonl" 2>"$D/stderr" || fail "other model" "$(cat "$D/stderr")"
bad "two models of one name" "$D/other.jsonl: line" report "$D/core.jsonl" "$D/other.jsonl"
has "two models of one name: the other file" "$(cat "$D/stderr")" "$D/core.jsonl: line"
bad "report of nothing" "usage" report
bad "report of no file" "$D/none" report "$D/core.jsonl" "$D/none"
bad "report of a directory" "$D/half" report "$D/half"
bad "report: no such option" "--text" report "$D/core.jsonl" --text
bad "--html without a value" "--html" report "$D/core.jsonl" --html

bad "--html to a missing directory" "$D/none/page.html" report "$D/core.jsonl" --html "$D/none/page.html"
[ ! -e "$D/none" ] || fail "--html to a missing directory" "was made"
mkdir "$D/pages"
echo "an old page" >"$D/pages/page.html"
bad_file "--html, files that disagree" "$D/wrong" "$D/pages/page.html" report "$D/core.jsonl" "$D/wrong" --html "$D/pages/page.html"
good "--html over an old page" report "$D/core.jsonl" --html "$D/pages/page.html"
is "--html: what is left" "$(ls -A "$D/pages")" page.html

# ----------------------------------------------------------------------------------- page

for page in "$R.html" "$D/pages/page.html"; do
    name=${page##*/}
    svgs=$(tr '<' '\n' <"$page" | grep -c '^svg')
    [ "$svgs" -ge 6 ] && pass || fail "$name" "only $svgs figures"
    is "$name: script" "$(grep -ci '<script' "$page")" 0
    is "$name: what it loads" "$(tr '<' '\n' <"$page" | grep -Ei \
        '[[:space:]](src|srcset|data|action|poster|background)=|href="?[^#"]|url\([^#]|@import|^(link|iframe|object|embed|img|base)' |
        head -n 1)" ""
    is "$name: addresses" "$(tr '<' '\n' <"$page" | grep -E 'https?://' | grep -v '^svg.* xmlns="http://www.w3.org/2000/svg"' |
        head -n 1)" ""
    is "$name: handlers" "$(tr '<' '\n' <"$page" | grep -Eci '^[a-z][^>]*[[:space:]]on[a-z]+=')" 0
    is "$name: tags" "$(awk 'BEGIN { RS = "<" } NR == 1 || /^!/ { next }
        { name = $0; sub(/[ \t\n\/>].*/, "", name) }
        /^\// { name = substr($0, 2); sub(/[ \t\n>].*/, "", name)
            if (stack[n] != name) { print stack[n] " ended by " name; exit } n--; next }
        name == "meta" || name == "br" || name == "hr" { next }
        { tag = $0; sub(/>.*/, "", tag); if (tag !~ /\/$/) stack[++n] = name }
        END { if (n) print "open: " stack[n] }' "$page")" ""
    tags=$(tr '<' '\n' <"$page" | sed 's/>.*//')
    is "$name: an id twice" "$(printf '%s\n' "$tags" | sed -n 's/.* id="\([^"]*\)".*/\1/p' | sort | uniq -d | head -n 1)" ""
    for id in $(printf '%s\n' "$tags" | sed -n 's/.*href="#\([^"]*\)".*/\1/p' | sort -u); do
        printf '%s\n' "$tags" | grep -q " id=\"$id\"" || fail "$name" "nothing has the id $id"
    done
    is "$name: nan" "$(printf '%s\n' "$tags" | grep -Eci '"[^"]*(nan|inf)[^a-z"]*"')" 0
    if command -v xmllint >/dev/null 2>&1; then # but for its head the page is XML
        sed '1d; s/<meta [^>]*>//' "$page" >"$D/page.xml"
        is "$name: xmllint" "$(xmllint --noout "$D/page.xml" 2>&1 | head -n 2)" ""
    fi
done
command -v xmllint >/dev/null 2>&1 || echo "no xmllint: skipped"

# ---------------------------------------------------------------- GNU parallel and xargs -P

good "report of core" report "$D/core.jsonl"
cp "$D/stdout" "$R.core"
parts() { # NAME
    good "$1" report "$D"/part[1-4].jsonl
    same "$1" "$D/stdout" "$R.core"
}
rm -f "$D"/part[1-4].jsonl
if parallel --version 2>/dev/null | grep -q '^GNU parallel'; then
    parallel "$@" study core "$M" --shard {}/4 -o "$D/part{}.jsonl" ::: 1 2 3 4 </dev/null >"$D/stdout" 2>"$D/stderr" ||
        fail "parallel" "$(cat "$D/stderr")"
    parts "parallel"
else
    echo "no GNU parallel: skipped"
fi
rm -f "$D"/part[1-4].jsonl
if [ "$(echo 1 | xargs -P 2 -I% echo %% 2>/dev/null)" = 11 ]; then
    { seq 4 2>/dev/null || printf '%s\n' 1 2 3 4; } | xargs -P 4 -I% "$@" study core "$M" --shard %/4 -o "$D/part%.jsonl" \
        >"$D/stdout" 2>"$D/stderr" ||
        fail "xargs" "$(cat "$D/stderr")"
    parts "xargs -P"
else
    echo "xargs knows no -P: skipped"
fi

# --------------------------------------------------------------------- the committed lines

set -- ref/study/results/*.jsonl
if [ -e "$1" ]; then
    for file; do good "$file" report "$file"; done # silent: no run is left out
    good "the committed lines" report "$D/core.jsonl" "$@" --html "$D/page.html"
    good "the committed lines: text" report "$D/core.jsonl" "$@"
    narrow "the committed lines: text" "$D/stdout"
else
    echo "no committed lines: skipped"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
