# SPDX-License-Identifier: Apache-2.0
# The table of bench/files.sh: medians, the ratio to native, and to the limit.
function median(line, n, v, i, j, t) {
    n = split(line, v, " ")
    for (i = 1; i <= n; i++)
        for (j = i + 1; j <= n; j++)
            if (v[j] + 0 < v[i] + 0) { t = v[i]; v[i] = v[j]; v[j] = t }
    return v[int((n + 1) / 2)] + 0
}
{ limit[$1] = $2 }
END {
    count = split(columns, column, " ")
    for (c = 1; c <= count; c++)
        while ((getline line < (out "/" column[c] ".txt")) > 0) {
            word = line
            sub(/ .*/, "", word)
            sub(/^[^ ]* /, "", line)
            if (!(word in seen)) { seen[word] = 1; order[++words] = word }
            value[word, column[c]] = median(line)
        }
    printf "%-18s %4s", "", ""
    for (c = 1; c <= count; c++) printf " %13s", column[c]
    printf "  ours/%s\n", column[3]
    for (w = 1; w <= words; w++) {
        word = order[w]
        cold = word ~ /^cold/
        printf "%-18s %4s", word, cold ? "MB/s" : "ns"
        for (c = 1; c <= count; c++)
            printf " %13s", (word, column[c]) in value ? sprintf("%.0f", value[word, column[c]]) : "-"
        native = value[word, column[3]]
        if (native)
            printf "  %.2f %.2f", value[word, "authenticated"] / native, value[word, "encrypted"] / native
        printf "\n"
    }
    for (name in limit) printf "limit: %s %.0f MB/s\n", name, limit[name] | "sort"
    close("sort")
    if (limit["sha256"])
        printf "cold sequential reads: authenticated %.0f %% of the hash rate, encrypted %.0f %% of the AEAD rate\n",
            100 * value["cold-128k", "authenticated"] / limit["sha256"], 100 * value["cold-128k", "encrypted"] / limit["gcm"]
}
