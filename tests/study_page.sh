#!/bin/sh
# study_page.sh PAGE.html [DIR]: looks at a report in headless Chromium at 400 and at 1600 pixels: nothing is wider than
# the page, no text of a figure is smaller than 8 pixels, leaves its figure or covers another, no legend covers
# data. DIR gets screenshots. Skipped where there is no chromium.
set -u
page=$1
shots=${2:-}
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || {
    echo "study_page: skipped, no chromium"
    echo "0 passed, 0 failed"
    exit 0
}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
look() {
    "$chromium" --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
        --disable-background-networking --disable-component-update --disable-sync --user-data-dir="$tmp/profile" \
        --allow-file-access-from-files "$@" 2>/dev/null
}

# The page with a script at its end, in a frame of the width that is asked for: what it finds goes to the frame's parent.
sed '/<\/body>/d; /<\/html>/d' "$page" >"$tmp/page.html"
cat >>"$tmp/page.html" <<'EOF'
<script>
addEventListener('load', () => {
    const found = [], overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
        Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    const wide = document.documentElement.scrollWidth;
    if (wide > innerWidth) found.push('the page is ' + wide + ' pixels wide');
    const figures = [...document.querySelectorAll('svg.plot')];
    for (const svg of figures) {
        const name = svg.querySelector('title').textContent, box = svg.getBoundingClientRect();
        const frame = svg.querySelector('.frame').getBoundingClientRect();
        const legend = svg.querySelector('.legend'), texts = [...svg.querySelectorAll('text')];
        const boxes = texts.map(t => t.getBoundingClientRect());
        if (legend && legend.childElementCount && overlap(legend.getBoundingClientRect(), frame))
            found.push(name + ': the legend covers data');
        texts.forEach((t, i) => {
            const size = parseFloat(getComputedStyle(t).fontSize) * box.width / 400, b = boxes[i];
            if (size < 8) found.push(name + ': text of ' + size.toFixed(1) + ' pixels');
            if (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 || b.bottom > box.bottom + 1)
                found.push(name + ': "' + t.textContent + '" leaves the figure');
            for (let j = 0; j < i; j++)
                if (!t.closest('[transform*=rotate]') && !texts[j].closest('[transform*=rotate]') && overlap(b, boxes[j]))
                    found.push(name + ': "' + t.textContent + '" covers "' + texts[j].textContent + '"');
        });
    }
    parent.postMessage(figures.length + ' figures\n' + found.join('\n'), '*');
});
</script>
</body></html>
EOF
passed=0
failed=0
for width in 400 1600; do
    cat >"$tmp/frame.html" <<EOF
<body style="margin:0"><iframe id=f style="width:${width}px;height:1200px;border:0"></iframe><pre id=said></pre><script>
addEventListener('message', e => said.textContent = e.data); f.src = 'page.html';
</script></body>
EOF
    look --window-size=1700,1300 --virtual-time-budget=8000 --dump-dom "file://$tmp/frame.html" |
        sed -n 's/.*<pre id="said">//; /figures$/,$p' | sed '/<\/pre>/{s/<\/pre>.*//;q}; s/^/  /' >"$tmp/said"
    figures=$(sed -n 's/^ *\([0-9]*\) figures.*/\1/p' "$tmp/said" | head -n 1)
    if [ "${figures:-0}" -lt 6 ]; then
        echo "FAIL $width pixels: ${figures:-no} figures were looked at"
        failed=$((failed + 1))
    elif [ "$(grep -vc '^ *$\|figures' "$tmp/said")" -gt 0 ]; then
        echo "FAIL $width pixels:"
        sed 1d "$tmp/said" | head -n 20
        failed=$((failed + 1))
    else
        passed=$((passed + figures))
    fi
    if [ -n "$shots" ]; then
        mkdir -p "$shots"
        printf '<body style="margin:0"><iframe src="%s" style="width:%dpx;height:16000px;border:0"></iframe>' \
            "page.html" "$width" >"$tmp/shot.html"
        look --window-size="$((width < 500 ? 500 : width)),16000" --screenshot="$shots/page-$width.png" "file://$tmp/shot.html"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
