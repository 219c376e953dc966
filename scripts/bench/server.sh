#!/usr/bin/env bash
# What a served server costs, side by side with something that does less. Prints one figure a line.
#
#   scripts/bench/server.sh [round-trips] [answer] [soak] [log]      all four when none is named
#
# round-trips   SELECT 1 against mssql-mock-tds, Microsoft's server of canned answers, when it is installed
#               (cargo install mssql-mock-tds --version 0.3.0; it needs OpenSSL's headers)
# answer        an answer of ten million rows: does the server's memory grow?
# soak          a million statements of many kinds: does the server's memory grow?
# log           BACKUP LOG and RESTORE LOG of 1 GB, against cp and sync of the same file in the same directory
#
# BENCH_DIR is where the server keeps its data (a new temporary directory if not given); LOG_ROWS rows of 8000
# bytes make the log.
set -euo pipefail
cd "$(dirname "$0")/../.."
export MSSQL_SA_PASSWORD="${MSSQL_SA_PASSWORD:-Rehearsal-only-1}"
target="${CARGO_TARGET_DIR:-target}/release"
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(round-trips answer soak log)

cargo build --quiet --release -p firedrill --bin firedrill --example round_trips --example soak
bench_dir="${BENCH_DIR:-$(mktemp -d)}"
started=()
finish() {
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  [ -n "${BENCH_DIR:-}" ] || rm -rf "$bench_dir"
}
trap finish EXIT

# serve NAME ARGUMENT...: sets `address` and `server`.
serve() {
  local name=$1
  shift
  "$target/firedrill" serve --listen 127.0.0.1:0 "$@" </dev/null >"$bench_dir/$name.out" &
  server=$!
  started+=("$server")
  for _ in $(seq 200); do
    address=$(sed -n 's/^listening on //p' "$bench_dir/$name.out")
    [ -z "$address" ] || return 0
    sleep 0.05
  done
  echo "the server did not start; see $bench_dir/$name.out" >&2
  exit 1
}

send() { "$target/examples/soak" "$address" "$server" --answer "$1"; }

for part in "${parts[@]}"; do
  echo "== $part"
  case $part in
    round-trips)
      serve round-trips
      others=()
      if command -v mssql-mock-tds >/dev/null; then
        RUST_LOG=error mssql-mock-tds --port 14331 >/dev/null &
        started+=("$!")
        sleep 1
        others=(mock=127.0.0.1:14331)
      else
        echo "mssql-mock-tds is not installed: nothing to compare with"
      fi
      "$target/examples/round_trips" "${others[@]}" "firedrill=$address"
      ;;
    answer)
      serve answer
      digits="(VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) AS"
      ten_million="$digits a(d) CROSS JOIN $digits b(d) CROSS JOIN $digits c(d) CROSS JOIN $digits d(d)
                   CROSS JOIN $digits e(d) CROSS JOIN $digits f(d) CROSS JOIN $digits g(d)"
      echo "sent:    $(send "SELECT ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) AS n, 'text' AS t FROM $ten_million")"
      echo "counted: $(send "SELECT COUNT_BIG(*) FROM $ten_million")"
      ;;
    soak)
      serve soak
      "$target/examples/soak" "$address" "$server"
      ;;
    log)
      serve log --data "$bench_dir/data"
      rows="${LOG_ROWS:-131072}"
      send "CREATE DATABASE big" >/dev/null
      send "USE big; CREATE TABLE t (id int IDENTITY PRIMARY KEY, body varchar(8000) NOT NULL);
            BACKUP DATABASE big TO DISK = 'D:\\big.bak'" >/dev/null
      send "USE big; SET NOCOUNT ON; DECLARE @i int = 0;
            WHILE @i < $rows
            BEGIN
              BEGIN TRANSACTION;
              DECLARE @j int = 0;
              WHILE @j < 1024 BEGIN INSERT t VALUES (REPLICATE('x', 8000)); SET @j += 1 END;
              COMMIT;
              SET @i += 1024
            END" >/dev/null
      sync
      echo "BACKUP LOG:  $(send "BACKUP LOG big TO DISK = 'D:\\big.trn'")"
      file="$bench_dir/data/drives/D/big.trn"
      echo "file:        $(stat -c %s "$file") bytes"
      sync
      echo "cp and sync: $( { TIMEFORMAT='%R s'; time { cp "$file" "$bench_dir/copy" && sync "$bench_dir/copy"; }; } 2>&1 )"
      rm "$bench_dir/copy"
      send "RESTORE DATABASE copy FROM DISK = 'D:\\big.bak' WITH NORECOVERY,
            MOVE 'big' TO 'D:\\copy.mdf', MOVE 'big_log' TO 'D:\\copy.ldf'" >/dev/null
      echo "RESTORE LOG: $(send "RESTORE LOG copy FROM DISK = 'D:\\big.trn' WITH NORECOVERY")"
      send "RESTORE DATABASE copy WITH RECOVERY" >/dev/null
      send "IF (SELECT COUNT(*) FROM copy.dbo.t) <> $rows RAISERROR('rows are missing', 20, 1) WITH LOG"
      ;;
    *)
      echo "\"$part\" is no part: name round-trips, answer, soak or log" >&2
      exit 2
      ;;
  esac
done
