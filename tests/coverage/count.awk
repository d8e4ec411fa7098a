# count.awk LIST GCOV: from gcov -bct (text), lines and branches covered by floor, against the written list of
# what is not. Exit 1: a floor is under its bar, something not covered is not listed, or the list is stale.
#
# LIST: a reason in lines that begin with "# ", then what it excuses: "FILE FUNCTION: the line's text", the text
# whole and without its indentation. An entry excuses a line that is never run, or branches never taken in it.

BEGIN {
    floors = split("ref/core ref/files ref/edit ref/program ref/golden ref/study tiny_models", floor, " ")
    for (i = 1; i <= floors; i++) {
        line_bar[floor[i]] = i <= 2 ? 100 : 95
        branch_bar[floor[i]] = i <= 2 ? 95 : 0
    }
}

function trimmed(text) {
    gsub(/^[ \t]+|[ \t\r]+$/, "", text)
    return text
}

function floor_of(path,  i) {
    for (i = 1; i <= floors; i++)
        if (index(path, floor[i] "/") == 1) return floor[i]
    return ""
}

# The list.
FILENAME == ARGV[1] {
    if ($0 ~ /^#/ || $0 == "") next
    if (++entries[trimmed($0)] > 1) again[++repeated] = trimmed($0)
    order[++listed] = trimmed($0)
    next
}

# What gcov says. Counts of a file that is in several objects are added up: a header's.
/^ *-: *0:Source:/ {
    path = $0
    sub(/^.*:Source:/, "", path)
    wanted = floor_of(path) != ""
    name = ""
    next
}
!wanted { next }
/^function / {
    name = $2
    next
}
/^branch / {
    key = path SUBSEP line SUBSEP $2
    if (!(key in taken)) taken[key] = 0
    if ($3 == "taken") taken[key] += $4
    next
}
/^call |^unconditional / { next }
{
    split($0, part, ":")
    count = trimmed(part[1])
    line = part[2] + 0
    if (line == 0 || count == "-") next
    key = path SUBSEP line
    text = $0
    sub(/^[^:]*:[^:]*:/, "", text)
    said[key] = path " " name ": " trimmed(text)
    sub(/\*$/, "", count)
    if (!(key in ran)) ran[key] = 0
    if (count !~ /^[#=]/) ran[key] += count
}

function miss(key, what) {
    missed[said[key]] = 1
    if (said[key] in entries) {
        used[said[key]] = 1
        return
    }
    split(key, part, SUBSEP)
    where = sprintf("%s:%d", part[1], part[2])
    text = said[key]
    sub(/^[^:]*: /, "", text)
    unlisted[++new] = sprintf("%-8s %s: %s", what, where, text)
}

function percent(a, b) { return b > 0 ? 100 * a / b : 100 }

END {
    for (key in ran) {
        split(key, part, SUBSEP)
        f = floor_of(part[1])
        lines[f]++
        if (ran[key] > 0) lines_run[f]++
        else miss(key, "line")
    }
    for (key in taken) {
        split(key, part, SUBSEP)
        f = floor_of(part[1])
        branches[f]++
        if (taken[key] > 0) branches_taken[f]++
        else {
            owner = part[1] SUBSEP part[2]
            if (ran[owner] > 0 && !(owner in partly)) miss(owner, "branch")
            partly[owner] = 1
        }
    }
    print "floor           lines    run        %  branches  taken        %"
    for (i = 1; i <= floors; i++) {
        f = floor[i]
        a = percent(lines_run[f], lines[f])
        b = percent(branches_taken[f], branches[f])
        printf "%-12s %8d %6d %8.2f  %8d %6d %8.2f%s\n", f, lines[f], lines_run[f], a, branches[f], \
            branches_taken[f], b, a < line_bar[f] || b < branch_bar[f] ? "  under its bar" : ""
        if (a < line_bar[f] || b < branch_bar[f]) failed++
    }
    sort = "sort -k2"
    for (i = 1; i <= new; i++) print unlisted[i] | sort
    close(sort)
    for (i = 1; i <= listed; i++)
        if (!(order[i] in used)) {
            print "listed, but covered now or not there: " order[i]
            failed++
        }
    printf "%d listed, %d not covered and not listed\n", listed, new
    exit failed > 0
}
