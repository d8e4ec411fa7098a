# shrink.sh: what several scripts do to a trained folder; read with ".".

# A folder that was trained with windows of 64, made small: eight facts of each group, the first 16 windows, four
# sentences. Scratch files go to $D.
shrink() { # FOLDER
    { echo '['
      awk '/"case_id": / { i++ } i > 0 && (i - 1) % 40 < 8' "$1/facts.json" | sed '$s/,$//'
      echo ']'; } >"$D/facts" && mv "$D/facts" "$1/facts.json"
    n=$(od -An -tu1 -N8 "$1/windows.safetensors" | awk '{ print $1 + 256 * $2 }')
    header=$(dd if="$1/windows.safetensors" bs=1 skip=8 count="$n" 2>"$D/dd" |
        sed 's/\[128,64\]/[16,64]/; s/\[0,32768\]/[0,4096]/')
    { dd if="$1/windows.safetensors" bs=8 count=1
      printf "%-${n}s" "$header"
      dd if="$1/windows.safetensors" bs=8 skip=$((n / 8 + 1)) count=512; } >"$D/windows" 2>"$D/dd" &&
        mv "$D/windows" "$1/windows.safetensors"
    sed -n 1,4p "$1/sentences.txt" >"$D/s" && mv "$D/s" "$1/sentences.txt"
    sed '4s/,$/]/; 5,$d' "$1/test_prefixes.json" >"$D/p" && mv "$D/p" "$1/test_prefixes.json"
    sed 's/"v_num_grad_steps": [0-9]*/"v_num_grad_steps": 3/' "$1/hparams.json" >"$D/h" && mv "$D/h" "$1/hparams.json"
}
