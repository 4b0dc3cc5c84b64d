namespace FleetVibe.Simulator.Nodes;

/// <summary>The text of the stand-in for nvidia-smi: POSIX sh and awk over the tables that a node writes.</summary>
internal static class NvidiaSmiScript
{
    /// <summary>Table of the boards: names, units (- for none), then a row a board, tab separated.</summary>
    public const string BoardsFile = "gpu.boards.tsv";

    /// <summary>Table of the compute processes, of the same form.</summary>
    public const string ProcessesFile = "gpu.processes.tsv";

    /// <summary>Touched at every sample of the boards.</summary>
    public const string SampledFile = "gpu.sampled";

    /// <summary>Where it exists, its first line is an exit code or <c>hang</c>, the rest what the tool prints.</summary>
    public const string FaultFile = "gpu.fault";

    /// <param name="directory">Where the tables are; absolute.</param>
    public static string For(string directory) =>
        Text.Replace("@DIRECTORY@", directory.Replace("'", "'\\''", StringComparison.Ordinal), StringComparison.Ordinal);

    private const string Text = """
        #!/bin/sh
        # Stand-in for nvidia-smi: answers like a driver 595 with consumer boards, out of the tables of a simulated node.
        dir='@DIRECTORY@'
        table= query= format= loop= id=

        refuse() {
            printf '%s\n' "$1"
            exit 2
        }

        while [ $# -gt 0 ]; do
            case $1 in
                --query-gpu=*) table=gpu.boards.tsv query=${1#*=} ;;
                --query-compute-apps=*) table=gpu.processes.tsv query=${1#*=} ;;
                --format=*) format=${1#*=} ;;
                --loop-ms=*) loop=${1#*=} ;;
                --loop=*) loop=${1#*=}000 ;;
                --id=*) id=${1#*=} ;;
                -lms) loop=${2-}; shift ;;
                -l) loop=${2-}000; shift ;;
                -i) id=${2-}; shift ;;
                -L | --list-gpus) table=gpu.boards.tsv query=list ;;
                --help-query-gpu) table=gpu.boards.tsv query=help ;;
                --version) printf 'NVIDIA-SMI version  : 595.71.05\nDRIVER version      : 595.71.05\nCUDA Version        : 13.1\n'; exit 0 ;;
                *) refuse "Invalid combination of input arguments. Please run 'nvidia-smi -h' for help." ;;
            esac
            shift
        done

        [ -n "$query" ] || refuse "This stand-in for nvidia-smi answers --query-gpu, --query-compute-apps, --help-query-gpu and -L."
        case $query in
            list | help) ;;
            *) case ",$format," in
                *,csv,*) ;;
                *) refuse "\"--format=\" switch is missing. Please run 'nvidia-smi -h' for help." ;;
            esac ;;
        esac
        case $loop in
            *[!0-9]*) refuse "Invalid loop interval: $loop" ;;
        esac

        sample() {
            if [ -f "$dir/gpu.fault" ]; then
                code=$(sed -n 1p "$dir/gpu.fault")
                [ "$code" = hang ] && exec sleep 3600
                sed 1d "$dir/gpu.fault"
                exit "$code"
            fi
            if [ ! -r "$dir/$table" ]; then
                echo "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running."
                exit 9
            fi
            [ "$table" = gpu.boards.tsv ] && [ "$query" != list ] && [ "$query" != help ] && : > "$dir/gpu.sampled"
            awk -F '\t' -v query="$query" -v format=",$format," -v id="$id" -v header="$1" '
                function join(text, part) { return text == "" ? part : text ", " part }
                BEGIN {
                    asked = split(query, ask, ",")
                    nounits = index(format, ",nounits,") > 0
                    if (index(format, ",noheader,") > 0) header = 0
                    also["gpu_name"] = "name"; also["gpu_uuid"] = "uuid"; also["gpu_bus_id"] = "pci.bus_id"
                    also["gpu_serial"] = "serial"; also["used_memory"] = "used_gpu_memory"
                    also["clocks.gr"] = "clocks.current.graphics"; also["clocks.sm"] = "clocks.current.sm"
                    also["clocks.mem"] = "clocks.current.memory"
                }
                NR == 1 {
                    for (i = 1; i <= NF; i++) column[$i] = i
                    if (query == "help") {
                        for (i = 1; i <= NF; i++) printf "\"%s\"\n\n", $i
                        exit 0
                    }
                    if (query == "list") next
                    for (i = 1; i <= asked; i++) {
                        field = ask[i]
                        gsub(/^ +| +$/, "", field)
                        known = field
                        if (!(known in column) && (known in also)) { known = also[known]; field = known }
                        sub(/^clocks_throttle_reasons[.]/, "clocks_event_reasons.", known)
                        if (!(known in column)) {
                            printf "Field \"%s\" is not a valid field to query.\n", field
                            exit 2
                        }
                        from[i] = column[known]
                        title[i] = field
                    }
                    next
                }
                NR == 2 {
                    line = ""
                    for (i = 1; i <= asked; i++) {
                        unit[i] = $(from[i])
                        line = join(line, title[i] (unit[i] == "-" ? "" : " [" unit[i] "]"))
                    }
                    if (header && query != "list") print line
                    next
                }
                id != "" && ("index" in column) && $(column["index"]) != id && $(column["uuid"]) != id { next }
                query == "list" {
                    printf "GPU %s: %s (UUID: %s)\n", $(column["index"]), $(column["name"]), $(column["uuid"])
                    next
                }
                {
                    line = ""
                    for (i = 1; i <= asked; i++) {
                        value = $(from[i])
                        if (!nounits && unit[i] != "-" && value ~ /^-?[0-9.]+$/) value = value " " unit[i]
                        line = join(line, value)
                    }
                    print line
                }
            ' "$dir/$table" || exit $?
        }

        sample 1
        [ -n "$loop" ] || exit 0
        pause=$(awk -v ms="$loop" 'BEGIN { printf "%d.%03d", ms / 1000, ms % 1000 }')
        while :; do
            sleep "$pause" || exit 1
            sample 0
        done

        """;
}
