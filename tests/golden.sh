#!/bin/sh
# golden.sh PROGRAM...: the golden cases as a user meets them: made anew, checked, exported, compared.
# Run from the repository's top; writes below build/tmp/golden only. Last line: "N passed, N failed".
#   QUICK=1   without making every case anew
LC_ALL=C
export LC_ALL
D=build/tmp/golden
passed=0
failed=0

[ $# -gt 0 ] || { echo "usage: sh tests/golden.sh PROGRAM..." >&2; exit 2; }
command=
for word; do command="$command '$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")'"; done
rome99() { eval "$command \"\$@\""; }

rm -rf "$D"
mkdir -p "$D"

pass() { passed=$((passed + 1)); }
fail() { # NAME WHAT
    failed=$((failed + 1))
    printf 'FAIL %s: %s\n' "$1" "$2"
}
# NAME EXIT TEXT ARGUMENTS: that exit code, and TEXT in what is printed.
gives() {
    name=$1 wanted=$2 text=$3
    shift 3
    rome99 "$@" >"$D/stdout" 2>"$D/err" </dev/null
    code=$?
    cat "$D/stdout" "$D/err" >"$D/out"
    if [ $code -ne "$wanted" ]; then
        fail "$name" "exit $code, expected $wanted: $(tail -n 1 "$D/out")"
    elif [ -n "$text" ] && ! grep -qF -e "$text" "$D/out"; then
        fail "$name" "\"$text\" is not in \"$(tail -n 3 "$D/out")\""
    elif [ -z "$(awk 'length($0) > 79' "$D/stdout")" ]; then
        pass
    else
        fail "$name" "a line is wider than 79 columns: $(awk 'length($0) > 79' "$D/stdout" | head -n 1)"
    fi
}

# ------------------------------------------------------------------------------- compare

case=golden/edits/first_c-rome.txt
gives "a case with itself" 0 "same: " compare $case $case
gives "exact" 0 "class exact" compare $case $case --class exact
awk '{ printf "%s\r\n", $0 }' $case >"$D/crlf.txt"
gives "CRLF" 0 "same: " compare $case "$D/crlf.txt"
head -n 900 $case >"$D/cut.txt"
gives "truncated" 2 "rome99: $D/cut.txt" compare $case "$D/cut.txt"
gives "no such file" 2 "$D/none" compare $case "$D/none"
gives "usage" 2 "usage" compare $case
gives "a class that is none" 2 "none of exact, f64, f32" compare $case $case --class f16
gives "another case" 1 "differs: " compare $case golden/edits/first_k-rome.txt
gives "and the other way round" 1 "differs: " compare golden/edits/first_k-rome.txt $case
gives "where rows part" 1 "row 1 does not" compare golden/edits/first_rome.txt golden/edits/clamp_rome.txt
gives "no candidate at all" 2 "begins neither" compare $case README.md
rome99 golden export $case --safetensors "$D/binary" && rome99 compare $case - <"$D/binary" >"$D/out" 2>&1
if [ $? -eq 2 ] && grep -q "standard input: only the text format" "$D/out"; then pass; else
    fail "safetensors from a pipe" "$(tail -n 1 "$D/out")"
fi

# The released code's mismatch, planted in c-rome's case: the denominator of rome's.
awk 'NR == FNR { if ($1 == "tensor") take = $2 == "denominator!released_mismatch"; else if (take && !w) w = $1; next }
     $1 == "tensor" { swap = $2 == "denominator" } { if (swap && $1 != "tensor") { print w; swap = 0 } else print }' \
    $case $case >"$D/planted.txt"
gives "a planted mistake" 1 "the released ROME's mismatch" compare $case "$D/planted.txt"

# README shows just that report.
sed -n '/^WHERE/,/mismatch$/p' "$D/stdout" | sed 's/^/    /' >"$D/sample"
sed -n '/^    WHERE THE TWO PART/,/mismatch$/p' README.md >"$D/shown"
if [ -s "$D/sample" ] && cmp -s "$D/sample" "$D/shown"; then pass; else
    fail "README.md" "its report is not what compare prints: $(diff "$D/sample" "$D/shown" | head -n 4)"
fi

# Every trace of a program's own edits passes whole.
for record in sink_first_rome:2:rome sink_first_c-rome:2:c-rome sink_middle_rome:42:rome sink_words_rome:82:rome \
    plain_first_rome:2:rome; do
    name=${record%%:*} rest=${record#*:}
    awk -v n="${rest%%:*}" '/"case_id": / { i++ } i == n + 1' "tiny_models/${name%%_*}/facts.json" |
        sed '1s/^\[//; $s/,[[:space:]]*$//; $s/}\][[:space:]]*$/}/' >"$D/request.json"
    rm -f "$D/trace.safetensors"
    rome99 edit "tiny_models/${name%%_*}" "$D/request.json" --method "${rest#*:}" --no-ppl \
        --trace "$D/trace.safetensors" >/dev/null 2>"$D/err" || fail "$name" "$(cat "$D/err")"
    gives "the trace of $name" 0 "same: 14 tensors, class exact" compare "golden/edits/$name.txt" "$D/trace.safetensors"
done

# --------------------------------------------------------------------------------- check

gives "check" 0 " tensors, class " golden check
mkdir -p "$D/copy"
cp -R golden/. "$D/copy"
sed 's/^3ff8/3ff9/' golden/ops/softmax.txt >"$D/copy/ops/softmax.txt"
gives "a case that is not as MANIFEST says" 2 "MANIFEST" golden check "$D/copy"
if command -v sha256sum >/dev/null 2>&1; then
    changed() { # NAME TEXT SED: check of a case with that change, and with its sum in MANIFEST
        sed "$3" golden/ops/softmax.txt >"$D/copy/ops/softmax.txt"
        sum=$(sha256sum <"$D/copy/ops/softmax.txt")
        sed "s|^.*  ops/softmax.txt|${sum%% *}  ops/softmax.txt|" golden/MANIFEST >"$D/copy/MANIFEST"
        gives "$1" 1 "$2" golden check "$D/copy"
    }
    changed "a case that was changed" "not as committed" 's/^3ff8/3ff9/'
    changed "a tensor of another name" "ops/softmax: z: is not made here" 's/^tensor y /tensor z /'
    changed "a tensor that is missing" "ops/softmax: y: is missing in the file" 's/^tensor y /tensor z /'
    changed "a tensor of another shape" "ops/softmax: y: has another shape" 's/^tensor y f64 4 6 /tensor y f64 6 4 /'
    changed "a case of another name" 'ops/softmax: case is "ops/other", here "ops/softmax"' 's|^case = .*|case = ops/other|'
    if (cd golden && sha256sum -c --quiet MANIFEST) >"$D/out" 2>&1; then pass; else fail "sha256sum -c" "$(cat "$D/out")"; fi
fi
rm -f "$D/copy/ops/exp.txt"
gives "a case that is missing" 2 "ops/exp.txt" golden check "$D/copy"
gives "no golden folder" 2 "$D/none" golden check "$D/none"
gives "check: checkpoints elsewhere" 2 "$D/none" golden check --all --models "$D/none"

# -------------------------------------------------------------------------------- export

gives "export to safetensors" 0 "" golden export golden/edits/pencil_rome.txt --safetensors "$D/pencil.safetensors"
gives "and back" 0 "class exact" compare golden/edits/pencil_rome.txt "$D/pencil.safetensors"
sed '/^case = /d' golden/ops/kl.txt >"$D/nameless.txt"
gives "export of two, one without a name" 0 "" golden export golden/ops/exp.txt "$D/nameless.txt" --safetensors "$D/two"
if grep -aq '"ops/exp/y"' "$D/two" && grep -aq "\"$D/nameless.txt/" "$D/two"; then pass; else
    fail "export of two" "tensors are not named CASE/TENSOR"
fi
gives "export of nothing" 2 "name the files" golden export --c-header "$D/x.h"
gives "export as nothing" 2 "give one of" golden export golden/ops/exp.txt
gives "export of what is no case" 2 "README.md" golden export README.md --c-header "$D/x.h"
[ ! -e "$D/x.h" ] || fail "export" "$D/x.h was written"
gives "export to C arrays" 0 "" golden export golden/edits/pencil_rome.txt golden/ops/exp.txt --c-header "$D/cases.h"
arrays=$(grep -c '^static const uint64_t rome99_words_[01]_[0-9]*\[\] = {' "$D/cases.h")
tensors=$(cat golden/edits/pencil_rome.txt golden/ops/exp.txt | grep -c '^tensor ')
if [ "$arrays" -eq "$tensors" ]; then pass; else fail "export to C arrays" "$arrays, expected $tensors"; fi
# The formula model as a folder: whole edits of it, from the case's texts and its C, by any program.
gives "export of the model" 0 "" golden export --model "$D/formula"
gives "again" 2 "already exists" golden export --model "$D/formula"
echo '{"prompt": "{} is in", "subject": "Bo", "target_new": {"str": "red"}}' >"$D/request.json"
for method in rome c-rome p-rome k-rome; do
    gives "C of first_$method" 0 "" golden export "golden/edits/first_$method.txt" --safetensors "$D/C.safetensors"
    rm -f "$D/trace.safetensors"
    rome99 edit "$D/formula" "$D/request.json" --method $method --layer 0 --cov "$D/C.safetensors" --v_lr 0.1 \
        --v_num_grad_steps 8 --no-ppl --trace "$D/trace.safetensors" >/dev/null 2>"$D/err" || fail "$method" "$(cat "$D/err")"
    gives "what the trace lacks of first_$method" 1 "differs: 3 of 17 tensors, first gradients" \
        compare "golden/edits/first_$method.txt" "$D/trace.safetensors"
done

gives "golden without a verb it knows" 2 "usage" golden mend
gives "make where something is" 2 "already exists" golden make "$D/copy"

# ---------------------------------------------------------------------------- staleness

if [ -z "$QUICK" ]; then
    gives "make" 0 "" golden make "$D/made"
    for file in MANIFEST ops edits; do
        if diff -r "golden/$file" "$D/made/$file" >"$D/out" 2>&1; then pass; else
            fail "golden/$file is stale" "$(head -n 3 "$D/out")"
        fi
    done
fi

# No more files than the cases, no more bytes than promised.
[ "$(ls golden/ops golden/edits | grep -c .)" -eq "$(($(wc -l <golden/MANIFEST) + 2))" ] && pass ||
    fail "golden/" "has files that are no cases"
size=$(du -sk golden | awk '{ print $1 }')
if [ "$size" -le 8192 ]; then pass; else fail "golden/" "takes $size KiB"; fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
