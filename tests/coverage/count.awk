# count.awk LIST GCOV: from gcov -bct (text), lines and branches covered by floor, against the written list of
# what is not. Exit 1: a floor is under its bar; a line, or in core and files a branch, is neither covered nor
# listed; or what is listed is covered or gone. Branches of other floors, not listed, go to branches_file.
#
# LIST: reasons in lines that begin with "#", each before what it excuses: "FILE FUNCTION: the line's text",
# whole and without its indentation. An entry excuses such lines of the function if they never run, or have
# branches never taken.

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
    entries[trimmed($0)] = 1
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
    if (said[key] in entries) {
        used[said[key]] = 1
        return
    }
    split(key, part, SUBSEP)
    text = sprintf("%-6s %4d  %s", what, part[2], said[key])
    if (what == "line" || branch_bar[floor_of(part[1])] > 0) unlisted[++new] = text
    else {
        print text >branches_file
        left[floor_of(part[1])]++
    }
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
    system("") # what is printed comes first
    sort = "sort -k3,3 -k2,2n"
    for (i = 1; i <= new; i++) print unlisted[i] | sort
    close(sort)
    failed += new
    for (i = 1; i <= listed; i++)
        if (!(order[i] in used)) {
            print "listed, but covered now or not there: " order[i]
            failed++
        }
    for (i = 3; i <= floors; i++) total += left[floor[i]]
    printf "%d listed, %d to be covered or listed\n", listed, new
    printf "%d lines of the other floors have branches never taken: %s\n", total, branches_file
    exit failed > 0
}
