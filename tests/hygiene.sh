#!/bin/sh
# hygiene.sh: what a port relies on, checked in sources and objects: what the core takes from the C library, names,
# preprocessor, no variable-length arrays, stack. Run from the repository's top after `make`. B: the build folder;
# CC: its compiler. Last line: "N passed, N failed".
LC_ALL=C
export LC_ALL
B=${B:-build} CC=${CC:-cc}
D=$B/tmp/hygiene
passed=0
failed=0
rm -rf "$D"
mkdir -p "$D"
pass() { passed=$((passed + 1)); }
fail() { # NAME WHAT
    failed=$((failed + 1))
    printf 'FAIL %s: %s\n' "$1" "$(printf '%s' "$2" | tr '\n' ' ')"
}
none() { # NAME TEXT: which must be empty
    if [ -z "$2" ]; then pass; else fail "$1" "$2"; fi
}
same() { # NAME TEXT TEXT
    if [ "$2" = "$3" ]; then pass; else fail "$1" "got \"$2\", expected \"$3\""; fi
}

# ---------------------------------------------------------------------------- names in objects

# What compilers ask for by themselves: stack protectors, position-independent code, sanitizers, soft float.
own='^(_GLOBAL_OFFSET_TABLE_|__stack_chk_.*|__(aeabi|asan|ubsan|adddf|subdf|muldf|divdf|float|fix|eq|ne|lt|le|gt|ge).*)$'
undefined() { nm -P "$@" 2>/dev/null | awk '$2 == "U" { print $1 }' |
    sed 's/@.*//; s/^__\(.*\)_chk$/\1/; s/64$//; s/^__errno_location$/errno/; s/^bcmp$/memcmp/' | sort -u | grep -Ev "$own"; }
external() { nm -P -g "$@" 2>/dev/null | awk 'NF > 1 && $2 != "U" && $2 != "w" { print $1 }' | sort -u; }
foreign() { undefined "$@" | grep -v '^rome99_'; }

core=$(foreign "$B"/ref/core/*.o | tr '\n' ' ')
none "the core takes more from the C library than memcpy, memset, sqrt" \
    "$(printf '%s' "$core" | tr ' ' '\n' | grep -Ev '^(memcpy|memset|memmove|sqrt|)$')"
listed() { # the names in the table of NOTES.md, "Porting", in the row $1
    sed -n "/^## Porting/,/^## /s/^| $1 |\\(.*\\)|\$/\\1/p" NOTES.md | tr -d '\`,' | tr ' ' '\n' | grep . | sort -u
}
# A compiler may turn one function into another (printf into puts): every name used must be listed.
foreign "$B"/ref/core/*.o >"$D/core"
foreign "$B"/ref/core/*.o "$B"/ref/files/*.o >"$D/files"
for floor in core files; do
    listed "$floor" >"$D/listed"
    [ -s "$D/listed" ] || fail "NOTES.md, Porting" "lists nothing for $floor"
    none "ref/$floor uses what NOTES.md, Porting, does not list" "$(comm -23 "$D/$floor" "$D/listed")"
done
none "external names without rome99_" "$(external "$B"/ref/core/*.o "$B"/ref/files/*.o "$B"/ref/edit/*.o \
    "$B"/ref/golden/*.o "$B"/ref/program/*.o "$B"/tiny_models/*.o | grep -v '^rome99_' | grep -vx main)"

# --------------------------------------------------------------------------------- sources

sources=$(ls ref/*/*.c ref/*/*.h tiny_models/*.c tiny_models/*.h)
for file in $sources; do
    # Conditionals: include guards, which are named after the file; os.c; a refusal of -ffast-math; block sizes and OpenMP.
    conditionals=$(grep -nE '^[ 	]*#[ 	]*(if|ifdef|ifndef|elif)' "$file" |
        grep -vE '#ifndef ROME99_([A-Z0-9_]*_)?H$|#if defined\(__FAST_MATH__\)')
    case $file in
    ref/files/os.c | ref/core/machine.h) ;;
    *) none "$file: conditional" "$conditionals" ;;
    esac
done
none "#error in another place" "$(grep -ln '#error' $sources | grep -vx ref/core/rome99.h)"
if $CC -std=c99 -Wvla -Werror -fsyntax-only -Iref -Itiny_models -DROME99_SHARE='""' $(ls ref/*/*.c tiny_models/*.c) \
    >"$D/vla" 2>&1; then pass; else fail "variable-length arrays" "$(head -n 3 "$D/vla")"; fi
none "floats that are no doubles in the core" "$(grep -nE '\bfloat\b|\blong double\b' ref/core/*.c ref/core/*.h |
    grep -vE '/\*|\* |const float|float f|\(float\)')"

# ----------------------------------------------------------------------------- stack of the core

# The deepest chain of calls, by the frames that the compiler reports; a recursion has none.
if echo 'int rome99_x(void); int rome99_x(void) { return 0; }' >"$D/x.c" &&
    $CC -O2 -fcallgraph-info=su -c "$D/x.c" -o "$D/x.o" 2>/dev/null && [ -s "$D/x.ci" ]; then
    for file in ref/core/*.c; do
        $CC -std=c99 -O2 -ffp-contract=off -Iref -fcallgraph-info=su -c "$file" -o "$D/$(basename "$file" .c).o"
    done
    deepest=$(cat "$D"/[!x]*.ci | awk -F'"' '
        /^node:/ { name = $2; if (match($4, /[0-9]+ bytes/)) frame[name] = substr($4, RSTART) + 0 }
        /^edge:/ { calls[$2] = calls[$2] "\n" $4 }
        function depth(f, n, i, list, d, most) {
            if (f in open) { print "recursion in " f; exit }
            if (f in known) return known[f]
            open[f] = 1
            n = split(calls[f], list, "\n")
            for (i = 1; i <= n; i++) if (list[i] != "") { d = depth(list[i]); if (d > most) most = d }
            delete open[f]
            return known[f] = frame[f] + most
        }
        END { for (f in frame) { d = depth(f); if (d > most) most = d } print most + 0 }')
    stated=$(sed -n 's/.*[Ss]tack of the core: at most \([0-9,]*\) bytes.*/\1/p' NOTES.md | tr -d ,)
    echo "stack of the core: $deepest bytes ($($CC --version | head -n 1))"
    case $deepest$stated in
    *[!0-9]* | '') fail "stack of the core" "$deepest; NOTES.md states \"$stated\"" ;;
    *) if [ "$deepest" -le "$stated" ]; then pass; else fail "stack of the core" "$deepest bytes, stated $stated"; fi ;;
    esac
else
    echo "stack of the core: not measured, $CC has no -fcallgraph-info"
fi

# An emulated machine that refuses unaligned access: it does so, and runs the tests of the core.
if command -v sparc64-linux-gnu-gcc >/dev/null && command -v qemu-sparc64-static >/dev/null; then
    cat >"$D/unaligned.c" <<'C'
#include <stdio.h>
int main(int argc, char **argv) {
    static double x[2];
    return (void)argv, printf("%g\n", *(double *)((char *)x + argc)) < 0;
}
C
    sparc64-linux-gnu-gcc -O1 -static "$D/unaligned.c" -o "$D/unaligned"
    if qemu-sparc64-static "$D/unaligned" >/dev/null 2>&1; then
        echo "unaligned access: this qemu does not refuse it"
    else
        pass # and the row sparc64 of make ports, which runs the tests there, shows that the core needs none
    fi
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
