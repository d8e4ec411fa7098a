# Runs tests/minimal_rome.pl, a second ROME in Perl, over the golden cases that it knows, and compares:
#     sh tests/minimal.sh PROGRAM...
# from the project's folder; PROGRAM is the rome99 command. A case passes if every tensor reaches the class on
# its line (f64; integers and weights: exact). About 11 s. A perl without integers of 64 bits counts as none.
[ $# -gt 0 ] || { echo "usage: sh tests/minimal.sh PROGRAM..." >&2; exit 2; }
if ! perl -MList::Util -e 'exit(~0 < 2 ** 63)' 2>/dev/null; then
    echo "minimal: skipped, no perl"
    echo "0 passed, 0 failed"
    exit 0
fi
cases="ops/update_rome ops/update_c-rome ops/update_p-rome ops/update_k-rome
    edits/pencil_rome edits/pencil_c-rome ops/second_moment ops/cholesky_well ops/cholesky_ill
    ops/formula_model ops/gpt2_forward edits/first_rome edits/first_c-rome edits/first_p-rome
    edits/first_k-rome edits/middle_c-rome edits/last_rome edits/fact_last_c-rome edits/clamp_rome
    edits/early_stop_rome edits/identity_c-rome edits/one_iteration_c-rome edits/negative_rome
    edits/last_layer_k-rome"
out=build/tmp/minimal
rm -rf "$out" && mkdir -p "$out/ops" "$out/edits" || exit 2
passed=0 failed=0
for case in $cases; do
    if ! perl tests/minimal_rome.pl "golden/$case.txt" > "$out/$case.txt" 2> "$out/$case.log"; then
        echo "FAIL $case: perl: $(tail -n 1 "$out/$case.log")"
    elif [ -s "$out/$case.log" ]; then
        echo "FAIL $case: perl warns: $(head -n 1 "$out/$case.log")"
    elif ! "$@" compare "golden/$case.txt" "$out/$case.txt" > "$out/$case.log" 2>&1; then
        echo "FAIL $case: $(tail -n 1 "$out/$case.log")"
    else
        passed=$((passed + 1))
        continue
    fi
    failed=$((failed + 1))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
