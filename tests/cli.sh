#!/bin/sh
# cli.sh PROGRAM...: every command as a user runs it, and every bad input a user can give it.
# Run from the repository's top; writes below build/tmp/cli only. Last line: "N passed, N failed".
#   SINK=DIR   a tiny checkpoint's whole folder (default tiny_models/sink)
LC_ALL=C
export LC_ALL
SINK=${SINK:-tiny_models/sink}
UP=tests/upstream/model
D=build/tmp/cli
W=$D/work # the inputs
O=$D/out  # what the program writes; empty but for that
passed=0
failed=0

[ $# -gt 0 ] || { echo "usage: sh tests/cli.sh PROGRAM..." >&2; exit 2; }
command=
for word; do command="$command '$(printf '%s\n' "$word" | sed "s/'/'\\\\''/g")'"; done
rome99() { eval "$command \"\$@\""; }

rm -rf "$D"
mkdir -p "$W" "$O"
top=$(ls -A .)

# ------------------------------------------------------------------------------ checking

. tests/checks.sh
differ() { # NAME ONE OTHER
    if [ "$2" != "$3" ]; then pass; else fail "$1" "both are \"$2\""; fi
}
same() { # NAME FILE FILE
    if cmp "$2" "$3" >"$D/cmp" 2>&1; then pass; else fail "$1" "$(cat "$D/cmp")"; fi
}
near() { # NAME GOT EXPECTED RELATIVE-TOLERANCE
    if awk -v a="$2" -v b="$3" -v tol="$4" 'BEGIN {
        if (a !~ /^-?[0-9]/ || b !~ /^-?[0-9]/) exit 1
        d = a - b; if (d < 0) d = -d; if (b < 0) b = -b
        exit !(d <= tol * b) }'; then pass; else fail "$1" "got $2, expected $3 to $4"; fi
}
narrow() { # NAME FILE: nothing wider than 79 columns
    is "$1: wide lines" "$(awk 'length($0) > 79' "$2")" ""
}

# NAME ARGUMENTS: must exit 0, silent on standard error. What it printed is $D/stdout.
good() {
    name=$1
    shift
    rome99 "$@" >"$D/stdout" 2>"$D/stderr" </dev/null
    code=$?
    if [ $code -eq 0 ] && [ ! -s "$D/stderr" ]; then pass; else
        fail "$name" "exit $code, \"$(head -n 3 "$D/stderr")\""
    fi
}

# Exit $code was 2, one line "rome99: ..." with $2 in it on standard error, nothing on standard output.
judge() { # NAME WANTED
    line= more=
    { IFS= read -r line; IFS= read -r more; } <"$D/stderr"
    if [ $code -ne 2 ]; then
        fail "$1" "exit $code, expected 2 (\"$line\")"
    elif [ -s "$D/stdout" ]; then
        fail "$1" "standard output is not empty: \"$(head -n 1 "$D/stdout")\""
    elif [ -n "$more" ]; then
        fail "$1" "more than one line: \"$line\" \"$more\""
    else
        case $line in
        "rome99: "*"$2"*) pass ;;
        *) fail "$1" "\"$2\" is not in \"$line\"" ;;
        esac
    fi
}

# NAME WANTED ARGUMENTS: must be refused, in one line with WANTED in it, and write nothing into $O.
bad() {
    name=$1 want=$2
    shift 2
    rome99 "$@" >"$D/stdout" 2>"$D/stderr" </dev/null
    code=$?
    judge "$name" "$want"
    for written in "$O"/* "$O"/.[!.]*; do
        [ ! -e "$written" ] || fail "$name" "$written was written"
    done
}

# KEY [FILE]: the value in each line of JSON, strings without quotes.
stop='[,}]*'
field() {
    while IFS= read -r json; do
        value=${json#*"\"$1\": "}
        case $value in
        "$json") value=absent ;;
        \"*) value=${value#?} value=${value%%\"*} ;;
        *) value=${value%%$stop} ;;
        esac
        printf '%s\n' "$value"
    done <"${2:-$D/stdout}"
}
keep() { sed 's/, "seconds": [^,}]*//' "$D/stdout" >"$D/$1"; } # the last result, without its time
line() { sed -n "$1p" "$D/$2"; }

# -------------------------------------------------------------------------- making files

le() { # NUMBER BYTES: little-endian, as text for printf %b
    awk -v n="$1" -v bytes="$2" 'BEGIN { while (bytes--) { printf "\\0%03o", n % 256; n = int(n / 256) } }'
}
header_size() { od -An -tu1 -N8 "$1" | awk '{ print $1 + 256 * $2 + 65536 * $3 }'; }
st_header() { dd if="$1" bs=1 skip=8 count="$(header_size "$1")" 2>/dev/null; }
st_data() { tail -c "+$(($(header_size "$1") + 9))" "$1"; }
st_make() { # HEADER DATA-FILE OUT
    header=$1
    while [ $((${#header} % 8)) -ne 0 ]; do header="$header "; done
    { printf '%b' "$(le ${#header} 8)"; printf '%s' "$header"; cat "$2"; } >"$3"
}
poke() { # FILE OFFSET ESCAPED-BYTES
    printf '%b' "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

# A text of N pseudo-random words.
words() {
    awk -v n="$1" 'BEGIN {
        m = split("The first thing is that people of Paris said it was the capital of France and I have been " \
                  "working in London He founded a company with Steve Jobs They play soccer every day", w, " ")
        x = 12345
        for (i = 1; i <= n; i++) {
            x = (x * 1103 + 12345) % 65537
            printf "%s%s", w[1 + x % m], (i % 11 ? " " : ".\n")
        }
        print "" }'
}

# $W/m: the upstream model in a folder with all that an edit needs.
M=$W/m
mkdir "$M"
cp "$UP"/* "$M"
cat >"$M/hparams.json" <<END
{"layers": [1], "fact_token": "subject_last", "v_num_grad_steps": 6, "v_lr": 0.5, "v_weight_decay": 0.5,
 "clamp_norm_factor": 3, "kl_factor": 0.0625, "mom2_adjustment": true}
END
echo '["{}", "The first thing. {}", "He said that it was. {}"]' >"$M/templates.json"
echo '["In the early days of the. {}", "I have been working. {}"]' >"$M/test_prefixes.json"
printf '%s\n' "Paris is the capital of France." "Steve Jobs founded Apple." "He plays soccer" >"$M/sentences.txt"
N=tests/upstream/cov_l1.npy
tail -c 131072 "$N" >"$W/cov.f64"
st_make '{"C":{"dtype":"F64","shape":[128,128],"data_offsets":[0,131072]}}' "$W/cov.f64" "$M/cov.safetensors"
words 700 >"$W/text"
ids=$(rome99 tokens "$UP" - <"$W/text")
ids=$(printf '%s\n' "$ids" | awk '{ for (i = 1; i <= 512; i++)
    printf "\\0%03o\\0%03o\\0000\\0000", $i % 256, int($i / 256) }')
printf '%b' "$ids" >"$W/ids.i32"
st_make '{"ids":{"dtype":"I32","shape":[8,64],"data_offsets":[0,2048]}}' "$W/ids.i32" "$M/windows.safetensors"

REQ='"prompt": "{} is the capital of", "subject": "Paris", "target_new": {"str": "Italy"}'
REQ2='"prompt": "The founder of {}", "subject": "Apple", "target_new": {"str": "Jack"}'
echo "{$REQ}" >"$W/req.json"
echo "{$REQ2}" >"$W/req2.json"
echo "[{$REQ}, {$REQ2}]" >"$W/two.json"
REWRITE="\"requested_rewrite\": {$REQ, \"target_true\": {\"str\": \"France\"}, \"relation_id\": \"P36\"}"
cat >"$W/fact.json" <<END
{"case_id": 7, $REWRITE, "paraphrase_prompts": ["Paris, the capital of", "The city of Paris is in"],
 "neighborhood_prompts": ["London is the capital of", "Madrid is the capital of"], "generation_prompts": ["x"]}
END
echo "[$(cat "$W/fact.json"), {$REQ2}]" >"$W/facts.json"
cp "$W/facts.json" "$M/facts.json"

fresh() { # $W/v: a copy of $M to spoil
    rm -rf "$W/v"
    cp -R "$M" "$W/v"
}
V=$W/v

# ------------------------------------------------------- help, versions, arguments, options

good "--version" --version
is "--version" "$(sed 's/ [0-9]*\.[0-9]*\.[0-9]*$/ N.N.N/' "$D/stdout")" "rome99 N.N.N"
cp "$D/stdout" "$D/version"
good "--help" --help
narrow "--help" "$D/stdout"
cp "$D/stdout" "$D/help"
for word in -h help; do
    good "$word" $word
    same "$word" "$D/stdout" "$D/help"
done
rome99 >"$D/stdout" 2>"$D/stderr" </dev/null
is "no command: exit" $? 2
same "no command" "$D/stderr" "$D/help"
is "no command: standard output" "$(cat "$D/stdout")" ""
for c in demo edit next generate tokens ppl cov train; do
    has "--help names $c" "$(cat "$D/help")" "  $c "
    good "$c --help" $c --help
    narrow "$c --help" "$D/stdout"
    has "$c --help" "$(head -n 1 "$D/stdout")" "usage: rome99 $c"
    cp "$D/stdout" "$D/help.$c"
    good "$c -h" $c -h
    same "$c -h" "$D/stdout" "$D/help.$c"
    good "$c --version" $c --version
    same "$c --version" "$D/stdout" "$D/version"
    bad "$c: unknown option" "unknown option --colour" $c --colour x y
    bad "$c: unknown short option" "unknown option -z" $c -z x y
    bad "$c: surplus argument" "one argument too many" $c a b surplus
    [ $c = demo ] || bad "$c: no argument" "usage: rome99 $c" $c
done
for c in edit next generate tokens ppl cov; do
    bad "$c: one argument" "usage: rome99 $c" $c $M
done
for option in --layer --templates --cov --hparams --v_lr --v_num_grad_steps --v_weight_decay --clamp_norm_factor \
    --kl_factor --fact_token --sequential --dry-run --no-ppl --trace --save --json --method --test-prefixes \
    --text --sentences; do
    has "edit --help names $option" "$(cat "$D/help.edit")" "  $option "
done
bad "unknown command" '"edi"' edi
bad "unknown command of two lines" '"a?b"' "a
b"
bad "unknown option before a command" '"--json"' --json edit
bad "flag given twice" "--json" edit $M $W/req.json --json --json
bad "option given twice" "--top" next $M Paris --top 3 --top=3
bad "flag with a value" "--json" edit $M $W/req.json --json=1
bad "option without a value" "--layer" edit $M $W/req.json --layer
bad "-n without a value" "-n" generate $M Paris -n
bad "option in place of a value" "--trace" edit $M $W/req.json --trace --json
for option in --templates --hparams --test-prefixes --text --sentences --cov --trace --save --method; do
    bad "$option with an empty value" "$option" edit $M $W/req.json $option ""
done
good "option as --top=3" next $M Paris --top=3
cp "$D/stdout" "$D/top3"
good "options first" next --top 3 -- $M Paris
same "options first" "$D/stdout" "$D/top3"
good "a text behind --" tokens $M -- --top
differ "a text behind --" "$(cat "$D/stdout")" ""

# ------------------------------------------------------------------- numbers given as options

for value in -1 1.5 nan 1x "1 " 1e3 0x1 99999999999999999999; do
    bad "--layer '$value'" "--layer" edit $M $W/req.json --layer "$value"
    bad "--v_num_grad_steps '$value'" "--v_num_grad_steps" edit $M $W/req.json --v_num_grad_steps "$value"
    bad "cov --layer '$value'" "--layer" cov $M $W/text --layer "$value" -o $O/c.safetensors
    bad "--top '$value'" "--top" next $M Paris --top "$value"
done
for value in -1 nan inf 1e999 1x abc "1 "; do
    for option in --v_lr --v_weight_decay --clamp_norm_factor --kl_factor; do
        bad "$option '$value'" "$option" edit $M $W/req.json $option "$value"
    done
done
for option in --v_lr --v_num_grad_steps --layer; do
    bad "$option ''" "$option" edit $M $W/req.json $option ""
done
bad "--v_lr 1.1e100" "--v_lr: " edit $M $W/req.json --v_lr 1.1e100
bad "--v_num_grad_steps 0" "--v_num_grad_steps" edit $M $W/req.json --v_num_grad_steps 0
bad "--v_num_grad_steps 10001" "from 1 to 10000" edit $M $W/req.json --v_num_grad_steps 10001
bad "--top 0" "--top" next $M Paris --top 0
bad "-n -1" "-n" generate $M Paris -n -1
bad "--seed -1" "--seed" generate $M Paris --seed -1
bad "--top-k 0" "--top-k" generate $M Paris --top-k 0
bad "--method" "romeo" edit $M $W/req.json --method romeo
bad "--fact_token" "--fact_token" edit $M $W/req.json --fact_token first
bad "train --steps 0" "--steps" train $O/new --steps 0
bad "train --heads 3" "--heads" train $O/new --heads 3
bad "train --layer 4 of 4" "--layer" train $O/new --layers 4 --layer 4
bad "train --lr inf" "--lr" train $O/new --lr inf
bad "train --every 0" "--every" train $O/new --every 0
for value in -1 16 1.5 x; do
    bad "train --masked $value" "--masked" train $O/new --masked $value
done
bad "train onto what exists" "$M: " train $M
bad "train into a missing folder" "$W/none/new: cannot make the directory" train $W/none/new
for file in $M/model.safetensors $W/text $W/none; do # a state that is none stays
    case $file in
    */none) mkdir $W/new.state && want="is not a regular file" ;;
    *) cp $file $W/new.state && want="safetensors file" ;;
    esac
    [ $file != $M/model.safetensors ] || want="is not the state of a training"
    bad "train from $file" "$W/new.state: " train $W/new --steps 1 --layers 1 --width 8 --heads 1 --positions 8 --layer 0
    has "train from $file: why" "$line" "$want"
    has "train from $file: what to do" "$line" "remove it to train from the beginning"
    [ ! -f $file ] || same "train from $file: stays" $W/new.state $file
    rm -r $W/new.state
done

# Killed, and taken up from the state that it left.
taken="train $W/taken --steps 600 --layers 1 --width 8 --heads 1 --positions 8 --windows 4 --layer 0"
(eval "exec $command $taken --every 1") >"$D/stdout" 2>&1 </dev/null &
tries=0
while [ ! -f $W/taken.state ] && [ $tries -lt 600 ]; do sleep 0.1; tries=$((tries + 1)); done
kill -9 $! && { wait $!; } 2>/dev/null
rm -f $W/taken.state.tmp-* # of a write that the kill ended
[ ! -e $W/taken ] || fail "train, killed" "it was complete by then"
# shellcheck disable=SC2086
rome99 $taken >"$D/stdout" 2>"$D/stderr" </dev/null
is "train, killed and taken up" "$? $(ls $D/work | grep '^taken')" "0 taken"
has "train, killed and taken up: says so" "$(cat "$D/stderr")" "rome99: taking up $W/taken.state at step "

# A folder of each kind: they differ in weights, in C, and in one member of config.json.
for masked in 0 4; do
    good "train --masked $masked" train $W/masked$masked --steps 1 --layers 1 --width 8 --heads 1 --positions 8 \
        --windows 4 --layer 0 --masked $masked
done
is "a twin is a plain folder without C" "$(ls "$W/masked4")" "$(ls "$W/masked0" | grep -v '^cov.safetensors$')"
differ "a plain folder has C" "$(ls "$W/masked0")" "$(ls "$W/masked4")"
for file in hparams.json facts.json vocab.json windows.safetensors; do
    same "a twin's $file" "$W/masked4/$file" "$W/masked0/$file"
done
is "a twin's config.json says so" "$(sed '/"bidirectional": true/d; s/,$//' "$W/masked4/config.json")" \
    "$(sed 's/,$//' "$W/masked0/config.json")"
bad "next: a twin" '"bidirectional" must be false' next $W/masked4 Paris
good "next: a plain one of the same size" next $W/masked0 Paris

# ---------------------------------------------------------------------------- bad models

refused() { # NAME WANTED: $V is no model
    bad "$1" "$2" edit $V $W/req.json --save $O/new --trace $O/t.safetensors
}
config() { # NAME WANTED SED: spoils config.json
    sed "$3" "$M/config.json" >"$V/config.json"
    refused "$1" "$2"
}
for c in tokens next generate; do bad "$c: no model" "$W/none/" $c $W/none Paris; done
bad "edit: no model" "$W/none/config.json" edit $W/none $W/req.json
bad "ppl: no model" "$W/none/config.json" ppl $W/none $M/sentences.txt
bad "cov: no model" "$W/none/config.json" cov $W/none $W/text --layer 1 -o $O/c.safetensors
bad "the model is a file" "$W/text/config.json" next $W/text Paris
bad "demo: no models" "$W/none/" demo $W/none
for file in config.json model.safetensors vocab.json merges.txt; do
    fresh
    rm "$V/$file"
    refused "no $file" "$V/$file: "
    mkdir "$V/$file"
    refused "$file is a directory" "$V/$file: "
done
fresh
config "config.json cut" "config.json:" '$d'
config "config.json with a comma too many" "config.json:1:2" '1s/$/,/'
config "config.json with a member twice" n_layer 's/ "n_layer": 3,/&&/'
config "config.json is an array" "config.json:" 's/^{/[/; s/}$/]/; s/": /", /'
awk 'BEGIN { for (i = 0; i < 99999; i++) printf "["; print "" }' >"$V/config.json"
refused "config.json nested deeply" "config.json:1:"
printf '\377\376' >"$V/config.json"
refused "config.json is not UTF-8" "config.json:1:1"
config "another activation" activation_function 's/gelu_new/relu/'
config "an untied head" tie_word_embeddings 's/\("tie_word_embeddings": \)true/\1false/'
config "another kind of model" model_type 's/\("model_type": "\)gpt2/\1opt/'
config "scaled attention" scale_attn_by_inverse_layer_idx 's/\(_inverse_layer_idx": \)false/\1true/'
config "unscaled attention" scale_attn_weights 's/\(scale_attn_weights": \)true/\1false/'
config "a bidirectional twin" '"bidirectional" must be false' 's/^{/{"bidirectional": true, /'
config "cross attention" add_cross_attention 's/\(add_cross_attention": \)false/\1true/'
config "n_head does not divide" "n_head 5" 's/"n_head": 4/"n_head": 5/'
config "epsilon 0" layer_norm_epsilon 's/1e-05/0/'
config "n_inner 0" "n_inner must not be 0" 's/"n_inner": null/"n_inner": 0/'
config "another n_inner" "c_fc" 's/"n_inner": null/"n_inner": 64/'
config "another vocab_size" vocab 's/"vocab_size": 802/"vocab_size": 803/'
config "another n_positions" wpe 's/"n_positions": 64/"n_positions": 65/'
config "another n_embd" wte 's/"n_embd": 32/"n_embd": 36/'
config "fewer layers" "model.safetensors: " 's/"n_layer": 3/"n_layer": 2/'
config "more layers" "h.3." 's/"n_layer": 3/"n_layer": 4/'
config "very many layers" "model.safetensors: " 's/"n_layer": 3/"n_layer": 2147483647/'
for key in vocab_size n_positions n_embd n_layer n_head; do
    config "no $key" "$key" "s/\"$key\"/\"none\"/"
    config "$key is 0" "$key" "s/\"$key\": [0-9]*/\"$key\": 0/"
    config "$key is negative" "config.json:" "s/\"$key\": /&-/"
    config "$key is a string" "$key" "s/\(\"$key\": \)\([0-9]*\)/\1\"\2\"/"
done

S=$M/model.safetensors
head=$(st_header "$S")
st_data "$S" >"$W/data"
size=$(($(header_size "$S") + 8))
last=$(awk -v a="$(wc -c <"$S")" 'BEGIN { print a - 1 }')
fresh
for cut in 0 1 7 8 9 1000 $((size - 1)) $size $((size + 1)) 100000 "$last"; do
    if [ "$cut" -eq 0 ]; then : >"$V/model.safetensors"; else
        dd if="$S" of="$V/model.safetensors" bs="$cut" count=1 2>/dev/null
    fi
    bad "model.safetensors cut to $cut bytes" "model.safetensors:" next $V Paris
done
{ cat "$S"; printf x; } >"$V/model.safetensors"
refused "a byte behind model.safetensors" "model.safetensors:"
for length in '\0000' '\0377\0377\0377\0177' '\0377\0377\0377\0377\0377\0377\0377\0377'; do
    cp "$S" "$V/model.safetensors"
    poke "$V/model.safetensors" 0 "$length"
    refused "model.safetensors with a header of length $length" "model.safetensors:"
done
lie() { # NAME WANTED SED: spoils the header
    st_make "$(printf '%s\n' "$head" | sed "$3")" "$W/data" "$V/model.safetensors"
    refused "$1" "$2"
}
lie "header is no JSON" "model.safetensors:" 's/^{/x/'
lie "shape larger than the data" "transformer.wte.weight" 's/\[802, 32\]/[802, 33]/'
lie "shape that overflows" "transformer.wte.weight" 's/\[802, 32\]/[4294967296, 4294967296, 4294967296]/'
lie "shape of nothing" "transformer.wte.weight" 's/\[802, 32\]/[0, 32]/'
lie "shape transposed" "[802, 32]" 's/\[802, 32\]/[32, 802]/'
lie "shape of one dimension" "[802, 32]" 's/\[802, 32\]/[25664]/'
lie "negative shape" "model.safetensors:" 's/\[802, 32\]/[-802, -32]/'
lie "offsets behind the end" "model.safetensors:" 's/\[0, 102656\]/[0, 999999999]/'
lie "offsets turned round" "model.safetensors:" 's/\[0, 102656\]/[102656, 0]/'
lie "offsets that overlap" "model.safetensors:" 's/\[102656, 110848\]/[102652, 110844]/'
lie "no offsets" "model.safetensors:" 's/, "data_offsets": \[0, 102656\]//'
lie "wrong dtype" "wte.weight" '1s/F32/I32/'
lie "dtype of another size" "wte.weight" '1s/F32/F16/'
lie "unknown dtype" "wte.weight" '1s/F32/Q32/'
lie "a tensor missing" "h.1.mlp.c_proj.weight is missing" 's/h\.1\.mlp\.c_proj\.weight/h.1.mlp.c_proj.wait/'
lie "a tensor twice" "model.safetensors:" 's/h\.1\.mlp\.c_proj\.weight/h.0.mlp.c_proj.weight/'
lie "a tensor too many" "model.safetensors:" 's/^{/{"more": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}, /'
for value in '\0000\0000\0300\0177' '\0000\0000\0200\0177' '\0000\0000\0200\0377'; do
    cp "$S" "$V/model.safetensors"
    poke "$V/model.safetensors" $((size + 4)) "$value"
    refused "a weight that is not finite ($value)" "wte.weight"
done

fresh
{ dd if="$S" bs=1 count=$((size + 8)) 2>/dev/null; head -c $(($(wc -c <"$S") - size - 8)) /dev/zero; } >"$V/model.safetensors"
refused "weights of zero" 'subject "Paris": the MLP output m_u is zero'
cp "$S" "$V/model.safetensors"
sed 's/, "<|endoftext|>": 801//' "$M/vocab.json" >"$V/vocab.json"
refused "a token too few" "vocab.json: 801 tokens"
vocab() { # NAME SED
    sed "$2" "$M/vocab.json" >"$V/vocab.json"
    bad "$1" "vocab.json" tokens $V Paris
}
vocab "vocab.json cut" 's/"Paris".*//'
vocab "an id twice" 's/"Paris": 795/"Paris": 794/'
vocab "a token twice" 's/"Paris": 795/"London": 795/'
vocab "an id out of range" 's/"Paris": 795/"Paris": 99999999999/'
vocab "an id negative" 's/"Paris": 795/"Paris": -795/'
vocab "an id that is a string" 's/"Paris": 795/"Paris": "795"/'
vocab "vocab.json is an array" 's/^{.*/[]/'
vocab "vocab.json is empty" 's/^{.*/{}/'
fresh
merges() { # NAME SED
    sed "$2" "$M/merges.txt" >"$V/merges.txt"
    bad "$1" "merges.txt" tokens $V Paris
}
merges "a merge of one token" '5s/.*/the/'
merges "a merge of three tokens" '5s/$/ x/'
merges "a merge of an unknown token" '5s/.*/xyzzy t/'
merges "a merge into an unknown token" '5s/.*/Q Q/'
merges "a merge twice" '5s/.*/h e/'

# --------------------------------------------------------------------------- bad requests

request() { # NAME WANTED JSON
    printf '%s\n' "$3" >"$W/r.json"
    bad "request: $1" "$2" edit $M $W/r.json --save $O/new --sequential
}
T='"target_new": {"str": "Italy"}'
bad "request: no file" "$W/none.json" edit $M $W/none.json
bad "request: a directory" "$M: " edit $M $M
request "empty file" "r.json:" ""
request "cut" "r.json:1:" '{"prompt": "{} is'
request "no JSON" "r.json:1:1" 'prompt'
request "something behind it" "r.json:1:" "{$REQ} x"
request "a number" "r.json:1:1" 3
request "null" "r.json:1:1" null
request "array of strings" "r.json:1:2" '["x"]'
request "empty array" "r.json" '[]'
request "empty object" "prompt" '{}'
request "no prompt" "prompt" "{\"subject\": \"Paris\", $T}"
request "no subject" "subject" "{\"prompt\": \"{} is\", $T}"
request "no target" "target_new" '{"prompt": "{} is", "subject": "Paris"}'
request "target is a string" "target_new" '{"prompt": "{} is", "subject": "Paris", "target_new": "Italy"}'
request "target without str" "str" '{"prompt": "{} is", "subject": "Paris", "target_new": {}}'
request "no {}" '"{}"' "{\"prompt\": \"Paris is\", \"subject\": \"Paris\", $T}"
request "two {}" '"{}"' "{\"prompt\": \"{} is {}\", \"subject\": \"Paris\", $T}"
request "empty prompt" prompt "{\"prompt\": \"\", \"subject\": \"Paris\", $T}"
request "empty subject" subject "{\"prompt\": \"{} is\", \"subject\": \"\", $T}"
request "empty target" str '{"prompt": "{} is", "subject": "Paris", "target_new": {"str": ""}}'
request "subject is a number" subject "{\"prompt\": \"{} is\", \"subject\": 3, $T}"
request "subject twice" subject "{\"prompt\": \"{} is\", \"subject\": \"Paris\", \"subject\": \"x\", $T}"
request "a bad one among good ones" "r.json:1:" "[{$REQ}, {\"prompt\": \"Paris\", \"subject\": \"Paris\", $T}]"
request "paraphrases are a string" paraphrase_prompts "{$REWRITE, \"paraphrase_prompts\": \"x\"}"
request "a paraphrase is a number" paraphrase_prompts "{$REWRITE, \"paraphrase_prompts\": [3]}"
request "an empty paraphrase" "r.json" "{$REWRITE, \"paraphrase_prompts\": [\"\"]}"
request "an empty neighbour" "r.json" "{$REWRITE, \"neighborhood_prompts\": [\"\"]}"
request "rewrite is a string" "r.json:1:23" '{"requested_rewrite": "x"}'
long=$(words 70 | tr '\n' ' ')
request "prompt too long" "n_positions is 64" "[{$REQ}, {\"prompt\": \"{} $long\", \"subject\": \"Paris\", $T}]"
has "prompt too long: which" "$line" "r.json: request 2 of 2"
request "subject too long" "n_positions is 64" "{\"prompt\": \"{} is\", \"subject\": \"$long\", $T}"
request "target too long" "n_positions is 64" \
    "{\"prompt\": \"{} is\", \"subject\": \"x\", \"target_new\": {\"str\": \"$long\"}}"
request "paraphrase too long" "n_positions is 64" "{$REWRITE, \"paraphrase_prompts\": [\"$long\"]}"
request "neighbour too long" "n_positions is 64" "{$REWRITE, \"neighborhood_prompts\": [\"$long\"]}"

# -------------------------------------------------- bad templates, hyper-parameters, C, corpora

templates() { # NAME WANTED JSON
    printf '%s\n' "$3" >"$W/t.json"
    bad "templates: $1" "$2" edit $M $W/req.json --templates $W/t.json
}
bad "templates: no file" "$W/none.json" edit $M $W/req.json --templates $W/none.json
templates "malformed" "t.json:2:1" '["{}"'
templates "an object" "t.json:1:1" '{"{}": "{}"}'
templates "a string" "t.json:1:1" '"{}"'
templates "of numbers" "t.json:1:8" '["{}", 3]'
templates "none" "t.json" '[]'
templates "first is not {}" 'the first template must be "{}"' '["He said. {}", "{}"]'
templates "without {}" 'entry 1 must have exactly one "{}"' '["{}", "He said."]'
templates "with two {}" 'entry 1 must have exactly one "{}"' '["{}", "{} {}"]'
templates "too long" "n_positions is 64" "[\"{}\", \"$long {}\"]"
has "templates too long: which" "$line" "template 1"
echo "[\"$long {}\"]" >"$W/t.json"
bad "test prefixes too long" "n_positions is 64" edit $M $W/req.json --test-prefixes $W/t.json
echo '["He said."]' >"$W/t.json"
bad "test prefixes without {}" 't.json: entry 0' edit $M $W/req.json --test-prefixes $W/t.json
bad "test prefixes: no file" "$W/none.json" edit $M $W/req.json --test-prefixes $W/none.json

for layer in 3 100000; do
    bad "layer $layer" "layer $layer is out of range" edit $M $W/req.json --layer $layer --cov $N
    bad "cov: layer $layer" "layer $layer is out of range" cov $M $W/text --layer $layer -o $O/c.safetensors
done
bad "no layer anywhere" "--layer" edit $UP $W/req.json --templates $M/templates.json --cov $N
bad "no templates anywhere" "--templates" edit $UP $W/req.json --layer 1 --cov $N
bad "no C anywhere" "--cov" edit $UP $W/req.json --layer 1 --templates $M/templates.json
bad "C of another layer" "--cov" edit $M $W/req.json --layer 2
sed 's/\[1\]/[2]/' "$M/hparams.json" >"$W/h.json"
bad "C of another layer than --hparams" "--cov" edit $M $W/req.json --hparams $W/h.json

hparams() { # NAME WANTED JSON
    printf '%s\n' "$3" >"$W/h.json"
    bad "hparams: $1" "$2" edit $M $W/req.json --hparams $W/h.json
    fresh
    cp "$W/h.json" "$V/hparams.json"
    bad "folder's hparams: $1" "$2" edit $V $W/req.json
}
bad "hparams: no file" "$W/none.json" edit $M $W/req.json --hparams $W/none.json
hparams "malformed" "json:2:1" '{"layers": [1]'
hparams "an array" "json:1:1" '[1]'
hparams "two layers" layers '{"layers": [1, 2]}'
hparams "no layers" layers '{"layers": []}'
hparams "layers is a number" layers '{"layers": 1}'
hparams "negative layer" "json:1:" '{"layers": [-1]}'
hparams "layer out of range" "layer 7" '{"layers": [7]}'
hparams "fact_token" fact_token '{"layers": [1], "fact_token": "subject_first"}'
hparams "fact_token is a number" fact_token '{"layers": [1], "fact_token": 3}'
hparams "negative v_lr" v_lr '{"layers": [1], "v_lr": -0.5}'
hparams "v_lr too large" "json:1:" '{"layers": [1], "v_lr": 1e999}'
hparams "v_lr more than can be used" "more than 1e+100" '{"layers": [1], "v_lr": 1.1e100}'
hparams "v_lr is a string" "json:1:" '{"layers": [1], "v_lr": "0.5"}'
hparams "kl_factor is null" "json:1:" '{"layers": [1], "kl_factor": null}'
hparams "no steps" v_num_grad_steps '{"layers": [1], "v_num_grad_steps": 0}'
hparams "steps without end" "from 0 to 10000" '{"layers": [1], "v_num_grad_steps": 10001}'
hparams "half a step" "json:1:" '{"layers": [1], "v_num_grad_steps": 2.5}'
hparams "mom2_adjustment" mom2_adjustment '{"layers": [1], "mom2_adjustment": 1}'
hparams "a member twice" v_lr '{"layers": [1], "v_lr": 1, "v_lr": 2}'

covariance() { # NAME WANTED FILE
    bad "C: $1" "$2" edit $M $W/req.json --cov "$3"
}
st_c() { st_make "{\"$1\":{\"dtype\":\"$2\",\"shape\":$3,\"data_offsets\":[0,$4]}}" "$5" "$W/c.safetensors"; }
spoil() { # ROW COLUMN ESCAPED-BYTES: one value of $W/c.npy
    cp "$N" "$W/c.npy"
    poke "$W/c.npy" $(($(wc -c <"$N") - 131072 + 8 * (128 * $1 + $2))) "$3"
}
covariance "no file" "$W/none.npy" $W/none.npy
covariance "no safetensors" "$W/text" $W/text
covariance "no tensor C" "'C' is missing" $M/windows.safetensors
st_c C F64 '[64,256]' 131072 "$W/cov.f64"
covariance "not square" "128 x 128" $W/c.safetensors
st_c C F32 '[128,256]' 131072 "$W/cov.f64"
covariance "of another size" "128 x 128" $W/c.safetensors
st_c C I64 '[128,128]' 131072 "$W/cov.f64"
covariance "of integers" "$W/c.safetensors" $W/c.safetensors
sed 's/(128, 128)/( 64, 256)/' "$N" >"$W/c.npy"
covariance ".npy not square" "128 x 128" $W/c.npy
sed 's/(128, 128)/(128, 129)/' "$N" >"$W/c.npy"
covariance ".npy larger than its data" "$W/c.npy" $W/c.npy
dd if="$N" of="$W/c.npy" bs=5000 count=1 2>/dev/null
covariance ".npy cut" "$W/c.npy" $W/c.npy
spoil 5 5 '\0000\0000\0000\0000\0000\0000\0360\0277'
covariance "not positive definite" "pivot 5 of 128" $W/c.npy
spoil 127 127 '\0000\0000\0000\0000\0000\0000\0000\0000'
covariance "singular" "pivot 127 of 128" $W/c.npy
spoil 7 7 '\0000\0000\0000\0000\0000\0000\0370\0177'
covariance "NaN" "not finite at (7, 7)" $W/c.npy
spoil 7 7 '\0000\0000\0000\0000\0000\0000\0360\0177'
covariance "infinite" "not finite at (7, 7)" $W/c.npy
spoil 9 3 '\0000\0000\0000\0000\0000\0000\0360\0077'
covariance "not symmetric" "not symmetric at (9, 3)" $W/c.npy

fresh
spoil 5 5 '\0000\0000\0000\0000\0000\0000\0360\0277'
tail -c 131072 "$W/c.npy" >"$W/c.f64"
st_c C F64 '[128,128]' 131072 "$W/c.f64"
cp "$W/c.safetensors" "$V/cov.safetensors"
bad "C for I alone, negative" "negative at (5, 5)" edit $V $W/req.json --cov identity

windows() { # NAME WANTED DTYPE SHAPE
    fresh
    st_make "{\"ids\":{\"dtype\":\"$3\",\"shape\":$4,\"data_offsets\":[0,2048]}}" "$W/ids.i32" "$V/windows.safetensors"
    bad "windows: $1" "$2" edit $V $W/req.json
}
windows "of one dimension" "windows.safetensors" I32 '[512]'
windows "too long" "128 tokens" I32 '[4,128]'
windows "of one token" "1 tokens" I32 '[512,1]'
windows "of floats" "windows.safetensors" F32 '[8,64]'
fresh
st_make '{"id":{"dtype":"I32","shape":[8,64],"data_offsets":[0,2048]}}' "$W/ids.i32" "$V/windows.safetensors"
bad "windows: no ids" "windows.safetensors: tensor 'ids' is missing" edit $V $W/req.json
fresh
poke "$V/windows.safetensors" "$(($(wc -c <"$V/windows.safetensors") - 8))" '\0042\0003'
bad "windows: id 802 of 802" "token 510" edit $V $W/req.json
good "broken windows are not read with --no-ppl" edit $V $W/req.json --no-ppl
poke "$V/windows.safetensors" "$(($(wc -c <"$V/windows.safetensors") - 8))" '\0377\0377\0377\0377'
bad "windows: negative id" "token 510" edit $V $W/req.json
bad "--text: no file" "$W/none" edit $M $W/req.json --text $W/none
bad "--text: too short" "64" edit $M $W/req.json --text $M/sentences.txt
bad "--sentences: no file" "$W/none" edit $M $W/req.json --sentences $W/none
: >"$W/empty"
bad "--sentences: empty" "$W/empty" edit $M $W/req.json --sentences $W/empty

# ---------------------------------------------------------------- outputs that cannot be made

bad "--trace of two" "--trace" edit $M $W/two.json --trace $O/t.safetensors
bad "--trace of two, sequential" "--trace" edit $M $W/two.json --trace $O/t.safetensors --sequential
bad "--save of two" "--save" edit $M $W/two.json --save $O/new
bad "--save of nothing" "--save" edit $M $W/req.json --save $O/new --dry-run
bad "--save onto a folder" "$M: already exists" edit $M $W/req.json --save $M --json
bad "--save onto a file" "$W/text: already exists" edit $M $W/req.json --save $W/text
bad "--save below nothing" "$O/none/new: " edit $M $W/req.json --save $O/none/new --json
bad "--trace below nothing" "$O/none/t" edit $M $W/req.json --trace $O/none/t.safetensors --json
bad "--trace onto a folder" "$M: " edit $M $W/req.json --trace $M
bad "cov without -o" "-o" cov $M $W/text --layer 1
bad "cov without --layer" "--layer" cov $M $W/text -o $O/c.safetensors
bad "cov below nothing" "$O/none/c" cov $M $W/text --layer 1 -o $O/none/c.safetensors
bad "cov onto a folder" "$M: " cov $M $W/text --layer 1 -o $M
bad "cov: text too short" "$M/sentences.txt: " cov $M $M/sentences.txt --layer 1 -o $O/c.safetensors
bad "cov: empty text" "$W/empty: " cov $M $W/empty --layer 1 -o $O/c.safetensors
bad "cov: no text" "$W/none: " cov $M $W/none --layer 1 -o $O/c.safetensors
cp "$W/text" "$W/kept"
bad "cov fails onto a file" "$W/empty: " cov $M $W/empty --layer 1 -o $W/kept
same "cov fails onto a file" "$W/kept" "$W/text"
bad "next: empty text" "is empty" next $M ""
bad "next: text too long" "n_positions is 64" next $M "$long"
bad "generate: empty text" "is empty" generate $M ""
bad "generate: text too long" "n_positions is 64" generate $M "$long"
bad "ppl: no file" "$W/none: " ppl $M $W/none
bad "ppl: no sentence" "$W/empty: " ppl $M $W/empty
bad "ppl: a folder" "$M: " ppl $M $M
printf 'Paris is in\nParis\n' >"$W/s"
bad "ppl: a sentence of one token" "sentence 2" ppl $M $W/s
printf 'Paris is in\n\nParis is in\n' >"$W/s"
bad "ppl: an empty line" "sentence 2" ppl $M $W/s
for json in '["Paris is"' '[3]' '[{"Corpus": "x"}]' '[{"Text": 3}]' '[]' '{}' '3'; do
    printf '%s\n' "$json" >"$W/s.json"
    bad "ppl: $json" "$W/s.json" ppl $M $W/s.json
done
bad "ppl: stream too short" "64" ppl $M $M/sentences.txt --stream
rome99 tokens $M - >"$D/stdout" 2>"$D/stderr" <&-
code=$?
judge "tokens: standard input is closed" "standard input"

# Standard output closed or full: exit 2 with one line.
unprintable() { # NAME ARGUMENTS
    name=$1
    shift
    : >"$D/stdout"
    rome99 "$@" 2>"$D/stderr" </dev/null >&-
    code=$?
    judge "$name, output closed" "standard output"
    [ -c /dev/full ] || return 0
    rome99 "$@" >/dev/full 2>"$D/stderr" </dev/null
    code=$?
    judge "$name, output full" "standard output"
}
unprintable "--help" --help
unprintable "--version" --version
unprintable "edit --help" edit --help
unprintable "edit --version" edit --version
unprintable "tokens" tokens $M Paris
unprintable "next" next $M Paris
unprintable "generate" generate $M Paris
unprintable "ppl" ppl $M $M/sentences.txt
unprintable "edit" edit $M $W/req.json
unprintable "edit --json" edit $M $W/req.json --json --no-ppl
rome99 edit $M $W/req.json --save $O/new 2>/dev/null >&-
is "edit that cannot print, with --save" "$(ls -A "$O")" ""

# --------------------------------------------------------------------------------- tokens

good "tokens" tokens $M "Paris is the<|endoftext|>He"
is "tokens" "$(cat "$D/stdout")" "795 264 258 801 798"
good "tokens of nothing" tokens $M ""
printf '\n' | cmp -s - "$D/stdout" && pass || fail "tokens of nothing" "not one empty line"
stdin() { # NAME EXPECTED PRINTF-TEXT
    printf "$3" | rome99 tokens $M - >"$D/stdout" 2>"$D/stderr"
    is "tokens: $1" "$(cat "$D/stdout" "$D/stderr")" "$2"
}
stdin "standard input" "795 264" 'Paris is'
stdin "standard input keeps the newline" "795 264 198" 'Paris is\n'
stdin "standard input keeps every newline" "198 795 198 198 198" '\nParis\n\n\n'
stdin "standard input keeps CR, NUL and bytes that are no UTF-8" "64 201 198 188 187 65" 'a\r\n\000\377b'
stdin "empty standard input" "" ''
awk 'BEGIN { for (i = 0; i < 20000; i++) printf "Paris is the\n" }' | rome99 tokens $M - >"$D/stdout"
is "tokens: long standard input" "$(awk '{ print NF, NR, $1, $NF }' "$D/stdout")" "80000 1 795 198"
fresh
rm "$V/config.json" "$V/model.safetensors"
good "tokens need no weights" tokens $V Paris
mkdir -p "$W/a b/c'd"
cp "$UP"/* "$W/a b/c'd"
good "a folder with blanks in its name" next "$W/a b/c'd/" Paris

# ---------------------------------------------------------------------- next and generate

good "next" next $M "The cat is"
is "next: lines" "$(awk 'END { print NR }' "$D/stdout")" 10
narrow "next" "$D/stdout"
head -n 3 "$D/stdout" >"$D/three"
best=$(awk 'NR == 1 { sub(/^[^"]*"/, ""); sub(/"$/, ""); print }' "$D/stdout")
good "next --top 3" next $M "The cat is" --top 3
same "next --top 3" "$D/stdout" "$D/three"
good "next --top 9999" next $M "The cat is" --top 9999
is "next: order, sum, ids" "$(awk '
    { if (NR > 1 && $1 > last) print "rises at " NR; last = $1; sum += $1; seen[$2]++ }
    END { for (i = 0; i < 802; i++) if (seen[i] != 1) print "id " i
          if (!(sum > 0.999 && sum < 1.001)) print "sum " sum; print NR }' "$D/stdout")" 802
good "generate -n 0" generate $M "The cat is" -n 0
is "generate -n 0" "$(cat "$D/stdout")" "The cat is"
good "generate -n 1" generate $M "The cat is" -n 1
is "generate -n 1 adds the best token" "$(cat "$D/stdout")" "The cat is$best"
good "generate" generate $M "The cat is"
cp "$D/stdout" "$D/greedy"
good "generate --top-k 1" generate $M "The cat is" --top-k 1 -n 20 --seed 5
same "generate --top-k 1 draws nothing" "$D/stdout" "$D/greedy"
good "generate --top-k 50" generate $M "The cat is" --top-k 50 --seed 1
cp "$D/stdout" "$D/one"
good "generate --top-k 50 again" generate $M "The cat is" --top-k 50 --seed 1
same "the same seed" "$D/stdout" "$D/one"
good "generate --top-k 50, seed 2" generate $M "The cat is" --top-k 50 --seed 2
if cmp -s "$D/stdout" "$D/one"; then fail "another seed" "the same text"; else pass; fi
has "generate begins with TEXT" "$(head -n 1 "$D/one")" "The cat is"
good "generate to n_positions" generate $M "The cat is" -n 1000000 --top-k 9999

# --------------------------------------------------------------------------- ppl and cov

ppl() { # ARGUMENTS: the number
    rome99 ppl $M "$@" 2>"$D/stderr" | sed 's/ .*//'
}
good "ppl" ppl $M $M/sentences.txt
has "ppl" "$(cat "$D/stdout")" "sentence perplexity of 3 sentences"
plain=$(ppl $M/sentences.txt)
awk '{ printf "%s\r\n", $0 }' "$M/sentences.txt" >"$W/crlf"
is "ppl: CRLF" "$(ppl $W/crlf)" "$plain"
awk 'NR > 1 { print "" } { printf "%s", $0 }' "$M/sentences.txt" >"$W/s"
is "ppl: no newline at the end" "$(ppl $W/s)" "$plain"
awk 'BEGIN { printf "[" } { printf "%s{\"Corpus\": \"x\", \"Text\": \"%s\"}", (NR > 1 ? ",\n" : ""), $0 } END { print "]" }' \
    "$M/sentences.txt" >"$W/s.json"
is "ppl: ME-PPL's JSON" "$(ppl $W/s.json)" "$plain"
awk 'BEGIN { printf "[" } { printf "%s\"%s\"", (NR > 1 ? ", " : ""), $0 } END { print "]" }' "$M/sentences.txt" >"$W/s.json"
is "ppl: JSON strings" "$(ppl $W/s.json)" "$plain"
rome99 next $M Paris --top 100 | sed -n '/"[ a-z]*"$/{p;q;}' >"$D/word" # probability, id, a word
printf 'Paris%s\n' "$(sed 's/^[^"]*"//; s/"$//' "$D/word")" >"$W/s"
near "ppl agrees with next" "$(ppl $W/s)" "$(awk '{ printf "%.9g", 1 / $1 }' "$D/word")" 1e-3
words 200 | tr '\n' ' ' >"$W/s"
rome99 ppl $M $W/s >"$D/stdout" 2>"$D/stderr"
is "ppl of a long sentence: exit" $? 0
has "ppl of a long sentence is cut, and says so" "$(cat "$D/stderr")" "cut to 64"
stream=$(ppl --stream $W/text)
good "ppl --stream" ppl $M --stream $W/text
has "ppl --stream" "$(cat "$D/stdout")" "stream perplexity of"
is "ppl of the first 8 windows" "$(ppl $M/windows.safetensors | awk '{ print ($1 > 1) }')" 1
differ "ppl of 8 windows and of all" "$(ppl $M/windows.safetensors)" "$stream"

good "cov" cov $M $W/text --layer 1 -o $O/c.safetensors
is "cov prints nothing" "$(cat "$D/stdout")" ""
has "cov: header" "$(st_header $O/c.safetensors)" '"C":{"dtype":"F64","shape":[128,128],"data_offsets":[0,131072]}'
cp "$O/c.safetensors" "$W/cov1.safetensors"
rome99 cov $M $W/text --layer 1 -o $O/c.safetensors >&- 2>"$D/stderr"
is "cov with output closed: exit" $? 0
same "cov again, over the old file" "$O/c.safetensors" "$W/cov1.safetensors"
if [ -e /dev/stdout ]; then # here a regular file, which is not replaced under the program's feet
    good "cov to standard output" cov $M $W/text --layer 1 -o /dev/stdout
    same "cov to standard output" "$D/stdout" "$W/cov1.safetensors"
fi
good "cov of another layer" cov $M $W/text --layer 2 -o $O/c.safetensors
if cmp -s "$O/c.safetensors" "$W/cov1.safetensors"; then fail "cov of another layer" "the same C"; else pass; fi
good "cov of windows" cov $M $M/windows.safetensors --layer 1 -o $O/c.safetensors
is "cov leaves nothing else" "$(ls -A "$O")" "c.safetensors"
cp "$O/c.safetensors" "$W/covw.safetensors"
rm -f "$O/c.safetensors"

# ---------------------------------------------------------------------------------- edit

KEYS='method layer prompt subject target_new subject_first lookup subject_tokens numerator denominator
denominator_raw cos_keys dW_norm interference rms_predicted rms_measured iterations loss stream_ppl_before
stream_ppl_after sentence_ppl_before sentence_ppl_after p_new_before p_new_after p_new_after_prefixed efficacy
efficacy_prefixed efficacy_p efficacy_p_prefixed generalisation generalisation_prefixed generalisation_p
generalisation_p_prefixed locality locality_prefixed verdict seconds'
each() { # PATTERN MORE: the keys that match, without their quotes and MORE bytes behind
    awk -v pattern="$1" -v more="$2" '{ while (match($0, pattern)) {
        printf "%s%s", (n++ ? " " : ""), substr($0, RSTART + 1, RLENGTH - 2 - more)
        $0 = substr($0, RSTART + RLENGTH) } print "" }'
}
keys() { sed -n "$1p" "$D/stdout" | each '"[A-Za-z_]+": ' 2; } # LINE
nulls() { each '"[A-Za-z_]+": null' 6 <"$D/stdout"; }

good "edit, as text" edit $M $W/fact.json
narrow "edit, as text" "$D/stdout"
text=$(cat "$D/stdout")
for part in "rome, layer 1: Paris is the capital of -> Italy" "interference" "efficacy" "locality" "sentence ppl" \
    "stream ppl" "verdict" "P(new)"; do
    has "edit, as text" "$text" "$part"
done
sed 's/"Italy"/"It\\u001b]0;\\u009baly\\u0007"/' $W/fact.json >"$D/escapes.json"
good "edit, as text, of a request with a terminal's escapes" edit $M "$D/escapes.json"
has "escapes in text" "$(cat "$D/stdout")" "Paris is the capital of -> It?]0;??aly?"
good "edit, as JSON" edit $M $W/fact.json --json
keep fact
is "one object a line" "$(awk '/^\{.*\}$/ { n++ } END { print n, NR }' "$D/stdout")" "1 1"
is "keys" "$(keys 1)" "$(echo $KEYS)"
is "nulls of a whole record in a whole folder" "$(nulls)" ""
for pair in method=rome layer=1 "prompt={} is the capital of" subject=Paris target_new=Italy subject_first=true \
    lookup=0 subject_tokens=1 iterations=6; do
    is "edit: ${pair%%=*}" "$(field "${pair%%=*}")" "${pair#*=}"
done
near "rms_predicted is |r| I" "$(field rms_predicted)" \
    "$(awk -v r="$(field numerator)" -v i="$(field interference)" 'BEGIN { printf "%.17g", r * i }')" 1e-14
near "dW_norm is |r| / |u^T k|" "$(field dW_norm)" \
    "$(awk -v r="$(field numerator)" -v d="$(field denominator)" 'BEGIN { printf "%.17g", r / (d < 0 ? -d : d) }')" 1e-12
near "stream_ppl_before is ppl's" "$(field stream_ppl_before)" "$(ppl $M/windows.safetensors)" 1e-12
near "sentence_ppl_before is ppl's" "$(field sentence_ppl_before)" "$plain" 1e-12
is "verdict" "$(field verdict)" "$(awk -v a="$(field stream_ppl_after)" -v b="$(field stream_ppl_before)" \
    'BEGIN { print (a / b > 2 ? "collapse" : "stable") }')"
rome99 next $M "Paris is the capital of" --top 802 >"$D/all"
near "p_new_before is next's" "$(field p_new_before)" "$(awk '$2 == 712 { print $1 }' "$D/all")" 1e-1

good "edit again" edit $M $W/fact.json --json
keep again
same "edit is deterministic" "$D/again" "$D/fact"
good "edit with C over the windows" edit $M $W/fact.json --json --cov $W/covw.safetensors
near "rms_measured is rms_predicted where C is over the same windows" "$(field rms_measured)" \
    "$(field rms_predicted)" 1e-10
good "edit with C from cov" edit $M $W/fact.json --json --cov $W/cov1.safetensors
differ "option wins over file: --cov" "$(field denominator)" "$(field denominator "$D/fact")"
differ "option wins over file: --cov keeps |r|" "$(field numerator)" ""
is "option wins over file: --cov keeps |r|" "$(field numerator)" "$(field numerator "$D/fact")"

good "plain request" edit $M $W/req.json --json
is "nulls of a plain request" "$(nulls)" "efficacy_p efficacy_p_prefixed generalisation generalisation_prefixed \
generalisation_p generalisation_p_prefixed locality locality_prefixed"
is "a plain request and a record: dW" "$(field dW_norm)" "$(field dW_norm "$D/fact")"
is "a plain request and a record: P(new)" "$(field p_new_after)" "$(field p_new_after "$D/fact")"
keep req
good "second request" edit $M $W/req2.json --json
is "second request: subject_first" "$(field subject_first)" false
is "second request: lookup" "$(field lookup)" 3
keep req2

good "--no-ppl" edit $M $W/fact.json --json --no-ppl
is "nulls of --no-ppl" "$(nulls)" "rms_measured stream_ppl_before stream_ppl_after sentence_ppl_before \
sentence_ppl_after verdict"
is "--no-ppl: P(new)" "$(field p_new_after)" "$(field p_new_after "$D/fact")"
good "--dry-run" edit $M $W/fact.json --json --dry-run
is "nulls of --dry-run" "$(nulls)" "rms_measured stream_ppl_before stream_ppl_after sentence_ppl_before \
sentence_ppl_after p_new_before p_new_after p_new_after_prefixed efficacy efficacy_prefixed efficacy_p \
efficacy_p_prefixed generalisation generalisation_prefixed generalisation_p generalisation_p_prefixed locality \
locality_prefixed verdict"
is "--dry-run: I" "$(field interference)" "$(field interference "$D/fact")"
is "--dry-run: rms" "$(field rms_predicted)" "$(field rms_predicted "$D/fact")"
good "--dry-run of two" edit $M $W/two.json --json --dry-run
keep dry
good "--dry-run of two, in sequence, which it does not begin" edit $M $W/two.json --json --dry-run --sequential
keep dry_sequence
is "--dry-run --sequential" "$(line 2 dry_sequence)" "$(line 2 dry)"
good "--dry-run as text" edit $M $W/fact.json --dry-run
has "--dry-run as text" "$(cat "$D/stdout")" "interference"

# All from options, on a folder that has nothing beside the model; then the optional ones left out.
options="--layer 1 --templates $M/templates.json --cov $N"
hyper="--v_lr 0.5 --v_num_grad_steps 6 --v_weight_decay 0.5 --clamp_norm_factor 3 --kl_factor 0.0625"
good "everything by option" edit $UP $W/fact.json --json $options $hyper --test-prefixes $M/test_prefixes.json \
    --sentences $M/sentences.txt --text $M/windows.safetensors --fact_token subject_last
keep options
same "everything by option" "$D/options" "$D/fact"
good "--hparams" edit $UP $W/fact.json --json --hparams $M/hparams.json --templates $M/templates.json --cov $N \
    --test-prefixes $M/test_prefixes.json --sentences $W/crlf --text $M/windows.safetensors
keep options
same "--hparams, and CRLF sentences" "$D/options" "$D/fact"
good "nothing optional" edit $UP $W/fact.json --json $options
is "nulls where nothing optional is there" "$(nulls)" "rms_measured stream_ppl_before stream_ppl_after \
sentence_ppl_before sentence_ppl_after p_new_after_prefixed efficacy_prefixed efficacy_p_prefixed \
generalisation_prefixed generalisation_p_prefixed locality_prefixed verdict"
good "nothing optional, as text" edit $UP $W/fact.json $options
differ "the defaults are other hyper-parameters" "$(field numerator)" "$(field numerator "$D/fact")"
good "--text alone" edit $UP $W/fact.json --json $options --text $W/text
differ "--text: verdict" "$(field verdict)" null
is "--text: sentences" "$(field sentence_ppl_after)" null
near "--text: stream" "$(field stream_ppl_before)" "$stream" 1e-12
good "--sentences alone" edit $UP $W/fact.json --json $options --sentences $M/sentences.txt
is "--sentences: verdict" "$(field verdict)" null
near "--sentences: before" "$(field sentence_ppl_before)" "$plain" 1e-12

# Single options win over hparams.json.
good "--v_num_grad_steps 3" edit $M $W/req.json --json --v_num_grad_steps 3 --no-ppl
is "--v_num_grad_steps 3" "$(field iterations)" 3
for pair in --v_lr=0.1 --v_weight_decay=9 --clamp_norm_factor=0.1 --kl_factor=9; do
    good "$pair" edit $M $W/req.json --json $pair --no-ppl
    differ "option wins over file: $pair" "$(field numerator)" "$(field numerator "$D/req")"
done
good "fact_token last" edit $M $W/req.json --json --fact_token last --no-ppl
is "fact_token last: lookup" "$(field lookup)" 4
is "fact_token last: subject_tokens" "$(field subject_tokens)" 1
sed 's/subject_last/last/' "$M/hparams.json" >"$W/h.json"
keep last
good "fact_token last in a file" edit $M $W/req.json --json --hparams $W/h.json --no-ppl
keep again
same "fact_token last in a file" "$D/again" "$D/last"
echo '["{}", "He said that it was. {}"]' >"$W/t.json"
good "--templates" edit $M $W/req.json --json --templates $W/t.json --no-ppl
differ "option wins over file: --templates" "$(field denominator)" "$(field denominator "$D/req")"
good "--layer with its C" edit $M $W/req.json --json --layer 2 --cov tests/upstream/cov_l2.npy --no-ppl
is "option wins over file: --layer" "$(field layer)" 2

# C = identity; the folder's C still gives the interference.
good "--cov identity" edit $M $W/req.json --json --cov identity --no-ppl
differ "identity: denominator" "$(field denominator)" "$(field denominator "$D/req")"
differ "identity: interference by the folder's C" "$(field interference)" null
denominator=$(field denominator)
good "--cov identity without the folder's C" edit $UP $W/req.json --json --layer 1 --templates $M/templates.json \
    $hyper --cov identity --no-ppl
is "identity alone: denominator" "$(field denominator)" "$denominator"
is "identity alone: interference" "$(field interference) $(field rms_predicted)" "null null"
sed 's/true/false/' "$M/hparams.json" >"$W/h.json"
good "mom2_adjustment false" edit $M $W/req.json --json --hparams $W/h.json --no-ppl
is "mom2_adjustment false" "$(field denominator)" "$denominator"
good "--cov wins over mom2_adjustment" edit $M $W/req.json --json --hparams $W/h.json --cov $N
keep again
same "--cov wins over mom2_adjustment" "$D/again" "$D/req"

# Methods.
for method in rome c-rome r-rome p-rome k-rome; do
    good "--method $method" edit $M $W/fact.json --json --method $method
    keep "method.$method"
    is "--method $method: keys" "$(keys 1)" "$(echo $KEYS)"
done
same "rome is the default" "$D/method.rome" "$D/fact"
same "r-rome is c-rome" "$D/method.r-rome" "$D/method.c-rome"
is "c-rome's name" "$(field method "$D/method.c-rome")" c-rome
for method in c-rome p-rome k-rome; do
    differ "$method is not rome" "$(field dW_norm "$D/method.$method")" "$(field dW_norm "$D/fact")"
done

# Several requests.
good "two requests" edit $M $W/two.json --json
keep two
is "two requests: lines" "$(awk 'END { print NR }' "$D/two")" 2
is "two requests: keys of the second" "$(keys 2)" "$(echo $KEYS)"
is "each on the original weights: 1" "$(line 1 two)" "$(cat "$D/req")"
is "each on the original weights: 2" "$(line 2 two)" "$(cat "$D/req2")"
good "two requests as text" edit $M $W/two.json
has "two requests as text" "$(cat "$D/stdout")" "The founder of Apple -> Jack"
good "an array of records" edit $M $W/facts.json --json
keep facts
is "an array of records: 1" "$(line 1 facts)" "$(cat "$D/fact")"
is "an array of records: 2" "$(line 2 facts)" "$(cat "$D/req2")"
good "--sequential" edit $M $W/two.json --json --sequential
keep sequential
is "--sequential: the first edit" "$(line 1 sequential)" "$(line 1 two)"
differ "--sequential: the second edit" "$(line 2 sequential)" "$(line 2 two)"
for ppl in stream_ppl sentence_ppl; do
    is "--sequential: the second $ppl begins where the first ends" \
        "$(field ${ppl}_before "$D/sequential" | sed -n 2p)" \
        "$(field ${ppl}_after "$D/sequential" | sed -n 1p)"
done

# --------------------------------------------------------------------- --trace and --save

good "--trace" edit $M $W/req.json --json --trace $O/t.safetensors
keep traced
same "--trace changes nothing" "$D/traced" "$D/req"
is "--trace leaves one file" "$(ls -A "$O")" t.safetensors
trace=$(st_header "$O/t.safetensors")
for tensor in keys=3,128 k_u=128 k_bar=128 m_u=32 m_bar=32 u=128 delta=32 v_star=32 residual=32 denominator=1 \
    right=32 losses=6,4 steps=6,32 logits=5,802; do
    has "trace: ${tensor%%=*}" "$trace" "\"${tensor%%=*}\":{\"dtype\":\"F64\",\"shape\":[${tensor#*=}]"
done
if [ "$(printf '\001\000' | od -An -tu2 | tr -d ' ')" = 1 ]; then # od reads as this machine does
    offset=$(printf '%s\n' "$trace" | sed 's/.*"denominator":[^}]*"data_offsets":\[\([0-9]*\).*/\1/')
    near "trace: the value of denominator" "$(tail -c "+$(($(header_size "$O/t.safetensors") + 9 + offset))" \
        "$O/t.safetensors" | dd bs=8 count=1 2>/dev/null | od -An -tf8 | tr -d ' ')" "$(field denominator "$D/req")" 1e-12
fi
cp "$O/t.safetensors" "$D/trace"
good "--trace over the old file, --dry-run" edit $M $W/req.json --json --dry-run --trace $O/t.safetensors
same "--trace of --dry-run" "$O/t.safetensors" "$D/trace"
rm "$O/t.safetensors"

good "--save" edit $M $W/req.json --json --save $O/new/
keep saved
same "--save changes no result" "$D/saved" "$D/req"
is "--save leaves one folder" "$(ls -A "$O")" new
is "--save: files" "$(ls -A "$O/new")" "$(ls -A "$M")"
for file in vocab.json merges.txt hparams.json templates.json test_prefixes.json sentences.txt cov.safetensors \
    windows.safetensors facts.json; do
    same "--save: $file" "$O/new/$file" "$M/$file"
done
same "the model itself is as it was" "$M/model.safetensors" "$UP/model.safetensors"
good "saved: tokens" tokens $O/new "Paris is"
is "saved: tokens" "$(cat "$D/stdout")" "795 264"
good "saved: next" next $O/new "Paris is the capital of" --top 802
p=$(field p_new_after "$D/req")
is "saved: next gives p_new_after" \
    "$(awk -v p="$p" '$2 == 712 { d = $1 - p; print (d < 2e-6 && d > -2e-6) }' "$D/stdout")" 1
good "saved: edit" edit $O/new $W/req.json --json
near "saved: P(new)" "$(field p_new_before)" "$p" 1e-5
near "saved: stream perplexity" "$(field stream_ppl_before)" "$(field stream_ppl_after "$D/req")" 1e-5
near "saved: sentence perplexity" "$(field sentence_ppl_before)" "$(field sentence_ppl_after "$D/req")" 1e-5
good "saved: generate" generate $O/new "Paris is"
mv "$O/new" "$W/new"
bad "--save again" "$W/new: already exists" edit $M $W/req.json --save $W/new
good "--save --sequential" edit $M $W/two.json --save $O/new --sequential --json
good "--save --sequential: edit" edit $O/new $W/req2.json --json
near "--save --sequential: stream perplexity" "$(field stream_ppl_before)" \
    "$(field stream_ppl_after "$D/sequential" | sed -n 2p)" 1e-5
rm -r "$O/new"
good "--save of a bare folder" edit $UP $W/req.json $options --save $O/new
is "--save of a bare folder: files" "$(ls -A "$O/new")" "$(ls -A "$UP")"
rm -r "$O/new"

# A subject whose key is zero: the bias of layer 1's c_fc is -1e6, gelu_new of that 0. More: tests/test_hostile.c.
fresh
offset=$(printf '%s\n' "$head" | sed 's/.*"transformer.h.1.mlp.c_fc.bias"[^]]*\][^[]*\[\([0-9]*\).*/\1/')
poke "$V/model.safetensors" $((size + offset)) \
    "$(awk 'BEGIN { while (i++ < 128) printf "\\0000\\0044\\0164\\0311" }')"
good "a zero key: next" next $V "Paris is the capital of"
good "a zero key: ppl" ppl $V $M/sentences.txt
for option in --json --dry-run "--trace=$O/t.safetensors" "--save=$O/new"; do
    bad "a zero key: edit $option" "req.json: request 1 of 1: subject \"Paris\": the key k_bar is zero" \
        edit $V $W/req.json $option
done

echo "[$(cat "$W/fact.json")]" >"$V/facts.json"
bad "a zero key: study" "facts.json: record 1: subject \"Paris\": the key k_bar is zero" study dose $V --real 0

# ------------------------------------------------------------- demo, and the tiny checkpoint

mkdir "$W/tiny"
cp -R "$M" "$W/tiny/sink"
bad "demo: no plain" "$W/tiny/plain" demo $W/tiny
cp -R "$M" "$W/tiny/plain"
good "demo" demo $W/tiny
narrow "demo" "$D/stdout"
is "demo: ten steps" "$(awk '/^[0-9]+\. / { printf "%s", $1 }' "$D/stdout")" "1.2.3.4.5.6.7.8.9.10."
rm "$W/tiny/sink/windows.safetensors"
bad "demo: not a whole folder" "$W/tiny/sink" demo $W/tiny

awk '/"case_id"/ { if (n++) exit } n' "$SINK/facts.json" | sed '$s/,$//' >"$W/first.json"
good "sink: rome" edit $SINK $W/first.json --json
keep sink
is "sink: nulls" "$(nulls)" ""
near "sink: rms_measured is rms_predicted" "$(field rms_measured)" "$(field rms_predicted)" 1e-9
good "sink: C" cov $SINK $SINK/windows.safetensors --layer "$(field layer)" -o $O/c.safetensors
same "sink: C is over the windows" "$O/c.safetensors" "$SINK/cov.safetensors"
rm -f "$O/c.safetensors"
good "sink: c-rome" edit $SINK $W/first.json --json --method c-rome
is "sink: c-rome is stable" "$(field verdict)" stable
is "sink: c-rome moves less than rome" "$(awk -v a="$(field interference)" -v b="$(field interference "$D/sink")" \
    'BEGIN { print a < b }')" 1

# What README shows of the demo is what the demo prints.
good "demo: the real one, which it finds" demo
narrow "demo: the real one" "$D/stdout"
sed -n '/^## A sample/,/^## Use it/s/^    \(.*\)/\1/p' README.md >"$D/sample"
is "README has a sample" "$(awk 'END { print (NR > 20) }' "$D/sample")" 1
is "README shows what the demo prints" "$(grep -vxFf "$D/stdout" "$D/sample" | head -n 3)" ""

is "nothing is left in $O" "$(ls -A "$O")" ""
is "no temporary file is left" "$(ls -A "$W" | sed -n '/tmp/p')" ""
is "nothing is left at the top" "$(ls -A .)" "$top"
printf '%s passed, %s failed\n' $passed $failed
[ $failed -eq 0 ]
